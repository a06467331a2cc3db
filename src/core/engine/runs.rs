//! An open run and an open task: reading them. All of them are read in `survey`, launched in `launches`.

use super::EngineOptions;
use super::again::Again;
use super::context::{Ctx, sentence};
use super::listings::ready;
use super::snapshot::{ListingState, Severity, Snapshot, TaskView};
use super::survey::Survey;
use crate::cloud::{Cloud, CloudError, ErrorKind};
use crate::dataset::Meter;
use crate::dataset::upload::UploadOptions;
use crate::model::{RunSummary, RunView};
use crate::run::{self, Follower, RunContext, RunError};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::watch;

/// Pause after an error.
const AGAIN: Duration = Duration::from_secs(3);

/// What is kept of runs between two looks at them.
#[derive(Default)]
pub(super) struct Memory {
    /// All runs, as they were seen last.
    pub survey: Survey,
    meters: Mutex<HashMap<String, Arc<Meter>>>,
    /// Runs that were sent again from here.
    pub again: Again,
}

impl Memory {
    /// The inputs of a run are being sent from here.
    pub fn sending(&self, run: &str, meter: &Arc<Meter>) {
        lock(&self.meters).insert(run.to_owned(), meter.clone());
    }

    /// They were sent.
    pub fn sent(&self, run: &str) {
        lock(&self.meters).remove(run);
    }

    /// Whether they are being sent.
    pub fn is_sending(&self, run: &str) -> bool {
        lock(&self.meters).contains_key(run)
    }

    /// Adds what the home bucket does not tell: what is being sent from here, or was sent again.
    pub fn complete(&self, run: &mut RunSummary, stalled_after: Duration) {
        if let Some(meter) = lock(&self.meters).get(&run.id) {
            run.unsent = run.counts.total().saturating_sub(meter.items_done());
            run.stalled_ms = None;
        }
        run.stalled_ms = self.again.stalled_ms(&run.id, run.stalled_ms, stalled_after);
    }

