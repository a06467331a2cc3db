//! How an environment fails, in Lambda's words.

use super::MAX_RESPONSE;
use crate::lambda::logging::Status;
use crate::sandbox::Exit;
use bytes::Bytes;
use serde_json::json;
use std::time::Duration;

/// How an environment failed.
pub(super) struct Failure {
    pub kind: String,
    pub message: String,
    /// What the runtime itself said.
    pub body: Option<Bytes>,
    pub status: Status,
}

impl Failure {
    pub fn new(kind: &str, message: impl Into<String>) -> Self {
        Self { kind: kind.into(), message: message.into(), body: None, status: Status::Error(kind.into()) }
    }

    pub fn payload(&self, request_id: &str) -> Bytes {
        self.body.clone().unwrap_or_else(|| {
            let message = format!("RequestId: {request_id} Error: {}", self.message);
            Bytes::from(json!({"errorType": self.kind, "errorMessage": message}).to_string())
        })
    }

    pub fn of_exit(exit: Exit) -> Self {
        let (kind, how) = match exit {
            Exit { out_of_memory: true, .. } => ("Runtime.OutOfMemory", "signal: killed".to_owned()),
            Exit { signal: Some(9), .. } => ("Runtime.ExitError", "signal: killed".to_owned()),
            Exit { signal: Some(signal), .. } => {
                ("Runtime.ExitError", format!("signal: {}", signal_name(signal)))
            }
            Exit { code: Some(0) | None, .. } => {
                return Self::new("Runtime.ExitError", "Runtime exited without providing a reason");
            }
            Exit { code: Some(code), .. } => ("Runtime.ExitError", format!("exit status {code}")),
        };
        Self::new(kind, format!("Runtime exited with error: {how}"))
    }

    pub fn of_timeout(limit: Duration) -> Self {
        let mut failure =
            Self::new("Sandbox.Timedout", format!("Task timed out after {:.2} seconds", limit.as_secs_f64()));
        failure.status = Status::Timeout;
        failure
    }
}

fn signal_name(signal: i32) -> String {
    match nix::sys::signal::Signal::try_from(signal) {
        Ok(nix::sys::signal::Signal::SIGSEGV) => "segmentation fault".into(),
        Ok(nix::sys::signal::Signal::SIGABRT) => "aborted".into(),
        Ok(nix::sys::signal::Signal::SIGTERM) => "terminated".into(),
        Ok(known) => known.as_str().to_lowercase(),
        Err(_) => signal.to_string(),
    }
}

/// The error of a response that is too large.
pub(super) fn too_large(size: usize) -> Bytes {
    let message = format!(
        "Response payload size ({size} bytes) exceeded maximum allowed payload size ({MAX_RESPONSE} bytes)."
    );
    Bytes::from(json!({"errorType": "Function.ResponseSizeTooLarge", "errorMessage": message}).to_string())
}
