//! What front ends show: plain data, no SDK types, no terminal types.

use crate::definition::Architecture;
use crate::logs::Report;
use std::collections::BTreeMap;
use std::sync::Arc;

pub use throng_contract::{AttemptRecord, FailureClass, OutputObject, Phases, Source, TaskState};

/// Milliseconds since 1970.
pub type Millis = u64;

/// A function as a list shows it.
#[derive(Clone, Debug, PartialEq)]
pub struct FunctionInfo {
    /// Name
    pub name: String,
    /// ARN
    pub arn: String,
    /// `Active`, `Pending`, `Failed`, `Inactive` or what a newer AWS says.
    pub state: String,
    /// Why it is in that state; empty when there is nothing to say.
    pub state_reason: String,
    /// Image URI with digest; empty for functions that are not image-based.
    pub image: String,
    /// Memory in MiB.
    pub memory_mb: u32,
    /// Time limit in seconds.
    pub timeout_s: u32,
    /// Size of /tmp in MiB.
    pub tmp_mb: u32,
    /// CPU architecture, `x86_64` or `arm64`.
    pub architecture: String,
    /// When it was last changed.
    pub modified_ms: Option<Millis>,
    /// Log group.
    pub log_group: String,
    /// Description.
    pub description: String,
    /// Whether throng deployed it (found by tag).
    pub managed: bool,
    /// Triggers: objects under `bucket/prefix` start it. Filled when a detail is asked for.
    pub inputs: Vec<Place>,
    /// Where its outputs go. Filled when a detail is asked for.
    pub outputs: Vec<Place>,
}

/// A bucket and a folder in it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Place {
    /// Bucket
    pub bucket: String,
    /// Folder, without slashes at either end; may be empty.
    pub prefix: String,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.bucket)?;
        if self.prefix.is_empty() { Ok(()) } else { write!(f, "/{}", self.prefix) }
    }
}

/// A storage provider that a function names; its keys are kept for the function.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ProviderOf {
    /// The function's name.
    pub function: String,
    /// The provider as definitions name it: `minio.lab`.
    pub provider: String,
}

/// An object, and in whose storage it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ObjectPlace {
    /// The context's own storage when `None`.
    pub from: Option<ProviderOf>,
    /// Bucket
    pub bucket: String,
    /// Key
    pub key: String,
}

impl std::fmt::Display for ObjectPlace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let scheme = self.from.as_ref().map_or("s3", |from| &from.provider);
        write!(f, "{scheme}://{}/{}", self.bucket, self.key)
    }
}

/// A bucket as a list shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BucketInfo {
    /// Name
    pub name: String,
    /// When it was made.
    pub created_ms: Option<Millis>,
    /// Functions that objects in it start, by name; filled when known.
    pub triggers: Vec<String>,
}

/// A folder or an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectInfo {
    /// The full key; of a folder, its prefix with the last slash.
    pub key: String,
    /// Whether it stands for all keys below it.
    pub folder: bool,
    /// Size in bytes; 0 for a folder.
    pub size: u64,
    /// When it was last written.
    pub modified_ms: Option<Millis>,
    /// `ETag` without quotes.
    pub etag: String,
}

/// Counts of tasks by state. Their sum is the manifest's size, always.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Not begun, as far as is known.
    pub pending: u64,
    /// Begun, not ended.
    pub running: u64,
    /// Succeeded
    pub succeeded: u64,
    /// Failed
    pub failed: u64,
    /// Timed out
    pub timed_out: u64,
    /// Expired
    pub expired: u64,
    /// Cancelled
    pub cancelled: u64,
}

impl Counts {
    /// All tasks. Counts that do not fit a number, which only a damaged `end.json` has, stay at the largest.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.pending.saturating_add(self.done()).saturating_add(self.running)
    }

    /// Tasks in a final state.
    #[must_use]
    pub const fn done(&self) -> u64 {
        self.succeeded.saturating_add(self.unsuccessful())
    }

    /// Tasks in a final state other than succeeded.
    #[must_use]
    pub const fn unsuccessful(&self) -> u64 {
        let late = self.timed_out.saturating_add(self.expired);
        self.failed.saturating_add(late).saturating_add(self.cancelled)
    }

    /// The counter for a state.
    pub const fn of(&mut self, state: TaskState) -> &mut u64 {
        match state {
            TaskState::Pending => &mut self.pending,
            TaskState::Running => &mut self.running,
            TaskState::Succeeded => &mut self.succeeded,
            TaskState::Failed => &mut self.failed,
            TaskState::TimedOut => &mut self.timed_out,
            TaskState::Expired => &mut self.expired,
            TaskState::Cancelled => &mut self.cancelled,
        }
    }
}

/// A run as a list shows it.
#[derive(Clone, Debug, PartialEq)]
pub struct RunSummary {
    /// Id, sortable by time.
    pub id: String,
    /// The function's name.
    pub function: String,
    /// The image's digest when it was launched.
    pub image: String,
    /// When it was launched.
    pub started_ms: Millis,
    /// When its last task ended; `None` while any is open.
    pub ended_ms: Option<Millis>,
    /// Tasks by state.
    pub counts: Counts,
    /// Failures by class.
    pub classes: BTreeMap<FailureClass, u64>,
    /// Whether a person cancelled it.
    pub cancelled: bool,
    /// Tasks ended per second over the last moments; 0 when ended.
    pub rate: f64,
    /// Seconds to the end at that rate, when it can be told.
    pub eta_s: Option<f64>,
    /// Tasks whose inputs are still to be sent by this throng; 0 when none.
    pub unsent: u64,
    /// Milliseconds for which nothing was heard of the run, when that is long enough to think that the tasks which
    /// have not begun are lost.
    pub stalled_ms: Option<u64>,
    /// Whether every record has been read, so that the counts are exact.
    pub settled: bool,
}

