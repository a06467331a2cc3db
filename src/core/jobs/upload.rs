//! Sends files to a folder of a bucket, which starts nothing but what the bucket's triggers start.

use super::{Job, JobContext, JobError, JobErrorKind, JobEvent, NotDone, Observer};
use crate::cloud::Cloud;
use crate::dataset::upload::Upload;
use crate::dataset::{FileList, S3Objects, scan};
use crate::model::Place;
use crate::words::how_many;
use std::path::PathBuf;
use std::sync::Arc;

/// What to send, and where to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UploadRequest {
    /// Files, folders and globs.
    pub paths: Vec<PathBuf>,
    /// A bucket, which is made when it is not there, and a folder of it.
    pub to: Place,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UploadReport {
    /// Where the files are: slashes around the folder's name do not count.
    pub place: Place,
    /// Files sent now.
    pub sent: u64,
    /// Files that had been sent before.
    pub skipped: u64,
    /// Files that were not sent, those that cannot be read first.
    pub failed: Vec<NotDone>,
}

/// Sends files. What was sent before is not sent again.
///
/// # Errors
/// Nothing, or not everything that can be sent, was. Files that alone could not be are in the report.
pub async fn upload(
    context: &JobContext,
    request: UploadRequest,
    observer: &Observer,
) -> Result<UploadReport, JobError> {
    context.permit(Job::Upload)?;
    let UploadRequest { paths, to } = request;
    let place = Place { prefix: to.prefix.trim_matches('/').to_owned(), ..to };
    let files = files_of(paths.clone(), observer).await?;
    observer.until_cancelled(make_bucket(context.cloud(), &place.bucket, observer)).await?;
    observer.doing(format!("upload {} to {place}", how_many(files.len(), "file")));
    let unreadable = files.problems.iter();
    let mut failed: Vec<_> = unreadable
        .map(|problem| NotDone { what: problem.path.clone(), reason: problem.reason.clone() })
        .collect();
    let upload = Upload {
        files: Arc::new(files),
        journal: Upload::journal_for(&context.dirs().state, &context.cloud().context().name, &place, &paths),
        place: place.clone(),
        run: None,
        options: context.upload(),
        after: None,
    };
    let store = Arc::new(S3Objects::of(context.cloud()));
    let uploaded = upload.send(store, observer.meter(), observer.token()).await?;
    failed.extend(uploaded.failed.into_iter().map(NotDone::from));
    Ok(UploadReport { place, sent: uploaded.sent, skipped: uploaded.skipped, failed })
}

async fn files_of(paths: Vec<PathBuf>, observer: &Observer) -> Result<FileList, JobError> {
    let token = observer.token().clone();
    let list = tokio::task::spawn_blocking(move || scan(&paths, &mut |_| !token.is_cancelled())).await;
    let list = list.map_err(|error| JobError::new(JobErrorKind::Failed, error.to_string()))?;
    if observer.token().is_cancelled() {
        return Err(JobError::interrupted());
    }
    Ok(list?)
}

async fn make_bucket(cloud: &Cloud, bucket: &str, observer: &Observer) -> Result<(), JobError> {
    if !cloud.s3().bucket_exists(bucket).await? {
        cloud.s3().create_bucket(bucket).await?;
        observer.tell(JobEvent::BucketMade(bucket.to_owned()));
    }
    Ok(())
}
