//! A run's state from what lies in the home bucket. No input or output; the order in which things are learnt does
//! not matter.
//!
//! A success wins for ever, and of several the first. Else a task whose running marker has no record yet runs. Else
//! the newest attempt decides. Where the runtime died and neither it nor Lambda has written why yet, the platform's log
//! may tell the end early: such a task is shown as ended, but the run is not complete before the ledger says so, or
//! every due time has passed. A task without any attempt is pending; when the run was cancelled, cancelled; when
//! every due time has passed, lost. Conservation law: the counts always add up to the manifest.
//!
//! ```text
//! attempt   what is known of one task, and what follows from it
//! shown     what is shown of a run: its end, its statistics, its summary and view
//! ```

use super::failure::FailedEvent;
use super::header::RunHeader;
use super::manifest::ManifestEntry;
use super::reports::FailedAttempt;
use super::statistics::Histogram;
use crate::model::RunView;
use crate::model::{Counts, FailureClass, InvocationInfo, Millis, RunStatistics, TaskRow, TaskState};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use throng_contract::keys::{BLOCK, RecordName, first, layout_of};
use throng_contract::{TaskId, layout};

mod attempt;
mod shown;

use attempt::{Attempt, Marker, Task, Verdict};

/// An attempt's marker is stored this long after its begin, with a difference of clocks: [`layout::MARKER_AFTER_SECS`]
/// and some.
const MARKED_WITHIN_MS: Millis = (layout::MARKER_AFTER_SECS + 4) * 1000;
/// Seconds of history that a view has.
const HISTORY: u64 = 60;
/// Seconds over which the rate is taken.
const RATE_OVER: u64 = 10;

/// Tasks, counts and statistics of a run.
#[derive(Clone, Debug)]
pub struct RunTracker {
    header: RunHeader,
    chunks: Arc<Vec<Arc<Vec<TaskRow>>>>,
    /// Tasks with more to them than one record: several attempts, markers, events that Lambda gave up on.
    complex: HashMap<u64, Task>,
    /// Key → task, for failed S3 events. Made when the first of them comes.
    by_key: Option<HashMap<Arc<str>, u64>>,
    buckets: HashMap<String, Arc<str>>,
    inputs_known: u64,
    counts: Counts,
    classes: BTreeMap<FailureClass, u64>,
    cancelled_ms: Option<Millis>,
    /// When the markers were listed last.
    markers_ms: Millis,
    lost_ms: Option<Millis>,
    durations: Histogram,
    statistics: RunStatistics,
    /// Tasks ended, by second.
    ended: BTreeMap<u64, u64>,
    last_ended_ms: Millis,
    foreign: u64,
    /// Request id → task, of attempts with a marker.
    by_request: HashMap<Arc<str>, u64>,
    /// Tasks whose end is known from the log alone.
    reported: u64,
    /// Tasks that failed and will be tried again by Lambda.
    waiting: u64,
}

impl RunTracker {
    /// A run of which nothing is known but its header.
    #[must_use]
    pub fn new(header: RunHeader) -> Self {
        let empty: Arc<str> = Arc::from("");
        let chunk = RunView::CHUNK as u64;
        let row = |task| TaskRow {
            task,
            bucket: empty.clone(),
            key: empty.clone(),
            size: 0,
            state: TaskState::Pending,
            class: None,
            attempts: 0,
            duration_ms: None,
            peak_memory: None,
            ended_ms: None,
            request_id: None,
            record_key: None,
            waiting: None,
        };
        let chunks = (0..header.tasks.div_ceil(chunk)).map(|at| {
            let first = at * chunk;
            Arc::new((first..header.tasks.min(first + chunk)).map(row).collect())
        });
        Self {
            chunks: Arc::new(chunks.collect()),
            complex: HashMap::new(),
            by_key: None,
            buckets: HashMap::new(),
            inputs_known: 0,
            counts: Counts { pending: header.tasks, ..Counts::default() },
            classes: BTreeMap::new(),
            cancelled_ms: None,
            markers_ms: 0,
            lost_ms: None,
            durations: Histogram::default(),
            statistics: RunStatistics::default(),
            ended: BTreeMap::new(),
            last_ended_ms: 0,
            foreign: 0,
            by_request: HashMap::new(),
            reported: 0,
            waiting: 0,
            header,
        }
    }

    /// What was launched.
    #[must_use]
    pub const fn header(&self) -> &RunHeader {
        &self.header
    }

