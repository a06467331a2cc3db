//! Sends again what a run has lost on the way.

use super::EngineOptions;
use super::actions::finish;
use super::context::Ctx;
use super::launches::{send, some_failed};
use super::progress::ProgressHandle;
use super::runs::{Memory, as_cloud, context};
use super::snapshot::Severity;
use crate::cloud::{CloudError, ErrorKind, now_ms};
use crate::dataset::Meter;
use crate::model::Millis;
use crate::run::{self, RunError, SendReport};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Runs that were sent again from here: `None` while they are, else when that ended.
#[derive(Default)]
pub(super) struct Again(Mutex<HashMap<String, Option<Millis>>>);

/// A run that is being sent again, until this is dropped.
struct Claim<'a> {
    again: &'a Again,
    run: String,
}

impl Again {
    fn runs(&self) -> MutexGuard<'_, HashMap<String, Option<Millis>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `None` when it is being sent again already.
    fn claim(&self, run: &str) -> Option<Claim<'_>> {
        let mut runs = self.runs();
        if runs.get(run) == Some(&None) {
            return None;
        }
        runs.insert(run.to_owned(), None);
        Some(Claim { again: self, run: run.to_owned() })
    }

    /// For how long a run has stalled: what was sent again gets its time (`after`) to begin.
    pub fn stalled_ms(&self, run: &str, quiet_ms: Option<u64>, after: Duration) -> Option<u64> {
        match self.runs().get(run) {
            None => quiet_ms,
            Some(None) => None,
            Some(Some(sent_ms)) => {
                let quiet = quiet_ms?.min(now_ms().saturating_sub(*sent_ms));
                (u128::from(quiet) >= after.as_millis()).then_some(quiet)
            }
        }
    }
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        self.again.runs().insert(std::mem::take(&mut self.run), Some(now_ms()));
    }
}

/// Sends the inputs of a run that were not sent from this machine; when there are none, invokes the function once more
/// for the tasks that have not begun.
pub(super) async fn resume(
    mut ctx: Ctx,
    progress: ProgressHandle,
    run: String,
    memory: Arc<Memory>,
    options: Arc<EngineOptions>,
) {
    let title = format!("Run {run}: nothing was sent again");
    let refuse = |why: &str| CloudError::new(ErrorKind::Conflict, "run", &run, why);
    let Some(_claim) = memory.again.claim(&run).filter(|_| !memory.is_sending(&run)) else {
        return finish(&ctx, &progress, title, &Err(refuse("its inputs are being sent already")));
    };
    let resumed = async {
        let context = context(&ctx.cloud_now().await?, &options)?;
        match run::resume(&context, &run).await {
            Ok(launch) => Ok((context, Some(launch))),
            Err(RunError::AllSent(_)) => Ok((context, None)),
            Err(error) => Err(as_cloud(error)),
        }
    };
    let context = match resumed.await {
        Ok((_, Some(launch))) => {
            let title = format!("Run {run} goes on");
            let detail = "Its inputs were not all sent.";
            ctx.update(move |state| state.notice(Severity::Info, title, detail));
            return send(&ctx, &memory, launch, Some(progress)).await;
        }
        Ok((context, None)) => context,
        Err(error) => return finish(&ctx, &progress, title, &Err(error)),
    };
    let meter = Arc::new(Meter::default());
    progress.attach(meter.clone());
    let sent = run::send_again(&context, &run, meter, &progress.token).await;
    let result = sent.map_err(as_cloud).and_then(|report| tell(&ctx, &run, report));
    finish(&ctx, &progress, title, &result);
    ctx.refresh.notify_one();
}

/// Tells how many were sent, and which were not.
fn tell(ctx: &Ctx, run: &str, report: SendReport) -> Result<(), CloudError> {
    if report.sent > 0 {
        let tasks =
            if report.sent == 1 { "1 task was".to_owned() } else { format!("{} tasks were", report.sent) };
        let title = format!("Run {run}: {tasks} sent again");
        ctx.update(move |state| state.notice(Severity::Info, title, ""));
    }
    let failed =
        report.failed.into_iter().map(|task| (task.path.display().to_string(), task.reason)).collect();
    some_failed("Some tasks were not sent again", ctx, failed)
}
