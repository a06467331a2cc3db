//! Feeds a tracker from the home bucket.
//!
//! What lies in the bucket decides how it is read: runs of the first layout have one folder of records, those of today a
//! folder for each block of a thousand tasks.
//!
//! ```text
//! blocks    reads the ledger of today, block by block, and what summaries say of those that are final
//! drive     looks again and again, until the run or the person who watches has ended
//! first     reads the first layout
//! summary   ten thousand tasks whose blocks are final, as one object
//! ```

use super::failure::{self, FailedEvent};
use super::header::{Cancelled, RunEnd, is_run_id};
use super::launch::Launch;
use super::manifest::read_manifest;
use super::reports::LogPlace;
use super::{RunContext, RunError, RunHeader, RunTracker};
use crate::cloud::now_ms;
use crate::dataset::Meter;
use crate::dataset::objects::{List, Put, each_page, read};
use crate::model::RunView;
use crate::model::{Millis, RunSummary};
use futures::StreamExt;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};
use throng_contract::keys::{RUNS, cancel_key, end_key, run_key};

mod blocks;
mod drive;
mod first;
mod summary;

pub use drive::{follow, wait};

/// How to follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FollowOptions {
    /// Pause while records flow.
    pub fast: Duration,
    /// Longest pause while nothing happens.
    pub slow: Duration,
    /// A task without a sign of life for this long after the last one of the run is lost. Longer than Lambda
    /// keeps an event (6 hours unless configured) and runs a function.
    pub lost_after: Duration,
    /// Whether the platform's log is asked for the ends of attempts that the ledger does not tell (yet).
    pub reports: bool,
    /// Without a word for so long, and with nothing running, tasks that have not begun may be lost already.
    pub stalled_after: Duration,
}

impl FollowOptions {
    /// For a context.
    #[must_use]
    pub const fn of(context: &RunContext) -> Self {
        let (fast, slow, stalled) = if context.local { (100, 1_000, 10) } else { (1_000, 5_000, 120) };
        Self {
            fast: Duration::from_millis(fast),
            slow: Duration::from_millis(slow),
            lost_after: Duration::from_hours(7),
            reports: true,
            stalled_after: Duration::from_secs(stalled),
        }
    }
}

/// How far back what Lambda gave up on is looked for, for clocks that differ.
const FAR_MS: u64 = 30_000;
/// Reports come into the log's filter this late.
const REPORTS_LATE_MS: u64 = 120_000;
/// Pause of somebody who waits for everything to be read.
const READ_PAUSE: Duration = Duration::from_millis(50);
/// Reads of failed events in flight.
const EVENTS_AT_ONCE: usize = 16;

/// When something was last done.
#[derive(Debug, Default)]
struct Due(Option<Instant>);

impl Due {
    fn is_due(&mut self, every: Duration) -> bool {
        let due = self.0.is_none_or(|at| at.elapsed() >= every);
        if due {
            self.0 = Some(Instant::now());
        }
        due
    }
}

/// How a run's records are read.
#[derive(Debug)]
enum Reader {
    First(first::Reader),
    Blocks(blocks::Reader),
}

/// Follows one run.
#[derive(Debug)]
pub struct Follower {
    context: RunContext,
    options: FollowOptions,
    tracker: RunTracker,
    meter: Option<Arc<Meter>>,
    reader: Reader,
    folder: Due,
    events: Due,
    reports: Due,
    /// Where the function's log is, once that is known.
    log: Option<LogPlace>,
    reports_from_ms: Millis,
    /// Keys of failed events that were read.
    events_seen: HashSet<String>,
    events_from_ms: Millis,
    /// end.json as it is in the bucket.
    end: Option<RunEnd>,
    settled: bool,
    pause: Duration,
    quiet_since_ms: Millis,
}

/// Reads what was launched.
pub(super) async fn read_header(context: &RunContext, run: &str) -> Result<RunHeader, RunError> {
    if !is_run_id(run) {
        return Err(RunError::NoRun(run.chars().filter(|c| !c.is_control()).take(64).collect()));
    }
    let damaged = |what: String| RunError::Damaged { run: run.to_owned(), what };
    let body = match read(context.store.as_ref(), &context.home, &run_key(run)).await {
        // The first deployment makes the home bucket.
        Err(error) if error.is_not_found() => None,
        read => read?,
    };
    let body = body.ok_or_else(|| RunError::NoRun(run.to_owned()))?;
    let header: RunHeader = serde_json::from_slice(&body)
        .map_err(|error| damaged(format!("its run.json cannot be read: {error}")))?;
    if header.version > throng_contract::versions::LEDGER {
        return Err(damaged("it was launched by a newer throng: update this one".into()));
    }
    if header.id != run || header.tasks > u64::from(u32::MAX) {
        return Err(damaged("its run.json is about something else".into()));
    }
    Ok(header)
}

