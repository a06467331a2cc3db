//! What the daemon is doing.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// What the daemon is doing: for its status, and to know when it is idle.
#[derive(Debug)]
pub struct Activity {
    pub(super) started: Instant,
    pub(super) last: AtomicU64,
    pub(super) requests: AtomicU64,
    pub(super) open: AtomicUsize,
    pub(super) stop: Notify,
}

impl Default for Activity {
    fn default() -> Self {
        Self {
            started: Instant::now(),
            last: AtomicU64::new(0),
            requests: AtomicU64::new(0),
            open: AtomicUsize::new(0),
            stop: Notify::new(),
        }
    }
}

/// A request that is being answered.
pub struct Busy<'a>(&'a Activity);

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
        self.0.touch();
    }
}

impl Activity {
    fn touch(&self) {
        let now = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last.store(now, Ordering::Relaxed);
    }

    /// A request has come.
    pub fn begin(&self) -> Busy<'_> {
        self.requests.fetch_add(1, Ordering::Relaxed);
        self.open.fetch_add(1, Ordering::Relaxed);
        self.touch();
        Busy(self)
    }

    /// How long no request has been there.
    #[must_use]
    pub fn idle_for(&self) -> Duration {
        if self.open.load(Ordering::Relaxed) > 0 {
            return Duration::ZERO;
        }
        self.started.elapsed().saturating_sub(Duration::from_millis(self.last.load(Ordering::Relaxed)))
    }

    /// Asks the daemon to end.
    pub fn request_stop(&self) {
        self.stop.notify_one();
    }

    /// Waits until someone asks the daemon to end.
    pub async fn stop_requested(&self) {
        self.stop.notified().await;
    }
}
