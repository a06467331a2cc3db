//! Answers and refusals of the registry.

use super::path::parameter;
use crate::protocol::body::{Body, empty, full};
use crate::protocol::storage;
use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode, header};
use hyper::body::Incoming;
use std::io;
use std::path::Path;

pub(super) const DIGEST: HeaderName = HeaderName::from_static("docker-content-digest");
const UPLOAD: HeaderName = HeaderName::from_static("docker-upload-uuid");
pub(super) const VERSION: HeaderName = HeaderName::from_static("docker-distribution-api-version");

/// A refusal.
pub(super) struct Problem {
    status: StatusCode,
    code: &'static str,
    message: String,
}

impl Problem {
    /// Whether the disk is full.
    pub fn is_full(&self) -> bool {
        self.status == StatusCode::INSUFFICIENT_STORAGE
    }
}

pub(super) type RegistryResult = Result<Response<Body>, Problem>;

pub(super) fn problem(status: StatusCode, code: &'static str, message: impl Into<String>) -> Problem {
    Problem { status, code, message: message.into() }
}

pub(super) fn missing(code: &'static str, what: &str) -> Problem {
    problem(StatusCode::NOT_FOUND, code, format!("{what} is not known to this registry"))
}

pub(super) fn wrong(code: &'static str, message: impl Into<String>) -> Problem {
    problem(StatusCode::BAD_REQUEST, code, message)
}

pub(super) fn unsupported(method: &Method) -> Problem {
    problem(StatusCode::METHOD_NOT_ALLOWED, "UNSUPPORTED", format!("{method} is not supported here"))
}

impl From<io::Error> for Problem {
    fn from(error: io::Error) -> Self {
        tracing::error!(%error, "image registry");
        if storage::is_full(&error) {
            // Of the protocol's codes the one for "the registry cannot, whoever asks".
            return problem(StatusCode::INSUFFICIENT_STORAGE, "UNAVAILABLE", storage::NO_SPACE);
        }
        problem(StatusCode::INTERNAL_SERVER_ERROR, "UNKNOWN", error.to_string())
    }
}

impl Problem {
    pub(super) fn response(&self) -> Response<Body> {
        let value = serde_json::json!({"errors": [
            {"code": self.code, "message": self.message, "detail": serde_json::Value::Null}]});
        respond(self.status, full(value.to_string()), &[(header::CONTENT_TYPE, "application/json")])
    }
}

pub(super) fn respond(status: StatusCode, body: Body, headers: &[(HeaderName, &str)]) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    for (name, value) in headers {
        if let Ok(value) = HeaderValue::from_str(value) {
            response.headers_mut().insert(name.clone(), value);
        }
    }
    response
}

pub(super) fn created(name: &str, digest: &str) -> Response<Body> {
    let location = format!("/v2/{name}/blobs/{digest}");
    respond(StatusCode::CREATED, empty(), &[(header::LOCATION, &location), (DIGEST, digest)])
}

pub(super) fn progress(status: StatusCode, name: &str, path: &Path, size: u64) -> Response<Body> {
    let id = path.file_name().unwrap_or_default().to_string_lossy();
    let location = format!("/v2/{name}/blobs/uploads/{id}");
    let range = format!("0-{}", size.saturating_sub(1));
    respond(status, empty(), &[(header::LOCATION, &location), (header::RANGE, &range), (UPLOAD, &id)])
}

/// A page of names: `n` of them after `last`.
pub(super) fn page(
    request: &Request<Incoming>,
    path: &str,
    mut names: Vec<String>,
    json: impl Fn(&[String]) -> serde_json::Value,
) -> RegistryResult {
    if let Some(last) = parameter(request, "last") {
        names.retain(|name| *name > last);
    }
    let count = match parameter(request, "n") {
        Some(text) => text.parse().map_err(|_| wrong("PAGINATION_NUMBER_INVALID", format!("n={text:?}")))?,
        None => usize::MAX,
    };
    let more = names.len() > count;
    names.truncate(count);
    let mut response = respond(
        StatusCode::OK,
        full(json(&names).to_string()),
        &[(header::CONTENT_TYPE, "application/json")],
    );
    if let (true, Some(last)) = (more, names.last()) {
        let last = percent_encoding::utf8_percent_encode(last, percent_encoding::NON_ALPHANUMERIC);
        if let Ok(link) = HeaderValue::from_str(&format!("<{path}?n={count}&last={last}>; rel=\"next\"")) {
            response.headers_mut().insert(header::LINK, link);
        }
    }
    Ok(response)
}