impl Follower {
    /// Follows a run of which nothing is known.
    ///
    /// # Errors
    /// There is no such run, or the cloud does not answer.
    pub async fn open(context: &RunContext, run: &str) -> Result<Self, RunError> {
        Ok(Self::of(context, read_header(context, run).await?))
    }

    /// Follows a run that was just launched; `meter` counts what is being sent.
    #[must_use]
    pub fn launched(launch: &Launch, context: &RunContext, meter: Arc<Meter>) -> Self {
        let mut follower = Self::of(context, launch.header().clone());
        follower.tracker.inputs(launch.manifest());
        follower.meter = Some(meter);
        follower
    }

    pub(super) fn of(context: &RunContext, header: RunHeader) -> Self {
        let options = FollowOptions::of(context);
        let (events_from_ms, quiet_since_ms) = (header.started_ms, header.started_ms);
        let reader = match header.version {
            ..=1 => Reader::First(first::Reader::default()),
            _ => Reader::Blocks(blocks::Reader::new(&header, context.local)),
        };
        let mut tracker = RunTracker::new(header);
        if context.local {
            tracker.same_clock();
        }
        Self {
            context: context.clone(),
            options,
            events_from_ms,
            quiet_since_ms,
            reader,
            tracker,
            meter: None,
            folder: Due::default(),
            events: Due::default(),
            reports: Due::default(),
            log: None,
            reports_from_ms: 0,
            events_seen: HashSet::new(),
            end: None,
            settled: false,
            pause: options.fast,
        }
    }

    /// Follows in another way.
    pub const fn set_options(&mut self, options: FollowOptions) {
        self.options = options;
        self.pause = options.fast;
    }

    /// How it follows.
    #[must_use]
    pub const fn options(&self) -> &FollowOptions {
        &self.options
    }

    /// The inputs of this run are being sent by this process.
    pub fn set_meter(&mut self, meter: Arc<Meter>) {
        self.meter = Some(meter);
    }

    /// What is known.
    #[must_use]
    pub const fn tracker(&self) -> &RunTracker {
        &self.tracker
    }

    /// Whether every task is final and every record has been read.
    #[must_use]
    pub const fn is_settled(&self) -> bool {
        self.settled
    }

    /// How long to wait before the next [`Follower::poll`]: little while records flow, longer when nothing happens.
    #[must_use]
    pub const fn pause(&self) -> Duration {
        self.pause
    }

    /// How long nothing has been heard of the run, when tasks are open: they may be lost.
    #[must_use]
    pub fn quiet_for(&self) -> Option<Duration> {
        let quiet = now_ms().saturating_sub(self.quiet_since_ms);
        (!self.tracker.is_complete() && self.unsent() == 0).then(|| Duration::from_millis(quiet))
    }

    /// How long nothing has been heard, when that is long enough to think that the tasks which have not begun are lost.
    /// Then [`send_again`](super::send_again) sends them again.
    #[must_use]
    pub fn stalled_for(&self) -> Option<Duration> {
        let counts = self.tracker.counts();
        // What waits to be tried again is not lost.
        let waiting = counts.pending > self.tracker.waiting() && counts.running == 0 && self.has_read_all();
        self.quiet_for().filter(|quiet| waiting && *quiet >= self.options.stalled_after)
    }

    fn unsent(&self) -> u64 {
        self.meter.as_ref().map_or(0, |meter| self.tracker.header().tasks.saturating_sub(meter.items_done()))
    }

    /// As an open run is shown.
    #[must_use]
    pub fn view(&self) -> RunView {
        let mut view = self.tracker.view(now_ms(), self.unsent(), self.settled);
        view.summary.stalled_ms = self.stalled_ms();
        view.summary.reading = !self.has_read_all();
        view
    }

    /// As lists show it.
    #[must_use]
    pub fn summary(&self) -> RunSummary {
        let summary = self.tracker.summary(now_ms(), self.unsent(), self.settled);
        RunSummary { stalled_ms: self.stalled_ms(), reading: !self.has_read_all(), ..summary }
    }

    fn stalled_ms(&self) -> Option<u64> {
        self.stalled_for().map(|quiet| u64::try_from(quiet.as_millis()).unwrap_or(u64::MAX))
    }

