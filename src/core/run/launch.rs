//! Inputs → manifest → run.json → upload or invoke. What was killed half-way goes on.
//!
//! Order of writing: the plan (this machine), the manifest, run.json (from now on the run exists), then each input
//! with its journal line. A task that a trigger starts is sent by storing its object; any other by an invocation.
//! An invocation whose journal line was lost to a kill is repeated: at least once, counted exactly.

use super::cloud::{FunctionFacts, TriggerPlace};
use super::header::{Cancelled, RunHeader, StartedBy, new_run_id};
use super::manifest::{ManifestEntry, read_manifest, write_manifest};
use super::{Fleet, RunContext, RunError, Store, Stores, plan};
use crate::core::cloud::{CloudError, ErrorKind, now_ms};
use crate::core::dataset::objects::{List, Put, read};
use crate::core::dataset::pace::{Pace, drive};
use crate::core::dataset::upload::{AfterPut, NotSent, Upload};
use crate::core::dataset::{FileList, Meter, scan};
use crate::core::model::{Place, TaskState};
use std::collections::{BTreeMap, HashSet};
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use throng_runtime::contract::keys::{cancel_key, record_key, run_key};
use throng_runtime::contract::{AttemptRecord, FailureClass, Phases, TaskEvent, TaskRef, VERSION};
use tokio_util::sync::CancellationToken;

mod invoke;

/// What to process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Inputs {
    /// Files of this machine, to be uploaded.
    Files {
        /// Files, folders and globs.
        paths: Vec<PathBuf>,
        /// Where they go; the function's first trigger when `None`, else the home bucket.
        dest: Option<Place>,
    },
    /// Objects that are there already.
    Objects {
        /// The storage provider of the function that the bucket is at, as `minio.lab`; the context's own storage when
        /// `None`.
        provider: Option<String>,
        /// Bucket
        bucket: String,
        /// Keys, or prefixes ending with `/` (the empty one: everything).
        keys: Vec<String>,
    },
}

/// What to launch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LaunchRequest {
    /// The function's name.
    pub function: String,
    /// Its inputs.
    pub inputs: Inputs,
    /// What the person chose, for the record.
    pub parameters: BTreeMap<String, String>,
}

/// What came of sending a run's inputs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SendReport {
    /// Tasks sent now.
    pub sent: u64,
    /// Tasks that had been sent before.
    pub skipped: u64,
    /// Files that could not be sent. Their tasks have failed, with a record.
    pub failed: Vec<NotSent>,
    /// Whether a person cancelled the run meanwhile.
    pub cancelled: bool,
}

/// A run that exists and whose inputs are to be sent.
pub struct Launch {
    context: RunContext,
    header: RunHeader,
    /// Files, or keys of objects.
    inputs: Arc<FileList>,
    place: Place,
    triggers: Vec<TriggerPlace>,
    /// Held while this launch lives, so that nobody else sends the same inputs.
    claim: Option<std::fs::File>,
}

impl std::fmt::Debug for Launch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Launch")
            .field("run", &self.header.id)
            .field("tasks", &self.header.tasks)
            .finish_non_exhaustive()
    }
}

/// Fixes the inputs of a run and writes its manifest and run.json: afterwards the run exists.
///
/// # Errors
/// [`RunError`]; no run exists then.
pub async fn prepare(
    context: &RunContext,
    request: LaunchRequest,
    cancel: &CancellationToken,
) -> Result<Launch, RunError> {
    let facts = facts_of(context, &request.function).await?;
    let started_ms = now_ms();
    let id = new_run_id(started_ms);
    let source = source_of(&request.inputs);
    let (inputs, provider, place, files) = match request.inputs {
        Inputs::Files { paths, dest } => {
            let list = scan_files(paths, cancel).await?;
            (list, None, dest.unwrap_or_else(|| destination(context, &facts, &id)), true)
        }
        Inputs::Objects { provider, bucket, keys } => {
            let store = Stores::of(context, &request.function).get(provider.as_deref()).await?;
            let list = list_objects(&store, &bucket, &keys, cancel).await?;
            (list, provider, Place { bucket, prefix: String::new() }, false)
        }
    };
    let place = Place { prefix: place.prefix.trim_matches('/').to_owned(), ..place };
    let mut launch = Launch {
        header: RunHeader {
            version: VERSION,
            id,
            function: request.function,
            image: facts.image,
            parameters: request.parameters,
            started_ms,
            tasks: inputs.len() as u64,
            bytes: inputs.bytes(),
            source,
            bucket: place.bucket.clone(),
            provider,
            files,
            started_by: StartedBy::Trigger,
            throng: env!("CARGO_PKG_VERSION").to_owned(),
        },
        context: context.clone(),
        inputs: Arc::new(inputs),
        place,
        triggers: facts.triggers,
        claim: None,
    };
    let folder = context.folder(&launch.header.id);
    std::fs::create_dir_all(&folder)
        .map_err(|error| RunError::Io(format!("{}: {error}", folder.display())))?;
    launch.claim = plan::claim(&folder)?;
    let triggered = launch.inputs.iter().all(|file| launch.is_triggered(&launch.key(file.name)));
    if !files || !triggered {
        launch.header.started_by = StartedBy::Invoke;
    }
    launch.write().await?;
    Ok(launch)
}

