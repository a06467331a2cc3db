//! The cloud and the settings that jobs need.

use super::{Job, JobError, permit};
use crate::cloud::Cloud;
use crate::config::UploadConfig;
use crate::dataset::upload::UploadOptions;
use crate::deploy::DeployOptions;
use crate::dirs::Dirs;
use crate::image::Programs;
use crate::run::RunContext;
use std::sync::Arc;
use std::time::Duration;

/// What a front end was started with, as far as jobs need it.
#[derive(Clone, Debug)]
pub struct JobSettings {
    /// Folders of this machine.
    pub dirs: Dirs,
    /// How to upload.
    pub upload: UploadConfig,
    /// What goes into functions.
    pub programs: Programs,
    /// After so long without a word, tasks whose events are provably lost are sent once more; `None`: never.
    pub resend_after: Option<Duration>,
}

/// Where a job is done. Cheap to clone.
#[derive(Clone, Debug)]
pub struct JobContext {
    cloud: Cloud,
    settings: Arc<JobSettings>,
}

impl JobContext {
    /// In a context's cloud.
    #[must_use]
    pub const fn new(cloud: Cloud, settings: Arc<JobSettings>) -> Self {
        Self { cloud, settings }
    }

    /// The cloud.
    #[must_use]
    pub const fn cloud(&self) -> &Cloud {
        &self.cloud
    }

    /// What runs need.
    ///
    /// # Errors
    /// The context names no home bucket.
    pub fn runs(&self) -> Result<RunContext, JobError> {
        Ok(RunContext::new(&self.cloud, &self.settings.dirs, self.upload())?)
    }

    /// After so long without a word, whoever follows a run sends what is provably lost once more. `None` where that is switched
    /// off, or nothing may be changed.
    #[must_use]
    pub fn resend_after(&self) -> Option<Duration> {
        self.settings.resend_after.filter(|_| self.permit(Job::Resume).is_ok())
    }

    /// Whether a job may be done here.
    pub(super) fn permit(&self, job: Job) -> Result<(), JobError> {
        permit(self.cloud.context(), job)
    }

    pub(super) fn dirs(&self) -> &Dirs {
        &self.settings.dirs
    }

    pub(super) fn upload(&self) -> UploadOptions {
        UploadOptions::of(&self.settings.upload)
    }

    pub(super) fn deploy(&self) -> DeployOptions {
        DeployOptions::new(&self.settings.dirs, self.settings.programs.runtime)
    }
}
