//! What a chain is told. The order does not matter.

use super::{Chain, Early, Unread};
use crate::model::{Millis, TaskName, TaskRow, TaskState};
use crate::run::failure::FailedEvent;
use crate::run::manifest::ManifestEntry;
use crate::run::reports::FailedAttempt;
use throng_contract::keys::{RecordName, block_of};
use throng_contract::{AttemptRecord, TaskId, TaskRef};

/// Things told of tasks that nobody has declared which are kept at most: names in a bucket are written by anybody.
const MOST_EARLY: usize = 1_000_000;

/// The block that a task's records are in.
pub(super) fn block(task: &TaskId) -> u64 {
    block_of(&TaskRef { task: task.clone(), ..TaskRef::launched("", 0) })
}

impl Chain {
    /// Tells inputs of launched tasks.
    pub fn inputs(&mut self, entries: Vec<ManifestEntry>) {
        if let Some(first) = self.stages.first_mut() {
            first.tracker.inputs(entries);
        }
    }

    /// The key of a record or marker was seen, stored at `at_ms`. Returns whether anything changed.
    pub fn see(&mut self, key: &str, at_ms: Option<Millis>) -> bool {
        if self.stages.len() == 1 {
            return self.tell(0, key, at_ms);
        }
        let Some(task) = RecordName::parse(key).and_then(|name| name.task) else { return false };
        let known = if self.depth_of(&task) == 0 {
            Some(0)
        } else {
            self.stages.iter().position(|stage| stage.tracker.index_of(&task).is_some())
        };
        let Some(stage) = known else {
            self.keep(task, Early { key: key.to_owned(), at_ms });
            return false;
        };
        // Open blocks are listed again and again: most names tell nothing new, and move no join.
        let told = self.tell(stage, key, at_ms);
        if told {
            self.judge_joins();
        }
        told
    }

    /// Keeps what was told of a task until somebody declares it.
    fn keep(&mut self, task: TaskId, early: Early) {
        let seen = self.early.len();
        match self.early.get_mut(&task) {
            Some(known) if known.iter().any(|known| known.key == early.key && known.at_ms >= early.at_ms) => {
            }
            Some(known) => known.push(early),
            None if seen < MOST_EARLY => drop(self.early.insert(task, vec![early])),
            None => {}
        }
    }

    /// Tells a stage: one of them it is, an end or a begin.
    pub(super) fn tell(&mut self, at: usize, key: &str, at_ms: Option<Millis>) -> bool {
        let standing = at == 0 && self.open_until_ms.is_some();
        let Some(stage) = self.stages.get_mut(at) else { return false };
        let ended = stage.tracker.record(key);
        if ended {
            let task = RecordName::parse(key).and_then(|name| name.task);
            let index = task.and_then(|task| stage.tracker.index_of(&task));
            let success = index.filter(|index| {
                // What failed in a standing run is read for the name of its input.
                let wanted =
                    |row: &&TaskRow| row.state == TaskState::Succeeded || standing && row.has_record();
                let row = stage.tracker.row(*index).filter(wanted);
                let key = row.and_then(|_| stage.tracker.record_key(*index));
                key.is_some_and(|key| !stage.declared.is(*index, &key))
            });
            if let Some(index) = success {
                self.will_read(at, index);
            }
            return true;
        }
        stage.tracker.marker(key, at_ms)
    }

    /// What a record says of its task's input, in a standing run.
    pub fn describe(&mut self, of: &Unread, record: &AttemptRecord) {
        if let Some(first) = self.stages.first_mut().filter(|_| of.stage == 0 && self.open_until_ms.is_some())
        {
            first.tracker.describe(of.index, &record.bucket, &record.key, record.bytes_in);
        }
    }

    /// What is known of the input of a task of a standing run.
    pub fn tell_input(&mut self, task: &TaskName, bucket: &str, key: &str, size: u64) {
        let Some((0, index)) = self.find(task) else { return };
        if let Some(first) = self.stages.first_mut().filter(|_| self.open_until_ms.is_some()) {
            first.tracker.describe(index, bucket, key, size);
        }
    }

