//! Puts what the tails and the sweep bring into one buffer.

use super::buffer::{Added, LogBuffer, Origin};
use super::client::{LogGroup, RawEvent};
use super::news::{LogUpdate, TailState};
use super::parse::Parser;
use super::tails::{group_of, mode, ranges};
use crate::model::{LogEntry, LogMode, LogQuery, LogView, Millis};
use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

/// A line that the sweep brings is late when it is this old and a tail should have shown it.
const LATE_MS: Millis = 10_000;
/// A tail shows what happens this long after it was opened, at the latest.
const TAIL_BEGINS_MS: Millis = 2_000;

/// Merges events by time, and knows how they come.
pub(super) struct Merge {
    groups: Vec<LogGroup>,
    query: LogQuery,
    buffer: LogBuffer,
    parser: Parser,
    /// Hashes of the event ids of what has not settled.
    ids: HashMap<u64, Millis>,
    /// Requests whose lines matched: the platform's lines of them belong to a run's log, too.
    requests: HashSet<Arc<str>>,
    /// When the cloud last sent a sample only.
    sampled_ms: Option<Millis>,
    /// The last error of each group that cannot be read.
    troubles: HashMap<usize, String>,
    tails: Vec<TailState>,
    /// Lines that the tails lost: the numbers of those that may still come.
    late: HashMap<u64, Millis>,
    missed: u64,
    settled_ms: Millis,
}

impl Merge {
    pub fn new(groups: Vec<LogGroup>, query: LogQuery, buffer: LogBuffer) -> Self {
        Self {
            tails: vec![TailState::Opening; ranges(groups.len()).len()],
            groups,
            query,
            buffer,
            parser: Parser::default(),
            ids: HashMap::new(),
            requests: HashSet::new(),
            sampled_ms: None,
            troubles: HashMap::new(),
            late: HashMap::new(),
            missed: 0,
            settled_ms: 0,
        }
    }

    /// Whether tails show all groups.
    pub fn is_live(&self) -> bool {
        !self.tails.is_empty() && self.tails.iter().all(|state| matches!(state, TailState::Live(_)))
    }

    pub fn view(&self) -> LogView {
        self.buffer.view(LogView {
            query: self.query.clone(),
            missed: self.missed,
            sampled: self.sampled_ms.is_some(),
            settled_ms: self.settled_ms,
            mode: self.mode(),
            ..LogView::default()
        })
    }

    fn mode(&self) -> LogMode {
        let mut mode = mode(&self.tails);
        if let Some(trouble) = self.troubles.values().next() {
            let before = if mode.why.is_empty() { "" } else { "; " };
            mode.why = format!("{}{before}reading fails: {trouble}", mode.why);
        }
        mode
    }

    pub fn take(&mut self, news: LogUpdate, now: Millis) {
        match news {
            LogUpdate::State(session, state) => {
                if let Some(tail) = self.tails.get_mut(session) {
                    *tail = state;
                }
            }
            LogUpdate::Tail(update) => {
                if update.sampled {
                    self.sampled_ms = Some(now);
                }
                for (name, event) in update.events {
                    let known = group_of(&self.groups, &name);
                    let function = known.map_or_else(|| name.clone(), |(_, group)| group.function.clone());
                    self.add_of_tail(&function, &event);
                }
            }
            LogUpdate::Page(index, events) => {
                self.troubles.remove(&index);
                let function =
                    self.groups.get(index).map_or_else(String::new, |group| group.function.clone());
                for event in events {
                    self.add_of_sweep(index, &function, &event, now);
                }
            }
            LogUpdate::Swept { settled, fresh } => self.swept(settled, fresh),
            LogUpdate::Trouble(index, error) => {
                self.troubles.insert(index, error.to_string());
            }
        }
    }

    fn swept(&mut self, settled: Millis, fresh: Millis) {
        // What a sample left out is there once everything was read again.
        self.sampled_ms = self.sampled_ms.filter(|at| *at >= fresh);
        if settled > self.settled_ms {
            self.settled_ms = settled;
            self.ids.retain(|_, time| *time >= settled);
            self.late.retain(|_, time| *time >= settled);
            self.buffer.settle(settled);
        }
    }

    fn add_of_tail(&mut self, function: &str, event: &RawEvent) {
        let entry = self.parser.entry(function, event);
        if self.wants(&entry)
            && let Added::Known(key) = self.buffer.add(entry, Origin::Tail)
            && self.late.remove(&key).is_some()
        {
            self.missed = self.missed.saturating_sub(1);
        }
    }

    fn add_of_sweep(&mut self, index: usize, function: &str, event: &RawEvent, now: Millis) {
        if let Some(id) = &event.id {
            let mut hasher = DefaultHasher::new();
            (index, id).hash(&mut hasher);
            if self.ids.insert(hasher.finish(), event.time_ms).is_some() {
                return;
            }
        }
        let entry = self.parser.entry(function, event);
        if self.wants(&entry)
            && let Added::New(key) = self.buffer.add(entry, Origin::Sweep)
            && self.was_live(index, event.time_ms)
            && now.saturating_sub(event.time_ms) > LATE_MS
        {
            self.late.insert(key, event.time_ms);
            self.missed += 1;
        }
    }

    fn was_live(&self, group: usize, time_ms: Millis) -> bool {
        let session = ranges(self.groups.len()).iter().position(|range| range.contains(&group));
        match session.and_then(|session| self.tails.get(session)) {
            Some(TailState::Live(since)) => time_ms >= since + TAIL_BEGINS_MS,
            _ => false,
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

#[cfg(test)]
mod tests;
