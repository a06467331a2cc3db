//! Goes on with a run whose sending broke off.

use super::groups::Groups;
use super::pacing::Pacing;
use super::reopen::{Again, reopen};
use super::{Launch, facts_of};
use crate::dataset::FileList;
use crate::dataset::objects::read;
use crate::model::Place;
use crate::run::follow::read_header;
use crate::run::header::is_run_id;
use crate::run::manifest::{ManifestEntry, read_manifest};
use crate::run::{RunContext, RunError, RunHeader, Sets, plan, refuse_standing, sets_of, variant};
use std::collections::{HashMap, HashSet};
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
    let planned = if header.files {
        let plan = tokio::task::spawn_blocking(move || plan::read(&folder)).await;
        let plan = plan.map_err(|error| RunError::Io(error.to_string()))??;
        Some(plan.ok_or_else(nothing)?)
    } else {
        None
    };
    let entries = if planned.is_none() || header.groups.is_some() {
        let mut entries = Vec::new();
        read_manifest(context, &header, |part| entries.extend(part)).await?;
        entries.sort_unstable_by_key(|entry: &ManifestEntry| sets.place_of(entry.task));
        entries
    } else {
        Vec::new()
    };
    let (inputs, place) = match planned {
        Some(plan) => (plan.files, Place { bucket: plan.bucket, prefix: plan.prefix }),
        None => (listed(&entries, &sets), Place { bucket: header.bucket.clone(), prefix: String::new() }),
    };
    let groups = groups_of((&header, &sets), entries, &inputs, &place)?;
    let facts = facts_of(context, &header.function).await?;
    let pacing = Pacing::of(context, &header, &facts).await;
    variant::ready(context, &header).await?;
    reopen(context, run, Again::now()).await?;
    Ok(Launch {
        context: context.clone(),
        header,
        inputs: Arc::new(inputs),
        groups: groups.map(Arc::new),
        sets: Arc::new(sets),
        place,
        triggers: facts.triggers,
        triggers_too_new: false,
        stored: Vec::new(),
        later_too_new: Vec::new(),
        doubt: None,
        absent: 0,
        told: Vec::new(),
        reused: Vec::new(),
        pacing,
        claim,
    })
}

/// The objects of a manifest, each once; a task without one has an entry all the same.
fn listed(entries: &[ManifestEntry], sets: &Sets) -> FileList {
    let mut list = FileList::default();
    let base = list.add_base(PathBuf::new());
    if entries.iter().any(|entry| entry.files.is_some()) {
        let mut seen = HashSet::new();
        for files in entries.iter().filter_map(|entry| entry.files.as_ref()) {
            for (file, key) in files.list.iter().zip(files.keys()) {
                if seen.insert(key.clone()) {
                    list.push(base, &key, file.size);
                }
            }
        }
        return list;
    }
    for entry in entries.iter().filter(|entry| is_first(sets, entry.task)) {
        list.push(base, &entry.key, entry.size);
    }
    list
}

/// Whether a task is the first of its input.
fn is_first(sets: &Sets, task: u64) -> bool {
    sets.tasks_of(sets.of_task(task).0).next() == Some(task)
}

/// The groups that a manifest names.
fn groups_of(
    (header, sets): (&RunHeader, &Sets),
    entries: Vec<ManifestEntry>,
    inputs: &FileList,
    place: &Place,
) -> Result<Option<Groups>, RunError> {
    let Some(groups) = &header.groups else { return Ok(None) };
    let numbers: HashMap<String, u32> = inputs.iter().map(|file| place.key(file.name)).zip(0..).collect();
    let lists =
        entries.into_iter().filter(|entry| is_first(sets, entry.task)).filter_map(|entry| entry.files);
    let damaged = |what| RunError::Damaged { run: header.id.clone(), what };
    let mut read = Groups::read(&groups.rule, lists, &numbers).map_err(damaged)?;
    // Its names are below the place.
    read.leave_place(&place.key(""));
    Ok(Some(read))
}
