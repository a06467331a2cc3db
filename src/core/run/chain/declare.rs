//! Outputs of records become tasks of later stages.

use super::places::{Marks, digest};
use super::unreads::Unreads;
use super::{Chain, Stage};
use crate::cloud::now_ms;
use crate::model::{OutputObject, TaskState};
use crate::run::cloud::TriggerPlace;
use crate::run::tracker::Declared;
use std::sync::Arc;
use throng_contract::keys::BLOCK;
use throng_contract::selection::{self, Candidate};
use throng_contract::{Selection, TaskId};

/// A success whose record is to be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unread {
    /// The stage.
    pub stage: usize,
    /// The task's index in it.
    pub index: u64,
    /// The key of its record.
    pub key: Arc<str>,
}

impl Chain {
    /// Takes successes whose records are to be read, at most so many: those whose outputs start tasks, and others when `all`.
    /// Who cannot read one says so with [`Chain::not_read`].
    pub fn take_unread(&mut self, most: usize, all: bool) -> Vec<Unread> {
        let mut taken = Vec::new();
        let standing = self.open_until_ms.is_some();
        let stages = self.stages.iter_mut().enumerate().filter(|(_, stage)| all || !stage.next.is_empty());
        for (at, stage) in stages {
            while taken.len() < most
                && stage.may_read_more(standing)
                && let Some(index) = stage.unread.pop()
            {
                let key = stage.tracker.record_key(index);
                // It may have been read meanwhile, from a summary.
                taken.extend(key.filter(|key| !stage.declared.is(index, key)).map(|key| Unread {
                    stage: at,
                    index,
                    key,
                }));
            }
        }
        self.judge_joins();
        taken
    }

    /// A record could not be read now: it is to be read later.
    pub fn not_read(&mut self, unread: &Unread) {
        self.will_read(unread.stage, unread.index);
    }

    /// The record of a success is to be read.
    pub(super) fn will_read(&mut self, at: usize, index: u64) {
        let launched = at == 0 && !self.is_standing();
        let id = |stage: &Stage| stage.tracker.row(index)?.task.id();
        let place = if launched {
            (0, index / BLOCK)
        } else {
            let Some(id) = self.stages.get(at).and_then(id) else { return };
            (self.depth_of(&id), super::told::block(&id))
        };
        if let Some(stage) = self.stages.get_mut(at) {
            stage.unread.push(index, place);
        }
    }

    /// Whether records are still to be read before all tasks are known; with `all`, before all outputs are.
    #[must_use]
    pub fn has_unread(&self, all: bool) -> bool {
        let standing = self.open_until_ms.is_some();
        let wanted = |stage: &Stage| (all || !stage.next.is_empty()) && stage.may_read_more(standing);
        self.stages.iter().any(|stage| !stage.unread.is_empty() && wanted(stage))
    }

    /// A success names its outputs, in their order: those that start a function declare its tasks.
    pub fn declare(&mut self, of: &Unread, outputs: &[OutputObject]) {
        let Some(stage) = self.stages.get(of.stage) else { return };
        let Some(parent) = stage.tracker.row(of.index).and_then(|row| row.task.id()) else { return };
        let before = stage.declared.has(of.index);
        let tasks = self.tasks_of(stage, &parent, outputs);
        if before && self.has_others(&parent, &tasks) {
            // The first success counts, and another was known before it: what that one declared is not owed.
            self.rebuild();
            self.judge_joins();
            return;
        }
        for (to, declared) in &tasks {
            self.add(*to, declared);
        }
        self.stages[of.stage].declared.set(of.index, &of.key);
        if !before {
            self.stages[of.stage].tracker.has_declared(of.index);
        }
        self.judge_joins();
    }

    /// Whether a task was declared that is none of these.
    fn has_others(&self, parent: &TaskId, tasks: &[(usize, Declared)]) -> bool {
        let prefix = format!("{parent}.");
        let rows = self.stages.iter().skip(1).flat_map(|stage| stage.tracker.rows());
        let mut children = rows.filter_map(|row| row.task.id()).filter(|id| {
            let ordinal = id.as_str().strip_prefix(&prefix);
            ordinal.is_some_and(|ordinal| !ordinal.contains('.'))
        });
        children.any(|child| tasks.iter().all(|(_, declared)| declared.task != child))
    }

