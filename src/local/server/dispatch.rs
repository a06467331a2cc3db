//! Which service a request is for.

use super::control::{collect, proof, status};
use super::hosts;
use super::reserve;
use super::services::Services;
use super::timed::Timed;
use super::{s3_errors, sts};
use crate::access::{Caller, Needs};
use crate::faults::{Abort, Hangup, around};
use crate::iam;
use crate::logs::LogsApi;
use crate::protocol::auth::{self, Denied};
use crate::protocol::body::{answer, aws_error, json, text};
use crate::protocol::storage;
use crate::protocol::{Body, RequestIds, SignedService, UnsignedService};
use crate::s3;
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use std::sync::Arc;
use std::time::SystemTime;
use throng_contract::local::PROOF_PATH;

/// The largest request to a service whose body is read before the signature can be checked.
const SIGNED_BODY_MAX: usize = 32 * 1024 * 1024;

impl Services {
    /// Answers a request, with the faults that are planned.
    ///
    /// # Errors
    /// [`Hangup`]: a fault; the connection is to be ended.
    pub async fn answer(
        &self,
        request: Request<Incoming>,
        abort: Option<Abort>,
    ) -> Result<Response<Body>, Hangup> {
        if self.faults.is_on() {
            let handle = |request| self.handle(request);
            return around(&self.faults, &self.access, abort, request, handle).await;
        }
        Ok(self.handle(request).await)
    }

    /// Answers a request.
    pub async fn handle(&self, request: Request<Incoming>) -> Response<Body> {
        let removes = reserve::removes(request.method(), request.uri(), request.headers());
        if removes {
            self.reserve.give_up_if_needed();
        }
        let mut answer = self.route(request).await;
        if removes {
            self.reserve.hold();
        }
        // So that clients can tell a refusal of ours from one of AWS.
        answer.headers_mut().insert(header::SERVER, HeaderValue::from_static("throng-local"));
        storage::name_folder(answer, &self.folder).await
    }

    async fn route(&self, request: Request<Incoming>) -> Response<Body> {
        if !hosts::is_meant(request.headers(), request.uri()) {
            return hosts::refusal();
        }
        let path = request.uri().path();
        if path.starts_with("/_env/") {
            return unsigned(self.runtime.as_ref(), request).await;
        }
        let _busy = self.activity.begin();
        if path == PROOF_PATH {
            return proof(&self.identity, request.uri().query().unwrap_or_default());
        }
        if path == "/v2" || path.starts_with("/v2/") {
            return self.registry(request).await;
        }
        if let Some(command) = path.strip_prefix("/_throng/") {
            let command = command.to_owned();
            return self.control(&command, &request).await;
        }
        let (parts, body) = request.into_parts();
        let service = auth::service(&parts);
        let request = Request::from_parts(parts, body);
        match service.as_deref() {
            Some("lambda") => self.signed(self.lambda.as_ref(), request, json_denied).await,
            Some("logs") => self.signed(self.logs.as_ref(), request, json_denied).await,
            Some("sts") => self.signed(Some(&self.sts), request, sts::denied).await,
            Some("iam") => self.signed(self.iam.as_ref(), request, iam::denied).await,
            Some("s3") | None => self.s3(request).await,
            Some(other) => aws_error(
                StatusCode::NOT_IMPLEMENTED,
                "NotImplemented",
                &format!("the local cloud has no service '{other}'; it has s3, lambda, logs, sts and iam"),
            ),
        }
    }

    async fn s3(&self, mut request: Request<Incoming>) -> Response<Body> {
        let ids = RequestIds::random();
        request.extensions_mut().insert(ids.clone());
        let outcome = match s3::checked(request.map(Timed::new)).await {
            Ok(request) => self.s3.call(request).await.map_err(|error| format!("{error:?}")),
            Err(refusal) => refusal.to_http_response().map_err(|error| format!("{error:?}")),
        };
        let mut response = match outcome {
            Ok(response) => response,
            Err(error) => {
                tracing::error!(?error, "S3");
                return text(StatusCode::INTERNAL_SERVER_ERROR, "internal error");
            }
        };
        if (response.status().is_client_error() || response.status().is_server_error())
            && let Some(document) = response.body_mut().take_bytes()
        {
            let document = s3_errors::complete(&String::from_utf8_lossy(&document), &ids);
            response.headers_mut().remove(header::CONTENT_LENGTH);
            *response.body_mut() = s3s::Body::from(document);
        }
        for (name, value) in [("x-amz-request-id", ids.request_id), ("x-amz-id-2", ids.host_id)] {
            if let Ok(value) = HeaderValue::try_from(value) {
                response.headers_mut().insert(name, value);
            }
        }
        response.map(|body| body.map_err(std::io::Error::other).boxed_unsync())
    }

