//! What an invocation asks for.
//!
//! Recognised, in this order: our own events (a task, a pack), an HTTP request (its body is looked at again), a delegated event, an S3
//! notification; anything else is an input in itself.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;
use throng_contract::barrier::Start;
use throng_contract::pack::{Pack, PackEvent};
use throng_contract::{
    EventFiles, EventRef, S3ObjectRef, TaskEvent, TaskRef, object_keys_from_s3_event, s3_event_id,
};

/// How many wrappers are taken off an event.
const DEPTH: usize = 4;

/// An invocation's event, read.
#[derive(Debug, Default, PartialEq)]
pub struct Request {
    /// What to work on, one after the other.
    pub jobs: Vec<Job>,
    /// Tasks that are done together, in place of jobs.
    pub pack: Option<Pack>,
    /// A script to run in place of the function's own.
    pub script: Option<Vec<u8>>,
    /// Arguments for the script of the event; without one, for the image's entry point in place of its own.
    pub arguments: Option<Vec<String>>,
    /// Variables from an HTTP request's query.
    pub query: Vec<(String, String)>,
}

/// One input.
#[derive(Debug, PartialEq)]
pub struct Job {
    /// The input.
    pub input: Input,
    /// The task that the event names. The object's metadata may name one too.
    pub task: Option<TaskRef>,
    /// The event's name for the ledger; the request's id when it has none.
    pub id: Option<EventRef>,
    /// `sequencer` of an S3 notification: it tells writes of one key apart.
    pub sequencer: Option<String>,
    /// Size of the object in bytes, when a notification says it.
    pub size: Option<u64>,
    /// The group that the event names.
    pub group: Option<String>,
    /// Variables that the event brings for the script.
    pub variables: BTreeMap<String, String>,
    /// Which set of parameters they are of.
    pub parameters: Option<String>,
    /// How long its script may run at most, where the event says so.
    pub timeout: Option<Duration>,
    /// The start marker that the event is about: the job is a join.
    pub start: Option<Start>,
    /// For the variable `EVENT`.
    pub event: Option<String>,
    /// For the variable `EVENT_TIME`.
    pub time: Option<String>,
    /// Where the input's bucket is.
    pub origin: Origin,
    /// Whether it is the body of an HTTP request, and JSON.
    pub json_body: bool,
    /// All files, of a task that has several.
    pub files: Option<EventFiles>,
}

/// Which storage an input is in.
#[derive(Debug, Default, PartialEq, Eq)]
pub enum Origin {
    /// The function's own.
    #[default]
    Own,
    /// The storage provider of this name.
    Provider(String),
    /// A `MinIO` server that sent an event of its own; the function's inputs say which.
    Minio,
}

/// Where an input is.
#[derive(Debug, PartialEq, Eq)]
pub enum Input {
    /// In a bucket.
    Object {
        /// Its bucket.
        bucket: String,
        /// Its key, decoded.
        key: String,
    },
    /// In the event.
    Bytes(Vec<u8>),
    /// A task of a run without inputs.
    Nothing,
}

/// Reads an event. `now` is the time for events that bring none.
pub fn read(payload: &[u8], now: &str) -> Request {
    let mut request = Request::default();
    match serde_json::from_slice::<Value>(payload) {
        Ok(value) => read_value(value, payload, now, &mut request, DEPTH),
        Err(_) => request.jobs.push(plain(payload.to_vec())),
    }
    request
}

fn plain(bytes: Vec<u8>) -> Job {
    Job {
        input: Input::Bytes(bytes),
        task: None,
        id: None,
        sequencer: None,
        size: None,
        group: None,
        variables: BTreeMap::new(),
        parameters: None,
        timeout: None,
        start: None,
        event: None,
        time: None,
        origin: Origin::Own,
        json_body: false,
        files: None,
    }
}

