//! Shows and fetches objects: the context's own, and those at a storage provider of a function.

use super::EngineOptions;
use super::actions::{cancellable, finish};
use super::context::{Ctx, sentence};
use super::launches::some_failed;
use super::progress::ProgressHandle;
use super::runs::{as_cloud, context};
use super::snapshot::{Preview, Severity, Snapshot};
use crate::cloud::{Cloud, CloudError, ErrorKind};
use crate::dataset::Meter;
use crate::dataset::download::{Download, DownloadError};
use crate::model::{ObjectPlace, ProviderOf};
use crate::run::{self, Store, Stores};
use crate::words::are;
use futures::TryStreamExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Most bytes of an object that are fetched to be shown.
const PREVIEW_BYTES: usize = 8 << 20;

/// Shows that an object is being fetched.
pub(super) fn begin_preview(snap: &mut Snapshot, place: ObjectPlace) {
    snap.preview = Some(Preview { place, size: 0, content_type: String::new(), body: None, error: None });
}

/// An object's size, content type and beginning.
type Beginning = (u64, String, Vec<u8>);

/// Fetches an object's beginning.
pub(super) async fn preview(mut ctx: Ctx, place: ObjectPlace, options: Arc<EngineOptions>) {
    let result = match ctx.cloud_now().await {
        Ok(cloud) => beginning(&cloud, &place, &options).await,
        Err(error) => Err(error),
    };
    ctx.show(move |snap| {
        let Some(shown) = snap.preview.as_mut().filter(|shown| shown.place == place) else { return };
        match result {
            Ok((size, content_type, body)) => {
                (shown.size, shown.content_type) = (size, content_type);
                shown.body = Some(body.into());
                shown.error = None;
            }
            Err(error) => shown.error = Some(sentence(&error)),
        }
    });
}

async fn beginning(
    cloud: &Cloud,
    place: &ObjectPlace,
    options: &EngineOptions,
) -> Result<Beginning, CloudError> {
    let ObjectPlace { from, bucket, key } = place;
    if from.is_none() {
        let object = cloud.s3().get_object(bucket, key, None).await?;
        let body = object.body.collect(PREVIEW_BYTES).await?;
        return Ok((object.head.size, object.head.content_type, body.to_vec()));
    }
    let store = store(cloud, options, from.as_ref()).await?;
    let told = |error| as_cloud(store.error(error));
    let reading = store.objects.open(bucket, key).await.map_err(told)?.ok_or_else(|| {
        CloudError::new(ErrorKind::NotFound, "s3:GetObject", &place.to_string(), "there is no such object")
    })?;
    let (mut body, mut stream) = (Vec::new(), reading.body);
    while body.len() < PREVIEW_BYTES
        && let Some(chunk) = stream.try_next().await.map_err(told)?
    {
        body.extend_from_slice(&chunk);
    }
    body.truncate(PREVIEW_BYTES);
    Ok((reading.size, String::new(), body))
}

async fn store(
    cloud: &Cloud,
    options: &EngineOptions,
    from: Option<&ProviderOf>,
) -> Result<Store, CloudError> {
    let context = context(cloud, options)?;
    let (function, provider) =
        from.map_or(("", None), |from| (from.function.as_str(), Some(from.provider.as_str())));
    Stores::of(&context, function).get(provider).await.map_err(as_cloud)
}

/// What is fetched, and where to.
pub(super) struct Wanted {
    pub from: Option<ProviderOf>,
    pub bucket: String,
    pub keys: Vec<String>,
    pub to: PathBuf,
}

/// Fetches objects into a folder.
pub(super) async fn download(
    mut ctx: Ctx,
    progress: ProgressHandle,
    wanted: Wanted,
    options: Arc<EngineOptions>,
) {
    let work = async {
        let cloud = ctx.cloud_now().await?;
        let Wanted { from, bucket, keys, to } = wanted;
        let store = store(&cloud, &options, from.as_ref()).await?;
        let whose = from.map_or_else(|| cloud.context().name.clone(), |from| from.provider);
        let fetched = fetch(&ctx, &progress, &options, (&store, &whose), (bucket, keys, &to)).await?;
        tell(&ctx, fetched, &to);
        Ok(())
    };
    let result = work.await;
    finish(&ctx, &progress, "The download failed", &result);
}

/// Fetches what the succeeded tasks of a run have put into a folder.
pub(super) async fn download_run(
    mut ctx: Ctx,
    progress: ProgressHandle,
    run: String,
    to: PathBuf,
    options: Arc<EngineOptions>,
) {
    let work = async {
        let cloud = ctx.cloud_now().await?;
        let context = context(&cloud, &options)?;
        let results = cancellable(&progress, "download", async {
            run::results(&context, &run).await.map_err(as_cloud)
        });
        let results = results.await?;
        let stores = Stores::of(&context, &results.function);
        let (mut fetched, mut kept_back) = (0, None);
        for ((provider, bucket), keys) in results.keys() {
            let store = stores.get(provider.as_deref()).await.map_err(as_cloud)?;
            let whose = provider.unwrap_or_else(|| context.context.clone());
            let wanted = (bucket, keys, to.as_path());
            match fetch(&ctx, &progress, &options, (&store, &whose), wanted).await {
                Ok(here) => fetched += here,
                // Of some objects only: those of the other buckets are not held up by it.
                Err(error) if error.kind == ErrorKind::Other => kept_back = Some(error),
                Err(error) => return Err(error),
            }
        }
        if let Some(error) = kept_back {
            return Err(error);
        }
        if fetched == 0 {
            let why = "no task of it has put anything";
            return Err(CloudError::new(ErrorKind::NotFound, "download", &run, why));
        }
        tell(&ctx, fetched, &to);
        Ok(())
    };
    let result = work.await;
    finish(&ctx, &progress, format!("The results of run {run} were not all fetched"), &result);
}

/// Fetches keys of a bucket; gives how many objects are there now.
async fn fetch(
    ctx: &Ctx,
    progress: &ProgressHandle,
    options: &EngineOptions,
    (store, whose): (&Store, &str),
    (bucket, keys, to): (String, Vec<String>, &Path),
) -> Result<u64, CloudError> {
    let meter = Arc::new(Meter::default());
    progress.attach(meter.clone());
    let journal = Download::journal_for(&options.dirs.state, whose, &bucket, to);
    let download = Download { bucket, keys, to: to.to_owned(), journal, force: false };
    let done = download.fetch(store.objects.clone(), meter, &progress.token).await;
    let done = done.map_err(|error| match error {
        DownloadError::Cloud(error) => as_cloud(store.error(error)),
        DownloadError::Cancelled => CloudError::cancelled("download"),
        error => CloudError::new(ErrorKind::Invalid, "download", "", error.to_string()),
    })?;
    let failed = done.failed.into_iter().map(|object| (object.key, object.reason)).collect();
    some_failed("Some objects were not fetched", ctx, failed)?;
    Ok(done.fetched + done.skipped)
}

fn tell(ctx: &Ctx, objects: u64, to: &Path) {
    let title = format!("{} in {}", are(objects, "object"), to.display());
    ctx.update(move |state| state.notice(Severity::Info, title, ""));
}
