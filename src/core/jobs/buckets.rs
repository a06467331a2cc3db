//! Makes and deletes buckets.

use super::{Job, JobContext, JobError, JobErrorKind};
use crate::deploy;

/// Makes a bucket.
///
/// # Errors
/// What the cloud said.
pub async fn create_bucket(context: &JobContext, bucket: &str) -> Result<(), JobError> {
    context.permit(Job::CreateBucket)?;
    Ok(context.cloud().s3().create_bucket(bucket).await?)
}

/// Deletes a bucket; one that is not empty only `with_objects`, of which every version goes.
///
/// # Errors
/// It is not empty, or what the cloud said.
pub async fn delete_bucket(context: &JobContext, bucket: &str, with_objects: bool) -> Result<(), JobError> {
    context.permit(Job::DeleteBucket)?;
    if with_objects {
        deploy::empty_bucket(context.cloud(), bucket).await?;
    }
    let deleted = context.cloud().s3().delete_bucket(bucket).await;
    deleted.map_err(|error| match error.code.as_deref() {
        Some("BucketNotEmpty") => JobError::new(
            JobErrorKind::Refused,
            format!(
                "the bucket {bucket} is not empty: `throng ls -r {bucket}` lists its objects, `throng rm object \
                 {bucket}/FOLDER/` deletes a folder of them, `--with-objects` all"
            ),
        ),
        _ => error.into(),
    })
}
