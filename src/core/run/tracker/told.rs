//! What a tracker is told: inputs, records, markers, what Lambda and the platform's log say, that it was cancelled.

use super::RunTracker;
use super::attempt::{Attempt, Marker, Verdict};
use crate::model::{FailureClass, Millis, TaskState};
use crate::run::failure::FailedEvent;
use crate::run::manifest::ManifestEntry;
use crate::run::reports::FailedAttempt;
use throng_contract::TaskId;
use throng_contract::keys::{RecordName, first, layout_of};

impl RunTracker {
    /// Tells inputs of tasks.
    pub fn inputs(&mut self, entries: Vec<ManifestEntry>) {
        for entry in entries {
            let depth = entry.files.as_ref().map(|files| u8::try_from(files.depth()).unwrap_or(0));
            if let Some(depth) = depth.filter(|depth| *depth > 0) {
                self.is_folder(entry.task, depth);
            }
            let bucket = match self.buckets.get(&entry.bucket) {
                Some(bucket) => bucket.clone(),
                None => self.buckets.entry(entry.bucket.clone()).or_insert(entry.bucket.into()).clone(),
            };
            if let Some(row) = self.row_mut(entry.task) {
                let new = row.bucket.is_empty();
                row.bucket = bucket;
                row.key = entry.key.into();
                row.size = entry.size;
                row.files = entry.count;
                self.inputs_known += u64::from(new);
            }
        }
        self.by_key = None;
    }

    /// A task is a folder, and so are those that differ in their parameters alone.
    fn is_folder(&mut self, task: u64, depth: u8) {
        let same = (task..self.header.tasks).take_while(|other| self.header.lister(*other) == task);
        for other in same.collect::<Vec<_>>() {
            if let Some(row) = self.row_mut(other) {
                row.depth = depth;
            }
        }
    }

    /// A record's key was seen. Returns whether anything changed; the same key twice changes nothing.
    pub fn record(&mut self, key: &str) -> bool {
        let Some(name) = RecordName::parse(key) else { return false };
        let task = name.task.as_ref().and_then(|task| self.heard_of(task));
        let Some((task, row)) = task.and_then(|task| Some((task, self.row(task)?))) else {
            self.foreign += 1;
            return false;
        };
        if row.told.is_of(&name, key, row.state) || !name.state.is_final() {
            return false;
        }
        let attempt = Attempt::of_record(&name, key);
        let repeated = name.state != TaskState::Succeeded && self.retries() > 0;
        let simple = row.attempts == 0 && !repeated && !self.complex.contains_key(&task);
        if simple {
            self.measure(&attempt);
            self.decide(task, &Verdict::of_one(attempt));
            return true;
        }
        let (new, verdict) = {
            let retries = self.retries();
            let entry = self.complex_task(task);
            (entry.add(attempt.clone()), entry.verdict(retries))
        };
        if new {
            self.measure(&attempt);
            self.decide(task, &verdict);
            self.forget_plain(task);
        }
        new
    }

    /// A running marker's key was seen; it was stored at `at_ms`.
    pub fn marker(&mut self, key: &str, at_ms: Option<Millis>) -> bool {
        let Some((task, marker)) = marker_of(key, at_ms) else { return false };
        let Some(task) = self.heard_of(&task) else { return false };
        let Some(row) = self.row(task) else { return false };
        let same = row.state.is_final() && row.request_id().as_deref() == Some(&*marker.request_id);
        let recorded = same.then(|| Attempt::of_row(&self.header.id, row)).flatten();
        if recorded.is_some_and(|attempt| attempt.ends(&marker)) {
            return false;
        }
        self.note_request(&marker, task);
        let retries = self.retries();
        let entry = self.complex_task(task);
        if !entry.mark(marker) {
            return false;
        }
        let verdict = entry.verdict(retries);
        self.decide(task, &verdict);
        true
    }

    /// Lambda gave up on an event; `key` is that of its record. Returns whether it concerns this run and is new.
    pub fn gave_up(&mut self, event: &FailedEvent, key: &str) -> bool {
        let tasks = self.tasks_of(event);
        let mut changed = false;
        for task in tasks {
            if self.row(task).is_none() {
                continue;
            }
            let retries = self.retries();
            let entry = self.complex_task(task);
            if entry.add(Attempt::of_event(event, key)) {
                let verdict = entry.verdict(retries);
                self.decide(task, &verdict);
                changed = true;
            }
        }
        changed
    }

    /// The platform's log tells that an attempt with a running marker ended badly. Returns whether that is new; what
    /// the ledger says, or will say, wins over it.
    pub fn ended_badly(&mut self, end: &FailedAttempt) -> bool {
        let Some(task) = self.by_request.get(end.request_id.as_str()).copied() else { return false };
        let retries = self.retries();
        let entry = self.complex_task(task);
        if !entry.report(end) {
            return false;
        }
        let verdict = entry.verdict(retries);
        self.decide(task, &verdict);
        true
    }

