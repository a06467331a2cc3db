//! Sends files, shows and fetches objects: the context's own, and those at a storage provider of a function.

use super::context::Ctx;
use super::observe::{finish, observer, some_failed};
use super::progress::ProgressHandle;
use super::snapshot::{Preview, Severity, Snapshot, StartsView};
use crate::dataset::download::Downloaded;
use crate::jobs::{self, FetchRequest, JobContext, JobError, JobErrorKind, NotDone, UploadRequest};
use crate::model::{ObjectPlace, Place};
use crate::words::are;
use futures::TryStreamExt as _;
use std::path::{Path, PathBuf};

/// Most bytes of an object that are fetched to be shown.
const PREVIEW_BYTES: usize = 8 << 20;

/// Shows that an object is being fetched.
pub(super) fn begin_preview(snap: &mut Snapshot, place: ObjectPlace) {
    snap.preview = Some(Preview { place, size: 0, content_type: String::new(), body: None, error: None });
}

/// Finds out which functions an upload would start. What cannot be known is not shown.
pub(super) async fn what_starts(mut ctx: Ctx, paths: Vec<PathBuf>, to: Place) {
    let Ok(job) = ctx.job().await else { return };
    if let Ok(functions) = jobs::what_starts(&job, &paths, &to).await {
        ctx.show(move |snap| snap.starts = Some(StartsView { paths, to, functions }));
    }
}

/// An object's size, content type and beginning.
type Beginning = (u64, String, Vec<u8>);

/// Fetches an object's beginning.
pub(super) async fn preview(mut ctx: Ctx, place: ObjectPlace) {
    let result = async { beginning(&ctx.job().await?, &place).await }.await;
    ctx.show(move |snap| {
        let Some(shown) = snap.preview.as_mut().filter(|shown| shown.place == place) else { return };
        match result {
            Ok((size, content_type, body)) => {
                (shown.size, shown.content_type) = (size, content_type);
                shown.body = Some(body.into());
                shown.error = None;
            }
            Err(error) => shown.error = Some(error.sentence()),
        }
    });
}

async fn beginning(job: &JobContext, place: &ObjectPlace) -> Result<Beginning, JobError> {
    let ObjectPlace { from, bucket, key } = place;
    if from.is_none() {
        let object = job.cloud().s3().get_object(bucket, key, None).await?;
        let body = object.body.collect(PREVIEW_BYTES).await?;
        return Ok((object.head.size, object.head.content_type, body.to_vec()));
    }
    let store = jobs::store_of(job, from.as_ref()).await?;
    let told = |error| JobError::from(store.error(error));
    let reading = store.objects.open(bucket, key).await.map_err(told)?;
    let absent = || JobError::new(JobErrorKind::NotFound, format!("there is no object {place}"));
    let reading = reading.ok_or_else(absent)?;
    let (mut body, mut stream) = (Vec::new(), reading.body);
    while body.len() < PREVIEW_BYTES
        && let Some(chunk) = stream.try_next().await.map_err(told)?
    {
        body.extend_from_slice(&chunk);
    }
    body.truncate(PREVIEW_BYTES);
    Ok((reading.size, String::new(), body))
}

/// Uploads files to a folder of a bucket.
pub(super) async fn upload(mut ctx: Ctx, progress: ProgressHandle, paths: Vec<PathBuf>, to: Place) {
    let observer = observer(&ctx, &progress);
    let result = async {
        let report = jobs::upload(&ctx.job().await?, UploadRequest { paths, to }, &observer).await?;
        some_failed("Some files were not uploaded", &ctx, &report.failed)?;
        let title = format!("{} at {}", are(report.sent + report.skipped, "file"), report.place);
        ctx.update(move |state| state.notice(Severity::Info, title, ""));
        Ok(())
    };
    let result = result.await;
    finish(&ctx, &progress, "The upload failed", &result);
    ctx.refresh.notify_one();
}

/// Fetches objects into a folder.
pub(super) async fn download(mut ctx: Ctx, progress: ProgressHandle, request: FetchRequest) {
    let observer = observer(&ctx, &progress);
    let to = request.to.clone();
    let result = async {
        let downloaded = jobs::fetch(&ctx.job().await?, request, &observer).await?;
        tell(&ctx, downloaded, &to)
    };
    let result = result.await;
    finish(&ctx, &progress, "The download failed", &result);
}

/// Fetches what the succeeded tasks of a run have put into a folder.
pub(super) async fn download_run(mut ctx: Ctx, progress: ProgressHandle, run: String, to: PathBuf) {
    let observer = observer(&ctx, &progress);
    let result = async {
        let results = jobs::fetch_results(&ctx.job().await?, &run, &to, &observer).await?;
        if results.objects == Downloaded::default() {
            let why = "no task of it has put anything";
            return Err(JobError::new(JobErrorKind::NotFound, why));
        }
        tell(&ctx, results.objects, &to)
    };
    let result = result.await;
    finish(&ctx, &progress, format!("The results of run {run} were not all fetched"), &result);
}

fn tell(ctx: &Ctx, downloaded: Downloaded, to: &Path) -> Result<(), JobError> {
    let note = downloaded.names_note().unwrap_or_default();
    let failed: Vec<_> = downloaded.failed.into_iter().map(NotDone::from).collect();
    some_failed("Some objects were not fetched", ctx, &failed)?;
    let objects = downloaded.fetched + downloaded.skipped;
    let title = format!("{} in {}", are(objects, "object"), to.display());
    ctx.update(move |state| state.notice(Severity::Info, title, note));
    Ok(())
}
