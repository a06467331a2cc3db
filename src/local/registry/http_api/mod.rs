//! The OCI distribution API (<https://github.com/opencontainers/distribution-spec/blob/v1.1.0/spec.md>), for push and
//! pull by any client. Who may ask was checked before.
//!
//! ```text
//! path        what a path names
//! manifests   are read, stored and removed
//! blobs       are read, whole or in part
//! uploads     of blobs, in one request or in many
//! answer      answers and refusals
//! ```

mod answer;
mod blobs;
mod manifests;
mod path;
mod uploads;

use super::content::Content;
use super::names::is_repository;
use crate::protocol::UnsignedService;
use crate::protocol::body::{Body, empty, full};
use answer::{RegistryResult, VERSION, missing, page, problem, respond, unsupported, wrong};
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use hyper::body::Incoming;
use path::{ApiPath, target};
use std::sync::Arc;

/// Piece of a blob that is read or written at a time.
const PIECE: usize = 64 << 10;

/// The registry. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Registry {
    content: Arc<Content>,
}

#[async_trait::async_trait]
impl UnsignedService for Registry {
    async fn handle(&self, request: Request<Incoming>) -> Response<Body> {
        Self::handle(self, request).await
    }
}

impl Registry {
    pub(in crate::registry) fn new(content: Arc<Content>) -> Self {
        Self { content }
    }

    /// Answers a request under `/v2/`.
    pub async fn handle(&self, request: Request<Incoming>) -> Response<Body> {
        let head = request.method() == Method::HEAD;
        let mut response = match self.route(request).await {
            Ok(response) => response,
            Err(problem) => problem.response(),
        };
        response.headers_mut().insert(VERSION, HeaderValue::from_static("registry/2.0"));
        if head {
            *response.body_mut() = empty();
        }
        response
    }

    async fn route(&self, request: Request<Incoming>) -> RegistryResult {
        let path = request.uri().path().to_owned();
        let Some(target) = target(&path) else {
            return Err(problem(
                StatusCode::NOT_FOUND,
                "UNSUPPORTED",
                format!("{path} is not a path of a registry"),
            ));
        };
        let name = match target {
            ApiPath::Base | ApiPath::Catalog => "",
            ApiPath::Tags(name)
            | ApiPath::Manifest(name, _)
            | ApiPath::Blob(name, _)
            | ApiPath::Uploads(name)
            | ApiPath::Upload(name, _) => name,
        };
        if !name.is_empty() && !is_repository(name)
            || name.is_empty() && !matches!(target, ApiPath::Base | ApiPath::Catalog)
        {
            return Err(wrong("NAME_INVALID", format!("{name:?} is not a name of a repository")));
        }
        let read = matches!(*request.method(), Method::GET | Method::HEAD);
        match target {
            ApiPath::Base if read => {
                Ok(respond(StatusCode::OK, full("{}"), &[(header::CONTENT_TYPE, "application/json")]))
            }
            ApiPath::Catalog if read => self.catalog(&request),
            ApiPath::Tags(name) if read => self.tags(&request, name),
            ApiPath::Manifest(name, reference) => self.manifest(request, name, reference).await,
            ApiPath::Blob(_, digest) if read => self.get_blob(digest, request.headers()).await,
            ApiPath::Uploads(name) if request.method() == Method::POST => self.begin(request, name).await,
            ApiPath::Upload(name, id) => self.upload(request, name, id).await,
            _ => Err(unsupported(request.method())),
        }
    }

    fn catalog(&self, request: &Request<Incoming>) -> RegistryResult {
        let names = self.content.repositories();
        page(request, "/v2/_catalog", names, |names| serde_json::json!({"repositories": names}))
    }

    fn tags(&self, request: &Request<Incoming>, name: &str) -> RegistryResult {
        let tags = self.content.tags(name).ok_or_else(|| missing("NAME_UNKNOWN", name))?;
        let path = format!("/v2/{name}/tags/list");
        page(request, &path, tags, |tags| serde_json::json!({"name": name, "tags": tags}))
    }
}
