//! Launches runs, sends their inputs, and sends again what was lost on the way.

use super::context::Ctx;
use super::memory::RunCache;
use super::observe::{finish, observer, some_failed, told};
use super::progress::ProgressHandle;
use super::snapshot::Severity;
use crate::dataset::Meter;
use crate::jobs::{
    self, Cancellation, JobContext, JobError, JobErrorKind, Launched, NotDone, Resumption, WhenInterrupted,
    Which,
};
use crate::run::{Inputs, Launch, LaunchOptions, LaunchRequest, Resend, SendReport};
use crate::words::plural;
use std::sync::Arc;
use tokio::sync::oneshot;

/// What a run is launched over.
pub(super) enum Source {
    /// Over these inputs.
    Of(Inputs),
    /// Over what did not succeed of this run.
    Again(String, Which),
}

/// Launches a run and sends its inputs.
pub(super) async fn launch(
    mut ctx: Ctx,
    progress: ProgressHandle,
    function: String,
    source: Source,
    memory: Arc<RunCache>,
) {
    let observer = observer(&ctx, &progress);
    let launched = async {
        let job = ctx.job().await?;
        match source {
            Source::Of(inputs) => {
                let function = function.clone();
                // The dialog has said how many cannot be read.
                let options = LaunchOptions { skip_unreadable: true, ..LaunchOptions::default() };
                let request = LaunchRequest { options, ..LaunchRequest::new(function, inputs) };
                jobs::launch(&job, request, &observer).await
            }
            Source::Again(run, which) => jobs::rerun(&job, &run, which, None, &observer).await,
        }
    };
    match launched.await {
        Ok(Launched::Run(launch)) => {
            memory.open.say();
            tell(&ctx, &launch);
            ctx.refresh.notify_one();
            send(&ctx, &memory, *launch, Some(progress)).await;
        }
        Ok(Launched::Unchanged(unchanged)) => {
            let title = format!("{function}: nothing has changed, and no run was made");
            let notes = unchanged.notes.join("; ");
            ctx.update(move |state| state.notice(Severity::Info, title, notes));
            finish(&ctx, &progress, String::new(), &Ok(()));
        }
        Err(error) => finish(&ctx, &progress, format!("{function} was not launched"), &Err(error)),
    }
}

/// Tells that a run exists.
fn tell(ctx: &Ctx, launch: &Launch) {
    let header = launch.header();
    let title = format!("Run {} of {}: {}", header.id, header.function, plural(header.tasks, "task"));
    let id = header.id.clone();
    let notes = launch.notes().join("; ");
    ctx.update(move |state| {
        state.snap.launched = Some(id);
        let severity = if notes.is_empty() { Severity::Info } else { Severity::Warning };
        state.notice(severity, title, notes);
    });
}

/// Sends the inputs of a run. Cancelling its progress cancels the run, so that no task stays open for ever.
async fn send(ctx: &Ctx, memory: &RunCache, launch: Launch, progress: Option<ProgressHandle>) {
    let id = launch.header().id.clone();
    let progress = match progress {
        Some(progress) => progress,
        None => match begin(ctx, format!("run {id}")).await {
            Some(progress) => progress,
            None => return,
        },
    };
    let meter = Arc::new(Meter::default());
    memory.sending(&id, &meter);
    let sent = jobs::send(launch, meter, WhenInterrupted::CancelRun, &observer(ctx, &progress)).await;
    memory.sent(&id);
    let result = match sent {
        Ok(report) if report.cancelled => Err(JobError::interrupted()),
        Ok(report) => {
            some_failed("Some inputs were not sent; their tasks have failed", ctx, &not_sent(report))
        }
        Err(error) => Err(error),
    };
    finish(ctx, &progress, format!("Run {id}: not every input was sent"), &result);
    ctx.refresh.notify_one();
}

fn not_sent(report: SendReport) -> Vec<NotDone> {
    report.failed.into_iter().map(NotDone::from).collect()
}

