//! What takes a while: counters that a task adds to, and the row that people see.

use crate::dataset::Meter;
use crate::model::{Progress, ProgressState};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

/// How far back the rate looks.
const WINDOW: Duration = Duration::from_secs(5);
/// Samples are at least this far apart.
const SAMPLE: Duration = Duration::from_millis(200);

#[derive(Debug, Default)]
struct Counters {
    bytes: AtomicU64,
    bytes_total: AtomicU64,
    items: AtomicU64,
    items_total: AtomicU64,
    failed: AtomicU64,
    text: Mutex<Text>,
}

#[derive(Debug, Default)]
struct Text {
    label: String,
    ended: Option<(Instant, ProgressState)>,
    /// Somebody else counts.
    meter: Option<Arc<Meter>>,
}

/// The side of the task that does the work. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct ProgressHandle {
    counters: Arc<Counters>,
    /// A person cancels through it.
    pub token: CancellationToken,
}

impl ProgressHandle {
    /// Sets all counters to what somebody else counted.
    pub fn set(&self, bytes: u64, items: u64, failed: u64) {
        self.counters.bytes.store(bytes, Ordering::Relaxed);
        self.counters.items.store(items, Ordering::Relaxed);
        self.counters.failed.store(failed, Ordering::Relaxed);
    }

    /// Sets what there is to do; 0 for unknown.
    pub fn set_totals(&self, bytes: u64, items: u64) {
        self.counters.bytes_total.store(bytes, Ordering::Relaxed);
        self.counters.items_total.store(items, Ordering::Relaxed);
    }

    /// From now on `meter` counts.
    pub fn attach(&self, meter: Arc<Meter>) {
        self.text().meter = Some(meter);
    }

    /// Changes the label.
    pub fn relabel(&self, label: impl Into<String>) {
        self.text().label = label.into();
    }

    /// Ends it; the first end counts.
    pub fn end(&self, state: ProgressState) {
        let mut text = self.text();
        if text.ended.is_none() {
            text.ended = Some((Instant::now(), state));
        }
    }

    fn text(&self) -> std::sync::MutexGuard<'_, Text> {
        self.counters.text.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The hub's side.
#[derive(Debug)]
pub(super) struct Entry {
    id: u64,
    handle: ProgressHandle,
    samples: VecDeque<(Instant, u64, u64)>,
}

impl Entry {
    pub fn new(id: u64, label: String) -> (Self, ProgressHandle) {
        let text = Mutex::new(Text { label, ..Text::default() });
        let counters = Arc::new(Counters { text, ..Counters::default() });
        let handle = ProgressHandle { counters, token: CancellationToken::new() };
        let samples = VecDeque::from([(Instant::now(), 0, 0)]);
        (Self { id, handle: handle.clone(), samples }, handle)
    }

    pub const fn id(&self) -> u64 {
        self.id
    }

    pub fn cancel(&self) {
        self.handle.token.cancel();
    }

    /// Whether it has ended.
    pub fn is_over(&self) -> bool {
        self.handle.text().ended.is_some()
    }

    /// What people see.
    pub fn row(&mut self, now: Instant) -> Progress {
        if let Some(row) = self.metered() {
            return row;
        }
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let known = |counter: &AtomicU64| Some(load(counter)).filter(|total| *total > 0);
        let counters = self.handle.counters.clone();
        let (bytes, items) = (load(&counters.bytes), load(&counters.items));
        self.sample(now, bytes, items);
        let (label, state) = {
            let text = self.handle.text();
            let state = text.ended.as_ref().map_or(ProgressState::Active, |(_, state)| state.clone());
            (text.label.clone(), state)
        };
        let (byte_rate, item_rate) =
            if state == ProgressState::Active { self.rates(now, bytes, items) } else { (0.0, 0.0) };
        let (bytes_total, items_total) = (known(&counters.bytes_total), known(&counters.items_total));
        let by_bytes = bytes_total.and_then(|total| remaining(total, bytes, byte_rate));
        let by_items = items_total.and_then(|total| remaining(total, items, item_rate));
        // Many small files are bound by their number, few large ones by their bytes: the longer one is right.
        let eta_s = match (by_bytes, by_items) {
            (Some(a), Some(b)) => Some(a.max(b)),
            (a, b) => a.or(b),
        };
        Progress {
            id: self.id,
            label,
            bytes,
            bytes_total,
            items,
            items_total,
            failed: load(&counters.failed),
            held: 0,
            rate: byte_rate,
            eta_s,
            state,
        }
    }

    fn metered(&self) -> Option<Progress> {
        let text = self.handle.text();
        let state = text.ended.as_ref().map_or(ProgressState::Active, |(_, state)| state.clone());
        text.meter.as_ref().map(|meter| meter.progress(self.id, &text.label, state))
    }

    fn sample(&mut self, now: Instant, bytes: u64, items: u64) {
        let due = |last: &(Instant, u64, u64)| now.saturating_duration_since(last.0) >= SAMPLE;
        if self.samples.back().is_none_or(due) {
            self.samples.push_back((now, bytes, items));
        }
        while self.samples.len() > 2
            && self.samples.get(1).is_some_and(|(at, ..)| now.saturating_duration_since(*at) > WINDOW)
        {
            self.samples.pop_front();
        }
    }

    #[allow(clippy::cast_precision_loss, reason = "rates are approximate")]
    fn rates(&self, now: Instant, bytes: u64, items: u64) -> (f64, f64) {
        let Some((at, bytes_then, items_then)) = self.samples.front() else { return (0.0, 0.0) };
        let seconds = now.saturating_duration_since(*at).as_secs_f64();
        if seconds < 0.05 {
            return (0.0, 0.0);
        }
        let per_s = |new: u64, old: u64| new.saturating_sub(old) as f64 / seconds;
        (per_s(bytes, *bytes_then), per_s(items, *items_then))
    }
}

#[allow(clippy::cast_precision_loss, reason = "a time to the end is approximate")]
fn remaining(total: u64, done: u64, rate: f64) -> Option<f64> {
    (rate > 0.0).then(|| total.saturating_sub(done) as f64 / rate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rate_and_time_to_the_end_follow_the_last_moments() {
        let (mut entry, handle) = Entry::new(1, "x".into());
        let start = entry.samples[0].0;
        handle.set_totals(2000, 0);
        handle.set(1000, 0, 0);
        let row = entry.row(start + Duration::from_secs(2));
        assert!((row.rate - 500.0).abs() < 1.0, "{row:?}");
        assert!((row.eta_s.unwrap_or_default() - 2.0).abs() < 0.1);
        // Ten seconds later with nothing done: the window has moved on.
        for second in 3..13 {
            let _ = entry.row(start + Duration::from_secs(second));
        }
        let row = entry.row(start + Duration::from_secs(13));
        assert!(row.rate < 1.0 && row.eta_s.is_none(), "{row:?}");
    }

    #[test]
    fn the_first_end_counts() {
        let (mut entry, handle) = Entry::new(1, "x".into());
        assert!(!entry.is_over());
        handle.end(ProgressState::Done);
        handle.end(ProgressState::Cancelled);
        assert_eq!(entry.row(Instant::now()).state, ProgressState::Done);
        assert!(entry.is_over());
    }
}
