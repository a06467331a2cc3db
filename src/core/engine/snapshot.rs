//! What a front end sees.

use super::{LogQuery, Scope};
use crate::cloud::Slowed;
use crate::deploy::{Action, Plan, Step};
use crate::model::{
    AttemptRecord, BucketInfo, Counts, FunctionInfo, InvocationInfo, LogEntry, Millis, ObjectInfo,
    ObjectPlace, Progress, RunStatistics, RunSummary, TaskRow,
};
use std::sync::Arc;

/// Everything, at one moment.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// Grows with every snapshot.
    pub version: u64,
    /// The context that is shown.
    pub context: ContextInfo,
    /// How often a change of context was asked for until here, also in vain.
    pub switches: u64,
    /// All contexts of the configuration, the local one first.
    pub contexts: Arc<[ContextInfo]>,
    /// Whether the cloud answers.
    pub connection: Connection,
    /// What is slowed down, because the cloud throttled it.
    pub slowed: Arc<[Slowed]>,
    /// What is looked at.
    pub scope: Scope,
    /// Functions
    pub functions: Listing<FunctionInfo>,
    /// Buckets
    pub buckets: Listing<BucketInfo>,
    /// Objects of the folder that is looked at, or was last.
    pub objects: Option<ObjectsView>,
    /// Runs, newest first.
    pub runs: Listing<RunSummary>,
    /// The run that was launched here last.
    pub launched: Option<String>,
    /// The run that is looked at, or was last.
    pub run: Option<RunView>,
    /// The run that is looked at and cannot be read, by its id, and why.
    pub unreadable: Option<(String, ListingState)>,
    /// The task that is looked at, or was last.
    pub task: Option<TaskView>,
    /// Running invocations
    pub running: Listing<InvocationInfo>,
    /// Followed logs
    pub logs: Option<LogView>,
    /// The object that is shown.
    pub preview: Option<Preview>,
    /// What deploying would do, when that was asked.
    pub plan: Option<PlanView>,
    /// Transfers and deployments, newest first; the last fifty that have ended stay.
    pub progress: Arc<[Progress]>,
    /// What a person should know; errors stay until dismissed. Oldest first.
    pub notices: Arc<[Notice]>,
}

/// A context as the screen names it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ContextInfo {
    /// Name
    pub name: String,
    /// Whether it is the embedded cloud.
    pub local: bool,
    /// Region
    pub region: String,
    /// Whether changes are refused.
    pub read_only: bool,
    /// A colour name for the header, when the configuration gives one.
    pub color: Option<String>,
    /// The home bucket, once it is known.
    pub home: Option<String>,
}

/// Whether the cloud answers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Connection {
    /// Not known yet; for the local cloud, it is being started.
    #[default]
    Connecting,
    /// It answered last time.
    Online,
    /// It did not, with a sentence why and what to do.
    Offline(String),
    /// There are no credentials, or the cloud does not accept them; a sentence why and what to do.
    NotSignedIn(String),
    /// The context cannot be used as it is configured; a sentence why and what to do.
    Unusable(String),
}

impl Connection {
    /// Why nothing can be asked of the cloud, unless it can or that is not known yet.
    #[must_use]
    pub fn trouble(&self) -> Option<&str> {
        match self {
            Self::Connecting | Self::Online => None,
            Self::Offline(why) | Self::NotSignedIn(why) | Self::Unusable(why) => Some(why),
        }
    }
}

/// A list and how current it is.
#[derive(Clone, Debug)]
pub struct Listing<T> {
    /// The items.
    pub items: Arc<Vec<T>>,
    /// How current they are.
    pub state: ListingState,
    /// When they were read; `None` before the first time.
    pub read_ms: Option<Millis>,
}

impl<T> Default for Listing<T> {
    fn default() -> Self {
        Self { items: Arc::default(), state: ListingState::default(), read_ms: None }
    }
}

/// How current a list is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ListingState {
    /// Not asked for yet.
    #[default]
    Unread,
    /// Being read; the items are those of the last time.
    Reading,
    /// As it was when it was read.
    Ready,
    /// Reading failed, with a sentence.
    Failed(String),
}

/// A folder of a bucket.
#[derive(Clone, Debug)]
pub struct ObjectsView {
    /// Bucket
    pub bucket: String,
    /// Prefix, ending with `/` unless empty.
    pub prefix: String,
    /// Folders first, then objects, by key, as far as read.
    pub listing: Listing<ObjectInfo>,
    /// Whether there is more to fetch ([`Command::MoreObjects`](super::Command::MoreObjects)).
    pub more: bool,
}

/// An open run.
#[derive(Clone, Debug)]
pub struct RunView {
    /// Its summary.
    pub summary: RunSummary,
    /// Its tasks by number. Chunks of 1,024, shared between snapshots where nothing changed.
    pub tasks: Arc<Vec<Arc<Vec<TaskRow>>>>,
    /// Durations and memory.
    pub statistics: RunStatistics,
    /// Tasks ended in each of the last 60 seconds, oldest first.
    pub history: Arc<[u64]>,
    /// Whether the tasks are still being read.
    pub loading: bool,
}

impl RunView {
    /// Tasks per chunk.
    pub const CHUNK: usize = 1024;

