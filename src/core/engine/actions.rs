//! Small actions on objects, buckets and functions.

use super::context::Ctx;
use super::observe::{finish, observer, some_failed, told};
use super::progress::ProgressHandle;
use super::snapshot::Severity;
use crate::cloud::Invoked;
use crate::jobs::{self, JobError};
use crate::model::ProgressState;

/// Longest answer of a function that a notice shows, in characters.
const ANSWER_CHARS: usize = 4000;

/// Deletes objects.
pub(super) async fn delete_objects(
    mut ctx: Ctx,
    progress: ProgressHandle,
    bucket: String,
    keys: Vec<String>,
) {
    let observer = observer(&ctx, &progress);
    let result = async {
        let job = ctx.job().await?;
        let keys = jobs::objects_below(&job, &bucket, &keys, &observer).await?;
        let report = jobs::delete(&job, &bucket, &keys, &observer).await?;
        some_failed("Some objects were not deleted", &ctx, &report.failed)
    }
    .await;
    finish(&ctx, &progress, "Deleting failed", &result);
    ctx.refresh.notify_one();
}

/// Makes a bucket.
pub(super) async fn create_bucket(mut ctx: Ctx, bucket: String) {
    let result = async { jobs::create_bucket(&ctx.job().await?, &bucket).await }.await;
    told(&ctx, result, format!("Bucket {bucket} made"), format!("Bucket {bucket} was not made"));
}

/// Deletes an empty bucket.
pub(super) async fn delete_bucket(mut ctx: Ctx, bucket: String) {
    let result = async { jobs::delete_bucket(&ctx.job().await?, &bucket, false).await }.await;
    told(&ctx, result, format!("Bucket {bucket} deleted"), format!("Bucket {bucket} was not deleted"));
}

/// Invokes a function once and shows its answer.
pub(super) async fn invoke(mut ctx: Ctx, progress: ProgressHandle, function: String, payload: Vec<u8>) {
    let observer = observer(&ctx, &progress);
    let invoked = async { jobs::invoke(&ctx.job().await?, &function, payload, &observer).await }.await;
    match invoked {
        Ok(invoked) => answered(&ctx, &progress, &function, &invoked),
        Err(error) => not_invoked(&ctx, &progress, &function, error),
    }
}

fn not_invoked(ctx: &Ctx, progress: &ProgressHandle, function: &str, error: JobError) {
    finish(ctx, progress, format!("{function} was not invoked"), &Err(error));
}

fn answered(ctx: &Ctx, progress: &ProgressHandle, function: &str, invoked: &Invoked) {
    let failed = invoked.function_error.is_some();
    progress.end(if failed {
        ProgressState::Failed("the function failed".into())
    } else {
        ProgressState::Done
    });
    let answer: String = String::from_utf8_lossy(&invoked.payload).chars().take(ANSWER_CHARS).collect();
    let detail =
        format!("request {}\nanswer: {answer}\n\nlog:\n{}", invoked.request_id, invoked.log_tail.trim_end());
    let (severity, title) = if failed {
        (Severity::Error, format!("{function} failed"))
    } else {
        (Severity::Warning, format!("{function} answered"))
    };
    ctx.update(move |state| state.notice(severity, title, detail));
}
