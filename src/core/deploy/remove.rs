//! Takes a function away. Buckets and objects stay.

use super::apply::remove_triggers;
use super::{DeployError, plan, tags, target};
use crate::core::cloud::{Cloud, CloudError, ErrorKind};
use crate::core::image;

/// What came of removing a function.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Removed {
    /// What was removed, in words.
    pub removed: Vec<String>,
    /// What was left, in words, with the reason.
    pub left: Vec<String>,
}

/// Removes a function with its triggers, permissions and, unless `keep_logs`, its log group.
///
/// # Errors
/// There is no such function, or the cloud refused.
pub async fn remove(cloud: &Cloud, function: &str, keep_logs: bool) -> Result<Removed, DeployError> {
    let Some(detail) = cloud.lambda().get(function).await? else {
        let message = "there is no such function";
        return Err(CloudError::new(ErrorKind::NotFound, "lambda:DeleteFunction", function, message).into());
    };
    let mut report = Removed::default();
    let mut buckets = Vec::new();
    for permission in cloud.lambda().bucket_permissions(function).await? {
        let bucket = permission.bucket;
        if remove_triggers(cloud, &bucket, &detail.info.arn).await? {
            report.removed.push(format!("trigger of bucket {bucket}"));
        }
        if permission.sid == plan::statement(&bucket) {
            cloud.lambda().remove_permission(function, &permission.sid).await?;
        }
        buckets.push(bucket);
    }
    if cloud.lambda().delete(function).await? {
        report.removed.push(format!("function {function}"));
    } else {
        report.left.push(format!("function {function}: somebody else removed it meanwhile"));
    }
    let group = &detail.info.log_group;
    let shared = *group != format!("/aws/lambda/{function}");
    if keep_logs || shared {
        let reason = if keep_logs { "as you asked" } else { "it may be shared" };
        report.left.push(format!("log group {group}: {reason}"));
    } else if cloud.logs().delete_group(group).await? {
        report.removed.push(format!("log group {group}"));
    }
    buckets.extend(tags::outputs_of(&detail.tags).into_iter().map(|place| place.bucket));
    buckets.sort();
    buckets.dedup();
    report.left.extend(buckets.into_iter().map(|bucket| format!("bucket {bucket} with its objects")));
    let image = detail.settings.image;
    if tags::is_ours(&detail.tags) && !image.is_empty() {
        match remove_image(cloud, function, &image).await {
            Ok(()) => report.removed.push(format!("image {image}")),
            Err(error) => report.left.push(format!("image {image}: {error}")),
        }
    } else if !image.is_empty() {
        report.left.push(format!("image {image}: throng did not make it"));
    }
    Ok(report)
}

/// Removes the image of one function from the repository that is its own.
async fn remove_image(cloud: &Cloud, function: &str, image: &str) -> Result<(), DeployError> {
    let mut place = target::registry(cloud, function)?;
    if let Some((_, digest)) = image.split_once('@') {
        digest.clone_into(&mut place.tag);
    }
    Ok(image::remove(&place).await?)
}
