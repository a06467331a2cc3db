//! What is known of a task becomes its state, and moves the counts.

use super::RunTracker;
use super::attempt::Verdict;
use crate::model::{Facts, FailureClass, Millis, TaskRow, TaskState, Told};

impl RunTracker {
    pub(super) fn decide_open(&mut self) {
        for task in self.indexes(|row| !row.state.is_final()) {
            self.decide_one(task);
        }
    }

    /// Indexes of the tasks that are so.
    pub(in crate::run) fn indexes(&self, wanted: impl Fn(&TaskRow) -> bool) -> Vec<u64> {
        let rows = (0..).zip(self.chunks.iter().flat_map(|chunk| chunk.iter()));
        rows.filter(|(_, row)| wanted(row)).map(|(index, _)| index).collect()
    }

    /// Decides what a task is, by all that is known of it.
    pub(super) fn decide_one(&mut self, task: u64) {
        let retries = self.retries();
        let verdict = self.complex.get(&task).map_or_else(Verdict::default, |entry| entry.verdict(retries));
        self.decide(task, &verdict);
    }

    /// Gives a task its state, and moves the counts.
    pub(super) fn decide(&mut self, task: u64, verdict: &Verdict) {
        let failed = verdict.deciding.as_ref().map(|attempt| (attempt.state, attempt.class));
        let waiting = verdict.waiting.filter(|_| self.cancelled_ms.is_none() && self.lost_ms.is_none());
        let (state, class) = match (verdict.state, self.cancelled_ms, self.lost_ms) {
            // It failed, and what would have been tried again will not be waited for.
            (TaskState::Pending, Some(_), _) | (TaskState::Pending, _, Some(_)) if failed.is_some() => {
                failed.unwrap_or((TaskState::Failed, None))
            }
            (TaskState::Pending, _, _) if self.overwritten.contains(&task) => {
                (TaskState::Failed, Some(FailureClass::Upstream))
            }
            (TaskState::Pending, None, _) if self.withheld.contains(&task) => {
                (TaskState::Cancelled, Some(FailureClass::Upstream))
            }
            (TaskState::Pending, Some(_), _) => (TaskState::Cancelled, None),
            (TaskState::Pending | TaskState::Running, _, Some(_)) => {
                (TaskState::Failed, Some(FailureClass::Lost))
            }
            (state, ..) => (state, failed.and_then(|(_, class)| class)),
        };
        let class = class.filter(|_| state.is_final() && state != TaskState::Succeeded);
        let Some(row) = self.row(task) else { return };
        let old = (row.state, row.class, row.ended_ms());
        let (was_reported, was_waiting) = (row.is_reported(), row.waiting().is_some());
        let deciding = verdict.deciding.as_ref().filter(|_| state.is_final());
        let told = match deciding {
            Some(attempt) if waiting.is_none() => {
                attempt.told(&self.header.id, state, class, !attempt.by_lambda || verdict.by_report)
            }
            _ => Told::from(Facts { request_id: verdict.running.clone(), waiting, ..Facts::default() }),
        };
        let Some(row) = self.row_mut(task) else { return };
        row.state = state;
        row.class = class;
        row.attempts = u8::try_from(verdict.attempts).unwrap_or(u8::MAX);
        row.told = told;
        let new = (row.state, row.class, row.ended_ms());
        let is_reported = row.is_reported();
        self.reported = self.reported - u64::from(was_reported) + u64::from(is_reported);
        self.waiting = self.waiting - u64::from(was_waiting) + u64::from(waiting.is_some());
        if let Some(groups) = self.groups.as_mut().filter(|_| old.0 != new.0) {
            groups.moved(task, old.0, new.0);
        }
        self.count(old, false);
        self.count(new, true);
        debug_assert_eq!(self.counts.total(), self.header.tasks, "manifest = sum of states");
    }

    fn count(
        &mut self,
        (state, class, ended_ms): (TaskState, Option<FailureClass>, Option<Millis>),
        add: bool,
    ) {
        let step = |counter: &mut u64| *counter = if add { *counter + 1 } else { counter.saturating_sub(1) };
        step(self.counts.of(state));
        if let Some(class) = class {
            step(self.classes.entry(class).or_default());
            self.classes.retain(|_, count| *count > 0);
        }
        if let Some(ended_ms) = ended_ms {
            step(self.ended.entry(ended_ms / 1000).or_default());
        }
    }
}
