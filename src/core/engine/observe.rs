//! What a job tells, folded into its row of progress and into notices; and how its end is told.

use super::context::Ctx;
use super::progress::ProgressHandle;
use super::snapshot::Severity;
use crate::deploy::{Applied, DeployProgress};
use crate::image::LayerState;
use crate::jobs::{JobError, JobErrorKind, JobEvent, NotDone, Observer};
use crate::model::ProgressState;
use crate::words::plural;

/// Reasons that a notice shows.
const REASONS: usize = 8;

/// Shows what a job tells in a row of progress, by which a person ends it.
pub(super) fn observer(ctx: &Ctx, progress: &ProgressHandle) -> Observer {
    let (ctx, row) = (ctx.clone(), progress.clone());
    Observer::new(progress.token.clone(), move |event| match event {
        JobEvent::Doing(what) => row.relabel(what),
        JobEvent::Counting(meter) => row.attach(meter),
        JobEvent::BucketMade(bucket) => {
            ctx.update(move |state| state.notice(Severity::Info, format!("Bucket {bucket} made"), ""));
        }
        JobEvent::Starts { function, files } => {
            let title = format!("→ starts {function} on {}", plural(files, "file"));
            ctx.update(move |state| state.notice(Severity::Info, title, ""));
        }
        JobEvent::Planned(_) => {}
        JobEvent::Deploying { function, progress } => deploying(&row, &function, &progress),
        JobEvent::Deployed(applied) => deployed(&ctx, &applied),
    })
}

fn deploying(row: &ProgressHandle, function: &str, progress: &DeployProgress) {
    let there = progress
        .layers
        .iter()
        .filter(|layer| layer.state == LayerState::There || layer.state == LayerState::Sent);
    let layers = match (there.count(), progress.layers.len()) {
        (_, 0) => String::new(),
        (there, all) => format!(", layer {} of {all}", (there + 1).min(all)),
    };
    row.relabel(format!("deploy {function}: {}{layers}", progress.label));
    row.set(progress.bytes, progress.step, 0);
    row.set_totals(progress.bytes_total, progress.steps);
}

fn deployed(ctx: &Ctx, applied: &Applied) {
    let title = format!("{} is deployed", applied.function);
    let detail = match applied.done.len() {
        0 => "nothing had to be changed".to_owned(),
        steps => format!("{}\n{}", plural(steps as u64, "step"), applied.done.join("\n")),
    };
    ctx.update(move |state| state.notice(Severity::Info, title, detail));
    ctx.refresh.notify_one();
}

/// Ends a row of progress by a result, with a notice when it failed.
pub(super) fn finish(
    ctx: &Ctx,
    progress: &ProgressHandle,
    title: impl Into<String>,
    result: &Result<(), JobError>,
) {
    match result {
        Ok(()) => progress.end(ProgressState::Done),
        Err(error) if error.is_interrupted() => progress.end(ProgressState::Cancelled),
        Err(error) => {
            let text = error.to_string();
            progress.end(ProgressState::Failed(text.lines().next().unwrap_or_default().to_owned()));
            let (title, error) = (title.into(), error.clone());
            ctx.update(move |state| state.error(title, &error));
        }
    }
}

/// Tells how something small went, and reads again what is looked at.
pub(super) fn told(ctx: &Ctx, result: Result<(), JobError>, good: String, bad: String) {
    ctx.update(move |state| match result {
        Ok(()) => state.notice(Severity::Info, good, ""),
        Err(error) => state.error(bad, &error),
    });
    ctx.refresh.notify_one();
}

/// Tells what was not done, with the reasons; an error when there is any.
pub(super) fn some_failed(title: &'static str, ctx: &Ctx, failed: &[NotDone]) -> Result<(), JobError> {
    if failed.is_empty() {
        return Ok(());
    }
    let reasons = failed.iter().take(REASONS).map(|one| format!("{}: {}", one.what, one.reason));
    let mut lines: Vec<_> = reasons.collect();
    if failed.len() > REASONS {
        lines.push(format!("… and {} more", failed.len() - REASONS));
    }
    let detail = lines.join("\n");
    ctx.update(move |state| state.notice(Severity::Error, title, detail));
    let message = format!("{} failed; the others are done", failed.len());
    Err(JobError::new(JobErrorKind::SomeFailed, message))
}
