//! Keys in the home bucket.
//!
//! ```text
//! runs/<run>/manifest/<part>.jsonl        its inputs (written first)
//! runs/<run>/run.json                     what was launched; from now on the run exists
//! runs/<run>/records/<record name>        one per attempt
//! runs/<run>/running/<task>_<request id>  attempts that have begun (only long ones)
//! runs/<run>/cancel.json, end.json        a person ended it; it is complete
//! loose/<function>/<record name>          invocations that belong to no run
//! aws/lambda/async/<function>/…           written by Lambda: events it gave up on
//! secrets/<function>/providers.json       keys of the storage providers that the function names
//! ```
//!
//! Record names begin with the time, so that a follower can list from where it was.

use super::{AttemptRecord, FailureClass, TaskState};

/// Folder of every run.
pub const RUNS: &str = "runs/";
/// Folder of invocations that belong to no run.
pub const LOOSE: &str = "loose/";
/// Folder where Lambda's on-failure destination writes.
pub const ASYNC_FAILURES: &str = "aws/lambda/async/";

/// Folder of keys that functions need.
pub const SECRETS: &str = "secrets/";

/// `secrets/<function>/providers.json`
#[must_use]
pub fn providers_key(function: &str) -> String {
    format!("{SECRETS}{function}/providers.json")
}

/// `runs/<run>/run.json`
#[must_use]
pub fn run_key(run: &str) -> String {
    format!("{RUNS}{run}/run.json")
}

/// `runs/<run>/end.json`
#[must_use]
pub fn end_key(run: &str) -> String {
    format!("{RUNS}{run}/end.json")
}

/// `runs/<run>/cancel.json`
#[must_use]
pub fn cancel_key(run: &str) -> String {
    format!("{RUNS}{run}/cancel.json")
}

/// `runs/<run>/manifest/<part>.jsonl`
#[must_use]
pub fn manifest_key(run: &str, part: usize) -> String {
    format!("{RUNS}{run}/manifest/{part:06}.jsonl")
}

/// `runs/<run>/manifest/`
#[must_use]
pub fn manifest_prefix(run: &str) -> String {
    format!("{RUNS}{run}/manifest/")
}

/// `runs/<run>/records/`
#[must_use]
pub fn records_prefix(run: &str) -> String {
    format!("{RUNS}{run}/records/")
}

/// `runs/<run>/running/`
#[must_use]
pub fn running_prefix(run: &str) -> String {
    format!("{RUNS}{run}/running/")
}

/// `runs/<run>/running/<task>_<request id>`
#[must_use]
pub fn running_key(run: &str, task: u64, request_id: &str) -> String {
    format!("{RUNS}{run}/running/{task:08}_{request_id}")
}

/// The key for a record: under its run, or under `loose/` when it belongs to none.
#[must_use]
pub fn record_key(record: &AttemptRecord) -> String {
    let name = RecordName::of(record);
    match &record.task {
        Some(task) => format!("{}{name}", records_prefix(&task.run)),
        None => format!("{LOOSE}{}/{name}", record.function),
    }
}

/// What the name of a record says:
/// `<ended ms>_<task>_<request id>_<state>_<class>_<duration ms>_<peak KiB>.json`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordName {
    /// When the attempt ended, in milliseconds since 1970.
    pub ended_ms: u64,
    /// The task, or `None` outside a run.
    pub task: Option<u64>,
    /// The invocation's request id.
    pub request_id: String,
    /// How it ended.
    pub state: TaskState,
    /// Why it did not succeed.
    pub class: Option<FailureClass>,
    /// From begin to end of the attempt, in milliseconds.
    pub duration_ms: u64,
    /// Peak memory in KiB.
    pub peak_kib: u64,
}

impl RecordName {
    /// The name for a record.
    #[must_use]
    pub fn of(record: &AttemptRecord) -> Self {
        Self {
            ended_ms: record.ended_ms,
            task: record.task.as_ref().map(|task| task.task),
            request_id: record.request_id.clone(),
            state: record.state,
            class: record.class,
            duration_ms: record.ended_ms.saturating_sub(record.started_ms),
            peak_kib: record.peak_memory / 1024,
        }
    }

    /// Reads the last part of a key. `None` when it is not a record's name.
    #[must_use]
    pub fn parse(key: &str) -> Option<Self> {
        let name = key.rsplit('/').next()?.strip_suffix(".json")?;
        let parts: Vec<&str> = name.split('_').collect();
        let [ended, task, request_id, state, class, duration, peak] = parts[..] else {
            return None;
        };
        let optional = |text: &str| (text != "-").then(|| text.to_owned());
        Some(Self {
            ended_ms: ended.parse().ok()?,
            task: optional(task).map(|task| task.parse()).transpose().ok()?,
            request_id: request_id.to_owned(),
            state: state.parse().ok()?,
            class: optional(class).map(|class| class.parse()).transpose().ok()?,
            duration_ms: duration.parse().ok()?,
            peak_kib: peak.parse().ok()?,
        })
    }
}

impl std::fmt::Display for RecordName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { ended_ms, request_id, state, duration_ms, peak_kib, .. } = self;
        write!(f, "{ended_ms:013}_")?;
        match self.task {
            Some(task) => write!(f, "{task:08}")?,
            None => f.write_str("-")?,
        }
        let class = self.class.map_or("-", FailureClass::as_str);
        write!(f, "_{request_id}_{state}_{class}_{duration_ms}_{peak_kib}.json")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn record_names_round_trip() {
        for (task, class) in [(Some(42), None), (None, Some(FailureClass::Timeout))] {
            let name = RecordName {
                ended_ms: 1_732_396_500_123,
                task,
                request_id: "5ca4a8d2-0000-4000-8000-1234567890ab".into(),
                state: TaskState::TimedOut,
                class,
                duration_ms: 12,
                peak_kib: 900,
            };
            assert_eq!(RecordName::parse(&format!("runs/r/records/{name}")), Some(name));
        }
    }

    #[test]
    fn foreign_keys_are_not_records() {
        for key in ["", "runs/r/records/", "a_b.json", "1_2_3_done_-_1_1.json"] {
            assert_eq!(RecordName::parse(key), None, "{key}");
        }
    }
}
