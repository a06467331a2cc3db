//! The OCI distribution API (<https://github.com/opencontainers/distribution-spec/blob/v1.1.0/spec.md>), for push and
//! pull by any client. Who may ask was checked before.

use super::content::Content;
use super::manifest::Manifest;
use super::names::{Reference, hex_of, is_repository};
use crate::local::server::body::{Body, empty, full};
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body::Frame;
use http_body_util::{BodyExt, Limited, StreamBody};
use hyper::body::Incoming;
use sha2::{Digest, Sha256};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};

/// The largest manifest that is taken; what distribution takes.
const MAX_MANIFEST: usize = 4 << 20;
/// Piece of a blob that is read or written at a time.
const PIECE: usize = 64 << 10;

/// The registry. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Registry {
    content: Arc<Content>,
}

#[async_trait::async_trait]
impl crate::local::server::UnsignedService for Registry {
    async fn handle(&self, request: Request<Incoming>) -> Response<Body> {
        Self::handle(self, request).await
    }
}

/// A refusal.
struct Problem {
    status: StatusCode,
    code: &'static str,
    message: String,
}

type Answer = Result<Response<Body>, Problem>;

fn problem(status: StatusCode, code: &'static str, message: impl Into<String>) -> Problem {
    Problem { status, code, message: message.into() }
}

fn missing(code: &'static str, what: &str) -> Problem {
    problem(StatusCode::NOT_FOUND, code, format!("{what} is not known to this registry"))
}

fn wrong(code: &'static str, message: impl Into<String>) -> Problem {
    problem(StatusCode::BAD_REQUEST, code, message)
}

impl From<io::Error> for Problem {
    fn from(error: io::Error) -> Self {
        tracing::error!(%error, "image registry");
        problem(StatusCode::INTERNAL_SERVER_ERROR, "UNKNOWN", error.to_string())
    }
}

impl Problem {
    fn response(&self) -> Response<Body> {
        let value = serde_json::json!({"errors": [
            {"code": self.code, "message": self.message, "detail": serde_json::Value::Null}]});
        respond(self.status, full(value.to_string()), &[(header::CONTENT_TYPE, "application/json")])
    }
}

fn respond(status: StatusCode, body: Body, headers: &[(HeaderName, &str)]) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    for (name, value) in headers {
        if let Ok(value) = HeaderValue::from_str(value) {
            response.headers_mut().insert(name.clone(), value);
        }
    }
    response
}

const DIGEST: HeaderName = HeaderName::from_static("docker-content-digest");
const UPLOAD: HeaderName = HeaderName::from_static("docker-upload-uuid");
const VERSION: HeaderName = HeaderName::from_static("docker-distribution-api-version");

/// What a path names.
enum Target<'a> {
    Base,
    Catalog,
    Tags(&'a str),
    Manifest(&'a str, &'a str),
    Blob(&'a str, &'a str),
    Uploads(&'a str),
    Upload(&'a str, &'a str),
}

fn target(path: &str) -> Option<Target<'_>> {
    let path = path.strip_prefix("/v2")?;
    if matches!(path, "" | "/") {
        return Some(Target::Base);
    }
    let path = path.strip_prefix('/')?;
    if path == "_catalog" {
        return Some(Target::Catalog);
    }
    if let Some(name) = path.strip_suffix("/tags/list") {
        return Some(Target::Tags(name));
    }
    if let Some(name) = path.strip_suffix("/blobs/uploads").or_else(|| path.strip_suffix("/blobs/uploads/")) {
        return Some(Target::Uploads(name));
    }
    let (head, last) = path.rsplit_once('/')?;
    if let Some(name) = head.strip_suffix("/blobs/uploads") {
        return Some(Target::Upload(name, last));
    }
    if let Some(name) = head.strip_suffix("/manifests") {
        return Some(Target::Manifest(name, last));
    }
    head.strip_suffix("/blobs").map(|name| Target::Blob(name, last))
}

