//! Event-invoke configuration.

use super::super::Lambda;
use super::super::clock::now_ms;
use super::super::error::ApiError;
use super::super::model::{EventConfig, Function};
use super::super::names::FunctionRef;
use super::request::EventRequest;
use super::{ApiResult, Call, answer, empty, validate};
use http::StatusCode;
use serde_json::{Value, json};

impl Lambda {
    /// `whole`: what is not named goes back to its default (Put); else it stays (Update).
    pub(super) async fn put_event_config(&self, name: &str, call: &Call, whole: bool) -> ApiResult {
        let name = FunctionRef::parse(name)?.latest(call.query("Qualifier"))?;
        let request: EventRequest = call.json()?;
        let changed = self.inner.functions.change(&name, |function| {
            let before = match (&function.events, whole) {
                (_, true) => EventConfig::default(),
                (Some(before), false) => before.clone(),
                (None, false) => return Err(missing(function)),
            };
            function.events = Some(merge(before, &request)?);
            Ok(())
        });
        self.inner.queue.wake();
        Ok(answer(StatusCode::OK, &changed.await?.event_configuration().unwrap_or(Value::Null)))
    }

    pub(super) fn get_event_config(&self, name: &str, call: &Call) -> ApiResult {
        let name = FunctionRef::parse(name)?.latest(call.query("Qualifier"))?;
        let function = self.inner.functions.find(&name)?;
        let shown = function.event_configuration().ok_or_else(|| missing(&function))?;
        Ok(answer(StatusCode::OK, &shown))
    }

    pub(super) fn list_event_configs(&self, name: &str) -> ApiResult {
        let name = FunctionRef::parse(name)?.latest(None)?;
        let configs: Vec<Value> =
            self.inner.functions.find(&name)?.event_configuration().into_iter().collect();
        Ok(answer(StatusCode::OK, &json!({"FunctionEventInvokeConfigs": configs})))
    }

    pub(super) async fn delete_event_config(&self, name: &str, call: &Call) -> ApiResult {
        let name = FunctionRef::parse(name)?.latest(call.query("Qualifier"))?;
        let changed = self.inner.functions.change(&name, |function| match function.events.take() {
            Some(_) => Ok(()),
            None => Err(missing(function)),
        });
        changed.await?;
        Ok(empty(StatusCode::NO_CONTENT))
    }
}

fn missing(function: &Function) -> ApiError {
    ApiError::not_found(format!("The function {}:$LATEST doesn't have an EventInvokeConfig", function.arn()))
}

fn merge(mut config: EventConfig, request: &EventRequest) -> Result<EventConfig, ApiError> {
    if let Some(retries) = request.maximum_retry_attempts {
        config.retries = Some(validate::number(retries, "maximumRetryAttempts", 0, 2)?);
    }
    if let Some(age) = request.maximum_event_age_in_seconds {
        config.max_age_secs = Some(validate::number(age, "maximumEventAgeInSeconds", 60, 21_600)?);
    }
    if let Some(destinations) = &request.destination_config {
        let of = |destination: &Option<super::request::Destination>| {
            destination.as_ref().and_then(|destination| destination.destination.clone()).unwrap_or_default()
        };
        config.on_failure = validate::failure_destination(&of(&destinations.on_failure))?;
        let success = of(&destinations.on_success);
        if !success.is_empty() {
            return Err(ApiError::invalid(format!(
                "The destination ARN {success} is invalid: S3 cannot be an OnSuccess destination, and the local \
                 Lambda has no other."
            )));
        }
    }
    config.modified_ms = now_ms();
    Ok(config)
}
