//! What a run's tasks have put, as their records name it.

use super::result_names::{ByBucket, Stored, name};
use super::{Follower, RunContext, RunError, attempts};
use crate::dataset::download::NotFetched;
use crate::model::{AttemptRecord, TaskRow, TaskState};
use futures::{StreamExt as _, TryStreamExt as _};

/// Tasks whose records are read at a time.
const AT_ONCE: usize = 16;

/// What a run's tasks have put.
#[derive(Clone, Debug, Default)]
pub struct Results {
    /// The function's name.
    pub function: String,
    /// Tasks that have ended, each with the record that decides.
    pub tasks: Vec<(TaskRow, AttemptRecord)>,
}

impl Results {
    /// What the succeeded tasks have put, with its path below a folder, by the storage provider (the context's own when `None`)
    /// and bucket; and what can have no path.
    #[must_use]
    pub fn named(&self) -> (ByBucket, Vec<NotFetched>) {
        let succeeded = self.tasks.iter().filter(|(row, _)| row.state == TaskState::Succeeded);
        let stored = succeeded
            .flat_map(|(_, record)| record.outputs.iter().map(move |output| Stored::of(record, output)));
        name(stored.collect())
    }
}

/// Says that a success has stored nothing.
pub const NO_OUTPUTS: &str = "0 outputs";

/// That an attempt succeeded and stored nothing, in words; `None` of any other.
#[must_use]
pub fn nothing_left(record: &AttemptRecord) -> Option<&'static str> {
    record.stored_nothing().then_some(NO_OUTPUTS)
}

/// Reads the records of a run's tasks.
///
/// # Errors
/// There is no such run, or the cloud does not answer.
pub async fn results(context: &RunContext, run: &str) -> Result<Results, RunError> {
    let mut follower = Follower::open(context, run).await?;
    follower.load_inputs().await?;
    follower.read().await?;
    let chain = follower.chain();
    let rows: Vec<_> = chain.rows().cloned().collect();
    let read = |row: TaskRow| async move {
        let newest = attempts(context, chain, &row.task).await?.into_iter().next();
        Ok::<_, RunError>(newest.map(|attempt| (row, attempt.record)))
    };
    let tasks: Vec<_> = futures::stream::iter(rows).map(read).buffered(AT_ONCE).try_collect().await?;
    let function = chain.header().function.clone();
    Ok(Results { function, tasks: tasks.into_iter().flatten().collect() })
}
