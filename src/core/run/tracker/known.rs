//! What is asked of a tracker: what is known of the run and of its tasks.

use super::RunTracker;
use super::attempt::Task;
use crate::model::{Counts, FailureClass, InvocationInfo, Millis, TaskRow, TaskState};
use crate::run::failure::FailedEvent;
use crate::run::header::RunHeader;
use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::Arc;
use throng_contract::keys::BLOCK;
use throng_contract::layout;

/// An attempt's marker is stored this long after its begin, with a difference of clocks: [`layout::MARKER_AFTER_SECS`]
/// and some.
const MARKED_WITHIN_MS: Millis = (layout::MARKER_AFTER_SECS + 4) * 1000;

impl RunTracker {
    /// What was launched.
    #[must_use]
    pub const fn header(&self) -> &RunHeader {
        &self.header
    }

    /// Tasks by state.
    #[must_use]
    pub const fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Whether every task is in a final state, by the ledger or because every due time has passed.
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        let open = self.counts.pending + self.counts.running;
        open == 0 && (self.reported == 0 || self.lost_ms.is_some()) && self.knows_what_had_begun()
    }

    /// Whether tasks that count as cancelled cannot have begun before that: those that had have a marker by now, and
    /// the markers have been read since.
    const fn knows_what_had_begun(&self) -> bool {
        match self.cancelled_ms {
            Some(at) if self.counts.cancelled > 0 && self.lost_ms.is_none() => {
                self.markers_ms >= at.saturating_add(MARKED_WITHIN_MS)
            }
            _ => true,
        }
    }

    /// Tasks whose end is known from the platform's log alone.
    #[must_use]
    pub const fn reported(&self) -> u64 {
        self.reported
    }

    /// Tasks that failed and that Lambda will try again; they count as pending.
    #[must_use]
    pub const fn waiting(&self) -> u64 {
        self.waiting
    }

    /// Whether every task of a block has succeeded; `None` while one has not ended, as the ledger says.
    #[must_use]
    pub fn end_of_block(&self, block: u64) -> Option<bool> {
        let first = block * BLOCK;
        let mut rows = (first..self.header.tasks.min(first + BLOCK)).filter_map(|task| self.row(task));
        rows.try_fold(true, |all, row| {
            let replaced = row.class == Some(FailureClass::Upstream);
            let is_final = row.state.is_final() && (row.has_record() || replaced);
            is_final.then_some(all && row.state == TaskState::Succeeded)
        })
    }

    /// When a person cancelled it.
    pub(in crate::run) const fn cancelled_ms(&self) -> Option<Millis> {
        self.cancelled_ms
    }

    /// All tasks.
    #[must_use]
    pub fn rows(&self) -> impl DoubleEndedIterator<Item = &TaskRow> {
        self.chunks.iter().flat_map(|chunk| chunk.iter())
    }

    /// Whether a person cancelled it.
    #[must_use]
    pub const fn is_cancelled(&self) -> bool {
        self.cancelled_ms.is_some()
    }

    /// Whether the inputs of all tasks are known.
    #[must_use]
    pub const fn has_inputs(&self) -> bool {
        self.inputs_known >= self.header.tasks
    }

    /// When the newest known attempt ended; 0 before the first.
    #[must_use]
    pub const fn last_ended_ms(&self) -> Millis {
        self.last_ended_ms
    }

    /// Records that name tasks which the run does not have.
    #[must_use]
    pub const fn foreign(&self) -> u64 {
        self.foreign
    }

    /// Request ids of the attempts that decided tasks which did not succeed.
    #[must_use]
    pub fn failed_requests(&self) -> HashSet<Cow<'_, str>> {
        let rows = self.chunks.iter().flat_map(|chunk| chunk.iter());
        let failed = rows.filter(|row| row.state.is_final() && row.state != TaskState::Succeeded);
        failed.filter_map(TaskRow::request_id).collect()
    }

    /// Whether an event is about an object rather than one of our tasks, so that inputs must be known first.
    #[must_use]
    pub fn needs_inputs(&self, event: &FailedEvent) -> bool {
        event.task.is_none() && !event.objects.is_empty() && !self.has_inputs()
    }

    /// Attempts that have begun and not ended. Those shorter than a second never show.
    #[must_use]
    pub fn running(&self) -> Vec<InvocationInfo> {
        let mut running = Vec::new();
        for (task, entry) in &self.complex {
            let Some(row) = self.row(*task).filter(|row| row.state == TaskState::Running) else { continue };
            for marker in entry.open() {
                let stored = |at: Millis| at.saturating_sub(layout::MARKER_AFTER_SECS * 1000);
                running.push(InvocationInfo {
                    function: self.header.function.clone(),
                    request_id: marker.request_id.to_string(),
                    run: Some(self.header.id.clone()),
                    task: Some(row.task.clone()),
                    input: match row.group() {
                        Some(group) => Some(group.to_owned()),
                        None => (!row.key.is_empty()).then(|| format!("{}/{}", row.bucket, row.key)),
                    },
                    started_ms: marker.started_ms.or(marker.at_ms.map(stored)).unwrap_or(0),
                    log_stream: None,
                    marker_key: Some(marker.key.to_string()),
                });
            }
        }
        running.sort_by(|a, b| (a.started_ms, &a.task).cmp(&(b.started_ms, &b.task)));
        running
    }

    /// Tasks of which more is kept than their row.
    #[cfg(test)]
    #[must_use]
    pub fn kept_apart(&self) -> usize {
        self.complex.len() + self.by_request.len().saturating_sub(self.complex.len())
    }

    /// The key of the record that decides a task.
    #[must_use]
    pub fn record_key(&self, task: u64) -> Option<Arc<str>> {
        self.row(task)?.record_key(&self.header.id)
    }

    /// What Lambda wrote when it gave up on events of a task, by its key.
    #[must_use]
    pub fn given_up(&self, task: u64) -> Vec<(String, FailedEvent)> {
        let attempts = self.complex.get(&task).map(Task::given_up).unwrap_or_default();
        attempts.into_iter().map(|attempt| (attempt.key.to_string(), attempt.to_event())).collect()
    }

    /// How many attempts of a task have ended.
    #[must_use]
    pub fn ended_attempts(&self, task: u64) -> u32 {
        let by_row = || self.row(task).map_or(0, |row| u32::from(row.attempts));
        self.complex.get(&task).map_or_else(by_row, Task::ended)
    }

    /// Keys of everything that is known of a task's attempts, newest first.
    #[must_use]
    pub fn attempt_keys(&self, task: u64) -> Vec<Arc<str>> {
        match self.complex.get(&task) {
            Some(entry) => entry.keys(),
            None => self.record_key(task).into_iter().collect(),
        }
    }
}
