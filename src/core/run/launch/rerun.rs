//! What did not succeed of a run that has ended, as the inputs of a new one.

use crate::cloud::CloudError;
use crate::dataset::FileList;
use crate::model::{TaskName, TaskRow, TaskState};
use crate::run::tracker::RunTracker;
use crate::run::{Follower, RunContext, RunError, Sets, Store, Stores, sets_of};
use futures::{StreamExt as _, TryStreamExt as _};
use std::collections::{BTreeSet, HashSet};
use std::path::PathBuf;
use throng_contract::layout::ENV_TASK_INDEX;
use tokio_util::sync::CancellationToken;

/// Objects that are looked for at a time.
const AT_ONCE: usize = 64;

/// Inputs of tasks without success.
pub(super) struct Unsuccessful {
    /// Keys of the objects.
    pub inputs: FileList,
    /// Their bucket.
    pub bucket: String,
    /// The storage provider that it is at.
    pub provider: Option<String>,
    /// The set of parameters of each of them, when the run had any.
    pub sets: Sets,
    /// Whether its tasks have no inputs.
    pub without_inputs: bool,
    /// Objects that are not there: a file that was never uploaded, or what somebody has deleted since.
    pub absent: u64,
}

/// The inputs of every task of a run that ended without success.
///
/// # Errors
/// [`RunError::Refused`] when the run is open, every task has succeeded, or none of the inputs is there.
pub(super) async fn unsuccessful(
    context: &RunContext,
    run: &str,
    cancel: &CancellationToken,
) -> Result<Unsuccessful, RunError> {
    let mut follower = Follower::open(context, run).await?;
    follower.read().await?;
    // A standing run is open as long as its day; what has failed in it can be run again before.
    if !follower.chain().is_complete() && !follower.chain().is_standing() {
        return Err(RunError::Refused(format!(
            "run `{run}` has not ended: what does not succeed can be run again when it has. `throng run --resume {run}` \
             sends what has not begun"
        )));
    }
    follower.load_inputs().await?;
    let rows = without_success(&follower);
    if rows.is_empty() {
        return Err(RunError::Refused(format!(
            "run `{run}`: every task has succeeded; there is nothing to run again"
        )));
    }
    let buckets: BTreeSet<String> = rows.iter().map(|row| row.bucket.to_string()).collect();
    if buckets.len() > 1 {
        let names = buckets.into_iter().collect::<Vec<_>>().join(", ");
        return Err(RunError::Refused(format!(
            "run `{run}`: its inputs are in several buckets ({names}): run the objects of each, as \
             `throng run FUNCTION s3://BUCKET/KEY…`"
        )));
    }
    let bucket = buckets.into_iter().next().unwrap_or_default();
    let (asked, header) = (rows.len() as u64, follower.chain().header());
    let store = Stores::of(context, &header.function).get(header.provider.as_deref()).await?;
    let known = sets_of(context, header).await?;
    let without_inputs = header.without_inputs;
    let look = futures::stream::iter(rows).map(|row| size_of(&store, row, without_inputs));
    let look = look.buffered(AT_ONCE).try_collect::<Vec<_>>();
    let found = cancel.run_until_cancelled(look).await.ok_or(RunError::Cancelled)?;
    let found = found.map_err(|error| store.error(error))?;
    let mut inputs = FileList::default();
    let base = inputs.add_base(PathBuf::new());
    let mut sets = Paired::of(&known, without_inputs);
    for (row, size) in found.into_iter().flatten() {
        inputs.push(base, &row.key, size);
        sets.add(row.task.number().unwrap_or(0));
    }
    if inputs.is_empty() {
        return Err(RunError::Refused(format!(
            "run `{run}`: no input of the tasks that did not succeed is in {bucket}: launch their files again"
        )));
    }
    let absent = asked - inputs.len() as u64;
    let (provider, sets) = (header.provider.clone(), sets.sets);
    Ok(Unsuccessful { inputs, bucket, provider, sets, without_inputs, absent })
}

/// The sets that tasks of a run had, in the order of the tasks of another.
struct Paired<'a> {
    known: &'a Sets,
    /// A task without an input is known by its number, which stays.
    numbers: bool,
    sets: Sets,
}

impl<'a> Paired<'a> {
    fn of(known: &'a Sets, without_inputs: bool) -> Self {
        // A run that was made of another's has their numbers among its variables.
        let numbers = without_inputs && !known.names.iter().any(|name| name == ENV_TASK_INDEX);
        let mut names = known.names.clone();
        names.extend(numbers.then(|| ENV_TASK_INDEX.to_owned()));
        let paired = !names.is_empty();
        Self { known, numbers, sets: Sets { names, paired, ..Sets::default() } }
    }

    fn add(&mut self, task: u64) {
        if self.sets.names.is_empty() {
            return;
        }
        let set = self.known.of_task(task).1;
        let values =
            set.into_iter().flat_map(|set| self.known.variables(set)).map(|(_, value)| value.to_owned());
        self.sets.rows.push(values.chain(self.numbers.then(|| task.to_string())).collect());
    }
}

/// Launched tasks that did not succeed, or of which something that their outputs started did not.
fn without_success(follower: &Follower) -> Vec<TaskRow> {
    let bad = |row: &&TaskRow| row.state.is_final() && row.state != TaskState::Succeeded;
    let roots: HashSet<String> = follower.chain().rows().filter(bad).map(|row| root(&row.task)).collect();
    let first = follower.chain().stages().next();
    let rows = first.into_iter().flat_map(RunTracker::rows);
    rows.filter(|row| roots.contains(&row.task.to_string())).cloned().collect()
}

/// The name of the task that nothing but a launch or an event started.
fn root(task: &TaskName) -> String {
    task.to_string().split('.').next().unwrap_or_default().to_owned()
}

/// A task with the size that its input has now; `None` when there is none.
async fn size_of(
    store: &Store,
    row: TaskRow,
    without_inputs: bool,
) -> Result<Option<(TaskRow, u64)>, CloudError> {
    if without_inputs {
        return Ok(Some((row, 0)));
    }
    Ok(store.objects.head(&row.bucket, &row.key).await?.map(|head| (row, head.size)))
}
