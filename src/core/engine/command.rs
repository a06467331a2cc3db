//! What a front end can ask for.

use crate::jobs::Job;
use crate::model::{FunctionForm, LogQuery, ObjectPlace, Place, ProviderOf, TaskName};
use std::path::PathBuf;

/// What the front end is looking at, so that the engine refreshes that and nothing else.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum Scope {
    /// The list of functions.
    #[default]
    Functions,
    /// The list of buckets.
    Buckets,
    /// Objects in a folder of a bucket.
    Objects {
        /// Whose objects.
        bucket: String,
        /// Prefix, ending with `/` unless empty.
        prefix: String,
    },
    /// The list of runs.
    Runs,
    /// One run and its tasks.
    Run {
        /// Run id
        run: String,
    },
    /// One task: its attempts and their records.
    Task {
        /// Run id
        run: String,
        /// The task's name
        task: TaskName,
    },
    /// Running invocations
    Running,
    /// Logs (see [`Command::FollowLogs`]).
    Logs,
}

/// What a person wants deployed.
#[derive(Clone, Debug, PartialEq)]
pub enum DeployRequest {
    /// What a form says.
    Form(FunctionForm),
    /// Every function of a definition file.
    File(PathBuf),
}

/// A request to the engine.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// From now on the front end looks at this.
    Look(Scope),
    /// Read again what is looked at, now.
    Refresh,
    /// Fetch the next page of the objects that are looked at.
    MoreObjects,
    /// Go to another context.
    SwitchContext(String),
    /// Say what deploying would do, and change nothing; see [`Snapshot::plan`](super::Snapshot::plan).
    Plan(DeployRequest),
    /// Forget the plan.
    ClosePlan,
    /// Deploy what a form says.
    DeployForm(FunctionForm),
    /// Deploy every function of a definition file.
    DeployFile(PathBuf),
    /// Upload files to a folder of a bucket, starting nothing by ourselves (a trigger may).
    Upload {
        /// Files, folders and globs.
        paths: Vec<PathBuf>,
        /// The bucket they go to.
        bucket: String,
        /// Folder; may be empty.
        prefix: String,
    },
    /// Upload files and process each with a function, as a run.
    RunFiles {
        /// The function's name.
        function: String,
        /// Files, folders and globs.
        paths: Vec<PathBuf>,
    },
    /// Process objects that are there already, as a run.
    RunObjects {
        /// The function's name.
        function: String,
        /// The bucket they are in.
        bucket: String,
        /// Keys, or prefixes ending with `/`.
        keys: Vec<String>,
    },
    /// Process the inputs of a run's tasks without success once more, as a new run. The front end has asked.
    RunAgain {
        /// The function's name.
        function: String,
        /// The run that has ended.
        run: String,
    },
    /// Invoke once, with a payload (empty for none), and show the answer.
    Invoke {
        /// The function's name.
        function: String,
        /// JSON or anything else.
        payload: Vec<u8>,
    },
    /// Invoke no more tasks of a run; those that have not begun become cancelled.
    CancelRun(String),
    /// Send the inputs of a run that were not sent; when there are none, those whose tasks have not begun once more.
    /// The front end has asked.
    ResumeRun(String),
    /// Find out which functions an upload would start.
    WhatStarts {
        /// Files, folders and globs.
        paths: Vec<PathBuf>,
        /// A bucket and a folder of it.
        to: Place,
    },
    /// Fetch an object so that it can be shown.
    Preview(ObjectPlace),
    /// Forget the object that is shown.
    ClosePreview,
    /// Fetch objects to a local folder.
    Download {
        /// The provider that has them; the context's own storage when `None`.
        from: Option<ProviderOf>,
        /// The bucket they are in.
        bucket: String,
        /// Keys, or prefixes ending with `/`.
        keys: Vec<String>,
        /// The folder that they are written into.
        to: PathBuf,
    },
    /// Fetch what all succeeded tasks of a run have put to a local folder.
    DownloadRun {
        /// The run's id.
        run: String,
        /// The folder that results are written into.
        to: PathBuf,
    },
    /// Delete objects. The front end has asked.
    DeleteObjects {
        /// The bucket they are in.
        bucket: String,
        /// Keys, or prefixes ending with `/`.
        keys: Vec<String>,
    },
    /// Make a bucket.
    CreateBucket(String),
    /// Delete an empty bucket. The front end has asked.
    DeleteBucket(String),
    /// Delete a function with its trigger and log group; buckets and objects stay. The front end has asked.
    DeleteFunction(String),
    /// Follow logs: replaces what was followed.
    FollowLogs(LogQuery),
    /// Follow no logs.
    StopLogs,
    /// End a transfer or deployment.
    CancelProgress(u64),
    /// Remove a notice.
    Dismiss(u64),
}

impl Command {
    /// The job that it asks for.
    #[must_use]
    pub const fn job(&self) -> Job {
        match self {
            Self::Look(_)
            | Self::Refresh
            | Self::MoreObjects
            | Self::SwitchContext(_)
            | Self::ClosePlan
            | Self::Preview(_)
            | Self::WhatStarts { .. }
            | Self::ClosePreview
            | Self::FollowLogs(_)
            | Self::StopLogs
            | Self::CancelProgress(_)
            | Self::Dismiss(_) => Job::Look,
            Self::Plan(_) => Job::Plan,
            Self::Download { .. } | Self::DownloadRun { .. } => Job::Fetch,
            Self::DeployForm(_) | Self::DeployFile(_) => Job::Deploy,
            Self::DeleteFunction(_) => Job::Remove,
            Self::RunFiles { .. } | Self::RunObjects { .. } => Job::Launch,
            Self::RunAgain { .. } => Job::Rerun,
            Self::ResumeRun(_) => Job::Resume,
            Self::CancelRun(_) => Job::Cancel,
            Self::Invoke { .. } => Job::Invoke,
            Self::Upload { .. } => Job::Upload,
            Self::DeleteObjects { .. } => Job::Delete,
            Self::CreateBucket(_) => Job::CreateBucket,
            Self::DeleteBucket(_) => Job::DeleteBucket,
        }
    }
}
