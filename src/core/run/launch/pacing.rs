//! How many tasks of a run may be under way, so that none grows too old in the queue of its function.
//!
//! Lambda keeps an event for six hours at most, and what has not begun by then never does. So no more is sent than drains in half
//! of that time. What drains is reckoned from what has ended, together with as many tasks as run at a time, each of which takes all
//! of its time: at the beginning they are all that is known, later they weigh little. That is no less than the tasks take on
//! average even where short ones have ended first. Once the run has been watched for long enough, what has really drained is a
//! second limit: others may have a part in what the account can run.

use crate::run::cloud::FunctionFacts;
use crate::run::{RunContext, RunHeader};
use crate::words;
use std::collections::VecDeque;
use std::time::Duration;

/// How long Lambda keeps an event, in seconds, where a function does not say.
const EVENT_AGE_S: u32 = 21_600;
/// Most seconds that Lambda lets a function run.
const LONGEST_S: u32 = 900;
/// Fewest invocations at a time that an account has (new ones have no more): of what even these drain nobody is asked.
const FEWEST: u64 = 10;
/// What an account has that does not tell.
const USUAL: u64 = 1_000;
/// What has drained is measured over so long, and over no less than the time that a task may take.
const MEASURED: Duration = Duration::from_mins(30);
/// Least time that says anything of it.
const LEAST: Duration = Duration::from_mins(1);
/// Between two samples of what has ended.
const APART: Duration = Duration::from_secs(5);

/// What of a run has ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ended {
    /// Its launched tasks that have.
    pub tasks: u64,
    /// How long their attempts took together, in milliseconds.
    pub total_ms: u64,
}

/// What is known of a function's queue before anything has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pacing {
    /// Invocations at a time.
    pub concurrency: u64,
    /// How long a task may take, in seconds.
    pub timeout_s: u64,
    /// What is sent has begun after so many seconds.
    pub within_s: u64,
    /// Tasks that share an invocation.
    pub each: u64,
}

impl Pacing {
    /// Of a run; `None` when all of it may be sent at once.
    pub async fn of(context: &RunContext, header: &RunHeader, facts: &FunctionFacts) -> Option<Self> {
        let known = |seconds: u32, otherwise: u32| if seconds == 0 { otherwise } else { seconds };
        let timeout_s = header.overrides.timeout_s.unwrap_or(facts.timeout_s);
        let of = |concurrency: u64| Self {
            concurrency: concurrency.max(1),
            timeout_s: known(timeout_s, LONGEST_S).into(),
            within_s: u64::from(known(facts.event_age_s, EVENT_AGE_S)) / 2,
            each: header.pack.as_ref().map_or(1, |rule| rule.tasks.max(1)),
        };
        let drains = |pacing: &Self| header.tasks <= pacing.limit(Ended::default());
        let concurrency = match facts.concurrency {
            Some(reserved) => reserved.into(),
            None if !context.local && drains(&of(FEWEST)) => return None,
            None => context.functions.concurrency().await.ok().flatten().unwrap_or(USUAL),
        };
        Some(of(concurrency)).filter(|pacing| !drains(pacing))
    }

    /// How many tasks may be under way when so much has ended.
    pub fn limit(&self, ended: Ended) -> u64 {
        let [concurrency, within_s, timeout_s, tasks, total_ms] =
            [self.concurrency, self.within_s, self.timeout_s, ended.tasks, ended.total_ms].map(u128::from);
        // What a record's name says was written by anybody, so that no number is too large.
        let took_ms = concurrency.saturating_mul(timeout_s * 1000).saturating_add(total_ms);
        let drains =
            concurrency.saturating_mul(within_s * 1000).saturating_mul(tasks + concurrency) / took_ms.max(1);
        u64::try_from(drains).unwrap_or(u64::MAX).max(self.fewest())
    }

    /// Fewer would leave invocations unused.
    const fn fewest(&self) -> u64 {
        self.concurrency.saturating_mul(self.each)
    }

