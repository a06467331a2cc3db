//! What a run's tasks have put, as summaries and records name it.

use super::result_names::{ByBucket, Stored, name};
use super::{Follower, ReusedTask, RunContext, RunError, reused};
use crate::dataset::download::NotFetched;
use crate::dataset::objects::read;
use crate::model::{AttemptRecord, OutputObject, TaskRow, TaskState};
use futures::{StreamExt as _, TryStreamExt as _};

/// Tasks whose records are read at a time.
const AT_ONCE: usize = 16;

/// What a run's tasks have put.
#[derive(Clone, Debug, Default)]
pub struct Results {
    /// The function's name.
    pub function: String,
    /// Tasks that have ended, each with what it has stored, as the record says that decides.
    pub tasks: Vec<(TaskRow, Vec<OutputObject>)>,
    /// Tasks that it has not, because earlier runs had done them.
    pub reused: Vec<ReusedTask>,
}

impl Results {
    /// What the succeeded tasks have put, and those that were not run again, with its path below a folder, by the storage provider (the context's own when `None`)
    /// and bucket; and what can have no path.
    #[must_use]
    pub fn named(&self) -> (ByBucket, Vec<NotFetched>) {
        let succeeded = self.tasks.iter().filter(|(row, _)| row.state == TaskState::Succeeded);
        let names: Vec<_> = succeeded.map(|(row, outputs)| (row.task.to_string(), outputs)).collect();
        let of_reused = |task: &'_ ReusedTask| format!("{}-{}", task.run, task.task);
        let reused: Vec<_> = self.reused.iter().map(|task| (of_reused(task), &task.outputs)).collect();
        let all = names.iter().chain(&reused);
        let stored = all.flat_map(|(task, outputs)| outputs.iter().map(|output| Stored::of(task, output)));
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

/// Reads what a run's tasks have stored: of parts that are summarised from that, of others from the record of each success.
///
/// # Errors
/// There is no such run, or the cloud does not answer.
pub async fn results(context: &RunContext, run: &str) -> Result<Results, RunError> {
    let mut follower = Follower::open(context, run).await?;
    follower.keep_outputs();
    follower.load_inputs().await?;
    follower.read().await?;
    follower.read_all_outputs().await?;
    let stages = follower.chain().stages().len();
    let (mut tasks, mut unread) = (Vec::new(), Vec::new());
    for stage in 0..stages {
        let rows = follower.chain().stage(stage).into_iter().flat_map(|stage| stage.rows().cloned());
        let ended = (0..).zip(rows).filter(|(_, row)| row.has_record()).collect::<Vec<_>>();
        for (index, row) in ended {
            let stored = follower.take_outputs(stage, index);
            // The records of what failed say nothing of outputs.
            if stored.is_none() && row.state == TaskState::Succeeded {
                unread.push(tasks.len());
            }
            tasks.push((row, stored.unwrap_or_default()));
        }
    }
    // Of the first layout, and of standing runs of many tasks.
    let (header, rows) = (follower.chain().header().clone(), &tasks);
    let outputs_of = |at: usize| async move {
        let Some(key) = rows[at].0.record_key(run) else { return Ok((at, Vec::new())) };
        let body = read(context.store.as_ref(), &context.home, &key).await?;
        let record = body.and_then(|body| serde_json::from_slice::<AttemptRecord>(&body).ok());
        Ok::<_, RunError>((at, record.map(|record| record.outputs).unwrap_or_default()))
    };
    let read: Vec<_> = futures::stream::iter(unread).map(outputs_of).buffered(AT_ONCE).try_collect().await?;
    for (at, outputs) in read {
        tasks[at].1 = outputs;
    }
    let reused = reused(context, &header).await?;
    Ok(Results { function: header.function, tasks, reused })
}
