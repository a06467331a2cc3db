//! Following logs: a tail and a sweep into one buffer.

use super::buffer::{Bound, LogBuffer, Origin};
use super::client::{LogClient, LogError, LogGroup, RawEvent, TailUpdate, Window};
use super::parse::{Parser, pattern_for};
use crate::core::cloud::now_ms;
use crate::core::engine::{LogQuery, LogView};
use crate::core::model::{LogEntry, Millis};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;

/// Groups of one Live Tail session at most (`API_StartLiveTail`).
const TAIL_GROUPS: usize = 10;
/// Views are published at most this often.
const PUBLISH: Duration = Duration::from_millis(100);
/// After a Live Tail was refused it is tried again after this time.
const TAIL_AGAIN: Duration = Duration::from_secs(30);

/// How often what is asked.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Between sweeps while a Live Tail shows lines already.
    pub sweep: Duration,
    /// Between sweeps without one.
    pub poll: Duration,
    /// Events become visible out of order; a sweep begins this long before the end of the one before.
    pub settle: Duration,
}

impl Pace {
    /// For the embedded cloud, which has no quota and no delay.
    pub const LOCAL: Self = Self {
        sweep: Duration::from_secs(2),
        poll: Duration::from_millis(500),
        settle: Duration::from_secs(5),
    };
    /// For AWS: five to twenty-five filter calls per second in all, events up to two minutes late.
    pub const AWS: Self =
        Self { sweep: Duration::from_secs(20), poll: Duration::from_secs(3), settle: Duration::from_mins(2) };
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
        let tail = TailTask { client: client.clone(), groups: groups.clone(), pattern: pattern.clone() };
        tasks.spawn(tail.run(news.clone(), live.clone()));
        let start = now_ms().saturating_sub(query.since_s * 1000);
        let sweep =
            SweepTask { client, swept: vec![start; groups.len()], groups: groups.clone(), pattern, pace };
        tasks.spawn(sweep.run(news, live.clone()));
        let merge = Merge {
            groups,
            query,
            buffer: LogBuffer::new(bound),
            parser: Parser::default(),
            ids: HashMap::new(),
            requests: HashSet::new(),
            sampled: false,
            trouble: None,
            live,
        };
        tasks.spawn(merge.run(arrivals, sender));
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

/// What arrives from the cloud.
enum News {
    /// Events of a Live Tail.
    Tail(TailUpdate),
    /// A page of a sweep of the group with this index.
    Page(usize, Vec<RawEvent>),
    /// A sweep ended; nothing from before this time will come again.
    Swept(Millis),
    /// A sweep failed.
    Trouble(LogError),
}

/// Keeps a Live Tail open.
struct TailTask {
    client: LogClient,
    groups: Vec<LogGroup>,
    pattern: String,
}

impl TailTask {
    async fn run(self, news: mpsc::Sender<News>, live: Arc<AtomicBool>) {
        if self.groups.is_empty() || self.groups.len() > TAIL_GROUPS {
            return;
        }
        loop {
            match self.client.tail(&self.groups, &self.pattern).await {
                Ok(mut tail) => {
                    live.store(true, Ordering::Relaxed);
                    // A session ends after three hours: the next one begins at once.
                    while let Ok(Some(update)) =
                        tail.next().await.inspect_err(|error| tracing::info!(%error, "live tail ended"))
                    {
                        if news.send(News::Tail(update)).await.is_err() {
                            return;
                        }
                    }
                    live.store(false, Ordering::Relaxed);
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
                Err(error) => {
                    tracing::info!(%error, "no live tail; polling");
                    // The group of a new function appears with its first line.
                    let wait = if error.is_not_found() { TAIL_AGAIN / 15 } else { TAIL_AGAIN };
                    tokio::time::sleep(wait).await;
                }
            }
        }
    }
}

/// Reads everything, again and again, each time from where the last one ended less the settle time.
struct SweepTask {
    client: LogClient,
    groups: Vec<LogGroup>,
    pattern: String,
    pace: Pace,
    /// Where the next sweep begins, by group.
    swept: Vec<Millis>,
}

impl SweepTask {
    async fn run(mut self, news: mpsc::Sender<News>, live: Arc<AtomicBool>) {
        loop {
            let outcome = self.sweep(&news).await;
            let base = if live.load(Ordering::Relaxed) { self.pace.sweep } else { self.pace.poll };
            let (wait, word) = match outcome {
                Ok(()) => (base, News::Swept(self.swept.iter().copied().min().unwrap_or(0))),
                Err(error) => ((base * 4).min(Duration::from_secs(30)), News::Trouble(error)),
            };
            if news.send(word).await.is_err() {
                return;
            }
            tokio::time::sleep(wait).await;
        }
    }

