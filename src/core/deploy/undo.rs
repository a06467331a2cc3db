//! Takes back what was made.

use super::conflict;
use super::role::POLICY;
use super::secrets;
use crate::cloud::{Cloud, CloudError};

/// Takes back one thing that was created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Undo {
    /// A bucket; only if it is empty.
    Bucket(String),
    /// A repository with its images.
    Repository(String),
    /// A role with the policy that throng gave it.
    Role(String),
    /// A log group.
    LogGroup(String),
    /// A function.
    Function(String),
    /// The triggers of a bucket that start a function.
    Triggers {
        /// The bucket.
        bucket: String,
        /// The function's ARN.
        arn: String,
    },
    /// The keys of a function's storage providers.
    Keys {
        /// The home bucket.
        bucket: String,
        /// Key of the object.
        key: String,
    },
}

/// Takes back what a failed [`apply`](super::apply) created, last first. Returns what could not be taken back, with the reason.
pub async fn undo(cloud: &Cloud, created: &[Undo]) -> Vec<String> {
    let mut left = Vec::new();
    for item in created.iter().rev() {
        let (what, result) = match item {
            Undo::Bucket(bucket) => (format!("bucket {bucket}"), cloud.s3().delete_bucket(bucket).await),
            Undo::Repository(name) => {
                (format!("repository {name}"), cloud.repositories().delete(name).await.map(drop))
            }
            Undo::Role(name) => (format!("role {name}"), remove_role(cloud, name).await.map(drop)),
            Undo::LogGroup(group) => {
                (format!("log group {group}"), cloud.logs().delete_group(group).await.map(drop))
            }
            Undo::Function(name) => (format!("function {name}"), cloud.lambda().delete(name).await.map(drop)),
            Undo::Triggers { bucket, arn } => {
                (format!("trigger of bucket {bucket}"), remove_triggers(cloud, bucket, arn).await.map(drop))
            }
            Undo::Keys { bucket, key } => {
                ("keys of storage providers".to_owned(), secrets::forget(cloud, bucket, key).await)
            }
        };
        if let Err(error) = result {
            left.push(format!("{what}: {error}"));
        }
    }
    left
}

/// Removes the triggers that start a function. `false` when there were none.
pub(super) async fn remove_triggers(cloud: &Cloud, bucket: &str, arn: &str) -> Result<bool, CloudError> {
    let notifications = match cloud.s3().notifications(bucket).await {
        Ok(notifications) => notifications,
        Err(error) if error.is_not_found() => return Ok(false),
        Err(error) => return Err(error),
    };
    if notifications.of(arn).is_empty() {
        return Ok(false);
    }
    conflict::write_triggers(cloud, bucket, arn, &[]).await?;
    Ok(true)
}

/// Removes a role and the policy that throng gave it. `false` when there was none.
pub(super) async fn remove_role(cloud: &Cloud, name: &str) -> Result<bool, CloudError> {
    cloud.roles().delete_policy(name, POLICY).await?;
    cloud.roles().delete(name).await
}
