//! The clock, and numbers that grow with it.

use std::sync::atomic::{AtomicU64, Ordering};

/// Milliseconds since 1970.
#[must_use]
pub fn now_ms() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}

/// A number that grows with every call, and over restarts as long as the clock does.
#[derive(Debug, Default)]
pub struct Sequencer(AtomicU64);

impl Sequencer {
    /// The next number.
    pub fn next(&self) -> u64 {
        let now = u64::try_from(jiff::Timestamp::now().as_microsecond()).unwrap_or_default();
        let advance = |last: u64| Some(now.max(last + 1));
        let last = self.0.fetch_update(Ordering::AcqRel, Ordering::Acquire, advance).unwrap_or_default();
        now.max(last + 1)
    }
}
