//! Fetches what a run's tasks have put.

use crate::fail::{Fail, SOME_FAILED};
use crate::session::Session;
use crate::transfer::{self, Wanted};
use std::path::Path;
use throng_core::model::{AttemptRecord, TaskRow};
use throng_core::run::{self, RunContext, Stores};
use throng_core::words;

/// Downloads the outputs of a run's succeeded tasks, as their records name them. Gives what was fetched.
pub async fn fetch_outputs(
    session: &Session,
    context: &RunContext,
    run: &str,
    to: &Path,
) -> Result<Vec<(TaskRow, AttemptRecord)>, Fail> {
    let results = run::results(context, run).await?;
    let stores = Stores::of(context, &results.function);
    let mut failed = 0;
    for ((provider, bucket), keys) in results.keys() {
        let store = stores.get(provider.as_deref()).await?.objects;
        let whose = provider.as_ref().unwrap_or(&context.context);
        let wanted = Wanted { bucket: &bucket, keys, to, force: false };
        failed += transfer::download_from(session, store, whose, wanted).await?.failed.len();
    }
    if failed > 0 {
        return Err(Fail::new(SOME_FAILED, format!("not fetched: {}", words::how_many(failed, "result"))));
    }
    Ok(results.tasks)
}
