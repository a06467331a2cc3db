//! Fetches what a run's tasks have put.

use crate::fail::{CliResult, Fail, SOME_FAILED};
use crate::print;
use crate::session::Session;
use crate::transfer::{not_done, watched};
use std::path::Path;
use throng_core::jobs::{self, JobContext, NotDone};
use throng_core::model::{OutputObject, TaskRow, TaskState};
use throng_core::run::Unchanged;
use throng_core::words;

/// Downloads the outputs of a run's succeeded tasks, as their records name them. Gives what was fetched.
pub async fn fetch_outputs(
    session: &Session,
    job: &JobContext,
    run: &str,
    to: &Path,
) -> Result<Vec<(TaskRow, Vec<OutputObject>)>, Fail> {
    let fetch = async |observer| jobs::fetch_results(job, run, to, &observer).await;
    let results = watched(session, |_| {}, fetch).await?;
    told(results)
}

/// Downloads what earlier runs have put, of a launch that found nothing to do.
pub(super) async fn fetch_reused(
    session: &Session,
    job: &JobContext,
    unchanged: &Unchanged,
    to: &Path,
) -> CliResult {
    let fetch = async |observer| jobs::fetch_reused(job, unchanged, to, &observer).await;
    told(watched(session, |_| {}, fetch).await?).map(drop)
}

/// Tells what could not be fetched; gives the tasks.
fn told(results: jobs::Results) -> Result<Vec<(TaskRow, Vec<OutputObject>)>, Fail> {
    if let Some(note) = results.objects.names_note() {
        print::note(note);
    }
    let left_nothing =
        |row: &TaskRow, outputs: &[OutputObject]| row.state == TaskState::Succeeded && outputs.is_empty();
    let nothing = results.tasks.iter().filter(|(row, outputs)| left_nothing(row, outputs)).count();
    if nothing > 0 {
        print::note(format!("{} with 0 outputs", words::how_many(nothing, "task")));
    }
    let failed: Vec<_> = results.objects.failed.into_iter().map(NotDone::from).collect();
    not_done("not fetched", &failed);
    if !failed.is_empty() {
        let count = words::how_many(failed.len(), "result");
        return Err(Fail::new(SOME_FAILED, format!("not fetched: {count}")));
    }
    Ok(results.tasks)
}
