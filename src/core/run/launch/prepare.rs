//! A run is made: its inputs are fixed, then the plan, the manifest and run.json are written.

use super::chain::behind;
use super::inputs::{list_objects, scan_files};
use super::rerun::unsuccessful;
use super::{Inputs, Launch, LaunchRequest, are_too_new, facts_of, refuse_other_contract};
use crate::cloud::now_ms;
use crate::dataset::FileList;
use crate::dataset::objects::Put;
use crate::dataset::pace::Pace;
use crate::deploy::Unreadable;
use crate::model::Place;
use crate::private;
use crate::run::cloud::FunctionFacts;
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
    request: LaunchRequest,
    cancel: &CancellationToken,
) -> Result<Launch, RunError> {
    let facts = facts_of(context, &request.function).await?;
    refuse_other_contract(&request.function, &facts)?;
    let behind = behind(context, &request.function, &facts).await?;
    let started_ms = now_ms();
    let id = new_run_id(started_ms);
    let source = source_of(&request.inputs);
    let (mut absent, mut doubt) = (0, None);
    let (inputs, provider, place, files) = match request.inputs {
        Inputs::Files { paths, dest } => {
            let list = scan_files(paths, cancel).await?;
            (list, None, dest.unwrap_or_else(|| destination(context, &facts, &id)), true)
        }
        Inputs::Objects { provider, bucket, keys } => {
            let store = Stores::of(context, &request.function).get(provider.as_deref()).await?;
            let list = list_objects(&store, &bucket, &keys, cancel).await?;
            if provider.is_none() {
                doubt = readable(context, &request.function, &facts, &bucket, &list).await?;
            }
            (list, provider, Place { bucket, prefix: String::new() }, false)
        }
        Inputs::Unsuccessful { run } => {
            let found = unsuccessful(context, &run, cancel).await?;
            absent = found.absent;
            (found.inputs, found.provider, Place { bucket: found.bucket, prefix: String::new() }, false)
        }
    };
    let place = Place { prefix: place.prefix.trim_matches('/').to_owned(), ..place };
    let mut launch = Launch {
        header: RunHeader {
            version: versions::LEDGER,
            id,
            function: request.function,
            image: facts.image.clone(),
            parameters: request.parameters,
            started_ms,
            tasks: inputs.len() as u64,
            bytes: inputs.bytes(),
            source,
            bucket: place.bucket.clone(),
            provider,
            files,
            started_by: StartedBy::Trigger,
            retries: Some(facts.retries),
            throng: env!("CARGO_PKG_VERSION").to_owned(),
            group: behind.has_joins().then(|| ALL.to_owned()),
            stages: behind.stages,
        },
        context: context.clone(),
        inputs: Arc::new(inputs),
        place,
        triggers_too_new: files && are_too_new(&facts),
        triggers: facts.triggers,
        stored: behind.stored,
        later_too_new: behind.too_new,
        absent,
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
