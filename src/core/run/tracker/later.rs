//! Tasks that the outputs of other stages start: nobody launched them, they are known as they are declared.

use super::{RunTracker, pending};
use crate::model::{RunView, TaskName};
use crate::run::header::RunHeader;
use std::collections::HashMap;
use std::sync::Arc;
use throng_contract::TaskId;

/// An output that starts a task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Declared {
    /// The task's id.
    pub task: TaskId,
    /// The bucket that its input is in.
    pub bucket: String,
    /// Its input's key.
    pub key: String,
    /// Its input's size in bytes.
    pub size: u64,
}

impl RunTracker {
    /// A stage whose tasks are declared by others. `header` is that of its run, with its own function and retries.
    #[must_use]
    pub fn later(header: RunHeader) -> Self {
        let overrides = crate::model::Overrides::default();
        let header = RunHeader { tasks: 0, bytes: 0, provider: None, groups: None, overrides, ..header };
        Self { names: Some(HashMap::new()), ..Self::new(header) }
    }

    /// The first stage of a standing run.
    #[must_use]
    pub fn standing(header: RunHeader) -> Self {
        Self { grows: true, ..Self::later(header) }
    }

    /// The index of a task of which something is heard.
    pub(super) fn heard_of(&mut self, task: &TaskId) -> Option<u64> {
        let known = self.index_of(task);
        if known.is_some() || !self.grows {
            return known;
        }
        let (bucket, key) = (String::new(), String::new());
        self.declare(&Declared { task: task.clone(), bucket, key, size: 0 })
    }

    /// What a record says of a task's input, where nobody has declared it.
    pub fn describe(&mut self, index: u64, bucket: &str, key: &str, size: u64) {
        if !self.grows {
            return;
        }
        let bucket = self.bucket(bucket);
        if let Some(row) = self.row_mut(index) {
            (row.bucket, row.key, row.size) = (bucket, key.into(), size);
        }
        self.by_key = None;
    }

    /// The name of a bucket, shared by all tasks.
    fn bucket(&mut self, name: &str) -> Arc<str> {
        if let Some(bucket) = self.buckets.get(name) {
            return bucket.clone();
        }
        self.buckets.entry(name.to_owned()).or_insert(name.into()).clone()
    }

    /// The index of a task.
    #[must_use]
    pub fn index_of(&self, task: &TaskId) -> Option<u64> {
        match &self.names {
            None => task.as_number().filter(|number| *number < self.header.tasks),
            Some(names) => names.get(task.as_str()).copied(),
        }
    }

    /// The bucket that the input of a task is in, when that is known later than its key.
    pub fn input_in(&mut self, index: u64, bucket: &str) {
        if let Some(row) = self.row_mut(index) {
            row.bucket = bucket.into();
        }
    }

    /// Another task's output has replaced the input of this one, and nothing was ever heard of it: its event found the other's
    /// object. Returns whether that is new; a record that comes after all wins.
    pub fn overwritten(&mut self, index: u64) -> bool {
        let silent = self.row(index).is_some_and(|row| row.attempts == 0 && !row.state.is_final());
        if !silent || !self.overwritten.insert(index) {
            return false;
        }
        self.decide_one(index);
        true
    }

    /// Whether a task of the join of this stage will never begin, because what it waits for did not succeed. Returns whether that
    /// is new.
    pub fn withheld(&mut self, index: u64, withheld: bool) -> bool {
        let new = if withheld { self.withheld.insert(index) } else { self.withheld.remove(&index) };
        if new && self.row(index).is_some_and(|row| row.attempts == 0) {
            self.decide_one(index);
        }
        new
    }

    /// The group that a task of a join is for takes the place of its input's name.
    pub fn is_for(&mut self, index: u64, group: &str) {
        if let Some(row) = self.row_mut(index) {
            (row.bucket, row.key) = ("".into(), group.into());
        }
        self.by_key = None;
    }

    /// Whether a task is final by the ledger.
    #[must_use]
    pub fn is_final(&self, index: u64) -> bool {
        let row = self.row(index).filter(|row| row.state.is_final());
        row.is_some_and(|row| {
            row.has_record() || self.overwritten.contains(&index) || self.withheld.contains(&index)
        })
    }

    /// An output of another stage declares a task. Gives its index; `None` when it was known, or this is the first stage.
    pub fn declare(&mut self, declared: &Declared) -> Option<u64> {
        let index = self.header.tasks;
        let name: Arc<str> = declared.task.as_str().into();
        let names = self.names.as_mut()?;
        if names.contains_key(&name) {
            return None;
        }
        names.insert(name.clone(), index);
        let bucket = self.bucket(&declared.bucket);
        let row = pending(TaskName::Text(name), bucket, declared.key.as_str().into(), declared.size);
        let chunks = Arc::make_mut(&mut self.chunks);
        match chunks.last_mut().filter(|chunk| chunk.len() < RunView::CHUNK) {
            Some(chunk) => Arc::make_mut(chunk).push(row),
            None => chunks.push(Arc::new(vec![row])),
        }
        self.by_key = None;
        self.header.tasks += 1;
        self.header.bytes = self.header.bytes.saturating_add(declared.size);
        self.inputs_known += 1;
        self.counts.pending += 1;
        if self.cancelled_ms.is_some() {
            self.decide_one(index);
        }
        Some(index)
    }
}
