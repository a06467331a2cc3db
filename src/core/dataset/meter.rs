//! Counts what a transfer has done; front ends read it as a [`Progress`].

use crate::model::{Progress, ProgressState};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The rate is that of the last moments, this long.
const WINDOW: Duration = Duration::from_secs(5);

/// Shared between a transfer, which counts, and those who watch it.
#[derive(Debug)]
pub struct Meter {
    bytes: AtomicU64,
    items: AtomicU64,
    failed: AtomicU64,
    /// Items that were found done already.
    skipped: AtomicU64,
    /// `u64::MAX` while not known.
    bytes_total: AtomicU64,
    items_total: AtomicU64,
    /// Items that are held back until others have ended.
    held: AtomicU64,
    /// What of the items that were sent has ended, as it was last seen: when, how many, and how many milliseconds they took.
    ended: Mutex<Option<(Instant, u64, u64)>>,
    samples: Mutex<VecDeque<(Instant, u64, u64)>>,
}

impl Default for Meter {
    fn default() -> Self {
        Self {
            bytes: AtomicU64::new(0),
            items: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            skipped: AtomicU64::new(0),
            bytes_total: AtomicU64::new(u64::MAX),
            items_total: AtomicU64::new(u64::MAX),
            held: AtomicU64::new(0),
            ended: Mutex::default(),
            samples: Mutex::new(VecDeque::from([(Instant::now(), 0, 0)])),
        }
    }
}

impl Meter {
    /// Tells how much there is to do.
    pub fn total(&self, items: u64, bytes: u64) {
        self.items_total.store(items, Relaxed);
        self.bytes_total.store(bytes, Relaxed);
    }

    /// Bytes went over the wire.
    pub fn bytes(&self, bytes: u64) {
        self.bytes.fetch_add(bytes, Relaxed);
    }

    /// An item is done.
    pub fn item(&self) {
        self.items.fetch_add(1, Relaxed);
    }

    /// An item had been done before; it does not count for the rate.
    pub fn skip(&self, bytes: u64) {
        self.bytes.fetch_add(bytes, Relaxed);
        self.items.fetch_add(1, Relaxed);
        self.skipped.fetch_add(1, Relaxed);
        let mut samples = self.samples.lock().unwrap_or_else(PoisonError::into_inner);
        for sample in samples.iter_mut() {
            sample.1 += bytes;
            sample.2 += 1;
        }
    }

    /// An item could not be done.
    pub fn fail(&self) {
        self.failed.fetch_add(1, Relaxed);
    }

    /// Items done.
    #[must_use]
    pub fn items_done(&self) -> u64 {
        self.items.load(Relaxed)
    }

    /// Items that had been done before.
    #[must_use]
    pub fn items_skipped(&self) -> u64 {
        self.skipped.load(Relaxed)
    }

    /// So many items are held back now.
    pub fn hold(&self, items: u64) {
        self.held.store(items, Relaxed);
    }

    /// Items that are held back.
    #[must_use]
    pub fn held(&self) -> u64 {
        self.held.load(Relaxed)
    }

    /// Whoever follows what was sent has seen that so much of it has ended, after so many milliseconds of work.
    pub fn has_ended(&self, items: u64, total_ms: u64) {
        let ended = (Instant::now(), items, total_ms);
        *self.ended.lock().unwrap_or_else(PoisonError::into_inner) = Some(ended);
    }

    /// What has ended, as it was last seen: when, how many items, and how many milliseconds they took.
    #[must_use]
    pub fn ended(&self) -> Option<(Instant, u64, u64)> {
        *self.ended.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How it stands now.
    #[must_use]
    pub fn progress(&self, id: u64, label: &str, state: ProgressState) -> Progress {
        self.progress_at(id, label, state, Instant::now())
    }

    fn progress_at(&self, id: u64, label: &str, state: ProgressState, now: Instant) -> Progress {
        let (bytes, items) = (self.bytes.load(Relaxed), self.items.load(Relaxed));
        let known = |total: u64| (total != u64::MAX).then_some(total);
        let (bytes_total, items_total) =
            (known(self.bytes_total.load(Relaxed)), known(self.items_total.load(Relaxed)));
        let (byte_rate, item_rate) = self.rates(now, bytes, items);
        let left = |total: Option<u64>, done: u64, rate: f64| {
            total.filter(|_| rate > 0.0).map(|total| float(total.saturating_sub(done)) / rate)
        };
        // Many small files are bounded by their number, few large ones by their bytes: the later end holds.
        let eta = match (left(bytes_total, bytes, byte_rate), left(items_total, items, item_rate)) {
            (Some(a), Some(b)) if bytes_total.is_some_and(|total| total > bytes) => Some(a.max(b)),
            (a, b) => b.or(a),
        };
        Progress {
            id,
            label: label.to_owned(),
            bytes,
            bytes_total,
            items,
            items_total,
            failed: self.failed.load(Relaxed),
            held: self.held(),
            rate: byte_rate,
            eta_s: eta.filter(|_| state == ProgressState::Active),
            state,
        }
    }

    fn rates(&self, now: Instant, bytes: u64, items: u64) -> (f64, f64) {
        let mut samples = self.samples.lock().unwrap_or_else(PoisonError::into_inner);
        while samples.len() > 1 && samples.get(1).is_some_and(|next| now.duration_since(next.0) >= WINDOW) {
            samples.pop_front();
        }
        let (at, old_bytes, old_items) = samples.front().copied().unwrap_or((now, bytes, items));
        if samples.back().is_none_or(|last| now.duration_since(last.0) >= WINDOW / 50) {
            samples.push_back((now, bytes, items));
        }
        let seconds = now.duration_since(at).as_secs_f64();
        if seconds < 0.05 {
            return (0.0, 0.0);
        }
        (float(bytes.saturating_sub(old_bytes)) / seconds, float(items.saturating_sub(old_items)) / seconds)
    }
}

#[allow(clippy::cast_precision_loss, reason = "rates are approximate")]
pub(crate) const fn float(n: u64) -> f64 {
    n as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rate_and_remaining_time_follow_the_last_moments() {
        let meter = Meter::default();
        let start = Instant::now();
        meter.total(100, 1000);
        meter.skip(500);
        for second in 1..=20 {
            meter.bytes(10);
            let now = start + Duration::from_secs(second);
            let progress = meter.progress_at(1, "x", ProgressState::Active, now);
            assert!((9.0..=11.0).contains(&progress.rate), "{} at {second}", progress.rate);
            assert_eq!(progress.bytes, 500 + 10 * second);
        }
        let progress = meter.progress_at(1, "x", ProgressState::Active, start + Duration::from_secs(21));
        let eta = progress.eta_s.unwrap_or_default();
        assert!((30.0..50.0).contains(&eta), "{eta}");
    }
}
