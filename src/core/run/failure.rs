//! What Lambda writes about an event it gave up on: the records of its on-failure destination.

use crate::model::Millis;
use serde::Deserialize;
use serde_json::Value;
use throng_contract::keys::ASYNC_FAILURES;
use throng_contract::pack::{Pack, PackEvent, parse_start};
use throng_contract::{
    AttemptRecord, FailureClass, TaskEvent, TaskRef, TaskState, object_keys_from_s3_event,
};

/// An event that Lambda gave up on.
#[derive(Clone, Debug, PartialEq)]
pub struct FailedEvent {
    /// The invocation's request id.
    pub request_id: String,
    /// When Lambda gave up.
    pub at_ms: Millis,
    /// The task, when the event names it.
    pub task: Option<TaskRef>,
    /// The tasks of the event, when it is a pack.
    pub pack: Vec<TaskRef>,
    /// The objects of the event, as bucket and key.
    pub objects: Vec<(String, String)>,
    /// When the event happened, when it says so.
    pub event_ms: Option<Millis>,
    /// [`TaskState::Failed`], [`TaskState::TimedOut`] or [`TaskState::Expired`].
    pub state: TaskState,
    /// Why it did not succeed.
    pub class: FailureClass,
    /// The error's words.
    pub message: String,
    /// How often it was tried, about, as Lambda says; 1 at the least.
    pub tries: u32,
}

