//! The function of a run that has other memory than the one that others use: made for the launch, deleted when it has ended.

use super::header::started_of;
use super::list::has_ended;
use super::{RunContext, RunError, RunHeader};
use crate::cloud::{CloudError, now_ms};
use crate::model::run_of_variant;

/// Longer than any launch takes to become a run, in milliseconds.
const DAY_MS: u64 = 24 * 3600 * 1000;

impl RunHeader {
    /// The Lambda function that its launched tasks run on.
    #[must_use]
    pub fn runs_on(&self) -> String {
        match self.overrides.memory_mb {
            Some(_) => crate::model::variant_of(&self.id),
            None => self.function.clone(),
        }
    }
}

/// Makes the function of a new run, when it is to have one of its own. Also deletes those of runs that have ended with nobody
/// watching.
pub(super) async fn first(context: &RunContext, header: &RunHeader) -> Result<(), CloudError> {
    if header.overrides.memory_mb.is_some()
        && let Err(error) = sweep(context).await
    {
        tracing::debug!(%error, "functions of earlier runs were not looked for");
    }
    ready(context, header).await
}

/// Makes the function of a run, when it has one of its own; what is there stays.
pub(super) async fn ready(context: &RunContext, header: &RunHeader) -> Result<(), CloudError> {
    let Some(memory_mb) = header.overrides.memory_mb else { return Ok(()) };
    context.functions.make_variant(&header.function, &header.id, memory_mb).await
}

/// Deletes the function of a run that has ended.
pub(super) async fn done(context: &RunContext, header: &RunHeader) {
    if header.overrides.memory_mb.is_none() {
        return;
    }
    if let Err(error) = context.functions.remove_variant(&header.id).await {
        tracing::debug!(%error, run = header.id, "the run's own function was not deleted");
    }
}

/// Deletes the functions of runs whose end is known, and of launches that never became runs.
async fn sweep(context: &RunContext) -> Result<(), RunError> {
    for function in context.functions.variants().await? {
        let Some(run) = run_of_variant(&function) else { continue };
        let over = match has_ended(context, run).await {
            Err(RunError::NoRun(_)) => started_of(run).is_some_and(|at| now_ms().saturating_sub(at) > DAY_MS),
            Err(error) => {
                tracing::debug!(%error, run, "it is not known whether the run has ended");
                false
            }
            Ok(ended) => ended,
        };
        if over {
            context.functions.remove_variant(run).await?;
        }
    }
    Ok(())
}
