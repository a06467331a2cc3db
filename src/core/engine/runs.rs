//! An open run and an open task: reading them. All of them are read in `survey`, sent in `sending`.

use super::context::Ctx;
use super::listings::ready;
use super::memory::RunCache;
use super::snapshot::{ListingState, Severity, Snapshot, TaskView};
use crate::cloud::Cloud;
use crate::jobs::JobError;
use crate::model::{RunSummary, RunView, TaskName};
use crate::run::{self, Follower, RunContext, RunError};
use crate::words::plural;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// Pause after an error.
const AGAIN: Duration = Duration::from_secs(3);

/// One run with its tasks.
pub(super) async fn open(mut ctx: Ctx, memory: Arc<RunCache>, run: String) {
    loop {
        let Some(cloud) = ctx.cloud().await else { return };
        ctx.cloud.mark_unchanged();
        let read = async {
            let job = ctx.job_in(cloud);
            Ok::<_, JobError>(opened(&memory, &job.runs()?, &run, job.resend_after()).await?)
        };
        match read.await {
            Ok(follower) => follow(&mut ctx, &memory, follower).await,
            Err(error) => {
                let title = format!("Run {run} cannot be read");
                let gone = error.is_not_found();
                let failed = (run.clone(), ListingState::Failed(error.sentence()));
                ctx.show(move |snap| snap.unreadable = Some(failed));
                ctx.update(move |state| state.error(title, &error));
                if gone {
                    return;
                }
                tokio::time::sleep(AGAIN).await;
            }
        }
    }
}

async fn opened(
    memory: &RunCache,
    context: &RunContext,
    run: &str,
    resend_after: Option<Duration>,
) -> Result<Follower, RunError> {
    let mut follower = Follower::open(context, run).await?;
    follower.resend_after(resend_after);
    if let Some(meter) = memory.meter(run) {
        follower.set_meter(meter);
    }
    Ok(follower)
}

/// Shows a run until the cloud is another one.
async fn follow(ctx: &mut Ctx, memory: &RunCache, follower: Follower) {
    let (sender, mut views) = watch::channel(None);
    let reports = ctx.clone();
    let errors = move |error: Option<RunError>| {
        let error = error.map(JobError::from);
        reports.update(move |state| match error {
            Some(error) => state.failed(&error),
            None => state.answered(Ok(())),
        });
    };
    let token = ctx.token.child_token();
    let stalled_after = follower.options().stalled_after;
    let following = run::follow(follower, sender, errors, token.clone());
    let shown = ctx.clone();
    let mut resent = 0;
    let showing = async move {
        while views.changed().await.is_ok() {
            let view = views.borrow_and_update().clone();
            if let Some(view) = view {
                let mut view = RunView::clone(&view);
                memory.complete(&mut view.summary, stalled_after);
                if view.summary.ended_ms.is_none() {
                    memory.open.say();
                }
                tell_resent(&shown, &view.summary, &mut resent);
                shown.show(move |snap| show_run(snap, view));
            }
        }
    };
    tokio::select! {
        () = following => {}
        () = showing => {}
        _ = ctx.cloud.changed() => {}
    }
    token.cancel();
}

/// Tells that tasks were sent once more by themselves, each number once.
pub(super) fn tell_resent(ctx: &Ctx, run: &RunSummary, told: &mut u64) {
    let new = run.resent.saturating_sub(*told);
    if new == 0 {
        return;
    }
    *told = run.resent;
    let title = format!("Run {}: {} sent once more", run.id, plural(new, "task"));
    ctx.update(move |state| {
        state.notice(
            Severity::Warning,
            title,
            "their events were lost: none can be queued any more".to_owned(),
        );
    });
}

/// Shows an open run, in the list of runs as well: that was read some time before.
fn show_run(snap: &mut Snapshot, mut view: RunView) {
    let listed = snap.runs.items.iter().position(|run| run.id == view.summary.id);
    match listed {
        // Until everything has been read, the list knows more.
        Some(at) if view.summary.reading => {
            let stalled_ms = None;
            view.summary = RunSummary { reading: true, stalled_ms, ..snap.runs.items[at].clone() };
        }
        Some(at) if snap.runs.items[at] != view.summary => {
            Arc::make_mut(&mut snap.runs.items)[at] = view.summary.clone();
        }
        _ => {}
    }
    snap.unreadable = None;
    snap.run = Some(view);
}

/// One task: its state and the records of its attempts.
pub(super) async fn task(mut ctx: Ctx, memory: Arc<RunCache>, run: String, task: TaskName) {
    loop {
        let Some(cloud) = ctx.cloud().await else { return };
        ctx.cloud.mark_unchanged();
        let result = follow_task(&mut ctx, &cloud, &memory, &run, &task).await;
        let Err(error) = result else { continue };
        let gone = error.is_not_found();
        let text = error.sentence();
        ctx.update(move |state| {
            if let Some(view) = &mut state.snap.task {
                view.records.state = ListingState::Failed(text);
            }
            state.dirty = true;
            state.failed(&error);
        });
        if gone {
            return;
        }
        tokio::time::sleep(AGAIN).await;
    }
}

/// What a task's outputs have started, with the function of each.
fn children(chain: &run::Chain, task: &TaskName) -> Vec<(String, TaskName)> {
    let function = |task: &TaskName| chain.function_of(task).unwrap_or_default().to_owned();
    chain.children(task).into_iter().map(|row| (function(&row.task), row.task.clone())).collect()
}

/// Shows a task until the cloud is another one.
async fn follow_task(
    ctx: &mut Ctx,
    cloud: &Cloud,
    memory: &RunCache,
    run: &str,
    task: &TaskName,
) -> Result<(), JobError> {
    let context = ctx.job_in(cloud.clone()).runs()?;
    let mut follower = opened(memory, &context, run, None).await?;
    follower.read().await?;
    follower.load_inputs().await?;
    let mut known: Option<Vec<_>> = None;
    let header = follower.chain().header().clone();
    let listed = run::files_of(&context, &header, task.number()).await?;
    let files = listed.into_values().next().map(Arc::new);
    loop {
        let keys = follower.chain().attempt_keys(task);
        let row = follower.chain().row(task).cloned();
        if known.as_ref() == Some(&keys) {
            ctx.show(move |snap| {
                if let Some(view) = &mut snap.task {
                    view.row = row;
                }
            });
        } else {
            let attempts = run::attempts(&context, follower.chain(), task).await?;
            let records = ready(attempts.into_iter().map(|attempt| attempt.record).collect());
            let children = children(follower.chain(), task);
            let generation = task.id().map_or(0, |id| follower.chain().generation(&id));
            let files = files.clone();
            let (header, number) = (follower.chain().header(), task.number());
            let variables = number.map(|number| follower.sets().all_variables(header, number));
            let variables = variables.unwrap_or_default();
            let view = TaskView { run: run.to_owned(), row, files, children, generation, variables, records };
            ctx.show(move |snap| snap.task = Some(view));
            known = Some(keys);
        }
        ctx.update(|state| state.answered(Ok(())));
        tokio::select! {
            () = tokio::time::sleep(follower.pause()) => {}
            () = ctx.refresh.notified() => known = None,
            _ = ctx.cloud.changed() => return Ok(()),
        }
        follower.poll().await?;
    }
}