    /// What a person should know of a run that is paced.
    pub fn told(&self, tasks: u64) -> String {
        format!(
            "of {}, {} are sent at first, the rest as these end: so many begin within {} even if each takes its {} s, {} at a time. What \
             waits longer than {} in the queue would never begin. When throng is ended before, the rest stays pending, and \
             `throng run --resume` on this machine goes on",
            words::plural(tasks, "task"),
            words::count(self.limit(Ended::default())),
            words::duration(self.within_s * 1000),
            self.timeout_s,
            words::count(self.concurrency),
            words::duration(self.within_s * 2000),
        )
    }
}

/// What has drained lately.
#[derive(Debug, Default)]
pub struct Drain {
    /// When so many tasks had ended, oldest first.
    samples: VecDeque<(Duration, u64)>,
}

impl Drain {
    /// At `now`, counted from any moment, so many tasks have ended.
    pub fn note(&mut self, now: Duration, tasks: u64, pacing: &Pacing) {
        if self.samples.back().is_some_and(|(at, _)| now.saturating_sub(*at) < APART) {
            return;
        }
        self.samples.push_back((now, tasks));
        // The oldest that is kept is from before the time over which is measured.
        while self.samples.get(1).is_some_and(|(at, _)| now.saturating_sub(*at) >= measured(pacing)) {
            self.samples.pop_front();
        }
    }

    /// How many tasks drain in the time there is at the pace of late; `None` while that is not known.
    pub fn limit(&self, now: Duration, tasks: u64, pacing: &Pacing) -> Option<u64> {
        let (from, before) = self.samples.front()?;
        let over = now.saturating_sub(*from);
        if over < LEAST.max(Duration::from_secs(pacing.timeout_s)) {
            return None;
        }
        let ended = u128::from(tasks.saturating_sub(*before));
        let drains = ended * u128::from(pacing.within_s) * 1000 / over.as_millis().max(1);
        Some(u64::try_from(drains).unwrap_or(u64::MAX).max(pacing.fewest()))
    }
}

