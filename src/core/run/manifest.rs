//! The fixed list of a run's inputs: JSON lines, ten thousand to an object.

use super::{RunContext, RunError, RunHeader};
use crate::cloud::CloudError;
use crate::dataset::objects::{Put, read};
use crate::dataset::pace::Pace;
use futures::{StreamExt, TryStreamExt};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeSet, HashMap, HashSet};
use throng_contract::TaskFiles;
use throng_contract::keys::manifest_key;

/// Lines of a part.
pub(crate) const PART: u64 = 10_000;
/// Parts in flight.
const AT_ONCE: usize = 4;

/// An input.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestEntry {
    /// The task's number.
    pub task: u64,
    /// The bucket that the input is in.
    pub bucket: String,
    /// The input's whole key; empty when the task has no input.
    pub key: String,
    /// Size in bytes.
    pub size: u64,
    /// The storage provider that the bucket is at; the context's own storage when `None`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// The number of the task's set of parameters, when the run has any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub set: Option<u64>,
    /// How many files the task has, when there are several: then `key` is the first of them, and `size` that of all.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub count: u32,
    /// These files, at the first task that has them ([`RunHeader::lister`]).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub files: Option<TaskFiles>,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
const fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// How many parts a manifest has.
pub(crate) fn parts(tasks: u64) -> usize {
    usize::try_from(tasks.div_ceil(PART)).unwrap_or(usize::MAX)
}

/// Writes a manifest. `entry` gives the input of a task.
pub(super) async fn write_manifest(
    context: &RunContext,
    run: &str,
    tasks: u64,
    entry: impl Fn(u64) -> Option<ManifestEntry>,
) -> Result<(), CloudError> {
    let pace = Pace::new(4);
    let bodies = (0..parts(tasks)).map(|part| {
        let first = part as u64 * PART;
        let mut body = Vec::new();
        for entry in (first..tasks.min(first + PART)).filter_map(&entry) {
            // A struct of numbers and strings always has a JSON form.
            let _ = serde_json::to_writer(&mut body, &entry);
            body.push(b'\n');
        }
        (part, body)
    });
    for (part, body) in bodies {
        let key = manifest_key(run, part);
        let put = Put { bucket: context.home.clone(), key, body: body.into(), ..Put::default() };
        pace.insist(|| context.store.put(put.clone())).await?;
    }
    Ok(())
}

/// Reads a manifest part by part; `each` gets the parts as they come, in any order.
///
/// # Errors
/// A part is missing or cannot be read.
pub async fn read_manifest(
    context: &RunContext,
    header: &RunHeader,
    mut each: impl FnMut(Vec<ManifestEntry>) + Send,
) -> Result<(), RunError> {
    read_parts(context, header, 0..parts(header.tasks), &mut each).await
}

/// As [`read_manifest`], of some parts.
pub(super) async fn read_parts(
    context: &RunContext,
    header: &RunHeader,
    parts: impl IntoIterator<Item = usize> + Send,
    mut each: impl FnMut(Vec<ManifestEntry>) + Send,
) -> Result<(), RunError> {
    let parts: Vec<_> = parts.into_iter().collect();
    let mut all =
        futures::stream::iter(parts).map(|part| read_part(context, header, part)).buffer_unordered(AT_ONCE);
    while let Some(entries) = all.try_next().await? {
        each(entries);
    }
    Ok(())
}

/// The files of some tasks, by the task at which they are named ([`RunHeader::lister`]). Empty for a run whose tasks have one
/// input each.
///
/// # Errors
/// As [`read_manifest`].
pub async fn files_of(
    context: &RunContext,
    header: &RunHeader,
    tasks: impl IntoIterator<Item = u64> + Send,
) -> Result<HashMap<u64, TaskFiles>, RunError> {
    if header.groups.is_none() {
        return Ok(HashMap::new());
    }
    let wanted: HashSet<u64> = tasks.into_iter().map(|task| header.lister(task)).collect();
    let holding: BTreeSet<usize> =
        wanted.iter().filter_map(|task| usize::try_from(task / PART).ok()).collect();
    let mut parts =
        futures::stream::iter(holding).map(|part| read_part(context, header, part)).buffer_unordered(AT_ONCE);
    let mut files = HashMap::new();
    while let Some(entries) = parts.try_next().await? {
        let named = entries.into_iter().filter(|entry| wanted.contains(&entry.task));
        files.extend(named.filter_map(|entry| Some((entry.task, entry.files?))));
    }
    Ok(files)
}

/// Where the lines of a part of a manifest begin, and where the last ends, in bytes.
pub(super) async fn offsets(
    context: &RunContext,
    header: &RunHeader,
    part: usize,
) -> Result<Vec<u64>, RunError> {
    let body = body_of(context, header, part).await?;
    let ends = body.iter().zip(1_u64..).filter(|(byte, _)| **byte == b'\n').map(|(_, end)| end);
    Ok(std::iter::once(0).chain(ends).collect())
}

async fn body_of(context: &RunContext, header: &RunHeader, part: usize) -> Result<Vec<u8>, RunError> {
    let key = manifest_key(&header.id, part);
    let body = read(context.store.as_ref(), &context.home, &key).await?;
    body.ok_or_else(|| RunError::Damaged {
        run: header.id.clone(),
        what: format!("its manifest lacks part {part}"),
    })
}

pub(super) async fn read_part(
    context: &RunContext,
    header: &RunHeader,
    part: usize,
) -> Result<Vec<ManifestEntry>, RunError> {
    let damaged = |what: String| RunError::Damaged { run: header.id.clone(), what };
    let body = body_of(context, header, part).await?;
    let lines = body.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let entries: Result<Vec<ManifestEntry>, _> = lines.map(serde_json::from_slice).collect();
    let entries =
        entries.map_err(|error| damaged(format!("its manifest's part {part} cannot be read: {error}")))?;
    let first = part as u64 * PART;
    let expected = first..header.tasks.min(first + PART);
    if entries.iter().map(|entry| entry.task).ne(expected) {
        return Err(damaged(format!("its manifest's part {part} does not have the tasks it should have")));
    }
    Ok(entries)
}