    /// Remembers whose a request is. Tasks of a pack share one: what is told of it is of the last that has begun.
    fn note_request(&mut self, marker: &Marker, task: u64) {
        let begun = |known: &u64| {
            let known = self.complex.get(known)?;
            known
                .open()
                .filter(|open| open.request_id == marker.request_id)
                .filter_map(|open| open.started_ms)
                .max()
        };
        let known = self.by_request.get(&marker.request_id);
        let later = known.is_none_or(|known| begun(known).is_none_or(|at| marker.started_ms > Some(at)));
        if later {
            self.by_request.insert(marker.request_id.clone(), task);
        }
    }

    fn tasks_of(&mut self, event: &FailedEvent) -> Vec<u64> {
        if !event.pack.is_empty() {
            let own = event.pack.iter().filter(|task| task.run == self.header.id);
            return own.filter_map(|task| self.index_of(&task.task)).collect();
        }
        if let Some(task) = &event.task {
            let task = Some(&task.task).filter(|_| task.run == self.header.id);
            return task.and_then(|task| self.index_of(task)).into_iter().collect();
        }
        // An event about an object may be of a launched run: what is heard of a request tells whose it is.
        if self.grows {
            return self.by_request.get(event.request_id.as_str()).copied().into_iter().collect();
        }
        // The same key may have been an input of an earlier run.
        if event.event_ms.unwrap_or(event.at_ms) + self.clocks_ms < self.header.started_ms {
            return Vec::new();
        }
        if self.by_key.is_none() {
            let rows = (0..).zip(self.chunks.iter().flat_map(|chunk| chunk.iter()));
            self.by_key = Some(rows.map(|(index, row)| (row.key.clone(), index)).collect());
        }
        let Some(by_key) = &self.by_key else { return Vec::new() };
        let task = |(bucket, key): &(String, String)| {
            let task = *by_key.get(key.as_str())?;
            (self.row(task)?.bucket.as_ref() == bucket.as_str()).then_some(task)
        };
        event.objects.iter().filter_map(task).collect()
    }

    /// All markers were listed; `at_ms` is when that began. Returns whether that ends the run.
    pub const fn markers_read(&mut self, at_ms: Millis) -> bool {
        let before = self.is_complete();
        if at_ms > self.markers_ms {
            self.markers_ms = at_ms;
        }
        before != self.is_complete()
    }

    /// The run was cancelled: tasks without a sign of life are cancelled.
    pub fn cancelled(&mut self, at_ms: Millis) -> bool {
        if self.cancelled_ms.is_some() {
            return false;
        }
        self.cancelled_ms = Some(at_ms);
        self.decide_open();
        true
    }

    /// Every due time has passed: tasks that are still open are lost. A late record wins over it.
    pub fn overdue(&mut self, at_ms: Millis) -> bool {
        if self.is_complete() {
            return false;
        }
        self.lost_ms = Some(at_ms);
        self.decide_open();
        true
    }

    /// Tasks were sent once more: what was lost is waited for again.
    pub fn opened_again(&mut self, at_ms: Millis) -> bool {
        if self.lost_ms.is_none_or(|lost_ms| lost_ms > at_ms) {
            return false;
        }
        self.lost_ms = None;
        for task in self.indexes(|row| row.class == Some(FailureClass::Lost)) {
            self.decide_one(task);
        }
        true
    }

    /// A person has sent a task once more when so many attempts of it had ended. Returns whether that changes anything.
    pub fn retried(&mut self, task: u64, ended: u32) -> bool {
        if self.row(task).is_none() || !self.complex_task(task).retried(ended) {
            return false;
        }
        self.decide_one(task);
        self.forget_plain(task);
        true
    }

    /// A join is done anew when so many attempts of it had begun: these decide nothing any more. Returns whether that changes
    /// anything.
    pub fn anew(&mut self, task: u64, attempts: u32) -> bool {
        if self.row(task).is_none() || !self.complex_task(task).anew(attempts) {
            return false;
        }
        self.decide_one(task);
        true
    }

    /// Counts an attempt's time and memory, once.
    fn measure(&mut self, attempt: &Attempt) {
        self.durations.add(attempt.duration_ms);
        let statistics = &mut self.statistics;
        // Names of records are written by anybody: what does not fit is not counted.
        statistics.total_ms = statistics.total_ms.saturating_add(attempt.duration_ms);
        statistics.max_ms = statistics.max_ms.max(attempt.duration_ms);
        statistics.max_memory = statistics.max_memory.max(attempt.peak_memory);
        self.last_ended_ms = self.last_ended_ms.max(attempt.ended_ms);
    }
}

/// The task of a marker's key, of either layout.
fn marker_of(key: &str, at_ms: Option<Millis>) -> Option<(TaskId, Marker)> {
    if layout_of(key)? > 1 {
        let name = RecordName::parse(key).filter(|name| name.state == TaskState::Running)?;
        let (request_id, started_ms) = (name.attempt.request_id.into(), Some(name.attempt.started_ms));
        return Some((name.task?, Marker { request_id, started_ms, at_ms, key: key.into() }));
    }
    // What belonged to no run left no markers.
    let key = Some(key).filter(|key| !key.starts_with(first::LOOSE))?;
    let (task, request_id) = first::parse_running(key).filter(|(_, request_id)| !request_id.is_empty())?;
    let marker = Marker { request_id: request_id.into(), started_ms: None, at_ms, key: key.into() };
    Some((TaskId::number(task), marker))
}
