//! What the runtime leaves in the home bucket about an attempt.

use super::{FailureClass, TaskRef, TaskState};
use serde::{Deserialize, Serialize};

/// The record of one attempt. Its key ([`keys::record_key`](super::keys::record_key)) repeats the state, so that
/// listing alone gives exact counts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AttemptRecord {
    /// [`VERSION`](super::VERSION) of the writer.
    pub version: u32,
    /// The function's name.
    pub function: String,
    /// The task, when the invocation belongs to a run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<TaskRef>,
    /// The input's bucket; empty when the input was no object.
    #[serde(default)]
    pub bucket: String,
    /// The input's key; empty when the input was no object.
    #[serde(default)]
    pub key: String,
    /// The storage provider that the input came from; the function's own storage when `None`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// The invocation's request id.
    pub request_id: String,
    /// How it ended.
    pub state: TaskState,
    /// Why it did not succeed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<FailureClass>,
    /// The script's exit code, when it exited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
    /// The signal that ended the script, when one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signal: Option<i32>,
    /// One sentence for people: what went wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// When the attempt began, in milliseconds since 1970.
    pub started_ms: u64,
    /// When it ended, in milliseconds since 1970.
    pub ended_ms: u64,
    /// Where the time went.
    pub phases: Phases,
    /// Whether this was the environment's first invocation.
    #[serde(default)]
    pub cold: bool,
    /// Bytes fetched.
    #[serde(default)]
    pub bytes_in: u64,
    /// Bytes stored.
    #[serde(default)]
    pub bytes_out: u64,
    /// Objects stored.
    #[serde(default)]
    pub outputs: Vec<OutputObject>,
    /// The script's peak resident memory in bytes (largest process), 0 when unknown.
    #[serde(default)]
    pub peak_memory: u64,
    /// The log group.
    #[serde(default)]
    pub log_group: String,
    /// The log stream.
    #[serde(default)]
    pub log_stream: String,
    /// The last lines of standard error.
    #[serde(default)]
    pub stderr_tail: Vec<String>,
}

impl AttemptRecord {
    /// Of an attempt that has begun and of which nothing else is known yet.
    #[must_use]
    pub fn begun(function: &str, request_id: &str, at_ms: u64) -> Self {
        Self {
            version: super::VERSION,
            function: function.to_owned(),
            task: None,
            bucket: String::new(),
            key: String::new(),
            provider: None,
            request_id: request_id.to_owned(),
            state: TaskState::Running,
            class: None,
            exit_code: None,
            signal: None,
            error: None,
            started_ms: at_ms,
            ended_ms: at_ms,
            phases: Phases::default(),
            cold: false,
            bytes_in: 0,
            bytes_out: 0,
            outputs: Vec::new(),
            peak_memory: 0,
            log_group: String::new(),
            log_stream: String::new(),
            stderr_tail: Vec::new(),
        }
    }
}

/// Milliseconds spent in each phase of an attempt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Phases {
    /// The runtime's own start; 0 in a warm environment.
    pub init_ms: f64,
    /// Fetching the input.
    pub stage_in_ms: f64,
    /// The script.
    pub run_ms: f64,
    /// Storing the outputs.
    pub stage_out_ms: f64,
}

/// An object that an attempt stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutputObject {
    /// The bucket.
    pub bucket: String,
    /// The key.
    pub key: String,
    /// Its size in bytes.
    pub size: u64,
    /// SHA-256 of its bytes, in hexadecimal.
    pub sha256: String,
    /// The storage provider that it is at; the function's own storage when `None`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
}

/// Written when a script has run longer than
/// [`MARKER_AFTER_SECS`](super::layout::MARKER_AFTER_SECS): this attempt has begun.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunningMarker {
    /// The task.
    pub task: TaskRef,
    /// The invocation's request id.
    pub request_id: String,
    /// When the attempt began, in milliseconds since 1970.
    pub started_ms: u64,
    /// The log stream.
    pub log_stream: String,
}
