//! A run is made: its inputs are fixed, then the plan, the manifest and run.json are written.

use super::chain::behind;
use super::inputs::{list_objects, scan_files};
use super::rerun::unsuccessful;
use super::select::Sieve;
use super::skip::skip;
use super::{Inputs, Launch, LaunchRequest, are_too_new, facts_of, refuse_other_contract};
use crate::cloud::now_ms;
use crate::dataset::FileList;
use crate::dataset::objects::Put;
use crate::dataset::pace::Pace;
use crate::deploy::Unreadable;
use crate::model::Place;
use crate::private;
use crate::run::cloud::{FunctionFacts, TriggerPlace};
use crate::run::header::{RunHeader, StartedBy, new_run_id};
use crate::run::manifest::write_manifest;
use crate::run::{RunContext, RunError, Stores, plan};
use std::collections::HashSet;
use std::sync::Arc;
use throng_contract::barrier::ALL;
use throng_contract::keys::{inputs_folder, run_key};
use throng_contract::versions;
use tokio_util::sync::CancellationToken;

/// Fixes the inputs of a run and writes its manifest and run.json: afterwards the run exists.
///
/// # Errors
/// [`RunError`]; no run exists then.
pub async fn prepare(
    context: &RunContext,
    mut request: LaunchRequest,
    cancel: &CancellationToken,
) -> Result<Launch, RunError> {
    let mut facts = facts_of(context, &request.function).await?;
    refuse_other_contract(&request.function, &facts)?;
    let behind = behind(context, &request.function, &facts).await?;
    request.sets.check(&request.parameters)?;
    if !request.is_plain() {
        refuse_trigger_place(&request, &facts)?;
        facts.triggers.clear();
    }
    let started_ms = now_ms();
    let id = new_run_id(started_ms);
    let source = source_of(&request.inputs);
    let mut sieve = Sieve::of(&facts, request.options.everything, started_ms);
    let fixed = fix(context, &mut request, &facts, &id, &mut sieve, cancel).await?;
    let Fixed { mut inputs, provider, place, files, absent, doubt, without } = fixed;
    let (skipped, mut told) = skip(&mut inputs, &facts, request.options)?;
    let tasks = without.unwrap_or(inputs.len() as u64).saturating_mul(request.sets.per_input());
    refuse_count(tasks)?;
    // Last of what refuses a launch: it looks at many runs.
    if !request.options.force {
        behind.refuse_mixing(context, &request.function).await?;
    }
    told.extend(sieve.told());
    let place = Place { prefix: place.prefix.trim_matches('/').to_owned(), ..place };
    let equal = (facts.keeps_apart == Some(false)).then(|| inputs.equal_names()).flatten();
    told.extend(equal.map(|equal| equal.to_string()));
    let mut launch = Launch {
        header: RunHeader {
            version: versions::LEDGER,
            id,
            function: request.function,
            image: facts.image.clone(),
            parameters: request.parameters,
            sets: request.sets.header(),
            without_inputs: without.is_some(),
            started_ms,
            tasks,
            bytes: inputs.bytes(),
            source,
            bucket: place.bucket.clone(),
            provider,
            files,
            skipped,
            unselected: sieve.left_out,
            started_by: StartedBy::Trigger,
            retries: Some(facts.retries),
            throng: env!("CARGO_PKG_VERSION").to_owned(),
            group: behind.has_joins().then(|| ALL.to_owned()),
            stages: behind.stages,
        },
        context: context.clone(),
        inputs: Arc::new(inputs),
        sets: Arc::new(request.sets),
        place,
        triggers_too_new: files && are_too_new(&facts),
        triggers: facts.triggers,
        stored: behind.stored,
        later_too_new: behind.too_new,
        absent,
        told,
        doubt,
        claim: None,
    };
    let folder = context.folder(&launch.header.id);
    private::folder(&folder).map_err(|error| RunError::Io(format!("{}: {error}", folder.display())))?;
    launch.claim = plan::claim(&folder)?;
    let triggered = launch.inputs.iter().all(|file| launch.is_triggered(&launch.key(file.name)));
    if !files || !triggered {
        launch.header.started_by = StartedBy::Invoke;
    }
    launch.write().await?;
    Ok(launch)
}

/// The inputs of a run, and where they are.
struct Fixed {
    inputs: FileList,
    provider: Option<String>,
    place: Place,
    /// Whether they are files, to be uploaded.
    files: bool,
    absent: u64,
    doubt: Option<String>,
    /// How many tasks there are without inputs.
    without: Option<u64>,
}

impl Fixed {
    fn at(inputs: FileList, bucket: String) -> Self {
        let place = Place { bucket, prefix: String::new() };
        Self { inputs, provider: None, place, files: false, absent: 0, doubt: None, without: None }
    }
}