impl RunSummary {
    /// Milliseconds without a word from which on it is likelier that events were lost than that the cloud is busy.
    const LOSS_MS: u64 = 60_000;

    /// Whether nothing was heard for so long that tasks which have not begun are probably lost.
    #[must_use]
    pub fn may_have_lost(&self) -> bool {
        self.stalled_ms.is_some_and(|quiet| quiet >= Self::LOSS_MS)
    }
}

/// One task of an open run.
#[derive(Clone, Debug, PartialEq)]
pub struct TaskRow {
    /// Number within the run.
    pub task: u64,
    /// Input bucket.
    pub bucket: Arc<str>,
    /// Input key.
    pub key: Arc<str>,
    /// Input size in bytes.
    pub size: u64,
    /// State
    pub state: TaskState,
    /// Why it did not succeed.
    pub class: Option<FailureClass>,
    /// Attempts known.
    pub attempts: u32,
    /// Of the deciding attempt: begin to end.
    pub duration_ms: Option<u64>,
    /// Of the deciding attempt: peak memory in bytes.
    pub peak_memory: Option<u64>,
    /// Of the deciding attempt: when it ended.
    pub ended_ms: Option<Millis>,
    /// Of the deciding attempt: request id.
    pub request_id: Option<Arc<str>>,
    /// Key of the deciding record in the home bucket.
    pub record_key: Option<Arc<str>>,
}

impl TaskRow {
    /// Whether its end is known from the platform's log alone: the ledger may still say otherwise.
    #[must_use]
    pub fn is_reported(&self) -> bool {
        let unsuccessful = self.state.is_final() && self.state != TaskState::Succeeded;
        unsuccessful
            && self.record_key.is_none()
            && self.class.is_some_and(|class| class != FailureClass::Lost)
    }
}

/// What a run's durations and memory look like. Milliseconds and bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct RunStatistics {
    /// Median duration.
    pub p50_ms: u64,
    /// 95th percentile of the duration.
    pub p95_ms: u64,
    /// Longest duration.
    pub max_ms: u64,
    /// Highest peak memory.
    pub max_memory: u64,
    /// Sum of all durations.
    pub total_ms: u64,
}

/// An invocation that is under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvocationInfo {
    /// The function's name.
    pub function: String,
    /// Request id
    pub request_id: String,
    /// Run, when it belongs to one.
    pub run: Option<String>,
    /// Task, when it belongs to a run.
    pub task: Option<u64>,
    /// Input, as `bucket/key`, when known.
    pub input: Option<String>,
    /// When it began.
    pub started_ms: Millis,
    /// Log stream, when known.
    pub log_stream: Option<String>,
}

/// A transfer, a deployment step or anything else that takes a while and has an end.
#[derive(Clone, Debug, PartialEq)]
pub struct Progress {
    /// Identifies it for cancelling.
    pub id: u64,
    /// What is going on, for people: `upload 200 files to input-bucket/in`.
    pub label: String,
    /// Bytes done.
    pub bytes: u64,
    /// Bytes in all, when known.
    pub bytes_total: Option<u64>,
    /// Items (files, layers, steps) done.
    pub items: u64,
    /// Items in all, when known.
    pub items_total: Option<u64>,
    /// Items that failed.
    pub failed: u64,
    /// Bytes per second over the last moments.
    pub rate: f64,
    /// Seconds to the end, when it can be told.
    pub eta_s: Option<f64>,
    /// How it stands.
    pub state: ProgressState,
}

/// How a [`Progress`] stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProgressState {
    /// Under way.
    Active,
    /// Ended well.
    Done,
    /// Ended badly, with a sentence.
    Failed(String),
    /// A person ended it.
    Cancelled,
}

/// Tells the lines of one buffer apart, also those of the same time and text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LineId(pub u64);

/// A line of a log.
#[derive(Clone, Debug, PartialEq)]
pub struct LogEntry {
    /// Which line of its buffer it is; the same for all until one keeps it.
    pub id: LineId,
    /// When it happened.
    pub time_ms: Millis,
    /// `INFO`, `WARN`, `ERROR` … or empty.
    pub level: Arc<str>,
    /// The function whose log it is.
    pub function: Arc<str>,
    /// Log stream
    pub stream: Arc<str>,
    /// Request id, when the line says it.
    pub request_id: Option<Arc<str>>,
    /// Run, when the line says it.
    pub run: Option<Arc<str>>,
    /// Task, when the line says it.
    pub task: Option<u64>,
    /// Who wrote it; `None` for the platform (START, END, REPORT) and for lines of other programs.
    pub source: Option<Source>,
    /// Whether the platform wrote it.
    pub platform: bool,
    /// The platform's account of an invocation, when the line is one.
    pub report: Option<Arc<Report>>,
    /// The text. Not neutralised: escape sequences are still in it.
    pub message: Arc<str>,
}

/// What a form or a file asks to be deployed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FunctionForm {
    /// Name
    pub name: String,
    /// Image source, as in a definition.
    pub image: String,
    /// Path of the script; empty for the image's own entry point.
    pub script: String,
    /// MiB
    pub memory_mb: u32,
    /// Seconds
    pub timeout_s: u32,
    /// `bucket[/folder]`; empty for no trigger.
    pub input: String,
    /// `bucket[/folder]`; empty for no output.
    pub output: String,
    /// Architecture; the machine's own when `None`.
    pub architecture: Option<Architecture>,
}