/// Looks at a value. `raw` is the text that it was read from: an input in itself stays as it came, byte for byte.
fn read_value(value: Value, raw: &[u8], now: &str, request: &mut Request, depth: usize) {
    if let Value::String(text) = value {
        return read_text(&text, now, request, depth);
    }
    read_overrides(&value, request);
    if depth > 0 && value.get("httpMethod").is_some() {
        return read_http(&value, now, request, depth - 1);
    }
    if depth > 0
        && value.get("storage_provider").is_some()
        && let Some(inner) = value.get("event").filter(|inner| inner.is_object() || inner.is_string())
    {
        return read_value(inner.clone(), inner.to_string().as_bytes(), now, request, depth - 1);
    }
    if value.get("throng_pack").is_some()
        && let Ok(event) = serde_json::from_value::<PackEvent>(value.clone())
    {
        request.pack = Some(event.pack);
        return;
    }
    if let Some(job) = own_event(&value, now) {
        // Without an input there is something to do for a task of a run alone.
        if job.input != Input::Nothing || job.task.is_some() {
            request.jobs.push(job);
        }
        return;
    }
    if let Some(objects) = object_keys_from_s3_event(&value) {
        request.jobs.extend(objects.into_iter().filter(|object| !is_folder_marker(object)).map(|object| {
            Job {
                task: None,
                id: Some(EventRef {
                    id: s3_event_id(&object.bucket, &object.key, &object.sequencer),
                    retries: None,
                }),
                sequencer: Some(object.sequencer),
                size: object.size,
                group: None,
                variables: BTreeMap::new(),
                parameters: None,
                timeout: None,
                start: None,
                event: Some(json!({"Records": [&object.record]}).to_string()),
                time: Some(object.event_time.unwrap_or_else(|| now.to_owned())),
                origin: match object.record.get("eventSource").and_then(Value::as_str) {
                    Some("minio:s3") => Origin::Minio,
                    _ => Origin::Own,
                },
                input: Input::Object { bucket: object.bucket, key: object.key },
                json_body: false,
                files: None,
            }
        }));
        return;
    }
    // S3 sends it when notifications are configured; there is nothing to do.
    if value.get("Event").and_then(Value::as_str) == Some("s3:TestEvent") {
        return;
    }
    request.jobs.push(plain(raw.to_vec()));
}

/// Whether an object only stands for a folder: consoles and file systems over S3 make such empty ones, and S3 tells of
/// them as of any other. A key that is empty names nothing.
fn is_folder_marker(object: &S3ObjectRef) -> bool {
    object.key.is_empty() || (object.key.ends_with('/') && object.size.unwrap_or(0) == 0)
}

/// A string is JSON, or base64, or itself.
fn read_text(text: &str, now: &str, request: &mut Request, depth: usize) {
    match serde_json::from_str::<Value>(text) {
        Ok(value) if depth > 0 && value.is_object() => {
            read_value(value, text.as_bytes(), now, request, depth - 1);
        }
        Ok(_) => request.jobs.push(plain(text.as_bytes().to_vec())),
        Err(_) => {
            let bytes = STANDARD.decode(text.trim()).unwrap_or_else(|_| text.as_bytes().to_vec());
            request.jobs.push(plain(bytes));
        }
    }
}

fn read_overrides(value: &Value, request: &mut Request) {
    if let Some(script) = value.get("script").and_then(Value::as_str) {
        request.script = Some(STANDARD.decode(script.trim()).unwrap_or_else(|_| script.as_bytes().to_vec()));
    }
    let list = match value.get("cmd_args") {
        Some(Value::String(text)) => serde_json::from_str::<Vec<String>>(text).ok(),
        Some(list @ Value::Array(_)) => serde_json::from_value(list.clone()).ok(),
        _ => None,
    };
    if list.is_some() {
        request.arguments = list;
    }
}

fn read_http(value: &Value, now: &str, request: &mut Request, depth: usize) {
    let query = value.get("queryStringParameters").and_then(Value::as_object);
    for (name, value) in query.into_iter().flatten() {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        request.query.push((name.clone(), text));
    }
    let before = request.jobs.len();
    read_body(value, now, request, depth);
    for job in &mut request.jobs[before..] {
        job.json_body = matches!(&job.input, Input::Bytes(bytes)
            if serde_json::from_slice::<serde::de::IgnoredAny>(bytes).is_ok());
    }
}

fn read_body(value: &Value, now: &str, request: &mut Request, depth: usize) {
    match value.get("body") {
        Some(Value::String(body)) if value.get("isBase64Encoded") == Some(&Value::Bool(true)) => {
            let bytes = STANDARD.decode(body.trim()).unwrap_or_else(|_| body.as_bytes().to_vec());
            match serde_json::from_slice::<Value>(&bytes) {
                Ok(inner) if inner.is_object() => read_value(inner, &bytes, now, request, depth),
                _ => request.jobs.push(plain(bytes)),
            }
        }
        Some(Value::String(body)) => read_text(body, now, request, depth),
        Some(Value::Null) | None => request.jobs.push(plain(Vec::new())),
        Some(other) => read_value(other.clone(), other.to_string().as_bytes(), now, request, depth),
    }
}

