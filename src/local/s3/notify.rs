//! Notification configurations: what AWS accepts, which targets an event has, and the event's text.

use super::error::StoreError;
use crate::protocol::RequestIds;
use crate::protocol::text::{form_encode, iso_time};
use serde::{Deserialize, Serialize};
use serde_json::json;
use throng_contract::local::{ACCOUNT, REGION};

/// At most this many configurations per bucket.
const MAX_TARGETS: usize = 100;
/// Event types that AWS knows, without `s3:`.
const EVENTS: &[&str] = &[
    "TestEvent",
    "ReducedRedundancyLostObject",
    "ObjectCreated:*",
    "ObjectCreated:Put",
    "ObjectCreated:Post",
    "ObjectCreated:Copy",
    "ObjectCreated:CompleteMultipartUpload",
    "ObjectRemoved:*",
    "ObjectRemoved:Delete",
    "ObjectRemoved:DeleteMarkerCreated",
    "ObjectRestore:*",
    "ObjectRestore:Post",
    "ObjectRestore:Completed",
    "ObjectRestore:Delete",
    "Replication:*",
    "Replication:OperationFailedReplication",
    "Replication:OperationNotTracked",
    "Replication:OperationMissedThreshold",
    "Replication:OperationReplicatedAfterThreshold",
    "LifecycleTransition",
    "IntelligentTiering",
    "ObjectAcl:Put",
    "LifecycleExpiration:*",
    "LifecycleExpiration:Delete",
    "LifecycleExpiration:DeleteMarkerCreated",
    "ObjectTagging:*",
    "ObjectTagging:Put",
    "ObjectTagging:Delete",
];

/// What a target is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TargetKind {
    /// A Lambda function: delivered.
    Lambda,
    /// An SQS queue: kept, not delivered.
    Queue,
    /// An SNS topic: kept, not delivered.
    Topic,
}

/// One configuration of a bucket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotificationTarget {
    /// What it is.
    pub kind: TargetKind,
    /// Configuration id.
    pub id: String,
    /// ARN of the function, queue or topic.
    pub arn: String,
    /// Event types, with `s3:`.
    pub events: Vec<String>,
    /// Keys begin with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
    /// Keys end with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suffix: Option<String>,
}

/// A bucket's notification configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notification {
    /// Which functions are started, by which keys.
    pub targets: Vec<NotificationTarget>,
    /// Whether `EventBridge` is on: kept, not delivered.
    #[serde(default)]
    pub event_bridge: bool,
}

impl NotificationTarget {
    fn wants(&self, event: &str, key: &str) -> bool {
        self.events.iter().any(|pattern| covers(pattern, event))
            && self.prefix.as_deref().is_none_or(|prefix| key.starts_with(prefix))
            && self.suffix.as_deref().is_none_or(|suffix| key.ends_with(suffix))
    }

    fn overlaps(&self, other: &Self) -> bool {
        let prefixes = (self.prefix.as_deref().unwrap_or(""), other.prefix.as_deref().unwrap_or(""));
        let suffixes = (self.suffix.as_deref().unwrap_or(""), other.suffix.as_deref().unwrap_or(""));
        let events = self
            .events
            .iter()
            .any(|mine| other.events.iter().any(|theirs| covers(mine, theirs) || covers(theirs, mine)));
        events
            && (prefixes.0.starts_with(prefixes.1) || prefixes.1.starts_with(prefixes.0))
            && (suffixes.0.ends_with(suffixes.1) || suffixes.1.ends_with(suffixes.0))
    }
}

/// Whether `pattern` (`s3:ObjectCreated:*`) covers `event` (with or without `s3:`).
fn covers(pattern: &str, event: &str) -> bool {
    let pattern = pattern.strip_prefix("s3:").unwrap_or(pattern);
    let event = event.strip_prefix("s3:").unwrap_or(event);
    pattern == event || pattern.strip_suffix('*').is_some_and(|family| event.starts_with(family))
}

impl Notification {
    /// Checks what does not need other parts of the cloud.
    ///
    /// # Errors
    /// In AWS's words.
    pub fn validate(&self) -> Result<(), StoreError> {
        if self.targets.len() > MAX_TARGETS {
            return Err(StoreError::named(
                "TooManyConfigurations",
                "The number of configurations exceeds the limit of 100.",
            ));
        }
        for target in &self.targets {
            let known = |event: &String| event.strip_prefix("s3:").is_some_and(|name| EVENTS.contains(&name));
            if target.events.is_empty() || !target.events.iter().all(known) {
                return Err(StoreError::argument("The event is not supported for notifications"));
            }
        }
        for (at, target) in self.targets.iter().enumerate() {
            let others = self.targets.get(at + 1..).unwrap_or_default();
            if others.iter().any(|other| target.id == other.id) {
                return Err(StoreError::argument(
                    "Same ID used for multiple configurations. IDs must be unique",
                ));
            }
            if others.iter().any(|other| target.overlaps(other)) {
                return Err(StoreError::argument(
                    "Configurations overlap. Configurations on the same bucket cannot share a common event type.",
                ));
            }
        }
        Ok(())
    }

    /// The functions that `event` (such as `ObjectCreated:Put`) on `key` starts.
    pub fn functions<'a>(
        &'a self,
        event: &'a str,
        key: &'a str,
    ) -> impl Iterator<Item = &'a NotificationTarget> {
        self.targets
            .iter()
            .filter(move |target| target.kind == TargetKind::Lambda && target.wants(event, key))
    }
}

