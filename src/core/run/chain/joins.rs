//! Stages that begin when others have ended: each has one task, which is known from the start.

use super::Chain;
use crate::model::TaskState;
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

    /// The task of a join is owed from the start; its input is the marker that starts it.
    pub(super) fn declare_joins(&mut self) {
        let starts: Vec<_> = self.joins().filter_map(|(at, _)| Some((at, self.start(at)?))).collect();
        for (at, start) in starts {
            let (task, bucket) = (start.task.task.clone(), self.home.clone());
            let declared = Declared { task, bucket, key: start.key(), size: 0 };
            self.add(at, &declared);
        }
    }

    /// The bucket that start markers are in.
    pub fn markers_in(&mut self, home: &str) {
        home.clone_into(&mut self.home);
        for stage in self.stages.iter_mut().filter(|stage| stage.join.is_some()) {
            stage.tracker.input_in(0, home);
        }
    }

    /// The marker whose arrival starts a join.
    #[must_use]
    pub fn start(&self, stage: usize) -> Option<Start> {
        let (join, function) = (self.join(stage)?, self.stage(stage)?.header().function.clone());
        let task = TaskRef {
            version: versions::LEDGER,
            run: self.header.id.clone(),
            stage: join.depth,
            task: join.task.clone(),
        };
        Some(Start { function, task, generation: 0 })
    }

    /// Whether everything that a join waits for is final, and nothing more will be declared of it.
    fn is_reached(&self, stage: usize) -> bool {
        self.stages
            .get(stage)
            .is_some_and(|stage| stage.from.iter().all(|from| self.is_stage_complete(*from)))
    }

    /// Whether a stage is a join that still waits for others.
    #[must_use]
    pub fn is_waiting(&self, stage: usize) -> bool {
        self.join(stage).is_some() && !self.is_reached(stage)
    }

    /// Joins that may begin and of which nothing was heard.
    #[must_use]
    pub fn due_joins(&self) -> Vec<usize> {
        let silent = |stage: usize| {
            let row = self.stage(stage).and_then(|tracker| tracker.row(0));
            row.is_some_and(|row| row.attempts == 0 && row.state == TaskState::Pending)
        };
        self.joins().map(|(at, _)| at).filter(|at| silent(*at) && self.is_reached(*at)).collect()
    }

    /// A join that will never begin, because what it waits for did not succeed, says so; and takes it back when that changes.
    /// Returns whether anything changed.
    pub(super) fn judge_joins(&mut self) -> bool {
        let mut changed = false;
        // One after the other: what waits for a join comes after it.
        for at in 0..self.stages.len() {
            if let Some(join) = self.join(at) {
                let withheld =
                    join.when == When::AllSucceeded && self.is_reached(at) && !self.have_succeeded(at);
                changed |= self.stages[at].tracker.withheld(withheld);
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
