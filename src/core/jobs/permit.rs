//! The jobs there are, and which of them a read-only context refuses.

use super::{JobError, JobErrorKind};
use crate::config::ContextConfig;

/// What can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Job {
    /// Reads lists, runs, objects or logs, or concerns no cloud at all.
    Look,
    /// Says what deploying would do.
    Plan,
    /// Fetches objects or results to this machine.
    Fetch,
    /// Deploys functions.
    Deploy,
    /// Removes a function with what was made for it.
    Remove,
    /// Makes a run and sends its inputs.
    Launch,
    /// Sends what a run has not sent, or what never began.
    Resume,
    /// Makes a new run of what did not succeed.
    Rerun,
    /// Ends a run.
    Cancel,
    /// Calls a function once.
    Invoke,
    /// Sends files to a bucket.
    Upload,
    /// Deletes objects.
    Delete,
    /// Makes a bucket.
    CreateBucket,
    /// Deletes a bucket.
    DeleteBucket,
    /// Removes an image from a registry.
    RemoveImage,
    /// Empties the local cloud.
    Reset,
    /// Removes what nothing needs any more from the local cloud and from this machine.
    Collect,
}

impl Job {
    /// Whether it changes something in the cloud. What is not known to be harmless does: a new job is refused in a read-only
    /// context until somebody adds it here.
    #[must_use]
    pub const fn changes(self) -> bool {
        !matches!(self, Self::Look | Self::Plan | Self::Fetch)
    }
}

/// What can be read-only: a context, as the configuration or a front end knows it.
pub trait Restricted {
    /// Its name.
    fn name(&self) -> &str;
    /// Whether nothing in it may be changed.
    fn is_read_only(&self) -> bool;
}

impl Restricted for ContextConfig {
    fn name(&self) -> &str {
        &self.name
    }

    fn is_read_only(&self) -> bool {
        self.read_only
    }
}

/// Whether a job may be done in a context. This is the only place that decides it.
///
/// # Errors
/// [`JobErrorKind::ReadOnly`]
pub fn permit(context: &(impl Restricted + ?Sized), job: Job) -> Result<(), JobError> {
    if !(context.is_read_only() && job.changes()) {
        return Ok(());
    }
    let name = context.name();
    Err(JobError::new(
        JobErrorKind::ReadOnly,
        format!(
            "the context `{name}` is read-only: nothing was changed. Choose another one, or take `read_only = true` out of \
             [contexts.{name}] in config.toml"
        ),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_read_only_context_refuses_all_but_what_is_known_to_be_harmless() {
        let writable = ContextConfig::local();
        let read_only = ContextConfig { read_only: true, ..ContextConfig::local() };
        for job in [Job::Look, Job::Plan, Job::Fetch] {
            assert!(permit(&read_only, job).is_ok(), "{job:?}");
        }
        for job in [
            Job::Deploy,
            Job::Remove,
            Job::Launch,
            Job::Resume,
            Job::Rerun,
            Job::Cancel,
            Job::Invoke,
            Job::Upload,
            Job::Delete,
            Job::CreateBucket,
            Job::DeleteBucket,
            Job::RemoveImage,
            Job::Reset,
            Job::Collect,
        ] {
            assert!(permit(&writable, job).is_ok(), "{job:?}");
            let refused = permit(&read_only, job).map_err(|error| error.kind());
            assert_eq!(refused, Err(JobErrorKind::ReadOnly), "{job:?}");
        }
    }
}