    async fn signed(
        &self,
        service: Option<&Arc<dyn SignedService>>,
        request: Request<Incoming>,
        refuse: fn(&Denied) -> Response<Body>,
    ) -> Response<Body> {
        let (parts, body) = request.into_parts();
        let body = match Limited::new(Timed::new(body), SIGNED_BODY_MAX).collect().await {
            Ok(body) => body.to_bytes(),
            Err(error) if error.is::<http_body_util::LengthLimitError>() => {
                let message = "The request is larger than any request of this service may be.";
                return aws_error(StatusCode::PAYLOAD_TOO_LARGE, "RequestTooLargeException", message);
            }
            Err(error) => return text(StatusCode::BAD_REQUEST, format!("the body did not arrive: {error}")),
        };
        let caller = match auth::verify(&parts, &body, &self.access, SystemTime::now()) {
            Ok(caller) => caller,
            Err(denied) => return refuse(&denied),
        };
        let Some(service) = service else { return missing() };
        if let Caller::Role(_) = caller {
            for needs in service.needs(&parts, &body) {
                if let Err(refusal) = self.access.check(&caller, &needs) {
                    return refuse(&refusal.into());
                }
            }
        }
        let mut request = Request::from_parts(parts, body);
        request.extensions_mut().insert(caller);
        service.handle(request).await
    }

    async fn registry(&self, request: Request<Incoming>) -> Response<Body> {
        let password = self.identity.registry_password();
        if auth::basic(request.headers(), self.access.user(), Some(&password)) {
            return unsigned(self.registry.as_ref(), request).await;
        }
        unauthorized()
    }

    async fn control(&self, command: &str, request: &Request<Incoming>) -> Response<Body> {
        if !auth::basic(request.headers(), self.access.user(), None) {
            return unauthorized();
        }
        match (command, request.method()) {
            ("status", &Method::GET) => status(self, request.uri().query() == Some("counts")).await,
            ("gc", &Method::POST) => collect(self, request.uri().query().unwrap_or_default()).await,
            ("stop", &Method::POST) => {
                self.activity.request_stop();
                json(StatusCode::ACCEPTED, &serde_json::json!({"stopping": true}))
            }
            _ => text(
                StatusCode::NOT_FOUND,
                "the local cloud knows GET /_throng/status, POST /_throng/gc and POST /_throng/stop\n",
            ),
        }
    }
}

#[async_trait::async_trait]
impl SignedService for LogsApi {
    async fn handle(&self, request: Request<Bytes>) -> Response<Body> {
        Self::handle(self, request.map(http_body_util::Full::new)).await
    }

    fn needs(&self, parts: &Parts, body: &[u8]) -> Vec<Needs> {
        Self::needs(parts, body)
    }
}

async fn unsigned(service: Option<&Arc<dyn UnsignedService>>, request: Request<Incoming>) -> Response<Body> {
    match service {
        Some(service) => service.handle(request).await,
        None => missing(),
    }
}

/// As Lambda and Logs refuse.
fn json_denied(denied: &Denied) -> Response<Body> {
    aws_error(denied.status, denied.code, &denied.message)
}

fn missing() -> Response<Body> {
    aws_error(StatusCode::NOT_IMPLEMENTED, "NotImplemented", "this daemon was started without the service")
}

/// As the distribution API asks for credentials.
fn unauthorized() -> Response<Body> {
    let problem = r#"{"errors":[{"code":"UNAUTHORIZED","message":"authentication required","detail":null}]}"#;
    let mut response = answer(StatusCode::UNAUTHORIZED, "application/json", problem);
    let headers = response.headers_mut();
    headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"throng\""));
    headers.insert("docker-distribution-api-version", HeaderValue::from_static("registry/2.0"));
    response
}