/// A decoded parameter of the query.
fn parameter(request: &Request<Incoming>, name: &str) -> Option<String> {
    request.uri().query()?.split('&').find_map(|pair| {
        let value = pair.strip_prefix(name)?.strip_prefix('=')?;
        percent_encoding::percent_decode_str(value).decode_utf8().ok().map(std::borrow::Cow::into_owned)
    })
}

impl Registry {
    pub(super) fn new(content: Arc<Content>) -> Self {
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

    async fn route(&self, request: Request<Incoming>) -> Answer {
        let path = request.uri().path().to_owned();
        let Some(target) = target(&path) else {
            return Err(problem(
                StatusCode::NOT_FOUND,
                "UNSUPPORTED",
                format!("{path} is no path of a registry"),
            ));
        };
        let name = match target {
            Target::Base | Target::Catalog => "",
            Target::Tags(name)
            | Target::Manifest(name, _)
            | Target::Blob(name, _)
            | Target::Uploads(name)
            | Target::Upload(name, _) => name,
        };
        if !name.is_empty() && !is_repository(name)
            || name.is_empty() && !matches!(target, Target::Base | Target::Catalog)
        {
            return Err(wrong("NAME_INVALID", format!("{name:?} is no name of a repository")));
        }
        let read = matches!(*request.method(), Method::GET | Method::HEAD);
        match target {
            Target::Base if read => {
                Ok(respond(StatusCode::OK, full("{}"), &[(header::CONTENT_TYPE, "application/json")]))
            }
            Target::Catalog if read => self.catalog(&request),
            Target::Tags(name) if read => self.tags(&request, name),
            Target::Manifest(name, reference) => self.manifest(request, name, reference).await,
            Target::Blob(_, digest) if read => self.get_blob(digest, request.headers()).await,
            Target::Uploads(name) if request.method() == Method::POST => self.begin(request, name).await,
            Target::Upload(name, id) => self.upload(request, name, id).await,
            _ => Err(unsupported(request.method())),
        }
    }

    fn catalog(&self, request: &Request<Incoming>) -> Answer {
        let names = self.content.repositories();
        page(request, "/v2/_catalog", names, |names| serde_json::json!({"repositories": names}))
    }

    fn tags(&self, request: &Request<Incoming>, name: &str) -> Answer {
        let tags = self.content.tags(name).ok_or_else(|| missing("NAME_UNKNOWN", name))?;
        let path = format!("/v2/{name}/tags/list");
        page(request, &path, tags, |tags| serde_json::json!({"name": name, "tags": tags}))
    }

    async fn manifest(&self, request: Request<Incoming>, name: &str, text: &str) -> Answer {
        let reference = Reference::parse(text).ok_or_else(|| {
            wrong("MANIFEST_INVALID", format!("{text:?} is neither a tag nor a sha256 digest"))
        })?;
        match *request.method() {
            Method::GET | Method::HEAD => {
                let unknown = || missing("MANIFEST_UNKNOWN", &format!("{name}:{text}"));
                let digest = self.content.find(name, &reference).ok_or_else(unknown)?;
                let bytes = self.content.read(&digest)?.ok_or_else(unknown)?;
                let kind = self.content.media_type(name, &digest).unwrap_or_default();
                let headers = [
                    (header::CONTENT_TYPE, kind.as_str()),
                    (DIGEST, &digest),
                    (header::ETAG, &format!("\"{digest}\"")),
                    (header::CONTENT_LENGTH, &bytes.len().to_string()),
                ];
                Ok(respond(StatusCode::OK, full(bytes), &headers))
            }
            Method::PUT => self.put_manifest(request, name, &reference).await,
            Method::DELETE => {
                let removed = match &reference {
                    Reference::Tag(tag) => self.content.remove_tag(name, tag)?,
                    Reference::Digest(digest) => self.content.remove_manifest(name, digest)?,
                };
                if !removed {
                    return Err(missing("MANIFEST_UNKNOWN", &format!("{name}:{text}")));
                }
                Ok(respond(StatusCode::ACCEPTED, empty(), &[]))
            }
            _ => Err(unsupported(request.method())),
        }
    }

    async fn put_manifest(&self, request: Request<Incoming>, name: &str, reference: &Reference) -> Answer {
        let claimed = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        let claimed = claimed.map(|kind| kind.split(';').next().unwrap_or_default().trim().to_owned());
        let body = Limited::new(request.into_body(), MAX_MANIFEST).collect().await;
        let bytes =
            body.map_err(|error| wrong("MANIFEST_INVALID", format!("reading it: {error}")))?.to_bytes();
        let manifest: Manifest = serde_json::from_slice(&bytes)
            .map_err(|error| wrong("MANIFEST_INVALID", format!("not a manifest: {error}")))?;
        let digest = format!("sha256:{}", hex::encode(Sha256::digest(&bytes)));
        if let Reference::Digest(named) = reference
            && *named != digest
        {
            return Err(wrong("DIGEST_INVALID", format!("the manifest's digest is {digest}, not {named}")));
        }
        if let (Some(inner), Some(outer)) = (&manifest.media_type, &claimed)
            && inner != outer
        {
            return Err(wrong("MANIFEST_INVALID", format!("it says {inner}, the request {outer}")));
        }
        let needed = manifest.blobs().map(|blob| (blob, "MANIFEST_BLOB_UNKNOWN"));
        for (blob, code) in needed.chain(manifest.children().map(|child| (child, "MANIFEST_UNKNOWN"))) {
            if self.content.blob(blob).is_none() {
                return Err(problem(StatusCode::NOT_FOUND, code, format!("{blob} was not pushed")));
            }
        }
        let kind = claimed.unwrap_or_else(|| manifest.kind().to_owned());
        self.content.store(&bytes)?;
        self.content.put_manifest(name, reference, &digest, &kind)?;
        let location = format!("/v2/{name}/manifests/{digest}");
        Ok(respond(StatusCode::CREATED, empty(), &[(header::LOCATION, &location), (DIGEST, &digest)]))
    }

    async fn get_blob(&self, digest: &str, headers: &HeaderMap) -> Answer {
        hex_of(digest).ok_or_else(|| wrong("DIGEST_INVALID", format!("{digest:?} is no sha256 digest")))?;
        let (path, size) = self.content.blob(digest).ok_or_else(|| missing("BLOB_UNKNOWN", digest))?;
        // Somebody will skip the upload because of this answer.
        self.content.touch(digest);
        let range = headers.get(header::RANGE).and_then(|range| range.to_str().ok());
        let (first, last, status) = match range.and_then(|range| parse_range(range, size)) {
            Some(Ok((first, last))) => (first, last, StatusCode::PARTIAL_CONTENT),
            Some(Err(())) => {
                let all = format!("bytes */{size}");
                return Ok(respond(
                    StatusCode::RANGE_NOT_SATISFIABLE,
                    empty(),
                    &[(header::CONTENT_RANGE, &all)],
                ));
            }
            None => (0, size.saturating_sub(1), StatusCode::OK),
        };
        let length = if size == 0 { 0 } else { last - first + 1 };
        let mut file = tokio::fs::File::open(path).await?;
        file.seek(io::SeekFrom::Start(first)).await?;
        let stream = tokio_util::io::ReaderStream::with_capacity(file.take(length), PIECE);
        let body = BodyExt::boxed_unsync(StreamBody::new(stream.map_ok(Frame::data)));
        let content_range = format!("bytes {first}-{last}/{size}");
        let mut response = respond(
            status,
            body,
            &[
                (header::CONTENT_TYPE, "application/octet-stream"),
                (header::CONTENT_LENGTH, &length.to_string()),
                (header::ACCEPT_RANGES, "bytes"),
                (header::ETAG, &format!("\"{digest}\"")),
                (DIGEST, digest),
            ],
        );
        if status == StatusCode::PARTIAL_CONTENT
            && let Ok(value) = HeaderValue::from_str(&content_range)
        {
            response.headers_mut().insert(header::CONTENT_RANGE, value);
        }
        Ok(response)
    }

    /// Begins an upload, or takes a whole blob, or finds that the blob is here already.
    async fn begin(&self, request: Request<Incoming>, name: &str) -> Answer {
        // Blobs are shared by all repositories: a mount only has to find it.
        if let Some(digest) = parameter(&request, "mount")
            && self.content.blob(&digest).is_some()
        {
            self.content.touch(&digest);
            return Ok(created(name, &digest));
        }
        let path = self.content.temporary();
        let whole = parameter(&request, "digest");
        tokio::fs::File::create_new(&path).await?;
        if let Some(digest) = whole {
            self.append(&path, request.into_body(), None).await?;
            return self.finish(&path, name, &digest).await;
        }
        Ok(progress(StatusCode::ACCEPTED, name, &path, 0))
    }

    async fn upload(&self, request: Request<Incoming>, name: &str, id: &str) -> Answer {
        let path = self.content.upload(id).ok_or_else(|| missing("BLOB_UPLOAD_UNKNOWN", id))?;
        match *request.method() {
            Method::GET => {
                let size = tokio::fs::metadata(&path).await?.len();
                Ok(progress(StatusCode::NO_CONTENT, name, &path, size))
            }
            Method::DELETE => {
                tokio::fs::remove_file(&path).await?;
                Ok(respond(StatusCode::NO_CONTENT, empty(), &[]))
            }
            Method::PATCH => {
                let start = content_range(request.headers())?;
                let size = self.append(&path, request.into_body(), start).await?;
                Ok(progress(StatusCode::ACCEPTED, name, &path, size))
            }
            Method::PUT => {
                let digest = parameter(&request, "digest")
                    .ok_or_else(|| wrong("DIGEST_INVALID", "the parameter `digest` is missing"))?;
                let start = content_range(request.headers())?;
                self.append(&path, request.into_body(), start).await?;
                self.finish(&path, name, &digest).await
            }
            _ => Err(unsupported(request.method())),
        }
    }

    /// Adds a body to an upload; answers its size then. When `start` is given it must be where the upload is.
    async fn append(&self, path: &Path, body: Incoming, start: Option<u64>) -> Result<u64, Problem> {
        let mut file = tokio::fs::OpenOptions::new().append(true).open(path).await?;
        let mut size = file.metadata().await?.len();
        if start.is_some_and(|start| start != size) {
            let message = format!("the next byte is {size}");
            return Err(problem(StatusCode::RANGE_NOT_SATISFIABLE, "BLOB_UPLOAD_INVALID", message));
        }
        let mut stream = body.into_data_stream();
        // Few large writes: each goes to another thread.
        let mut buffer: Vec<u8> = Vec::with_capacity(PIECE);
        while let Some(piece) = stream.next().await {
            let piece: Bytes = piece.map_err(|error| wrong("BLOB_UPLOAD_INVALID", error.to_string()))?;
            size += piece.len() as u64;
            buffer.extend_from_slice(&piece);
            if buffer.len() >= PIECE {
                file.write_all(&buffer).await?;
                buffer.clear();
            }
        }
        file.write_all(&buffer).await?;
        file.flush().await?;
        Ok(size)
    }

    /// Checks an upload's digest and makes it a blob.
    async fn finish(&self, path: &Path, name: &str, digest: &str) -> Answer {
        let (content, path, wanted) = (Arc::clone(&self.content), path.to_owned(), digest.to_owned());
        let work = move || -> Result<(), Problem> {
            if hex_of(&wanted).is_none() {
                return Err(wrong("DIGEST_INVALID", format!("{wanted:?} is no sha256 digest")));
            }
            let found = digest_of(&path)?;
            if found != wanted {
                std::fs::remove_file(&path)?;
                return Err(wrong(
                    "DIGEST_INVALID",
                    format!("the content's digest is {found}, not {wanted}"),
                ));
            }
            Ok(content.adopt(&path, &wanted)?)
        };
        tokio::task::spawn_blocking(work).await.map_err(io::Error::other)??;
        Ok(created(name, digest))
    }
}

fn digest_of(path: &PathBuf) -> io::Result<String> {
    let mut file = std::fs::File::open(path)?;
    let mut hash = Sha256::new();
    let mut piece = vec![0; PIECE];
    loop {
        let length = io::Read::read(&mut file, &mut piece)?;
        if length == 0 {
            break;
        }
        hash.update(piece.get(..length).unwrap_or_default());
    }
    file.sync_data()?;
    Ok(format!("sha256:{}", hex::encode(hash.finalize())))
}

fn unsupported(method: &Method) -> Problem {
    problem(StatusCode::METHOD_NOT_ALLOWED, "UNSUPPORTED", format!("{method} is not supported here"))
}

fn created(name: &str, digest: &str) -> Response<Body> {
    let location = format!("/v2/{name}/blobs/{digest}");
    respond(StatusCode::CREATED, empty(), &[(header::LOCATION, &location), (DIGEST, digest)])
}

fn progress(status: StatusCode, name: &str, path: &Path, size: u64) -> Response<Body> {
    let id = path.file_name().unwrap_or_default().to_string_lossy();
    let location = format!("/v2/{name}/blobs/uploads/{id}");
    let range = format!("0-{}", size.saturating_sub(1));
    respond(status, empty(), &[(header::LOCATION, &location), (header::RANGE, &range), (UPLOAD, &id)])
}

/// Where a chunk begins: `Content-Range: first-last`.
fn content_range(headers: &HeaderMap) -> Result<Option<u64>, Problem> {
    let Some(value) = headers.get(header::CONTENT_RANGE) else { return Ok(None) };
    let first = value
        .to_str()
        .ok()
        .and_then(|text| text.trim_start_matches("bytes ").split('-').next()?.parse().ok());
    first.map(Some).ok_or_else(|| wrong("BLOB_UPLOAD_INVALID", "the Content-Range is not understood"))
}

/// The first and the last byte that are asked for; `Err` when they are not there; `None` when it is no range that we
/// know.
fn parse_range(range: &str, size: u64) -> Option<Result<(u64, u64), ()>> {
    let (first, last) = range.strip_prefix("bytes=")?.split_once('-')?;
    if first.is_empty() {
        let length: u64 = last.parse().ok()?;
        return Some(if length > 0 && size > 0 {
            Ok((size.saturating_sub(length), size - 1))
        } else {
            Err(())
        });
    }
    let first: u64 = first.parse().ok()?;
    let last = if last.is_empty() { u64::MAX } else { last.parse().ok()? };
    Some(if first < size && first <= last { Ok((first, last.min(size - 1))) } else { Err(()) })
}

/// A page of names: `n` of them after `last`.
fn page(
    request: &Request<Incoming>,
    path: &str,
    mut names: Vec<String>,
    json: impl Fn(&[String]) -> serde_json::Value,
) -> Answer {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_as_http_has_them() {
        assert_eq!(parse_range("bytes=0-4", 10), Some(Ok((0, 4))));
        assert_eq!(parse_range("bytes=3-", 10), Some(Ok((3, 9))));
        assert_eq!(parse_range("bytes=3-99", 10), Some(Ok((3, 9))));
        assert_eq!(parse_range("bytes=-4", 10), Some(Ok((6, 9))));
        assert_eq!(parse_range("bytes=-40", 10), Some(Ok((0, 9))));
        for absent in ["bytes=10-", "bytes=5-4", "bytes=-0"] {
            assert_eq!(parse_range(absent, 10), Some(Err(())), "{absent}");
        }
        assert_eq!(parse_range("bytes=0-", 0), Some(Err(())));
        assert_eq!(parse_range("lines=1-2", 10), None);
    }
}
