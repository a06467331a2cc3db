//! Takes a function away with what throng made for it, known by its tags. Buckets and their objects stay unless asked for.
//!
//! Each thing is looked for by its own name, so that a removal that was ended half-way goes on when it is repeated.

use super::target::{self, Ecr};
use super::undo::{remove_role, remove_triggers};
use super::{DeployError, plan, role, secrets, tags};
use crate::cloud::{Cloud, CloudError, ErrorKind, FunctionDetail, ListQuery};
use std::collections::BTreeSet;

/// What else to remove, and what to keep.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RemoveOptions {
    /// Keep the log group.
    pub keep_logs: bool,
    /// What becomes of the buckets of inputs and outputs that throng made.
    pub buckets: BucketsOf,
    /// Also a function that throng did not make.
    pub foreign: bool,
}

/// What becomes of the buckets of a function that is removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BucketsOf {
    /// They stay.
    #[default]
    Stay,
    /// Those that are empty go.
    GoEmpty,
    /// They go with all objects.
    GoWithData,
}

/// What came of removing a function.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Removed {
    /// What was removed, in words.
    pub removed: Vec<String>,
    /// What was left, in words, with the reason.
    pub left: Vec<String>,
}

impl Removed {
    fn gone(&mut self, what: String) {
        self.removed.push(what);
    }

    fn kept(&mut self, what: &str, why: impl std::fmt::Display) {
        self.left.push(format!("{what}: {why}"));
    }
}

/// Buckets that a function reads from and writes to: what [`BucketsOf::GoWithData`] may delete.
///
/// # Errors
/// What the cloud said.
pub async fn buckets_of(cloud: &Cloud, function: &str) -> Result<Vec<String>, CloudError> {
    let Some(detail) = cloud.lambda().get(function).await? else { return Ok(Vec::new()) };
    let triggers = cloud.lambda().bucket_permissions(function).await?;
    let outputs = tags::outputs_of(&detail.tags).into_iter().map(|place| place.bucket);
    let home = cloud.home_bucket()?;
    let triggers = triggers.into_iter().map(|permission| permission.bucket).filter(|bucket| bucket != home);
    let all: BTreeSet<_> = triggers.chain(outputs).collect();
    Ok(all.into_iter().collect())
}

/// Removes a function with its triggers and permissions, and what throng made for it: log group, image or repository,
/// role.
///
/// # Errors
/// There is nothing of that name, or the cloud refused.
pub async fn remove(cloud: &Cloud, function: &str, options: RemoveOptions) -> Result<Removed, DeployError> {
    let detail = cloud.lambda().get(function).await?;
    let ours = detail.as_ref().map(tags::is_ours_for_sure);
    if !options.foreign && !ours.transpose()?.unwrap_or(true) {
        return Err(DeployError::Unfit(format!(
            "throng did not make function {function}: it is left as it is (`--foreign` removes it all the same)"
        )));
    }
    let mut report = Removed::default();
    let mut buckets = BTreeSet::new();
    if let Some(detail) = &detail {
        triggers(cloud, function, detail, &mut report, &mut buckets).await?;
        buckets.extend(tags::outputs_of(&detail.tags).into_iter().map(|place| place.bucket));
        if cloud.lambda().delete(function).await? {
            report.gone(format!("function {function}"));
        } else {
            let why = "it was gone already; somebody else may have removed it meanwhile";
            report.kept(&format!("function {function}"), why);
        }
    }
    match secrets::remove(cloud, function).await {
        Ok(true) => report.gone("keys of storage providers and secrets".into()),
        Ok(false) => {}
        Err(error) => report.kept("keys of storage providers and secrets", error),
    }
    log_group(cloud, function, detail.as_ref(), options, &mut report).await?;
    image(cloud, function, detail.as_ref(), &mut report).await?;
    if cloud.role().is_none() {
        own_role(cloud, function, &mut report).await?;
    }
    if detail.is_none() && report.removed.is_empty() {
        let message = "there is no such function";
        return Err(CloudError::new(ErrorKind::NotFound, "lambda:DeleteFunction", function, message).into());
    }
    for bucket in buckets {
        remove_bucket(cloud, &bucket, options, &mut report).await?;
    }
    Ok(report)
}

async fn triggers(
    cloud: &Cloud,
    function: &str,
    detail: &FunctionDetail,
    report: &mut Removed,
    buckets: &mut BTreeSet<String>,
) -> Result<(), DeployError> {
    for permission in cloud.lambda().bucket_permissions(function).await? {
        let bucket = permission.bucket;
        if remove_triggers(cloud, &bucket, &detail.info.arn).await? {
            report.gone(format!("trigger of bucket {bucket}"));
        }
        if permission.sid == plan::statement(&bucket) {
            cloud.lambda().remove_permission(function, &permission.sid).await?;
        }
        // Start markers arrive there.
        if bucket != cloud.home_bucket()? {
            buckets.insert(bucket);
        }
    }
    Ok(())
}

async fn log_group(
    cloud: &Cloud,
    function: &str,
    detail: Option<&FunctionDetail>,
    options: RemoveOptions,
    report: &mut Removed,
) -> Result<(), DeployError> {
    let own = format!("/aws/lambda/{function}");
    let named = detail.map_or(&own, |detail| &detail.info.log_group);
    let what = format!("log group {named}");
    if *named != own {
        report.kept(&what, "it may be shared");
        return Ok(());
    }
    let Some(group) = cloud.logs().group(&own).await? else { return Ok(()) };
    if options.keep_logs {
        report.kept(&what, "as you asked");
        return Ok(());
    }
    // Lambda makes the group of a function that has none: of a function of ours it is ours, too.
    let ours = detail.is_some_and(|detail| tags::is_ours(&detail.tags))
        || cloud.logs().tags(&group.arn).await.is_ok_and(|tags| tags::is_ours(&tags));
    if !ours {
        report.kept(&what, "throng did not make it");
    } else if cloud.logs().delete_group(&own).await? {
        report.gone(what);
    }
    Ok(())
}