    pub(super) fn add(&mut self, to: usize, declared: &Declared) {
        let Some(stage) = self.stages.get_mut(to) else { return };
        let Some(index) = stage.tracker.declare(declared) else { return };
        let group = self.group_of(&declared.task);
        self.stages[to].tracker.in_group(index, group);
        let input = digest((&declared.bucket, &declared.key));
        let first = self.places.first(input, (to, index));
        if first != (to, index) {
            self.shared.entry(input).or_insert_with(|| vec![first]).push((to, index));
        }
        let place = (self.depth_of(&declared.task), super::told::block(&declared.task));
        self.blocks.entry(place).or_default().push((to, index));
        for early in self.early.remove(&declared.task).unwrap_or_default() {
            self.tell(to, &early.key, early.at_ms);
        }
        if let Some(ended) = self.retried.get(&declared.task).copied() {
            self.stages[to].tracker.retried(index, ended);
        }
        if let Some(anew) = self.anew.get(&declared.task) {
            self.stages[to].tracker.anew(index, anew.attempts);
        }
    }

    /// Where several tasks stored the same object, the last one is what is there: its task was started, perhaps several times,
    /// the others never. Says so of those of which nothing was heard although the last one has ended.
    pub fn overwritten(&mut self) -> bool {
        let mut changed = false;
        for tasks in self.shared.values() {
            let ended = |(stage, index): &(usize, u64)| {
                self.stages.get(*stage).is_some_and(|stage| stage.tracker.is_final(*index))
            };
            if !tasks.iter().any(ended) {
                continue;
            }
            for (stage, index) in tasks {
                if let Some(stage) = self.stages.get_mut(*stage) {
                    changed |= stage.tracker.overwritten(*index);
                }
            }
        }
        changed | self.judge_joins()
    }

    /// The tasks that outputs of a task start, each with its stage.
    fn tasks_of(&self, stage: &Stage, parent: &TaskId, outputs: &[OutputObject]) -> Vec<(usize, Declared)> {
        let started = |output: &OutputObject| {
            let here = |(place, to): &&(TriggerPlace, usize)| {
                let takes = self.stages.get(*to).is_some_and(|next| is_input(&next.selections, output));
                place.starts(&output.bucket, &output.key) && takes
            };
            // A folder marker starts nothing, and what is at a provider neither.
            let own = output.provider.is_none() && !output.key.ends_with('/');
            stage.next.iter().find(here).filter(|_| own).map(|(_, to)| *to)
        };
        let task = |(ordinal, output): (u32, &OutputObject)| {
            let task = parent.child(ordinal)?;
            let OutputObject { bucket, key, size, .. } = output.clone();
            Some((started(output)?, Declared { task, bucket, key, size }))
        };
        (0..).zip(outputs).filter_map(task).collect()
    }

    /// Begins later stages anew: what is known of them is read again.
    fn rebuild(&mut self) {
        self.rebuilt += 1;
        let new = super::stages_of(&self.header);
        let first = self.stages.first().cloned();
        self.stages = new;
        let cancelled = first.as_ref().and_then(|first| first.tracker.cancelled_ms());
        if let (Some(place), Some(first)) = (self.stages.first_mut(), first) {
            *place = Stage { declared: Marks::default(), ..first };
            let succeeded = place.tracker.indexes(|row| row.state == TaskState::Succeeded);
            place.unread = Unreads::default();
            for index in succeeded {
                self.will_read(0, index);
            }
        }
        for stage in self.stages.iter_mut().skip(1) {
            if self.same_clock {
                stage.tracker.same_clock();
            }
            if let Some(at) = cancelled {
                stage.tracker.cancelled(at);
            }
        }
        self.early.clear();
        self.blocks.clear();
        self.places.clear();
        self.shared.clear();
        self.declare_joins();
        self.group_again();
    }

    /// How often later stages were begun anew, so that what was read of them is to be read again.
    #[must_use]
    pub const fn rebuilt(&self) -> u32 {
        self.rebuilt
    }
}

/// What a rule of time says of an output is not asked here: it was stored just now.
fn is_input(selections: &[Selection], output: &OutputObject) -> bool {
    let found = Candidate { name: "", size: Some(output.size), modified_ms: None };
    selection::leaves_out(selections, (None, &output.bucket), &output.key, found, now_ms()).is_none()
}
