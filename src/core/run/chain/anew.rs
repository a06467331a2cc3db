//! Joins that are done anew: they had begun when something before them was sent once more.

use super::Chain;
use crate::model::{TaskName, TaskRow, TaskState};
use std::collections::BTreeSet;
use throng_contract::TaskId;
use throng_contract::barrier::When;

/// How a join is done anew.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Anew {
    /// How often.
    generation: u32,
    /// How many attempts had begun before the last time.
    pub attempts: u32,
}

/// Joins behind tasks that are done again.
#[derive(Debug, Default)]
pub struct BegunJoins {
    /// Those that are done anew, each with how many attempts of it have begun.
    pub anew: Vec<(TaskName, u32)>,
    /// Functions of those that are not, because their outputs have started others.
    pub left: BTreeSet<String>,
    /// Functions of those that have not begun, and will whatever comes of what is before them.
    pub about_to: BTreeSet<String>,
}

/// Whether a task of a join whose turn it is may be started: nothing was heard of it since.
pub(super) fn is_due(row: &TaskRow) -> bool {
    row.state == TaskState::Pending && row.waiting().is_none()
}

impl Chain {
    /// How often a task of a join was begun before, for something else before it.
    #[must_use]
    pub fn generation(&self, task: &TaskId) -> u32 {
        self.anew.get(task).map_or(0, |anew| anew.generation)
    }

    /// Joins are done anew once more, each after so many attempts. Told once for each time, in their order. Returns whether that
    /// changes anything.
    pub fn begin_anew(&mut self, joins: Vec<(TaskName, u32)>) -> bool {
        let mut changed = false;
        for (task, attempts) in joins {
            let Some(id) = task.id() else { continue };
            let known = self.anew.entry(id).or_default();
            known.generation += 1;
            known.attempts = known.attempts.max(attempts);
            if let Some((stage, index)) = self.find(&task) {
                changed |= self.stages[stage].tracker.anew(index, attempts);
            }
        }
        changed | self.judge_joins()
    }

    /// Joins that have begun without what these tasks, by stage, will store.
    #[must_use]
    pub fn begun_before(&self, sent: &[(usize, Vec<TaskRow>)]) -> BegunJoins {
        let mut begun = BegunJoins::default();
        for (at, stage) in self.stages.iter().enumerate().filter(|(_, stage)| stage.join.is_some()) {
            let before = self.all_before(at);
            let rows = sent.iter().filter(|(from, _)| before.contains(from)).flat_map(|(_, rows)| rows);
            let ids: Vec<_> = rows.filter_map(|row| row.task.id()).collect();
            let concerns = |index: u64| {
                let same = |id: &TaskId| self.group_of(id) == Some(index);
                if self.is_grouped(at) { ids.iter().any(same) } else { !ids.is_empty() }
            };
            let by_itself = stage.join.as_ref().is_some_and(|join| join.when == When::AllEnded);
            for (_, row) in (0..).zip(stage.tracker.rows()).filter(|(index, _)| concerns(*index)) {
                let function = || stage.tracker.header().function.clone();
                if row.attempts == 0 {
                    begun.about_to.extend((by_itself && is_due(row)).then(function));
                } else if self.starts_others(at) {
                    begun.left.insert(function());
                } else {
                    begun.anew.push((row.task.clone(), u32::from(row.attempts)));
                }
            }
        }
        begun
    }

    /// Whether what a stage stores starts functions.
    fn starts_others(&self, stage: usize) -> bool {
        self.stages.iter().any(|other| other.join.is_none() && other.from.contains(&stage))
    }

    /// All stages that lead to a join, also through others.
    fn all_before(&self, join: usize) -> BTreeSet<usize> {
        let (mut all, mut rest) = (BTreeSet::new(), vec![join]);
        while let Some(stage) = rest.pop().and_then(|at| self.stages.get(at)) {
            rest.extend(stage.from.iter().filter(|from| all.insert(**from)));
        }
        all
    }
}