/// Finds the inputs of a run. The sets of parameters that tasks of another run had are put into the request.
async fn fix(
    context: &RunContext,
    request: &mut LaunchRequest,
    facts: &FunctionFacts,
    id: &str,
    sieve: &mut Sieve,
    cancel: &CancellationToken,
) -> Result<Fixed, RunError> {
    match std::mem::replace(&mut request.inputs, Inputs::Nothing { tasks: 0 }) {
        Inputs::Files { paths, dest } => {
            let mut list = scan_files(paths, cancel).await?;
            let place = dest.unwrap_or_else(|| destination(context, facts, id));
            sieve.sift(&mut list, &place);
            sieve.refuse_nothing(&list)?;
            Ok(Fixed { place, files: true, ..Fixed::at(list, String::new()) })
        }
        Inputs::Objects { provider, bucket, keys } => {
            let store = Stores::of(context, &request.function).get(provider.as_deref()).await?;
            let at = (provider.as_deref(), bucket.as_str());
            let list = list_objects(&store, at, &keys, sieve, cancel).await?;
            let doubt = match provider {
                None => readable(context, &request.function, facts, &bucket, &list).await?,
                Some(_) => None,
            };
            Ok(Fixed { provider, doubt, ..Fixed::at(list, bucket) })
        }
        Inputs::Nothing { tasks } => {
            Ok(Fixed { without: Some(tasks), ..Fixed::at(FileList::default(), context.home.clone()) })
        }
        Inputs::Unsuccessful { run } => {
            let found = unsuccessful(context, &run, cancel).await?;
            let without = found.without_inputs.then_some(found.inputs.len() as u64);
            request.sets = found.sets;
            let (provider, absent) = (found.provider, found.absent);
            Ok(Fixed { provider, absent, without, ..Fixed::at(found.inputs, found.bucket) })
        }
    }
}

/// Most tasks of a run.
const MOST_TASKS: u64 = 10_000_000;

fn refuse_count(tasks: u64) -> Result<(), RunError> {
    match tasks {
        0 => Err(RunError::Refused("there is nothing to run: no tasks were asked for".to_owned())),
        1..=MOST_TASKS => Ok(()),
        _ => Err(RunError::Refused(format!(
            "{tasks} tasks: a run has {MOST_TASKS} at most; make several runs of them"
        ))),
    }
}

/// What an event of our own starts must not be started by a trigger as well.
fn refuse_trigger_place(request: &LaunchRequest, facts: &FunctionFacts) -> Result<(), RunError> {
    let Inputs::Files { dest: Some(place), .. } = &request.inputs else { return Ok(()) };
    let hit =
        |trigger: &TriggerPlace| trigger.bucket == place.bucket && place.key("").starts_with(&trigger.prefix);
    if facts.triggers.iter().any(hit) {
        return Err(RunError::Refused(format!(
            "objects in {place} start the function by themselves, without what this launch asks for: leave the place out"
        )));
    }
    Ok(())
}

/// Objects that are asked about: a role's rights end with folders, not with each object.
const ASKED: usize = 50;

/// Refuses objects that the function's role may not read: each of its tasks would fail. Where that is not sure, it is said.
async fn readable(
    context: &RunContext,
    function: &str,
    facts: &FunctionFacts,
    bucket: &str,
    list: &FileList,
) -> Result<Option<String>, RunError> {
    let mut folders = HashSet::new();
    let folder = |key: &str| key.rsplit_once('/').map_or("", |(folder, _)| folder).to_owned();
    let first = list.iter().filter(|file| folders.insert(folder(file.name)));
    let objects: Vec<_> = first.take(ASKED).map(|file| format!("{bucket}/{}", file.name)).collect();
    match context.functions.unreadable(function, &facts.role, &objects).await {
        Ok(None) => Ok(None),
        Ok(Some(Unreadable { object, role, sure: false })) => Ok(Some(format!(
            "the function may not be able to read s3://{object}: IAM's simulation says that its role {role} is not allowed \
             s3:GetObject there (a policy of the bucket may allow it)"
        ))),
        Ok(Some(Unreadable { object, role, .. })) => Err(RunError::Refused(format!(
            "the function `{function}` may not read s3://{object}: its role {role} does not allow s3:GetObject there, and nothing was sent. Add the place \
             to the `input` of its definition and deploy it again, or give the role that permission"
        ))),
        // Few may ask; the tasks will tell.
        Err(error) => {
            tracing::info!(%error, function, "not known whether it may read its inputs");
            Ok(None)
        }
    }
}

/// Where files go when nobody says: to the function's first trigger, else beside the run.
fn destination(context: &RunContext, facts: &FunctionFacts, id: &str) -> Place {
    match facts.triggers.first() {
        Some(trigger) => {
            // A prefix that does not end a folder still says which folder.
            let folder = trigger.prefix.rfind('/').map_or("", |slash| &trigger.prefix[..slash]);
            Place { bucket: trigger.bucket.clone(), prefix: folder.to_owned() }
        }
        None => Place { bucket: context.home.clone(), prefix: inputs_folder(id) },
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
        Inputs::Nothing { .. } => Vec::new(),
        Inputs::Unsuccessful { run } => vec![format!("what did not succeed of run {run}")],
    }
}

impl Launch {
    async fn write(&self) -> Result<(), RunError> {
        let Self { context, header, .. } = self;
        if header.files {
            let (folder, inputs, place) =
                (context.folder(&header.id), self.inputs.clone(), self.place.clone());
            let write = move || plan::write(&folder, &place.bucket, &place.prefix, &inputs);
            tokio::task::spawn_blocking(write).await.map_err(|error| RunError::Io(error.to_string()))??;
        }
        self.sets.store(context, header).await?;
        write_manifest(context, &header.id, header.tasks, |task| self.entry(task)).await?;
        super::barrier::write(context, header, &self.stored).await?;
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
}
