//! A registry in this process: blobs and manifests in memory, with counters, authentication and faults.

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, HashMap};
use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;

#[derive(Default)]
pub struct State {
    /// By repository and digest.
    pub blobs: HashMap<(String, String), Bytes>,
    /// By repository and tag or digest: media type and bytes.
    pub manifests: BTreeMap<(String, String), (String, Bytes)>,
    /// `METHOD path?query` of each request.
    pub requests: Vec<String>,
    /// So many uploads are answered 503 before one is accepted.
    pub failing_puts: usize,
    /// `user:password`
    pub login: Option<String>,
}

#[derive(Clone)]
pub struct Double {
    pub state: Arc<Mutex<State>>,
    pub host: String,
}

pub fn sha256(bytes: &[u8]) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(bytes)))
}

impl Double {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let double = Self { state: Arc::default(), host };
        let served = double.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let served = served.clone();
                let service = hyper::service::service_fn(move |request| {
                    let served = served.clone();
                    async move { Ok::<_, Infallible>(served.answer(request).await) }
                });
                let http = hyper::server::conn::http1::Builder::new();
                tokio::spawn(http.serve_connection(TokioIo::new(stream), service));
            }
        });
        double
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.host)
    }

    pub fn with<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        work(&mut self.state.lock().unwrap())
    }

    pub fn put_blob(&self, repository: &str, bytes: impl Into<Bytes>) -> String {
        let bytes = bytes.into();
        let digest = sha256(&bytes);
        self.with(|state| state.blobs.insert((repository.into(), digest.clone()), bytes));
        digest
    }

    pub fn put_manifest(
        &self,
        repository: &str,
        tag: &str,
        media_type: &str,
        bytes: impl Into<Bytes>,
    ) -> String {
        let bytes = bytes.into();
        let digest = sha256(&bytes);
        self.with(|state| {
            for name in [tag.to_owned(), digest.clone()] {
                state.manifests.insert((repository.into(), name), (media_type.into(), bytes.clone()));
            }
        });
        digest
    }

    pub fn count(&self, beginning: &str) -> usize {
        self.with(|state| state.requests.iter().filter(|line| line.starts_with(beginning)).count())
    }

    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let (head, body) = request.into_parts();
        let path = head.uri.path().to_owned();
        let query: HashMap<String, String> =
            url::form_urlencoded::parse(head.uri.query().unwrap_or("").as_bytes()).into_owned().collect();
        let login = self.with(|state| {
            let query = head.uri.query().unwrap_or("");
            state.requests.push(format!("{} {path}?{query}", head.method));
            state.login.clone()
        });
        if let Some(login) = login {
            use base64::Engine as _;
            let wanted = format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(login));
            if head.headers.get("authorization").and_then(|value| value.to_str().ok()) != Some(&wanted) {
                return reply(
                    StatusCode::UNAUTHORIZED,
                    b"{}",
                    &[("www-authenticate", "Basic realm=\"double\"")],
                );
            }
        }
        let Ok(body) = body.collect().await else {
            return reply(StatusCode::BAD_REQUEST, b"{}", &[]);
        };
        self.with(|state| route(state, &head.method, &path, &query, &head.headers, body.to_bytes()))
    }
}

fn route(
    state: &mut State,
    method: &Method,
    path: &str,
    query: &HashMap<String, String>,
    headers: &http::HeaderMap,
    body: Bytes,
) -> Response<Full<Bytes>> {
    let Some(rest) = path.strip_prefix("/v2/") else { return missing() };
    let query = |name: &str| query.get(name).cloned();
    if rest.is_empty() {
        return reply(StatusCode::OK, b"{}", &[]);
    }
    if rest == "_catalog" {
        let mut names: Vec<_> = state.manifests.keys().map(|(name, _)| name.clone()).collect();
        names.dedup();
        return reply(StatusCode::OK, serde_json::json!({"repositories": names}).to_string().as_bytes(), &[]);
    }
    if let Some(repository) = rest.strip_suffix("/tags/list") {
        let names = state.manifests.keys().filter(|(name, _)| name == repository);
        let tags: Vec<_> = names.map(|(_, tag)| tag).filter(|tag| !tag.contains(':')).collect();
        let text = serde_json::json!({"name": repository, "tags": tags}).to_string();
        return reply(StatusCode::OK, text.as_bytes(), &[]);
    }
    if let Some((repository, _)) = rest.split_once("/blobs/uploads/") {
        let digest = query("digest").unwrap_or_default();
        return match *method {
            Method::POST => {
                let from = (query("from").unwrap_or_default(), query("mount").unwrap_or_default());
                if let Some(bytes) = state.blobs.get(&from).cloned() {
                    let location = format!("/v2/{repository}/blobs/{}", from.1);
                    state.blobs.insert((repository.into(), from.1), bytes);
                    return reply(StatusCode::CREATED, b"", &[("location", &location)]);
                }
                reply(
                    StatusCode::ACCEPTED,
                    b"",
                    &[("location", &format!("/v2/{repository}/blobs/uploads/1"))],
                )
            }
            Method::PUT if state.failing_puts > 0 => {
                state.failing_puts -= 1;
                reply(StatusCode::SERVICE_UNAVAILABLE, b"{}", &[])
            }
            Method::PUT if sha256(&body) == digest => {
                state.blobs.insert((repository.into(), digest.clone()), body);
                reply(StatusCode::CREATED, b"", &[("location", &format!("/v2/{repository}/blobs/{digest}"))])
            }
            _ => reply(StatusCode::BAD_REQUEST, br#"{"errors":[{"code":"DIGEST_INVALID"}]}"#, &[]),
        };
    }
    if let Some((repository, digest)) = rest.split_once("/blobs/") {
        let Some(bytes) = state.blobs.get(&(repository.into(), digest.into())) else { return missing() };
        return reply(StatusCode::OK, bytes, &[]);
    }
    let Some((repository, name)) = rest.split_once("/manifests/") else { return missing() };
    let key = (repository.to_owned(), name.to_owned());
    match *method {
        Method::PUT => {
            let media_type = headers["content-type"].to_str().unwrap().to_owned();
            let digest = sha256(&body);
            state.manifests.insert((repository.into(), digest.clone()), (media_type.clone(), body.clone()));
            state.manifests.insert(key, (media_type, body));
            let location = format!("/v2/{repository}/manifests/{digest}");
            reply(StatusCode::CREATED, b"", &[("location", &location), ("docker-content-digest", &digest)])
        }
        Method::DELETE => {
            let Some((_, bytes)) = state.manifests.get(&key).cloned() else { return missing() };
            state.manifests.retain(|(name, _), (_, other)| name != repository || *other != bytes);
            reply(StatusCode::ACCEPTED, b"", &[])
        }
        _ => {
            let Some((media_type, bytes)) = state.manifests.get(&key) else { return missing() };
            let digest = sha256(bytes);
            reply(StatusCode::OK, bytes, &[("content-type", media_type), ("docker-content-digest", &digest)])
        }
    }
}

fn missing() -> Response<Full<Bytes>> {
    reply(StatusCode::NOT_FOUND, br#"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"not here"}]}"#, &[])
}

fn reply(status: StatusCode, body: &[u8], headers: &[(&str, &str)]) -> Response<Full<Bytes>> {
    let mut builder = Response::builder().status(status);
    for (name, value) in headers {
        builder = builder.header(*name, *value);
    }
    builder.body(Full::new(Bytes::copy_from_slice(body))).unwrap()
}
