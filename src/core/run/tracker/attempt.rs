//! What is known of one task, and what follows from it.

use crate::model::{Facts, FailureClass, Millis, TaskRow, TaskState, Told, Waiting};
use crate::run::failure::FailedEvent;
use crate::run::reports::FailedAttempt;
use std::sync::Arc;
use throng_contract::keys::{RecordName, layout_of};

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
    /// When it began, where the ledger tells attempts of one request apart by that.
    pub started_ms: Option<Millis>,
    /// Names its event, where the ledger does.
    pub event: Option<Arc<str>>,
    /// How many attempts it stands for: Lambda tells of all tries of an event at once.
    pub tries: u32,
}

impl Attempt {
    pub fn of_record(name: &RecordName, key: &str) -> Self {
        Self {
            ended_ms: name.ended_ms(),
            state: name.state,
            class: name.class,
            duration_ms: name.duration_ms,
            peak_memory: name.peak_kib.saturating_mul(1024),
            request_id: name.attempt.request_id.as_str().into(),
            key: key.into(),
            by_lambda: false,
            started_ms: is_second(key).then_some(name.attempt.started_ms),
            event: name.event.as_deref().map(Into::into),
            tries: 1,
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
            started_ms: None,
            event: None,
            tries: event.tries,
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
            started_ms: None,
            event: None,
            tries: 1,
        }
    }

    /// The only attempt of a task of a run that is told by its row alone.
    pub fn of_row(run: &str, row: &TaskRow) -> Option<Self> {
        row.duration_ms()?;
        let key = row.record_key(run)?;
        Some(Self::of_record(&RecordName::parse(&key)?, &key))
    }

    /// What a row of a run says when this attempt decides, in this state and class. `measured` says whether its duration is known.
    pub fn told(&self, run: &str, state: TaskState, class: Option<FailureClass>, measured: bool) -> Told {
        let as_named = !self.by_lambda && self.state == state && self.class == class;
        let packed = as_named.then(|| Told::of_record(run, &self.key)).flatten();
        packed.unwrap_or_else(|| {
            Told::from(Facts {
                duration_ms: measured.then_some(self.duration_ms),
                peak_memory: Some(self.peak_memory).filter(|peak| *peak > 0),
                ended_ms: Some(self.ended_ms),
                request_id: Some(self.request_id.clone()),
                record_key: (!self.key.is_empty()).then(|| self.key.clone()),
                waiting: None,
            })
        })
    }

    /// What [`Attempt::of_event`] was made of, as far as that is kept.
    pub fn to_event(&self) -> FailedEvent {
        FailedEvent {
            request_id: self.request_id.to_string(),
            at_ms: self.ended_ms,
            task: None,
            pack: Vec::new(),
            objects: Vec::new(),
            event_ms: None,
            state: self.state,
            class: self.class.unwrap_or(FailureClass::Other),
            message: String::new(),
            tries: self.tries,
        }
    }

    /// Whether it is the end of the attempt that a marker says has begun.
    pub fn ends(&self, marker: &Marker) -> bool {
        let apart = self.started_ms.zip(marker.started_ms).is_some_and(|(ended, begun)| ended != begun);
        self.request_id == marker.request_id && !apart
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
    /// It failed, and Lambda will try it again.
    pub waiting: Option<Waiting>,
}

impl Default for Verdict {
    fn default() -> Self {
        let (deciding, running, waiting) = (None, None, None);
        Self { state: TaskState::Pending, deciding, running, attempts: 0, by_report: false, waiting }
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
    /// A person has sent it once more when so many attempts had ended without success: it takes another to end it.
    retried: u32,
    /// So many of the attempts that ended first decide nothing: they did it for what was before it then.
    anew: u32,
}

/// Clocks differ: a marker that was stored this long after an end may still be of the attempt that ended.
const CLOCKS_MS: Millis = 5_000;

/// Before Lambda tries a failed event again, in milliseconds.
const RETRY_MS: Millis = 60_000;

/// Whether a key is one of the second layout, in which attempts of one request have names of their own.
fn is_second(key: &str) -> bool {
    layout_of(key).is_some_and(|layout| layout > 1)
}

/// A cancelled task is not tried again: the runtime answers that nothing failed.
const fn is_unsuccessful(state: Option<TaskState>) -> bool {
    matches!(state, Some(TaskState::Failed | TaskState::TimedOut))
}

/// An attempt that has begun.
#[derive(Clone, Debug)]
pub(super) struct Marker {
    pub request_id: Arc<str>,
    /// When the attempt began, where the ledger tells attempts of one request apart by that.
    pub started_ms: Option<Millis>,
    /// Its key in the home bucket.
    pub key: Arc<str>,
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
    pub fn mark(&mut self, marker: Marker) -> bool {
        let Some(known) = self.markers.iter_mut().find(|known| known.key == marker.key) else {
            self.markers.push(marker);
            return true;
        };
        let later = marker.at_ms > known.at_ms;
        if later {
            known.at_ms = marker.at_ms;
        }
        later && self.reports.iter().any(|report| report.request_id == marker.request_id)
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
            !ended.any(|attempt| attempt.ends(marker))
        })
    }

