//! What is asked of a chain.

use super::Chain;
use crate::cloud::now_ms;
use crate::model::{Counts, InvocationInfo, Millis, TaskName, TaskRow, TaskState};
use crate::run::failure::FailedEvent;
use crate::run::header::RunHeader;
use crate::run::tracker::RunTracker;
use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::Arc;
use throng_contract::TaskRef;
use throng_contract::keys::PART;

/// How a block of the ledger stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlockState {
    /// No task in it is open, and more may be declared.
    Idle,
    /// A task in it is open.
    Open,
    /// All its tasks are known, and final by the ledger.
    Final {
        /// Whether all have succeeded, so that nothing will change.
        done: bool,
    },
}

impl Chain {
    /// What was launched.
    #[must_use]
    pub const fn header(&self) -> &RunHeader {
        &self.header
    }

    /// Its stages, the launched one first.
    #[must_use]
    pub fn stages(&self) -> impl ExactSizeIterator<Item = &RunTracker> {
        self.stages.iter().map(|stage| &stage.tracker)
    }

    /// A stage.
    #[must_use]
    pub fn stage(&self, at: usize) -> Option<&RunTracker> {
        self.stages.get(at).map(|stage| &stage.tracker)
    }

    /// How many outputs lead to the tasks of a stage.
    pub fn depths(&self, stage: usize) -> impl Iterator<Item = u32> {
        self.stages.get(stage).into_iter().flat_map(|stage| stage.depths.iter().copied())
    }

    /// The depths that there are: from 0 to below this.
    #[must_use]
    pub fn deepest(&self) -> u32 {
        let depths = self.stages.iter().filter_map(|stage| stage.depths.last());
        depths.max().map_or(1, |depth| depth + 1)
    }

