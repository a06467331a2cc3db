//! `InvokeWithResponseStream`: the whole response as one chunk of an event stream.

use super::super::Lambda;
use super::super::environment::JobOutcome;
use super::super::error::ApiError;
use super::super::names::FunctionRef;
use super::{ApiResult, Call};
use crate::protocol::body::full;
use aws_smithy_eventstream::frame::write_message_to;
use aws_smithy_types::event_stream::{Header, HeaderValue as EventValue, Message};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderValue, Response};
use serde_json::json;

impl Lambda {
    pub(super) async fn invoke_streaming(&self, name: &str, call: &Call) -> ApiResult {
        let name = FunctionRef::parse(name)?.latest(call.query("Qualifier"))?;
        let function = self.inner.functions.find(&name)?;
        let tail = call.header("x-amz-log-type") == Some("Tail");
        let payload = if call.body.is_empty() { Bytes::from_static(b"{}") } else { call.body.clone() };
        let (request_id, outcome) = self.run_sync(&function, payload, call, tail).await?;
        let (payload, failed, tail) = match outcome {
            JobOutcome::Done { payload, failed, tail } => (payload, failed, tail),
            JobOutcome::System(message) => return Err(ApiError::service(message)),
            JobOutcome::NotRun(_) => {
                return Err(ApiError::service("The environment ended before the invocation began."));
            }
        };
        let mut complete = json!({});
        let mut stream = Vec::new();
        if failed {
            complete["ErrorCode"] = json!("Unhandled");
            complete["ErrorDetails"] = json!(String::from_utf8_lossy(&payload));
        } else {
            put(&mut stream, "PayloadChunk", "application/octet-stream", payload)?;
        }
        if let Some(tail) = tail {
            complete["LogResult"] = json!(STANDARD.encode(tail));
        }
        put(&mut stream, "InvokeComplete", "application/json", Bytes::from(complete.to_string()))?;
        let mut response = Response::new(full(stream));
        let headers = response.headers_mut();
        headers.insert("content-type", HeaderValue::from_static("application/vnd.amazon.eventstream"));
        headers.insert("x-amz-executed-version", HeaderValue::from_static("$LATEST"));
        if let Ok(id) = HeaderValue::try_from(request_id) {
            headers.insert("x-amzn-requestid", id);
        }
        Ok(response)
    }
}

pub(super) fn put(
    stream: &mut Vec<u8>,
    kind: &'static str,
    content: &'static str,
    payload: Bytes,
) -> Result<(), ApiError> {
    let header =
        |name: &'static str, value: &'static str| Header::new(name, EventValue::String(value.into()));
    let message = Message::new(payload)
        .add_header(header(":message-type", "event"))
        .add_header(header(":event-type", kind))
        .add_header(header(":content-type", content));
    write_message_to(&message, stream).map_err(|error| ApiError::service(error.to_string()))
}
