//! The first layout: records of a run in one folder, named by when they ended.
//!
//! ```text
//! runs/<run>/records/<ended ms>_<task>_<request id>_<state>_<class>_<duration ms>_<peak KiB>.json
//! runs/<run>/running/<task>_<request id>
//! loose/<function>/<record name>
//! ```
//!
//! Runs that began in it are followed to their end, by runtimes of today, too.

use super::{RUNS, RecordName};
use crate::{AttemptRecord, FailureClass, TaskId, TaskRef};

/// Folder of invocations that belonged to no run.
pub const LOOSE: &str = "loose/";

/// A task of a run in this layout.
#[must_use]
pub fn task(run: &str, number: u64) -> TaskRef {
    TaskRef { version: 1, ..TaskRef::launched(run, number) }
}

/// `loose/<function>/`
#[must_use]
pub fn loose_prefix(function: &str) -> String {
    format!("{LOOSE}{function}/")
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
    let name = record_name(&RecordName::of(record));
    match &record.task {
        Some(task) => format!("{}{name}", records_prefix(&task.run)),
        None => format!("{LOOSE}{}/{name}", record.function),
    }
}

/// The name as it was written then.
#[must_use]
pub fn record_name(name: &RecordName) -> String {
    let task = match name.task.as_ref().and_then(TaskId::as_number) {
        Some(task) => format!("{task:08}"),
        None => "-".to_owned(),
    };
    let RecordName { attempt, state, duration_ms, peak_kib, .. } = name;
    let class = name.class.map_or("-", FailureClass::as_str);
    let (ended_ms, id) = (name.ended_ms(), &attempt.request_id);
    format!("{ended_ms:013}_{task}_{id}_{state}_{class}_{duration_ms}_{peak_kib}.json")
}

/// Reads a name of this layout.
pub(super) fn parse(name: &str) -> Option<RecordName> {
    let parts: Vec<&str> = name.strip_suffix(".json")?.split('_').collect();
    let [ended, task, request_id, state, class, duration, peak] = parts[..] else { return None };
    let (ended_ms, duration_ms): (u64, u64) = (ended.parse().ok()?, duration.parse().ok()?);
    let task = match task {
        "-" => None,
        number => Some(TaskId::number(number.parse().ok()?)),
    };
    let mut name = RecordName::of_words(state, class)?;
    name.task = task;
    request_id.clone_into(&mut name.attempt.request_id);
    name.attempt.started_ms = ended_ms.saturating_sub(duration_ms);
    (name.duration_ms, name.peak_kib) = (duration_ms, peak.parse().ok()?);
    Some(name)
}

/// Task and request id of a running marker of this layout.
#[must_use]
pub fn parse_running(key: &str) -> Option<(u64, &str)> {
    let (task, request_id) = key.rsplit('/').next()?.split_once('_')?;
    Some((task.parse().ok()?, request_id))
}