async fn facts_of(context: &RunContext, function: &str) -> Result<FunctionFacts, RunError> {
    let facts = context.fleet.facts(function).await?;
    let facts = facts.ok_or_else(|| RunError::NoFunction(function.to_owned()))?;
    if facts.state == "Failed" {
        let message = format!("the function `{function}` is in state Failed: deploy it again first");
        return Err(RunError::Refused(message));
    }
    Ok(facts)
}

/// Where files go when nobody says: to the function's first trigger, else beside the run.
fn destination(context: &RunContext, facts: &FunctionFacts, id: &str) -> Place {
    match facts.triggers.first() {
        Some(trigger) => {
            // A prefix that does not end a folder still says which folder.
            let folder = trigger.prefix.rfind('/').map_or("", |slash| &trigger.prefix[..slash]);
            Place { bucket: trigger.bucket.clone(), prefix: folder.to_owned() }
        }
        None => Place { bucket: context.home.clone(), prefix: format!("inputs/{id}") },
    }
}

fn source_of(inputs: &Inputs) -> Vec<String> {
    match inputs {
        Inputs::Files { paths, .. } => {
            paths.iter().map(|path| path.display().to_string()).take(100).collect()
        }
        Inputs::Objects { provider, bucket, keys } => {
            let scheme = provider.as_deref().unwrap_or("s3");
            keys.iter().map(|key| format!("{scheme}://{bucket}/{key}")).take(100).collect()
        }
    }
}

async fn scan_files(paths: Vec<PathBuf>, cancel: &CancellationToken) -> Result<FileList, RunError> {
    let token = cancel.clone();
    let list = tokio::task::spawn_blocking(move || scan(&paths, &mut |_| !token.is_cancelled())).await;
    let list = list.map_err(|error| RunError::Io(error.to_string()))??;
    if cancel.is_cancelled() {
        return Err(RunError::Cancelled);
    }
    if let Some(problem) = list.problems.first() {
        let more = match list.unreadable {
            1 => String::new(),
            n => format!(" (and {} more)", n - 1),
        };
        let message = format!("`{}` {}{more}: leave it out or repair it", problem.path, problem.reason);
        return Err(RunError::Refused(message));
    }
    Ok(list)
}

async fn list_objects(
    store: &Store,
    bucket: &str,
    keys: &[String],
    cancel: &CancellationToken,
) -> Result<FileList, RunError> {
    let mut list = FileList::default();
    let base = list.add_base(PathBuf::new());
    let mut seen = HashSet::new();
    let mut add = |key: String, size: u64| {
        if !key.ends_with('/') && (keys.len() == 1 || seen.insert(key.clone())) {
            list.push(base, &key, size);
        }
    };
    for asked in keys {
        if !asked.is_empty() && !asked.ends_with('/') {
            let head = store.objects.head(bucket, asked).await.map_err(|error| store.error(error))?;
            let head =
                head.ok_or_else(|| RunError::Refused(format!("there is no object s3://{bucket}/{asked}")))?;
            add(asked.clone(), head.size);
            continue;
        }
        let mut query = List { bucket: bucket.to_owned(), prefix: asked.clone(), ..List::default() };
        loop {
            if cancel.is_cancelled() {
                return Err(RunError::Cancelled);
            }
            let page = store.objects.list(&query).await.map_err(|error| store.error(error))?;
            page.objects.into_iter().for_each(|object| add(object.key, object.size));
            match page.next {
                Some(token) => query.token = Some(token),
                None => break,
            }
        }
    }
    if list.is_empty() {
        return Err(RunError::Refused(format!("no objects in s3://{bucket}/{}", keys.join(", "))));
    }
    Ok(list)
}

