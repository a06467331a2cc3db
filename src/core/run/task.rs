//! Records of one task's attempts.

use super::chain::Chain;
use super::failure::FailedEvent;
use super::{RunContext, RunError};
use crate::dataset::objects::read;
use crate::model::TaskName;
use futures::{StreamExt, TryStreamExt};
use throng_contract::AttemptRecord;
use throng_contract::keys::ASYNC_FAILURES;

/// An attempt with the key of its record.
#[derive(Clone, Debug, PartialEq)]
pub struct Attempt {
    /// Key in the home bucket.
    pub key: String,
    /// What it says.
    pub record: AttemptRecord,
}

/// Records of a task's attempts, newest first. Those that Lambda told are put into the same form.
///
/// # Errors
/// The cloud does not answer.
pub async fn attempts(
    context: &RunContext,
    chain: &Chain,
    task: &TaskName,
) -> Result<Vec<Attempt>, RunError> {
    let all = futures::stream::iter(chain.attempt_keys(task))
        .map(|key| async move {
            let body = read(context.store.as_ref(), &context.home, &key).await?;
            let record = body.and_then(|body| parse(chain, task, &key, &body));
            Ok::<_, RunError>(record.map(|record| Attempt { key: key.to_string(), record }))
        })
        .buffered(8)
        .try_collect::<Vec<_>>()
        .await?;
    Ok(all.into_iter().flatten().collect())
}

fn parse(chain: &Chain, task: &TaskName, key: &str, body: &[u8]) -> Option<AttemptRecord> {
    if key.starts_with(ASYNC_FAILURES) {
        let header = chain.stage(chain.find(task)?.0)?.header();
        let record = FailedEvent::parse(body)?.into_record(&header.function, chain.task_ref(task)?);
        return Some(AttemptRecord { provider: header.provider.clone(), ..record });
    }
    serde_json::from_slice(body).ok()
}
