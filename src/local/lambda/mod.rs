//! Lambda: functions, the asynchronous queue, environments, the Runtime API.
//!
//! ```text
//! api          the REST control plane and Invoke
//! store        functions: on disk, and all of them in memory
//! activate     Pending -> Active: the image's root filesystem
//! queue        asynchronous invocations, on disk
//! pool         who may run now, and in which environment
//! environment  one environment: a task that owns its processes, log and Runtime API
//! runtime_api  /_env/<token>/2018-06-01/runtime/...
//! clock        time: what is waited for can be scaled, so that tests need not wait for minutes
//! config       what the person may set
//! error        errors of the API, in AWS's shapes and words
//! fuzzing      readers of outside input, for the fuzz targets
//! launcher     what starts the processes of environments: the sandbox, or plain processes in tests
//! lines        bytes from a pipe -> lines of a log
//! logging      what an environment writes to its log stream
//! model        a function as it is stored, and as it is shown
//! named        the storage endpoints that a function's definition names
//! names        function names and ARNs
//! parts        what Lambda needs of its neighbours, as traits
//! plain        environments as plain processes, without isolation, for tests
//! sandboxed    environments in sandboxes
//! sealed       a function as it is stored: its variables are encrypted
//! service      Lambda behind the cloud's one port
//! variables    the environment variables of an environment
//! ```

mod activate;
mod api;
mod clock;
mod config;
mod environment;
mod error;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod launcher;
mod lines;
mod logging;
mod model;
mod named;
mod names;
mod parts;
#[cfg(unix)]
mod plain;
mod pool;
mod queue;
mod runtime_api;
mod sandboxed;
mod sealed;
mod service;
mod store;
mod variables;

pub use clock::TimeScale;
pub use config::{FunctionNetwork, LambdaConfig, PORTS};
pub use launcher::{Launcher, Process};
pub use parts::{Images, RecordError, Records};
#[cfg(unix)]
pub use plain::PlainLauncher;
pub use pool::{EnvironmentCount, RunningInvocation};
pub use queue::{NewInvocation, Queue};
pub use sandboxed::SandboxLauncher;
pub use service::RuntimeApi;

use super::db::{Db, DbError};
use super::logs::LogStore;
use environment::{Environment, Invocation, Job, JobOutcome, Shared};
use logging::LogWriter;
use pool::{Lease, Limits, Scheduler, Slot};
use runtime_api::{TokenGuard, Tokens};
use serde::Serialize;
use std::sync::Arc;
use store::Functions;
use tokio::sync::oneshot;

/// The neighbours that Lambda works with.
pub struct LambdaParts {
    /// The cloud's database.
    pub db: Db,
    /// Opened before S3, which puts its events there.
    pub queue: Arc<Queue>,
    /// Where images come from.
    pub images: Arc<dyn Images>,
    /// Where logs go.
    pub logs: LogStore,
    /// Where records of failed events go.
    pub records: Arc<dyn Records>,
    /// What starts processes.
    pub launcher: Arc<dyn Launcher>,
    /// How functions run here.
    pub config: LambdaConfig,
}

/// The local Lambda. Cheap to clone.
#[derive(Clone)]
pub struct Lambda {
    inner: Arc<Inner>,
}

struct Inner {
    functions: Functions,
    queue: Arc<Queue>,
    scheduler: Arc<Scheduler>,
    shared: Arc<Shared>,
    tokens: Arc<Tokens>,
    images: Arc<dyn Images>,
    logs: LogStore,
    records: Arc<dyn Records>,
    config: LambdaConfig,
    /// Told whenever a function has become active or failed to.
    activated: tokio::sync::Notify,
}

/// What the local Lambda is doing, for the status.
#[derive(Clone, Debug, Serialize)]
pub struct LambdaStatus {
    /// Invocations that run, oldest first.
    pub running: Vec<RunningInvocation>,
    /// Environments per function.
    pub environments: Vec<EnvironmentCount>,
    /// Queued events per function, those that run included.
    pub queued: Vec<(String, u64)>,
}

impl std::fmt::Debug for Lambda {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lambda").finish_non_exhaustive()
    }
}