    /// Whether all that is known is one attempt that succeeded and said so itself.
    pub fn is_plain(&self) -> bool {
        let [only] = self.attempts.as_slice() else { return false };
        only.state == TaskState::Succeeded
            && !only.by_lambda
            && self.standing().next().is_none()
            && self.markers.iter().all(|marker| only.ends(marker))
    }

    /// Request ids of attempts with a marker.
    pub fn marked(&self) -> impl Iterator<Item = &Arc<str>> {
        self.markers.iter().map(|marker| &marker.request_id)
    }

    /// What Lambda told.
    pub fn given_up(&self) -> Vec<&Attempt> {
        self.attempts.iter().filter(|attempt| attempt.by_lambda).collect()
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

    /// When Lambda will try the event of this failed attempt again, if it has not given up on it: `retries` times, a minute
    /// after the first attempt and two after the second (AWS, "Error handling for asynchronous invocation").
    fn retry_of(&self, failed: &Attempt, retries: u32) -> Option<Waiting> {
        let event = failed.event.as_ref()?;
        let gave_up = |attempt: &Attempt| attempt.by_lambda && attempt.request_id == failed.request_id;
        if self.attempts.iter().any(gave_up) {
            return None;
        }
        let tries = self.attempts.iter().filter(|attempt| attempt.event.as_ref() == Some(event)).count();
        let tries = u32::try_from(tries).unwrap_or(u32::MAX);
        let after = if tries < 2 { RETRY_MS } else { 2 * RETRY_MS };
        (tries <= retries).then(|| Waiting { retry: tries, of: retries, due_ms: failed.ended_ms + after })
    }

    /// How many attempts have ended.
    pub fn ended(&self) -> u32 {
        let all = self.visible().chain(self.standing());
        all.fold(0, |sum, attempt| sum.saturating_add(attempt.tries))
    }

    /// A person has sent the task once more when so many attempts had ended; `false` when that was known.
    pub fn retried(&mut self, ended: u32) -> bool {
        let new = ended > self.retried;
        self.retried = self.retried.max(ended);
        new
    }

    /// A join is done anew when so many attempts had begun; `false` when that was known.
    pub fn anew(&mut self, attempts: u32) -> bool {
        let new = attempts > self.anew;
        self.anew = self.anew.max(attempts);
        new
    }

    /// Attempts that have ended and count, in their order.
    fn counted(&self) -> Vec<&Attempt> {
        let mut all: Vec<_> = self.visible().chain(self.standing()).collect();
        if self.anew > 0 {
            all.sort_by(|a, b| a.order().cmp(&b.order()));
            let mut before = self.anew;
            all.retain(|attempt| {
                let is_before = before > 0;
                before = before.saturating_sub(attempt.tries);
                !is_before
            });
        }
        all
    }

    /// What follows, when Lambda tries a failed event again so many times.
    pub fn verdict(&self, retries: u32) -> Verdict {
        let running = self.open().map(|marker| &marker.request_id).min().cloned();
        let counted = self.counted();
        let successes = counted.iter().filter(|attempt| attempt.state == TaskState::Succeeded);
        let success = successes.min_by(|a, b| a.order().cmp(&b.order()));
        let newest = || counted.iter().max_by(|a, b| a.order().cmp(&b.order()));
        let deciding = success.or_else(newest).copied().cloned();
        let ended = deciding.as_ref().map(|attempt| attempt.state);
        let unsuccessful = deciding.as_ref().filter(|_| running.is_none() && is_unsuccessful(ended));
        let waiting = unsuccessful.and_then(|attempt| self.retry_of(attempt, retries));
        let told = self.ended();
        let state = match (ended, &running) {
            (Some(TaskState::Succeeded), _) => TaskState::Succeeded,
            (_, Some(_)) => TaskState::Running,
            (Some(_), None) if waiting.is_some() || told <= self.retried => TaskState::Pending,
            (Some(state), None) => state,
            (None, None) => TaskState::Pending,
        };
        let by_report = deciding.as_ref().is_some_and(|attempt| attempt.key.is_empty());
        let attempts = told.saturating_add(u32::try_from(self.open().count()).unwrap_or(u32::MAX));
        Verdict { state, deciding, running, attempts, by_report, waiting }
    }
}
