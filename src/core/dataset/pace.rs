//! How many requests are in flight: grows while the cloud keeps up, falls when it throttles (AIMD).

use crate::cloud::{CloudError, ErrorKind};
use std::ops::ControlFlow;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

const START: f64 = 16.0;
const FLOOR: f64 = 2.0;
const CUT: f64 = 0.6;
/// Refusals within this time of a cut belong to it.
const CUT_ONCE_IN: Duration = Duration::from_millis(500);
/// Tries of one request, with the pauses between them about a minute and a half.
const TRIES: u32 = 10;
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(20);

/// A window of requests in flight.
#[derive(Debug)]
pub struct Pace {
    most: f64,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    window: f64,
    /// No refusal yet: the window doubles with each round.
    starting: bool,
    cut: Option<Instant>,
}

impl Pace {
    /// At most `most` in flight.
    #[must_use]
    pub fn new(most: u32) -> Self {
        let most = f64::from(most.max(1));
        Self { most, state: Mutex::new(State { window: START.min(most), starting: true, cut: None }) }
    }

    /// How many may be in flight now.
    #[must_use]
    pub fn window(&self) -> usize {
        let window = self.state.lock().unwrap_or_else(PoisonError::into_inner).window;
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 1 and u32::MAX")]
        let whole = window as usize;
        whole.max(1)
    }

    /// A request went well.
    pub fn went_well(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let step = if state.starting { 1.0 } else { 1.0 / state.window };
        state.window = (state.window + step).min(self.most);
    }

    /// A request was refused for coming too fast.
    pub fn throttled(&self) {
        let now = Instant::now();
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.cut.is_some_and(|at| now.duration_since(at) < CUT_ONCE_IN) {
            return;
        }
        state.window = (state.window * CUT).max(FLOOR.min(self.most));
        state.starting = false;
        state.cut = Some(now);
    }

    /// Calls until it goes well, with growing pauses, as long as the error may pass.
    pub async fn insist<T, F>(&self, mut call: impl FnMut() -> F) -> Result<T, CloudError>
    where
        F: Future<Output = Result<T, CloudError>>,
    {
        let (mut pause, mut tries) = (FIRST_PAUSE, 0);
        loop {
            tries += 1;
            let error = match call().await {
                Ok(value) => {
                    self.went_well();
                    return Ok(value);
                }
                Err(error) => error,
            };
            if matches!(error.kind, ErrorKind::Throttled) {
                self.throttled();
            }
            if !error.is_transient() || tries >= TRIES {
                return Err(error);
            }
            // Half of the pause at random, so that refused requests do not come back together.
            tokio::time::sleep(pause.mul_f64(0.5 + rand::random::<f64>() / 2.0)).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }
}

/// Runs futures, as many at a time as the window allows, until there are no more, `done` says to stop, or it is
/// cancelled (those in flight are dropped then).
pub async fn drive<T, F>(
    pace: &Pace,
    cancel: &CancellationToken,
    mut next: impl FnMut() -> Option<F> + Send,
    mut done: impl FnMut(T) -> ControlFlow<()> + Send,
) where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let mut flight = JoinSet::new();
    let mut more = true;
    loop {
        while more && flight.len() < pace.window() {
            match next() {
                Some(future) => drop(flight.spawn(future)),
                None => more = false,
            }
        }
        tokio::select! {
            biased;
            () = cancel.cancelled() => break,
            ended = flight.join_next() => match ended {
                None => break,
                Some(Ok(value)) => if done(value).is_break() { break },
                Some(Err(error)) => tracing::error!(%error, "a transfer's task ended badly"),
            }
        }
    }
    flight.shutdown().await;
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn the_window_doubles_then_halves_then_creeps() {
        let pace = Pace::new(100);
        for _ in 0..200 {
            pace.went_well();
        }
        assert_eq!(pace.window(), 100);
        for _ in 0..50 {
            pace.throttled();
        }
        assert_eq!(pace.window(), 60, "one cut, not fifty");
        for _ in 0..60 {
            pace.went_well();
        }
        assert!((60..=61).contains(&pace.window()), "one more per round");
    }

    #[tokio::test]
    async fn no_more_than_the_window_are_in_flight_and_all_are_run() {
        let pace = Pace::new(8);
        let (now, peak) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let mut items = 0..100;
        let mut sum = 0;
        let next = || {
            let (now, peak) = (now.clone(), peak.clone());
            items.next().map(|n| async move {
                peak.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                tokio::task::yield_now().await;
                now.fetch_sub(1, Ordering::SeqCst);
                n
            })
        };
        let done = |n: i32| {
            sum += n;
            ControlFlow::Continue(())
        };
        drive(&pace, &CancellationToken::new(), next, done).await;
        assert_eq!(sum, 4950);
        assert!((2..=8).contains(&peak.load(Ordering::SeqCst)));
    }
}
