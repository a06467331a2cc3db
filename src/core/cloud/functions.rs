//! Functions: lists, details, and the calls that a deployment makes.

use super::error::{CloudError, ErrorKind};
use super::lambda::Lambda;
use super::{SMALL, within};
use crate::core::model::{FunctionInfo, Millis};
use aws_sdk_lambda::types::{
    Architecture, DestinationConfig, Environment, EphemeralStorage, FunctionCode, FunctionConfiguration,
    LastUpdateStatusReasonCode, LogFormat, LoggingConfig, OnFailure, PackageType, StateReasonCode,
    SystemLogLevel,
};
use std::collections::BTreeMap;
use throng_runtime::contract::layout::ENV_HOME_BUCKET;

/// What a function is to be, or is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FunctionSettings {
    /// Name
    pub name: String,
    /// Image URI with its digest.
    pub image: String,
    /// Role ARN
    pub role: String,
    /// Free text, at most 256 characters.
    pub description: String,
    /// MiB
    pub memory_mb: u32,
    /// Seconds
    pub timeout_s: u32,
    /// MiB of /tmp.
    pub tmp_mb: u32,
    /// `x86_64` or `arm64`.
    pub architecture: String,
    /// Variables of the Lambda function.
    pub env: BTreeMap<String, String>,
    /// Log group
    pub log_group: String,
    /// Whether it logs JSON.
    pub log_json: bool,
}

/// Everything that is known of a function.
#[derive(Clone, Debug, PartialEq)]
pub struct FunctionDetail {
    /// As lists show it.
    pub info: FunctionInfo,
    /// Its settings.
    pub settings: FunctionSettings,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// Reserved concurrency.
    pub concurrency: Option<u32>,
    /// How its last change went.
    pub state: FunctionState,
    /// Changes with everything that is changed.
    pub revision: String,
}

/// How far a function's creation or last change is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FunctionState {
    /// `Active`, `Pending`, `Failed`, `Inactive`.
    pub state: String,
    /// Why, as a code.
    pub state_code: String,
    /// Why, in words.
    pub state_reason: String,
    /// `Successful`, `InProgress`, `Failed`.
    pub update: String,
    /// Why, as a code.
    pub update_code: String,
    /// Why, in words.
    pub update_reason: String,
}

