//! Fetches what a run's tasks have put.

use crate::cli::fail::{Fail, SOME_FAILED};
use crate::cli::session::Session;
use crate::cli::transfer;
use crate::cli::units;
use std::path::Path;
use throng::core::model::{AttemptRecord, TaskRow};
use throng::core::run::{self, RunContext, Stores};

/// Downloads the outputs of a run's succeeded tasks, as their records name them. Gives what was fetched.
pub async fn fetch_outputs(
    session: &Session,
    context: &RunContext,
    run: &str,
    to: &Path,
) -> Result<Vec<(TaskRow, AttemptRecord)>, Fail> {
    let results = run::results(context, run).await?;
    let stores = Stores::of(context, &results.function);
    for ((provider, bucket), keys) in results.keys() {
        let store = stores.get(provider.as_deref()).await?.objects;
        let whose = provider.as_ref().unwrap_or(&context.context);
        let fetched = transfer::download_from(session, store, whose, &bucket, keys, to).await?;
        if !fetched.failed.is_empty() {
            return Err(Fail::new(
                SOME_FAILED,
                format!("not fetched: {}", units::how_many(fetched.failed.len(), "result")),
            ));
        }
    }
    Ok(results.tasks)
}
