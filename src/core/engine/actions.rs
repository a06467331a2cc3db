//! Small actions on objects, buckets and functions.

use super::context::Ctx;
use super::progress::ProgressHandle;
use super::snapshot::Severity;
use crate::cloud::{Cloud, CloudError, ErrorKind, ListQuery};
use crate::model::ProgressState;

/// Longest answer of a function that a notice shows, in characters.
const ANSWER_CHARS: usize = 4000;

/// Ends a progress row by a result, with a notice when it failed.
pub(super) fn finish(
    ctx: &Ctx,
    progress: &ProgressHandle,
    title: impl Into<String>,
    result: &Result<(), CloudError>,
) {
    match result {
        Ok(()) => progress.end(ProgressState::Done),
        Err(error) if error.kind == ErrorKind::Cancelled => progress.end(ProgressState::Cancelled),
        Err(error) => {
            progress.end(ProgressState::Failed(error.to_string()));
            let (title, error) = (title.into(), error.clone());
            ctx.update(move |state| state.error(title, &error));
        }
    }
}

/// Runs something until it ends or a person cancels it.
pub(super) async fn cancellable<T>(
    progress: &ProgressHandle,
    action: &'static str,
    work: impl Future<Output = Result<T, CloudError>>,
) -> Result<T, CloudError> {
    tokio::select! {
        result = work => result,
        () = progress.token.cancelled() => Err(CloudError::cancelled(action)),
    }
}

/// Every key below the prefixes.
async fn below(cloud: &Cloud, bucket: &str, prefixes: &[String]) -> Result<Vec<String>, CloudError> {
    let mut all = Vec::new();
    for prefix in prefixes {
        let mut token: Option<String> = None;
        loop {
            let query = ListQuery { prefix, token: token.as_deref(), ..ListQuery::default() };
            let page = cloud.s3().list_page(bucket, query).await?;
            all.extend(page.items.into_iter().map(|object| object.key));
            token = page.next;
            if token.is_none() {
                break;
            }
        }
    }
    Ok(all)
}

/// The first of several errors, with their number.
fn summary(errors: Vec<CloudError>) -> Result<(), CloudError> {
    let number = errors.len();
    let Some(mut first) = errors.into_iter().next() else { return Ok(()) };
    if number > 1 {
        first.message = format!("{} (and {} more failed)", first.message, number - 1);
    }
    Err(first)
}

/// Deletes objects.
pub(super) async fn delete_objects(
    mut ctx: Ctx,
    progress: ProgressHandle,
    bucket: String,
    keys: Vec<String>,
) {
    let work = async {
        let cloud = ctx.cloud_now().await?;
        let (prefixes, mut names): (Vec<_>, Vec<_>) = keys.into_iter().partition(|key| key.ends_with('/'));
        names.extend(below(&cloud, &bucket, &prefixes).await?);
        progress.set_totals(0, names.len() as u64);
        let mut errors = Vec::new();
        for chunk in names.chunks(1000) {
            let failed = cloud.s3().delete_many(&bucket, chunk).await?;
            progress.add_items((chunk.len() - failed.len()) as u64);
            progress.add_failed(failed.len() as u64);
            errors.extend(failed.into_iter().map(|(key, reason)| {
                CloudError::new(ErrorKind::Other, "s3:DeleteObject", &format!("{bucket}/{key}"), reason)
            }));
        }
        summary(errors)
    };
    let result = cancellable(&progress, "s3:DeleteObject", Box::pin(work)).await;
    finish(&ctx, &progress, "Deleting failed", &result);
    ctx.refresh.notify_one();
}

/// Makes a bucket.
pub(super) async fn create_bucket(mut ctx: Ctx, bucket: String) {
    let result = async { ctx.cloud_now().await?.s3().create_bucket(&bucket).await }.await;
    told(&ctx, result, format!("Bucket {bucket} made"), format!("Bucket {bucket} was not made"));
}

/// Deletes an empty bucket.
pub(super) async fn delete_bucket(mut ctx: Ctx, bucket: String) {
    let result = async { ctx.cloud_now().await?.s3().delete_bucket(&bucket).await }.await;
    told(&ctx, result, format!("Bucket {bucket} deleted"), format!("Bucket {bucket} was not deleted"));
}

/// Tells how something small went, and reads again what is looked at.
pub(super) fn told(ctx: &Ctx, result: Result<(), CloudError>, good: String, bad: String) {
    ctx.update(move |state| match result {
        Ok(()) => state.notice(Severity::Info, good, ""),
        Err(error) => state.error(bad, &error),
    });
    ctx.refresh.notify_one();
}

/// Invokes a function once and shows its answer.
pub(super) async fn invoke(mut ctx: Ctx, progress: ProgressHandle, function: String, payload: Vec<u8>) {
    let payload = if payload.is_empty() { b"{}".to_vec() } else { payload };
    let work = async { ctx.cloud_now().await?.lambda().invoke_sync(&function, payload.into()).await };
    let result = cancellable(&progress, "lambda:InvokeFunction", work).await;
    match result {
        Ok(invoked) => {
            let failed = invoked.function_error.is_some();
            let state = if failed {
                ProgressState::Failed("the function failed".into())
            } else {
                ProgressState::Done
            };
            progress.end(state);
            let answer: String =
                String::from_utf8_lossy(&invoked.payload).chars().take(ANSWER_CHARS).collect();
            let detail = format!(
                "request {}\nanswer: {answer}\n\nlog:\n{}",
                invoked.request_id,
                invoked.log_tail.trim_end()
            );
            let (severity, title) = if failed {
                (Severity::Error, format!("{function} failed"))
            } else {
                (Severity::Warning, format!("{function} answered"))
            };
            ctx.update(move |state| state.notice(severity, title, detail));
        }
        Err(error) => finish(&ctx, &progress, format!("{function} was not invoked"), &Err(error)),
    }
}
