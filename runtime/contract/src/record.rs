//! What the runtime leaves in the home bucket about an attempt.

use super::{EventRef, FailureClass, TaskRef, TaskState, versions};
use serde::{Deserialize, Serialize};

/// The record of one attempt. Its key ([`keys::record_key`](super::keys::record_key)) repeats the state, so that
/// listing alone gives exact counts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AttemptRecord {
    /// [`versions::RECORD`] of the writer. What it did not know has its default.
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
    /// The event that led to the attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<EventRef>,
    /// The task and attempt of the stage before that stored the input, as `<task>_<attempt>`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
    /// The group that the task belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// The set of parameters that the task was given, by its id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parameters: Option<String>,
    /// Where the attempt ran.
    #[serde(default)]
    pub back_end: BackEnd,
    /// Memory that the attempt had, in MiB; 0 when unknown.
    #[serde(default)]
    pub memory_mb: u32,
    /// The instruction set, `x86_64` or `arm64`; empty when unknown.
    #[serde(default)]
    pub architecture: String,
    /// Size of `/tmp` in MiB; 0 when unknown.
    #[serde(default)]
    pub tmp_mb: u32,
    /// Requests that the runtime made to storage, for what they cost.
    #[serde(default)]
    pub requests: Requests,
    /// Bytes that the attempt wrote to its log.
    #[serde(default)]
    pub log_bytes: u64,
    /// Digest of what decides the result: the user's image, script and variables, and the input. Equal fingerprints need not
    /// be done again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
}

/// What runs attempts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BackEnd {
    /// AWS Lambda, or the local cloud's.
    #[default]
    Lambda,
    /// AWS Batch.
    Batch,
}

/// Requests to storage, by what they cost: S3 has one price for writing and listing, and one for reading.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Requests {
    /// PUT, POST and LIST.
    pub write: u32,
    /// GET, HEAD and others.
    pub read: u32,
}

impl Requests {
    /// Both together.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self { write: self.write.saturating_add(other.write), read: self.read.saturating_add(other.read) }
    }
}

impl AttemptRecord {
    /// The line that says best what went wrong: the last of standard error for a script that failed, else the sentence.
    #[must_use]
    pub fn failure_line(&self) -> Option<&str> {
        let last = self.stderr_tail.iter().rev().map(|line| line.trim()).find(|line| !line.is_empty());
        let said = self.error.as_deref();
        if self.class == Some(FailureClass::Script) { last.or(said) } else { said.or(last) }
    }

    /// Whether it succeeded and stored nothing.
    #[must_use]
    pub fn stored_nothing(&self) -> bool {
        self.state == TaskState::Succeeded && self.outputs.is_empty()
    }

    /// Of an attempt that has begun and of which nothing else is known yet.
    #[must_use]
    pub fn begun(function: &str, request_id: &str, at_ms: u64) -> Self {
        Self {
            version: versions::RECORD,
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
            event: None,
            parent: None,
            group: None,
            parameters: None,
            back_end: BackEnd::Lambda,
            memory_mb: 0,
            architecture: String::new(),
            tmp_mb: 0,
            requests: Requests::default(),
            log_bytes: 0,
            fingerprint: None,
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
    /// The folder within the bucket, without slashes at either end, that all tasks of the run store such outputs in: what
    /// follows it in the key is the output's name. Older records do not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
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
