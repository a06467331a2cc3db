//! `run`, `runs`, `tasks`, `cancel`.
//!
//! ```text
//! launch    `run`: fixes inputs and sends them; goes on with a run that was cut off
//! follow    follows a run to its end, with a status line
//! show      `runs`: one run, or all of them, as text and as a document
//! tasks     `tasks`: the tasks of a run, or one with its attempts
//! results   fetches what a run's tasks have put
//! cancel    `cancel`
//! ```

mod cancel;
pub(crate) mod follow;
mod launch;
mod results;
pub(crate) mod show;
pub(crate) mod tasks;

pub use cancel::cancel;
pub use launch::{launch, through};
pub use results::fetch_outputs;
pub use show::{document, list, verdict};
pub use tasks::tasks;

use crate::fail::{Fail, INTERRUPTED, SOME_FAILED, USAGE};
use crate::session::Session;
use throng_core::cloud::{Cloud, CloudError};
use throng_core::dataset::upload::{UploadError, UploadOptions};
use throng_core::run::{Lister, RunContext, RunError};

impl From<RunError> for Fail {
    fn from(error: RunError) -> Self {
        match error {
            RunError::Cloud(error) | RunError::Upload(UploadError::Cloud(error)) => error.into(),
            RunError::Provider { error: ref said, .. } => {
                Self::new(Self::from(CloudError::clone(said)).code, error.to_string())
            }
            RunError::Scan(_) | RunError::Refused(_) | RunError::AllSent(_) => {
                Self::new(USAGE, error.to_string())
            }
            RunError::Cancelled => Self::new(INTERRUPTED, error.to_string()),
            _ => Self::new(SOME_FAILED, error.to_string()),
        }
    }
}

/// What the modules of runs need, of this session.
pub fn context(session: &Session, cloud: &Cloud) -> Result<RunContext, Fail> {
    let settings = &session.config.upload;
    let upload = UploadOptions {
        concurrency: settings.concurrency,
        multipart: u64::from(settings.multipart_mb) << 20,
        part: u64::from(settings.part_mb) << 20,
    };
    Ok(RunContext::new(cloud, &session.dirs, upload)?)
}

/// A run's id from what a person wrote: an id, or `last`.
pub async fn resolve(context: &RunContext, run: &str) -> Result<String, Fail> {
    if run != "last" {
        return Ok(run.to_owned());
    }
    let newest = Lister::new(context.clone()).list(1).await?;
    let newest = newest.into_iter().next();
    newest.map(|run| run.id).ok_or_else(|| Fail::not_found("there is no run yet; `throng run` launches one"))
}