    /// Reads the inputs, unless they are known.
    ///
    /// # Errors
    /// [`RunError`]
    pub async fn load_inputs(&mut self) -> Result<(), RunError> {
        if self.tracker.has_inputs() {
            return Ok(());
        }
        let (context, header) = (self.context.clone(), self.tracker.header().clone());
        read_manifest(&context, &header, |entries| self.tracker.inputs(entries)).await
    }

    /// Looks until every record has been read that was there: then the counts are what the ledger says. Lists are rationed, so
    /// that a run of a hundred thousand open tasks takes some seconds.
    ///
    /// # Errors
    /// The cloud does not answer.
    pub async fn read(&mut self) -> Result<(), RunError> {
        loop {
            self.poll().await?;
            if self.has_read_all() {
                return Ok(());
            }
            tokio::time::sleep(self.options.fast.max(READ_PAUSE)).await;
        }
    }

    /// Looks once. Returns whether anything changed.
    ///
    /// # Errors
    /// The cloud does not answer; the next look may go well.
    pub async fn poll(&mut self) -> Result<bool, RunError> {
        let first = self.folder.0.is_none();
        let mut changed = self.records().await?;
        let slow = self.options.slow;
        if self.folder.is_due(slow) {
            changed |= self.look_at_folder().await?;
        }
        if !self.tracker.is_complete() {
            if self.events.is_due(slow / 2) {
                changed |= self.look_at_events().await?;
            }
            if self.options.reports && self.reports.is_due(slow * 4) {
                changed |= self.look_at_reports().await;
            }
        }
        if changed {
            // What the first look finds is old news.
            let heard = self.tracker.last_ended_ms().min(now_ms()).max(self.quiet_since_ms);
            self.quiet_since_ms = if first { heard } else { now_ms() };
        }
        changed |= self.check_overdue();
        changed |= self.settle().await?;
        self.pause = if changed || self.unsent() > 0 {
            self.options.fast
        } else {
            self.pause.mul_f64(1.5).min(self.options.slow)
        };
        Ok(changed)
    }

    /// Reads what is due.
    async fn records(&mut self) -> Result<bool, RunError> {
        let (context, tracker) = (&self.context, &mut self.tracker);
        let sent = self.meter.as_ref().map(|meter| meter.items_done());
        Ok(match &mut self.reader {
            Reader::First(reader) => reader.read(context, tracker, &self.options).await?,
            Reader::Blocks(reader) => reader.read(context, tracker, &self.options, sent).await?,
        })
    }

    /// Reads everything once more, before the counts are called settled.
    async fn read_all(&mut self) -> Result<(), RunError> {
        let (context, tracker) = (&self.context, &mut self.tracker);
        match &mut self.reader {
            Reader::First(reader) => drop(reader.records(context, tracker, None).await?),
            Reader::Blocks(reader) => reader.read_open(context, tracker).await?,
        }
        Ok(())
    }

    /// Everything is due.
    #[cfg(test)]
    fn look_again(&mut self) {
        match &mut self.reader {
            Reader::First(reader) => *reader = first::Reader::default(),
            Reader::Blocks(reader) => reader.look_again(),
        }
    }

    /// Whether every record that there was at the beginning has been read: until then counts say less than the ledger.
    #[must_use]
    pub fn has_read_all(&self) -> bool {
        match &self.reader {
            Reader::First(reader) => reader.has_read_all(),
            Reader::Blocks(reader) => reader.has_read_all(),
        }
    }

    async fn look_at_folder(&mut self) -> Result<bool, RunError> {
        let run = self.tracker.header().id.clone();
        let prefix = format!("{RUNS}{run}/");
        let list = List { bucket: self.context.home.clone(), prefix, folders: true, ..List::default() };
        let page = self.context.store.list(&list).await?;
        let has = |key: String| page.objects.iter().any(|object| object.key == key);
        let (cancelled, ended) = (has(cancel_key(&run)), has(end_key(&run)));
        let mut changed = false;
        if cancelled && !self.tracker.is_cancelled() {
            let body = read(self.context.store.as_ref(), &self.context.home, &cancel_key(&run)).await?;
            let at = body.and_then(|body| serde_json::from_slice::<Cancelled>(&body).ok());
            changed |= self.tracker.cancelled(at.map_or_else(now_ms, |cancelled| cancelled.at_ms));
        }
        if ended && self.end.is_none() {
            let body = read(self.context.store.as_ref(), &self.context.home, &end_key(&run)).await?;
            self.end = body.and_then(|body| serde_json::from_slice(&body).ok());
        }
        Ok(changed)
    }

