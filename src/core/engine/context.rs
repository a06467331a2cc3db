//! What a task of the engine holds: the way to the hub, the cloud, and when to end.

use super::snapshot::Snapshot;
use super::state::State;
use crate::cloud::Cloud;
use crate::jobs::{JobContext, JobError, JobErrorKind, JobSettings};
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{Notify, mpsc, watch};
use tokio_util::sync::CancellationToken;

/// What a task asks the hub to do with its state.
pub(super) type Apply = Box<dyn FnOnce(&mut State) + Send>;

/// A change on its way to the hub. It is dropped when what it was for is no longer looked at.
pub(super) struct Update {
    /// The context's generation; `None` for what outlives a change of context.
    pub context: Option<u64>,
    /// The scope's generation; `None` for what outlives a change of scope.
    pub scope: Option<u64>,
    pub apply: Apply,
}

/// A task's ends.
#[derive(Clone)]
pub(super) struct Ctx {
    pub updates: mpsc::UnboundedSender<Update>,
    pub context: Option<u64>,
    pub scope: Option<u64>,
    pub cloud: watch::Receiver<Option<Cloud>>,
    pub token: CancellationToken,
    pub refresh: Arc<Notify>,
    /// What jobs need beside the cloud.
    pub settings: Arc<JobSettings>,
    /// Time between two readings of what is looked at.
    pub period: Duration,
}

/// Longest pause between two tries after errors.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// How long an action waits for the cloud.
const CLOUD_WITHIN: Duration = Duration::from_secs(25);

impl Ctx {
    /// Sends a change to the hub.
    pub fn update(&self, apply: impl FnOnce(&mut State) + Send + 'static) {
        let update = Update { context: self.context, scope: self.scope, apply: Box::new(apply) };
        let _ = self.updates.send(update);
    }

    /// Sends a change of the snapshot to the hub.
    pub fn show(&self, apply: impl FnOnce(&mut Snapshot) + Send + 'static) {
        self.update(move |state| {
            apply(&mut state.snap);
            state.dirty = true;
        });
    }

    /// Runs a task until it ends or is not wanted any more.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let token = self.token.clone();
        tokio::spawn(async move { token.run_until_cancelled(task).await });
    }

    /// The cloud, once it is connected.
    pub async fn cloud(&mut self) -> Option<Cloud> {
        self.cloud.wait_for(Option::is_some).await.ok().and_then(|cloud| cloud.clone())
    }

    /// Where a job is done: an error when the cloud is not connected in time.
    pub async fn job(&mut self) -> Result<JobContext, JobError> {
        let late = || JobError::new(JobErrorKind::Unreachable, "the context is not connected");
        let cloud = tokio::time::timeout(CLOUD_WITHIN, self.cloud()).await.ok().flatten().ok_or_else(late)?;
        Ok(self.job_in(cloud))
    }

    /// The same, in a cloud that is at hand.
    pub fn job_in(&self, cloud: Cloud) -> JobContext {
        JobContext::new(cloud, self.settings.clone())
    }

    /// Reads again and again while it is looked at: at each period, or at once when asked. Errors are shown by
    /// `failed` and make the pauses longer.
    pub async fn poll<Read, Reading, Failed>(mut self, mut read: Read, failed: Failed)
    where
        Read: FnMut(Cloud, Self) -> Reading,
        Reading: Future<Output = Result<(), JobError>>,
        Failed: Fn(&mut Snapshot, String) + Send + Sync + Copy + 'static,
    {
        let mut pause = self.period;
        loop {
            let Some(cloud) = self.cloud().await else { return };
            let began = Instant::now();
            match read(cloud, self.clone()).await {
                Ok(()) => {
                    self.update(|state| state.answered(Ok(())));
                    // What takes long to read is read less often.
                    pause = self.period.max(began.elapsed() * 5).min(LONGEST_PAUSE);
                }
                Err(error) => {
                    self.update(move |state| {
                        failed(&mut state.snap, error.sentence());
                        state.dirty = true;
                        state.failed(&error);
                    });
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
            }
            let mut changed = self.cloud.clone();
            changed.mark_unchanged();
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = self.refresh.notified() => {}
                _ = changed.changed() => {}
            }
        }
    }
}