    async fn open(&self, context: &RunContext, run: &str) -> Result<Follower, RunError> {
        let mut follower = Follower::open(context, run).await?;
        if let Some(meter) = lock(&self.meters).get(run) {
            follower.set_meter(meter.clone());
        }
        Ok(follower)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What runs need of a context.
pub(super) fn context(cloud: &Cloud, options: &EngineOptions) -> Result<RunContext, CloudError> {
    let upload = &options.config.upload;
    let upload = UploadOptions {
        concurrency: upload.concurrency,
        multipart: u64::from(upload.multipart_mb) << 20,
        part: u64::from(upload.part_mb) << 20,
    };
    RunContext::new(cloud, &options.dirs, upload)
}

/// A run's error as the cloud's.
pub(super) fn as_cloud(error: RunError) -> CloudError {
    match error {
        RunError::Cloud(error) => error,
        RunError::Cancelled => CloudError::cancelled("run"),
        RunError::NoRun(_) | RunError::NoFunction(_) => {
            CloudError::new(ErrorKind::NotFound, "run", "", error.to_string())
        }
        error => CloudError::new(ErrorKind::Other, "run", "", error.to_string()),
    }
}

/// One run with its tasks.
pub(super) async fn open(mut ctx: Ctx, memory: Arc<Memory>, options: Arc<EngineOptions>, run: String) {
    loop {
        let Some(cloud) = ctx.cloud().await else { return };
        ctx.cloud.mark_unchanged();
        let opened = async {
            let context = context(&cloud, &options)?;
            memory.open(&context, &run).await.map_err(as_cloud)
        };
        match opened.await {
            Ok(follower) => follow(&mut ctx, &memory, follower).await,
            Err(error) => {
                let title = format!("Run {run} cannot be read");
                let gone = error.is_not_found();
                let failed = (run.clone(), ListingState::Failed(sentence(&error)));
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

/// Shows a run until the cloud is another one.
async fn follow(ctx: &mut Ctx, memory: &Memory, follower: Follower) {
    let (sender, mut views) = watch::channel(None);
    let reports = ctx.clone();
    let errors = move |error: Option<RunError>| {
        let error = error.map(as_cloud);
        reports.update(move |state| state.answered(error.as_ref().map_or(Ok(()), Err)));
    };
    let token = ctx.token.child_token();
    let stalled_after = follower.options().stalled_after;
    let following = run::follow(follower, sender, errors, token.clone());
    let shown = ctx.clone();
    let showing = async move {
        while views.changed().await.is_ok() {
            let view = views.borrow_and_update().clone();
            if let Some(view) = view {
                let mut view = RunView::clone(&view);
                memory.complete(&mut view.summary, stalled_after);
                if view.summary.ended_ms.is_none() {
                    memory.survey.open();
                }
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

/// Shows an open run, in the list of runs as well: that was read some time before.
fn show_run(snap: &mut Snapshot, view: RunView) {
    let listed = snap.runs.items.iter().position(|run| run.id == view.summary.id);
    if let Some(at) = listed
        && snap.runs.items[at] != view.summary
    {
        Arc::make_mut(&mut snap.runs.items)[at] = view.summary.clone();
    }
    snap.unreadable = None;
    snap.run = Some(view);
}

/// One task: its state and the records of its attempts.
pub(super) async fn task(
    mut ctx: Ctx,
    memory: Arc<Memory>,
    options: Arc<EngineOptions>,
    run: String,
    task: u64,
) {
    loop {
        let Some(cloud) = ctx.cloud().await else { return };
        ctx.cloud.mark_unchanged();
        let result = follow_task(&mut ctx, &cloud, &memory, &options, &run, task).await;
        let Err(error) = result else { continue };
        let gone = error.is_not_found();
        let text = sentence(&error);
        ctx.update(move |state| {
            if let Some(view) = &mut state.snap.task {
                view.records.state = ListingState::Failed(text);
            }
            state.dirty = true;
            state.answered(Err(&error));
        });
        if gone {
            return;
        }
        tokio::time::sleep(AGAIN).await;
    }
}

/// Shows a task until the cloud is another one.
async fn follow_task(
    ctx: &mut Ctx,
    cloud: &Cloud,
    memory: &Memory,
    options: &EngineOptions,
    run: &str,
    task: u64,
) -> Result<(), CloudError> {
    let context = context(cloud, options)?;
    let mut follower = memory.open(&context, run).await.map_err(as_cloud)?;
    follower.poll().await.map_err(as_cloud)?;
    follower.load_inputs().await.map_err(as_cloud)?;
    let mut known: Option<Vec<_>> = None;
    loop {
        let keys = follower.tracker().attempt_keys(task);
        let row = follower.tracker().row(task).cloned();
        if known.as_ref() == Some(&keys) {
            ctx.show(move |snap| {
                if let Some(view) = &mut snap.task {
                    view.row = row;
                }
            });
        } else {
            let attempts = run::attempts(&context, follower.tracker(), task).await.map_err(as_cloud)?;
            let records = ready(attempts.into_iter().map(|attempt| attempt.record).collect());
            let view = TaskView { run: run.to_owned(), row, records };
            ctx.show(move |snap| snap.task = Some(view));
            known = Some(keys);
        }
        ctx.update(|state| state.answered(Ok(())));
        tokio::select! {
            () = tokio::time::sleep(follower.pause()) => {}
            () = ctx.refresh.notified() => known = None,
            _ = ctx.cloud.changed() => return Ok(()),
        }
        follower.poll().await.map_err(as_cloud)?;
    }
}

/// Ends a run: what has not begun is cancelled.
pub(super) async fn cancel(mut ctx: Ctx, options: Arc<EngineOptions>, run: String) {
    let result = async {
        let cloud = ctx.cloud_now().await?;
        run::cancel(&context(&cloud, &options)?, &run).await
    }
    .await;
    super::actions::told(
        &ctx,
        result,
        format!("Run {run} is being cancelled"),
        format!("Run {run} was not cancelled"),
    );
}

/// Goes on sending the inputs of runs that were launched on this machine and interrupted.
pub(super) async fn resume_all(mut ctx: Ctx, memory: Arc<Memory>, options: Arc<EngineOptions>) {
    let Some(cloud) = ctx.cloud().await else { return };
    let Ok(context) = context(&cloud, &options) else { return };
    let folder = context.state.join("runs").join(&context.context);
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    let runs = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    for id in runs.filter(|id| run::is_run_id(id)) {
        if memory.is_sending(&id) {
            continue;
        }
        let Ok(launch) = run::resume(&context, &id).await else { continue };
        let title = format!("Run {id} goes on");
        let detail = "Its inputs were not all sent when throng ended.";
        ctx.update(move |state| state.notice(Severity::Info, title, detail));
        super::launches::send(&ctx, &memory, launch, None).await;
    }
}
