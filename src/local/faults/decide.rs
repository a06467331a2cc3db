//! Which matches get a fault. The n-th match of a rule always gets the same answer for the same seed, whatever else
//! happens at the same time, so that a failure can be had again.

use super::kind::{EventFault, Fault, RequestFault};
use super::operation::{Caller, EVENT, Operation, TAIL_EVENT};
use super::plan::{Frequency, Plan, Rule};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::Notify;

/// A plan at work, or none. Cheap to clone.
#[derive(Clone, Default)]
pub struct Faults(Option<Arc<Inner>>);

struct Inner {
    seed: u64,
    rules: Vec<Counted>,
    /// Told whenever a request was answered, for those that are held.
    answered: Notify,
}

struct Counted {
    rule: Rule,
    matched: AtomicU64,
    injected: AtomicU64,
    /// Requests that `hold` waits for, answered so far.
    awaited: AtomicU64,
}

/// A fault that is to be injected.
#[derive(Clone, Debug, PartialEq)]
pub struct Ruling<T> {
    /// The fault.
    pub fault: T,
    /// Which rule, from 0.
    pub rule: usize,
    /// Which of its matches, from 1.
    pub nth: u64,
}

impl std::fmt::Debug for Faults {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Faults").field(&self.0.as_ref().map_or(0, |inner| inner.rules.len())).finish()
    }
}

impl Faults {
    /// None at all.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Those of a plan.
    #[must_use]
    pub fn of(plan: Plan) -> Self {
        let counted = |rule| Counted {
            rule,
            matched: AtomicU64::new(0),
            injected: AtomicU64::new(0),
            awaited: AtomicU64::new(0),
        };
        let rules = plan.rules.into_iter().map(counted).collect();
        Self(Some(Arc::new(Inner { seed: plan.seed, rules, answered: Notify::new() })))
    }

    /// Whether there is a plan.
    #[must_use]
    pub const fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// What happens to a request.
    #[must_use]
    pub fn request(
        &self,
        operation: Operation,
        who: Option<Caller>,
        path: &str,
    ) -> Option<Ruling<RequestFault>> {
        self.rule(operation, who, path, |fault| match fault {
            Fault::Request(fault) => Some(fault.clone()),
            _ => None,
        })
    }

    /// What happens to an event on its way to a function: one of a bucket (`s3`) or an invocation (`lambda`).
    #[must_use]
    pub fn event(&self, service: &'static str, text: &str) -> Option<Ruling<EventFault>> {
        self.rule(Operation { service, name: EVENT }, None, text, |fault| match fault {
            Fault::Event(fault) => Some(*fault),
            _ => None,
        })
    }

    /// Whether a Live Tail leaves an event out; then, whether it says so.
    #[must_use]
    pub fn tail(&self, message: &str) -> Option<bool> {
        let ruling =
            self.rule(Operation { service: "logs", name: TAIL_EVENT }, None, message, |fault| match fault {
                Fault::Tail { sampled } => Some(*sampled),
                _ => None,
            });
        ruling.map(|ruling| ruling.fault)
    }

    fn rule<T>(
        &self,
        operation: Operation,
        who: Option<Caller>,
        path: &str,
        wanted: impl Fn(&Fault) -> Option<T>,
    ) -> Option<Ruling<T>> {
        let inner = self.0.as_ref()?;
        let mut ruling = None;
        for (at, counted) in inner.rules.iter().enumerate() {
            let Some(fault) = wanted(&counted.rule.fault) else { continue };
            if !counted.rule.matches(operation, who, path) {
                continue;
            }
            // Every rule counts all its matches, so that rules do not depend on each other.
            let nth = counted.matched.fetch_add(1, Ordering::Relaxed) + 1;
            if ruling.is_none() && counted.rule.strikes(inner.seed, at, nth) && counted.take() {
                ruling = Some(Ruling { fault, rule: at, nth });
            }
        }
        ruling
    }

    /// A number between 0 and 1 that belongs to a match of a rule.
    #[must_use]
    pub fn chance<T>(&self, ruling: &Ruling<T>) -> f64 {
        let seed = self.0.as_ref().map_or(0, |inner| inner.seed);
        chance(seed, ruling.rule, ruling.nth)
    }

    /// Waits until as many requests have been answered as a rule that holds wants.
    pub(super) async fn hold(&self, rule: usize, times: u64) {
        let Some(inner) = &self.0 else { return };
        let Some(counted) = inner.rules.get(rule) else { return };
        loop {
            let answered = inner.answered.notified();
            tokio::pin!(answered);
            // Registered before the look, so that no answer is missed between the two.
            answered.as_mut().enable();
            if counted.awaited.load(Ordering::Acquire) >= times {
                return;
            }
            answered.await;
        }
    }

    /// A request was answered.
    pub(super) fn answered(&self, operation: Operation) {
        let Some(inner) = &self.0 else { return };
        for counted in &inner.rules {
            if let Fault::Request(RequestFault::Hold(until, _)) = &counted.rule.fault
                && until.covers(operation)
            {
                counted.awaited.fetch_add(1, Ordering::AcqRel);
                inner.answered.notify_waiters();
            }
        }
    }

