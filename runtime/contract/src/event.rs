//! What an invocation can be about.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Names a task of a run.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TaskRef {
    /// The run's id.
    pub run: String,
    /// The task's number within the run's manifest, from 0.
    pub task: u64,
}

/// Our own event: process one object as one task of a run. Recognised by its member `throng`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskEvent {
    /// The task; `None` for an object that belongs to no run.
    #[serde(rename = "throng")]
    pub task: Option<TaskRef>,
    /// The bucket of the input.
    pub bucket: String,
    /// The key of the input, as it is (not URL-encoded).
    pub key: String,
    /// The storage provider that the bucket is at, as `minio.lab`; the function's own storage when `None`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
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
    Some(S3ObjectRef {
        bucket: s3.get("bucket")?.get("name")?.as_str()?.to_owned(),
        key: decode_form(s3.get("object")?.get("key")?.as_str()?),
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
    fn other_events_are_not_s3_events() {
        assert_eq!(object_keys_from_s3_event(&json!({"Records": []})), None);
        assert_eq!(object_keys_from_s3_event(&json!({"a": 1})), None);
        assert_eq!(object_keys_from_s3_event(&json!({"Records": [{"eventSource": "aws:sqs"}]})), None);
    }
}
