//! The Lambda Runtime API.

use crate::http;
use std::time::Duration;
use ureq::Agent;
use ureq::http::{HeaderMap, StatusCode};

/// Largest event that is read. Lambda's own limit is 6 MB.
const EVENT_LIMIT: u64 = 64 << 20;
/// How often a request is repeated when the connection breaks.
const TRIES: u32 = 4;

/// Talks to the Runtime API.
pub struct Api {
    agent: Agent,
    base: String,
}

/// One event.
pub struct Invocation {
    /// Request id
    pub request_id: String,
    /// When Lambda ends the invocation, in milliseconds since 1970.
    pub deadline_ms: u64,
    /// For `_X_AMZN_TRACE_ID`.
    pub trace_id: Option<String>,
    /// The payload.
    pub payload: Vec<u8>,
}

/// What was wrong, as a sentence.
pub type ApiError = String;

impl Api {
    /// `address` is `AWS_LAMBDA_RUNTIME_API`: host and port, and maybe a path.
    pub fn new(address: &str) -> Self {
        Self {
            agent: http::patient(),
            base: format!("http://{}/2018-06-01/runtime", address.trim_end_matches('/')),
        }
    }

    /// Waits for the next event.
    pub fn next(&self) -> Result<Invocation, ApiError> {
        let url = format!("{}/invocation/next", self.base);
        let mut response = retry(|| self.agent.get(&url).call())?;
        if response.status() != StatusCode::OK {
            return Err(format!("the Runtime API answers {} to `next`", response.status()));
        }
        let payload = response
            .body_mut()
            .with_config()
            .limit(EVENT_LIMIT)
            .read_to_vec()
            .map_err(|error| format!("reading the event: {error}"))?;
        let headers = response.headers();
        Ok(Invocation {
            request_id: text(headers, "lambda-runtime-aws-request-id")
                .ok_or("the Runtime API gave an event without a request id")?,
            deadline_ms: text(headers, "lambda-runtime-deadline-ms")
                .and_then(|value| value.parse().ok())
                .ok_or("the Runtime API gave an event without a deadline")?,
            trace_id: text(headers, "lambda-runtime-trace-id"),
            payload,
        })
    }

    /// Answers an event.
    pub fn respond(&self, request_id: &str, body: &[u8]) -> Result<(), ApiError> {
        self.post(&format!("{}/invocation/{request_id}/response", self.base), None, body)
    }

    /// Says that an event failed.
    pub fn fail(&self, request_id: &str, kind: &str, message: &str) -> Result<(), ApiError> {
        let url = format!("{}/invocation/{request_id}/error", self.base);
        self.post(&url, Some(kind), &error_body(kind, message))
    }

    /// Says that the environment cannot start.
    pub fn init_error(&self, kind: &str, message: &str) -> Result<(), ApiError> {
        self.post(&format!("{}/init/error", self.base), Some(kind), &error_body(kind, message))
    }

    fn post(&self, url: &str, error: Option<&str>, body: &[u8]) -> Result<(), ApiError> {
        let mut response = retry(|| {
            let mut request = self.agent.post(url).header("content-type", "application/json");
            if let Some(kind) = error {
                request = request.header("lambda-runtime-function-error-type", kind);
            }
            request.send(body)
        })?;
        // Read to the end, so that the connection can be used again.
        let answer = response.body_mut().read_to_string().unwrap_or_default();
        match response.status() {
            status if status.is_success() => Ok(()),
            status => Err(format!("the Runtime API answers {status}: {}", answer.trim())),
        }
    }
}

fn error_body(kind: &str, message: &str) -> Vec<u8> {
    serde_json::json!({"errorMessage": message, "errorType": kind, "stackTrace": []}).to_string().into_bytes()
}

fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_owned)
}

fn retry<T>(mut request: impl FnMut() -> Result<T, ureq::Error>) -> Result<T, ApiError> {
    let mut tries = 0;
    loop {
        match request() {
            Ok(response) => return Ok(response),
            Err(error) if tries < TRIES && http::is_transient(&error) => {
                tries += 1;
                std::thread::sleep(Duration::from_millis(10 << tries));
            }
            Err(error) => return Err(format!("the Runtime API cannot be reached: {error}")),
        }
    }
}