    /// A marker of the first layout was seen.
    pub fn marker(&mut self, key: &str, at_ms: Option<Millis>) -> bool {
        self.stages.first_mut().is_some_and(|first| first.tracker.marker(key, at_ms))
    }

    /// Lambda gave up on an event of a stage; `key` is that of its record. Returns whether it concerns this run and is new.
    pub fn gave_up(&mut self, stage: usize, event: &FailedEvent, key: &str) -> bool {
        self.stages.get_mut(stage).is_some_and(|stage| stage.tracker.gave_up(event, key)) | self.judge_joins()
    }

    /// As [`Chain::gave_up`], of the stage that knows the event's task.
    pub fn gave_up_on(&mut self, event: &FailedEvent, key: &str) -> bool {
        let Some(task) = &event.task else { return false };
        let of = self.stages.iter().position(|stage| stage.tracker.index_of(&task.task).is_some());
        of.is_some_and(|stage| self.gave_up(stage, event, key))
    }

    /// The platform's log tells that an attempt of a stage ended badly. Returns whether that is new.
    pub fn ended_badly(&mut self, stage: usize, end: &FailedAttempt) -> bool {
        self.stages.get_mut(stage).is_some_and(|stage| stage.tracker.ended_badly(end)) | self.judge_joins()
    }

    /// All markers of a stage were listed; `at_ms` is when that began. Returns whether that ends it.
    pub fn markers_read(&mut self, stage: usize, at_ms: Millis) -> bool {
        self.stages.get_mut(stage).is_some_and(|stage| stage.tracker.markers_read(at_ms)) | self.judge_joins()
    }

    /// The run was cancelled: tasks without a sign of life are cancelled.
    pub fn cancelled(&mut self, at_ms: Millis) -> bool {
        let tell = |changed, stage: &mut super::Stage| stage.tracker.cancelled(at_ms) | changed;
        self.stages.iter_mut().fold(false, tell) | self.judge_joins()
    }

    /// Every due time has passed: tasks that are still open are lost, but for those of some stages, which have their time still.
    /// A late record wins over it.
    pub fn overdue(&mut self, at_ms: Millis, spared: &[usize]) -> bool {
        // A join that waits for others was never due.
        let waiting: Vec<_> =
            (0..self.stages.len()).map(|at| self.has_waiting(at) || spared.contains(&at)).collect();
        let mut changed = false;
        for (stage, _) in self.stages.iter_mut().zip(waiting).filter(|(_, waiting)| !waiting) {
            changed |= stage.tracker.overdue(at_ms);
        }
        changed | self.judge_joins()
    }

    /// The input of a launched task was replaced before it began. Returns whether that is new.
    pub fn replaced(&mut self, index: u64) -> bool {
        self.stages.first_mut().is_some_and(|first| first.tracker.overwritten(index))
    }

    /// A person has sent tasks once more that had ended without success, each after so many attempts. Returns whether that changes
    /// anything.
    pub fn retried(&mut self, tasks: Vec<(TaskName, u32)>) -> bool {
        let mut changed = false;
        for (task, ended) in tasks {
            if let Some((stage, index)) = self.find(&task) {
                changed |= self.stages[stage].tracker.retried(index, ended);
            }
            // Perhaps it is still to be declared.
            let Some(known) = task.id().map(|id| self.retried.entry(id).or_default()) else { continue };
            *known = ended.max(*known);
        }
        changed | self.judge_joins()
    }

    /// Tasks were sent once more: what was lost is waited for again.
    pub fn opened_again(&mut self, at_ms: Millis) -> bool {
        let tell = |changed, stage: &mut super::Stage| stage.tracker.opened_again(at_ms) | changed;
        self.stages.iter_mut().fold(false, tell) | self.judge_joins()
    }
}
