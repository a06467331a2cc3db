//! Invocations. Everything else about functions is in `functions`.

use super::budget::Limits;
use super::error::{CloudError, ErrorKind};
use super::waking::once_awake;
use aws_sdk_lambda::Client;
use aws_sdk_lambda::operation::RequestId;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{InvocationType, LogType};
use base64::Engine as _;
use bytes::Bytes;

/// Functions of a context.
#[derive(Clone, Copy)]
pub struct Lambda<'a> {
    pub(super) client: &'a Client,
    sync: &'a Client,
    pub(super) limits: &'a Limits,
}

/// What came of a synchronous invocation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invoked {
    /// The invocation's request id.
    pub request_id: String,
    /// What the function answered; an error's JSON when it failed.
    pub payload: Bytes,
    /// `Handled` or `Unhandled` when the function failed.
    pub function_error: Option<String>,
    /// The last 4 KiB of its log.
    pub log_tail: String,
}

impl Invoked {
    /// What the script wrote: the body of the answer's envelope (`statusCode`, `body`, `isBase64Encoded`), or the whole
    /// payload when it is none.
    #[must_use]
    pub fn body(&self) -> Bytes {
        let envelope: Option<serde_json::Value> = serde_json::from_slice(&self.payload).ok();
        let body = envelope.as_ref().filter(|value| value.get("statusCode").is_some());
        let Some(text) = body.and_then(|value| value.get("body")).and_then(serde_json::Value::as_str) else {
            return self.payload.clone();
        };
        let encoded =
            body.and_then(|value| value.get("isBase64Encoded")).and_then(serde_json::Value::as_bool);
        match base64::prelude::BASE64_STANDARD.decode(text) {
            Ok(bytes) if encoded == Some(true) => bytes.into(),
            _ => Bytes::copy_from_slice(text.as_bytes()),
        }
    }
}

impl<'a> Lambda<'a> {
    pub(super) const fn new(client: &'a Client, sync: &'a Client, limits: &'a Limits) -> Self {
        Self { client, sync, limits }
    }

    /// Puts an event on the function's queue and returns the invocation's request id. A function that Lambda has put to sleep is
    /// waited for.
    ///
    /// # Errors
    /// [`CloudError`]
    pub async fn invoke_async(&self, function: &str, payload: Bytes) -> Result<String, CloudError> {
        once_awake(function, || self.queue(function, payload.clone())).await
    }

    async fn queue(&self, function: &str, payload: Bytes) -> Result<String, CloudError> {
        self.limits.lambda_invoke.acquire().await;
        let output = self
            .client
            .invoke()
            .function_name(function)
            .invocation_type(InvocationType::Event)
            .payload(Blob::new(payload))
            .send()
            .await
            .map_err(|error| CloudError::from_sdk("lambda:InvokeFunction", function, &error))?;
        output.request_id().map(str::to_owned).ok_or_else(|| {
            CloudError::new(
                ErrorKind::Other,
                "lambda:InvokeFunction",
                function,
                "the answer has no request id",
            )
        })
    }

    /// Invokes a function and waits for its answer, up to 16 minutes. It is not repeated when it fails; one that Lambda has put to
    /// sleep is waited for.
    ///
    /// # Errors
    /// [`CloudError`] when it was not invoked; a function's own failure is in [`Invoked::function_error`].
    pub async fn invoke_sync(&self, function: &str, payload: Bytes) -> Result<Invoked, CloudError> {
        once_awake(function, || self.answer(function, payload.clone())).await
    }

    async fn answer(&self, function: &str, payload: Bytes) -> Result<Invoked, CloudError> {
        self.limits.lambda_invoke.acquire().await;
        let output = self
            .sync
            .invoke()
            .function_name(function)
            .invocation_type(InvocationType::RequestResponse)
            .log_type(LogType::Tail)
            .payload(Blob::new(payload))
            .send()
            .await
            .map_err(|error| CloudError::from_sdk("lambda:InvokeFunction", function, &error))?;
        let tail = output.log_result().and_then(|tail| base64::prelude::BASE64_STANDARD.decode(tail).ok());
        Ok(Invoked {
            request_id: output.request_id().unwrap_or_default().to_owned(),
            function_error: output.function_error().map(str::to_owned),
            log_tail: String::from_utf8_lossy(&tail.unwrap_or_default()).into_owned(),
            payload: output.payload.map_or_else(Bytes::new, |blob| blob.into_inner().into()),
        })
    }
}
