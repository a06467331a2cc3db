//! Runs: manifest, launch, follow, cancel, list.
//!
//! ```text
//! chain       a run's stages: what the outputs of one start in the next
//! join_groups  groups of launched tasks, which joins start once for each of
//! header      what run.json, end.json and cancel.json say; run ids
//! manifest    the fixed list of inputs, written in parts before the run exists
//! provider    objects at the storage providers of a function
//! sets        sets of parameters: the same inputs with many values
//! plan        where the files of a launch are on this machine, so that it can go on after a kill
//! launch      inputs -> manifest -> run.json -> upload or invoke
//! failure     what Lambda writes about events it gave up on
//! tracker     a stage's state from the names of its records; no input or output
//! follow      feeds a tracker from the home bucket
//! reports     ends of attempts that the platform's log tells before the ledger does
//! list        all runs, newest first
//! task        records of one task's attempts
//! cloud       what runs ask of functions
//! fuzzing     readers of outside input, for the fuzz targets
//! result_names  the paths that results get on this machine
//! results     what a run's tasks have put, as their records name it
//! standing    what arrived outside any launch, per function and day
//! reused      tasks that earlier runs had done
//! statistics  quantiles of many durations in little memory
//! variant     the function of a run with other memory
//! verify      proof that nothing was lost
//! ```
//!
//! A run exists once its `run.json` exists, and that is written after its manifest: who sees a run can count on
//! all of its inputs. What a launch that was killed has not sent yet is known from its journal on the machine that
//! launched it; [`resume`] sends the rest. What was sent and never began (an event can be lost) is sent once more by
//! [`send_again`], from any machine.

mod chain;
mod cloud;
mod failure;
mod follow;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod header;
mod join_groups;
mod launch;
mod list;
mod manifest;
mod plan;
mod provider;
mod reports;
mod result_names;
mod results;
mod reused;
mod sets;
mod standing;
mod statistics;
mod task;
mod tracker;
mod variant;
mod verify;

pub use crate::model::{JoinGroups, Sets, read_axis};
pub use chain::Chain;
pub use cloud::{FunctionApi, FunctionFacts, TriggerPlace};
pub use failure::{FailedEvent, is_measured, reason};
pub use follow::{FollowOptions, Follower, follow, wait};
pub use header::{
    Cancelled, GroupsHeader, LaterStage, RunEnd, RunHeader, Skipped, SkippedInput, StartedBy, Unsent,
    is_run_id, new_run_id,
};
pub use join_groups::JoinGroupsHeader;
#[cfg(test)]
pub(crate) use launch::tests as launch_tests;
pub use launch::{
    Inputs, Launch, LaunchOptions, LaunchRequest, PackRule, Resend, SOURCES, SendReport, cancel,
    groups_of_files, prepare, resume, send_again, unsent,
};
pub use list::Lister;
pub use manifest::{ManifestEntry, files_of, read_manifest};
pub use provider::{Store, Stores};
pub use reports::{FailedAttempt, LogPlace};
pub use results::{NO_OUTPUTS, Results, nothing_left, results};
pub use reused::{ReusedTask, Unchanged, reused};
pub use sets::{SetsHeader, sets_of};
pub use standing::refuse_standing;
pub use task::{Attempt, attempts};
pub use tracker::RunTracker;
pub use verify::{Verified, verify};

use crate::cloud::{Cloud, CloudError, ErrorKind};
use crate::dataset::scan::ScanError;
use crate::dataset::upload::{UploadError, UploadOptions};
use crate::dataset::{Objects, S3Objects};
use crate::dirs::Dirs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What runs need: a store, functions, a home bucket, a folder for journals. Cheap to clone.
#[derive(Clone)]
pub struct RunContext {
    /// The context's own storage.
    pub store: Arc<dyn Objects>,
    /// What runs ask of Lambda.
    pub functions: Arc<dyn FunctionApi>,
    /// The home bucket.
    pub home: String,
    /// The context's name; journals of different contexts are kept apart.
    pub context: String,
    /// The folder for journals.
    pub state: PathBuf,
    /// How to upload.
    pub upload: UploadOptions,
    /// Whether it is the local cloud, which may be asked more often.
    pub local: bool,
}

impl std::fmt::Debug for RunContext {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RunContext")
            .field("context", &self.context)
            .field("home", &self.home)
            .finish_non_exhaustive()
    }
}

impl RunContext {
    /// For a context's cloud.
    ///
    /// # Errors
    /// The context names no home bucket.
    pub fn new(cloud: &Cloud, dirs: &Dirs, upload: UploadOptions) -> Result<Self, CloudError> {
        Ok(Self {
            store: Arc::new(S3Objects::of(cloud)),
            functions: Arc::new(cloud.clone()),
            home: cloud.home_bucket()?.to_owned(),
            context: cloud.context().name.clone(),
            state: dirs.state.clone(),
            upload,
            local: cloud.is_local(),
        })
    }

    /// The folder of a run's plan and journal on this machine.
    fn folder(&self, run: &str) -> PathBuf {
        self.launches().join(run)
    }

    /// The folder of such folders.
    fn launches(&self) -> PathBuf {
        launches_of(&self.state).join(&self.context)
    }
}

/// The folder that has one for each context, with a folder for each run whose inputs were not all sent from this machine.
pub(crate) fn launches_of(state: &Path) -> PathBuf {
    state.join("runs")
}

/// Forgets what a run's folder says, unless its inputs are being sent; gives whether it did.
pub(crate) fn forget_launch(folder: &Path) -> bool {
    let claimed = plan::claim(folder).is_ok_and(|claim| claim.is_some());
    if claimed {
        plan::remove(folder);
    }
    claimed && !folder.exists()
}

/// Why a run could not be launched, followed or read.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The cloud
    #[error(transparent)]
    Cloud(#[from] CloudError),
    /// The files
    #[error(transparent)]
    Scan(#[from] ScanError),
    /// The upload
    #[error(transparent)]
    Upload(#[from] UploadError),
    /// A file of this machine
    #[error("{0}")]
    Io(String),
    /// A storage provider
    #[error("{name} at {address}: {error}; its keys are those of the last deployment")]
    Provider {
        /// Its name
        name: String,
        /// Where it is.
        address: String,
        /// What it said.
        error: Box<CloudError>,
    },
    /// There is no such function.
    #[error("there is no function `{0}` in this context; run `throng functions` to list them")]
    NoFunction(String),
    /// There is no such run.
    #[error("there is no run `{0}` in this context; run `throng runs` to list them")]
    NoRun(String),
    /// Something in the home bucket cannot be read.
    #[error("run `{run}`: {what}")]
    Damaged {
        /// The run
        run: String,
        /// What is wrong with it.
        what: String,
    },
    /// There is nothing left to send from this machine.
    #[error("run `{0}`: everything was sent from here, or it was launched on another machine")]
    AllSent(String),
    /// What was asked for makes no sense.
    #[error("{0}")]
    Refused(String),
    /// Earlier runs have done everything that was asked for.
    #[error("nothing has changed: earlier runs have done all of it")]
    Unchanged(Box<Unchanged>),
    /// A person ended it.
    #[error("interrupted")]
    Cancelled,
}

impl RunError {
    /// As an error of the cloud, where nothing else can be said.
    fn into_cloud(self) -> CloudError {
        match self {
            Self::Cloud(error) => error,
            other => {
                CloudError::new(ErrorKind::Other, "s3:GetObject", "the run's manifest", other.to_string())
            }
        }
    }
}
