//! Fetches what a run's tasks have put.

use crate::cli::fail::{Fail, SOME_FAILED};
use crate::cli::session::Session;
use crate::cli::transfer;
use crate::cli::units;
use std::collections::BTreeMap;
use std::path::Path;
use throng::core::model::{AttemptRecord, TaskRow, TaskState};
use throng::core::run::{self, Follower, RunContext, Stores};

/// Downloads the outputs of a run's succeeded tasks, as their records name them. Gives what was fetched.
pub async fn fetch_outputs(
    session: &Session,
    context: &RunContext,
    run: &str,
    to: &Path,
) -> Result<Vec<(TaskRow, AttemptRecord)>, Fail> {
    let mut follower = Follower::open(context, run).await?;
    follower.load_inputs().await?;
    follower.poll().await?;
    let view = follower.view();
    let (mut records, mut keys) = (Vec::new(), BTreeMap::<(Option<String>, String), Vec<String>>::new());
    for row in (0..view.len()).filter_map(|index| view.task(index)) {
        let Some(attempt) = run::attempts(context, follower.tracker(), row.task).await?.into_iter().next()
        else {
            continue;
        };
        if row.state == TaskState::Succeeded {
            for output in &attempt.record.outputs {
                let place = (output.provider.clone(), output.bucket.clone());
                keys.entry(place).or_default().push(output.key.clone());
            }
        }
        records.push((row.clone(), attempt.record));
    }
    let stores = Stores::of(context, &follower.summary().function);
    for ((provider, bucket), keys) in keys {
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
    Ok(records)
}
