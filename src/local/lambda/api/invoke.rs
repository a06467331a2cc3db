//! Invoke.

use super::super::Lambda;
use super::super::environment::{Invocation, JobOutcome};
use super::super::error::ApiError;
use super::super::model::{Function, State};
use super::super::names::FunctionRef;
use super::super::pool::Refusal;
use super::super::queue::NewInvocation;
use super::{ApiResult, Call, empty};
use crate::protocol::{Body, body::full};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode};
use std::sync::Arc;
use std::time::Duration;

/// The largest payload of an asynchronous invocation.
const MAX_EVENT: usize = 1024 * 1024;
/// The largest client context.
const MAX_CONTEXT: usize = 3583;
/// How long an invocation waits for a function that is active by its record and is being prepared.
const READY_WITHIN: Duration = Duration::from_secs(30);

impl Lambda {
    pub(super) async fn invoke(&self, name: &str, call: &Call) -> ApiResult {
        let name = FunctionRef::parse(name)?.latest(call.query("Qualifier"))?;
        let function = self.inner.functions.find(&name)?;
        let payload = payload(&call.body)?;
        match call.header("x-amz-invocation-type").unwrap_or("RequestResponse") {
            "RequestResponse" => self.invoke_now(&function, payload, call).await,
            "Event" => {
                invocable(&function)?;
                let request_id = self.enqueue(&name, payload).await?;
                Ok(identified(empty(StatusCode::ACCEPTED), &request_id))
            }
            "DryRun" => Ok(empty(StatusCode::NO_CONTENT)),
            other => Err(ApiError::constraint(
                other,
                "invocationType",
                "Member must satisfy enum value set: [RequestResponse, Event, DryRun]",
            )),
        }
    }

    /// The old API.
    pub(super) async fn invoke_async(&self, name: &str, call: &Call) -> ApiResult {
        let name = FunctionRef::parse(name)?.latest(None)?;
        invocable(&*self.inner.functions.find(&name)?)?;
        let request_id = self.enqueue(&name, payload(&call.body)?).await?;
        Ok(identified(super::empty(StatusCode::ACCEPTED), &request_id))
    }

    async fn enqueue(&self, name: &str, payload: Bytes) -> Result<String, ApiError> {
        if payload.len() > MAX_EVENT {
            return Err(ApiError::too_large(MAX_EVENT));
        }
        let event = NewInvocation::new(name.to_owned(), payload);
        let request_id = event.request_id.clone();
        if !self.inner.queue.push(event).await? {
            return Err(ApiError::no_function(&super::super::names::function_arn(name)));
        }
        Ok(request_id)
    }

    async fn invoke_now(&self, function: &Arc<Function>, payload: Bytes, call: &Call) -> ApiResult {
        let tail = call.header("x-amz-log-type") == Some("Tail");
        let (request_id, outcome) = self.run_sync(function, payload, call, tail).await?;
        match outcome {
            JobOutcome::Done { payload, failed, tail } => {
                let mut response = Response::new(full(payload));
                let headers = response.headers_mut();
                headers.insert("content-type", HeaderValue::from_static("application/json"));
                headers.insert("x-amz-executed-version", HeaderValue::from_static("$LATEST"));
                if failed {
                    headers.insert("x-amz-function-error", HeaderValue::from_static("Unhandled"));
                }
                if let Some(tail) = tail
                    && let Ok(value) = HeaderValue::try_from(STANDARD.encode(tail))
                {
                    headers.insert("x-amz-log-result", value);
                }
                Ok(identified(response, &request_id))
            }
            JobOutcome::System(message) => Err(ApiError::service(message)),
            JobOutcome::NotRun(_) => {
                Err(ApiError::service("The environment ended before the invocation began."))
            }
        }
    }

    /// Runs an invocation whose caller waits.
    pub(super) async fn run_sync(
        &self,
        function: &Arc<Function>,
        payload: Bytes,
        call: &Call,
        tail: bool,
    ) -> Result<(String, JobOutcome), ApiError> {
        invocable(function)?;
        let context = call.header("x-amz-client-context").map(decode_context).transpose()?;
        self.wait_until_live(function).await?;
        let request_id = uuid::Uuid::new_v4().to_string();
        let lease =
            self.inner.scheduler.begin(&function.name, &request_id, false).map_err(
                |refusal| match refusal {
                    Refusal::Reserved => {
                        ApiError::throttled("ReservedFunctionConcurrentInvocationLimitExceeded")
                    }
                    Refusal::Account | Refusal::Machine => {
                        ApiError::throttled("ConcurrentInvocationLimitExceeded")
                    }
                    Refusal::NotActive => not_now("Pending"),
                },
            )?;
        let trace_id = call.header("x-amzn-trace-id").map(str::to_owned);
        let invocation =
            Invocation { request_id: request_id.clone(), payload, client_context: context, trace_id, tail };
        // In a task of its own: an invocation goes on when its caller hangs up.
        let lambda = self.clone();
        let outcome = tokio::spawn(async move { lambda.run(invocation, lease).await }).await;
        Ok((request_id, outcome.map_err(|_| ApiError::service("The invocation broke down."))?))
    }

    /// After a start of the daemon, functions that are active need a moment until they can run.
    async fn wait_until_live(&self, function: &Function) -> Result<(), ApiError> {
        let until = tokio::time::Instant::now() + READY_WITHIN;
        loop {
            let activated = self.inner.activated.notified();
            tokio::pin!(activated);
            activated.as_mut().enable();
            if self.inner.scheduler.live(&function.name).is_some() {
                return Ok(());
            }
            invocable(&*self.inner.functions.find(&function.name)?)?;
            if tokio::time::timeout_at(until, activated).await.is_err() {
                return Err(ApiError::service("The function could not be made ready in time."));
            }
        }
    }
}

/// Refuses what AWS refuses: a function that is not active.
fn invocable(function: &Function) -> Result<(), ApiError> {
    match &function.state {
        State::Active => Ok(()),
        State::Pending => Err(not_now("Pending")),
        State::Failed { reason, .. } => Err(ApiError::conflict(format!(
            "The operation cannot be performed at this time. The function is currently in the following state: \
             Failed ({reason})"
        ))),
    }
}

fn not_now(state: &str) -> ApiError {
    ApiError::conflict(format!(
        "The operation cannot be performed at this time. The function is currently in the following state: {state}"
    ))
}

/// The payload, which must be JSON; none means an empty object.
fn payload(body: &Bytes) -> Result<Bytes, ApiError> {
    if body.is_empty() {
        return Ok(Bytes::from_static(b"{}"));
    }
    serde_json::from_slice::<serde::de::IgnoredAny>(body)
        .map_err(|error| ApiError::content(format!("Could not parse request body into json: {error}")))?;
    Ok(body.clone())
}

/// The client context arrives as base64 and reaches the runtime decoded.
fn decode_context(context: &str) -> Result<String, ApiError> {
    let bad = || ApiError::content("Client context must be a valid Base64-encoded JSON object.");
    if context.len() > MAX_CONTEXT {
        return Err(bad());
    }
    let decoded = STANDARD.decode(context).map_err(|_| bad())?;
    String::from_utf8(decoded).map_err(|_| bad())
}

fn identified(mut response: Response<Body>, request_id: &str) -> Response<Body> {
    if let Ok(id) = HeaderValue::try_from(request_id) {
        response.headers_mut().insert("x-amzn-requestid", id);
    }
    response
}
