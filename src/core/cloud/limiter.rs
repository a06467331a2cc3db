//! A shared limit: a token bucket whose rate falls when the cloud throttles and grows again slowly.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A token bucket. Waiters reserve their turn, so that order is kept and nobody spins.
#[derive(Debug)]
pub struct Limiter {
    ceiling: f64,
    floor: f64,
    burst: f64,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    rate: f64,
    tokens: f64,
    at: Instant,
    lowered: Option<Instant>,
    /// Nobody's turn comes before, because the cloud said so.
    held: Option<Instant>,
    throttled: u64,
    /// Calls of the second that is running, when it began, and calls of the one before.
    second: (Instant, f64, f64),
}

/// How a limiter stands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pace {
    /// Calls per second that are allowed now.
    pub rate: f64,
    /// Calls per second that are allowed when the cloud does not throttle.
    pub ceiling: f64,
    /// Answers so far that said there were too many calls.
    pub throttled: u64,
    /// Whether it is slower than it could be, because the cloud throttled.
    pub slowed: bool,
}

/// How much of the rate is left after the cloud throttled.
const CUT: f64 = 0.6;
/// Throttled answers within this time of a cut belong to it.
const CUT_ONCE_IN: Duration = Duration::from_millis(500);
/// The rate grows back by this part of the ceiling each second.
const GROWTH_PER_S: f64 = 0.05;
/// Rates above this are no quota that is known, but a bound.
const KNOWN: f64 = 50_000.0;
/// And there the rate grows by this part of itself each second.
const GROWTH_UNKNOWN: f64 = 0.25;
/// The cloud may ask for a pause of at most this length.
const LONGEST_HOLD: Duration = Duration::from_mins(1);

impl State {
    fn count(&mut self, now: Instant) {
        let (began, running, _) = self.second;
        let passed = now.saturating_duration_since(began);
        if passed >= Duration::from_secs(1) {
            let before = if passed < Duration::from_secs(2) { running } else { 0.0 };
            self.second = (now, 0.0, before);
        }
        self.second.1 += 1.0;
    }

    /// Calls per second lately.
    fn observed(&self, now: Instant) -> f64 {
        let (began, running, before) = self.second;
        let passed = now.saturating_duration_since(began).as_secs_f64();
        before.max(running / passed.max(1.0))
    }
}

impl Limiter {
    /// At most `rate` calls per second, with bursts of one second's worth.
    #[must_use]
    pub fn new(rate: f64) -> Self {
        Self::with_burst(rate, rate)
    }

    /// At most `rate` calls per second, and `burst` more after a pause.
    #[must_use]
    pub fn with_burst(rate: f64, burst: f64) -> Self {
        let burst = burst.max(1.0);
        let at = Instant::now();
        let (lowered, held) = (None, None);
        let state = State { rate, tokens: burst, at, lowered, held, throttled: 0, second: (at, 0.0, 0.0) };
        let floor = if rate > KNOWN { 1.0 } else { (rate / 50.0).max(0.2) };
        Self { ceiling: rate, floor, burst, state: Mutex::new(state) }
    }

    /// Waits for this call's turn. Cancel-safe only in that a reserved turn is lost.
    pub async fn acquire(&self) {
        let mut wait = self.reserve(Instant::now());
        while !wait.is_zero() {
            tokio::time::sleep(wait).await;
            // Meanwhile the cloud may have asked for a pause.
            wait = self.held(Instant::now());
        }
    }

    /// Tells that the cloud throttled a call, and the pause that it asked for.
    pub fn throttled(&self, pause: Option<Duration>) {
        self.throttled_at(Instant::now(), pause);
    }

    fn throttled_at(&self, now: Instant, pause: Option<Duration>) {
        let mut state = self.lock();
        state.throttled += 1;
        if let Some(pause) = pause {
            let until = now + pause.min(LONGEST_HOLD);
            state.held = Some(state.held.map_or(until, |held| held.max(until)));
        }
        if state.lowered.is_some_and(|at| now.saturating_duration_since(at) < CUT_ONCE_IN) {
            return;
        }
        self.refill(&mut state, now);
        if self.ceiling > KNOWN {
            // Nobody knows this cloud's limit: what it refused is what it was asked.
            state.rate = state.rate.min(state.observed(now).max(1.0));
        }
        state.rate = (state.rate * CUT).max(self.floor);
        state.tokens = state.tokens.min(0.0);
        state.lowered = Some(now);
    }

    /// How it stands.
    #[must_use]
    pub fn pace(&self) -> Pace {
        self.pace_at(Instant::now())
    }

