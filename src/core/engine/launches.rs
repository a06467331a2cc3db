//! Uploads, downloads and launches of runs.

use super::EngineOptions;
use super::actions::{cancellable, finish};
use super::context::Ctx;
use super::progress::ProgressHandle;
use super::runs::{Memory, as_cloud, context};
use super::snapshot::Severity;
use crate::cloud::{CloudError, ErrorKind};
use crate::dataset::scan::FileList;
use crate::dataset::upload::{Upload, UploadError};
use crate::dataset::{Meter, scan};
use crate::model::Place;
use crate::run::{self, Inputs, Launch, LaunchRequest, RunError};
use crate::words::{are, how_many, plural};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

/// Reasons that a notice shows.
const REASONS: usize = 8;

/// Uploads files to a folder of a bucket.
pub(super) async fn upload(
    mut ctx: Ctx,
    progress: ProgressHandle,
    paths: Vec<PathBuf>,
    to: Place,
    options: Arc<EngineOptions>,
) {
    let to = Place { prefix: to.prefix.trim_matches('/').to_owned(), ..to };
    let work = async {
        let cloud = ctx.cloud_now().await?;
        let context = context(&cloud, &options)?;
        let files = scanned(paths.clone(), &progress.token).await?;
        progress.relabel(format!("upload {} to {to}", how_many(files.len(), "file")));
        let unreadable = files.problems.iter().map(|problem| (problem.path.clone(), problem.reason.clone()));
        let mut failed: Vec<_> = unreadable.collect();
        let meter = Arc::new(Meter::default());
        progress.attach(meter.clone());
        let upload = Upload {
            journal: Upload::journal_for(&context.state, &context.context, &to, &paths),
            files: Arc::new(files),
            place: to.clone(),
            run: None,
            options: context.upload,
            after: None,
        };
        let uploaded = upload.send(context.store.clone(), meter, &progress.token).await.map_err(of_upload)?;
        failed.extend(uploaded.failed.into_iter().map(|file| (file.path.display().to_string(), file.reason)));
        some_failed("Some files were not uploaded", &ctx, failed)?;
        let files = uploaded.sent + uploaded.skipped;
        let title = format!("{} in {to}", are(files, "file"));
        ctx.update(move |state| state.notice(Severity::Info, title, ""));
        Ok(())
    };
    let result = work.await;
    finish(&ctx, &progress, "The upload failed", &result);
    ctx.refresh.notify_one();
}

async fn scanned(paths: Vec<PathBuf>, token: &CancellationToken) -> Result<FileList, CloudError> {
    let token = token.clone();
    let work = move || scan(&paths, &mut |_| !token.is_cancelled()).map(|list| (list, token.is_cancelled()));
    let invalid = |message: String| CloudError::new(ErrorKind::Invalid, "upload", "", message);
    match tokio::task::spawn_blocking(work).await {
        Ok(Ok((_, true))) => Err(CloudError::cancelled("upload")),
        Ok(Ok((list, false))) => Ok(list),
        Ok(Err(error)) => Err(invalid(error.to_string())),
        Err(error) => Err(invalid(error.to_string())),
    }
}

fn of_upload(error: UploadError) -> CloudError {
    match error {
        UploadError::Cloud(error) => error,
        UploadError::Cancelled => CloudError::cancelled("upload"),
        error => CloudError::new(ErrorKind::Other, "upload", "", error.to_string()),
    }
}

/// Tells which files failed; an error when there are any.
pub(super) fn some_failed(
    title: &'static str,
    ctx: &Ctx,
    failed: Vec<(String, String)>,
) -> Result<(), CloudError> {
    if failed.is_empty() {
        return Ok(());
    }
    let number = failed.len();
    let mut lines: Vec<_> =
        failed.into_iter().take(REASONS).map(|(what, reason)| format!("{what}: {reason}")).collect();
    if number > REASONS {
        lines.push(format!("… and {} more", number - REASONS));
    }
    let detail = lines.join("\n");
    ctx.update(move |state| state.notice(Severity::Error, title, detail));
    Err(CloudError::new(ErrorKind::Other, "transfer", "", format!("{number} failed; the others are done")))
}

/// Launches a run and sends its inputs.
pub(super) async fn launch(
    mut ctx: Ctx,
    progress: ProgressHandle,
    function: String,
    inputs: Inputs,
    memory: Arc<Memory>,
    options: Arc<EngineOptions>,
) {
    let prepared = async {
        let cloud = ctx.cloud_now().await?;
        let context = context(&cloud, &options)?;
        let request = LaunchRequest { function: function.clone(), inputs, parameters: BTreeMap::new() };
        run::prepare(&context, request, &progress.token).await.map_err(as_cloud)
    };
    match cancellable(&progress, "run", prepared).await {
        Ok(launch) => {
            memory.survey.open();
            let header = launch.header();
            let title = format!("Run {} of {function}: {}", header.id, plural(header.tasks, "task"));
            let id = header.id.clone();
            let absent = match launch.absent() {
                0 => String::new(),
                absent => format!("{} not there any more: left out", plural(absent, "input")),
            };
            ctx.update(move |state| {
                state.snap.launched = Some(id);
                let severity = if absent.is_empty() { Severity::Info } else { Severity::Warning };
                state.notice(severity, title, absent);
            });
            ctx.refresh.notify_one();
            send(&ctx, &memory, launch, Some(progress)).await;
        }
        Err(error) => finish(&ctx, &progress, format!("{function} was not launched"), &Err(error)),
    }
}

/// Sends the inputs of a run. Cancelling its progress cancels the run, so that no task stays open for ever.
pub(super) async fn send(ctx: &Ctx, memory: &Memory, launch: Launch, progress: Option<ProgressHandle>) {
    let (id, tasks) = (launch.header().id.clone(), launch.header().tasks);
    let progress = match progress {
        Some(progress) => progress,
        None => match begin(ctx, format!("run {id}")).await {
            Some(progress) => progress,
            None => return,
        },
    };
    progress.relabel(format!("send {tasks} inputs of run {id}"));
    let meter = Arc::new(Meter::default());
    progress.attach(meter.clone());
    memory.sending(&id, &meter);
    let context = launch.context().clone();
    let outcome = launch.send(meter, &progress.token).await;
    memory.sent(&id);
    let result = match outcome {
        Ok(report) if report.cancelled => Err(CloudError::cancelled("run")),
        Ok(report) => {
            let failed = report
                .failed
                .into_iter()
                .map(|file| (file.path.display().to_string(), file.reason))
                .collect();
            some_failed("Some inputs were not sent; their tasks have failed", ctx, failed)
        }
        Err(RunError::Cancelled) => {
            let cancelled = run::cancel(&context, &id).await;
            Err(cancelled.err().unwrap_or_else(|| CloudError::cancelled("run")))
        }
        Err(error) => Err(as_cloud(error)),
    };
    finish(ctx, &progress, format!("Run {id}: not every input was sent"), &result);
    ctx.refresh.notify_one();
}

/// A progress row begun by a task rather than by the hub.
async fn begin(ctx: &Ctx, label: String) -> Option<ProgressHandle> {
    let (sender, receiver) = oneshot::channel();
    ctx.update(move |state| {
        let _ = sender.send(state.begin(label));
    });
    receiver.await.ok()
}
