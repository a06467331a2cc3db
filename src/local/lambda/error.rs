//! Errors of the API, in AWS's shapes and words.

use crate::db::DbError;
use crate::protocol::storage;
use crate::protocol::{Body, body::full};
use http::{Response, StatusCode};
use serde_json::json;

/// What the caller is told.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct ApiError {
    /// HTTP status.
    pub status: u16,
    /// `ResourceNotFoundException` …
    pub code: &'static str,
    /// In AWS's words.
    pub message: String,
    /// Only of `TooManyRequestsException`.
    pub reason: Option<&'static str>,
}

impl ApiError {
    fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), reason: None }
    }

    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(404, "ResourceNotFoundException", message)
    }

    pub fn no_function(arn: &str) -> Self {
        Self::not_found(format!("Function not found: {arn}"))
    }

    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(400, "InvalidParameterValueException", message)
    }

    /// A value outside the model's constraints.
    pub fn constraint(value: &str, member: &str, constraint: &str) -> Self {
        Self::new(
            400,
            "ValidationException",
            format!(
                "1 validation error detected: Value '{value}' at '{member}' failed to satisfy constraint: {constraint}"
            ),
        )
    }

    pub fn conflict(message: impl Into<String>) -> Self {
        Self::new(409, "ResourceConflictException", message)
    }

    pub fn precondition() -> Self {
        Self::new(
            412,
            "PreconditionFailedException",
            "The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to \
             retrieve the latest Revision Id",
        )
    }

    pub fn content(message: impl Into<String>) -> Self {
        Self::new(400, "InvalidRequestContentException", message)
    }

    pub fn too_large(limit: usize) -> Self {
        Self::new(
            413,
            "RequestTooLargeException",
            format!("Request must be smaller than {limit} bytes for the operation"),
        )
    }

    pub fn throttled(reason: &'static str) -> Self {
        let mut error = Self::new(429, "TooManyRequestsException", "Rate Exceeded.");
        error.reason = Some(reason);
        error
    }

    pub fn service(message: impl Into<String>) -> Self {
        Self::new(500, "ServiceException", message)
    }

    pub fn unknown_operation() -> Self {
        Self::new(
            404,
            "UnknownOperationException",
            "The requested operation is not supported by the local Lambda.",
        )
    }

    /// The answer on the wire. `ResourceNotFoundException` and `ServiceException` spell it `Message`, the others
    /// `message`; both are sent, as readers differ.
    #[must_use]
    pub fn response(&self) -> Response<Body> {
        let side = if self.status < 500 { "User" } else { "Service" };
        let mut body = json!({"Type": side, "message": self.message});
        if matches!(self.status, 404 | 500) {
            body = json!({"Type": side, "Message": self.message, "message": self.message});
        }
        if let Some(reason) = self.reason {
            body["Reason"] = json!(reason);
        }
        let mut response = Response::new(full(body.to_string()));
        *response.status_mut() =
            StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let headers = response.headers_mut();
        headers.insert("content-type", http::HeaderValue::from_static("application/json"));
        headers.insert("x-amzn-errortype", http::HeaderValue::from_static(self.code));
        if self.status == 429 {
            headers.insert("retry-after", http::HeaderValue::from_static("1"));
        }
        response
    }
}

impl From<DbError> for ApiError {
    fn from(error: DbError) -> Self {
        match error {
            DbError::Full => Self::new(507, storage::CODE, storage::NO_SPACE),
            other => Self::service(other.to_string()),
        }
    }
}