/// What happened to an object.
#[derive(Clone, Debug)]
pub struct S3Event<'a> {
    /// `ObjectCreated:Put` …
    pub event: &'a str,
    /// The bucket it happened in.
    pub bucket: &'a str,
    /// The object's key, not encoded.
    pub key: &'a str,
    /// Size and `ETag`; `None` when it was removed.
    pub object: Option<(u64, &'a str)>,
    /// Grows with every event of a key.
    pub sequencer: u64,
    /// When, in milliseconds since 1970.
    pub time_ms: i64,
    /// The request that did it.
    pub ids: &'a RequestIds,
}

/// The event's text, as AWS shapes version 2.1.
#[must_use]
pub fn event_text(target: &NotificationTarget, event: &S3Event<'_>) -> String {
    let mut object = json!({
        "key": form_encode(event.key),
        "sequencer": format!("{:018X}", event.sequencer),
    });
    if let (Some((size, etag)), Some(object)) = (event.object, object.as_object_mut()) {
        object.insert("size".into(), size.into());
        object.insert("eTag".into(), etag.into());
    }
    json!({"Records": [{
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "awsRegion": REGION,
        "eventTime": iso_time(event.time_ms),
        "eventName": event.event,
        "userIdentity": {"principalId": format!("AWS:{ACCOUNT}")},
        "requestParameters": {"sourceIPAddress": "127.0.0.1"},
        "responseElements": {
            "x-amz-request-id": event.ids.request_id,
            "x-amz-id-2": event.ids.host_id,
        },
        "s3": {
            "s3SchemaVersion": "1.0",
            "configurationId": target.id,
            "bucket": {
                "name": event.bucket,
                "ownerIdentity": {"principalId": ACCOUNT},
                "arn": format!("arn:aws:s3:::{}", event.bucket),
            },
            "object": object,
        },
    }]})
    .to_string()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn target(id: &str, events: &[&str], prefix: &str, suffix: &str) -> NotificationTarget {
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        NotificationTarget {
            kind: TargetKind::Lambda,
            id: id.into(),
            arn: format!("arn:aws:lambda:us-east-1:000000000000:function:{id}"),
            events: events.iter().map(|event| format!("s3:{event}")).collect(),
            prefix: some(prefix),
            suffix: some(suffix),
        }
    }

    fn check(targets: Vec<NotificationTarget>) -> Result<(), String> {
        Notification { targets, event_bridge: false }.validate().map_err(|error| error.to_string())
    }

    #[test]
    fn overlaps_are_refused_as_aws_refuses_them() {
        let created = &["ObjectCreated:*"];
        let refused =
            check(vec![target("a", created, "in/", ""), target("b", &["ObjectCreated:Put"], "in/x", "")]);
        assert!(refused.unwrap_err().contains("Configurations overlap. Configurations on the same bucket"));
        for apart in [
            vec![target("a", created, "in/", ""), target("b", created, "out/", "")],
            vec![target("a", created, "in/", ".png"), target("b", created, "in/", ".jpg")],
            vec![target("a", created, "", ""), target("b", &["ObjectRemoved:*"], "", "")],
            vec![target("a", &["ObjectCreated:Put"], "", ""), target("b", &["ObjectCreated:Copy"], "", "")],
        ] {
            assert_eq!(check(apart), Ok(()));
        }
        assert!(check(vec![target("a", created, "", "g"), target("b", created, "", ".png")]).is_err());
        assert!(check(vec![target("a", &["ObjectEaten:*"], "", "")]).is_err());
        assert!(check(vec![target("a", created, "x", ""), target("a", created, "y", "")]).is_err());
    }

    #[test]
    fn an_event_reaches_the_functions_whose_filters_pass() {
        let notification = Notification {
            targets: vec![
                target("a", &["ObjectCreated:*"], "in/", ".png"),
                target("b", &["ObjectRemoved:Delete"], "", ""),
            ],
            event_bridge: false,
        };
        let ids = |event, key| -> Vec<_> {
            notification.functions(event, key).map(|target| target.id.as_str()).collect()
        };
        assert_eq!(ids("ObjectCreated:Put", "in/x.png"), ["a"]);
        assert_eq!(ids("ObjectCreated:Copy", "in/x.jpg"), Vec::<&str>::new());
        assert_eq!(ids("ObjectRemoved:Delete", "z"), ["b"]);
    }

    #[test]
    fn the_event_is_read_by_the_contract() {
        let ids = RequestIds::random();
        assert_eq!((ids.request_id.len(), ids.host_id.len()), (16, 76));
        let event = S3Event {
            event: "ObjectCreated:Put",
            bucket: "b",
            key: "in/file one+é.txt",
            object: Some((5, "abc")),
            sequencer: 77,
            time_ms: 1_700_000_000_123,
            ids: &ids,
        };
        let event: serde_json::Value =
            serde_json::from_str(&event_text(&target("t", &[], "", ""), &event)).unwrap();
        let record = &event["Records"][0];
        assert_eq!(record["s3"]["object"]["key"], "in/file+one%2B%C3%A9.txt");
        assert_eq!(record["eventTime"], "2023-11-14T22:13:20.123Z");
        assert_eq!(record["responseElements"]["x-amz-request-id"], ids.request_id);
        let objects = throng_contract::object_keys_from_s3_event(&event).unwrap();
        assert_eq!(objects[0].key, "in/file one+é.txt");
    }
}
