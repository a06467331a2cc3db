//! Keys of the barrier, and of the marker that starts a join.

use crate::keys::{RUNS, STARTS, start_key};
use crate::{TaskId, TaskRef, is_id, versions};

/// `runs/<run>/barrier.json`
#[must_use]
pub fn barrier_key(run: &str) -> String {
    format!("{RUNS}{run}/barrier.json")
}

/// The block whose folder a task's records and markers are in.
pub(super) fn block(task: &TaskId) -> u64 {
    task.block().unwrap_or(0)
}

fn folder(run: &str, join: &TaskId) -> String {
    format!("{RUNS}{run}/barrier/{join}/")
}

/// Markers of tasks of one block: that everything that came of a task is final.
pub(super) fn closed_prefix(run: &str, join: &TaskId, depth: u32, block: u64) -> String {
    format!("{}{depth}/{block}/", folder(run, join))
}

/// Markers of the groups of ten launched tasks, or of ten tasks of a join before, in a block.
pub(super) fn tens_prefix(run: &str, join: &TaskId, of: Option<&TaskId>, block: u64) -> String {
    match of {
        None => format!("{}tens/{block}/", folder(run, join)),
        Some(of) => format!("{}tens-{of}/{block}/", folder(run, join)),
    }
}

/// Markers of blocks and of other joins.
pub(super) fn top_prefix(run: &str, join: &TaskId) -> String {
    format!("{}top/", folder(run, join))
}

/// The tasks that the outputs of a task have started.
pub(super) fn children_key(run: &str, join: &TaskId, task: &TaskId) -> String {
    format!("{}children/{task}", folder(run, join))
}

/// The word at the end of a marker's key.
pub(super) const fn word(succeeded: bool) -> &'static str {
    if succeeded { "ok" } else { "failed" }
}

/// What a marker's key says: of what it is, and whether that has succeeded.
pub(super) fn parse_marker(key: &str) -> Option<(&str, bool)> {
    let (member, told) = key.rsplit('/').next()?.rsplit_once('.')?;
    match told {
        "ok" => Some((member, true)),
        "failed" => Some((member, false)),
        _ => None,
    }
}

/// `runs/<run>/barrier/<join>/begun.<generation>`: who works on a start.
#[must_use]
pub fn begun_key(start: &Start) -> String {
    format!("{}begun.{}", folder(&start.task.run, &start.task.task), start.generation)
}

/// A start marker: its arrival starts a task of a function, once. The group is the task's id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Start {
    /// The function that it starts.
    pub function: String,
    /// The task.
    pub task: TaskRef,
    /// How often the task was started before, because something before it was done again.
    pub generation: u32,
}

impl Start {
    /// The key of the marker.
    #[must_use]
    pub fn key(&self) -> String {
        let TaskRef { run, stage, task, .. } = &self.task;
        start_key(&self.function, run, *stage, task.as_str(), self.generation)
    }

    /// Reads the key of a marker. `None` when it is none.
    #[must_use]
    pub fn parse(key: &str) -> Option<Self> {
        let (function, name) = key.strip_prefix(STARTS)?.split_once('/')?;
        let mut parts = name.split('.');
        let (run, stage, task, generation) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let start = Self {
            function: function.to_owned(),
            task: TaskRef {
                version: versions::LEDGER,
                run: Some(run).filter(|run| is_id(run))?.to_owned(),
                stage: stage.parse().ok()?,
                task: task.parse().ok()?,
            },
            generation: generation.parse().ok()?,
        };
        // Only what this program would write.
        (start.key() == key).then_some(start)
    }
}