    /// How many tasks there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.tasks.iter().map(|chunk| chunk.len()).sum()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tasks.iter().all(|chunk| chunk.is_empty())
    }

    /// A task by number.
    #[must_use]
    pub fn task(&self, index: usize) -> Option<&TaskRow> {
        self.tasks.get(index / Self::CHUNK)?.get(index % Self::CHUNK)
    }

    /// Tasks by state.
    #[must_use]
    pub const fn counts(&self) -> &Counts {
        &self.summary.counts
    }
}

/// An open task.
#[derive(Clone, Debug)]
pub struct TaskView {
    /// Run id
    pub run: String,
    /// The task, when the run's manifest has been read.
    pub row: Option<TaskRow>,
    /// Records of its attempts, newest first.
    pub records: Listing<AttemptRecord>,
}

/// Log lines that are followed. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct LogView {
    /// What is followed.
    pub query: LogQuery,
    /// Lines in chunks, by time. All but the last have [`LogView::CHUNK`] lines.
    pub chunks: Arc<Vec<Arc<Vec<LogEntry>>>>,
    /// Lines that fell out of the buffer at its beginning.
    pub dropped: u64,
    /// Lines that the live tail lost and that were found later.
    pub missed: u64,
    /// Whether the cloud sends only a sample at the moment.
    pub sampled: bool,
    /// Everything that happened before this time is known; lines of later times may still come late. 0 at first.
    pub settled_ms: Millis,
    /// How lines arrive.
    pub mode: LogMode,
}

/// How the lines of a [`LogView`] arrive.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogMode {
    /// The way.
    pub arrival: Arrival,
    /// Why it is so and what fails, for people; empty when there is nothing to say.
    pub why: String,
}

/// The way in which lines of logs arrive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Arrival {
    /// It is just being begun.
    #[default]
    Starting,
    /// Nothing can be read at the moment.
    Waiting,
    /// They are asked for again and again.
    Polling,
    /// They are sent as they are written, at least those of some groups.
    Live,
}

impl Arrival {
    /// In one word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Waiting => "waiting",
            Self::Polling => "polling",
            Self::Live => "live",
        }
    }
}

/// `live`, `polling (throttled)` …
impl std::fmt::Display for LogMode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { arrival, why } = self;
        f.write_str(arrival.as_str())?;
        if why.is_empty() { Ok(()) } else { write!(f, " ({why})") }
    }
}

impl LogView {
    /// Lines per chunk.
    pub const CHUNK: usize = 512;

    /// How many lines there are.
    #[must_use]
    pub fn len(&self) -> usize {
        match self.chunks.split_last() {
            Some((last, full)) => full.len() * Self::CHUNK + last.len(),
            None => 0,
        }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether no line can come any more between those that are there, nor after them for what has happened so far.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        let last = self.chunks.last().and_then(|chunk| chunk.last());
        self.settled_ms > 0 && last.is_some_and(|last| last.time_ms < self.settled_ms)
    }

    /// A line by its index; 0 is the oldest that is kept.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<&LogEntry> {
        self.chunks.get(index / Self::CHUNK)?.get(index % Self::CHUNK)
    }
}

/// An object that was fetched to be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preview {
    /// Which one.
    pub place: ObjectPlace,
    /// Size of the whole object in bytes.
    pub size: u64,
    /// Content type, as stored.
    pub content_type: String,
    /// The body, or its beginning when it is large, once it is here.
    pub body: Option<Arc<[u8]>>,
    /// Why it could not be fetched.
    pub error: Option<String>,
}

/// What deploying would do.
#[derive(Clone, Debug)]
pub enum PlanView {
    /// The images are being read and the cloud is asked.
    Making,
    /// A plan for each function.
    Ready(Arc<[PlannedFunction]>),
    /// There is none, with a sentence why.
    Failed(String),
}

/// What deploying a function would do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedFunction {
    /// Its name.
    pub function: String,
    /// In the order in which they are done.
    pub steps: Vec<PlannedStep>,
    /// What a thousand invocations cost at a guess, in words; `None` where they cost nothing.
    pub cost: Option<String>,
    /// What a person should know.
    pub warnings: Vec<String>,
}

/// A step of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedStep {
    /// What it does.
    pub action: Action,
    /// To what.
    pub what: String,
    /// More words; may be empty.
    pub detail: String,
}

impl From<Plan> for PlannedFunction {
    fn from(plan: Plan) -> Self {
        let step = |step: Step| PlannedStep { action: step.action, what: step.what, detail: step.detail };
        Self {
            function: plan.function,
            steps: plan.steps.into_iter().map(step).collect(),
            cost: plan.cost.map(|cost| cost.to_string()),
            warnings: plan.warnings,
        }
    }
}

/// Something a person should know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// Identifies it for [`Command::Dismiss`](super::Command::Dismiss).
    pub id: u64,
    /// How bad it is.
    pub severity: Severity,
    /// One line.
    pub title: String,
    /// What was wrong, where, and what to do; may be several lines.
    pub detail: String,
    /// When.
    pub time_ms: Millis,
}

/// How bad a notice is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// Goes away by itself.
    Info,
    /// Stays until dismissed.
    Warning,
    /// Stays until dismissed.
    Error,
}
