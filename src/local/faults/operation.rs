//! `service:Operation`, as plans write it and as requests mean it.

use crate::access::{self, Access};
use crate::protocol::auth;
use http::request::Parts;
use http::{HeaderMap, Method, header};
use std::fmt;

/// Operations that requests of a service can mean.
const S3: &[&str] = &[
    "ListBuckets",
    "CreateBucket",
    "HeadBucket",
    "DeleteBucket",
    "DeleteObjects",
    "GetBucketNotificationConfiguration",
    "PutBucketNotificationConfiguration",
    "ListObjectsV2",
    "ListObjects",
    "ListMultipartUploads",
    "PutObject",
    "CopyObject",
    "GetObject",
    "HeadObject",
    "DeleteObject",
    "CreateMultipartUpload",
    "UploadPart",
    "UploadPartCopy",
    "ListParts",
    "CompleteMultipartUpload",
    "AbortMultipartUpload",
    "Other",
    EVENT,
];
const LAMBDA: &[&str] = &[
    "CreateFunction",
    "GetFunction",
    "ListFunctions",
    "DeleteFunction",
    "GetFunctionConfiguration",
    "UpdateFunctionConfiguration",
    "UpdateFunctionCode",
    "Invoke",
    "AddPermission",
    "GetPolicy",
    "RemovePermission",
    "GetFunctionEventInvokeConfig",
    "PutFunctionEventInvokeConfig",
    "PutFunctionConcurrency",
    "DeleteFunctionConcurrency",
    "TagResource",
    "Other",
    EVENT,
];
const LOGS: &[&str] = &[
    "CreateLogGroup",
    "DeleteLogGroup",
    "DescribeLogGroups",
    "ListLogGroups",
    "PutRetentionPolicy",
    "DeleteRetentionPolicy",
    "TagResource",
    "UntagResource",
    "ListTagsForResource",
    "CreateLogStream",
    "DeleteLogStream",
    "DescribeLogStreams",
    "PutLogEvents",
    "GetLogEvents",
    "FilterLogEvents",
    "StartLiveTail",
    "Other",
    TAIL_EVENT,
];
const REGISTRY: &[&str] = &[
    "Ping",
    "HeadBlob",
    "GetBlob",
    "StartUpload",
    "PutBlob",
    "GetManifest",
    "HeadManifest",
    "PutManifest",
    "DeleteManifest",
    "Other",
];
const STS: &[&str] = &["GetCallerIdentity", "Other"];
const IAM: &[&str] = &["Other"];

/// Not a request: an event of a bucket, or a queued invocation.
pub(super) const EVENT: &str = "event";
/// Not a request: an event that a Live Tail is about to send.
pub(super) const TAIL_EVENT: &str = "tail-event";

/// The services and their operations.
const SERVICES: &[(&str, &[&str])] =
    &[("s3", S3), ("lambda", LAMBDA), ("logs", LOGS), ("registry", REGISTRY), ("sts", STS), ("iam", IAM)];

/// An operation of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operation {
    /// `s3`, `lambda`, `logs`, `registry`, `sts`, `iam`
    pub service: &'static str,
    /// As the service's documents name it.
    pub name: &'static str,
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.service, self.name)
    }
}

/// Whose keys a request was signed with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Caller {
    /// The person's.
    User,
    /// Those that functions get.
    Function,
}

/// What a rule is about: `None` stands for all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pattern {
    service: Option<&'static str>,
    name: Option<&'static str>,
}

impl Pattern {
    /// Reads `service:Operation`, `service:*`, `service` or `*`.
    ///
    /// # Errors
    /// A sentence: what there is instead.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text == "*" {
            return Ok(Self { service: None, name: None });
        }
        let (service, name) = text.split_once(':').unwrap_or((text, "*"));
        let Some((service, names)) = SERVICES.iter().find(|(known, _)| *known == service) else {
            let known: Vec<_> = SERVICES.iter().map(|(name, _)| *name).collect();
            return Err(format!("there is no service `{service}`; there are {}", known.join(", ")));
        };
        if name == "*" {
            return Ok(Self { service: Some(service), name: None });
        }
        match names.iter().find(|known| **known == name) {
            Some(name) => Ok(Self { service: Some(service), name: Some(name) }),
            None => Err(format!("`{service}` has no operation `{name}`; it has {}", names.join(", "))),
        }
    }

    /// Whether it is about the operation. Events are matched by their name only.
    #[must_use]
    pub fn covers(&self, operation: Operation) -> bool {
        self.service.is_none_or(|service| service == operation.service)
            && self.name.is_none_or(|name| name == operation.name)
    }

    /// Whether it is about events, or what Live Tails send, and not about requests.
    pub(super) fn special(&self) -> Option<&'static str> {
        self.name.filter(|name| [EVENT, TAIL_EVENT].contains(name))
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.service, self.name) {
            (None, _) => f.write_str("*"),
            (Some(service), name) => write!(f, "{service}:{}", name.unwrap_or("*")),
        }
    }
}

