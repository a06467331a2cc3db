//! Goes on with a run whose sending broke off.

use super::reopen::reopen;
use super::{Launch, facts_of};
use crate::dataset::FileList;
use crate::dataset::objects::read;
use crate::model::Place;
use crate::run::follow::read_header;
use crate::run::header::is_run_id;
use crate::run::manifest::{ManifestEntry, read_manifest};
use crate::run::{RunContext, RunError, plan, refuse_standing, sets_of};
use std::path::PathBuf;
use std::sync::Arc;
use throng_contract::keys::cancel_key;

/// Runs of a context that were launched on this machine, and perhaps not all sent: what was sent is forgotten.
#[must_use]
pub fn unsent(context: &RunContext) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(context.launches()) else { return Vec::new() };
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    names.filter(|name| is_run_id(name)).collect()
}

/// Goes on with a run whose inputs were not all sent.
///
/// # Errors
/// [`RunError::AllSent`] when there is nothing to send from this machine; [`RunError::Refused`] when the run was
/// cancelled, or another throng is sending it.
pub async fn resume(context: &RunContext, run: &str) -> Result<Launch, RunError> {
    refuse_standing(run, "sent again", "`throng run --again` runs what did not succeed")?;
    let header = read_header(context, run).await?;
    if read(context.store.as_ref(), &context.home, &cancel_key(run)).await?.is_some() {
        return Err(RunError::Refused(format!("run `{run}` was cancelled")));
    }
    let folder = context.folder(run);
    let nothing = || RunError::AllSent(run.to_owned());
    let claim = plan::claim(&folder)?;
    if claim.is_none() {
        return Err(nothing());
    }
    let sets = sets_of(context, &header).await?;
    let (inputs, place) = if header.files {
        let plan = tokio::task::spawn_blocking(move || plan::read(&folder)).await;
        let plan = plan.map_err(|error| RunError::Io(error.to_string()))??;
        let plan = plan.ok_or_else(nothing)?;
        (plan.files, Place { bucket: plan.bucket, prefix: plan.prefix })
    } else {
        let mut entries = Vec::new();
        read_manifest(context, &header, |part| entries.extend(part)).await?;
        entries.sort_unstable_by_key(|entry: &ManifestEntry| sets.place_of(entry.task));
        let mut list = FileList::default();
        let base = list.add_base(PathBuf::new());
        // Each input once; a task without one has an entry all the same.
        let each = usize::try_from(sets.per_input()).unwrap_or(usize::MAX);
        for entry in entries.iter().step_by(each) {
            list.push(base, &entry.key, entry.size);
        }
        (list, Place { bucket: header.bucket.clone(), prefix: String::new() })
    };
    let triggers = facts_of(context, &header.function).await?.triggers;
    reopen(context, run).await?;
    Ok(Launch {
        context: context.clone(),
        header,
        inputs: Arc::new(inputs),
        sets: Arc::new(sets),
        place,
        triggers,
        triggers_too_new: false,
        stored: Vec::new(),
        later_too_new: Vec::new(),
        doubt: None,
        absent: 0,
        told: Vec::new(),
        claim,
    })
}
