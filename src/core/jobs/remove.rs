//! Takes a function away with what throng made for it.

use super::{Job, JobContext, JobError};
use crate::deploy::{self, RemoveOptions, Removed};

/// Removes a function.
///
/// # Errors
/// There is no such function, throng did not make it, or what the cloud said.
pub async fn remove(
    context: &JobContext,
    function: &str,
    options: RemoveOptions,
) -> Result<Removed, JobError> {
    context.permit(Job::Remove)?;
    let removed = deploy::remove(context.cloud(), function, options).await;
    removed.map_err(|error| match error.cloud() {
        Some(said) if said.is_not_found() && said.what == function => JobError::no_function(function),
        _ => error.into(),
    })
}