impl Lambda {
    /// Opens the local Lambda: functions become active again, queued events go on. Must be called within a tokio
    /// runtime.
    ///
    /// # Errors
    /// [`DbError`]
    pub async fn open(parts: LambdaParts) -> Result<Self, DbError> {
        let config = parts.config;
        let limits = Limits {
            account: config.account_concurrency,
            asynchronous: config.async_concurrency,
            memory_mb: config.memory_mb,
        };
        let scheduler = Arc::new(Scheduler::new(limits));
        let shared =
            Shared { scheduler: scheduler.clone(), launcher: parts.launcher, config: config.clone() };
        let inner = Arc::new(Inner {
            functions: Functions::open(parts.db).await?,
            queue: parts.queue,
            scheduler,
            shared: Arc::new(shared),
            tokens: Arc::default(),
            images: parts.images,
            logs: parts.logs,
            records: parts.records,
            config,
            activated: tokio::sync::Notify::new(),
        });
        let lambda = Self { inner };
        for function in lambda.inner.functions.all() {
            lambda.activate(&function.name);
        }
        tokio::spawn(queue::run(Arc::downgrade(&lambda.inner)));
        Ok(lambda)
    }

    /// What is running and what is queued.
    pub async fn status(&self) -> LambdaStatus {
        LambdaStatus {
            running: self.inner.scheduler.running(),
            environments: self.inner.scheduler.environments(),
            queued: self.inner.queue.depth().await.unwrap_or_default(),
        }
    }

    /// Whether something runs or is queued, so that the daemon must not end.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        self.inner.scheduler.is_running() || self.inner.queue.has_events()
    }

    /// Digests of the images that functions are made of.
    #[must_use]
    pub fn images_in_use(&self) -> Vec<String> {
        self.inner.functions.all().iter().map(|function| format!("sha256:{}", function.code_sha256)).collect()
    }

    /// Ends all environments, and waits until their processes are gone. Queued events stay.
    pub async fn shutdown(&self) {
        self.inner.scheduler.close();
        let until = tokio::time::Instant::now() + std::time::Duration::from_secs(5);
        while self.inner.scheduler.has_environments() && tokio::time::Instant::now() < until {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    }

    /// Runs an invocation in a warm environment, or in a new one.
    async fn run(&self, mut invocation: Invocation, mut lease: Lease) -> JobOutcome {
        loop {
            let (reply, outcome) = oneshot::channel();
            let job = Job { invocation, lease, reply };
            let not_run = match self.hand_over(job) {
                Ok(()) => match outcome.await {
                    Ok(JobOutcome::NotRun(job)) => Some(job),
                    Ok(done) => return done,
                    Err(_) => return JobOutcome::System("The environment broke down.".into()),
                },
                Err(job) => job,
            };
            let Some(job) = not_run else { return JobOutcome::System("The function is gone.".into()) };
            (invocation, lease) = (job.invocation, job.lease);
        }
    }

    /// Gives a job to an environment. It comes back when the chosen one has just ended; `None` comes back when the
    /// function is gone.
    fn hand_over(&self, job: Job) -> Result<(), Option<Box<Job>>> {
        match self.inner.scheduler.place(job.lease.function()) {
            None => Err(None),
            Some(Slot::Warm(inbox)) => match pool::send(&inbox, job) {
                Some(job) => Err(Some(job)),
                None => Ok(()),
            },
            Some(Slot::Cold { id, live, inbox, sender }) => {
                let token = uuid::Uuid::new_v4().simple().to_string();
                self.inner.tokens.insert(token.clone(), sender);
                let guard = TokenGuard { tokens: self.inner.tokens.clone(), token: token.clone() };
                let stream = uuid::Uuid::new_v4().simple().to_string();
                let log = LogWriter::new(self.inner.logs.clone(), &live.function, &stream);
                let environment = Environment::new(self.inner.shared.clone(), (id, token), live, inbox, log);
                tokio::spawn(async move {
                    environment.run(job).await;
                    drop(guard);
                });
                Ok(())
            }
        }
    }
}