    async fn sweep(&mut self, news: &mpsc::Sender<News>) -> Result<(), LogError> {
        let settle = Millis::try_from(self.pace.settle.as_millis()).unwrap_or(Millis::MAX);
        for (index, (group, begin)) in self.groups.iter().zip(&mut self.swept).enumerate() {
            let now = now_ms();
            let window = Window { start_ms: *begin, end_ms: None };
            let mut token = None;
            loop {
                let (events, next) = self.client.page(group, window, &self.pattern, token).await?;
                let _ = news.send(News::Page(index, events)).await;
                token = next;
                if token.is_none() {
                    break;
                }
            }
            *begin = (*begin).max(now.saturating_sub(settle));
        }
        Ok(())
    }
}

/// Puts what arrives into one buffer and publishes views of it.
struct Merge {
    groups: Vec<LogGroup>,
    query: LogQuery,
    buffer: LogBuffer,
    parser: Parser,
    /// Event ids of the overlap between sweeps.
    ids: HashMap<String, Millis>,
    /// Requests whose lines matched: the platform's lines of them belong to a run's log, too.
    requests: HashSet<Arc<str>>,
    sampled: bool,
    trouble: Option<String>,
    live: Arc<AtomicBool>,
}

impl Merge {
    async fn run(mut self, mut arrivals: mpsc::Receiver<News>, views: watch::Sender<LogView>) {
        let mut publish_at: Option<Instant> = None;
        loop {
            tokio::select! {
                biased;
                () = at(publish_at) => {
                    publish_at = None;
                    views.send_replace(self.buffer.view(&self.query, self.sampled, &self.mode()));
                }
                news = arrivals.recv() => match news {
                    Some(news) => {
                        self.take(news);
                        publish_at.get_or_insert_with(|| Instant::now() + PUBLISH);
                    }
                    None => return,
                },
            }
        }
    }

    fn mode(&self) -> String {
        match &self.trouble {
            Some(trouble) => trouble.clone(),
            None if self.live.load(Ordering::Relaxed) => "live".into(),
            None => "polling".into(),
        }
    }

    fn take(&mut self, news: News) {
        match news {
            News::Tail(update) => {
                self.sampled |= update.sampled;
                for (group, event) in update.events {
                    let known = self.groups.iter().find(|known| known.group == group);
                    let function = known.map_or(group.clone(), |known| known.function.clone());
                    self.add(&function, &event, Origin::Tail);
                }
            }
            News::Page(index, events) => {
                let function =
                    self.groups.get(index).map_or_else(String::new, |group| group.function.clone());
                for event in events {
                    let id = event.id.clone().unwrap_or_default();
                    if id.is_empty() || self.ids.insert(id, event.time_ms).is_none() {
                        self.add(&function, &event, Origin::Sweep);
                    }
                }
            }
            News::Swept(settled) => {
                self.sampled = false;
                self.trouble = None;
                self.ids.retain(|_, time| *time >= settled);
                self.buffer.settle(settled);
            }
            News::Trouble(error) => self.trouble = Some(error.to_string()),
        }
    }

    fn add(&mut self, function: &str, event: &RawEvent, origin: Origin) {
        let entry = self.parser.entry(function, event);
        if self.wants(&entry) {
            self.buffer.add(entry, origin);
        }
    }

    fn wants(&mut self, entry: &LogEntry) -> bool {
        let LogQuery { run, task, request_id, .. } = &self.query;
        if run.is_none() && request_id.is_none() {
            return true;
        }
        let by_request = request_id.is_some() && entry.request_id.as_deref() == request_id.as_deref();
        let by_run = run.is_some()
            && entry.run.as_deref() == run.as_deref()
            && (task.is_none() || entry.task == *task);
        if let Some(id) = entry.request_id.clone().filter(|_| by_run) {
            self.requests.insert(id);
        }
        by_request || by_run || entry.request_id.as_ref().is_some_and(|id| self.requests.contains(id))
    }
}

async fn at(instant: Option<Instant>) {
    match instant {
        Some(instant) => tokio::time::sleep_until(instant).await,
        None => std::future::pending().await,
    }
}
