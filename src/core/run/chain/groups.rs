//! Joins that start once for each group of launched tasks: each task of theirs waits for what came of its own group.

use super::Chain;
use crate::model::JoinGroups;
use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;
use throng_contract::barrier::When;

/// What is known of the groups of a run.
#[derive(Clone, Debug, Default)]
pub(super) struct Grouping {
    /// Their tasks and names, once they were read.
    known: Option<Arc<JoinGroups>>,
    /// Tasks of joins, by stage and index, before which everything has ended.
    reached: HashSet<(usize, u64)>,
    /// Those of them that may begin and of which nothing was heard.
    pub(super) due: BTreeSet<(usize, u64)>,
}

impl Chain {
    /// Whether its groups are still to be read.
    #[must_use]
    pub const fn lacks_groups(&self) -> bool {
        self.header.join_groups.is_some() && self.groups.known.is_none()
    }

    /// Tells which groups there are.
    pub fn grouped(&mut self, groups: Arc<JoinGroups>) {
        self.groups.known = Some(groups);
        self.group_again();
        self.judge_joins();
    }

    /// Counts the tasks of each group anew, and names the tasks of joins.
    pub(super) fn group_again(&mut self) {
        let Some(groups) = self.groups.known.clone() else { return };
        (self.groups.reached, self.groups.due) = (HashSet::new(), BTreeSet::new());
        for at in 0..self.stages.len() {
            let ids: Vec<_> = self.stages[at].tracker.rows().map(|row| row.task.id()).collect();
            let of = |index: u64| {
                let id = ids.get(usize::try_from(index).ok()?)?.as_ref()?;
                groups.of(id).map(|group| group.number)
            };
            let stage = &mut self.stages[at];
            stage.tracker.group_by(groups.len(), of);
            let declared: Vec<u64> = stage.declared.indexes().collect();
            for index in declared {
                stage.tracker.has_declared(index);
            }
            if stage.join.as_ref().is_some_and(|join| join.grouped) {
                for number in 0..groups.len() as u64 {
                    stage.tracker.is_for(number, groups.name(number).unwrap_or_default());
                }
            }
        }
    }

    /// The group of a task, by number.
    pub(super) fn group_of(&self, task: &throng_contract::TaskId) -> Option<u64> {
        self.groups.known.as_ref()?.of(task).map(|group| group.number)
    }

    /// Whether a stage is a join of groups.
    pub(super) fn is_grouped(&self, stage: usize) -> bool {
        self.join(stage).is_some_and(|join| join.grouped)
    }

    /// Whether everything before the task of a join has ended.
    pub(super) fn is_group_reached(&self, stage: usize, group: u64) -> bool {
        self.groups.reached.contains(&(stage, group))
    }

    /// Whether no group of a join is over; whether one is not.
    pub(super) fn groups_waiting(&self, stage: usize) -> (bool, bool) {
        let reached = self.groups.reached.iter().filter(|(at, _)| *at == stage).count() as u64;
        let all = self.stage(stage).map_or(0, |tracker| tracker.header().tasks);
        (reached == 0, reached < all)
    }

    /// Judges the joins of groups that have changed. Returns whether anything followed.
    pub(super) fn judge_groups(&mut self) -> bool {
        if self.groups.known.is_none() {
            return false;
        }
        let touched: BTreeSet<u32> =
            self.stages.iter_mut().flat_map(|stage| stage.tracker.touched()).collect();
        if touched.is_empty() {
            return false;
        }
        let mut changed = false;
        // One after the other: what waits for a join comes after it.
        for at in 0..self.stages.len() {
            let Some(when) = self.join(at).filter(|join| join.grouped).map(|join| join.when) else {
                continue;
            };
            let sources = self.sources(at);
            for group in touched.iter().copied().map(u64::from) {
                changed |= self.judge_group(at, when, &sources, group);
            }
        }
        changed
    }

    fn judge_group(&mut self, at: usize, when: When, sources: &BTreeSet<usize>, group: u64) -> bool {
        let over = |source: &usize| {
            let stage = &self.stages[*source];
            stage.tracker.is_group_over(group, !stage.next.is_empty())
        };
        let reached = sources.iter().all(over);
        let failed = sources.iter().any(|source| self.stages[*source].tracker.has_group_failed(group));
        let changed =
            self.stages[at].tracker.withheld(group, reached && failed && when == When::AllSucceeded);
        let row = self.stages[at].tracker.row(group);
        let silent = row.is_some_and(super::anew::is_due);
        let Grouping { reached: all, due, .. } = &mut self.groups;
        if reached {
            all.insert((at, group))
        } else {
            all.remove(&(at, group))
        };
        if reached && silent {
            due.insert((at, group))
        } else {
            due.remove(&(at, group))
        };
        changed
    }

    /// The stages that a join waits for, up to other joins.
    fn sources(&self, join: usize) -> BTreeSet<usize> {
        let (mut all, mut rest) = (BTreeSet::new(), self.stages[join].from.clone());
        while let Some(at) = rest.pop() {
            let Some(stage) = self.stages.get(at).filter(|_| at != join && all.insert(at)) else { continue };
            if stage.join.is_none() {
                rest.extend(&stage.from);
            }
        }
        // What a damaged header names beyond the last stage is no source.
        all.retain(|at| *at < self.stages.len());
        all
    }
}