/// The operation that a request means. `None` for what faults leave alone: the Runtime API and the control of the
/// daemon.
#[must_use]
pub fn of_request(parts: &Parts) -> Option<Operation> {
    let path = parts.uri.path();
    if path.starts_with("/_env/") || path.starts_with("/_throng/") {
        return None;
    }
    if path == "/v2" || path.starts_with("/v2/") {
        return Some(Operation { service: "registry", name: registry(&parts.method, path) });
    }
    let service = auth::service(parts);
    let (service, name) = match service.as_deref() {
        Some("lambda") => ("lambda", lambda(&parts.method, path)),
        Some("logs") => ("logs", logs(&parts.headers)),
        // The operation is in the body; nearly always it is the first.
        Some("sts") => ("sts", "GetCallerIdentity"),
        Some("iam") => ("iam", "Other"),
        _ => ("s3", s3(parts)),
    };
    Some(Operation { service, name })
}

/// Who sends a request, when its signature says so.
#[must_use]
pub fn caller(parts: &Parts, access: &Access) -> Option<Caller> {
    if parts.headers.get(header::AUTHORIZATION).is_some_and(|value| value.as_bytes().starts_with(b"Basic ")) {
        return Some(Caller::User);
    }
    let claim = auth::Authorization::parse(&parts.headers)?;
    access.find(claim.access_key_id).map(|(_, caller)| match caller {
        access::Caller::Person => Caller::User,
        access::Caller::Role(_) => Caller::Function,
    })
}

fn s3(parts: &Parts) -> &'static str {
    let query = parts.uri.query().unwrap_or_default();
    let has =
        |name: &str| query.split('&').any(|pair| pair.split_once('=').map_or(pair, |(key, _)| key) == name);
    let copied = parts.headers.contains_key("x-amz-copy-source");
    let path = parts.uri.path().trim_start_matches('/');
    let (bucket, key) = path.split_once('/').unwrap_or((path, ""));
    let method = parts.method.as_str();
    if bucket.is_empty() {
        return if method == "GET" { "ListBuckets" } else { "Other" };
    }
    let settings = ["location", "lifecycle", "policy", "tagging", "acl", "cors", "encryption", "versioning"];
    let setting = settings.iter().any(|name| has(name)) || has("publicAccessBlock");
    if key.is_empty() {
        return match method {
            "GET" if has("notification") => "GetBucketNotificationConfiguration",
            "PUT" if has("notification") => "PutBucketNotificationConfiguration",
            _ if setting => "Other",
            "GET" if has("uploads") => "ListMultipartUploads",
            "GET" if has("list-type") => "ListObjectsV2",
            "GET" => "ListObjects",
            "PUT" => "CreateBucket",
            "HEAD" => "HeadBucket",
            "DELETE" => "DeleteBucket",
            "POST" if has("delete") => "DeleteObjects",
            _ => "Other",
        };
    }
    match method {
        _ if setting => "Other",
        "PUT" if has("partNumber") => {
            if copied {
                "UploadPartCopy"
            } else {
                "UploadPart"
            }
        }
        "PUT" => {
            if copied {
                "CopyObject"
            } else {
                "PutObject"
            }
        }
        "GET" if has("uploadId") => "ListParts",
        "GET" => "GetObject",
        "HEAD" => "HeadObject",
        "DELETE" if has("uploadId") => "AbortMultipartUpload",
        "DELETE" => "DeleteObject",
        "POST" if has("uploads") => "CreateMultipartUpload",
        "POST" if has("uploadId") => "CompleteMultipartUpload",
        _ => "Other",
    }
}

fn lambda(method: &Method, path: &str) -> &'static str {
    let parts: Vec<_> = path.split('/').filter(|part| !part.is_empty()).collect();
    match (method.as_str(), &parts[..]) {
        ("POST", ["2017-03-31", "tags", _]) => "TagResource",
        ("POST", ["2015-03-31", "functions"]) => "CreateFunction",
        ("GET", ["2015-03-31", "functions"]) => "ListFunctions",
        ("GET", ["2015-03-31", "functions", _]) => "GetFunction",
        ("DELETE", ["2015-03-31", "functions", _]) => "DeleteFunction",
        ("GET", ["2015-03-31", "functions", _, "configuration"]) => "GetFunctionConfiguration",
        ("PUT", ["2015-03-31", "functions", _, "configuration"]) => "UpdateFunctionConfiguration",
        ("PUT", ["2015-03-31", "functions", _, "code"]) => "UpdateFunctionCode",
        ("POST", ["2015-03-31", "functions", _, "invocations"]) => "Invoke",
        ("POST", ["2015-03-31", "functions", _, "policy"]) => "AddPermission",
        ("GET", ["2015-03-31", "functions", _, "policy"]) => "GetPolicy",
        ("DELETE", ["2015-03-31", "functions", _, "policy", _]) => "RemovePermission",
        ("GET", [_, "functions", _, "event-invoke-config"]) => "GetFunctionEventInvokeConfig",
        ("PUT", [_, "functions", _, "event-invoke-config"]) => "PutFunctionEventInvokeConfig",
        ("PUT", [_, "functions", _, "concurrency"]) => "PutFunctionConcurrency",
        ("DELETE", [_, "functions", _, "concurrency"]) => "DeleteFunctionConcurrency",
        _ => "Other",
    }
}

