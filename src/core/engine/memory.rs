//! What is kept of runs between two looks at them: which are open, which are being sent from here.

use crate::cloud::now_ms;
use crate::dataset::Meter;
use crate::model::{Millis, RunSummary};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// What is kept of runs.
#[derive(Default)]
pub(super) struct RunCache {
    /// Whether any is open.
    pub open: OpenRuns,
    /// Runs that were sent again from here.
    pub again: Again,
    meters: Mutex<HashMap<String, Arc<Meter>>>,
}

impl RunCache {
    /// The inputs of a run are being sent from here.
    pub fn sending(&self, run: &str, meter: &Arc<Meter>) {
        lock(&self.meters).insert(run.to_owned(), meter.clone());
    }

    /// They were sent.
    pub fn sent(&self, run: &str) {
        lock(&self.meters).remove(run);
    }

    /// Whether they are being sent.
    pub fn is_sending(&self, run: &str) -> bool {
        lock(&self.meters).contains_key(run)
    }

    /// What counts the inputs of a run while they are sent from here.
    pub fn meter(&self, run: &str) -> Option<Arc<Meter>> {
        lock(&self.meters).get(run).cloned()
    }

    /// Adds what the home bucket does not tell: what is being sent from here, or was sent again.
    pub fn complete(&self, run: &mut RunSummary, stalled_after: Duration) {
        if let Some(meter) = self.meter(&run.id) {
            run.unsent = run.counts.total().saturating_sub(meter.items_done());
            run.held = meter.held().min(run.counts.pending);
            run.stalled_ms = None;
        }
        run.stalled_ms = self.again.stalled_ms(&run.id, run.stalled_ms, stalled_after);
    }
}

/// Whether runs are open, as the last survey saw it or somebody has said since.
#[derive(Default)]
pub(super) struct OpenRuns {
    seen: Mutex<Seen>,
    /// A run is open that was not open before.
    pub begun: Notify,
}

/// What the last survey saw.
#[derive(Clone, Copy, Default)]
pub(super) struct Seen {
    /// When it ended.
    pub at: Option<Instant>,
    /// Whether a run is open.
    pub open: bool,
    /// How often a run was said to be open.
    pub openings: u64,
}

impl OpenRuns {
    /// A run is open: it is surveyed until it has ended.
    pub fn say(&self) {
        let mut seen = lock(&self.seen);
        seen.openings += 1;
        if !std::mem::replace(&mut seen.open, true) {
            self.begun.notify_one();
        }
    }

    /// What was seen last.
    pub fn seen(&self) -> Seen {
        *lock(&self.seen)
    }

    /// A survey has ended that began after so many openings. What was opened since, it may have missed.
    pub fn saw(&self, open: bool, openings: u64) {
        let mut seen = lock(&self.seen);
        seen.at = Some(Instant::now());
        seen.open = open || seen.openings != openings;
    }

    /// A survey has failed.
    pub fn saw_nothing(&self) {
        lock(&self.seen).at = Some(Instant::now());
    }
}

/// Runs that were sent again from here: `None` while they are, else when that ended.
#[derive(Default)]
pub(super) struct Again(Mutex<HashMap<String, Option<Millis>>>);

/// A run that is being sent again, until this is dropped.
pub(super) struct Claim<'a> {
    again: &'a Again,
    run: String,
}

impl Again {
    /// `None` when it is being sent again already.
    pub fn claim(&self, run: &str) -> Option<Claim<'_>> {
        let mut runs = lock(&self.0);
        if runs.get(run) == Some(&None) {
            return None;
        }
        runs.insert(run.to_owned(), None);
        Some(Claim { again: self, run: run.to_owned() })
    }

    /// For how long a run has stalled: what was sent again gets its time (`after`) to begin.
    fn stalled_ms(&self, run: &str, quiet_ms: Option<u64>, after: Duration) -> Option<u64> {
        match lock(&self.0).get(run) {
            None => quiet_ms,
            Some(None) => None,
            Some(Some(sent_ms)) => {
                let quiet = quiet_ms?.min(now_ms().saturating_sub(*sent_ms));
                (u128::from(quiet) >= after.as_millis()).then_some(quiet)
            }
        }
    }
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        lock(&self.again.0).insert(std::mem::take(&mut self.run), Some(now_ms()));
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
