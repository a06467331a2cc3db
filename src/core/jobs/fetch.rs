//! Fetches objects, or the results of a run, to a local folder.

use super::{Job, JobContext, JobError, Observer};
use crate::dataset::S3Objects;
use crate::dataset::download::{Download, DownloadError, Downloaded, Named};
use crate::model::{OutputObject, ProviderOf, TaskRow};
use crate::run::{self, RunContext, Store, Stores, Unchanged};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What to fetch, and where to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchRequest {
    /// The provider that has the objects; the context's own storage when `None`.
    pub from: Option<ProviderOf>,
    /// Their bucket.
    pub bucket: String,
    /// Keys, or prefixes ending with `/` (the empty one: everything).
    pub keys: Vec<String>,
    /// The folder that they arrive in.
    pub to: PathBuf,
    /// Replace other files that are there.
    pub force: bool,
}

/// Fetches objects. What was fetched before and is unchanged is not fetched again.
///
/// # Errors
/// Nothing, or not everything that can be fetched, was. Objects that alone could not be are in [`Downloaded::failed`].
pub async fn fetch(
    context: &JobContext,
    request: FetchRequest,
    observer: &Observer,
) -> Result<Downloaded, JobError> {
    context.permit(Job::Fetch)?;
    let FetchRequest { from, bucket, keys, to, force } = request;
    observer.doing(format!("download from {bucket} to {}", to.display()));
    let store = observer.until_cancelled(store_of(context, from.as_ref())).await?;
    let whose = from.map_or_else(|| context.cloud().context().name.clone(), |from| from.provider);
    let download = Download {
        journal: journal(context, &whose, &bucket, &to),
        bucket,
        keys,
        named: Vec::new(),
        to,
        force,
    };
    run_download(&store, download, observer).await
}

/// The store that has a provider's objects; the context's own when `None`.
///
/// # Errors
/// The function has no such provider, or its keys cannot be read.
pub async fn store_of(context: &JobContext, from: Option<&ProviderOf>) -> Result<Store, JobError> {
    // It needs no home bucket.
    let Some(ProviderOf { function, provider }) = from else {
        return Ok(Store::own(Arc::new(S3Objects::of(context.cloud()))));
    };
    Ok(Stores::of(&context.runs()?, function).get(Some(provider)).await?)
}

fn journal(context: &JobContext, whose: &str, bucket: &str, to: &Path) -> PathBuf {
    Download::journal_for(&context.dirs().state, whose, bucket, to)
}

async fn run_download(
    store: &Store,
    download: Download,
    observer: &Observer,
) -> Result<Downloaded, JobError> {
    let done = download.fetch(store.objects.clone(), observer.meter(), observer.token()).await;
    done.map_err(|error| match error {
        DownloadError::Cloud(error) => store.error(error).into(),
        error => error.into(),
    })
}

/// What came of fetching the results of a run.
#[derive(Clone, Debug, Default)]
pub struct Results {
    /// Tasks that have ended, each with what it has stored.
    pub tasks: Vec<(TaskRow, Vec<OutputObject>)>,
    /// Their objects, from all buckets.
    pub objects: Downloaded,
}

async fn fetch_named(
    context: &JobContext,
    store: &Store,
    whose: &str,
    (bucket, named, to): (String, Vec<Named>, &Path),
    observer: &Observer,
) -> Result<Downloaded, JobError> {
    let journal = journal(context, whose, &bucket, to);
    let download = Download { bucket, keys: Vec::new(), named, to: to.to_owned(), journal, force: false };
    run_download(store, download, observer).await
}

/// Fetches what the succeeded tasks of a run have put, as their records name it: folders below the output place are kept, and
/// what arrives is compared with the records' checksums.
///
/// # Errors
/// There is no such run, or not everything that can be fetched was. Objects that alone could not be do not hold up the
/// others.
pub async fn fetch_results(
    context: &JobContext,
    run: &str,
    to: &Path,
    observer: &Observer,
) -> Result<Results, JobError> {
    context.permit(Job::Fetch)?;
    observer.doing(format!("download the results of run {run} to {}", to.display()));
    let runs = context.runs()?;
    let results = observer.until_cancelled(run::results(&runs, run)).await?;
    fetch_all(context, &runs, results, to, observer).await
}

/// Fetches what earlier runs have put, of a launch that found nothing to do. As [`fetch_results`].
///
/// # Errors
/// Not everything that can be fetched was.
pub async fn fetch_reused(
    context: &JobContext,
    unchanged: &Unchanged,
    to: &Path,
    observer: &Observer,
) -> Result<Results, JobError> {
    context.permit(Job::Fetch)?;
    observer.doing(format!("download earlier results to {}", to.display()));
    let (function, reused) = (unchanged.function.clone(), unchanged.tasks.clone());
    let results = run::Results { function, reused, tasks: Vec::new() };
    fetch_all(context, &context.runs()?, results, to, observer).await
}

async fn fetch_all(
    context: &JobContext,
    runs: &RunContext,
    results: run::Results,
    to: &Path,
    observer: &Observer,
) -> Result<Results, JobError> {
    let stores = Stores::of(runs, &results.function);
    let (named, failed) = results.named();
    let mut objects = Downloaded { failed, ..Downloaded::default() };
    for ((provider, bucket), named) in named {
        let store = observer.until_cancelled(stores.get(provider.as_deref())).await?;
        let whose = provider.as_deref().unwrap_or(&runs.context);
        let here = fetch_named(context, &store, whose, (bucket, named, to), observer).await?;
        objects.fetched += here.fetched;
        objects.skipped += here.skipped;
        objects.kept += here.kept;
        objects.encoded += here.encoded;
        objects.failed.extend(here.failed);
    }
    Ok(Results { tasks: results.tasks, objects })
}