/// The record as AWS documents it (invocation record, version 1.0).
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Raw {
    timestamp: String,
    request_context: RequestContext,
    #[serde(default)]
    request_payload: Value,
    #[serde(default)]
    response_payload: Value,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RequestContext {
    request_id: String,
    #[serde(default)]
    condition: String,
    #[serde(default)]
    approximate_invoke_count: u32,
}

fn tasks_of(pack: Pack) -> Vec<TaskRef> {
    pack.tasks.into_iter().filter_map(|event| event.task).collect()
}

/// Folder of the records of a function.
pub(super) fn prefix(function: &str) -> String {
    format!("{ASYNC_FAILURES}{function}/")
}

/// The key after which the records since `ms` come.
pub(super) fn start_after(function: &str, ms: Millis) -> String {
    let time = jiff::Timestamp::from_millisecond(i64::try_from(ms).unwrap_or(0)).unwrap_or_default();
    format!("{}{}", prefix(function), time.strftime("%Y/%m/%d/%Y-%m-%dT%H.%M.%S"))
}

/// The time in a record's key, to the second.
pub(super) fn time_of(key: &str) -> Option<Millis> {
    let name = key.rsplit('/').next()?;
    let text = name.get(..19)?;
    let time = jiff::civil::DateTime::strptime("%Y-%m-%dT%H.%M.%S", text).ok()?;
    let time = jiff::tz::Offset::UTC.to_timestamp(time).ok()?;
    u64::try_from(time.as_millisecond()).ok()
}

/// The id in a record's key.
pub(super) fn id_of(key: &str) -> Option<&str> {
    key.rsplit('/').next()?.get(20..)
}

fn millis(time: &str) -> Option<Millis> {
    u64::try_from(time.parse::<jiff::Timestamp>().ok()?.as_millisecond()).ok()
}

impl FailedEvent {
    /// Reads a record. `None` when it is none.
    #[must_use]
    pub fn parse(body: &[u8]) -> Option<Self> {
        let raw: Raw = serde_json::from_slice(body).ok()?;
        let member = |name: &str| raw.response_payload.get(name).and_then(Value::as_str).unwrap_or_default();
        let (kind, message) = (member("errorType"), member("errorMessage"));
        let (state, class) = classify(&raw.request_context.condition, kind, message);
        let event = serde_json::from_value::<TaskEvent>(raw.request_payload.clone()).ok();
        let pack = serde_json::from_value::<PackEvent>(raw.request_payload.clone()).ok();
        let s3 = object_keys_from_s3_event(&raw.request_payload).unwrap_or_default();
        let event_ms = s3.iter().find_map(|object| object.event_time.as_deref().and_then(millis));
        let objects = s3.into_iter().map(|object| (object.bucket, object.key));
        let said = if message.is_empty() { raw.request_context.condition.as_str() } else { message };
        Some(Self {
            request_id: raw.request_context.request_id,
            at_ms: millis(&raw.timestamp)?,
            objects: objects
                .chain(event.iter().map(|event| (event.bucket.clone(), event.key.clone())))
                .collect(),
            task: event.and_then(|event| event.task),
            pack: pack.map(|event| tasks_of(event.pack)).unwrap_or_default(),
            event_ms,
            state,
            class,
            message: said.to_owned(),
            tries: raw.request_context.approximate_invoke_count.max(1),
        })
    }

    /// The key of the start marker in the home bucket that it is about, where that holds what was left of a pack.
    #[must_use]
    pub fn pack_marker(&self, home: &str) -> Option<&str> {
        let (bucket, key) = self.objects.first()?;
        (bucket == home && parse_start(key).is_some()).then_some(key)
    }

    /// Says which tasks were left, by what a start marker holds.
    pub fn is_of_pack(&mut self, marker: &[u8]) {
        let event = serde_json::from_slice::<PackEvent>(marker).ok();
        self.pack = event.map(|event| tasks_of(event.pack)).unwrap_or_default();
    }

    /// As the record of an attempt that could not write its own.
    #[must_use]
    pub fn into_record(self, function: &str, task: TaskRef) -> AttemptRecord {
        let (bucket, key) = self.objects.into_iter().next().unwrap_or_default();
        AttemptRecord {
            task: Some(task),
            bucket,
            key,
            state: self.state,
            class: Some(self.class),
            error: Some(self.message),
            ..AttemptRecord::begun(function, &self.request_id, self.at_ms)
        }
    }
}

/// Why an attempt did not succeed, in words for people. `memory_mb` is the function's memory, where it is known.
#[must_use]
pub fn reason(record: &AttemptRecord, memory_mb: Option<u32>) -> Option<String> {
    if record.class != Some(FailureClass::Memory) || is_measured(record) {
        return record.error.clone();
    }
    // The platform's own words tell of a killed runtime, not why it was killed.
    let memory = memory_mb.map_or_else(|| "memory".to_owned(), |mb| format!("{mb} MiB of memory"));
    Some(format!("ran out of its {memory}: raise `memory` in its definition and deploy it again"))
}

/// Whether an attempt's times, bytes and memory are known. They are not of one that could not write its own record.
#[must_use]
pub fn is_measured(record: &AttemptRecord) -> bool {
    record.ended_ms > record.started_ms || !record.log_stream.is_empty()
}

/// State and class by an error's type and words.
pub(super) fn classify(condition: &str, kind: &str, message: &str) -> (TaskState, FailureClass) {
    if condition == "EventAgeExceeded" {
        return (TaskState::Expired, FailureClass::Throttled);
    }
    let of_class = |class| match class {
        FailureClass::Timeout => (TaskState::TimedOut, class),
        _ => (TaskState::Failed, class),
    };
    if let Some(class) = kind.strip_prefix("Throng.").and_then(|word| word.to_ascii_lowercase().parse().ok())
    {
        return of_class(class);
    }
    let class = match kind {
        "Sandbox.Timedout" => FailureClass::Timeout,
        "Runtime.OutOfMemory" => FailureClass::Memory,
        _ if message.contains("Task timed out") => FailureClass::Timeout,
        _ if message.contains("signal: killed") => FailureClass::Memory,
        // Entry point, working directory, a crash of the runtime itself: the environment did not come up.
        _ if kind.starts_with("Runtime.") || kind.starts_with("Extension.") => FailureClass::Init,
        "" if message.is_empty() => FailureClass::Throttled,
        _ => FailureClass::Script,
    };
    of_class(class)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::json;

    fn record(condition: &str, payload: &Value, answer: &Value) -> Vec<u8> {
        let record = json!({
            "version": "1.0", "timestamp": "2026-11-23T21:45:00.123Z",
            "requestContext": {"requestId": "id-1", "functionArn": "arn", "condition": condition,
                               "approximateInvokeCount": 1},
            "requestPayload": payload,
            "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
            "responsePayload": answer,
        });
        serde_json::to_vec(&record).unwrap()
    }

    #[test]
    fn every_way_to_fail_has_its_state_and_class() {
        let cases = [
            ("EventAgeExceeded", "", "", TaskState::Expired, FailureClass::Throttled),
            ("RetriesExhausted", "Sandbox.Timedout", "x", TaskState::TimedOut, FailureClass::Timeout),
            (
                "RetriesExhausted",
                "",
                "2026 Task timed out after 3.00 seconds",
                TaskState::TimedOut,
                FailureClass::Timeout,
            ),
            ("RetriesExhausted", "Runtime.OutOfMemory", "", TaskState::Failed, FailureClass::Memory),
            (
                "RetriesExhausted",
                "Runtime.ExitError",
                "Error: signal: killed",
                TaskState::Failed,
                FailureClass::Memory,
            ),
            ("RetriesExhausted", "Runtime.ExitError", "exit status 1", TaskState::Failed, FailureClass::Init),
            ("RetriesExhausted", "Runtime.InvalidEntrypoint", "exec", TaskState::Failed, FailureClass::Init),
            ("RetriesExhausted", "Throng.Script", "exit 3", TaskState::Failed, FailureClass::Script),
            ("RetriesExhausted", "Throng.Timeout", "", TaskState::TimedOut, FailureClass::Timeout),
            ("RetriesExhausted", "Throng.Input", "", TaskState::Failed, FailureClass::Input),
        ];
        for (condition, kind, message, state, class) in cases {
            let answer = json!({"errorType": kind, "errorMessage": message});
            let event = FailedEvent::parse(&record(condition, &Value::Null, &answer)).unwrap();
            assert_eq!((event.state, event.class), (state, class), "{condition} {kind} {message}");
        }
    }

    #[test]
    fn a_kill_for_want_of_memory_is_explained() {
        let answer = json!({"errorType": "Runtime.ExitError", "errorMessage":
            "RequestId: 2ea Error: Runtime exited with error: signal: killed"});
        let event = FailedEvent::parse(&record("RetriesExhausted", &Value::Null, &answer)).unwrap();
        let record = event.into_record("f", throng_contract::keys::first::task("r", 0));
        assert!(!is_measured(&record));
        let why = reason(&record, Some(256)).unwrap();
        assert!(why.contains("its 256 MiB of memory: raise `memory`"), "{why}");
        assert!(reason(&record, None).unwrap().contains("its memory: raise"));
        let script = AttemptRecord { class: Some(FailureClass::Script), ..record };
        assert_eq!(reason(&script, Some(256)), script.error, "others are told in their own words");
    }

    #[test]
    fn the_task_is_told_by_our_event_or_by_the_object() {
        let ours = json!({"throng": {"run": "r", "task": 7}, "bucket": "b", "key": "k"});
        let event = FailedEvent::parse(&record("RetriesExhausted", &ours, &Value::Null)).unwrap();
        assert_eq!(event.task, Some(throng_contract::keys::first::task("r", 7)));
        assert_eq!((event.at_ms, event.request_id.as_str()), (1_795_470_300_123, "id-1"));
        let s3 = json!({"Records": [{"eventSource": "aws:s3", "eventTime": "2026-11-23T21:44:00.000Z",
            "s3": {"bucket": {"name": "b"}, "object": {"key": "in/a+b"}}}]});
        let event = FailedEvent::parse(&record("RetriesExhausted", &s3, &Value::Null)).unwrap();
        assert_eq!((event.task, event.objects), (None, vec![("b".into(), "in/a b".into())]));
        assert_eq!(event.event_ms, Some(1_795_470_240_000));
        assert_eq!(FailedEvent::parse(b"{}"), None);
        assert_eq!(FailedEvent::parse(b"\xff"), None);
    }

    #[test]
    fn a_pack_that_was_given_up_names_its_tasks() {
        let task = |task: u64| json!({"throng": {"version": 2, "run": "r", "task": task.to_string()}, "bucket": "b", "key": "k"});
        let pack = json!({"throng_pack": {"run": "r", "number": 3, "tasks": [task(3), task(4)]}});
        let event = FailedEvent::parse(&record("EventAgeExceeded", &pack, &Value::Null)).unwrap();
        assert_eq!((event.pack.len(), event.pack[1].task.as_str()), (2, "4"));
        let key = "start/f/r.0.pack-3-0.1";
        let s3 = json!({"Records": [{"eventSource": "aws:s3",
            "s3": {"bucket": {"name": "home"}, "object": {"key": key}}}]});
        let mut event = FailedEvent::parse(&record("RetriesExhausted", &s3, &Value::Null)).unwrap();
        assert_eq!((event.pack_marker("home"), event.pack_marker("other")), (Some(key), None));
        event.is_of_pack(pack.to_string().as_bytes());
        assert_eq!(event.pack.len(), 2);
    }

    #[test]
    fn keys_sort_and_tell_their_time() {
        let after = start_after("f", 1_795_470_300_123);
        assert_eq!(after, "aws/lambda/async/f/2026/11/23/2026-11-23T21.45.00");
        let key = format!("{after}-5ca4a8d2-0000-4000-8000-1234567890ab");
        assert!(key > after);
        assert_eq!(time_of(&key), Some(1_795_470_300_000));
        assert_eq!(id_of(&key), Some("5ca4a8d2-0000-4000-8000-1234567890ab"));
        assert_eq!((time_of("x"), id_of("x")), (None, None));
    }
}
