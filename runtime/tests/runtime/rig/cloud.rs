//! What the Runtime API, S3 and STS answer, and what they hold.

use super::http::{Request, Response, decode};
use serde_json::Value;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Condvar, Mutex};

/// An object with its user metadata.
#[derive(Clone, Default)]
pub(super) struct Object {
    pub bytes: Vec<u8>,
    pub metadata: Vec<(String, String)>,
}

/// What the runtime answered to an event.
#[derive(Debug)]
pub struct Answer {
    pub ok: bool,
    pub error_type: String,
    pub body: Value,
}

#[derive(Default)]
pub(super) struct State {
    pub objects: BTreeMap<String, Object>,
    /// Answers of S3 that come before the real one: path, status.
    pub faults: VecDeque<(String, u16)>,
    pub events: VecDeque<(String, Vec<u8>, u64)>,
    pub answers: HashMap<String, Answer>,
    parts: BTreeMap<u32, Vec<u8>>,
    pub requests: Vec<String>,
    /// Content types that objects were stored with, by their paths.
    pub kinds: BTreeMap<String, String>,
    pub closed: bool,
}

pub(super) fn answer(request: &Request, shared: &(Mutex<State>, Condvar)) -> Response {
    if request.method == "POST" && request.path == "/" {
        return sts(request, &mut shared.0.lock().unwrap());
    }
    match request.path.strip_prefix("/_env/token/2018-06-01/runtime/") {
        Some(call) => runtime_api(call, request, shared),
        None => s3(request, &mut shared.0.lock().unwrap()),
    }
}

/// Narrowed credentials, or a refusal when a fault for `/` is planned.
fn sts(request: &Request, state: &mut State) -> Response {
    assert!(request.headers["authorization"].contains("/us-east-1/sts/aws4_request"));
    state.requests.push(String::from_utf8_lossy(&request.body).into_owned());
    if state.faults.front().is_some_and(|(path, _)| path == "/") {
        let (_, status) = state.faults.pop_front().unwrap();
        let body = b"<ErrorResponse><Error><Code>AccessDenied</Code><Message>not you</Message></Error></ErrorResponse>";
        return (status, Vec::new(), body.to_vec());
    }
    let body = b"<X><Credentials><AccessKeyId>ASIANARROW</AccessKeyId><SecretAccessKey>s</SecretAccessKey>\
        <SessionToken>t</SessionToken><Expiration>2026-11-23T22:45:00Z</Expiration></Credentials></X>";
    (200, Vec::new(), body.to_vec())
}

fn runtime_api(call: &str, request: &Request, (lock, changed): &(Mutex<State>, Condvar)) -> Response {
    let mut state = lock.lock().unwrap();
    if call == "invocation/next" {
        state = changed.wait_while(state, |state| state.events.is_empty() && !state.closed).unwrap();
        let Some((id, payload, deadline)) = state.events.pop_front() else {
            return (500, Vec::new(), Vec::new());
        };
        let headers = vec![
            ("Lambda-Runtime-Aws-Request-Id".into(), id),
            ("Lambda-Runtime-Deadline-Ms".into(), deadline.to_string()),
        ];
        return (200, headers, payload);
    }
    let parts: Vec<_> = call.split('/').collect();
    let (id, ok) = match parts[..] {
        ["invocation", id, kind] => (id, kind == "response"),
        _ => ("init", false),
    };
    let error_type = request.headers.get("lambda-runtime-function-error-type").cloned().unwrap_or_default();
    let body = serde_json::from_slice(&request.body).expect("a JSON answer");
    state.answers.insert(id.to_owned(), Answer { ok, error_type, body });
    changed.notify_all();
    (202, Vec::new(), Vec::new())
}

