//! Proof that nothing was lost: every output that a success names is there, with its size.

use super::{Follower, RunContext, RunError, Stores};
use crate::dataset::objects::read;
use crate::model::{Counts, TaskName, TaskRow, TaskState};
use futures::{StreamExt, TryStreamExt};
use std::sync::Arc;
use throng_contract::AttemptRecord;

/// Tasks that are checked together.
const AT_ONCE: usize = 32;

/// What a check found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verified {
    /// Tasks by state.
    pub counts: Counts,
    /// Outputs that are there with their size.
    pub outputs: u64,
    /// Their bytes.
    pub bytes: u64,
    /// What is not as it should be, one sentence each.
    pub problems: Vec<String>,
}

/// Reads every record of a success and asks for every output that it names.
///
/// # Errors
/// The cloud does not answer.
pub async fn verify(context: &RunContext, run: &str) -> Result<Verified, RunError> {
    let mut follower = Follower::open(context, run).await?;
    follower.read().await?;
    follower.load_inputs().await?;
    let chain = follower.chain();
    let mut verified = Verified { counts: chain.counts(), ..Verified::default() };
    let mut keys = Vec::new();
    let run = &chain.header().id;
    for stage in chain.stages() {
        let stores = Arc::new(Stores::of(context, &stage.header().function));
        let succeeded = stage.rows().filter(|row| row.state == TaskState::Succeeded);
        let of = |row: &TaskRow| Some((stores.clone(), row.task.clone(), row.record_key(run)?));
        keys.extend(succeeded.filter_map(of));
    }
    let mut checks = futures::stream::iter(keys)
        .map(|(stores, task, key)| async move { check(context, &stores, &task, &key).await })
        .buffer_unordered(AT_ONCE);
    while let Some((outputs, bytes, problems)) = checks.try_next().await? {
        verified.outputs += outputs;
        verified.bytes += bytes;
        verified.problems.extend(problems);
    }
    verified.problems.sort();
    Ok(verified)
}

async fn check(
    context: &RunContext,
    stores: &Stores,
    task: &TaskName,
    key: &str,
) -> Result<(u64, u64, Vec<String>), RunError> {
    let (mut outputs, mut bytes, mut problems) = (0, 0, Vec::new());
    let body = read(context.store.as_ref(), &context.home, key).await?;
    let record = body.and_then(|body| serde_json::from_slice::<AttemptRecord>(&body).ok());
    let Some(record) = record else {
        return Ok((0, 0, vec![format!("task {task}: its record {key} cannot be read")]));
    };
    for output in &record.outputs {
        let scheme = output.provider.as_deref().unwrap_or("s3");
        let name = format!("{scheme}://{}/{}", output.bucket, output.key);
        let store = stores.get(output.provider.as_deref()).await?;
        let head = store.objects.head(&output.bucket, &output.key).await;
        match head.map_err(|error| store.error(error))? {
            None => problems.push(format!("task {task}: {name} is missing")),
            Some(head) if head.size != output.size => {
                problems.push(format!("task {task}: {name} has {} bytes, not {}", head.size, output.size));
            }
            Some(head) => {
                outputs += 1;
                bytes += head.size;
            }
        }
    }
    Ok((outputs, bytes, problems))
}
