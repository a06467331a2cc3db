//! Sends once more what was sent and never began: events can be lost on their way from a bucket to a function.

use super::{SendReport, event, invoke};
use crate::cloud::now_ms;
use crate::dataset::Meter;
use crate::dataset::pace::Pace;
use crate::dataset::upload::NotSent;
use crate::model::{FailureClass, TaskRow, TaskState};
use crate::run::{Follower, RunContext, RunError, RunHeader, Sets, Store, Stores, sets_of};
use std::path::PathBuf;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// Invocations in flight.
const AT_ONCE: u32 = 64;

/// Invokes the function for every task of a run without a sign of life, by its object. What was not lost but only late
/// may be done twice; it is counted once.
///
/// # Errors
/// [`RunError::Refused`] when the run was cancelled or nothing is left to be sent.
pub async fn send_again(
    context: &RunContext,
    run: &str,
    meter: Arc<Meter>,
    cancel: &CancellationToken,
) -> Result<SendReport, RunError> {
    let mut follower = Follower::open(context, run).await?;
    follower.read().await?;
    if follower.tracker().is_cancelled() {
        return Err(RunError::Refused(format!("run `{run}` was cancelled")));
    }
    follower.load_inputs().await?;
    let tasks = silent(&follower);
    if tasks.is_empty() {
        return Err(RunError::Refused(format!(
            "run `{run}`: every task has begun; there is nothing to send"
        )));
    }
    let header = follower.tracker().header();
    let function = header.function.clone();
    super::facts_of(context, &function).await?;
    super::reopen::reopen(context, run).await?;
    invoke_again(context, header, tasks, meter, cancel).await
}

/// Invokes a run's function for some of its tasks, each with an event of its own.
pub(in crate::run) async fn invoke_again(
    context: &RunContext,
    header: &RunHeader,
    tasks: Vec<TaskRow>,
    meter: Arc<Meter>,
    cancel: &CancellationToken,
) -> Result<SendReport, RunError> {
    let store = Arc::new(Stores::of(context, &header.function).get(header.provider.as_deref()).await?);
    let sets = sets_of(context, header).await?;
    let (context, header, send) = (context.clone(), header.clone(), send_number());
    let again = Arc::new(Sending { context, store, header, sets, send });
    meter.total(tasks.len() as u64, 0);
    let pace = Arc::new(Pace::new(AT_ONCE));
    let mut rest = tasks.into_iter();
    let next = || {
        let row = rest.next()?;
        let (again, pace) = (again.clone(), pace.clone());
        Some(async move { again.one(&pace, row).await })
    };
    invoke::all(&pace.clone(), cancel, &meter, SendReport::default(), next).await
}

/// Seconds since 1970: nobody counts how often a task was sent, and the same number twice would only look like a repetition.
fn send_number() -> u32 {
    u32::try_from(now_ms() / 1000).unwrap_or(u32::MAX)
}

/// Tasks of which nothing was ever heard.
fn silent(follower: &Follower) -> Vec<TaskRow> {
    let tracker = follower.tracker();
    let rows = (0..tracker.header().tasks).filter_map(|task| tracker.row(task));
    let silent = |row: &&TaskRow| {
        row.attempts == 0 && (row.state == TaskState::Pending || row.class == Some(FailureClass::Lost))
    };
    rows.filter(silent).cloned().collect()
}

/// Where inputs are and what is invoked for them.
struct Sending {
    context: RunContext,
    store: Arc<Store>,
    header: RunHeader,
    sets: Sets,
    /// Tells this sending from others.
    send: u32,
}

impl Sending {
    /// Invokes for one task, if its object is there.
    async fn one(&self, pace: &Pace, row: TaskRow) -> Result<Option<NotSent>, RunError> {
        let (bucket, key) = (row.bucket.as_ref(), row.key.as_ref());
        let is_there =
            async || pace.insist(|| self.store.objects.head(bucket, key)).await.map(|head| head.is_some());
        if !self.header.without_inputs && !is_there().await? {
            let reason =
                "it was never uploaded: `throng run --resume` on the machine that launched the run sends it";
            let path = PathBuf::from(format!("s3://{bucket}/{key}"));
            return Ok(Some(NotSent { index: row.task, path, reason: reason.into() }));
        }
        let function = &self.header.function;
        // Another event than any before, whose repetitions are its own.
        let payload = event(&self.header, &self.sets, row.task, self.send, (bucket, key));
        pace.insist(|| self.context.functions.invoke_async(function, payload.clone())).await?;
        Ok(None)
    }
}
