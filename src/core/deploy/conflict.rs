//! Somebody else who changes the same function at the same time: one wins, the other is told.
//!
//! Lambda refuses an update whose revision is not the function's (`RevisionId`, 412). The revision also changes with
//! what does not matter here (an update that becomes effective, a tag), so a refusal is looked into: the function may
//! be as it was planned to be found, or already as it was to become, because the answer to the first try was lost.

use super::{DeployError, diff, tags};
use crate::cloud::{
    Cloud, CloudError, ErrorKind, FunctionDetail, FunctionSettings, Notifications, Trigger, is_refused,
};
use std::collections::BTreeMap;

/// Times that a bucket's notifications are written when somebody else writes them, too.
const TRIES: u32 = 4;

/// Whether an update was refused because the function has changed since its revision was read.
pub(super) fn is_stale(error: &CloudError) -> bool {
    error.kind == ErrorKind::Conflict && error.code.as_deref() == Some("PreconditionFailedException")
}

/// Whether a creation was refused because the function exists.
pub(super) fn exists(error: &CloudError) -> bool {
    error.kind == ErrorKind::Conflict && error.message.contains("already exist")
}

/// Whether a function is as `wanted`.
pub(super) fn is(detail: &FunctionDetail, wanted: &FunctionSettings) -> bool {
    differences(wanted, &detail.settings).is_empty()
}

/// Checks that a function is as this deployment knows it.
///
/// # Errors
/// [`DeployError::Rival`], with what somebody else changed.
pub(super) fn check(known: &FunctionSettings, detail: &FunctionDetail) -> Result<(), DeployError> {
    let changed = differences(known, &detail.settings);
    if changed.is_empty() { Ok(()) } else { Err(told(&known.name, &changed.join("; "))) }
}

/// Checks that the function is of the definition that was deployed. Tags that may not be read say nothing.
///
/// # Errors
/// [`DeployError::Rival`]
pub(super) fn check_tags(
    wanted: &BTreeMap<String, String>,
    detail: &FunctionDetail,
) -> Result<(), DeployError> {
    let same = detail.tags.is_empty() || detail.tags.get(tags::DEFINITION) == wanted.get(tags::DEFINITION);
    if same { Ok(()) } else { Err(told(&detail.info.name, "its definition is another one")) }
}

/// The error for who lost.
pub(super) fn told(function: &str, what: &str) -> DeployError {
    DeployError::Rival(format!(
        "another deployment changed function {function} meanwhile: {what}. \
         Look at it (`throng functions {function}`) and deploy again if yours is to win"
    ))
}

fn differences(known: &FunctionSettings, is: &FunctionSettings) -> Vec<String> {
    let mut words = diff::settings(known, is);
    if !diff::same_image(&known.image, &is.image) || known.architecture != is.architecture {
        words.insert(0, format!("image {} → {}", diff::short(&known.image), diff::short(&is.image)));
    }
    words
}

/// The error about an entry of somebody else, whose target is gone, with what to do about it.
fn about_others(mut error: CloudError, arn: &str, notifications: &Notifications) -> CloudError {
    if is_refused(&error, arn) != Some(false) {
        return error;
    }
    let triggers = notifications.triggers();
    let stale = triggers.iter().filter(|one| one.target != arn && error.message.contains(&one.target));
    let entries: Vec<_> = stale.map(|one| format!("`{}` ({}*{})", one.id, one.prefix, one.suffix)).collect();
    if !entries.is_empty() {
        error.message = format!(
            "{}. S3 accepts no change of a bucket's notifications as long as one of them has a target that is gone: remove the \
             entry {} (S3 console: the bucket, Properties, Event notifications), or make its target again",
            error.message,
            entries.join(", ")
        );
    }
    error
}

/// Replaces the triggers of a function in the notifications of a bucket. S3 keeps them as one value and has no
/// condition for writing it, so they are read right before and right after: who wrote at the same time may have taken
/// ours away.
pub(super) async fn write_triggers(
    cloud: &Cloud,
    bucket: &str,
    arn: &str,
    wanted: &[Trigger],
) -> Result<(), CloudError> {
    for _ in 0..TRIES {
        let mut notifications = cloud.s3().notifications(bucket).await?;
        notifications
            .replace(arn, wanted)
            .map_err(|error| CloudError { what: bucket.to_owned(), ..error })?;
        let put = cloud.s3().put_notifications(bucket, &notifications, !wanted.is_empty()).await;
        put.map_err(|error| about_others(error, arn, &notifications))?;
        // Counted, not compared: clouds show filters in their own ways.
        if cloud.s3().notifications(bucket).await?.of(arn).len() == wanted.len() {
            return Ok(());
        }
    }
    let message = "somebody else changes the bucket's notifications at the same time and takes ours away: see who it is, \
                   and deploy again";
    Err(CloudError::new(ErrorKind::Conflict, "s3:PutBucketNotification", bucket, message))
}