    /// What was matched and injected, by rule; `None` without a plan.
    #[must_use]
    pub fn status(&self) -> Option<Value> {
        let inner = self.0.as_ref()?;
        let rules = inner.rules.iter().map(|counted| {
            json!({
                "on": counted.rule.on.to_string(),
                "fault": counted.rule.name,
                "matched": counted.matched.load(Ordering::Relaxed),
                "injected": counted.injected.load(Ordering::Relaxed),
            })
        });
        Some(Value::Array(rules.collect()))
    }
}

impl Counted {
    /// Counts an injection, unless there were enough.
    fn take(&self) -> bool {
        let most = self.rule.count;
        let more = |now: u64| (now < most).then_some(now + 1);
        self.injected.fetch_update(Ordering::AcqRel, Ordering::Acquire, more).is_ok()
    }
}

impl Rule {
    fn matches(&self, operation: Operation, who: Option<Caller>, path: &str) -> bool {
        self.on.covers(operation)
            && (self.who.is_none() || self.who == who)
            && self.path.as_deref().is_none_or(|part| path.contains(part))
    }

    /// Whether the n-th match (from 1) gets the fault.
    fn strikes(&self, seed: u64, at: usize, nth: u64) -> bool {
        let Some(nth) = nth.checked_sub(self.after).filter(|nth| *nth > 0) else { return false };
        match self.when {
            Frequency::Always => true,
            Frequency::First(first) => nth <= first,
            Frequency::Every(every) => nth.is_multiple_of(every),
            Frequency::Share(share) => chance(seed, at, nth) < share,
        }
    }
}

/// A number between 0 and 1, the same for the same arguments: three rounds of `SplitMix64`
/// (<https://prng.di.unimi.it/splitmix64.c>).
fn chance(seed: u64, rule: usize, nth: u64) -> f64 {
    let mut state = mix(seed);
    state = mix(state ^ rule as u64);
    state = mix(state ^ nth);
    #[allow(clippy::cast_precision_loss, reason = "53 bits fit")]
    let value = (state >> 11) as f64;
    value / 9_007_199_254_740_992.0
}

const fn mix(value: u64) -> u64 {
    let mut z = value.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// When an event comes, for the faults that move it.
impl Ruling<EventFault> {
    /// How much later it comes.
    #[must_use]
    pub fn later(&self, faults: &Faults) -> Option<Duration> {
        match self.fault {
            EventFault::Delayed(wait) => Some(wait),
            EventFault::Shuffled(most) => Some(most.mul_f64(faults.chance(self))),
            EventFault::Lost | EventFault::Duplicated => None,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const PUT: Operation = Operation { service: "s3", name: "PutObject" };
    const GET: Operation = Operation { service: "s3", name: "GetObject" };

    fn faults(rules: &str) -> Faults {
        Faults::of(Plan::parse(rules, "t").unwrap())
    }

    /// Which of the first matches get a fault.
    fn struck(faults: &Faults, operation: Operation, most: u64) -> Vec<u64> {
        (1..=most).filter(|_| faults.request(operation, None, "/b/k").is_some()).collect()
    }

    #[test]
    fn the_same_seed_strikes_the_same_whatever_else_happens() {
        let plan = |seed: u32| {
            format!("seed = {seed}\n[[rule]]\non = \"s3:PutObject\"\nfault = \"error\"\nshare = 0.3\n")
        };
        let alone = struck(&faults(&plan(1)), PUT, 1000);
        let among = faults(&plan(1));
        let mut seen = Vec::new();
        for nth in 1..=1000 {
            assert!(among.request(GET, None, "/b/k").is_none());
            if among.request(PUT, None, "/b/k").is_some() {
                seen.push(nth);
            }
        }
        assert_eq!(alone, seen);
        assert!((250..350).contains(&alone.len()), "{}", alone.len());
        assert_ne!(alone, struck(&faults(&plan(2)), PUT, 1000));
    }

    #[test]
    fn first_every_after_and_count_choose_matches() {
        let of = |when: &str| {
            struck(&faults(&format!("[[rule]]\non = \"s3:*\"\nfault = \"error\"\n{when}\n")), PUT, 12)
        };
        assert_eq!(of("first = 2"), [1, 2]);
        assert_eq!(of("first = 2\nafter = 3"), [4, 5]);
        assert_eq!(of("every = 4"), [4, 8, 12]);
        assert_eq!(of("every = 4\ncount = 1"), [4]);
        assert_eq!(of("after = 10"), [11, 12]);
    }

    #[test]
    fn the_first_rule_that_strikes_wins_and_each_counts_its_matches() {
        let faults = faults(
            "[[rule]]\non = \"s3:*\"\nfault = \"error\"\nfirst = 1\n[[rule]]\non = \"s3:PutObject\"\nfault = \"expired\"\npath = \"in/\"\n",
        );
        let kind = |path| faults.request(PUT, None, path).map(|ruling| ruling.fault);
        assert_eq!(kind("/b/in/1"), Some(RequestFault::Error));
        assert_eq!(kind("/b/in/2"), Some(RequestFault::Expired));
        assert_eq!(kind("/b/out/3"), None);
        let status = faults.status().unwrap();
        assert_eq!((&status[0]["matched"], &status[0]["injected"]), (&json!(3), &json!(1)));
        assert_eq!((&status[1]["matched"], &status[1]["injected"]), (&json!(2), &json!(1)));
        assert_eq!(Faults::none().status(), None);
    }
}