/// The repository, where each function has one that throng made; else the image alone.
async fn image(
    cloud: &Cloud,
    function: &str,
    detail: Option<&FunctionDetail>,
    report: &mut Removed,
) -> Result<(), DeployError> {
    let image = detail.map(|detail| detail.settings.image.as_str()).unwrap_or_default();
    let what = format!("image {image}");
    let mut target = match target::of_function(cloud, function).await {
        Ok(target) => target,
        Err(error) if image.is_empty() => return Err(error),
        Err(error) => {
            report.kept(&what, error);
            return Ok(());
        }
    };
    if target.ecr == Ecr::Own {
        let name = &target.registry.repository;
        let Some(repository) = cloud.repositories().get(name).await? else { return Ok(()) };
        if !tags::is_of(&cloud.repositories().tags(&repository.arn).await?, function) {
            report.kept(&format!("repository {name}"), "throng did not make it for this function");
        } else if cloud.repositories().delete(name).await? {
            report.gone(format!("repository {name} with its images"));
        }
        return Ok(());
    }
    let Some((_, digest)) = image.split_once('@') else { return Ok(()) };
    if !detail.is_some_and(|detail| tags::is_ours(&detail.tags)) {
        report.kept(&what, "throng did not make it");
        return Ok(());
    }
    if matches!(crate::image::holds(&target.registry, digest).await, Ok(false)) {
        return Ok(());
    }
    digest.clone_into(&mut target.registry.tag);
    match target::remove_image(cloud, &target).await {
        Ok(()) => report.gone(what),
        Err(error) => report.kept(&what, error),
    }
    Ok(())
}

async fn own_role(cloud: &Cloud, function: &str, report: &mut Removed) -> Result<(), DeployError> {
    let name = role::name_of(cloud.region(), function);
    let Some(found) = cloud.roles().get(&name).await? else { return Ok(()) };
    let what = format!("role {name}");
    if !tags::is_of(&found.tags, function) {
        report.kept(&what, "throng did not make it for this function");
        return Ok(());
    }
    match remove_role(cloud, &name).await {
        Ok(true) => report.gone(what),
        Ok(false) => {}
        // Somebody gave it policies.
        Err(error) if error.kind == ErrorKind::Conflict => report.kept(&what, error),
        Err(error) => return Err(error.into()),
    }
    Ok(())
}

async fn remove_bucket(
    cloud: &Cloud,
    bucket: &str,
    options: RemoveOptions,
    report: &mut Removed,
) -> Result<(), DeployError> {
    let what = format!("bucket {bucket}");
    let s3 = cloud.s3();
    if !s3.bucket_exists(bucket).await? {
        return Ok(());
    }
    let ours = tags::is_ours(&s3.bucket_tags(bucket).await.unwrap_or_default());
    let empty = async || {
        let page = s3.list_page(bucket, ListQuery { max: Some(1), ..ListQuery::default() }).await?;
        Ok::<_, CloudError>(page.items.is_empty())
    };
    if options.buckets == BucketsOf::Stay {
        report.kept(&what, "with its objects");
    } else if !ours {
        report.kept(&what, format!("no deployment made it; `throng rm bucket {bucket}` deletes it"));
    } else if bucket == cloud.home_bucket()? {
        report.kept(&what, "it is the context's home bucket");
    } else if !s3.notifications(bucket).await?.triggers().is_empty() {
        report.kept(&what, "its objects start something else, too");
    } else if options.buckets == BucketsOf::GoEmpty && !empty().await? {
        let way =
            format!("it holds objects; `throng rm bucket {bucket} --with-objects` deletes it with them");
        report.kept(&what, way);
    } else {
        empty_bucket(cloud, bucket).await?;
        s3.delete_bucket(bucket).await?;
        report.gone(what);
    }
    Ok(())
}

/// Deletes every object; where a bucket keeps versions, every one of each, and the markers of deleted ones: a bucket that has
/// some cannot be deleted.
///
/// # Errors
/// What the cloud said.
pub async fn empty_bucket(cloud: &Cloud, bucket: &str) -> Result<(), DeployError> {
    let s3 = cloud.s3();
    let versioned = match s3.keeps_versions(bucket).await {
        Ok(versioned) => versioned,
        // An answer that cannot be read (moto's, 5.2): the versions of a bucket without any are its objects.
        Err(error) if error.kind == ErrorKind::Other => true,
        Err(error) => return Err(error.into()),
    };
    loop {
        let failed = if versioned {
            let versions = s3.versions_page(bucket).await?;
            if versions.is_empty() {
                return Ok(());
            }
            s3.delete_versions(bucket, &versions).await?
        } else {
            let page = s3.list_page(bucket, ListQuery::default()).await?;
            if page.items.is_empty() {
                return Ok(());
            }
            let keys: Vec<_> = page.items.into_iter().map(|object| object.key).collect();
            s3.delete_many(bucket, &keys).await?
        };
        if let Some((key, reason)) = failed.first() {
            let message = format!("{key}: {reason}");
            let kind = if reason.contains("AccessDenied") { ErrorKind::Denied } else { ErrorKind::Other };
            return Err(CloudError::new(kind, "s3:DeleteObject", bucket, message).into());
        }
    }
}
