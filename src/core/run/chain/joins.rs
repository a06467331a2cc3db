//! Stages that begin when others have ended: each has one task, or one for each group, which are known from the start.

use super::Chain;
use crate::model::TaskRow;
use crate::run::tracker::Declared;
use std::collections::HashSet;
use throng_contract::barrier::{Join, Start, When};
use throng_contract::{TaskId, TaskRef, versions};

impl Chain {
    /// The stage in the ledger's keys that a task has: how many outputs and joins lead to it.
    #[must_use]
    pub fn depth_of(&self, task: &TaskId) -> u32 {
        let join = task.of_join().and_then(|root| self.joins().find(|(_, join)| join.task == root));
        join.map_or(0, |(_, join)| join.depth).saturating_add(task.outputs())
    }

    /// Stages that are joins.
    fn joins(&self) -> impl Iterator<Item = (usize, &Join)> {
        self.stages.iter().enumerate().filter_map(|(at, stage)| Some((at, stage.join.as_ref()?)))
    }

    /// What makes a stage a join.
    #[must_use]
    pub fn join(&self, stage: usize) -> Option<&Join> {
        self.stages.get(stage)?.join.as_ref()
    }

    /// The tasks of a join are owed from the start; the input of each is the marker that starts it.
    pub(super) fn declare_joins(&mut self) {
        let groups = self.header.join_groups.as_ref().map_or(0, |groups| groups.count.min(self.header.tasks));
        let tasks = |join: &Join| if join.grouped { groups } else { 1 };
        let joins: Vec<_> = self.joins().map(|(at, join)| (at, tasks(join))).collect();
        for (at, tasks) in joins {
            for start in (0..tasks).filter_map(|index| self.start(at, index)).collect::<Vec<_>>() {
                let (task, bucket) = (start.task.task.clone(), self.home.clone());
                let declared = Declared { task, bucket, key: start.key(), size: 0 };
                self.add(at, &declared);
            }
        }
    }

    /// The bucket that start markers are in.
    pub fn markers_in(&mut self, home: &str) {
        home.clone_into(&mut self.home);
        for stage in self.stages.iter_mut().filter(|stage| stage.join.is_some()) {
            for index in 0..stage.tracker.header().tasks {
                stage.tracker.input_in(index, home);
            }
        }
    }

    /// The marker whose arrival starts a task of a join.
    #[must_use]
    pub fn start(&self, stage: usize, index: u64) -> Option<Start> {
        let (join, function) = (self.join(stage)?, self.stage(stage)?.header().function.clone());
        let task = if join.grouped { join.task.of_group(index) } else { join.task.clone() };
        let task =
            TaskRef { version: versions::LEDGER, run: self.header.id.clone(), stage: join.depth, task };
        let generation = self.generation(&task.task);
        Some(Start { function, task, generation })
    }

    /// The bucket and key of a task's input: of a join, that of the marker that starts it.
    #[must_use]
    pub fn input_of(&self, stage: usize, row: &TaskRow) -> (String, String) {
        let index = row.task.id().and_then(|id| self.stage(stage)?.index_of(&id));
        match index.and_then(|index| self.start(stage, index)) {
            Some(start) => (self.home.clone(), start.key()),
            None => (row.bucket.to_string(), row.key.to_string()),
        }
    }

    /// Whether everything that a join waits for is final, and nothing more will be declared of it.
    fn is_reached(&self, stage: usize) -> bool {
        self.stages
            .get(stage)
            .is_some_and(|stage| stage.from.iter().all(|from| self.is_stage_complete(*from)))
    }

    /// Whether a task is that of a join that still waits for others.
    #[must_use]
    pub fn is_waiting(&self, stage: usize, index: u64) -> bool {
        match self.join(stage) {
            None => false,
            Some(join) if join.grouped => !self.is_group_reached(stage, index),
            Some(_) => !self.is_reached(stage),
        }
    }

    /// As [`Chain::is_waiting`], of a task by its row.
    #[must_use]
    pub fn waits_for_others(&self, stage: usize, row: &TaskRow) -> bool {
        let is_join = self.join(stage).is_some();
        let index = row.task.id().filter(|_| is_join).and_then(|id| self.stage(stage)?.index_of(&id));
        index.is_some_and(|index| self.is_waiting(stage, index))
    }

    /// Whether a stage is a join of which every task still waits for others.
    #[must_use]
    pub fn waits(&self, stage: usize) -> bool {
        if self.is_grouped(stage) { self.groups_waiting(stage).0 } else { self.is_waiting(stage, 0) }
    }

    /// Whether a stage is a join of which some task still waits for others.
    pub(super) fn has_waiting(&self, stage: usize) -> bool {
        if self.is_grouped(stage) { self.groups_waiting(stage).1 } else { self.is_waiting(stage, 0) }
    }

    /// Tasks of joins that may begin and of which nothing was heard, by stage and index.
    #[must_use]
    pub fn due_joins(&self) -> Vec<(usize, u64)> {
        let silent = |stage: usize| {
            let row = self.stage(stage).and_then(|tracker| tracker.row(0));
            row.is_some_and(super::anew::is_due)
        };
        let whole = self.joins().filter(|(_, join)| !join.grouped).map(|(at, _)| at);
        let due = whole.filter(|at| silent(*at) && self.is_reached(*at)).map(|at| (at, 0));
        due.chain(self.groups.due.iter().copied()).collect()
    }

    /// A join that will never begin, because what it waits for did not succeed, says so; and takes it back when that changes.
    /// Returns whether anything changed.
    pub(super) fn judge_joins(&mut self) -> bool {
        let mut changed = self.judge_groups();
        // One after the other: what waits for a join comes after it.
        for at in 0..self.stages.len() {
            if let Some(join) = self.join(at).filter(|join| !join.grouped) {
                let withheld =
                    join.when == When::AllSucceeded && self.is_reached(at) && !self.have_succeeded(at);
                changed |= self.stages[at].tracker.withheld(0, withheld);
            }
        }
        changed
    }

    /// Whether every task that leads to a join has succeeded, up to other joins.
    fn have_succeeded(&self, join: usize) -> bool {
        let (mut seen, mut rest) = (HashSet::from([join]), self.stages[join].from.clone());
        while let Some(at) = rest.pop() {
            let Some(stage) = self.stages.get(at).filter(|_| seen.insert(at)) else { continue };
            let counts = stage.tracker.counts();
            if counts.succeeded != counts.total() {
                return false;
            }
            if stage.join.is_none() {
                rest.extend(&stage.from);
            }
        }
        true
    }
}
