//! Requests whose body is a document: deletions of many keys, tags, configurations. The protocol crate reads them and
//! does not look at their checksums, so that is done before.

use crate::s3::checksum::{self, Algorithm, Checksums};
use crate::s3::error::StoreError;
use bytes::Bytes;
use http::{HeaderMap, Method, Request};
use http_body::Body as HttpBody;
use http_body_util::{BodyExt as _, Limited};
use md5::{Digest as _, Md5};
use s3s::{S3Error, S3ErrorCode};

/// The largest document: a deletion of 1,000 keys of 1,024 bytes, each byte of them escaped, is smaller.
const DOCUMENT_MAX: usize = 20 << 20;

/// The request with a body that agrees with its checksums. Bodies that are objects pass as they are: they are compared
/// while they are stored.
///
/// # Errors
/// `BadDigest`, `InvalidDigest`, `MaxMessageLengthExceeded`, `IncompleteBody`
pub async fn checked<B>(request: Request<B>) -> Result<Request<s3s::Body>, S3Error>
where
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let (parts, body) = request.into_parts();
    let body = body.map_err(std::io::Error::other);
    let mut said = said(&parts.headers);
    if has(parts.uri.query(), "uploadId") {
        // The end of an upload names the object's checksums, not the document's.
        said.checksums = Checksums::default();
    }
    if !is_document(&parts.method, parts.uri.query()) || is_chunked(&parts.headers) || !said.any() {
        return Ok(Request::from_parts(parts, s3s::Body::http_body_unsync(body)));
    }
    let collected = Limited::new(body, DOCUMENT_MAX).collect().await.map_err(|error| {
        if error.is::<http_body_util::LengthLimitError>() {
            S3Error::with_message(S3ErrorCode::MaxMessageLengthExceeded, "Your request was too big.")
        } else {
            S3Error::with_message(S3ErrorCode::IncompleteBody, "The request body terminated unexpectedly")
        }
    })?;
    let body = collected.to_bytes();
    said.verify(&body)?;
    Ok(Request::from_parts(parts, s3s::Body::from(body)))
}

/// Bodies of PUT are objects and parts unless the query names something else.
fn is_document(method: &Method, query: Option<&str>) -> bool {
    let plain = |query: &str| {
        query.split('&').all(|one| one.is_empty() || one.starts_with("x-id=") || one.starts_with("X-Amz-"))
    };
    match *method {
        Method::POST => has(query, "delete") || has(query, "uploadId"),
        Method::PUT => !has(query, "partNumber") && query.is_some_and(|query| !plain(query)),
        _ => false,
    }
}

fn has(query: Option<&str>, name: &str) -> bool {
    query.unwrap_or_default().split('&').any(|one| one.split('=').next() == Some(name))
}

fn is_chunked(headers: &HeaderMap) -> bool {
    let hash = headers.get("x-amz-content-sha256").and_then(|value| value.to_str().ok());
    hash.is_some_and(|hash| hash.starts_with("STREAMING-"))
}

/// What a request says of its body.
struct Said {
    md5: Option<String>,
    checksums: Checksums,
}

fn said(headers: &HeaderMap) -> Said {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let mut checksums = Checksums::default();
    for algorithm in Algorithm::ALL {
        checksums.set(algorithm, text(algorithm.header()));
    }
    Said { md5: text("content-md5"), checksums }
}

impl Said {
    fn any(&self) -> bool {
        self.md5.is_some() || !self.checksums.is_empty()
    }

    fn verify(&self, body: &[u8]) -> Result<(), StoreError> {
        super::convert::verify_md5(self.md5.as_deref(), &Md5::digest(body).into())?;
        let mut hasher = checksum::hasher(self.checksums.algorithms());
        hasher.update(body);
        self.checksums.verify(&checksum::finish(hasher))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_told_from_objects() {
        for (method, query, document) in [
            (Method::POST, Some("delete="), true),
            (Method::POST, Some("uploads"), false),
            (Method::POST, None, false),
            (Method::PUT, Some("tagging"), true),
            (Method::PUT, None, false),
            (Method::PUT, Some("x-id=PutObject"), false),
            (Method::PUT, Some("partNumber=1&uploadId=u"), false),
            (Method::GET, Some("tagging"), false),
        ] {
            assert_eq!(is_document(&method, query), document, "{method} {query:?}");
        }
    }
}