/// Goes on with a run whose inputs were not all sent.
///
/// # Errors
/// [`RunError::Refused`] when there is nothing to send from this machine, or the run was cancelled.
pub async fn resume(context: &RunContext, run: &str) -> Result<Launch, RunError> {
    let header = super::follow::read_header(context, run).await?;
    if read(context.store.as_ref(), &context.home, &cancel_key(run)).await?.is_some() {
        return Err(RunError::Refused(format!("run `{run}` was cancelled")));
    }
    let folder = context.folder(run);
    let nothing = "everything was sent from here, or it was launched on another machine";
    let claim = plan::claim(&folder)?;
    if claim.is_none() {
        return Err(RunError::Refused(format!("run `{run}`: {nothing}")));
    }
    let (inputs, place) = if header.files {
        let plan = tokio::task::spawn_blocking(move || plan::read(&folder)).await;
        let plan = plan.map_err(|error| RunError::Io(error.to_string()))??;
        let plan = plan.ok_or_else(|| RunError::Refused(format!("run `{run}`: {nothing}")))?;
        (plan.files, Place { bucket: plan.bucket, prefix: plan.prefix })
    } else {
        let mut entries = Vec::new();
        read_manifest(context, &header, |part| entries.extend(part)).await?;
        entries.sort_unstable_by_key(|entry: &ManifestEntry| entry.task);
        let mut list = FileList::default();
        let base = list.add_base(PathBuf::new());
        for entry in &entries {
            list.push(base, &entry.key, entry.size);
        }
        (list, Place { bucket: header.bucket.clone(), prefix: String::new() })
    };
    let triggers = facts_of(context, &header.function).await?.triggers;
    Ok(Launch { context: context.clone(), header, inputs: Arc::new(inputs), place, triggers, claim })
}

/// Cancels a run: no more of its tasks are sent, and those without a sign of life count as cancelled. Invocations
/// that are under way end by themselves; events that are queued already may still run, and then count as what they
/// become.
///
/// # Errors
/// What the cloud said.
pub async fn cancel(context: &RunContext, run: &str) -> Result<(), CloudError> {
    let body = serde_json::to_vec(&Cancelled { version: VERSION, at_ms: now_ms() }).unwrap_or_default();
    let put = Put {
        bucket: context.home.clone(),
        key: cancel_key(run),
        body: body.into(),
        only_new: true,
        ..Put::default()
    };
    match Pace::new(1).insist(|| context.store.put(put.clone())).await {
        Err(error) if matches!(error.kind, ErrorKind::Conflict) => Ok(()),
        outcome => outcome.map(drop),
    }
}

impl Launch {
    /// Where it is launched.
    #[must_use]
    pub const fn context(&self) -> &RunContext {
        &self.context
    }

    /// What is launched.
    #[must_use]
    pub const fn header(&self) -> &RunHeader {
        &self.header
    }

    /// Where its inputs are, or go.
    #[must_use]
    pub const fn place(&self) -> &Place {
        &self.place
    }

    /// Files that were left out because file managers made them.
    #[must_use]
    pub fn junk(&self) -> u64 {
        self.inputs.junk
    }

    /// The inputs, for a follower that need not read them again.
    #[must_use]
    pub fn manifest(&self) -> Vec<ManifestEntry> {
        (0..self.header.tasks).filter_map(|task| self.entry(task)).collect()
    }

    fn key(&self, name: &str) -> String {
        match self.place.prefix.as_str() {
            "" => name.to_owned(),
            prefix => format!("{prefix}/{name}"),
        }
    }

    fn is_triggered(&self, key: &str) -> bool {
        self.triggers.iter().any(|trigger| trigger.starts(&self.place.bucket, key))
    }

    fn entry(&self, task: u64) -> Option<ManifestEntry> {
        let file = self.inputs.get(usize::try_from(task).ok()?)?;
        Some(ManifestEntry {
            task,
            bucket: self.place.bucket.clone(),
            key: self.key(file.name),
            size: file.size,
            provider: self.header.provider.clone(),
        })
    }

    async fn write(&self) -> Result<(), RunError> {
        let Self { context, header, .. } = self;
        if header.files {
            let (folder, inputs, place) =
                (context.folder(&header.id), self.inputs.clone(), self.place.clone());
            let write = move || plan::write(&folder, &place.bucket, &place.prefix, &inputs);
            tokio::task::spawn_blocking(write).await.map_err(|error| RunError::Io(error.to_string()))??;
        }
        write_manifest(context, &header.id, header.tasks, |task| self.entry(task)).await?;
        let body = serde_json::to_vec_pretty(header).map_err(|error| RunError::Io(error.to_string()))?;
        let put = Put {
            bucket: context.home.clone(),
            key: run_key(&header.id),
            body: body.into(),
            ..Put::default()
        };
        Pace::new(1).insist(|| context.store.put(put.clone())).await?;
        Ok(())
    }

