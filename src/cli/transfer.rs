//! Uploads and downloads with a status line.

use super::fail::{Fail, INTERRUPTED, SOME_FAILED, USAGE};
use super::print::{self, StatusLine};
use super::session::{STATUS, Session};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use throng_core::cloud::Cloud;
use throng_core::dataset::download::{Download, DownloadError, Downloaded};
use throng_core::dataset::upload::{Upload, UploadError, UploadOptions, Uploaded};
use throng_core::dataset::{FileList, Meter, Objects, S3Objects, scan};
use throng_core::lines;
use throng_core::model::{Place, Progress, ProgressState};
use throng_core::words;

/// Lists files, and says which were left out.
pub fn files(paths: &[PathBuf]) -> Result<FileList, Fail> {
    let list = scan(paths, &mut |_| true).map_err(Fail::usage)?;
    for problem in &list.problems {
        print::note(lines!("left out: {}: {}", problem.path, problem.reason));
    }
    Ok(list)
}

/// Uploads files that belong to no run.
pub async fn upload(
    session: &Session,
    cloud: &Cloud,
    paths: &[PathBuf],
    place: &Place,
) -> Result<Uploaded, Fail> {
    let list = files(paths)?;
    let settings = &session.config.upload;
    let upload = Upload {
        files: Arc::new(list),
        place: place.clone(),
        run: None,
        journal: Upload::journal_for(&session.dirs.state, &cloud.context().name, place, paths),
        options: UploadOptions {
            concurrency: settings.concurrency,
            multipart: u64::from(settings.multipart_mb) << 20,
            part: u64::from(settings.part_mb) << 20,
        },
        after: None,
    };
    let meter = Arc::new(Meter::default());
    let store = Arc::new(S3Objects::of(cloud));
    let label = format!("upload to {place}");
    let work = upload.send(store, meter.clone(), &session.interrupt);
    let uploaded = watched(&label, &meter, work).await.map_err(|error| match error {
        UploadError::Cloud(error) => error.into(),
        UploadError::Cancelled => Fail::new(INTERRUPTED, error.to_string()),
        UploadError::LongKey(_) => Fail::new(USAGE, error.to_string()),
        UploadError::Journal(_) => Fail::new(SOME_FAILED, error.to_string()),
    })?;
    for failed in &uploaded.failed {
        print::note(lines!("not sent: {}: {}", failed.path.display(), failed.reason));
    }
    Ok(uploaded)
}

/// What is downloaded, and where to.
pub struct Wanted<'w> {
    pub bucket: &'w str,
    /// Objects and folders.
    pub keys: Vec<String>,
    pub to: &'w Path,
    /// Replace other files that are there.
    pub force: bool,
}

/// Downloads objects and folders of one bucket.
pub async fn download(session: &Session, cloud: &Cloud, wanted: Wanted<'_>) -> Result<Downloaded, Fail> {
    let store = Arc::new(S3Objects::of(cloud));
    download_from(session, store, &cloud.context().name, wanted).await
}

/// The same from any store. `whose` tells stores apart that have buckets of the same name.
pub async fn download_from(
    session: &Session,
    store: Arc<dyn Objects>,
    whose: &str,
    Wanted { bucket, keys, to, force }: Wanted<'_>,
) -> Result<Downloaded, Fail> {
    let download = Download {
        bucket: bucket.to_owned(),
        keys,
        to: to.to_owned(),
        journal: Download::journal_for(&session.dirs.state, whose, bucket, to),
        force,
    };
    let meter = Arc::new(Meter::default());
    let work = download.fetch(store, meter.clone(), &session.interrupt);
    let downloaded = watched(&format!("download from {bucket}"), &meter, work).await;
    let downloaded = downloaded.map_err(|error| match error {
        DownloadError::Cloud(error) => error.into(),
        DownloadError::Cancelled => Fail::new(INTERRUPTED, error.to_string()),
        error => Fail::new(SOME_FAILED, error.to_string()),
    })?;
    for failed in &downloaded.failed {
        print::note(lines!("not fetched: {}: {}", failed.key, failed.reason));
    }
    Ok(downloaded)
}

/// Shows a meter while `work` goes on.
pub async fn watched<T>(label: &str, meter: &Meter, work: impl Future<Output = T>) -> T {
    let mut line = StatusLine::new();
    let mut ticks = tokio::time::interval(STATUS);
    tokio::pin!(work);
    loop {
        tokio::select! {
            biased;
            outcome = &mut work => {
                line.clear();
                return outcome;
            }
            _ = ticks.tick() => line.show(progress(&meter.progress(0, label, ProgressState::Active))),
        }
    }
}

/// One line: bar, counts, bytes, rate, time left.
pub fn progress(progress: &Progress) -> String {
    let bar = match (progress.bytes_total, progress.items_total) {
        (Some(total), _) if total > 0 => print::bar(progress.bytes, total, 20),
        (_, Some(total)) => print::bar(progress.items, total, 20),
        _ => String::new(),
    };
    let of = |total: Option<String>| total.map(|total| format!("/{total}")).unwrap_or_default();
    let noun = if progress.items_total.unwrap_or(progress.items) == 1 { "file" } else { "files" };
    let items =
        format!("{}{} {noun}", words::count(progress.items), of(progress.items_total.map(words::count)));
    let bytes = format!("{}{}", words::bytes(progress.bytes), of(progress.bytes_total.map(words::bytes)));
    let failed = if progress.failed > 0 { format!(", {} failed", progress.failed) } else { String::new() };
    let (rate, eta) = (
        words::bytes_per_second(progress.rate.max(0.0)),
        progress.eta_s.map(|eta| format!(", {} left", words::seconds(eta))),
    );
    format!("{} {bar} {items}, {bytes}, {rate}{failed}{}", progress.label, eta.unwrap_or_default())
}
