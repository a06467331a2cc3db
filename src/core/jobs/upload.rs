//! Sends files to a folder of a bucket, which starts nothing but what the bucket's triggers start.

use super::{Job, JobContext, JobError, JobErrorKind, JobEvent, NotDone, Observer};
use crate::cloud::Cloud;
use crate::dataset::upload::Upload;
use crate::dataset::{FileList, S3Objects, scan};
use crate::model::Place;
use crate::run::FunctionApi as _;
use crate::words::how_many;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

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
    /// Where the files are: their folder, without slashes around its name; of a single file its own place.
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
    let files = files_of(paths.clone(), observer).await?;
    let place = folder_of(&to, &files);
    observer.until_cancelled(make_bucket(context.cloud(), &place.bucket, observer)).await?;
    observer.doing(format!("upload {} to {place}", how_many(files.len(), "file")));
    let unreadable = files.problems.iter();
    let mut failed: Vec<_> = unreadable
        .map(|problem| NotDone { what: problem.path.clone(), reason: problem.reason.clone() })
        .collect();
    for (function, files) in starts(context.cloud(), &place, &files).await {
        observer.tell(JobEvent::Starts { function, files });
    }
    let files = Arc::new(files);
    let upload = Upload {
        files: files.clone(),
        journal: Upload::journal_for(&context.dirs().state, &context.cloud().context().name, &place, &paths),
        place: place.clone(),
        run: None,
        options: context.upload(),
        around: None,
    };
    let store = Arc::new(S3Objects::of(context.cloud()));
    let uploaded = upload.send(store, observer.meter(), observer.token()).await?;
    failed.extend(uploaded.failed.into_iter().map(NotDone::from));
    let own = only_of(&files).map(|name| place.key(name));
    let place = Place { prefix: own.unwrap_or_else(|| place.prefix.clone()), ..place };
    Ok(UploadReport { place, sent: uploaded.sent, skipped: uploaded.skipped, failed })
}

/// The functions that an upload would start by the arrival of its files, and how many start each.
///
/// # Errors
/// The files cannot be looked at.
pub async fn what_starts(
    context: &JobContext,
    paths: &[PathBuf],
    to: &Place,
) -> Result<BTreeMap<String, u64>, JobError> {
    let files = files_of(paths.to_vec(), &Observer::silent(CancellationToken::new())).await?;
    Ok(starts(context.cloud(), &folder_of(to, &files), &files).await)
}

/// The functions that the files will start by their arrival, and how many start each. What cannot be known is not told.
async fn starts(cloud: &Cloud, place: &Place, files: &FileList) -> BTreeMap<String, u64> {
    let triggers = cloud.started_in(&place.bucket).await.unwrap_or_else(|error| {
        tracing::info!(%error, bucket = place.bucket, "not known what an upload starts");
        Vec::new()
    });
    let mut starts = BTreeMap::new();
    for key in files.iter().map(|file| place.key(file.name)).filter(|_| !triggers.is_empty()) {
        for (function, _) in triggers.iter().filter(|(_, trigger)| trigger.starts(&place.bucket, &key)) {
            *starts.entry(function.clone()).or_default() += 1;
        }
    }
    starts
}

/// The name of a file that is the only one, and not in a folder.
fn only_of(files: &FileList) -> Option<&str> {
    let only = files.get(0).filter(|_| files.len() == 1)?;
    (!only.name.contains('/')).then_some(only.name)
}

/// The folder that files go to. A place that ends like the only file is the file's own, as `aws s3 cp` has it: a folder of a
/// file's name is not what anybody means.
fn folder_of(to: &Place, files: &FileList) -> Place {
    let prefix = to.prefix.trim_matches('/');
    let own = only_of(files).filter(|_| !to.prefix.ends_with('/')).and_then(|name| prefix.strip_suffix(name));
    let folder = own.filter(|folder| folder.is_empty() || folder.ends_with('/')).unwrap_or(prefix);
    Place { prefix: folder.trim_end_matches('/').to_owned(), ..to.clone() }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_that_ends_like_the_only_file_is_the_files_own() {
        let mut one = FileList::default();
        let base = one.add_base(PathBuf::from("/data"));
        one.push(base, "a.txt", 1);
        let mut two = one.clone();
        two.push(base, "b.txt", 1);
        for (files, asked, folder) in [
            (&one, "box/a.txt", "box"),
            (&one, "a.txt", ""),
            (&one, "box/a.txt/", "box/a.txt"),
            (&one, "box/ba.txt", "box/ba.txt"),
            (&one, "/box/", "box"),
            (&two, "box/a.txt", "box/a.txt"),
        ] {
            let to = Place { bucket: "b".into(), prefix: asked.into() };
            assert_eq!(folder_of(&to, files).prefix, folder, "{asked}");
        }
    }
}