/// How Lambda treats asynchronous events of a function.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventInvoke {
    /// 0 to 2.
    pub retries: Option<u32>,
    /// ARN of where failed events go.
    pub on_failure: Option<String>,
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
    /// A page of functions, with the token for the next one.
    ///
    /// # Errors
    /// [`CloudError`]
    pub async fn list_page(
        &self,
        token: Option<String>,
    ) -> Result<(Vec<FunctionInfo>, Option<String>), CloudError> {
        const ACTION: &str = "lambda:ListFunctions";
        self.limits.lambda_control.acquire().await;
        let request = self.client.list_functions().set_marker(token);
        let output = within(SMALL, ACTION, async {
            request.send().await.map_err(|error| CloudError::from_sdk(ACTION, "", &error))
        })
        .await?;
        let functions = output.functions().iter().map(info_of).collect();
        Ok((functions, output.next_marker().filter(|marker| !marker.is_empty()).map(str::to_owned)))
    }

    /// Everything about a function; `None` when there is none of that name.
    ///
    /// # Errors
    /// [`CloudError`]
    pub async fn get(&self, name: &str) -> Result<Option<FunctionDetail>, CloudError> {
        const ACTION: &str = "lambda:GetFunction";
        self.limits.lambda_get.acquire().await;
        let request = self.client.get_function().function_name(name);
        let call = async { request.send().await.map_err(|error| CloudError::from_sdk(ACTION, name, &error)) };
        let output = match within(SMALL, ACTION, call).await {
            Ok(output) => output,
            Err(error) if error.is_not_found() => return Ok(None),
            Err(error) => return Err(error),
        };
        let Some(configuration) = output.configuration() else {
            return Err(CloudError::new(ErrorKind::Other, ACTION, name, "the answer has no configuration"));
        };
        let image = output.code().and_then(|code| {
            let resolved = code.resolved_image_uri().filter(|uri| !uri.is_empty());
            resolved.or_else(|| code.image_uri())
        });
        let mut settings = settings_of(configuration);
        image.unwrap_or_default().clone_into(&mut settings.image);
        let mut info = info_of(configuration);
        info.image.clone_from(&settings.image);
        let concurrency =
            output.concurrency().and_then(aws_sdk_lambda::types::Concurrency::reserved_concurrent_executions);
        Ok(Some(FunctionDetail {
            info,
            settings,
            tags: output.tags().map(|tags| tags.clone().into_iter().collect()).unwrap_or_default(),
            concurrency: concurrency.and_then(|value| u32::try_from(value).ok()),
            state: state_of(configuration),
            revision: configuration.revision_id().unwrap_or_default().to_owned(),
        }))
    }

    /// Creates a function.
    ///
    /// # Errors
    /// [`ErrorKind::Conflict`] when it exists.
    pub async fn create(
        &self,
        settings: &FunctionSettings,
        tags: &BTreeMap<String, String>,
    ) -> Result<(), CloudError> {
        const ACTION: &str = "lambda:CreateFunction";
        self.limits.lambda_control.acquire().await;
        let request = self
            .client
            .create_function()
            .function_name(&settings.name)
            .package_type(PackageType::Image)
            .code(FunctionCode::builder().image_uri(&settings.image).build())
            .role(&settings.role)
            .description(&settings.description)
            .memory_size(int(settings.memory_mb))
            .timeout(int(settings.timeout_s))
            .ephemeral_storage(storage(settings)?)
            .architectures(Architecture::from(settings.architecture.as_str()))
            .environment(environment(settings))
            .logging_config(logging(settings))
            .set_tags(Some(tags.clone().into_iter().collect()));
        let call = Box::pin(async {
            request.send().await.map_err(|error| CloudError::from_sdk(ACTION, &settings.name, &error))
        });
        within(SMALL, ACTION, call).await?;
        Ok(())
    }

    /// Gives a function another image, if its revision is still this one.
    ///
    /// # Errors
    /// [`ErrorKind::Conflict`] when the function was changed, or is being changed.
    pub async fn update_code(
        &self,
        settings: &FunctionSettings,
        revision: Option<&str>,
    ) -> Result<(), CloudError> {
        const ACTION: &str = "lambda:UpdateFunctionCode";
        self.limits.lambda_control.acquire().await;
        let request = self
            .client
            .update_function_code()
            .function_name(&settings.name)
            .image_uri(&settings.image)
            .architectures(Architecture::from(settings.architecture.as_str()))
            .set_revision_id(revision.map(str::to_owned));
        let call = Box::pin(async {
            request.send().await.map_err(|error| CloudError::from_sdk(ACTION, &settings.name, &error))
        });
        within(SMALL, ACTION, call).await?;
        Ok(())
    }

    /// Changes everything about a function but its image, if its revision is still this one.
    ///
    /// # Errors
    /// [`ErrorKind::Conflict`] when the function was changed, or is being changed.
    pub async fn update_configuration(
        &self,
        settings: &FunctionSettings,
        revision: Option<&str>,
    ) -> Result<(), CloudError> {
        const ACTION: &str = "lambda:UpdateFunctionConfiguration";
        self.limits.lambda_control.acquire().await;
        let request = self
            .client
            .update_function_configuration()
            .function_name(&settings.name)
            .role(&settings.role)
            .description(&settings.description)
            .memory_size(int(settings.memory_mb))
            .timeout(int(settings.timeout_s))
            .ephemeral_storage(storage(settings)?)
            .environment(environment(settings))
            .logging_config(logging(settings))
            .set_revision_id(revision.map(str::to_owned));
        let call = Box::pin(async {
            request.send().await.map_err(|error| CloudError::from_sdk(ACTION, &settings.name, &error))
        });
        within(SMALL, ACTION, call).await?;
        Ok(())
    }

    /// Deletes a function. `false` when there was none.
    ///
    /// # Errors
    /// [`CloudError`]
    pub async fn delete(&self, name: &str) -> Result<bool, CloudError> {
        const ACTION: &str = "lambda:DeleteFunction";
        self.limits.lambda_control.acquire().await;
        let request = self.client.delete_function().function_name(name);
        let call = async { request.send().await.map_err(|error| CloudError::from_sdk(ACTION, name, &error)) };
        existed(within(SMALL, ACTION, call).await)
    }

    /// Sets tags; others stay.
    ///
    /// # Errors
    /// [`CloudError`]
    pub async fn tag(&self, arn: &str, tags: &BTreeMap<String, String>) -> Result<(), CloudError> {
        const ACTION: &str = "lambda:TagResource";
        self.limits.lambda_control.acquire().await;
        let tags = Some(tags.clone().into_iter().collect());
        let request = self.client.tag_resource().resource(arn).set_tags(tags);
        within(SMALL, ACTION, async {
            request.send().await.map_err(|error| CloudError::from_sdk(ACTION, arn, &error))
        })
        .await?;
        Ok(())
    }

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
            within(SMALL, ACTION, async {
                request.send().await.map_err(|error| CloudError::from_sdk(ACTION, name, &error))
            })
            .await?;
        } else {
            const ACTION: &str = "lambda:DeleteFunctionConcurrency";
            let request = self.client.delete_function_concurrency().function_name(name);
            within(SMALL, ACTION, async {
                request.send().await.map_err(|error| CloudError::from_sdk(ACTION, name, &error))
            })
            .await?;
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
        let call = async { request.send().await.map_err(|error| CloudError::from_sdk(ACTION, name, &error)) };
        match within(SMALL, ACTION, call).await {
            Ok(output) => Ok(Some(EventInvoke {
                retries: output.maximum_retry_attempts().and_then(|value| u32::try_from(value).ok()),
                on_failure: output
                    .destination_config()
                    .and_then(|config| config.on_failure()?.destination())
                    .filter(|destination| !destination.is_empty())
                    .map(str::to_owned),
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
            .set_destination_config(destination);
        within(SMALL, ACTION, async {
            request.send().await.map_err(|error| CloudError::from_sdk(ACTION, name, &error))
        })
        .await?;
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
        let call = async { request.send().await.map_err(|error| CloudError::from_sdk(ACTION, name, &error)) };
        match within(SMALL, ACTION, call).await {
            Ok(output) => Ok(permissions_of(output.policy().unwrap_or_default())),
            Err(error) if error.is_not_found() => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }

    /// Lets a bucket of `account` start a function.
    ///
    /// # Errors
    /// [`ErrorKind::Conflict`] when the statement exists.
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
        within(SMALL, ACTION, async {
            request.send().await.map_err(|error| CloudError::from_sdk(ACTION, name, &error))
        })
        .await?;
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
        let call = async { request.send().await.map_err(|error| CloudError::from_sdk(ACTION, name, &error)) };
        existed(within(SMALL, ACTION, call).await)
    }
}

/// Whether what was to be deleted was there.
pub(super) fn existed<T>(result: Result<T, CloudError>) -> Result<bool, CloudError> {
    match result {
        Ok(_) => Ok(true),
        Err(error) if error.is_not_found() => Ok(false),
        Err(error) => Err(error),
    }
}

fn int(value: u32) -> i32 {
    i32::try_from(value).unwrap_or(i32::MAX)
}

fn uint(value: Option<i32>) -> u32 {
    value.and_then(|value| u32::try_from(value).ok()).unwrap_or_default()
}

fn storage(settings: &FunctionSettings) -> Result<EphemeralStorage, CloudError> {
    EphemeralStorage::builder().size(int(settings.tmp_mb)).build().map_err(|error| {
        CloudError::new(ErrorKind::Invalid, "lambda:CreateFunction", &settings.name, error.to_string())
    })
}

fn environment(settings: &FunctionSettings) -> Environment {
    Environment::builder().set_variables(Some(settings.env.clone().into_iter().collect())).build()
}

fn logging(settings: &FunctionSettings) -> LoggingConfig {
    let builder = LoggingConfig::builder().log_group(&settings.log_group);
    if settings.log_json {
        // INFO keeps platform.start and platform.report.
        builder.log_format(LogFormat::Json).system_log_level(SystemLogLevel::Info).build()
    } else {
        builder.log_format(LogFormat::Text).build()
    }
}

fn settings_of(configuration: &FunctionConfiguration) -> FunctionSettings {
    let logging = configuration.logging_config();
    let variables = configuration.environment().and_then(|environment| environment.variables());
    FunctionSettings {
        name: configuration.function_name().unwrap_or_default().to_owned(),
        image: String::new(),
        role: configuration.role().unwrap_or_default().to_owned(),
        description: configuration.description().unwrap_or_default().to_owned(),
        memory_mb: uint(configuration.memory_size()),
        timeout_s: uint(configuration.timeout()),
        tmp_mb: configuration.ephemeral_storage().map_or(512, |storage| uint(Some(storage.size()))),
        architecture: configuration.architectures().first().map_or("x86_64", Architecture::as_str).to_owned(),
        env: variables.map(|variables| variables.clone().into_iter().collect()).unwrap_or_default(),
        log_group: log_group(configuration),
        log_json: logging.and_then(LoggingConfig::log_format) == Some(&LogFormat::Json),
    }
}

fn log_group(configuration: &FunctionConfiguration) -> String {
    let named = configuration.logging_config().and_then(LoggingConfig::log_group);
    let name = configuration.function_name().unwrap_or_default();
    named.filter(|group| !group.is_empty()).map_or_else(|| format!("/aws/lambda/{name}"), str::to_owned)
}

fn info_of(configuration: &FunctionConfiguration) -> FunctionInfo {
    let settings = settings_of(configuration);
    let state = state_of(configuration);
    let failed_update = state.update == "Failed";
    FunctionInfo {
        arn: configuration.function_arn().unwrap_or_default().to_owned(),
        state: state.state,
        state_reason: if failed_update { state.update_reason } else { state.state_reason },
        image: String::new(),
        memory_mb: settings.memory_mb,
        timeout_s: settings.timeout_s,
        tmp_mb: settings.tmp_mb,
        architecture: settings.architecture,
        modified_ms: configuration.last_modified().and_then(parse_time),
        log_group: settings.log_group,
        description: settings.description,
        managed: settings.env.contains_key(ENV_HOME_BUCKET),
        inputs: Vec::new(),
        outputs: Vec::new(),
        name: settings.name,
    }
}

fn state_of(configuration: &FunctionConfiguration) -> FunctionState {
    let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
    FunctionState {
        // A list says no state of functions that are active.
        state: configuration.state().map_or("Active", |state| state.as_str()).to_owned(),
        state_code: text(configuration.state_reason_code().map(StateReasonCode::as_str)),
        state_reason: text(configuration.state_reason()),
        update: configuration.last_update_status().map_or("Successful", |status| status.as_str()).to_owned(),
        update_code: text(
            configuration.last_update_status_reason_code().map(LastUpdateStatusReasonCode::as_str),
        ),
        update_reason: text(configuration.last_update_status_reason()),
    }
}

/// `2026-11-23T21:42:03.123+0000`
fn parse_time(text: &str) -> Option<Millis> {
    let parsed = jiff::fmt::strtime::parse("%Y-%m-%dT%H:%M:%S%.f%z", text).ok()?.to_timestamp().ok()?;
    u64::try_from(parsed.as_millisecond()).ok()
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
    fn times_of_functions_are_read() {
        assert_eq!(parse_time("1970-01-01T00:00:01.250+0000"), Some(1250));
        assert_eq!(parse_time("2026-11-23T21:42:03.000+0000"), Some(1_795_470_123_000));
        assert_eq!(parse_time("yesterday"), None);
    }

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