/// Pages of two keys.
fn list(bucket: &str, query: &str, state: &State) -> Response {
    let value = |name: &str| {
        let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        pairs.find(|(known, _)| *known == name).map(|(_, value)| decode(value)).unwrap_or_default()
    };
    let bucket = bucket.trim_end_matches('/');
    let (prefix, after) =
        (format!("{bucket}/{}", value("prefix")), format!("{bucket}/{}", value("start-after")));
    let all = state.objects.keys().filter(|key| key.starts_with(&prefix) && **key > after);
    let keys: Vec<_> = all.map(|key| key[bucket.len() + 1..].to_owned()).collect();
    let size = |key: &String| state.objects[&format!("{bucket}/{key}")].bytes.len();
    let shown: Vec<_> = keys
        .iter()
        .take(2)
        .map(|key| format!("<Contents><Key>{key}</Key><Size>{}</Size></Contents>", size(key)))
        .collect();
    let shown = shown.concat();
    let body =
        format!("<ListBucketResult><IsTruncated>{}</IsTruncated>{shown}</ListBucketResult>", keys.len() > 2);
    (200, Vec::new(), body.into_bytes())
}

/// `bytes=FIRST-LAST`
fn range_of(text: &str) -> Option<(usize, usize)> {
    let (first, last) = text.strip_prefix("bytes=")?.split_once('-')?;
    Some((first.parse().ok()?, last.parse().ok()?))
}

fn s3(request: &Request, state: &mut State) -> Response {
    let (path, query) = request.path.split_once('?').unwrap_or((&request.path, ""));
    let key = decode(path.trim_start_matches('/'));
    state.requests.push(format!("{} {key} {query}", request.method));
    assert!(request.headers["authorization"].starts_with("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/"));
    assert_eq!(request.headers["x-amz-security-token"], "session");
    if let Some(at) = state.faults.iter().position(|(path, _)| *path == key) {
        let status = state.faults.remove(at).unwrap().1;
        let code = if status == 403 { "AccessDenied" } else { "SlowDown" };
        return (status, Vec::new(), format!("<Error><Code>{code}</Code></Error>").into_bytes());
    }
    if let Some(kind) = request.headers.get("content-type").filter(|_| request.method != "GET") {
        state.kinds.insert(key.clone(), kind.clone());
    }
    match (request.method.as_str(), query) {
        ("GET", query) if query.starts_with("list-type=2&") => list(&key, query, state),
        ("GET", _) => match state.objects.get(&key) {
            Some(object) => {
                let headers = object.metadata.iter();
                let headers = headers.map(|(name, value)| (format!("x-amz-meta-{name}"), value.clone()));
                let (status, bytes) = match request.headers.get("range").and_then(|range| range_of(range)) {
                    Some((first, last)) => {
                        (206, object.bytes[first..=last.min(object.bytes.len() - 1)].to_vec())
                    }
                    None => (200, object.bytes.clone()),
                };
                (status, headers.chain([("etag".into(), "\"e\"".into())]).collect(), bytes)
            }
            None => {
                (404, Vec::new(), b"<Error><Code>NoSuchKey</Code><Message>gone</Message></Error>".to_vec())
            }
        },
        ("PUT", "") if request.headers.contains_key("if-none-match") && state.objects.contains_key(&key) => {
            (412, Vec::new(), b"<Error><Code>PreconditionFailed</Code></Error>".to_vec())
        }
        ("PUT", "") => {
            let own = |(name, value): (&String, &String)| {
                Some((name.strip_prefix("x-amz-meta-")?.to_owned(), value.clone()))
            };
            let metadata = request.headers.iter().filter_map(own).collect();
            state.objects.insert(key, Object { bytes: request.body.clone(), metadata });
            (200, vec![("etag".into(), "\"e\"".into())], Vec::new())
        }
        ("POST", "uploads=") => (200, Vec::new(), b"<X><UploadId>u&amp;1</UploadId></X>".to_vec()),
        ("PUT", query) => {
            let number = query.strip_prefix("partNumber=").unwrap().strip_suffix("&uploadId=u%261").unwrap();
            state.parts.insert(number.parse().unwrap(), request.body.clone());
            (200, vec![("etag".into(), format!("\"{number}\""))], Vec::new())
        }
        ("POST", _) => {
            let parts = std::mem::take(&mut state.parts);
            let list = String::from_utf8_lossy(&request.body).into_owned();
            assert_eq!(list.matches("<Part>").count(), parts.len());
            let bytes = parts.into_values().flatten().collect();
            state.objects.insert(key, Object { bytes, metadata: Vec::new() });
            (200, Vec::new(), b"<X><ETag>e</ETag></X>".to_vec())
        }
        _ => (204, Vec::new(), Vec::new()),
    }
}
