//! Tasks by the group that they are of, for joins that start once for each: how many of each group have not ended, and how the
//! others did.

use super::RunTracker;
use crate::model::TaskState;

/// A task of no group that is known.
const NONE: u32 = u32::MAX;

/// What is known of one group in a stage.
#[derive(Clone, Copy, Debug, Default)]
struct Count {
    open: u32,
    succeeded: u32,
    failed: u32,
    /// Successes whose outputs have declared what they start.
    declared: u32,
}

/// The tasks of a stage by group.
#[derive(Clone, Debug)]
pub(super) struct Grouped {
    /// The group of each task.
    of: Vec<u32>,
    counts: Vec<Count>,
    /// Groups that have changed since somebody asked.
    touched: Vec<u32>,
}

impl Grouped {
    fn count(&mut self, index: u64) -> Option<(&mut Count, u32)> {
        let group = *self.of.get(usize::try_from(index).ok()?)?;
        Some((self.counts.get_mut(group as usize)?, group))
    }

    /// A task has another state.
    pub fn moved(&mut self, index: u64, old: TaskState, new: TaskState) {
        let Some((count, group)) = self.count(index) else { return };
        let out = count.of(old);
        *out = out.saturating_sub(1);
        *count.of(new) += 1;
        self.touched.push(group);
    }
}

impl Count {
    const fn of(&mut self, state: TaskState) -> &mut u32 {
        match state {
            TaskState::Succeeded => &mut self.succeeded,
            state if state.is_final() => &mut self.failed,
            _ => &mut self.open,
        }
    }
}

impl RunTracker {
    /// Counts tasks by group: `of` names that of a task by its index.
    pub(in crate::run) fn group_by(&mut self, groups: usize, of: impl Fn(u64) -> Option<u64>) {
        let mut grouped = Grouped {
            of: Vec::new(),
            counts: vec![Count::default(); groups],
            touched: (0..u32::try_from(groups).unwrap_or(NONE)).collect(),
        };
        for (index, row) in (0..).zip(self.rows()) {
            grouped.of.push(of(index).and_then(|group| u32::try_from(group).ok()).unwrap_or(NONE));
            if let Some((count, _)) = grouped.count(index) {
                *count.of(row.state) += 1;
            }
        }
        self.groups = Some(grouped);
    }

    /// The group of the task that was declared last.
    pub(in crate::run) fn in_group(&mut self, index: u64, group: Option<u64>) {
        let Some(state) = self.row(index).map(|row| row.state) else { return };
        let Some(groups) = &mut self.groups else { return };
        let group = group.and_then(|group| u32::try_from(group).ok()).unwrap_or(NONE);
        if groups.of.len() as u64 == index {
            groups.of.push(group);
            if let Some((count, group)) = groups.count(index) {
                *count.of(state) += 1;
                groups.touched.push(group);
            }
        }
    }

    /// What the outputs of a success start is declared.
    pub(in crate::run) fn has_declared(&mut self, index: u64) {
        let Some(groups) = &mut self.groups else { return };
        if let Some((count, group)) = groups.count(index) {
            count.declared += 1;
            groups.touched.push(group);
        }
    }

    /// Groups that have changed since this was asked last.
    pub(in crate::run) fn touched(&mut self) -> Vec<u32> {
        self.groups.as_mut().map(|groups| std::mem::take(&mut groups.touched)).unwrap_or_default()
    }

    /// Whether every known task of a group has ended; with `declares`, and what they start is declared.
    pub(in crate::run) fn is_group_over(&self, group: u64, declares: bool) -> bool {
        let count = self.count_of(group);
        count.is_some_and(|count| count.open == 0 && (!declares || count.declared >= count.succeeded))
    }

    /// Whether a task of a group ended without success.
    pub(in crate::run) fn has_group_failed(&self, group: u64) -> bool {
        self.count_of(group).is_none_or(|count| count.failed > 0)
    }

    fn count_of(&self, group: u64) -> Option<&Count> {
        self.groups.as_ref()?.counts.get(usize::try_from(group).ok()?)
    }
}
