//! One line of a function's log, as the runtime writes it.

use super::TaskId;
use serde::{Deserialize, Serialize};

/// A line of script output or of the runtime's own, as JSON on the runtime's standard output. Field names are
/// those of Lambda's JSON log format where it has them (`timestamp`, `level`, `requestId`, `message`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LogLine {
    /// When the line was read, RFC 3339 in UTC with milliseconds.
    pub timestamp: String,
    /// `INFO`, `WARN` or `ERROR`.
    pub level: String,
    /// The invocation's request id.
    pub request_id: String,
    /// The run, when the invocation belongs to one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// The task's id, when the invocation belongs to a run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<TaskId>,
    /// Who wrote it.
    pub stream: Source,
    /// Set on all but the last part of a line that was too long for one event.
    #[serde(default, skip_serializing_if = "is_false")]
    pub partial: bool,
    /// The text, without the line end. Bytes that are not UTF-8 are replaced by U+FFFD.
    pub message: String,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
const fn is_false(value: &bool) -> bool {
    !*value
}

/// Where a line came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// The script's standard output.
    Stdout,
    /// The script's standard error.
    Stderr,
    /// The runtime.
    Runtime,
}
