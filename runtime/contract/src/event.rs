//! What an invocation can be about.

use super::{EventFiles, TaskId};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// Names a task of a run.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TaskRef {
    /// Version of the ledger's layout that its run is in ([`versions::LEDGER`](super::versions::LEDGER)). The first contract
    /// did not say.
    #[serde(default = "first", skip_serializing_if = "is_first")]
    pub version: u32,
    /// The run's id.
    pub run: String,
    /// Which function of a chain, counted from 0.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub stage: u32,
    /// The task within the stage. A launched one has its number within the run's manifest, from 0.
    pub task: TaskId,
}

impl TaskRef {
    /// A task of a run's manifest.
    #[must_use]
    pub fn launched(run: &str, number: u64) -> Self {
        let (version, task) = (super::versions::LEDGER, TaskId::number(number));
        Self { version, run: run.to_owned(), stage: 0, task }
    }
}

const fn first() -> u32 {
    1
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
const fn is_first(version: &u32) -> bool {
    *version == 1
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
const fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// Our own event: process one object as one task of a run. Recognised by its member `throng`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskEvent {
    /// The task; `None` for an object that belongs to no run.
    #[serde(rename = "throng")]
    pub task: Option<TaskRef>,
    /// How often the task has been sent before, by a launch, a person or `throng` itself. Repetitions by Lambda are the same
    /// event.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub send: u32,
    /// How often Lambda repeats the event when it fails; not said by the first contract.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retries: Option<u32>,
    /// The group that the task belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// Variables for the script: those of the run, and of the task's set of parameters.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub variables: BTreeMap<String, String>,
    /// Which set of parameters that is, by its id, for the record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parameters: Option<String>,
    /// Seconds after which its script is ended, where a run wants less than the function's limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_s: Option<u32>,
    /// The bucket of the input; empty with an empty key.
    pub bucket: String,
    /// The key of the input, as it is (not URL-encoded). Empty for a task of a run without inputs.
    pub key: String,
    /// The storage provider that the bucket is at, as `minio.lab`; the function's own storage when `None`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// All files of the task, when it has several; the input is the first of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub files: Option<EventFiles>,
}

impl TaskEvent {
    /// Names the event: a task that is sent again is another event, what Lambda repeats is the same.
    #[must_use]
    pub fn id(&self) -> Option<String> {
        self.task.as_ref().map(|task| format!("{}.{}.{}.{}", task.run, task.stage, task.task, self.send))
    }
}

/// Names the event of an S3 notification about one object: bucket, key and sequencer, which is another at every write.
#[must_use]
pub fn s3_event_id(bucket: &str, key: &str, sequencer: &str) -> String {
    format!("s3.{}", TaskId::of_event(&[bucket.as_bytes(), key.as_bytes(), sequencer.as_bytes()]))
}

/// The event that led to an attempt.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventRef {
    /// Names it: [`TaskEvent::id`], [`s3_event_id`], else the request id.
    pub id: String,
    /// How often Lambda repeats it when it fails, when the event says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retries: Option<u32>,
}

/// An object named by an S3 notification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct S3ObjectRef {
    /// The bucket.
    pub bucket: String,
    /// The decoded key.
    pub key: String,
    /// `eventTime` as it stands in the record, if it is there.
    pub event_time: Option<String>,
    /// Size in bytes, when it is there.
    pub size: Option<u64>,
    /// `sequencer`: hexadecimal digits that grow with every write of the key; empty when it is not there.
    pub sequencer: String,
    /// The record itself.
    pub record: Value,
}

/// The objects of an S3 notification (every record), or `None` when `event` is not one. Keys are decoded as AWS
/// encodes them: form encoding, `+` for a space.
#[must_use]
pub fn object_keys_from_s3_event(event: &Value) -> Option<Vec<S3ObjectRef>> {
    let records = event.get("Records")?.as_array()?;
    let objects: Vec<_> = records.iter().filter_map(object_of_record).collect();
    (!objects.is_empty()).then_some(objects)
}

fn object_of_record(record: &Value) -> Option<S3ObjectRef> {
    let source = record.get("eventSource")?.as_str()?;
    if !matches!(source, "aws:s3" | "minio:s3") {
        return None;
    }
    let s3 = record.get("s3")?;
    let object = s3.get("object")?;
    Some(S3ObjectRef {
        bucket: s3.get("bucket")?.get("name")?.as_str()?.to_owned(),
        key: decode_form(object.get("key")?.as_str()?),
        size: object.get("size").and_then(Value::as_u64),
        sequencer: object.get("sequencer").and_then(Value::as_str).unwrap_or_default().to_owned(),
        event_time: record.get("eventTime").and_then(Value::as_str).map(str::to_owned),
        record: record.clone(),
    })
}

/// Decodes `+` and `%XX`. Anything malformed stays as it is; bytes that are not UTF-8 become U+FFFD.
fn decode_form(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((&first, tail)) = rest.split_first() {
        let hex = |at: usize| tail.get(at).and_then(|b| char::from(*b).to_digit(16));
        rest = tail;
        match (first, hex(0), hex(1)) {
            (b'+', ..) => out.push(b' '),
            (b'%', Some(high), Some(low)) => {
                out.push(u8::try_from(high * 16 + low).unwrap_or(b'%'));
                rest = &tail[2..];
            }
            _ => out.push(first),
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::expect_used)]

    use super::*;
    use serde_json::json;

    #[test]
    fn every_record_is_read_and_keys_are_decoded() {
        let record = |key: &str| {
            json!({"eventSource": "aws:s3", "eventTime": "t",
            "s3": {"bucket": {"name": "b"}, "object": {"key": key}}})
        };
        let event = json!({"Records": [record("in/file+one%2B%C3%A9.txt"), record("100%25%zz")]});
        let keys: Vec<_> = object_keys_from_s3_event(&event)
            .expect("an S3 event")
            .into_iter()
            .map(|object| object.key)
            .collect();
        assert_eq!(keys, ["in/file one+é.txt", "100%%zz"]);
    }

    #[test]
    fn events_of_both_contracts_are_read() {
        let read = |value: Value| serde_json::from_value::<TaskEvent>(value).ok();
        let old =
            read(json!({"throng": {"run": "r", "task": 7}, "bucket": "b", "key": "k"})).expect("an event");
        assert_eq!(old.task, Some(crate::keys::first::task("r", 7)));
        let task = TaskRef { stage: 1, task: "7.2".parse().expect("an id"), ..TaskRef::launched("r", 7) };
        let new = TaskEvent { task: Some(task), send: 2, retries: Some(1), ..old.clone() };
        assert_eq!(read(serde_json::to_value(&new).expect("JSON")), Some(new.clone()));
        assert_ne!(new.id(), TaskEvent { send: 3, ..new.clone() }.id(), "sent again, it is another event");
        assert_ne!(s3_event_id("b", "k", "1"), s3_event_id("b", "k", "2"));
    }

    #[test]
    fn other_events_are_not_s3_events() {
        assert_eq!(object_keys_from_s3_event(&json!({"Records": []})), None);
        assert_eq!(object_keys_from_s3_event(&json!({"a": 1})), None);
        assert_eq!(object_keys_from_s3_event(&json!({"Records": [{"eventSource": "aws:sqs"}]})), None);
    }
}
