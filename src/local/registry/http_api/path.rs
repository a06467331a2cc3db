//! What a path and its query name.

use http::Request;
use hyper::body::Incoming;

/// What a path names.
pub(super) enum ApiPath<'a> {
    Base,
    Catalog,
    Tags(&'a str),
    Manifest(&'a str, &'a str),
    Blob(&'a str, &'a str),
    Uploads(&'a str),
    Upload(&'a str, &'a str),
}

pub(super) fn target(path: &str) -> Option<ApiPath<'_>> {
    let path = path.strip_prefix("/v2")?;
    if matches!(path, "" | "/") {
        return Some(ApiPath::Base);
    }
    let path = path.strip_prefix('/')?;
    if path == "_catalog" {
        return Some(ApiPath::Catalog);
    }
    if let Some(name) = path.strip_suffix("/tags/list") {
        return Some(ApiPath::Tags(name));
    }
    if let Some(name) = path.strip_suffix("/blobs/uploads").or_else(|| path.strip_suffix("/blobs/uploads/")) {
        return Some(ApiPath::Uploads(name));
    }
    let (head, last) = path.rsplit_once('/')?;
    if let Some(name) = head.strip_suffix("/blobs/uploads") {
        return Some(ApiPath::Upload(name, last));
    }
    if let Some(name) = head.strip_suffix("/manifests") {
        return Some(ApiPath::Manifest(name, last));
    }
    head.strip_suffix("/blobs").map(|name| ApiPath::Blob(name, last))
}

/// A decoded parameter of the query.
pub(super) fn parameter(request: &Request<Incoming>, name: &str) -> Option<String> {
    request.uri().query()?.split('&').find_map(|pair| {
        let value = pair.strip_prefix(name)?.strip_prefix('=')?;
        percent_encoding::percent_decode_str(value).decode_utf8().ok().map(std::borrow::Cow::into_owned)
    })
}