    /// Reads the records of events that Lambda gave up on and that no record of the runtime explains.
    async fn look_at_events(&mut self) -> Result<bool, RunError> {
        let function = self.tracker.header().function.clone();
        let from = self.events_from_ms.saturating_sub(FAR_MS);
        let list = List {
            bucket: self.context.home.clone(),
            prefix: failure::prefix(&function),
            start_after: Some(failure::start_after(&function, from)),
            ..List::default()
        };
        let mut new = Vec::new();
        let seen = &mut self.events_seen;
        each_page(self.context.store.as_ref(), list, |page| {
            new.extend(page.objects.into_iter().map(|object| object.key).filter(|key| !seen.contains(key)));
            true
        })
        .await?;
        self.skip_known(&mut new);
        let (store, home) = (self.context.store.clone(), self.context.home.clone());
        let mut events = futures::stream::iter(new)
            .map(|key| {
                let (store, home) = (store.clone(), home.clone());
                async move { (read(store.as_ref(), &home, &key).await, key) }
            })
            .buffer_unordered(EVENTS_AT_ONCE);
        let mut changed = false;
        while let Some((body, key)) = events.next().await {
            if let Some(event) = body?.as_deref().and_then(FailedEvent::parse) {
                if self.tracker.needs_inputs(&event) {
                    self.load_inputs().await?;
                }
                changed |= self.tracker.gave_up(&event, &key);
            }
            self.events_from_ms = self.events_from_ms.max(failure::time_of(&key).unwrap_or(0)).min(now_ms());
            self.events_seen.insert(key);
        }
        Ok(changed)
    }

    /// Asks the platform's log how attempts ended of which the ledger says only that they began. It is a convenience:
    /// when the log cannot be read, the ledger tells later.
    async fn look_at_reports(&mut self) -> bool {
        let running = self.tracker.running();
        let Some(first) = running.first() else { return false };
        if self.log.is_none() {
            self.log = self.context.functions.log_of(&self.tracker.header().function).await.ok().flatten();
        }
        let Some(place) = &self.log else { return false };
        let now = now_ms();
        let ends = match self
            .context
            .functions
            .failed_attempts(place, self.reports_from_ms.max(first.started_ms))
            .await
        {
            Ok(ends) => ends,
            Err(error) => {
                tracing::debug!(%error, "the log was not asked for reports");
                return false;
            }
        };
        self.reports_from_ms = now.saturating_sub(REPORTS_LATE_MS);
        let mut changed = false;
        for end in &ends {
            changed |= self.tracker.ended_badly(end);
        }
        changed
    }

    /// Every failed script also gives such a record. Where its name has the request id of an attempt that is
    /// known, it need not be read.
    fn skip_known(&mut self, keys: &mut Vec<String>) {
        if keys.len() <= EVENTS_AT_ONCE {
            return;
        }
        let known = self.tracker.failed_requests();
        let (skipped, rest) = std::mem::take(keys)
            .into_iter()
            .partition::<Vec<_>, _>(|key| failure::id_of(key).is_some_and(|id| known.contains(id)));
        self.events_seen.extend(skipped);
        *keys = rest;
    }

    fn check_overdue(&mut self) -> bool {
        let now = now_ms();
        let due = u64::try_from(self.options.lost_after.as_millis()).unwrap_or(u64::MAX);
        let heard = self.tracker.last_ended_ms().max(self.tracker.header().started_ms);
        let late = self.unsent() == 0 && now.saturating_sub(heard) > due;
        late && self.tracker.overdue(now)
    }

    /// When every task is final: reads everything once more, then writes how it ended.
    async fn settle(&mut self) -> Result<bool, RunError> {
        if !self.tracker.is_complete() {
            return Ok(std::mem::take(&mut self.settled));
        }
        let Some(end) = self.tracker.end() else { return Ok(false) };
        if self.settled && self.end.as_ref() == Some(&end) {
            return Ok(false);
        }
        self.read_all().await?;
        if !self.tracker.is_complete() {
            return Ok(true);
        }
        self.settled = true;
        if let Some(end) = self.tracker.end()
            && self.end.as_ref() != Some(&end)
        {
            self.write_end(end).await;
        }
        if let Reader::Blocks(reader) = &mut self.reader {
            reader.summarise(&self.context, &self.tracker).await;
        }
        Ok(true)
    }

    /// A convenience for lists: when it cannot be written, they count.
    async fn write_end(&mut self, end: RunEnd) {
        let put = Put {
            bucket: self.context.home.clone(),
            key: end_key(&self.tracker.header().id),
            body: serde_json::to_vec(&end).unwrap_or_default().into(),
            only_new: self.end.is_none(),
            ..Put::default()
        };
        if let Err(error) = self.context.store.put(put).await {
            tracing::debug!(%error, "end.json was not written");
        }
        self.end = Some(end);
    }
}

#[cfg(test)]
mod tests;