    /// Sends every input that was not sent yet. It ends early when the run is cancelled, by this or any other
    /// throng.
    ///
    /// # Errors
    /// [`RunError`]; the rest can be sent by [`resume`].
    pub async fn send(self, meter: Arc<Meter>, cancel: &CancellationToken) -> Result<SendReport, RunError> {
        let token = cancel.child_token();
        let watcher = tokio::spawn(watch(self.context.clone(), self.header.id.clone(), token.clone()));
        let report = if self.header.files {
            self.send_files(meter, &token).await
        } else {
            invoke::send(&self, meter, &token).await
        };
        watcher.abort();
        match report {
            // Not by our caller, so by the run's cancel.json.
            Err(RunError::Cancelled) if !cancel.is_cancelled() => {
                self.forget().await;
                Ok(SendReport { cancelled: true, ..SendReport::default() })
            }
            Ok(report) => {
                self.forget().await;
                Ok(report)
            }
            other => other,
        }
    }

    /// Everything was sent: the plan and the journal have served.
    async fn forget(&self) {
        let folder = self.context.folder(&self.header.id);
        let _ = tokio::task::spawn_blocking(move || plan::remove(&folder)).await;
    }

    async fn send_files(
        &self,
        meter: Arc<Meter>,
        cancel: &CancellationToken,
    ) -> Result<SendReport, RunError> {
        let invokes = self.header.started_by == StartedBy::Invoke;
        let after: Option<Arc<dyn AfterPut>> =
            if invokes { Some(Arc::new(invoke::Untriggered::of(self))) } else { None };
        let upload = Upload {
            files: self.inputs.clone(),
            place: self.place.clone(),
            run: Some(self.header.id.clone()),
            journal: self.context.folder(&self.header.id).join("sent.journal"),
            options: self.context.upload,
            after,
        };
        let uploaded = upload.send(self.context.store.clone(), meter, cancel).await;
        let uploaded = uploaded.map_err(|error| match error {
            crate::core::dataset::upload::UploadError::Cancelled => RunError::Cancelled,
            other => other.into(),
        })?;
        self.record_failures(&uploaded.failed).await?;
        let (sent, skipped) = (uploaded.sent, uploaded.skipped);
        Ok(SendReport { sent, skipped, failed: uploaded.failed, cancelled: false })
    }

    /// A file that cannot be sent is a task that failed: without a record it would be pending for ever.
    async fn record_failures(&self, failed: &[NotSent]) -> Result<(), RunError> {
        let pace = Pace::new(32);
        let mut error = None;
        let mut records = failed.iter().filter_map(|not_sent| self.failure(not_sent));
        let next = || {
            let put = records.next()?;
            let store = self.context.store.clone();
            Some(async move { Pace::new(1).insist(|| store.put(put.clone())).await })
        };
        let done = |outcome: Result<String, CloudError>| match outcome {
            Ok(_) => ControlFlow::Continue(()),
            Err(failed) => {
                error = Some(failed);
                ControlFlow::Break(())
            }
        };
        drive(&pace, &CancellationToken::new(), next, done).await;
        error.map_or(Ok(()), |error| Err(error.into()))
    }

    fn failure(&self, not_sent: &NotSent) -> Option<Put> {
        let entry = self.entry(not_sent.index)?;
        let now = now_ms();
        let record = AttemptRecord {
            version: VERSION,
            function: self.header.function.clone(),
            task: Some(TaskRef { run: self.header.id.clone(), task: not_sent.index }),
            bucket: entry.bucket,
            key: entry.key,
            provider: entry.provider,
            request_id: format!("not-sent-{:08x}", rand::random::<u32>()),
            state: TaskState::Failed,
            class: Some(FailureClass::Input),
            exit_code: None,
            signal: None,
            error: Some(not_sent.reason.clone()),
            started_ms: now,
            ended_ms: now,
            phases: Phases::default(),
            cold: false,
            bytes_in: 0,
            bytes_out: 0,
            outputs: Vec::new(),
            peak_memory: 0,
            log_group: String::new(),
            log_stream: String::new(),
            stderr_tail: Vec::new(),
        };
        let body = serde_json::to_vec(&record).ok()?;
        Some(Put {
            bucket: self.context.home.clone(),
            key: record_key(&record),
            body: body.into(),
            ..Put::default()
        })
    }
}

/// Cancels the token when the run's cancel.json appears.
async fn watch(context: RunContext, run: String, cancel: CancellationToken) {
    let pause = if context.local { Duration::from_secs(1) } else { Duration::from_secs(5) };
    loop {
        tokio::time::sleep(pause).await;
        if matches!(context.store.head(&context.home, &cancel_key(&run)).await, Ok(Some(_))) {
            cancel.cancel();
            return;
        }
    }
}

fn event(run: &str, task: u64, provider: Option<&str>, bucket: &str, key: &str) -> Vec<u8> {
    let event = TaskEvent {
        task: Some(TaskRef { run: run.to_owned(), task }),
        bucket: bucket.to_owned(),
        key: key.to_owned(),
        provider: provider.map(str::to_owned),
    };
    serde_json::to_vec(&event).unwrap_or_default()
}

#[cfg(test)]
pub(super) mod tests;