/// A progress row begun by a task rather than by the hub.
async fn begin(ctx: &Ctx, label: String) -> Option<ProgressHandle> {
    let (sender, receiver) = oneshot::channel();
    ctx.update(move |state| {
        let _ = sender.send(state.begin(label));
    });
    receiver.await.ok()
}

/// Sends the inputs of a run that were not sent from this machine; when there are none, invokes the function once more
/// for the tasks that have not begun.
pub(super) async fn resume(mut ctx: Ctx, progress: ProgressHandle, run: String, memory: Arc<RunCache>) {
    let title = format!("Run {run}: nothing was sent again");
    let Some(_claim) = memory.again.claim(&run).filter(|_| !memory.is_sending(&run)) else {
        let busy = JobError::new(JobErrorKind::Usage, "its inputs are being sent already");
        return finish(&ctx, &progress, title, &Err(busy));
    };
    let resumed = async {
        let job = ctx.job().await?;
        let resumption = jobs::resume(&job, &run).await?;
        Ok::<_, JobError>((job, resumption))
    };
    let result = match resumed.await {
        Ok((_, Resumption::Rest(launch))) => {
            goes_on(&ctx, &run, "Its inputs were not all sent.");
            return send(&ctx, &memory, *launch, Some(progress)).await;
        }
        Ok((job, Resumption::AllSent)) => send_again(&ctx, &job, &run, &progress).await,
        Err(error) => Err(error),
    };
    finish(&ctx, &progress, title, &result);
    ctx.refresh.notify_one();
}

fn goes_on(ctx: &Ctx, run: &str, why: &'static str) {
    let title = format!("Run {run} goes on");
    ctx.update(move |state| state.notice(Severity::Info, title, why));
}

async fn send_again(
    ctx: &Ctx,
    job: &JobContext,
    run: &str,
    progress: &ProgressHandle,
) -> Result<(), JobError> {
    let report = jobs::send_again(job, run, Resend::Silent, &observer(ctx, progress)).await?;
    if report.sent > 0 {
        let tasks =
            if report.sent == 1 { "1 task was".to_owned() } else { format!("{} tasks were", report.sent) };
        let title = format!("Run {run}: {tasks} sent again");
        ctx.update(move |state| state.notice(Severity::Info, title, ""));
    }
    some_failed("Some tasks were not sent again", ctx, &not_sent(report))
}

/// Ends a run: what has not begun is cancelled.
pub(super) async fn cancel(mut ctx: Ctx, run: String) {
    let result = async { jobs::cancel(&ctx.job().await?, &run).await }.await;
    let (result, good) = match result {
        Ok(Cancellation::Cancelled) => (Ok(()), format!("Run {run} is being cancelled")),
        Ok(Cancellation::Ended { .. }) => {
            (Ok(()), format!("Run {run} has ended already: nothing was changed"))
        }
        Err(error) => (Err(error), String::new()),
    };
    told(&ctx, result, good, format!("Run {run} was not cancelled"));
}

/// Goes on sending the inputs of runs that were launched on this machine and interrupted.
pub(super) async fn resume_all(mut ctx: Ctx, memory: Arc<RunCache>) {
    let Some(cloud) = ctx.cloud().await else { return };
    let job = ctx.job_in(cloud);
    let runs = match jobs::interrupted_runs(&job) {
        Ok(runs) => runs,
        Err(error) => {
            let title = "Runs that were interrupted are not sent";
            return ctx.update(move |state| state.error(title, &error));
        }
    };
    for id in runs {
        if memory.is_sending(&id) {
            continue;
        }
        let Ok(Resumption::Rest(launch)) = jobs::resume(&job, &id).await else { continue };
        goes_on(&ctx, &id, "Its inputs were not all sent when throng ended.");
        send(&ctx, &memory, *launch, None).await;
    }
}
