//! What a job tells while it goes on, and how it is ended.

use super::JobError;
use crate::dataset::Meter;
use crate::dataset::download::NotFetched;
use crate::dataset::upload::NotSent;
use crate::deploy::{Applied, DeployProgress, Plan};
use std::fmt;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// What a job tells while it goes on. A front end draws it: as rows of progress, as a status line.
#[derive(Clone, Debug)]
pub enum JobEvent {
    /// What is being done from now on, in words.
    Doing(String),
    /// This counts what is done, from now on.
    Counting(Arc<Meter>),
    /// A bucket that was not there was made.
    BucketMade(String),
    /// So many of the files that are sent start this function by their arrival.
    Starts {
        /// The function's name.
        function: String,
        /// How many files.
        files: u64,
    },
    /// A function was planned; nothing of it is changed yet.
    Planned(Arc<Plan>),
    /// A function is being deployed.
    Deploying {
        /// The function's name.
        function: String,
        /// How far it is.
        progress: DeployProgress,
    },
    /// A function is deployed.
    Deployed(Applied),
}

/// A part of a job that was not done, though the rest was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotDone {
    /// A file, an object or a task.
    pub what: String,
    /// Why, as a sentence.
    pub reason: String,
}

impl From<NotSent> for NotDone {
    fn from(file: NotSent) -> Self {
        Self { what: file.path.display().to_string(), reason: file.reason }
    }
}

impl From<NotFetched> for NotDone {
    fn from(object: NotFetched) -> Self {
        Self { what: object.key, reason: object.reason }
    }
}

/// Whoever asked for a job: hears how it goes, and can end it. Cheap to clone.
#[derive(Clone)]
pub struct Observer {
    hear: Arc<dyn Fn(JobEvent) + Send + Sync>,
    cancel: CancellationToken,
}

impl fmt::Debug for Observer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Observer").field("cancelled", &self.cancel.is_cancelled()).finish_non_exhaustive()
    }
}

impl Observer {
    /// Hears events; ends the job when the token is cancelled.
    #[must_use]
    pub fn new(cancel: CancellationToken, hear: impl Fn(JobEvent) + Send + Sync + 'static) -> Self {
        Self { hear: Arc::new(hear), cancel }
    }

    /// Hears nothing.
    #[must_use]
    pub fn silent(cancel: CancellationToken) -> Self {
        Self::new(cancel, |_| {})
    }

    /// Cancelled when the job is to end.
    #[must_use]
    pub const fn token(&self) -> &CancellationToken {
        &self.cancel
    }

    pub(super) fn tell(&self, event: JobEvent) {
        (self.hear)(event);
    }

    pub(super) fn doing(&self, what: impl Into<String>) {
        self.tell(JobEvent::Doing(what.into()));
    }

    /// A meter that is told.
    pub(super) fn meter(&self) -> Arc<Meter> {
        let meter = Arc::new(Meter::default());
        self.tell(JobEvent::Counting(meter.clone()));
        meter
    }

    /// Does something until it ends or a person ends it. On the heap: calls of a cloud are large.
    pub(super) fn until_cancelled<'o, T, E>(
        &'o self,
        work: impl Future<Output = Result<T, E>> + 'o,
    ) -> impl Future<Output = Result<T, JobError>> + 'o
    where
        T: 'o,
        E: Into<JobError> + 'o,
    {
        let work = Box::pin(work);
        async move {
            match self.cancel.run_until_cancelled(work).await {
                Some(result) => result.map_err(Into::into),
                None => Err(JobError::interrupted()),
            }
        }
    }
}