    fn pace_at(&self, now: Instant) -> Pace {
        let mut state = self.lock();
        self.refill(&mut state, now);
        let held = state.held.is_some_and(|until| until > now);
        Pace {
            rate: if held { 0.0 } else { state.rate },
            ceiling: self.ceiling,
            throttled: state.throttled,
            slowed: held || state.rate < self.ceiling * 0.999,
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn reserve(&self, now: Instant) -> Duration {
        let mut state = self.lock();
        self.refill(&mut state, now);
        state.count(now);
        state.tokens -= 1.0;
        let held = state.held.map_or(Duration::ZERO, |until| until.saturating_duration_since(now));
        if state.tokens >= 0.0 {
            return held;
        }
        held.max(Duration::from_secs_f64(-state.tokens / state.rate))
    }

    fn held(&self, now: Instant) -> Duration {
        self.lock().held.map_or(Duration::ZERO, |until| until.saturating_duration_since(now))
    }

    fn refill(&self, state: &mut State, now: Instant) {
        let elapsed = now.saturating_duration_since(state.at).as_secs_f64();
        state.at = now;
        state.tokens = elapsed.mul_add(state.rate, state.tokens).min(self.burst);
        // Where the limit is not known, a part of what goes well, so that it is found again slowly.
        let step =
            if self.ceiling > KNOWN { GROWTH_UNKNOWN * state.rate } else { GROWTH_PER_S * self.ceiling };
        state.rate = step.mul_add(elapsed, state.rate).min(self.ceiling);
    }
}

#[cfg(test)]
impl Limiter {
    /// A call at a moment.
    pub(super) fn called_at(&self, now: Instant) {
        self.reserve(now);
    }

    /// How it stands right after the cloud throttled it at a moment.
    pub(super) fn throttled_and_pace(&self, now: Instant) -> Pace {
        self.throttled_at(now, None);
        self.pace_at(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_free_and_then_turns_are_spread_at_the_rate() {
        let limiter = Limiter::new(10.0);
        let now = Instant::now();
        let waits: Vec<_> = (0..30).map(|_| limiter.reserve(now).as_secs_f64()).collect();
        assert!(waits[..10].iter().all(|wait| *wait == 0.0), "{waits:?}");
        assert!((waits[10] - 0.1).abs() < 0.01 && (waits[29] - 2.0).abs() < 0.01, "{waits:?}");
        let later = now + Duration::from_secs(2);
        assert!(limiter.reserve(later).as_secs_f64() <= 0.11, "the backlog is worked off");
    }

    #[test]
    fn throttling_lowers_the_rate_once_and_it_grows_back() {
        let limiter = Limiter::new(100.0);
        let now = Instant::now();
        assert!(!limiter.pace_at(now).slowed);
        for _ in 0..50 {
            limiter.throttled_at(now, None);
        }
        let pace = limiter.pace_at(now);
        assert!((59.0..61.0).contains(&pace.rate), "one cut, not fifty");
        assert_eq!((pace.slowed, pace.throttled), (true, 50));
        assert!(limiter.reserve(now) > Duration::ZERO, "the burst is gone");
        let now = now + Duration::from_secs(1);
        limiter.throttled_at(now, None);
        assert!((35.0..45.0).contains(&limiter.pace_at(now).rate));
        let pace = limiter.pace_at(now + Duration::from_mins(1));
        assert!((pace.rate - 100.0).abs() < 1e-6 && !pace.slowed);
    }

    #[test]
    fn a_pause_that_the_cloud_asks_for_is_kept_within_reason() {
        let limiter = Limiter::new(100.0);
        let now = Instant::now();
        limiter.throttled_at(now, Some(Duration::from_secs(7)));
        limiter.throttled_at(now, Some(Duration::from_secs(3)));
        assert_eq!(limiter.reserve(now), Duration::from_secs(7));
        assert!(limiter.pace_at(now).slowed);
        assert!(limiter.reserve(now + Duration::from_secs(7)) < Duration::from_millis(100));
        limiter.throttled_at(now, Some(Duration::from_hours(9)));
        assert_eq!(limiter.held(now), LONGEST_HOLD);
    }

    #[test]
    fn the_rate_never_falls_to_nothing() {
        let limiter = Limiter::new(10.0);
        let mut now = Instant::now();
        for _ in 0..100 {
            now += CUT_ONCE_IN;
            limiter.throttled_at(now, None);
        }
        assert!(limiter.pace_at(now).rate >= 0.2);
    }
}
