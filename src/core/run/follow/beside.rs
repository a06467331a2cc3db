//! What is read beside records: the run's folder, what Lambda gave up on, the ends that the platform's log tells.

use super::Follower;
use crate::cloud::now_ms;
use crate::dataset::objects::{List, each_page, read};
use crate::model::Millis;
use crate::run::RunError;
use crate::run::failure::{self, FailedEvent};
use crate::run::header::{Cancelled, Unsent};
use crate::run::reports::LogPlace;
use futures::StreamExt;
use std::time::Duration;
use throng_contract::keys::{RUNS, again_prefix, cancel_key, end_key, unsent_key};

/// How far back what Lambda gave up on is looked for, for clocks that differ.
const FAR_MS: u64 = 30_000;
/// Reports come into the log's filter this late.
const REPORTS_LATE_MS: u64 = 120_000;
/// Reads of failed events in flight.
const EVENTS_AT_ONCE: usize = 16;

/// What was read beside the records of a stage.
#[derive(Debug)]
pub(super) struct Beside {
    /// Where the function's log is, once that is known.
    log: Option<LogPlace>,
    reports_from_ms: Millis,
    events_from_ms: Millis,
}

impl Beside {
    /// Of a run that began then.
    pub const fn from(started_ms: Millis) -> Self {
        Self { log: None, reports_from_ms: 0, events_from_ms: started_ms }
    }
}

/// What of a run is held back, as whoever sends it has written.
#[derive(Debug, Default)]
pub(super) struct Held {
    /// Of what was read.
    etag: String,
    pub tasks: u64,
}

impl Follower {
    pub(super) async fn look_at_folder(&mut self) -> Result<bool, RunError> {
        let run = self.chain.header().id.clone();
        let prefix = format!("{RUNS}{run}/");
        let list = List { bucket: self.context.home.clone(), prefix, folders: true, ..List::default() };
        let page = self.context.store.list(&list).await?;
        let has = |key: String| page.objects.iter().any(|object| object.key == key);
        let (cancelled, ended) = (has(cancel_key(&run)), has(end_key(&run)));
        let mut changed = false;
        if cancelled && !self.chain.is_cancelled() {
            let body = read(self.context.store.as_ref(), &self.context.home, &cancel_key(&run)).await?;
            let at = body.and_then(|body| serde_json::from_slice::<Cancelled>(&body).ok());
            changed |= self.chain.cancelled(at.map_or_else(now_ms, |cancelled| cancelled.at_ms));
        }
        self.has_end |= ended;
        let unsent = unsent_key(&run);
        if let Some(told) = page.objects.iter().find(|object| object.key == unsent)
            && (told.etag.is_empty() || told.etag != self.held.etag)
        {
            let body = read(self.context.store.as_ref(), &self.context.home, &unsent).await?;
            let unsent = body.and_then(|body| serde_json::from_slice::<Unsent>(&body).ok());
            let tasks = unsent.map_or(0, |unsent| unsent.tasks);
            changed |=
                std::mem::replace(&mut self.held, Held { etag: told.etag.clone(), tasks }).tasks != tasks;
        }
        if page.folders.iter().any(|folder| *folder == again_prefix(&run)) {
            changed |= self.look_at_agains(&run).await?;
        }
        if ended && self.end.is_none() {
            let body = read(self.context.store.as_ref(), &self.context.home, &end_key(&run)).await?;
            self.end = body.and_then(|body| serde_json::from_slice(&body).ok());
        }
        Ok(changed)
    }

    /// Reads the records of events that Lambda gave up on and that no record of the runtime explains, of every stage that has
    /// open tasks.
    pub(super) async fn look_at_events(&mut self) -> Result<bool, RunError> {
        let mut changed = false;
        for stage in self.open_stages() {
            changed |= self.look_at_events_of(stage).await?;
        }
        Ok(changed)
    }

    /// How often what Lambda gave up on is looked for: a list for each open stage, and no more of them for many stages.
    pub(super) fn events_every(&self) -> Duration {
        let stages = if self.context.local { 1 } else { self.open_stages().len().max(1) };
        self.options.slow / 2 * u32::try_from(stages).unwrap_or(u32::MAX)
    }

    /// Stages with tasks that are not final by the ledger.
    fn open_stages(&self) -> Vec<usize> {
        let stages = self.chain.stages().enumerate();
        stages.filter(|(_, stage)| !stage.is_complete()).map(|(at, _)| at).collect()
    }

    async fn look_at_events_of(&mut self, stage: usize) -> Result<bool, RunError> {
        let Some(tracker) = self.chain.stage(stage) else { return Ok(false) };
        let function = tracker.header().runs_on();
        let from = self.beside[stage].events_from_ms.saturating_sub(FAR_MS);
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
            if let Some(mut event) = body?.as_deref().and_then(FailedEvent::parse) {
                if let Some(marker) = event.pack_marker(&self.context.home).map(str::to_owned)
                    && let Some(body) = read(self.context.store.as_ref(), &self.context.home, &marker).await?
                {
                    event.is_of_pack(&body);
                }
                if stage == 0 && self.chain.needs_inputs(&event) {
                    self.load_inputs().await?;
                }
                changed |= self.chain.gave_up(stage, &event, &key);
            }
            let from = &mut self.beside[stage].events_from_ms;
            *from = failure::time_of(&key).unwrap_or(0).max(*from).min(now_ms());
            self.events_seen.insert(key);
        }
        Ok(changed)
    }

    /// Asks the platform's log how attempts ended of which the ledger says only that they began. It is a convenience:
    /// when the log cannot be read, the ledger tells later.
    pub(super) async fn look_at_reports(&mut self) -> bool {
        let mut changed = false;
        for stage in self.open_stages() {
            changed |= self.look_at_reports_of(stage).await;
        }
        changed
    }

    async fn look_at_reports_of(&mut self, stage: usize) -> bool {
        let Some(tracker) = self.chain.stage(stage) else { return false };
        let running = tracker.running();
        let Some(first) = running.first() else { return false };
        let (functions, function) = (self.context.functions.clone(), tracker.header().function.clone());
        let beside = &mut self.beside[stage];
        if beside.log.is_none() {
            beside.log = functions.log_of(&function).await.ok().flatten();
        }
        let Some(place) = &beside.log else { return false };
        let now = now_ms();
        let ends = match functions.failed_attempts(place, beside.reports_from_ms.max(first.started_ms)).await
        {
            Ok(ends) => ends,
            Err(error) => {
                tracing::debug!(%error, "the log was not asked for reports");
                return false;
            }
        };
        beside.reports_from_ms = now.saturating_sub(REPORTS_LATE_MS);
        let mut changed = false;
        for end in &ends {
            changed |= self.chain.ended_badly(stage, end);
        }
        changed
    }

    /// Every failed script also gives such a record. Where its name has the request id of an attempt that is
    /// known, it need not be read.
    fn skip_known(&mut self, keys: &mut Vec<String>) {
        if keys.len() <= EVENTS_AT_ONCE {
            return;
        }
        let known = self.chain.failed_requests();
        let (skipped, rest) = std::mem::take(keys)
            .into_iter()
            .partition::<Vec<_>, _>(|key| failure::id_of(key).is_some_and(|id| known.contains(id)));
        self.events_seen.extend(skipped);
        *keys = rest;
    }
}
