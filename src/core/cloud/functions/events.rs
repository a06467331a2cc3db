//! Concurrency, asynchronous events, and who may start a function.

use super::convert::int;
use crate::cloud::error::CloudError;
use crate::cloud::lambda::Lambda;
use crate::cloud::{existed, small};
use aws_sdk_lambda::types::{DestinationConfig, OnFailure};

/// How Lambda treats asynchronous events of a function.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventInvoke {
    /// 0 to 2.
    pub retries: Option<u32>,
    /// ARN of where failed events go.
    pub on_failure: Option<String>,
    /// Seconds after which an event that has not begun is given up, when somebody has set that.
    pub event_age_s: Option<u32>,
}

/// A statement of a function's policy that lets a bucket start it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BucketPermission {
    /// Statement id
    pub sid: String,
    /// The bucket.
    pub bucket: String,
}

impl Lambda<'_> {
    /// Reserves concurrency, or with `None` reserves none.
    ///
    /// # Errors
    /// [`CloudError`]
    pub async fn set_concurrency(&self, name: &str, concurrency: Option<u32>) -> Result<(), CloudError> {
        self.limits.lambda_control.acquire().await;
        if let Some(value) = concurrency {
            const ACTION: &str = "lambda:PutFunctionConcurrency";
            let request = self
                .client
                .put_function_concurrency()
                .function_name(name)
                .reserved_concurrent_executions(int(value));
            small(ACTION, name, request.send()).await?;
        } else {
            const ACTION: &str = "lambda:DeleteFunctionConcurrency";
            let request = self.client.delete_function_concurrency().function_name(name);
            small(ACTION, name, request.send()).await?;
        }
        Ok(())
    }

    /// How asynchronous events of a function are treated; `None` when nothing was set.
    ///
    /// # Errors
    /// [`CloudError`]
    pub async fn event_invoke(&self, name: &str) -> Result<Option<EventInvoke>, CloudError> {
        const ACTION: &str = "lambda:GetFunctionEventInvokeConfig";
        self.limits.lambda_control.acquire().await;
        let request = self.client.get_function_event_invoke_config().function_name(name);
        match small(ACTION, name, request.send()).await {
            Ok(output) => Ok(Some(EventInvoke {
                retries: output.maximum_retry_attempts().and_then(|value| u32::try_from(value).ok()),
                on_failure: output
                    .destination_config()
                    .and_then(|config| config.on_failure()?.destination())
                    .filter(|destination| !destination.is_empty())
                    .map(str::to_owned),
                event_age_s: output
                    .maximum_event_age_in_seconds()
                    .and_then(|value| u32::try_from(value).ok()),
            })),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Sets how asynchronous events of a function are treated.
    ///
    /// # Errors
    /// [`CloudError`]
    pub async fn set_event_invoke(&self, name: &str, config: &EventInvoke) -> Result<(), CloudError> {
        const ACTION: &str = "lambda:PutFunctionEventInvokeConfig";
        self.limits.lambda_control.acquire().await;
        let destination = config.on_failure.as_ref().map(|arn| {
            DestinationConfig::builder().on_failure(OnFailure::builder().destination(arn).build()).build()
        });
        let request = self
            .client
            .put_function_event_invoke_config()
            .function_name(name)
            .set_maximum_retry_attempts(config.retries.map(int))
            .set_maximum_event_age_in_seconds(config.event_age_s.map(int))
            .set_destination_config(destination);
        small(ACTION, name, request.send()).await?;
        Ok(())
    }

    /// The buckets that may start a function.
    ///
    /// # Errors
    /// [`CloudError`]
    pub async fn bucket_permissions(&self, name: &str) -> Result<Vec<BucketPermission>, CloudError> {
        const ACTION: &str = "lambda:GetPolicy";
        self.limits.lambda_control.acquire().await;
        let request = self.client.get_policy().function_name(name);
        match small(ACTION, name, request.send()).await {
            Ok(output) => Ok(permissions_of(output.policy().unwrap_or_default())),
            Err(error) if error.is_not_found() => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }

    /// Lets a bucket of `account` start a function.
    ///
    /// # Errors
    /// [`ErrorKind::Conflict`](crate::cloud::ErrorKind::Conflict) when the statement exists.
    pub async fn permit_bucket(
        &self,
        name: &str,
        permission: &BucketPermission,
        bucket_arn: &str,
        account: &str,
    ) -> Result<(), CloudError> {
        const ACTION: &str = "lambda:AddPermission";
        self.limits.lambda_control.acquire().await;
        let request = self
            .client
            .add_permission()
            .function_name(name)
            .statement_id(&permission.sid)
            .action("lambda:InvokeFunction")
            .principal("s3.amazonaws.com")
            .source_arn(bucket_arn)
            .source_account(account);
        small(ACTION, name, request.send()).await?;
        Ok(())
    }

    /// Removes a statement of a function's policy. `false` when there was none.
    ///
    /// # Errors
    /// [`CloudError`]
    pub async fn remove_permission(&self, name: &str, sid: &str) -> Result<bool, CloudError> {
        const ACTION: &str = "lambda:RemovePermission";
        self.limits.lambda_control.acquire().await;
        let request = self.client.remove_permission().function_name(name).statement_id(sid);
        existed(small(ACTION, name, request.send()).await)
    }
}

fn permissions_of(policy: &str) -> Vec<BucketPermission> {
    let policy: serde_json::Value = serde_json::from_str(policy).unwrap_or_default();
    let statements = policy.get("Statement").and_then(serde_json::Value::as_array);
    let bucket = |statement: &serde_json::Value| {
        let sid = statement.get("Sid")?.as_str()?.to_owned();
        let condition = statement.get("Condition")?.as_object()?;
        let arn = condition.values().find_map(|operator| {
            let operator = operator.as_object()?;
            let (_, arn) = operator.iter().find(|(key, _)| key.eq_ignore_ascii_case("aws:SourceArn"))?;
            arn.as_str()
        })?;
        let (_, bucket) = arn.split_once(":s3:::")?;
        Some(BucketPermission { sid, bucket: bucket.to_owned() })
    };
    statements.into_iter().flatten().filter_map(bucket).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_read_from_a_policy() {
        let policy = r#"{"Version":"2012-10-17","Statement":[
            {"Sid":"throng-s3-in","Effect":"Allow","Principal":{"Service":"s3.amazonaws.com"},
             "Condition":{"StringEquals":{"AWS:SourceAccount":"1"},"ArnLike":{"AWS:SourceArn":"arn:aws:s3:::in"}}},
            {"Sid":"other","Effect":"Allow","Principal":{"Service":"events.amazonaws.com"}}]}"#;
        let expected = BucketPermission { sid: "throng-s3-in".into(), bucket: "in".into() };
        assert_eq!(permissions_of(policy), [expected]);
        assert_eq!(permissions_of(""), []);
    }
}
