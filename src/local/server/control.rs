//! `/_throng/status` and `/_throng/stop`, and what they tell.

use super::dispatch::Services;
use crate::protocol::body::{Body, json};
use http::{Response, StatusCode};
use serde_json::json as value;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// What the daemon is doing: for its status, and to know when it is idle.
#[derive(Debug)]
pub struct Activity {
    started: Instant,
    last: AtomicU64,
    requests: AtomicU64,
    open: AtomicUsize,
    stop: Notify,
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

/// The answer to `/_throng/status`. Counting objects reads all their records, so it is done when asked for:
/// `/_throng/status?counts`.
pub async fn status(services: &Services, counts: bool) -> Response<Body> {
    let activity = &services.activity;
    let mut status = value!({
        "version": env!("CARGO_PKG_VERSION"),
        "pid": std::process::id(),
        "uptimeMs": u64::try_from(activity.started.elapsed().as_millis()).unwrap_or(u64::MAX),
        "requests": activity.requests.load(Ordering::Relaxed),
        "openRequests": activity.open.load(Ordering::Relaxed),
        "busy": services.busy(),
        "memoryBytes": resident_bytes(),
    });
    if let Some(lambda) = &services.lambda
        && let Some(shown) = lambda.status().await
    {
        status["lambda"] = shown;
    }
    if let Some(faults) = services.faults.status() {
        status["faults"] = faults;
    }
    if counts
        && let (Ok((buckets, objects, bytes)), Some(map)) =
            (services.store.totals().await, status.as_object_mut())
    {
        map.insert("buckets".into(), buckets.into());
        map.insert("objects".into(), objects.into());
        map.insert("objectBytes".into(), bytes.into());
    }
    json(StatusCode::OK, &status)
}

/// Resident memory of this process; `None` where it cannot be told.
fn resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
}