    /// Tasks by state.
    #[must_use]
    pub const fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Whether every task is in a final state, by the ledger or because every due time has passed.
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        let open = self.counts.pending + self.counts.running;
        open == 0 && (self.reported == 0 || self.lost_ms.is_some()) && self.knows_what_had_begun()
    }

    /// Whether tasks that count as cancelled cannot have begun before that: those that had have a marker by now, and
    /// the markers have been read since.
    const fn knows_what_had_begun(&self) -> bool {
        match self.cancelled_ms {
            Some(at) if self.counts.cancelled > 0 && self.lost_ms.is_none() => {
                self.markers_ms >= at.saturating_add(MARKED_WITHIN_MS)
            }
            _ => true,
        }
    }

    /// All markers were listed; `at_ms` is when that began. Returns whether that ends the run.
    pub const fn markers_read(&mut self, at_ms: Millis) -> bool {
        let before = self.is_complete();
        if at_ms > self.markers_ms {
            self.markers_ms = at_ms;
        }
        before != self.is_complete()
    }

    /// Tasks whose end is known from the platform's log alone.
    #[must_use]
    pub const fn reported(&self) -> u64 {
        self.reported
    }

    /// Tasks that failed and that Lambda will try again; they count as pending.
    #[must_use]
    pub const fn waiting(&self) -> u64 {
        self.waiting
    }

    /// Whether every task of a block has succeeded; `None` while one has not ended, as the ledger says.
    #[must_use]
    pub fn end_of_block(&self, block: u64) -> Option<bool> {
        let first = block * BLOCK;
        let mut rows = (first..self.header.tasks.min(first + BLOCK)).filter_map(|task| self.row(task));
        rows.try_fold(true, |all, row| {
            let is_final = row.state.is_final() && row.record_key.is_some();
            is_final.then_some(all && row.state == TaskState::Succeeded)
        })
    }

    /// Whether a person cancelled it.
    #[must_use]
    pub const fn is_cancelled(&self) -> bool {
        self.cancelled_ms.is_some()
    }

    /// Whether the inputs of all tasks are known.
    #[must_use]
    pub const fn has_inputs(&self) -> bool {
        self.inputs_known >= self.header.tasks
    }

    /// When the newest known attempt ended; 0 before the first.
    #[must_use]
    pub const fn last_ended_ms(&self) -> Millis {
        self.last_ended_ms
    }

    /// Records that name tasks which the run does not have.
    #[must_use]
    pub const fn foreign(&self) -> u64 {
        self.foreign
    }

    /// A task by number.
    #[must_use]
    pub fn row(&self, task: u64) -> Option<&TaskRow> {
        let at = usize::try_from(task).ok()?;
        self.chunks.get(at / RunView::CHUNK)?.get(at % RunView::CHUNK)
    }

    fn row_mut(&mut self, task: u64) -> Option<&mut TaskRow> {
        let at = usize::try_from(task).ok()?;
        let chunk = Arc::make_mut(&mut self.chunks).get_mut(at / RunView::CHUNK)?;
        Arc::make_mut(chunk).get_mut(at % RunView::CHUNK)
    }

    /// Tells inputs of tasks.
    pub fn inputs(&mut self, entries: Vec<ManifestEntry>) {
        for entry in entries {
            let bucket = match self.buckets.get(&entry.bucket) {
                Some(bucket) => bucket.clone(),
                None => self.buckets.entry(entry.bucket.clone()).or_insert(entry.bucket.into()).clone(),
            };
            if let Some(row) = self.row_mut(entry.task) {
                let new = row.bucket.is_empty();
                row.bucket = bucket;
                row.key = entry.key.into();
                row.size = entry.size;
                self.inputs_known += u64::from(new);
            }
        }
        self.by_key = None;
    }

    /// A record's key was seen. Returns whether anything changed; the same key twice changes nothing.
    pub fn record(&mut self, key: &str) -> bool {
        let Some(name) = RecordName::parse(key) else { return false };
        let number = name.task.as_ref().and_then(TaskId::as_number);
        let Some(row) = number.and_then(|task| self.row(task)) else {
            self.foreign += 1;
            return false;
        };
        if row.record_key.as_deref() == Some(key) || !name.state.is_final() {
            return false;
        }
        let task = row.task;
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
        }
        new
    }

    /// How often Lambda tries a failed event again, as it was when the run was launched.
    fn retries(&self) -> u32 {
        self.header.retries.unwrap_or(0)
    }

    /// A running marker's key was seen; it was stored at `at_ms`.
    pub fn marker(&mut self, key: &str, at_ms: Option<Millis>) -> bool {
        let Some((task, marker)) = marker_of(key, at_ms) else { return false };
        let Some(row) = self.row(task) else { return false };
        let recorded = row.state.is_final().then(|| Attempt::of_row(row)).flatten();
        if recorded.is_some_and(|attempt| attempt.ends(&marker)) {
            return false;
        }
        self.by_request.entry(marker.request_id.clone()).or_insert(task);
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

    /// Request ids of the attempts that decided tasks which did not succeed.
    #[must_use]
    pub fn failed_requests(&self) -> HashSet<&str> {
        let rows = self.chunks.iter().flat_map(|chunk| chunk.iter());
        let failed = rows.filter(|row| row.state.is_final() && row.state != TaskState::Succeeded);
        failed.filter_map(|row| row.request_id.as_deref()).collect()
    }

    /// Whether an event is about an object rather than one of our tasks, so that inputs must be known first.
    #[must_use]
    pub fn needs_inputs(&self, event: &FailedEvent) -> bool {
        event.task.is_none() && !event.objects.is_empty() && !self.has_inputs()
    }

    fn tasks_of(&mut self, event: &FailedEvent) -> Vec<u64> {
        if let Some(task) = &event.task {
            let number = task.task.as_number().filter(|_| task.run == self.header.id && task.stage == 0);
            return number.into_iter().collect();
        }
        // The same key may have been an input of an earlier run. Clocks may differ a little.
        if event.event_ms.unwrap_or(event.at_ms) + 2_000 < self.header.started_ms {
            return Vec::new();
        }
        if self.by_key.is_none() {
            let rows = self.chunks.iter().flat_map(|chunk| chunk.iter());
            self.by_key = Some(rows.map(|row| (row.key.clone(), row.task)).collect());
        }
        let Some(by_key) = &self.by_key else { return Vec::new() };
        let task = |(bucket, key): &(String, String)| {
            let task = *by_key.get(key.as_str())?;
            (self.row(task)?.bucket.as_ref() == bucket.as_str()).then_some(task)
        };
        event.objects.iter().filter_map(task).collect()
    }

    /// Attempts that have begun and not ended. Those shorter than a second never show.
    #[must_use]
    pub fn running(&self) -> Vec<InvocationInfo> {
        let mut running = Vec::new();
        for (task, entry) in &self.complex {
            let Some(row) = self.row(*task).filter(|row| row.state == TaskState::Running) else { continue };
            for marker in entry.open() {
                let stored = |at: Millis| at.saturating_sub(layout::MARKER_AFTER_SECS * 1000);
                running.push(InvocationInfo {
                    function: self.header.function.clone(),
                    request_id: marker.request_id.to_string(),
                    run: Some(self.header.id.clone()),
                    task: Some(*task),
                    input: (!row.key.is_empty()).then(|| format!("{}/{}", row.bucket, row.key)),
                    started_ms: marker.started_ms.or(marker.at_ms.map(stored)).unwrap_or(0),
                    log_stream: None,
                    marker_key: Some(marker.key.to_string()),
                });
            }
        }
        running.sort_by_key(|one| (one.started_ms, one.task));
        running
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
        if self.lost_ms.is_some() || self.is_complete() {
            return false;
        }
        self.lost_ms = Some(at_ms);
        self.decide_open();
        true
    }

    fn decide_open(&mut self) {
        let rows = self.chunks.iter().flat_map(|chunk| chunk.iter());
        let open: Vec<u64> = rows.filter(|row| !row.state.is_final()).map(|row| row.task).collect();
        for task in open {
            let retries = self.retries();
            let verdict =
                self.complex.get(&task).map_or_else(Verdict::default, |entry| entry.verdict(retries));
            self.decide(task, &verdict);
        }
    }

    /// The attempts of a task, kept apart from now on.
    fn complex_task(&mut self, task: u64) -> &mut Task {
        let known = self.row(task).and_then(Attempt::of_row);
        self.complex.entry(task).or_insert_with(|| {
            let mut entry = Task::default();
            if let Some(attempt) = known {
                entry.add(attempt);
            }
            entry
        })
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

    /// Gives a task its state, and moves the counts.
    fn decide(&mut self, task: u64, verdict: &Verdict) {
        let failed = verdict.deciding.as_ref().map(|attempt| (attempt.state, attempt.class));
        let waiting = verdict.waiting.filter(|_| self.cancelled_ms.is_none() && self.lost_ms.is_none());
        let (state, class) = match (verdict.state, self.cancelled_ms, self.lost_ms) {
            // It failed, and what would have been tried again will not be waited for.
            (TaskState::Pending, Some(_), _) | (TaskState::Pending, _, Some(_)) if failed.is_some() => {
                failed.unwrap_or((TaskState::Failed, None))
            }
            (TaskState::Pending, Some(_), _) => (TaskState::Cancelled, None),
            (TaskState::Pending | TaskState::Running, _, Some(_)) => {
                (TaskState::Failed, Some(FailureClass::Lost))
            }
            (state, ..) => (state, failed.and_then(|(_, class)| class)),
        };
        let class = class.filter(|_| state.is_final() && state != TaskState::Succeeded);
        let Some(row) = self.row_mut(task) else { return };
        let old = (row.state, row.class, row.ended_ms);
        let was_reported = row.is_reported();
        row.state = state;
        row.class = class;
        row.attempts = verdict.attempts;
        let was_waiting = std::mem::replace(&mut row.waiting, waiting).is_some();
        let deciding = verdict.deciding.as_ref().filter(|_| state.is_final());
        let measured = |attempt: &&Attempt| !attempt.by_lambda || verdict.by_report;
        row.duration_ms = deciding.filter(measured).map(|attempt| attempt.duration_ms);
        row.peak_memory = deciding.map(|attempt| attempt.peak_memory).filter(|peak| *peak > 0);
        row.ended_ms = deciding.map(|attempt| attempt.ended_ms);
        row.request_id =
            deciding.map(|attempt| attempt.request_id.clone()).or_else(|| verdict.running.clone());
        row.record_key = deciding.filter(|_| !verdict.by_report).map(|attempt| attempt.key.clone());
        let new = (row.state, row.class, row.ended_ms);
        let is_reported = row.is_reported();
        self.reported = self.reported - u64::from(was_reported) + u64::from(is_reported);
        self.waiting = self.waiting - u64::from(was_waiting) + u64::from(waiting.is_some());
        self.count(old, false);
        self.count(new, true);
        debug_assert_eq!(self.counts.total(), self.header.tasks, "manifest = sum of states");
    }

    fn count(
        &mut self,
        (state, class, ended_ms): (TaskState, Option<FailureClass>, Option<Millis>),
        add: bool,
    ) {
        let step = |counter: &mut u64| *counter = if add { *counter + 1 } else { counter.saturating_sub(1) };
        step(self.counts.of(state));
        if let Some(class) = class {
            step(self.classes.entry(class).or_default());
            self.classes.retain(|_, count| *count > 0);
        }
        if let Some(ended_ms) = ended_ms {
            step(self.ended.entry(ended_ms / 1000).or_default());
        }
    }

    /// What Lambda wrote when it gave up on events of a task, by its key.
    #[must_use]
    pub fn given_up(&self, task: u64) -> Vec<(String, FailedEvent)> {
        let attempts = self.complex.get(&task).map(Task::given_up).unwrap_or_default();
        attempts.into_iter().map(|attempt| (attempt.key.to_string(), attempt.to_event())).collect()
    }

    /// Keys of everything that is known of a task's attempts, newest first.
    #[must_use]
    pub fn attempt_keys(&self, task: u64) -> Vec<Arc<str>> {
        match self.complex.get(&task) {
            Some(entry) => entry.keys(),
            None => self.row(task).and_then(|row| row.record_key.clone()).into_iter().collect(),
        }
    }
}

/// The digest of an image URI, or all of it when it has none.
pub(super) fn digest_of(image: &str) -> String {
    image.split_once('@').map_or(image, |(_, digest)| digest).to_owned()
}

/// The task of a marker's key, of either layout.
fn marker_of(key: &str, at_ms: Option<Millis>) -> Option<(u64, Marker)> {
    if layout_of(key)? > 1 {
        let name = RecordName::parse(key).filter(|name| name.state == TaskState::Running)?;
        let (request_id, started_ms) = (name.attempt.request_id.into(), Some(name.attempt.started_ms));
        return Some((name.task?.as_number()?, Marker { request_id, started_ms, at_ms, key: key.into() }));
    }
    let (task, request_id) = first::parse_running(key).filter(|(_, request_id)| !request_id.is_empty())?;
    Some((task, Marker { request_id: request_id.into(), started_ms: None, at_ms, key: key.into() }))
}

#[cfg(test)]
mod tests;
