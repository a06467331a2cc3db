//! A new run of what did not succeed in another one, or of what changed since.

use super::{Job, JobContext, JobError, Launched, Observer};
use crate::run::{self, Follower, Inputs, LaunchOptions, LaunchRequest, RunContext, RunError, RunHeader};
use std::path::PathBuf;

/// What of a run is done once more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// The inputs of all tasks without success, as they are stored.
    Unsuccessful,
    /// What it was launched over, as it is now: inputs that are other or new, and those without success.
    Changed,
}

/// Makes a run, with the same function, variables and limits (but for the memory in MiB, when it is given), over inputs of
/// another. Inputs that are no longer there are left out: see [`Launch::absent`](crate::run::Launch::absent).
///
/// # Errors
/// The run has not ended, all of it succeeded, or none of the inputs is there.
pub async fn rerun(
    context: &JobContext,
    run: &str,
    which: Which,
    memory_mb: Option<u32>,
    observer: &Observer,
) -> Result<Launched, JobError> {
    context.permit(Job::Rerun)?;
    let runs = context.runs()?;
    observer.doing(match which {
        Which::Unsuccessful => format!("run again what did not succeed of run {run}"),
        Which::Changed => format!("run again what changed since run {run}"),
    });
    let again = async {
        let header = Follower::open(&runs, run).await?.chain().header().clone();
        let mut request = match which {
            Which::Unsuccessful => {
                let inputs = Inputs::Unsuccessful { run: run.to_owned() };
                let (parameters, overrides) = (header.parameters, header.overrides);
                LaunchRequest { parameters, overrides, ..LaunchRequest::new(header.function, inputs) }
            }
            Which::Changed => changed(&runs, &header).await?,
        };
        request.overrides.memory_mb = memory_mb.or(request.overrides.memory_mb);
        let mut launched = Launched::of(run::prepare(&runs, request, observer.token()).await)?;
        if let (Launched::Run(launch), Which::Unsuccessful) = (&mut launched, which) {
            launch.told.extend(parted(launch.header(), run));
        }
        Ok::<_, RunError>(launched)
    };
    observer.until_cancelled(again).await
}

/// That joins behind a new run get what comes of it alone, where another way gives them everything.
fn parted(header: &RunHeader, of: &str) -> Option<String> {
    let joins = header.stages.iter().filter(|stage| stage.join.is_some());
    let joins: Vec<_> = joins.map(|stage| stage.function.as_str()).collect();
    (!joins.is_empty()).then(|| {
        format!(
            "{} gets what comes of this new run alone; `throng run --resume {of} --failed` does again in run {of} itself what failed \
             there, so that it gets everything",
            joins.join(" and ")
        )
    })
}

/// What a run was launched over, as the request for a new one.
async fn changed(runs: &RunContext, header: &RunHeader) -> Result<LaunchRequest, RunError> {
    let sets = run::sets_of(runs, header).await?;
    let partial = sets.paired || (!header.reused.is_none() && !sets.is_empty());
    let inputs = inputs_of(header).filter(|_| !partial).ok_or_else(|| {
        RunError::Refused(format!(
            "run `{}` does not say what it was launched over: `throng run {} FILES --changed` does, with its files",
            header.id, header.function
        ))
    })?;
    let options = LaunchOptions { changed: true, skip_unreadable: true, ..LaunchOptions::default() };
    let (parameters, overrides) = (header.parameters.clone(), header.overrides);
    Ok(LaunchRequest {
        parameters,
        sets,
        overrides,
        options,
        ..LaunchRequest::new(header.function.clone(), inputs)
    })
}

/// The inputs that a run was launched over, as far as its header names all of them.
fn inputs_of(header: &RunHeader) -> Option<Inputs> {
    if header.source.is_empty() || header.source.len() >= run::SOURCES || header.without_inputs {
        return None;
    }
    if header.files {
        return Some(Inputs::Files { paths: header.source.iter().map(PathBuf::from).collect(), dest: None });
    }
    let scheme = header.provider.as_deref().unwrap_or("s3");
    let place = format!("{scheme}://{}/", header.bucket);
    let keys: Option<Vec<_>> =
        header.source.iter().map(|source| Some(source.strip_prefix(&place)?.to_owned())).collect();
    Some(Inputs::Objects { provider: header.provider.clone(), bucket: header.bucket.clone(), keys: keys? })
}
