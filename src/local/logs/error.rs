//! Answers and errors in AWS's words.

use crate::db::DbError;
use crate::protocol::{Body, body::full, storage};
use http::{Response, StatusCode, header};
use serde_json::{Value, json};

/// An error in AWS's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ApiError {
    code: &'static str,
    message: String,
}

impl ApiError {
    pub(super) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self::new("InvalidParameterException", message)
    }

    pub(super) fn no_group() -> Self {
        Self::new("ResourceNotFoundException", "The specified log group does not exist.")
    }

    pub(super) fn no_stream() -> Self {
        Self::new("ResourceNotFoundException", "The specified log stream does not exist.")
    }

    pub(super) fn response(&self) -> Response<Body> {
        let status = match self.code {
            "ServiceUnavailableException" => StatusCode::INTERNAL_SERVER_ERROR,
            storage::CODE => StatusCode::INSUFFICIENT_STORAGE,
            _ => StatusCode::BAD_REQUEST,
        };
        json_response(status, &json!({"__type": self.code, "message": self.message}))
    }
}

impl From<DbError> for ApiError {
    fn from(error: DbError) -> Self {
        match error {
            DbError::Full => Self::new(storage::CODE, storage::NO_SPACE),
            other => Self::new("ServiceUnavailableException", other.to_string()),
        }
    }
}

impl From<rusqlite::Error> for ApiError {
    fn from(error: rusqlite::Error) -> Self {
        DbError::from(error).into()
    }
}

pub(super) fn json_response(status: StatusCode, value: &Value) -> Response<Body> {
    let body = full(value.to_string());
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/x-amz-json-1.1"));
    if let Ok(id) = uuid::Uuid::new_v4().to_string().parse() {
        headers.insert("x-amzn-requestid", id);
    }
    response
}
