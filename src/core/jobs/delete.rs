//! Deletes objects, and all below a folder.

use super::{Job, JobContext, JobError, NotDone, Observer};
use crate::cloud::ListQuery;

/// Objects that are deleted by one request.
const AT_ONCE: usize = 1000;

/// What came of deleting.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Deleted {
    /// Objects that are gone.
    pub deleted: u64,
    /// Objects that are still there.
    pub failed: Vec<NotDone>,
}

/// The keys of objects, with every object below those that are folders: keys that end with `/`, or nothing for the whole
/// bucket. Keys that name no folder are given back as they are.
///
/// # Errors
/// What the cloud said.
pub async fn objects_below(
    context: &JobContext,
    bucket: &str,
    keys: &[String],
    observer: &Observer,
) -> Result<Vec<String>, JobError> {
    context.permit(Job::Look)?;
    observer.until_cancelled(below(context, bucket, keys)).await
}

async fn below(context: &JobContext, bucket: &str, keys: &[String]) -> Result<Vec<String>, JobError> {
    let (folders, objects): (Vec<_>, Vec<_>) =
        keys.iter().partition(|key| key.is_empty() || key.ends_with('/'));
    let mut all: Vec<String> = objects.into_iter().cloned().collect();
    for prefix in folders {
        let mut token: Option<String> = None;
        loop {
            let query = ListQuery { prefix, token: token.as_deref(), ..ListQuery::default() };
            let page = context.cloud().s3().list_page(bucket, query).await?;
            all.extend(page.items.into_iter().map(|object| object.key));
            token = page.next;
            if token.is_none() {
                break;
            }
        }
    }
    Ok(all)
}

/// Deletes objects by their keys.
///
/// # Errors
/// What the cloud said of all of them, or a person ended it; what it said of single ones is in the report.
pub async fn delete(
    context: &JobContext,
    bucket: &str,
    keys: &[String],
    observer: &Observer,
) -> Result<Deleted, JobError> {
    context.permit(Job::Delete)?;
    let meter = observer.meter();
    meter.total(keys.len() as u64, 0);
    let mut report = Deleted::default();
    for chunk in keys.chunks(AT_ONCE) {
        let failed = observer.until_cancelled(context.cloud().s3().delete_many(bucket, chunk)).await?;
        let gone = chunk.len().saturating_sub(failed.len());
        report.deleted += gone as u64;
        (0..gone).for_each(|_| meter.item());
        for _ in &failed {
            meter.fail();
        }
        report.failed.extend(failed.into_iter().map(|(key, reason)| NotDone { what: key, reason }));
    }
    Ok(report)
}