/// Our own event.
fn own_event(value: &Value, now: &str) -> Option<Job> {
    value.get("throng")?;
    Some(job_of(serde_json::from_value(value.clone()).ok()?, now))
}

/// What our own event asks for. Scripts are shown an S3 notification for it, so that they cannot tell the difference.
pub fn job_of(event: TaskEvent, now: &str) -> Job {
    let shown = shown(&event, now);
    Job {
        event: shown,
        time: Some(now.to_owned()),
        id: event.id().map(|id| EventRef { id, retries: event.retries }),
        sequencer: None,
        size: None,
        group: event.group,
        start: None,
        variables: event.variables,
        parameters: event.parameters,
        timeout: event.timeout_s.map(|seconds| Duration::from_secs(seconds.into())),
        task: event.task,
        origin: event.provider.map_or(Origin::Own, Origin::Provider),
        input: match event.key.as_str() {
            "" => Input::Nothing,
            _ => Input::Object { bucket: event.bucket, key: event.key },
        },
        json_body: false,
        files: event.files,
    }
}

/// The notification that stands for an event of ours; none where there is no object.
fn shown(event: &TaskEvent, now: &str) -> Option<String> {
    if event.key.is_empty() {
        return None;
    }
    let key = crate::sigv4::encode(&event.key, true).replace("%20", "+");
    let bucket = &event.bucket;
    let minio = event.provider.as_deref().is_some_and(|provider| provider.starts_with("minio"));
    let source = if minio { "minio:s3" } else { "aws:s3" };
    let shown = json!({"Records": [{
        "eventVersion": "2.1", "eventSource": source, "eventTime": now, "eventName": "ObjectCreated:Put",
        "s3": {
            "s3SchemaVersion": "1.0",
            "bucket": {"name": bucket, "arn": format!("arn:aws:s3:::{bucket}")},
            "object": {"key": key},
        },
    }]});
    Some(shown.to_string())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn one(payload: &str) -> Job {
        let mut request = read(payload.as_bytes(), "now");
        assert_eq!(request.jobs.len(), 1, "{payload}");
        request.jobs.remove(0)
    }

    fn bytes(payload: &str) -> String {
        match one(payload).input {
            Input::Bytes(bytes) => String::from_utf8(bytes).unwrap(),
            Input::Object { .. } | Input::Nothing => unreachable!("{payload}"),
        }
    }

    #[test]
    fn own_events_name_task_and_object() {
        let job = one(r#"{"throng": {"run": "r", "task": 7}, "bucket": "b", "key": "in/a b+c"}"#);
        assert_eq!(job.task, Some(throng_contract::keys::first::task("r", 7)));
        assert_eq!(job.id.map(|event| event.id).as_deref(), Some("r.0.7.0"));
        assert_eq!(job.input, Input::Object { bucket: "b".into(), key: "in/a b+c".into() });
        let shown: Value = serde_json::from_str(&job.event.unwrap()).unwrap();
        let seen = object_keys_from_s3_event(&shown).unwrap().remove(0);
        assert_eq!(seen.key, "in/a b+c");
        assert_eq!(one(r#"{"throng": null, "bucket": "b", "key": "k"}"#).task, None);
    }

    #[test]
    fn packs_are_events_of_their_own() {
        let payload = r#"{"throng_pack": {"run": "r", "number": 3, "tasks": [{"throng": {"run": "r", "task": 3}, "bucket": "b", "key": "k"}]}}"#;
        let request = read(payload.as_bytes(), "now");
        assert_eq!((request.jobs.len(), request.pack.unwrap().tasks.len()), (0, 1));
        assert_eq!(bytes(r#"{"throng_pack": 7}"#), r#"{"throng_pack": 7}"#, "somebody else's");
    }

    #[test]
    fn other_payloads_are_inputs_as_scar_saves_them() {
        assert_eq!(bytes(r#"{"z": 1, "a":1}"#), r#"{"z": 1, "a":1}"#, "as it came");
        assert_eq!(bytes(r#"{"httpMethod": "POST", "body": "{\"z\": 1, \"a\":1}"}"#), r#"{"z": 1, "a":1}"#);
        assert_eq!(bytes("not json"), "not json");
        assert_eq!(bytes(r#""aGVsbG8=""#), "hello");
        assert_eq!(bytes(r#""[1, 2]""#), "[1, 2]");
        assert_eq!(bytes(r#"{"httpMethod": "POST", "body": null}"#), "");
        assert_eq!(bytes(r#"{"httpMethod": "POST", "body": "aGVsbG8=", "isBase64Encoded": true}"#), "hello");
        assert_eq!(bytes(r#"{"httpMethod": "POST", "body": "aGVsbG8="}"#), "hello");
        assert_eq!(bytes(r#"{"httpMethod": "POST", "body": ""}"#), "");
    }

    #[test]
    fn http_queries_become_variables_and_bodies_are_looked_at_again() {
        let event = json!({"httpMethod": "GET", "queryStringParameters": {"a": "1"},
            "body": json!({"Records": [{"eventSource": "aws:s3",
                "s3": {"bucket": {"name": "b"}, "object": {"key": "k"}}}]}).to_string()});
        let request = read(event.to_string().as_bytes(), "now");
        assert_eq!(request.query, [("a".to_owned(), "1".to_owned())]);
        assert_eq!(request.jobs[0].input, Input::Object { bucket: "b".into(), key: "k".into() });
    }

    #[test]
    fn events_say_which_storage_they_are_about() {
        let record = |source: &str| {
            let s3 = json!({"bucket": {"name": "b"}, "object": {"key": "k"}});
            one(&json!({"Key": "b/k", "Records": [{"eventSource": source, "s3": s3}]}).to_string()).origin
        };
        assert_eq!((record("aws:s3"), record("minio:s3")), (Origin::Own, Origin::Minio));
        let own = one(r#"{"throng": null, "bucket": "b", "key": "k", "provider": "minio.lab"}"#);
        assert_eq!(own.origin, Origin::Provider("minio.lab".into()));
    }

    #[test]
    fn bodies_that_are_json_are_known() {
        assert!(one(r#"{"httpMethod": "POST", "body": "{\"a\": 1}"}"#).json_body);
        assert!(one(r#"{"httpMethod": "POST", "body": "eyJhIjogMX0=", "isBase64Encoded": true}"#).json_body);
        assert!(!one(r#"{"httpMethod": "POST", "body": "aGVsbG8="}"#).json_body);
        assert!(!one(r#"{"httpMethod": "GET", "body": null}"#).json_body);
        assert!(!one(r#"{"a": 1}"#).json_body);
    }

    #[test]
    fn delegated_events_are_unwrapped() {
        let record = json!({"eventSource": "minio:s3", "eventTime": "t",
            "s3": {"bucket": {"name": "b"}, "object": {"key": "in%2Fk"}}});
        let inner = json!({"Key": "b/in/k", "Records": [record]});
        for event in [inner.clone(), Value::from(inner.to_string())] {
            let job = one(&json!({"storage_provider": "minio.x", "event": event}).to_string());
            assert_eq!(job.input, Input::Object { bucket: "b".into(), key: "in/k".into() });
            assert_eq!(job.time.as_deref(), Some("t"));
            assert!(
                !job.event.unwrap().contains("storage_provider"),
                "scripts see the event, not its wrapper"
            );
        }
    }

    #[test]
    fn scripts_and_arguments_come_with_the_event() {
        let request = read(br#"{"script": "ZWNobyBoaQ==", "cmd_args": "[\"-a\", \"b\"]"}"#, "now");
        assert_eq!(request.script.unwrap(), b"echo hi");
        assert_eq!(request.arguments.unwrap(), ["-a", "b"]);
    }

    #[test]
    fn folder_markers_are_no_job() {
        let record = |key: &str, size: u64| json!({"eventSource": "aws:s3", "s3": {"bucket": {"name": "b"}, "object": {"key": key, "size": size}}});
        let keys = |records: &[Value]| -> Vec<Input> {
            let event = json!({"Records": records}).to_string();
            read(event.as_bytes(), "now").jobs.into_iter().map(|job| job.input).collect()
        };
        assert_eq!(keys(&[record("in/new+folder/", 0)]), []);
        let file = Input::Object { bucket: "b".into(), key: "in/x".into() };
        assert_eq!(keys(&[record("in/", 0), record("in/x", 0)]), [file], "an empty file is one");
        assert_eq!(keys(&[record("in/odd/", 5)]).len(), 1, "what has content is an input");
        let unsaid =
            json!({"eventSource": "minio:s3", "s3": {"bucket": {"name": "b"}, "object": {"key": "in/"}}});
        assert_eq!(keys(&[unsaid, record("", 3)]), [], "nor what says no size, nor an empty key");
        assert_eq!(read(br#"{"throng": null, "bucket": "b", "key": ""}"#, "now").jobs, []);
    }

    #[test]
    fn the_test_event_of_s3_is_no_job() {
        assert!(read(br#"{"Service": "Amazon S3", "Event": "s3:TestEvent"}"#, "now").jobs.is_empty());
    }
}