fn logs(headers: &HeaderMap) -> &'static str {
    let target = headers.get("x-amz-target").and_then(|target| target.to_str().ok()).unwrap_or_default();
    let name = target.rsplit('.').next().unwrap_or_default();
    LOGS.iter().find(|known| **known == name).copied().unwrap_or("Other")
}

fn registry(method: &Method, path: &str) -> &'static str {
    let blob = path.contains("/blobs/");
    match method.as_str() {
        "GET" if path.trim_end_matches('/') == "/v2" => "Ping",
        "POST" if path.contains("/blobs/uploads") => "StartUpload",
        "PUT" | "PATCH" if path.contains("/blobs/uploads") => "PutBlob",
        "HEAD" if blob => "HeadBlob",
        "GET" if blob => "GetBlob",
        "GET" if path.contains("/manifests/") => "GetManifest",
        "HEAD" if path.contains("/manifests/") => "HeadManifest",
        "PUT" if path.contains("/manifests/") => "PutManifest",
        "DELETE" if path.contains("/manifests/") => "DeleteManifest",
        _ => "Other",
    }
}

/// The `Content-Length` of a request, when it has one.
pub(super) fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use http::Request;

    fn named(method: &str, uri: &str, headers: &[(&str, &str)]) -> String {
        let mut request = Request::builder().method(method).uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (parts, ()) = request.body(()).unwrap().into_parts();
        of_request(&parts).map(|operation| operation.to_string()).unwrap_or_default()
    }

    #[test]
    fn requests_are_told_apart() {
        let scope = |service: &str| {
            format!(
                "AWS4-HMAC-SHA256 Credential=K/20260101/us-east-1/{service}/aws4_request, SignedHeaders=host, Signature=0"
            )
        };
        let (lambda, logs) = (scope("lambda"), scope("logs"));
        for (method, uri, expected) in [
            ("PUT", "/b/k", "s3:PutObject"),
            ("PUT", "/b/k?partNumber=1&uploadId=u", "s3:UploadPart"),
            ("POST", "/b/k?uploads", "s3:CreateMultipartUpload"),
            ("GET", "/b?list-type=2&prefix=x", "s3:ListObjectsV2"),
            ("GET", "/b/?notification", "s3:GetBucketNotificationConfiguration"),
            ("PUT", "/b", "s3:CreateBucket"),
            ("GET", "/", "s3:ListBuckets"),
            ("PUT", "/v2/throng/f/blobs/uploads/1?digest=x", "registry:PutBlob"),
            ("HEAD", "/v2/throng/f/blobs/sha256:1", "registry:HeadBlob"),
            ("PUT", "/v2/throng/f/manifests/latest", "registry:PutManifest"),
            ("GET", "/_throng/status", ""),
            ("GET", "/_env/token/2018-06-01/runtime/invocation/next", ""),
        ] {
            assert_eq!(named(method, uri, &[]), expected, "{method} {uri}");
        }
        for (method, uri, expected) in [
            ("PUT", "/2015-03-31/functions/f/code", "lambda:UpdateFunctionCode"),
            ("PUT", "/2019-09-25/functions/f/event-invoke-config", "lambda:PutFunctionEventInvokeConfig"),
            ("POST", "/2015-03-31/functions/f/invocations", "lambda:Invoke"),
        ] {
            assert_eq!(named(method, uri, &[("authorization", &lambda)]), expected);
        }
        let target = ("x-amz-target", "Logs_20140328.FilterLogEvents");
        assert_eq!(named("POST", "/", &[("authorization", &logs), target]), "logs:FilterLogEvents");
    }

    #[test]
    fn a_pattern_that_can_never_match_is_refused_with_what_there_is() {
        assert!(Pattern::parse("s3:PutObjet").unwrap_err().contains("PutObject,"));
        assert!(Pattern::parse("sqs:*").unwrap_err().contains("lambda"));
        let all = Pattern::parse("lambda").unwrap();
        assert!(all.covers(Operation { service: "lambda", name: "Invoke" }));
        assert!(!all.covers(Operation { service: "s3", name: "PutObject" }));
    }
}
