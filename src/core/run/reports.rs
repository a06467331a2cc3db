//! Ends of attempts that the platform's log tells before the ledger does: when the runtime died it wrote no record, and
//! Lambda writes its own only after the last repetition, or not at all where the destination refuses it.

use super::failure::classify;
use crate::cloud::{CloudError, duration_ms, now_ms};
use crate::logs::{LogClient, LogGroup, Parser, RawEvent, Window};
use crate::model::{FailureClass, Millis, Report, TaskState};
use std::time::Duration;

/// Where the platform logs what it does for a function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogPlace {
    /// The group.
    pub group: LogGroup,
    /// Whether it is JSON, so that the cloud can find reports by their members.
    pub json: bool,
}

/// An attempt that ended badly, as the platform's log tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailedAttempt {
    /// The invocation's request id.
    pub request_id: String,
    /// When it ended.
    pub at_ms: Millis,
    /// [`TaskState::Failed`] or [`TaskState::TimedOut`].
    pub state: TaskState,
    /// Why it did not succeed.
    pub class: FailureClass,
    /// How long it took; 0 when the log does not say.
    pub duration_ms: u64,
    /// Peak memory in bytes; 0 when the log does not say.
    pub peak_memory: u64,
}

/// Pages that are read at a time; the rest comes with the next look.
const MOST_PAGES: usize = 5;

/// What asks the cloud for reports of bad ends and for little else.
const fn pattern(json: bool) -> &'static str {
    if json {
        r#"{ $.type = "platform.report" && $.record.status != "success" }"#
    } else {
        r#"?"Status: timeout" ?"Status: error" ?"Task timed out after" ?"Error: Runtime exited""#
    }
}

/// Bad ends since a time.
pub(super) async fn read(
    client: &LogClient,
    place: &LogPlace,
    since_ms: Millis,
) -> Result<Vec<FailedAttempt>, CloudError> {
    let window = Window { start_ms: since_ms, end_ms: None };
    let (mut ends, mut token) = (Vec::new(), None);
    for _ in 0..MOST_PAGES {
        let (events, next) = client.page(&place.group, window, pattern(place.json), token).await?;
        ends.extend(events.iter().filter_map(failed_attempt));
        token = next;
        if token.is_none() {
            break;
        }
    }
    Ok(ends)
}

/// Whether a function's log, which tells of every start, has had no line for so long.
pub(super) async fn is_silent(
    client: &LogClient,
    place: &LogPlace,
    quiet: Duration,
) -> Result<bool, CloudError> {
    let window = Window { start_ms: now_ms().saturating_sub(duration_ms(quiet)), end_ms: None };
    let mut token = None;
    for _ in 0..MOST_PAGES {
        let (events, next) = client.page(&place.group, window, "", token).await?;
        if !events.is_empty() {
            return Ok(false);
        }
        token = next;
        if token.is_none() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The bad end that a line tells, if it does.
pub(super) fn failed_attempt(event: &RawEvent) -> Option<FailedAttempt> {
    let entry = Parser::default().entry("", event);
    let request_id = entry.request_id.filter(|_| entry.platform && &*entry.level == "ERROR")?.to_string();
    let Some(report) = entry.report else {
        // Lines of the old format, which come without a status in the report.
        let (state, class) = classify("", "", &entry.message);
        let (state, class) = match class {
            FailureClass::Timeout | FailureClass::Memory => (state, class),
            _ => (TaskState::Failed, FailureClass::Init),
        };
        return Some(FailedAttempt {
            request_id,
            at_ms: event.time_ms,
            state,
            class,
            duration_ms: 0,
            peak_memory: 0,
        });
    };
    let (state, class) = of_report(&report)?;
    Some(FailedAttempt {
        request_id,
        at_ms: event.time_ms,
        state,
        class,
        duration_ms: whole(report.duration_ms),
        peak_memory: report.max_memory_mb.saturating_mul(1 << 20),
    })
}

fn of_report(report: &Report) -> Option<(TaskState, FailureClass)> {
    let full = report.memory_mb > 0 && report.max_memory_mb >= report.memory_mb;
    match (report.status.as_str(), report.error_type.as_str()) {
        ("timeout", _) => Some((TaskState::TimedOut, FailureClass::Timeout)),
        (_, "Runtime.ExitError") if full => Some((TaskState::Failed, FailureClass::Memory)),
        ("error" | "failure", "") => Some((TaskState::Failed, FailureClass::Script)),
        ("error" | "failure", kind) => Some(classify("", kind, "")),
        // A status of a newer platform says nothing that could be shown.
        _ => None,
    }
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it saturates")]
fn whole(number: f64) -> u64 {
    number.round() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end(message: &str) -> Option<(TaskState, FailureClass, u64)> {
        let event = RawEvent { time_ms: 7, stream: "s".into(), message: message.into(), id: None };
        failed_attempt(&event).map(|end| {
            assert_eq!((end.request_id.as_str(), end.at_ms), ("79b4f56e-95b1-4643-9700-2807f4e68189", 7));
            (end.state, end.class, end.duration_ms)
        })
    }

    #[test]
    fn reports_of_every_format_tell_the_end() {
        use FailureClass::{Init, Memory, Script, Timeout};
        use TaskState::{Failed, TimedOut};
        let id = "79b4f56e-95b1-4643-9700-2807f4e68189";
        let json = |status: &str, kind: &str, used: u32| {
            format!(
                r#"{{"time":"t","type":"platform.report","record":{{"requestId":"{id}","status":"{status}","errorType":"{kind}","metrics":{{"durationMs":3000.4,"billedDurationMs":3001,"memorySizeMB":128,"maxMemoryUsedMB":{used}}}}}}}"#
            )
        };
        for (message, expected) in [
            (json("timeout", "", 9), Some((TimedOut, Timeout, 3000))),
            (json("error", "Runtime.ExitError", 9), Some((Failed, Init, 3000))),
            (json("error", "Runtime.ExitError", 128), Some((Failed, Memory, 3000))),
            (json("failure", "Runtime.OutOfMemory", 128), Some((Failed, Memory, 3000))),
            (json("error", "Throng.Script", 9), Some((Failed, Script, 3000))),
            (json("success", "", 9), None),
            (json("paused", "", 9), None),
            (
                format!(
                    "REPORT RequestId: {id}\tDuration: 3000.00 ms\tBilled Duration: 3000 ms\tMemory Size: 128 MB\tMax Memory Used: 30 MB\tStatus: timeout"
                ),
                Some((TimedOut, Timeout, 3000)),
            ),
            (
                format!("2026-01-01T00:00:00.000Z {id} Task timed out after 3.00 seconds"),
                Some((TimedOut, Timeout, 0)),
            ),
            (
                format!(
                    "RequestId: {id} Error: Runtime exited with error: signal: killed\nRuntime.ExitError"
                ),
                Some((Failed, Memory, 0)),
            ),
            (
                format!("RequestId: {id} Error: Runtime exited with error: exit status 1\nRuntime.ExitError"),
                Some((Failed, Init, 0)),
            ),
            (format!("START RequestId: {id} Version: $LATEST"), None),
            ("ERROR Status: timeout of my own".to_owned(), None),
        ] {
            assert_eq!(end(&message), expected, "{message}");
        }
    }
}
