//! What is known of one task, and what follows from it.

use crate::model::{FailureClass, Millis, TaskRow, TaskState};
use crate::run::failure::FailedEvent;
use crate::run::reports::FailedAttempt;
use std::sync::Arc;
use throng_contract::keys::RecordName;

/// An attempt that ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Attempt {
    pub ended_ms: Millis,
    pub state: TaskState,
    pub class: Option<FailureClass>,
    pub duration_ms: u64,
    pub peak_memory: u64,
    pub request_id: Arc<str>,
    pub key: Arc<str>,
    /// Told by Lambda, because the runtime could not.
    pub by_lambda: bool,
}

impl Attempt {
    pub fn of_record(name: &RecordName, key: &str) -> Self {
        Self {
            ended_ms: name.ended_ms,
            state: name.state,
            class: name.class,
            duration_ms: name.duration_ms,
            peak_memory: name.peak_kib.saturating_mul(1024),
            request_id: name.request_id.as_str().into(),
            key: key.into(),
            by_lambda: false,
        }
    }

    pub fn of_event(event: &FailedEvent, key: &str) -> Self {
        Self {
            ended_ms: event.at_ms,
            state: event.state,
            class: Some(event.class),
            duration_ms: 0,
            peak_memory: 0,
            request_id: event.request_id.as_str().into(),
            key: key.into(),
            by_lambda: true,
        }
    }

    /// An attempt that ended as the platform's log says; there is no record of it yet.
    pub fn of_report(end: &FailedAttempt) -> Self {
        Self {
            ended_ms: end.at_ms,
            state: end.state,
            class: Some(end.class),
            duration_ms: end.duration_ms,
            peak_memory: end.peak_memory,
            request_id: end.request_id.as_str().into(),
            key: "".into(),
            by_lambda: true,
        }
    }

    /// The only attempt of a task that is told by its row alone.
    pub fn of_row(row: &TaskRow) -> Option<Self> {
        Some(Self {
            ended_ms: row.ended_ms?,
            state: row.state,
            class: row.class,
            duration_ms: row.duration_ms?,
            peak_memory: row.peak_memory.unwrap_or(0),
            request_id: row.request_id.clone()?,
            key: row.record_key.clone()?,
            by_lambda: false,
        })
    }

    fn order(&self) -> (Millis, &str) {
        (self.ended_ms, &self.key)
    }
}

/// What follows for a task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Verdict {
    pub state: TaskState,
    pub deciding: Option<Attempt>,
    /// The request id of an attempt that has begun and not ended.
    pub running: Option<Arc<str>>,
    pub attempts: u32,
    /// The deciding attempt is known from the log alone.
    pub by_report: bool,
}

impl Default for Verdict {
    fn default() -> Self {
        Self { state: TaskState::Pending, deciding: None, running: None, attempts: 0, by_report: false }
    }
}

impl Verdict {
    pub fn of_one(attempt: Attempt) -> Self {
        Self { state: attempt.state, deciding: Some(attempt), attempts: 1, ..Self::default() }
    }
}

/// Everything that is known of a task.
#[derive(Clone, Debug, Default)]
pub(super) struct Task {
    attempts: Vec<Attempt>,
    markers: Vec<Marker>,
    /// Ends that the log told, of attempts without a record.
    reports: Vec<Attempt>,
}

/// Clocks differ: a marker that was stored this long after an end may still be of the attempt that ended.
const CLOCKS_MS: Millis = 5_000;

/// An attempt that has begun.
#[derive(Clone, Debug)]
pub(super) struct Marker {
    pub request_id: Arc<str>,
    /// When the marker was stored.
    pub at_ms: Option<Millis>,
}

impl Task {
    /// Adds an attempt; `false` when it was known.
    pub fn add(&mut self, attempt: Attempt) -> bool {
        let new = self.attempts.iter().all(|known| known.key != attempt.key);
        if new {
            self.attempts.push(attempt);
        }
        new
    }

    /// Adds a marker; `false` when it says nothing new. A repetition of an event has its request id: it stores the same
    /// marker again, later.
    pub fn mark(&mut self, request_id: &str, at_ms: Option<Millis>) -> bool {
        let Some(known) = self.markers.iter_mut().find(|known| *known.request_id == *request_id) else {
            self.markers.push(Marker { request_id: request_id.into(), at_ms });
            return true;
        };
        let later = at_ms > known.at_ms;
        if later {
            known.at_ms = at_ms;
        }
        later && self.reports.iter().any(|report| *report.request_id == *request_id)
    }

    /// The log tells that an attempt ended badly; `false` when that was known.
    pub fn report(&mut self, end: &FailedAttempt) -> bool {
        let same = |attempt: &Attempt| *attempt.request_id == *end.request_id;
        if self.attempts.iter().any(same) {
            return false;
        }
        match self.reports.iter_mut().find(|known| same(known)) {
            Some(known) if known.ended_ms >= end.at_ms => return false,
            Some(known) => *known = Attempt::of_report(end),
            None => self.reports.push(Attempt::of_report(end)),
        }
        true
    }

    /// Ends that the log told and that stand: the ledger says nothing of the attempt, and it has not begun again.
    fn standing(&self) -> impl Iterator<Item = &Attempt> {
        self.reports.iter().filter(|report| {
            let same = |id: &Arc<str>| *id == report.request_id;
            let begun_again =
                |marker: &Marker| marker.at_ms.is_some_and(|at| at > report.ended_ms + CLOCKS_MS);
            !self.attempts.iter().any(|attempt| same(&attempt.request_id))
                && !self.markers.iter().any(|marker| same(&marker.request_id) && begun_again(marker))
        })
    }

    /// Markers of attempts that have not ended.
    pub fn open(&self) -> impl Iterator<Item = &Marker> {
        self.markers.iter().filter(|marker| {
            let mut ended = self.attempts.iter().chain(self.standing());
            !ended.any(|attempt| attempt.request_id == marker.request_id)
        })
    }

    pub fn keys(&self) -> Vec<Arc<str>> {
        let mut attempts: Vec<_> = self.visible().collect();
        attempts.sort_by(|a, b| b.order().cmp(&a.order()));
        attempts.into_iter().map(|attempt| attempt.key.clone()).collect()
    }

    /// Attempts, without what Lambda says of one whose own record is there: that one knows better.
    fn visible(&self) -> impl Iterator<Item = &Attempt> {
        self.attempts.iter().filter(|attempt| {
            let same = |other: &&Attempt| !other.by_lambda && other.request_id == attempt.request_id;
            !attempt.by_lambda || !self.attempts.iter().any(|other| same(&other))
        })
    }

    pub fn verdict(&self) -> Verdict {
        let running = self.open().map(|marker| &marker.request_id).min().cloned();
        let success = self
            .visible()
            .filter(|attempt| attempt.state == TaskState::Succeeded)
            .min_by(|a, b| a.order().cmp(&b.order()));
        let newest = || self.visible().chain(self.standing()).max_by(|a, b| a.order().cmp(&b.order()));
        let deciding = success.or_else(newest).cloned();
        let state = match (&deciding, &running) {
            (Some(attempt), _) if attempt.state == TaskState::Succeeded => TaskState::Succeeded,
            (_, Some(_)) => TaskState::Running,
            (Some(attempt), None) => attempt.state,
            (None, None) => TaskState::Pending,
        };
        let attempts = self.visible().count() + self.standing().count() + self.open().count();
        let by_report = deciding.as_ref().is_some_and(|attempt| attempt.key.is_empty());
        Verdict { state, deciding, running, attempts: u32::try_from(attempts).unwrap_or(u32::MAX), by_report }
    }
}
