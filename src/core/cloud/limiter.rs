//! A shared limit per API: a token bucket whose rate falls when the cloud throttles and grows again slowly.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A token bucket. Waiters reserve their turn, so that order is kept and nobody spins.
#[derive(Debug)]
pub struct Limiter {
    ceiling: f64,
    floor: f64,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    rate: f64,
    tokens: f64,
    at: Instant,
    lowered: Option<Instant>,
}

/// How much of the rate is left after the cloud throttled.
const CUT: f64 = 0.6;
/// Throttled answers within this time of a cut belong to it.
const CUT_ONCE_IN: Duration = Duration::from_millis(500);
/// The rate grows back by this part of the ceiling each second.
const GROWTH_PER_S: f64 = 0.05;

impl Limiter {
    /// At most `rate` calls per second, with bursts of one second's worth.
    #[must_use]
    pub fn new(rate: f64) -> Self {
        let state = State { rate, tokens: rate, at: Instant::now(), lowered: None };
        Self { ceiling: rate, floor: (rate / 50.0).max(0.2), state: Mutex::new(state) }
    }

    /// Waits for this call's turn. Cancel-safe only in that a reserved turn is lost.
    pub async fn acquire(&self) {
        let wait = self.reserve(Instant::now());
        if !wait.is_zero() {
            tokio::time::sleep(wait).await;
        }
    }

    /// Tells that the cloud throttled a call.
    pub fn throttled(&self) {
        self.throttled_at(Instant::now());
    }

    fn throttled_at(&self, now: Instant) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.lowered.is_some_and(|at| now.saturating_duration_since(at) < CUT_ONCE_IN) {
            return;
        }
        self.refill(&mut state, now);
        state.rate = (state.rate * CUT).max(self.floor);
        state.tokens = state.tokens.min(0.0);
        state.lowered = Some(now);
    }

    /// Calls per second that are allowed now.
    #[must_use]
    pub fn rate(&self) -> f64 {
        self.rate_at(Instant::now())
    }

    fn rate_at(&self, now: Instant) -> f64 {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        self.refill(&mut state, now);
        state.rate
    }

    fn reserve(&self, now: Instant) -> Duration {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        self.refill(&mut state, now);
        state.tokens -= 1.0;
        if state.tokens >= 0.0 {
            return Duration::ZERO;
        }
        Duration::from_secs_f64(-state.tokens / state.rate)
    }

    fn refill(&self, state: &mut State, now: Instant) {
        let elapsed = now.saturating_duration_since(state.at).as_secs_f64();
        state.at = now;
        state.tokens = elapsed.mul_add(state.rate, state.tokens).min(state.rate.max(1.0));
        state.rate = (self.ceiling * GROWTH_PER_S).mul_add(elapsed, state.rate).min(self.ceiling);
    }
}

/// The limits of one context, shared by everything that calls it. Rates: calls per second.
#[derive(Debug)]
pub struct Limits {
    /// Lambda's control plane (all calls but Invoke and `GetFunction`).
    pub lambda_control: Limiter,
    /// Lambda's `GetFunction`.
    pub lambda_get: Limiter,
    /// Lambda's Invoke.
    pub lambda_invoke: Limiter,
    /// S3 calls that write.
    pub s3_write: Limiter,
    /// S3 calls that read.
    pub s3_read: Limiter,
    /// `FilterLogEvents`: 5 to 25 per second by region.
    pub logs_filter: Limiter,
    /// Every other call to `CloudWatch` Logs.
    pub logs_control: Limiter,
    /// Everything else: IAM, ECR, STS.
    pub other: Limiter,
}

impl Limits {
    /// AWS's quotas with some room for others. The local cloud has none to speak of.
    #[must_use]
    pub fn new(local: bool) -> Self {
        let limit = |aws: f64| Limiter::new(if local { 100_000.0 } else { aws });
        Self {
            lambda_control: limit(12.0),
            lambda_get: limit(80.0),
            lambda_invoke: limit(2_000.0),
            s3_write: limit(3_000.0),
            s3_read: limit(5_000.0),
            logs_filter: limit(4.0),
            logs_control: limit(8.0),
            other: limit(8.0),
        }
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
        for _ in 0..50 {
            limiter.throttled_at(now);
        }
        assert!((59.0..61.0).contains(&limiter.rate_at(now)), "one cut, not fifty");
        assert!(limiter.reserve(now) > Duration::ZERO, "the burst is gone");
        let now = now + Duration::from_secs(1);
        limiter.throttled_at(now);
        assert!((35.0..45.0).contains(&limiter.rate_at(now)));
        let now = now + Duration::from_mins(1);
        assert!((limiter.rate_at(now) - 100.0).abs() < 1e-6);
    }

    #[test]
    fn the_rate_never_falls_to_nothing() {
        let limiter = Limiter::new(10.0);
        let mut now = Instant::now();
        for _ in 0..100 {
            now += CUT_ONCE_IN;
            limiter.throttled_at(now);
        }
        assert!(limiter.rate_at(now) >= 0.2);
    }
}