    /// Tasks of all stages by state.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        self.stages().for_each(|stage| counts.add(stage.counts()));
        counts
    }

    /// Whether a stage is complete: those before it are, what they declare is known, and every task is final.
    #[must_use]
    pub fn is_stage_complete(&self, at: usize) -> bool {
        let (mut seen, mut rest) = (HashSet::from([at]), vec![at]);
        while let Some(stage) = rest.pop().and_then(|at| self.stages.get(at)) {
            let before = stage.from.iter().filter(|from| seen.insert(**from));
            rest.extend(before);
        }
        let complete = |stage: &super::Stage| stage.tracker.is_complete();
        seen.iter()
            .filter_map(|at| self.stages.get(*at).map(|stage| (at, stage)))
            .all(|(of, stage)| complete(stage) && (*of == at || stage.is_declared()))
    }

    /// Whether nothing more can come of a standing run, because its day is long over.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.open_until_ms.is_some_and(|until| now_ms() > until)
    }

    /// Whether every task of every stage is in a final state, by the ledger or because every due time has passed, and no
    /// more will be declared.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        let over = self.open_until_ms.is_none_or(|until| now_ms() > until);
        over && self.stages.iter().all(|stage| stage.is_declared() && stage.tracker.is_complete())
    }

    /// Tasks that failed and that Lambda will try again; they count as pending.
    #[must_use]
    pub fn waiting(&self) -> u64 {
        self.stages().map(RunTracker::waiting).sum()
    }

    /// Whether a person cancelled it.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.stages().next().is_some_and(RunTracker::is_cancelled)
    }

    /// Whether nobody has launched it.
    #[must_use]
    pub const fn is_standing(&self) -> bool {
        self.open_until_ms.is_some()
    }

    /// Whether the inputs of all tasks are known.
    #[must_use]
    pub fn has_inputs(&self) -> bool {
        self.stages().next().is_none_or(RunTracker::has_inputs)
    }

    /// Whether the inputs are known of a part of the manifest, counted from 0: they come a part at a time.
    #[must_use]
    pub fn has_inputs_of(&self, part: usize) -> bool {
        let row = self.stages().next().and_then(|first| first.row(part as u64 * PART));
        row.is_none_or(|row| !row.bucket.is_empty())
    }

    /// When the newest known attempt ended; 0 before the first.
    #[must_use]
    pub fn last_ended_ms(&self) -> Millis {
        self.stages().map(RunTracker::last_ended_ms).max().unwrap_or(0)
    }

    /// Tasks that were told and that nobody has declared.
    #[must_use]
    pub fn foreign(&self) -> u64 {
        self.stages().map(RunTracker::foreign).sum::<u64>() + self.early.len() as u64
    }

    /// Request ids of the attempts that decided tasks which did not succeed.
    #[must_use]
    pub fn failed_requests(&self) -> HashSet<Cow<'_, str>> {
        self.stages().flat_map(RunTracker::failed_requests).collect()
    }

    /// Whether an event is about an object rather than one of our tasks, so that inputs must be known first.
    #[must_use]
    pub fn needs_inputs(&self, event: &FailedEvent) -> bool {
        self.stages().next().is_some_and(|first| first.needs_inputs(event))
    }

    /// Attempts that have begun and not ended. Those shorter than a second never show.
    #[must_use]
    pub fn running(&self) -> Vec<InvocationInfo> {
        let mut running: Vec<_> = self.stages().flat_map(RunTracker::running).collect();
        running.sort_by(|a, b| (a.started_ms, &a.task).cmp(&(b.started_ms, &b.task)));
        running
    }

    /// The tasks of all stages.
    pub fn rows(&self) -> impl Iterator<Item = &TaskRow> {
        self.stages().flat_map(RunTracker::rows)
    }

    /// A task's stage and index in it.
    #[must_use]
    pub fn find(&self, task: &TaskName) -> Option<(usize, u64)> {
        let id = task.id()?;
        self.stages().enumerate().find_map(|(at, stage)| Some((at, stage.index_of(&id)?)))
    }

    /// A task.
    #[must_use]
    pub fn row(&self, task: &TaskName) -> Option<&TaskRow> {
        let (stage, index) = self.find(task)?;
        self.stage(stage)?.row(index)
    }

    /// The function that does a task.
    #[must_use]
    pub fn function_of(&self, task: &TaskName) -> Option<&str> {
        let (stage, _) = self.find(task)?;
        Some(&self.stage(stage)?.header().function)
    }

    /// The task as the ledger names it.
    #[must_use]
    pub fn task_ref(&self, task: &TaskName) -> Option<TaskRef> {
        let id = task.id()?;
        Some(TaskRef {
            version: self.header.version,
            run: self.header.id.clone(),
            stage: self.depth_of(&id),
            task: id,
        })
    }

    /// Tasks that the outputs of a task have started, in order of their names.
    #[must_use]
    pub fn children(&self, task: &TaskName) -> Vec<&TaskRow> {
        let later = self.stages().skip(1).flat_map(RunTracker::rows);
        let mut children: Vec<_> = later.filter(|row| row.task.parent().as_ref() == Some(task)).collect();
        children.sort_by(|a, b| a.task.cmp(&b.task));
        children
    }

    /// Keys of everything that is known of a task's attempts, newest first.
    #[must_use]
    pub fn attempt_keys(&self, task: &TaskName) -> Vec<Arc<str>> {
        let found = self.find(task).and_then(|(stage, index)| Some((self.stage(stage)?, index)));
        found.map(|(stage, index)| stage.attempt_keys(index)).unwrap_or_default()
    }

    /// How a block stands.
    #[must_use]
    pub fn block(&self, depth: u32, block: u64) -> BlockState {
        let Some(first) = self.stages().next() else { return BlockState::Idle };
        if depth == 0 {
            return first.end_of_block(block).map_or(BlockState::Open, |done| BlockState::Final { done });
        }
        let tasks = self.blocks.get(&(depth, block)).map(Vec::as_slice).unwrap_or_default();
        let (mut all, mut waits) = (true, false);
        for (stage, index) in tasks {
            let Some(tracker) = self.stage(*stage) else { continue };
            if !tracker.is_final(*index) {
                // A join that waits has told nothing yet.
                if self.is_waiting(*stage, *index) {
                    waits = true;
                    continue;
                }
                return BlockState::Open;
            }
            all &= tracker.row(*index).is_some_and(|row| row.state == TaskState::Succeeded);
        }
        let before = self.block(depth - 1, block);
        let BlockState::Final { done } = before else { return BlockState::Idle };
        if waits || self.has_unread_in(depth - 1, block) {
            BlockState::Idle
        } else {
            BlockState::Final { done: done && all }
        }
    }

    /// Whether successes of a block are to be read still.
    #[must_use]
    pub fn has_unread_in(&self, depth: u32, block: u64) -> bool {
        self.stages.iter().any(|stage| stage.unread.are_in((depth, block)))
    }

    /// The tasks of a block of a later stage, each with its stage and index.
    #[must_use]
    pub fn tasks_of_block(&self, depth: u32, block: u64) -> &[(usize, u64)] {
        self.blocks.get(&(depth, block)).map(Vec::as_slice).unwrap_or_default()
    }
}
