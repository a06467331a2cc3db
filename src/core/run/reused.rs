//! Tasks that a run has not, because earlier runs had done the same: an object beside run.json names them and what they stored.

use super::{RunContext, RunError, RunHeader};
use crate::dataset::objects::{Put, read};
use crate::dataset::pace::Pace;
use crate::model::OutputObject;
use futures::{StreamExt as _, TryStreamExt as _};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use throng_contract::keys::reused_key;

/// Lines of a part.
const PART: usize = 10_000;
/// Parts that are read at a time.
const AT_ONCE: usize = 4;

/// A task of an earlier run that stands for one that was not run again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReusedTask {
    /// The run that did it.
    pub run: String,
    /// Its number there.
    pub task: u64,
    /// The storage provider that its input is at; the context's own storage when `None`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// The bucket of its input.
    #[serde(default)]
    pub bucket: String,
    /// The input's key there.
    #[serde(default)]
    pub key: String,
    /// The input's size in bytes.
    #[serde(default)]
    pub size: u64,
    /// Its variables.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub variables: BTreeMap<String, String>,
    /// What it stored. All of it was there when the run was launched.
    #[serde(default)]
    pub outputs: Vec<OutputObject>,
}

/// A launch that would have had no task: earlier runs have done everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unchanged {
    /// The function.
    pub function: String,
    /// How many tasks, and the runs that have done them, newest first.
    pub reuse: crate::model::Reuse,
    /// The tasks.
    pub tasks: Vec<ReusedTask>,
    /// What a person should know, in sentences.
    pub notes: Vec<String>,
}

/// Writes them in parts.
pub(super) async fn write(context: &RunContext, run: &str, tasks: &[ReusedTask]) -> Result<(), RunError> {
    let pace = Pace::new(4);
    for (part, tasks) in tasks.chunks(PART).enumerate() {
        let mut body = Vec::new();
        for task in tasks {
            // A struct of numbers and strings always has a JSON form.
            let _ = serde_json::to_writer(&mut body, task);
            body.push(b'\n');
        }
        let key = reused_key(run, part);
        let put = Put { bucket: context.home.clone(), key, body: body.into(), ..Put::default() };
        pace.insist(|| context.store.put(put.clone())).await?;
    }
    Ok(())
}

/// The tasks that a run has not, because earlier runs had done them.
///
/// # Errors
/// A part is missing or cannot be read.
pub async fn reused(context: &RunContext, header: &RunHeader) -> Result<Vec<ReusedTask>, RunError> {
    let parts = usize::try_from(header.reused.tasks).unwrap_or(usize::MAX).div_ceil(PART);
    let damaged = |what: &str| RunError::Damaged {
        run: header.id.clone(),
        what: format!("its list of what earlier runs had done {what}"),
    };
    let read = |part| async move {
        let body = read(context.store.as_ref(), &context.home, &reused_key(&header.id, part)).await?;
        let body = body.ok_or_else(|| damaged(&format!("lacks part {part}")))?;
        let tasks =
            body.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).map(serde_json::from_slice);
        let tasks: Result<Vec<ReusedTask>, _> = tasks.collect();
        tasks.map_err(|error| damaged(&format!("cannot be read: {error}")))
    };
    let parts: Vec<_> = futures::stream::iter(0..parts).map(read).buffered(AT_ONCE).try_collect().await?;
    Ok(parts.into_iter().flatten().collect())
}
