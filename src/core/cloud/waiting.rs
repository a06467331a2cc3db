//! Requests that nobody has answered yet, of every context: a person who waits wants to know for whom.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Open requests in the order in which they were sent: when, and the host.
static OPEN: Mutex<BTreeMap<u64, (Instant, String)>> = Mutex::new(BTreeMap::new());
static NEXT: AtomicU64 = AtomicU64::new(0);

fn open() -> MutexGuard<'static, BTreeMap<u64, (Instant, String)>> {
    OPEN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A request that waits for its answer until this is dropped.
#[derive(Debug)]
pub(super) struct Waiting(u64);

impl Waiting {
    pub fn of(host: &str) -> Self {
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        open().insert(id, (Instant::now(), host.to_owned()));
        Self(id)
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        open().remove(&self.0);
    }
}

/// The host, `name[:port]`, that has left a request without an answer for this time or longer.
#[must_use]
pub fn waiting_for(time: Duration) -> Option<String> {
    let open = open();
    let (since, host) = open.values().next()?;
    (since.elapsed() >= time).then(|| host.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_request_is_told_until_it_is_answered() {
        // Other tests of this process may wait for somebody, too.
        let ours = || open().values().any(|(_, host)| host == "slow.example");
        let waiting = Waiting::of("slow.example");
        assert!(ours() && waiting_for(Duration::ZERO).is_some());
        assert!(waiting_for(Duration::from_hours(1)).is_none());
        drop(waiting);
        assert!(!ours());
    }
}
