//! Following logs: tails and a sweep into one buffer.

use super::buffer::{Bound, LogBuffer};
use super::client::{LogClient, LogGroup};
use super::merge::Merge;
use super::news::LogUpdate;
use super::parse::pattern_for;
use super::sweep::{Sweep, SweepAnswer, SweepPace};
use super::tails;
use crate::cloud::{ErrorKind, duration_ms, now_ms};
use crate::model::Millis;
use crate::model::{LogQuery, LogView};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;

/// Views are published at most this often.
const PUBLISH: Duration = Duration::from_millis(100);
/// Longest sleep between two looks at the plan: the tails may end meanwhile.
const LONGEST_SLEEP_MS: Millis = 1_000;

/// How often what is asked.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// While Live Tails show lines already.
    pub live: SweepPace,
    /// While some do not.
    pub poll: SweepPace,
}

impl Pace {
    /// For the embedded cloud, which has no quota and no delay.
    pub const LOCAL: Self = {
        let live = SweepPace { every_ms: 2_000, near_ms: 5_000, settle_ms: 5_000, slice_ms: 60_000 };
        Self { live, poll: SweepPace { every_ms: 500, ..live } }
    };
    /// For AWS: five to twenty-five calls per second for everybody, events up to two minutes late (groups were seen
    /// to grow for a minute and a half after their writer had stopped).
    pub const AWS: Self = {
        let live = SweepPace { every_ms: 20_000, near_ms: 30_000, settle_ms: 120_000, slice_ms: 60_000 };
        Self { live, poll: SweepPace { every_ms: 3_000, near_ms: 10_000, ..live } }
    };

    /// The pace for so many groups. A pass over all of them takes at most half of the budget, which others share;
    /// `rate` is what it allows per second now.
    fn of(&self, live: bool, groups: usize, rate: f64) -> SweepPace {
        let pace = if live { self.live } else { self.poll };
        let groups = u32::try_from(groups).unwrap_or(u32::MAX);
        let half = Duration::try_from_secs_f64(f64::from(groups) * 2.0 / rate.max(0.05));
        let half = half.map_or(Millis::MAX, duration_ms);
        SweepPace { every_ms: pace.every_ms.max(half), ..pace }
    }
}

/// Followed logs. Dropping it ends the following.
#[derive(Debug)]
pub struct Follow {
    views: watch::Receiver<LogView>,
    tasks: JoinSet<()>,
}

impl Follow {
    /// Begins to follow the groups. `query` chooses lines of them.
    #[must_use]
    pub fn start(client: LogClient, groups: Vec<LogGroup>, query: LogQuery, bound: Bound) -> Self {
        let pace = if client.is_local() { Pace::LOCAL } else { Pace::AWS };
        let (sender, views) = watch::channel(LogView { query: query.clone(), ..LogView::default() });
        let (news, arrivals) = mpsc::channel(64);
        let live = Arc::new(AtomicBool::new(false));
        let pattern = pattern_for(&query);
        let mut tasks = JoinSet::new();
        tails::spawn(&mut tasks, &client, &groups, &pattern, &news);
        let start = now_ms().saturating_sub(query.since_s * 1000);
        let sweep = SweepTask {
            client,
            plan: Sweep::new(groups.len(), start),
            groups: groups.clone(),
            pattern,
            pace,
            live: live.clone(),
        };
        tasks.spawn(sweep.run(news));
        let merge = Merge::new(groups, query, LogBuffer::new(bound));
        tasks.spawn(publish(merge, arrivals, sender, live));
        Self { views, tasks }
    }

    /// Where views arrive.
    #[must_use]
    pub fn views(&self) -> watch::Receiver<LogView> {
        self.views.clone()
    }

    /// Whether it still follows; it does until it is dropped.
    #[must_use]
    pub fn is_running(&self) -> bool {
        !self.tasks.is_empty()
    }
}

/// Reads everything, by plan.
struct SweepTask {
    client: LogClient,
    groups: Vec<LogGroup>,
    pattern: String,
    plan: Sweep,
    pace: Pace,
    live: Arc<AtomicBool>,
}

impl SweepTask {
    async fn run(mut self, news: mpsc::Sender<LogUpdate>) {
        let mut told = (0, 0);
        loop {
            let now = now_ms();
            let rate = self.client.limits().logs_filter.pace().rate;
            let pace = self.pace.of(self.live.load(Ordering::Relaxed), self.groups.len(), rate);
            let Some(ask) = self.plan.next(now, &pace) else {
                let wait = self.plan.due(&pace).saturating_sub(now).clamp(10, LONGEST_SLEEP_MS);
                tokio::time::sleep(Duration::from_millis(wait)).await;
                continue;
            };
            let Some(group) = self.groups.get(ask.group) else { return };
            let got = self.client.page(group, ask.window, &self.pattern, ask.token.clone()).await;
            let (answer, word) = match got {
                Ok((events, token)) => (SweepAnswer::Page(token), LogUpdate::Page(ask.group, events)),
                Err(error) if error.kind == ErrorKind::Invalid && ask.token.is_some() => {
                    (SweepAnswer::BadToken, LogUpdate::Page(ask.group, Vec::new()))
                }
                Err(error) => (SweepAnswer::Failed, LogUpdate::Trouble(ask.group, error)),
            };
            self.plan.answer(&ask, answer, now_ms(), &pace);
            let reached = (self.plan.settled_to(), self.plan.fresh_to());
            let mut words = vec![word];
            if reached != told {
                told = reached;
                words.push(LogUpdate::Swept { settled: reached.0, fresh: reached.1 });
            }
            for word in words {
                if news.send(word).await.is_err() {
                    return;
                }
            }
        }
    }
}

/// Takes what arrives and publishes views.
async fn publish(
    mut merge: Merge,
    mut arrivals: mpsc::Receiver<LogUpdate>,
    views: watch::Sender<LogView>,
    live: Arc<AtomicBool>,
) {
    let mut publish_at: Option<Instant> = None;
    loop {
        tokio::select! {
            biased;
            () = at(publish_at) => {
                publish_at = None;
                views.send_replace(merge.view());
            }
            news = arrivals.recv() => match news {
                Some(news) => {
                    merge.take(news, now_ms());
                    live.store(merge.is_live(), Ordering::Relaxed);
                    publish_at.get_or_insert_with(|| Instant::now() + PUBLISH);
                }
                None => return,
            },
        }
    }
}

async fn at(instant: Option<Instant>) {
    match instant {
        Some(instant) => tokio::time::sleep_until(instant).await,
        None => std::future::pending().await,
    }
}
