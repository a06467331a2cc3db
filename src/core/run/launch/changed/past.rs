//! The last runs of a function, and what has succeeded in them.

use crate::dataset::objects::{List, each_page};
use crate::model::{TaskRow, TaskState};
use crate::run::cloud::FunctionFacts;
use crate::run::follow::read_header;
use crate::run::header::{is_run_id, started_of};
use crate::run::tracker::RunTracker;
use crate::run::{FollowOptions, Follower, RunContext, RunError, RunHeader, sets_of};
use futures::StreamExt as _;
use std::collections::BTreeMap;
use throng_contract::keys::RUNS;

/// Headers that are read at a time.
const AT_ONCE: usize = 16;
/// Runs of all functions whose headers are read: those of this one may be rare among them.
const HEADERS: usize = 400;

/// The newest runs of a function that somebody launched, newest first, at most `most`. What cannot be read is passed over.
pub(super) async fn runs(
    context: &RunContext,
    function: &str,
    most: usize,
) -> Result<Vec<RunHeader>, RunError> {
    let list = List { bucket: context.home.clone(), prefix: RUNS.into(), folders: true, ..List::default() };
    let mut ids: Vec<String> = Vec::new();
    each_page(context.store.as_ref(), list, |page| {
        let id = |folder: &String| folder.strip_prefix(RUNS)?.strip_suffix('/').map(str::to_owned);
        ids.extend(page.folders.iter().filter_map(id).filter(|id| is_run_id(id) && started_of(id).is_some()));
        true
    })
    .await?;
    ids.sort_unstable_by(|a, b| b.cmp(a));
    ids.truncate(HEADERS);
    let mut headers =
        futures::stream::iter(ids).map(|id| async move { read_header(context, &id).await }).buffered(AT_ONCE);
    let mut runs = Vec::new();
    while let Some(header) = headers.next().await {
        match header {
            Ok(header) if header.function == function => runs.push(header),
            Ok(_) | Err(RunError::NoRun(_) | RunError::Damaged { .. }) => {}
            Err(error) => return Err(error),
        }
        if runs.len() == most {
            break;
        }
    }
    Ok(runs)
}

/// Whether a run's results were decided by what decides them now, as far as its header tells. An older throng did not say:
/// then the image has to be the same.
pub(super) fn is_alike(run: &RunHeader, facts: &FunctionFacts) -> bool {
    let digest = |image: &str| image.rsplit_once('@').map(|(_, digest)| digest.to_owned());
    match run.fingerprint.as_str() {
        "" => digest(&run.image).is_some() && digest(&run.image) == digest(&facts.image),
        known => known == facts.fingerprint,
    }
}

/// Calls `each` with every launched task of a run that has succeeded, and its variables.
pub(super) async fn successes(
    context: &RunContext,
    run: &RunHeader,
    mut each: impl FnMut(&TaskRow, &BTreeMap<String, String>) + Send,
) -> Result<(), RunError> {
    let sets = sets_of(context, run).await?;
    let mut follower = Follower::of(context, run.clone());
    // Names alone: what was stored is read where it counts.
    follower.set_options(FollowOptions { reports: false, outputs: false, ..FollowOptions::of(context) });
    follower.load_inputs().await?;
    follower.read().await?;
    let launched = follower.chain().stages().next();
    for row in launched.into_iter().flat_map(RunTracker::rows) {
        if let (TaskState::Succeeded, Some(number)) = (row.state, row.task.number()) {
            each(row, &sets.with(&run.parameters, number));
        }
    }
    Ok(())
}
