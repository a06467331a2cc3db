//! Where a person can be.

use throng_core::engine::Scope;
use throng_core::model::TaskName;

/// A place in the program; each has a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route {
    /// All functions.
    Functions,
    /// One function and its runs.
    Function(String),
    /// All buckets.
    Buckets,
    /// A folder of a bucket.
    Objects {
        /// Whose objects.
        bucket: String,
        /// Prefix, ending with `/` unless empty.
        prefix: String,
    },
    /// All runs.
    Runs,
    /// One run and its tasks.
    Run(String),
    /// One task and its outputs.
    Task {
        /// Run id
        run: String,
        /// Task number
        task: TaskName,
    },
    /// Running invocations.
    Running,
    /// Log lines.
    Logs,
    /// Transfers and deployments.
    Transfers,
}

/// A [`Route`] without its names: what commands and columns depend on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RouteKind {
    /// [`Route::Functions`]
    Functions,
    /// [`Route::Function`]
    Function,
    /// [`Route::Buckets`]
    Buckets,
    /// [`Route::Objects`]
    Objects,
    /// [`Route::Runs`]
    Runs,
    /// [`Route::Run`]
    Run,
    /// [`Route::Task`]
    Task,
    /// [`Route::Running`]
    Running,
    /// [`Route::Logs`]
    Logs,
    /// [`Route::Transfers`]
    Transfers,
}

impl RouteKind {
    /// Every kind.
    #[cfg(test)]
    pub const ALL: [Self; 10] = [
        Self::Functions,
        Self::Function,
        Self::Buckets,
        Self::Objects,
        Self::Runs,
        Self::Run,
        Self::Task,
        Self::Running,
        Self::Logs,
        Self::Transfers,
    ];
}

/// The tabs, in the order of their keys `1` … `6`.
pub const TABS: [(&str, Route); 6] = [
    ("Functions", Route::Functions),
    ("Buckets", Route::Buckets),
    ("Runs", Route::Runs),
    ("Running", Route::Running),
    ("Logs", Route::Logs),
    ("Transfers", Route::Transfers),
];

/// Places of the tabs that are gone to by name.
pub mod tab {
    /// Deployed functions.
    pub const FUNCTIONS: usize = 0;
    /// Runs, the newest first.
    pub const RUNS: usize = 2;
    /// Running invocations
    pub const RUNNING: usize = 3;
    /// Log lines of a function or run.
    pub const LOGS: usize = 4;
    /// Uploads, downloads and deployments of this session.
    pub const TRANSFERS: usize = 5;
}

impl Route {
    /// Its kind.
    #[must_use]
    pub const fn kind(&self) -> RouteKind {
        match self {
            Self::Functions => RouteKind::Functions,
            Self::Function(_) => RouteKind::Function,
            Self::Buckets => RouteKind::Buckets,
            Self::Objects { .. } => RouteKind::Objects,
            Self::Runs => RouteKind::Runs,
            Self::Run(_) => RouteKind::Run,
            Self::Task { .. } => RouteKind::Task,
            Self::Running => RouteKind::Running,
            Self::Logs => RouteKind::Logs,
            Self::Transfers => RouteKind::Transfers,
        }
    }

    /// What the engine must keep fresh for it. `None` where any scope will do.
    #[must_use]
    pub fn scope(&self) -> Option<Scope> {
        Some(match self {
            Self::Functions => Scope::Functions,
            Self::Buckets => Scope::Buckets,
            Self::Objects { bucket, prefix } => {
                Scope::Objects { bucket: bucket.clone(), prefix: prefix.clone() }
            }
            Self::Runs | Self::Function(_) => Scope::Runs,
            Self::Run(run) => Scope::Run { run: run.clone() },
            Self::Task { run, task } => Scope::Task { run: run.clone(), task: task.clone() },
            Self::Running => Scope::Running,
            Self::Logs => Scope::Logs,
            Self::Transfers => return None,
        })
    }

    /// Its name in the title, the last part of the way there.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Functions => "Functions".into(),
            Self::Function(name) => name.clone(),
            Self::Buckets => "Buckets".into(),
            Self::Objects { bucket, prefix } if prefix.is_empty() => bucket.clone(),
            Self::Objects { prefix, .. } => {
                prefix.trim_end_matches('/').rsplit('/').next().unwrap_or(prefix).to_owned()
            }
            Self::Runs => "Runs".into(),
            Self::Run(run) => run.clone(),
            Self::Task { task, .. } => format!("task {task}"),
            Self::Running => "Running invocations".into(),
            Self::Logs => "Logs".into(),
            Self::Transfers => "Transfers".into(),
        }
    }
}