/// Twice what a task may take: whatever ends in bursts does so more than once in it.
fn measured(pacing: &Pacing) -> Duration {
    MEASURED.max(Duration::from_secs(pacing.timeout_s.saturating_mul(2)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cmp::Reverse;
    use std::collections::BinaryHeap;

    const fn pacing(concurrency: u64, timeout_s: u64) -> Pacing {
        Pacing { concurrency, timeout_s, within_s: 10_800, each: 1 }
    }

    #[test]
    fn at_first_as_much_is_sent_as_drains_at_worst() {
        let at_first = |pacing: Pacing| pacing.limit(Ended::default());
        assert_eq!(at_first(pacing(1_000, 900)), 12_000);
        assert_eq!(at_first(pacing(1_000, 60)), 180_000);
        assert_eq!(at_first(pacing(10, 900)), 120);
        // Where hardly anything drains, whatever can run at a time is sent all the same.
        assert_eq!(at_first(Pacing { within_s: 30, ..pacing(10, 900) }), 10);
        assert_eq!(at_first(Pacing { within_s: 30, each: 50, ..pacing(10, 900) }), 500, "packs");
        assert_eq!(at_first(pacing(u64::MAX, 0)), u64::MAX);
        assert_eq!(at_first(Pacing { concurrency: 1, timeout_s: u64::MAX, within_s: 0, each: 1 }), 1);
    }

    #[test]
    fn what_has_ended_tells_more_and_more() {
        let limit =
            |tasks: u64, each_ms: u64| pacing(1_000, 900).limit(Ended { tasks, total_ms: tasks * each_ms });
        assert_eq!(limit(1_000_000_000, 60_000), 179_997, "what drains in three hours, as well as is known");
        assert!((30_000..40_000).contains(&limit(2_000, 60_000)), "a minute each, two minutes on");
        assert_eq!(limit(1_000, 900_000), 12_000, "as bad as it can be");
        let wrong = pacing(1_000, 900).limit(Ended { tasks: u64::MAX, total_ms: u64::MAX });
        assert!(wrong > 1_000, "{wrong}");
    }

    #[test]
    fn what_has_drained_is_believed_once_it_was_watched_for_long_enough() {
        let (pacing, mut drain) = (pacing(100, 900), Drain::default());
        let at = |seconds| Duration::from_secs(seconds);
        for second in 0..=3_600 {
            drain.note(at(second), second, &pacing);
            let limit = drain.limit(at(second), second, &pacing);
            assert_eq!(limit.is_some(), second >= 900, "{second}");
            assert!(limit.is_none_or(|limit| limit == 10_800), "one a second: {limit:?}");
        }
        assert!(drain.samples.len() < 400);
        // Nothing drains any more: no more is sent than can run.
        for second in 3_600..=7_200 {
            drain.note(at(second), 3_600, &pacing);
        }
        assert_eq!(drain.limit(at(7_200), 3_600, &pacing), Some(100));
    }

    /// A run, second by second: `servers` invocations at a time, of tasks that take so many seconds, and the gate before them.
    /// Gives the longest wait in the queue, and for how many seconds an invocation was unused while tasks were held back.
    fn simulate(pacing: &Pacing, servers: usize, tasks: u64, took_s: impl Fn(u64) -> u64) -> (u64, u64) {
        let (mut queue, mut running) = (VecDeque::new(), BinaryHeap::new());
        let (mut sent, mut ended, mut drain) = (0, Ended::default(), Drain::default());
        let (mut longest, mut unused, mut now) = (0, 0, 0_u64);
        while ended.tasks < tasks {
            while running.peek().is_some_and(|Reverse((end, _))| *end <= now) {
                let took = running.pop().map_or(0, |Reverse((_, took))| took);
                ended = Ended { tasks: ended.tasks + 1, total_ms: ended.total_ms + took * 1000 };
            }
            let at = Duration::from_secs(now);
            drain.note(at, ended.tasks, pacing);
            let limit = pacing.limit(ended).min(drain.limit(at, ended.tasks, pacing).unwrap_or(u64::MAX));
            // As fast as invocations are made.
            let free = limit.saturating_sub(sent - ended.tasks).min(4_000).min(tasks - sent);
            queue.extend((sent..sent + free).map(|task| (task, now)));
            sent += free;
            while running.len() < servers
                && let Some((task, at)) = queue.pop_front()
            {
                let took = took_s(task);
                longest = longest.max(now - at);
                running.push(Reverse((now + took, took)));
            }
            unused += u64::from(running.len() < servers && sent < tasks);
            now += 1;
        }
        (longest, unused)
    }

    /// A number that looks random.
    fn mixed(task: u64) -> u64 {
        task.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40
    }

    /// How long a task takes.
    type Seconds = fn(u64) -> u64;

    #[test]
    fn nothing_grows_too_old_and_nothing_is_idle() {
        let pacing = pacing(100, 900);
        let of: [(&str, usize, u64, Seconds); 6] = [
            ("a minute each", 100, 60_000, |_| 60),
            ("all of its time", 100, 6_000, |_| 900),
            ("a second each", 100, 100_000, |_| 1),
            ("short and long ones", 100, 12_000, |task| if mixed(task).is_multiple_of(2) { 1 } else { 900 }),
            ("few long ones", 100, 40_000, |task| if mixed(task).is_multiple_of(50) { 900 } else { 2 }),
            ("others have four of five", 20, 12_000, |_| 200),
        ];
        for (what, servers, tasks, took_s) in of {
            let (longest, unused) = simulate(&pacing, servers, tasks, took_s);
            assert!(longest < u64::from(EVENT_AGE_S), "{what}: {longest} s");
            assert!(unused < 5, "{what}: {unused} s");
        }
    }

    /// What would expire if all were sent at once, of a million tasks of a minute, a thousand at a time: the 64 %.
    #[test]
    fn a_million_minutes_begin_in_time() {
        // A hundredth of both, which takes as long.
        let (longest, unused) = simulate(&pacing(10, 900), 10, 10_000, |_| 60);
        assert!((3_600..u64::from(EVENT_AGE_S)).contains(&longest) && unused < 5, "{longest} s, {unused} s");
        let all_at_once = Pacing { within_s: u64::from(u32::MAX), ..pacing(10, 900) };
        let (longest, _) = simulate(&all_at_once, 10, 10_000, |_| 60);
        assert!(longest > 2 * u64::from(EVENT_AGE_S), "{longest} s");
    }
}
