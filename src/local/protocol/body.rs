//! Bodies of answers.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Empty, Full, combinators::UnsyncBoxBody};

/// The body of an answer, from whichever service.
pub type Body = UnsyncBoxBody<Bytes, std::io::Error>;

/// A body without bytes.
#[must_use]
pub fn empty() -> Body {
    Empty::new().map_err(|never| match never {}).boxed_unsync()
}

/// All of it at once.
#[must_use]
pub fn full(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into()).map_err(|never| match never {}).boxed_unsync()
}

/// An answer with a type and a body.
#[must_use]
pub fn answer(status: StatusCode, content_type: &'static str, bytes: impl Into<Bytes>) -> Response<Body> {
    let mut response = Response::new(full(bytes));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// A JSON answer.
#[must_use]
pub fn json(status: StatusCode, value: &serde_json::Value) -> Response<Body> {
    answer(status, "application/json", value.to_string())
}

/// A text answer.
#[must_use]
pub fn text(status: StatusCode, text: impl Into<String>) -> Response<Body> {
    answer(status, "text/plain; charset=utf-8", text.into())
}

/// An error as AWS's JSON protocols tell it: the code in a header and in the body.
#[must_use]
pub fn aws_error(status: StatusCode, code: &str, message: &str) -> Response<Body> {
    let value = serde_json::json!({"__type": code, "message": message, "Message": message});
    let mut response = json(status, &value);
    if let Ok(code) = HeaderValue::from_str(code) {
        response.headers_mut().insert("x-amzn-errortype", code);
    }
    response
}
