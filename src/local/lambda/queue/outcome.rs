//! What becomes of events that failed.

use super::super::Inner;
use super::super::clock::{now_ms, rfc3339};
use super::super::parts::RecordError;
use super::{Change, Event, EventLimits};
use bytes::Bytes;
use serde_json::{Value, json};
use std::time::Duration;
use throng_contract::keys::ASYNC_FAILURES;

/// Waits before the first and the second retry.
const RETRY_AFTER: [Duration; 2] = [Duration::from_mins(1), Duration::from_mins(2)];
/// The longest wait after the cloud could not run an event.
const MAX_BACK_OFF: Duration = Duration::from_mins(5);
/// Attempts to store a record in the destination's bucket.
const DELIVERIES: u32 = 4;
/// Pause of a record that finds no space on the disk.
const UNTIL_ROOM: Duration = Duration::from_secs(1);

/// Why an event ended without success.
#[derive(Clone, Debug)]
pub(super) enum Ended {
    /// Its last attempt failed with this payload.
    Failed(Bytes),
    /// It grew too old.
    TooOld,
    /// The function may not run at all (reserved concurrency 0).
    NoConcurrency,
}

/// An attempt failed: try again later, or give up.
pub(super) async fn failed(inner: &Inner, mut event: Event, life: &EventLimits, payload: &Bytes) {
    let retry = usize::try_from(event.attempts).unwrap_or(usize::MAX);
    event.attempts += 1;
    match RETRY_AFTER.get(retry).filter(|_| event.attempts <= life.retries) {
        Some(wait) => later(inner, event, *wait, 0),
        None => give_up(inner, &event, life, Ended::Failed(payload.clone())).await,
    }
}

/// The cloud could not run it: try again, waiting longer each time. Its age is looked at then.
pub(super) fn postpone(inner: &Inner, event: Event) {
    let wait = Duration::from_secs(1 << event.failures.min(9)).min(MAX_BACK_OFF);
    let failures = event.failures + 1;
    later(inner, event, wait, failures);
}

fn later(inner: &Inner, event: Event, wait: Duration, failures: u32) {
    let due_ms = now_ms() + inner.config.time_scale.wall_ms(wait).max(1);
    inner.queue.note(Change::Later {
        id: event.id,
        function: event.function,
        due_ms,
        attempts: event.attempts,
        failures,
    });
}

/// Tells the destination, then forgets the event.
pub(super) async fn give_up(inner: &Inner, event: &Event, life: &EventLimits, ended: Ended) {
    if let Some(bucket) = life.on_failure.as_deref().and_then(|arn| arn.strip_prefix("arn:aws:s3:::")) {
        let now = now_ms();
        let key = key(&event.function, &event.request_id, now);
        let record = record(event, &ended, now).into_bytes();
        let mut wait = inner.config.time_scale.wall(Duration::from_secs(1));
        let mut deliveries = 0;
        loop {
            match inner.records.put(bucket, &key, record.clone()).await {
                Ok(()) => break,
                // Without a record nobody would ever hear of the event: it stays until there is room.
                Err(RecordError::NoSpace) => tokio::time::sleep(UNTIL_ROOM).await,
                Err(error) => {
                    deliveries += 1;
                    if deliveries == DELIVERIES {
                        tracing::error!(function = %event.function, request_id = %event.request_id, bucket, %error,
                            "the record of a failed event could not be stored: it is dropped");
                        break;
                    }
                    tokio::time::sleep(wait).await;
                    wait *= 2;
                }
            }
        }
    }
    inner.queue.note(Change::Done(event.id));
}

/// `aws/lambda/async/<function>/YYYY/MM/DD/YYYY-MM-DDTHH.MM.SS-<uuid>`. The uuid is the request id, so that an event
/// whose record was stored twice has one record.
fn key(function: &str, request_id: &str, now: i64) -> String {
    let time = jiff::Timestamp::from_millisecond(now).unwrap_or_default();
    format!("{ASYNC_FAILURES}{function}/{}-{request_id}", time.strftime("%Y/%m/%d/%Y-%m-%dT%H.%M.%S"))
}

/// AWS's record of a failed event.
fn record(event: &Event, ended: &Ended, now: i64) -> String {
    let condition = match ended {
        Ended::Failed(_) | Ended::NoConcurrency => "RetriesExhausted",
        Ended::TooOld => "EventAgeExceeded",
    };
    let mut record = json!({
        "version": "1.0",
        "timestamp": rfc3339(now),
        "requestContext": {
            "requestId": event.request_id,
            "functionArn": format!("{}:$LATEST", super::super::names::function_arn(&event.function)),
            "condition": condition,
            "approximateInvokeCount": event.attempts,
        },
        "requestPayload": value(&event.payload),
    });
    match ended {
        Ended::Failed(payload) => {
            record["responseContext"] =
                json!({"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"});
            record["responsePayload"] = value(payload);
        }
        Ended::NoConcurrency => {
            record["responseContext"] =
                json!({"statusCode": 429, "executedVersion": "$LATEST", "functionError": null});
        }
        Ended::TooOld => {}
    }
    record.to_string()
}

/// JSON as it is, anything else as a string.
fn value(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap_or_else(|_| json!(String::from_utf8_lossy(bytes)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn records_and_keys_are_awss() {
        let event = Event {
            id: 1,
            function: "f".into(),
            request_id: "r".into(),
            payload: Bytes::from_static(b"{\"a\":1}"),
            attempts: 3,
            failures: 0,
            created_ms: 0,
            delayed: false,
        };
        let failure = Ended::Failed(Bytes::from_static(b"{\"errorType\":\"X\"}"));
        let record: Value = serde_json::from_str(&record(&event, &failure, 1_732_396_500_120)).unwrap();
        assert_eq!(record["timestamp"], "2024-11-23T21:15:00.120Z");
        assert_eq!(record["requestContext"]["condition"], "RetriesExhausted");
        assert_eq!(record["requestContext"]["approximateInvokeCount"], 3);
        assert_eq!(
            record["requestContext"]["functionArn"],
            "arn:aws:lambda:us-east-1:000000000000:function:f:$LATEST"
        );
        assert_eq!(record["requestPayload"]["a"], 1);
        assert_eq!(record["responsePayload"]["errorType"], "X");
        assert_eq!(key("f", "r", 1_732_396_500_120), "aws/lambda/async/f/2024/11/23/2024-11-23T21.15.00-r");
    }
}
