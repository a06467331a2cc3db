//! What a run's tasks have put, as their records name it.

use super::{Follower, RunContext, RunError, attempts};
use crate::model::{AttemptRecord, TaskRow, TaskState};
use futures::{StreamExt as _, TryStreamExt as _};
use std::collections::BTreeMap;

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
    /// Keys of what the succeeded tasks have put, by the storage provider (the context's own when `None`) and bucket.
    #[must_use]
    pub fn keys(&self) -> BTreeMap<(Option<String>, String), Vec<String>> {
        let mut keys = BTreeMap::<_, Vec<String>>::new();
        let succeeded = self.tasks.iter().filter(|(row, _)| row.state == TaskState::Succeeded);
        for output in succeeded.flat_map(|(_, record)| &record.outputs) {
            let place = (output.provider.clone(), output.bucket.clone());
            keys.entry(place).or_default().push(output.key.clone());
        }
        keys
    }
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
