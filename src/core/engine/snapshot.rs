//! What a front end sees.

use super::Scope;
use crate::cloud::Slowed;
use crate::deploy::{Action, Plan, Step};
use crate::jobs::Restricted;
use crate::model::{
    AttemptRecord, BucketInfo, FunctionInfo, InvocationInfo, LogView, Millis, ObjectInfo, ObjectPlace, Place,
    Progress, RunSummary, RunView, TaskName, TaskRow,
};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use throng_contract::TaskFiles;

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
    /// Every function of the context.
    pub functions: Listing<FunctionInfo>,
    /// Every bucket of the context.
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
    /// What an upload would start, as it was asked last.
    pub starts: Option<StartsView>,
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
    /// Its name in `config.toml`, or `local`.
    pub name: String,
    /// Whether it is the embedded cloud.
    pub local: bool,
    /// The AWS region, once it is known.
    pub region: String,
    /// Whether changes are refused.
    pub read_only: bool,
    /// A colour name for the header, when the configuration gives one.
    pub color: Option<String>,
    /// The home bucket, once it is known.
    pub home: Option<String>,
}

impl Restricted for ContextInfo {
    fn name(&self) -> &str {
        &self.name
    }

    fn is_read_only(&self) -> bool {
        self.read_only
    }
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
    /// The bucket they are in.
    pub bucket: String,
    /// Prefix, ending with `/` unless empty.
    pub prefix: String,
    /// Folders first, then objects, by key, as far as read.
    pub listing: Listing<ObjectInfo>,
    /// Whether there is more to fetch ([`Command::MoreObjects`](super::Command::MoreObjects)).
    pub more: bool,
}

/// An open task.
#[derive(Clone, Debug)]
pub struct TaskView {
    /// Run id
    pub run: String,
    /// The task, when the run's manifest has been read.
    pub row: Option<TaskRow>,
    /// Its files, when it has several.
    pub files: Option<Arc<TaskFiles>>,
    /// What its outputs have started, with the function of each.
    pub children: Vec<(String, TaskName)>,
    /// Of a join: how often it had begun before, for less.
    pub generation: u32,
    /// Of a launched task: the values of the run and of its set of parameters, by name.
    pub variables: BTreeMap<String, String>,
    /// Records of its attempts, newest first.
    pub records: Listing<AttemptRecord>,
}

/// What an upload would start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StartsView {
    /// The upload's files, folders and globs.
    pub paths: Vec<PathBuf>,
    /// Where they would go.
    pub to: Place,
    /// How many files start which function.
    pub functions: BTreeMap<String, u64>,
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

impl From<&Plan> for PlannedFunction {
    fn from(plan: &Plan) -> Self {
        let step = |step: &Step| PlannedStep {
            action: step.action,
            what: step.what.clone(),
            detail: step.detail.clone(),
        };
        Self {
            function: plan.function.clone(),
            steps: plan.steps.iter().map(step).collect(),
            cost: plan.cost.as_ref().map(ToString::to_string),
            warnings: plan.warnings.clone(),
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
    /// When it was said.
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
