//! What an account allows, and its clock.

use super::error::CloudError;
use super::lambda::Lambda;
use super::{Cloud, now_ms, small};
use aws_sdk_lambda::types::AccountLimit;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::BeforeDeserializationInterceptorContextRef;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;
use aws_smithy_types::date_time::{DateTime, Format};
use std::sync::{Arc, Mutex, PoisonError};

/// Lambda's quotas of the account in the region.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AccountLimits {
    /// Most invocations at a time, of all functions.
    pub concurrent: u64,
    /// Of these, what no function has reserved.
    pub unreserved: u64,
}

impl Lambda<'_> {
    /// Lambda's quotas.
    ///
    /// # Errors
    /// [`CloudError`]
    pub async fn account_limits(&self) -> Result<AccountLimits, CloudError> {
        const ACTION: &str = "lambda:GetAccountSettings";
        self.limits.lambda_control.acquire().await;
        let request = self.client.get_account_settings();
        let output = small(ACTION, "", request.send()).await?;
        let limit = output.account_limit();
        let concurrent = limit.map(AccountLimit::concurrent_executions).unwrap_or_default();
        let unreserved = limit.and_then(AccountLimit::unreserved_concurrent_executions).unwrap_or(concurrent);
        let number = |value: i32| u64::try_from(value).unwrap_or_default();
        Ok(AccountLimits { concurrent: number(concurrent), unreserved: number(unreserved) })
    }
}

impl Cloud {
    /// How many milliseconds the cloud's clock is ahead of this machine's, to the second. AWS refuses requests from
    /// five minutes on (S3: fifteen), and the answer to a refused request tells the time, too.
    ///
    /// # Errors
    /// The cloud does not answer.
    pub async fn clock_ahead_ms(&self) -> Result<i64, CloudError> {
        const ACTION: &str = "sts:GetCallerIdentity";
        let seen = ServerDate::default();
        let request = self.0.clients.sts.get_caller_identity().customize().interceptor(seen.clone());
        let outcome = small(ACTION, "", request.send()).await;
        let server = *seen.0.lock().unwrap_or_else(PoisonError::into_inner);
        match (server, outcome) {
            (Some(server), _) => Ok(server.saturating_sub(i64::try_from(now_ms()).unwrap_or(i64::MAX))),
            (None, Err(error)) => Err(error),
            (None, Ok(_)) => Ok(0),
        }
    }
}

/// Remembers the date of an answer.
#[derive(Clone, Debug, Default)]
struct ServerDate(Arc<Mutex<Option<i64>>>);

impl Intercept for ServerDate {
    fn name(&self) -> &'static str {
        "ServerDate"
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _bag: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let date = context.response().headers().get("date");
        if let Some(date) = date.and_then(|date| DateTime::from_str(date, Format::HttpDate).ok()) {
            let millis = date.to_millis().ok();
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = millis;
        }
        Ok(())
    }
}
