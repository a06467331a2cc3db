//! Log groups. Reading logs is in `core::logs`.

use super::budget::Limits;
use super::error::CloudError;
use super::{existed, small};
use aws_sdk_cloudwatchlogs::Client;
use std::collections::BTreeMap;

/// Log groups of a context.
#[derive(Clone, Copy)]
pub struct Logs<'a> {
    client: &'a Client,
    limits: &'a Limits,
}

/// A log group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogGroup {
    /// Its name, `/aws/lambda/<function>` unless set otherwise.
    pub name: String,
    /// ARN, without `:*`.
    pub arn: String,
    /// Days for which lines are kept; for ever when `None`.
    pub retention_days: Option<u32>,
}

impl<'a> Logs<'a> {
    pub(super) const fn new(client: &'a Client, limits: &'a Limits) -> Self {
        Self { client, limits }
    }

    /// A log group by its exact name.
    ///
    /// # Errors
    /// [`CloudError`]
    pub async fn group(&self, name: &str) -> Result<Option<LogGroup>, CloudError> {
        const ACTION: &str = "logs:DescribeLogGroups";
        self.limits.logs_describe.acquire().await;
        let request = self.client.describe_log_groups().log_group_name_prefix(name);
        let output = small(ACTION, name, request.send()).await?;
        let group = output.log_groups().iter().find(|group| group.log_group_name() == Some(name));
        Ok(group.map(|group| LogGroup {
            name: name.to_owned(),
            arn: group
                .log_group_arn()
                .or_else(|| group.arn())
                .unwrap_or_default()
                .trim_end_matches(":*")
                .to_owned(),
            retention_days: group.retention_in_days().and_then(|days| u32::try_from(days).ok()),
        }))
    }

    /// Makes a log group. `false` when it exists.
    ///
    /// # Errors
    /// [`CloudError`]
    pub async fn create_group(
        &self,
        name: &str,
        tags: &BTreeMap<String, String>,
    ) -> Result<bool, CloudError> {
        const ACTION: &str = "logs:CreateLogGroup";
        self.limits.logs_control.acquire().await;
        let tags = (!tags.is_empty()).then(|| tags.clone().into_iter().collect());
        let request = self.client.create_log_group().log_group_name(name).set_tags(tags);
        match small(ACTION, name, request.send()).await {
            Ok(_) => Ok(true),
            Err(error) if error.kind == super::ErrorKind::Conflict => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Sets the days for which lines are kept.
    ///
    /// # Errors
    /// [`CloudError`]
    pub async fn set_retention(&self, name: &str, days: u32) -> Result<(), CloudError> {
        const ACTION: &str = "logs:PutRetentionPolicy";
        self.limits.logs_control.acquire().await;
        let days = i32::try_from(days).unwrap_or(i32::MAX);
        let request = self.client.put_retention_policy().log_group_name(name).retention_in_days(days);
        small(ACTION, name, request.send()).await?;
        Ok(())
    }

    /// The tags of a log group, by its ARN.
    ///
    /// # Errors
    /// [`CloudError`]
    pub async fn tags(&self, arn: &str) -> Result<BTreeMap<String, String>, CloudError> {
        const ACTION: &str = "logs:ListTagsForResource";
        self.limits.logs_control.acquire().await;
        let request = self.client.list_tags_for_resource().resource_arn(arn);
        let output = small(ACTION, arn, request.send()).await?;
        Ok(output.tags.unwrap_or_default().into_iter().collect())
    }

    /// Deletes a log group. `false` when there was none.
    ///
    /// # Errors
    /// [`CloudError`]
    pub async fn delete_group(&self, name: &str) -> Result<bool, CloudError> {
        const ACTION: &str = "logs:DeleteLogGroup";
        self.limits.logs_control.acquire().await;
        let request = self.client.delete_log_group().log_group_name(name);
        existed(small(ACTION, name, request.send()).await)
    }
}
