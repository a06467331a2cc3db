//! What the runtime writes into the home bucket: records of attempts, markers of those that have begun, and the header of a
//! standing run.

use crate::clock;
use crate::event::{Input, Job};
use crate::s3::S3;
use serde_json::json;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use throng_contract::{AttemptRecord, RunningMarker, TaskId, TaskRef, keys, versions};

/// How long the answer whether a run was cancelled may take.
const ASK_FOR: Duration = Duration::from_secs(5);
/// How long such an answer holds.
const ANSWER_HOLDS: Duration = Duration::from_secs(1);
const JSON: &str = "application/json";

/// The ledger as one environment writes it.
pub struct Ledger<'a> {
    s3: &'a S3,
    /// Where; nowhere when the function knows no home bucket.
    home: Option<&'a str>,
    function: &'a str,
    /// The day whose standing run is known to have a header.
    day: Mutex<String>,
    /// The run that was asked for last, when that was, and whether it was cancelled.
    asked: Mutex<Option<(String, Instant, bool)>>,
}

impl<'a> Ledger<'a> {
    /// For a function.
    pub const fn new(s3: &'a S3, home: Option<&'a str>, function: &'a str) -> Self {
        Self { s3, home, function, day: Mutex::new(String::new()), asked: Mutex::new(None) }
    }

    /// The task that a job is when it belongs to no launch: one of the function's standing run on the day of its event.
    pub fn standing(&self, job: &Job, request_id: &str, started_ms: u64) -> TaskRef {
        let own = clock::amz(started_ms);
        let told = job.time.as_deref().and_then(day_of);
        let day = told.as_deref().unwrap_or(&own[..8]);
        let task = match (&job.input, &job.sequencer) {
            (Input::Object { bucket, key }, Some(sequencer)) => {
                TaskId::of_event(&[bucket.as_bytes(), key.as_bytes(), sequencer.as_bytes()])
            }
            _ => request_id
                .to_ascii_lowercase()
                .parse()
                .unwrap_or_else(|_| TaskId::of_event(&[request_id.as_bytes()])),
        };
        TaskRef { task, ..TaskRef::launched(&keys::day_id(self.function, day), 0) }
    }

    /// Stores the record of an attempt. The error is a sentence.
    pub fn store(&self, record: &AttemptRecord, until: Instant) -> Result<(), String> {
        let Some(bucket) = self.home else { return Ok(()) };
        if let Some(task) = &record.task {
            self.open_day(bucket, task, record.started_ms, until);
        }
        let text =
            serde_json::to_vec(record).map_err(|error| format!("the record cannot be written: {error}"))?;
        self.s3
            .put_bytes(bucket, &keys::record_key(record), JSON, &text, until)
            .map_err(|error| format!("the record could not be stored: {error}"))
    }

    /// Says that an attempt has begun. A marker that does not arrive costs nothing but a display.
    pub fn mark(&self, record: &AttemptRecord, until: Instant) {
        let (Some(bucket), Some(task)) = (self.home, &record.task) else { return };
        let Some(key) = keys::running_key(record) else { return };
        let marker = RunningMarker {
            task: task.clone(),
            request_id: record.request_id.clone(),
            started_ms: record.started_ms,
            log_stream: record.log_stream.clone(),
        };
        if let Ok(text) = serde_json::to_vec(&marker) {
            let _ = self.s3.put_bytes(bucket, &key, JSON, &text, until);
        }
    }

    /// Whether a task's run is known to be cancelled without asking.
    pub fn is_known_to_be_cancelled(&self, task: &TaskRef) -> bool {
        self.known(task) == Some(true)
    }

    /// Whether a task's run was cancelled while the task was queued. Tasks of milliseconds ask once a second, not each; who
    /// cannot ask goes on.
    pub fn is_cancelled(&self, task: &TaskRef, end: Instant) -> bool {
        let Some(bucket) = self.home.filter(|_| !keys::is_day(&task.run)) else { return false };
        if let Some(known) = self.known(task) {
            return known;
        }
        let (at, until) = (Instant::now(), end.min(Instant::now() + ASK_FOR));
        let cancelled = self.s3.get_bytes(bucket, &keys::cancel_key(&task.run), until).is_ok();
        *self.asked.lock().unwrap_or_else(PoisonError::into_inner) = Some((task.run.clone(), at, cancelled));
        cancelled
    }

    fn known(&self, task: &TaskRef) -> Option<bool> {
        let asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let (run, at, cancelled) = asked.as_ref()?;
        (*run == task.run && at.elapsed() < ANSWER_HOLDS).then_some(*cancelled)
    }

    /// The first record of an environment and day says that the standing run exists: what its outputs start belongs to it, not
    /// to a standing run of the next function. Somebody else may have said so; who
    /// cannot say it says it with the next record.
    fn open_day(&self, bucket: &str, task: &TaskRef, started_ms: u64, until: Instant) {
        let Some(day) = keys::day_of(&task.run).filter(|_| task.stage == 0) else { return };
        let mut known = self.day.lock().unwrap_or_else(PoisonError::into_inner);
        if *known == day {
            return;
        }
        let header = json!({
            "version": versions::LEDGER, "id": task.run, "function": self.function, "day": day, "started_ms": started_ms,
        });
        if self
            .s3
            .put_new(bucket, &keys::day_key(self.function, day), JSON, header.to_string().as_bytes(), until)
            .is_ok()
        {
            day.clone_into(&mut known);
        }
    }
}

/// `yyyymmdd` of a time as events have it (`2026-11-23T21:39:05.123Z`).
fn day_of(time: &str) -> Option<String> {
    let (date, _) = time.split_once('T')?;
    let digits: String = date.chars().filter(char::is_ascii_digit).collect();
    let dashes = date.char_indices().filter(|(_, c)| *c == '-').map(|(at, _)| at);
    (digits.len() == 8 && date.len() == 10 && dashes.eq([4, 7])).then_some(digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_dates_are_days() {
        assert_eq!(day_of("2026-11-23T21:39:05.123Z").as_deref(), Some("20261123"));
        for bad in ["", "t", "now", "20261123T1", "2026-1-233T", "../../../x-T"] {
            assert_eq!(day_of(bad), None, "{bad}");
        }
    }
}
