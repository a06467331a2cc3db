//! Lifecycle configurations between the protocol and the store: what the store does, and nothing else.

use super::S3Answer;
use crate::s3::ObjectStore;
use crate::s3::error::StoreError;
use crate::s3::lifecycle::{LIFECYCLE, Rule};
use http::StatusCode;
use s3s::dto::{
    AbortIncompleteMultipartUpload, DeleteBucketLifecycleInput, DeleteBucketLifecycleOutput,
    ExpirationStatus, GetBucketLifecycleConfigurationInput, GetBucketLifecycleConfigurationOutput,
    LifecycleExpiration, LifecycleRule, LifecycleRuleFilter, PutBucketLifecycleConfigurationInput,
    PutBucketLifecycleConfigurationOutput,
};
use s3s::{S3ErrorCode, S3Response};

/// Most rules of a bucket.
const RULES_MAX: usize = 1000;

pub async fn put(
    store: &ObjectStore,
    input: PutBucketLifecycleConfigurationInput,
) -> S3Answer<PutBucketLifecycleConfigurationOutput> {
    let rules = input.lifecycle_configuration.map(|all| all.rules).unwrap_or_default();
    if rules.is_empty() || rules.len() > RULES_MAX {
        let message =
            "The XML you provided was not well-formed or did not validate against our published schema";
        return Err(StoreError::refused(S3ErrorCode::MalformedXML, message).into());
    }
    let rules = rules.into_iter().map(read).collect::<Result<Vec<_>, _>>()?;
    store.set_setting(&input.bucket, LIFECYCLE, Some(&rules)).await?;
    Ok(S3Response::new(PutBucketLifecycleConfigurationOutput::default()))
}

pub fn get(
    store: &ObjectStore,
    input: &GetBucketLifecycleConfigurationInput,
) -> S3Answer<GetBucketLifecycleConfigurationOutput> {
    let rules: Option<Vec<Rule>> = store.setting(&input.bucket, LIFECYCLE)?;
    let Some(rules) = rules else {
        let message = "The lifecycle configuration does not exist";
        return Err(StoreError::refused(S3ErrorCode::NoSuchLifecycleConfiguration, message).into());
    };
    Ok(S3Response::new(GetBucketLifecycleConfigurationOutput {
        rules: Some(rules.into_iter().map(written).collect()),
        ..Default::default()
    }))
}

pub async fn delete(
    store: &ObjectStore,
    input: DeleteBucketLifecycleInput,
) -> S3Answer<DeleteBucketLifecycleOutput> {
    store.set_setting::<()>(&input.bucket, LIFECYCLE, None).await?;
    Ok(S3Response::with_status(DeleteBucketLifecycleOutput::default(), StatusCode::NO_CONTENT))
}

fn read(rule: LifecycleRule) -> Result<Rule, StoreError> {
    let other = |what: &str| {
        let message = format!(
            "The local cloud keeps lifecycle rules with Expiration in days and AbortIncompleteMultipartUpload by \
             prefix; it does not do {what}."
        );
        Err(StoreError::refused(S3ErrorCode::NotImplemented, message))
    };
    if rule.transitions.is_some()
        || rule.noncurrent_version_transitions.is_some()
        || rule.noncurrent_version_expiration.is_some()
    {
        return other("transitions and versions");
    }
    let filter = rule.filter.unwrap_or_default();
    if filter.and.is_some()
        || filter.tag.is_some()
        || filter.object_size_greater_than.is_some()
        || filter.object_size_less_than.is_some()
    {
        return other("filters by tag or size");
    }
    let expiration = rule.expiration.unwrap_or_default();
    if expiration.date.is_some() || expiration.expired_object_delete_marker.is_some() {
        return other("expiration by date");
    }
    let abort_days =
        rule.abort_incomplete_multipart_upload.map(|abort| abort.days_after_initiation.unwrap_or_default());
    let expire_days = expiration.days;
    if [abort_days, expire_days].into_iter().flatten().any(|days| days < 1) {
        return Err(StoreError::argument("'Days' for Expiration action must be a positive integer"));
    }
    if abort_days.is_none() && expire_days.is_none() {
        return Err(StoreError::request("At least one action needs to be specified in a rule"));
    }
    Ok(Rule {
        id: rule.id,
        prefix: filter.prefix.or(rule.prefix).unwrap_or_default(),
        enabled: rule.status.as_str() == ExpirationStatus::ENABLED,
        abort_days,
        expire_days,
    })
}

fn written(rule: Rule) -> LifecycleRule {
    let status = if rule.enabled { ExpirationStatus::ENABLED } else { ExpirationStatus::DISABLED };
    LifecycleRule {
        abort_incomplete_multipart_upload: rule
            .abort_days
            .map(|days| AbortIncompleteMultipartUpload { days_after_initiation: Some(days) }),
        expiration: rule
            .expire_days
            .map(|days| LifecycleExpiration { days: Some(days), ..Default::default() }),
        filter: Some(LifecycleRuleFilter { prefix: Some(rule.prefix), ..Default::default() }),
        id: rule.id,
        noncurrent_version_expiration: None,
        noncurrent_version_transitions: None,
        prefix: None,
        status: ExpirationStatus::from_static(status),
        transitions: None,
    }
}
