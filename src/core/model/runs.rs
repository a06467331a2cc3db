//! Runs and their tasks.

use super::{FailureClass, Millis, Overrides, Reuse, Sets, TaskName, TaskState, Told};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;
use throng_contract::keys::day_of;

/// Counts of tasks by state. Their sum is the manifest's size, always.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Not begun, as far as is known.
    pub pending: u64,
    /// Begun, not ended.
    pub running: u64,
    /// Tasks whose script ended with 0 and whose outputs are stored.
    pub succeeded: u64,
    /// Tasks that ended otherwise.
    pub failed: u64,
    /// Timed out
    pub timed_out: u64,
    /// Tasks whose event grew too old before an attempt.
    pub expired: u64,
    /// Tasks that had not begun when a person ended the run.
    pub cancelled: u64,
}

impl Counts {
    /// All tasks. Counts that do not fit a number, which only a damaged `end.json` has, stay at the largest.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.pending.saturating_add(self.done()).saturating_add(self.running)
    }

    /// Tasks in a final state.
    #[must_use]
    pub const fn done(&self) -> u64 {
        self.succeeded.saturating_add(self.unsuccessful())
    }

    /// Tasks in a final state other than succeeded.
    #[must_use]
    pub const fn unsuccessful(&self) -> u64 {
        let late = self.timed_out.saturating_add(self.expired);
        self.failed.saturating_add(late).saturating_add(self.cancelled)
    }

    /// Adds those of another stage.
    pub const fn add(&mut self, other: &Self) {
        self.pending = self.pending.saturating_add(other.pending);
        self.running = self.running.saturating_add(other.running);
        self.succeeded = self.succeeded.saturating_add(other.succeeded);
        self.failed = self.failed.saturating_add(other.failed);
        self.timed_out = self.timed_out.saturating_add(other.timed_out);
        self.expired = self.expired.saturating_add(other.expired);
        self.cancelled = self.cancelled.saturating_add(other.cancelled);
    }

    /// The counter for a state.
    pub const fn of(&mut self, state: TaskState) -> &mut u64 {
        match state {
            TaskState::Pending => &mut self.pending,
            TaskState::Running => &mut self.running,
            TaskState::Succeeded => &mut self.succeeded,
            TaskState::Failed => &mut self.failed,
            TaskState::TimedOut => &mut self.timed_out,
            TaskState::Expired => &mut self.expired,
            TaskState::Cancelled => &mut self.cancelled,
        }
    }
}

/// A run as a list shows it.
#[allow(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
#[derive(Clone, Debug, PartialEq)]
pub struct RunSummary {
    /// Id, sortable by time.
    pub id: String,
    /// The function that was launched.
    pub function: String,
    /// Whether nobody launched it: what arrived on a day by itself.
    pub standing: bool,
    /// Its stages when it is a chain, the launched one first; empty when it has no other.
    pub stages: Vec<StageSummary>,
    /// The image's digest when it was launched.
    pub image: String,
    /// When it was launched.
    pub started_ms: Millis,
    /// When its last task ended; `None` while any is open.
    pub ended_ms: Option<Millis>,
    /// Tasks of all stages by state.
    pub counts: Counts,
    /// Failures by class.
    pub classes: BTreeMap<FailureClass, u64>,
    /// Whether a person cancelled it.
    pub cancelled: bool,
    /// Tasks ended per second over the last moments; 0 when ended.
    pub rate: f64,
    /// Seconds to the end at that rate, when it can be told.
    pub eta_s: Option<f64>,
    /// Tasks whose inputs are still to be sent by this throng; 0 when none.
    pub unsent: u64,
    /// Tasks that are held back, by this throng or another, so that none grows too old in the function's queue: they are sent as
    /// others end, while who sends them is open. They count as pending.
    pub held: u64,
    /// Milliseconds for which nothing was heard of the run, when that is long enough to think that the tasks which
    /// have not begun are lost.
    pub stalled_ms: Option<u64>,
    /// Whether every record has been read, so that the counts are exact.
    pub settled: bool,
    /// Tasks that failed and that the cloud will try again; they count as pending.
    pub waiting: u64,
    /// Objects that several tasks have stored, so that one overwrote the other.
    pub collisions: u64,
    /// The first of them.
    pub collided: Vec<Collision>,
    /// Tasks that it has not, because earlier runs had done them.
    pub reused: Reuse,
    /// Limits that it has instead of its function's own.
    pub overrides: Overrides,
    /// Tasks whose events were lost and that this throng has sent once more by itself.
    pub resent: u64,
    /// Whether records are still being read that were there when this throng began to look: until then the counts say less
    /// than the ledger, and nothing may be concluded from them.
    pub reading: bool,
    /// Why it could not be read the last time; what is said of it otherwise is older, or nothing.
    pub trouble: Option<RunTrouble>,
}

/// What one function does in a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StageSummary {
    /// The function's name.
    pub function: String,
    /// Its tasks by state, as far as the stages before it have declared them.
    pub counts: Counts,
    /// Tasks that failed and that the cloud will try again; they count as pending.
    pub waiting: u64,
    /// Whether nothing of it will change: the stages before it are complete, and every task is final.
    pub complete: bool,
    /// The stages whose outputs start it, or that it waits for as a join, by their place in the list.
    pub from: Vec<usize>,
    /// Whether it is a join: it starts once, when those have ended.
    pub join: bool,
    /// Whether it still waits for them.
    pub waits: bool,
}

/// An object that several tasks of a run have stored: the last one won.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Collision {
    /// The storage provider that it is at; the context's own storage when `None`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// Its bucket.
    pub bucket: String,
    /// Its key.
    pub key: String,
    /// The tasks, as far as they are named.
    pub tasks: Vec<TaskName>,
}

/// Why a run could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunTrouble {
    /// What lies in the home bucket is wrong, so that trying again is of no use.
    pub damaged: bool,
    /// What is wrong, in words.
    pub why: String,
}

impl RunSummary {
    /// Milliseconds without a word from which on it is likelier that events were lost than that the cloud is busy.
    const LOSS_MS: u64 = 60_000;

    /// Whether it stands and nothing of it is under way.
    #[must_use]
    pub const fn is_quiet(&self) -> bool {
        self.standing && self.counts.running + self.counts.pending == 0
    }

    /// What it is in words: the functions of its chain, and of a standing run its day.
    #[must_use]
    pub fn title(&self) -> String {
        let functions = match self.stages.as_slice() {
            [] => self.function.clone(),
            stages => stages.iter().map(|stage| stage.function.as_str()).collect::<Vec<_>>().join(" → "),
        };
        match day_of(&self.id).filter(|_| self.standing) {
            Some(day) if day.is_ascii() => {
                format!("{functions} · triggered {}-{}-{}", &day[..4], &day[4..6], &day[6..])
            }
            _ => functions,
        }
    }

    /// Whether a function does a stage of it.
    #[must_use]
    pub fn is_of(&self, function: &str) -> bool {
        self.function == function || self.stages.iter().any(|stage| stage.function == function)
    }

    /// Whether its counts say anything: those of a run of which nothing has been read yet do not.
    #[must_use]
    pub const fn is_counted(&self) -> bool {
        !self.reading || self.ended_ms.is_some() || self.counts.done() + self.counts.running > 0
    }

    /// Whether nothing was heard for so long that tasks which have not begun are probably lost.
    #[must_use]
    pub fn may_have_lost(&self) -> bool {
        self.stalled_ms.is_some_and(|quiet| quiet >= Self::LOSS_MS)
    }
}

/// One task of an open run.
#[derive(Clone, Debug, PartialEq)]
pub struct TaskRow {
    /// Its name within the run.
    pub task: TaskName,
    /// Input bucket.
    pub bucket: Arc<str>,
    /// Input key.
    pub key: Arc<str>,
    /// Input size in bytes; of all its files, when there are several.
    pub size: u64,
    /// How many files it has, when there are several: the key is the first of them. 0 for a single input.
    pub files: u32,
    /// What it is doing, or how it ended.
    pub state: TaskState,
    /// Why it did not succeed.
    pub class: Option<FailureClass>,
    /// Attempts known, as far as eight bits count.
    pub attempts: u8,
    /// Of a task that is a folder with its files: how many folders of the key, from its beginning, are this folder. 0 for a file.
    pub depth: u8,
    /// How it ended, or what it waits for.
    pub told: Told,
}

/// A failed attempt is not the end: another is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// Which repetition is due, from 1.
    pub retry: u32,
    /// How many there are.
    pub of: u32,
    /// When it is due, as the cloud documents it.
    pub due_ms: Millis,
}

impl TaskRow {
    /// Whether it succeeded and stored nothing, as far as its record's name says.
    #[must_use]
    pub fn stored_nothing(&self) -> bool {
        self.state == TaskState::Succeeded && self.told.stored_nothing()
    }

    /// What a join's task is for, when it is for a group: this takes the place of its input.
    #[must_use]
    pub fn group(&self) -> Option<&str> {
        (self.bucket.is_empty() && !self.key.is_empty()).then_some(&*self.key)
    }

    /// Of the deciding attempt: begin to end, in milliseconds.
    #[must_use]
    pub fn duration_ms(&self) -> Option<u64> {
        self.told.duration_ms()
    }

    /// Of the deciding attempt: peak memory in bytes.
    #[must_use]
    pub fn peak_memory(&self) -> Option<u64> {
        self.told.peak_memory()
    }

    /// Of the deciding attempt: when it ended.
    #[must_use]
    pub fn ended_ms(&self) -> Option<Millis> {
        self.told.ended_ms()
    }

    /// Of the deciding attempt: request id.
    #[must_use]
    pub fn request_id(&self) -> Option<Cow<'_, str>> {
        self.told.request_id()
    }

    /// The attempt that is due, when the last one failed.
    #[must_use]
    pub fn waiting(&self) -> Option<Waiting> {
        self.told.waiting()
    }

    /// Whether a record in the home bucket decides.
    #[must_use]
    pub fn has_record(&self) -> bool {
        self.told.has_record()
    }

    /// Key of the deciding record in the home bucket, of a task of this run.
    #[must_use]
    pub fn record_key(&self, run: &str) -> Option<Arc<str>> {
        self.told.record_key(run, &self.task, self.state, self.class)
    }

    /// Whether its end is known from the platform's log alone: the ledger may still say otherwise.
    #[must_use]
    pub fn is_reported(&self) -> bool {
        let unsuccessful = self.state.is_final() && self.state != TaskState::Succeeded;
        unsuccessful
            && !self.has_record()
            && !matches!(self.class, None | Some(FailureClass::Lost | FailureClass::Upstream))
    }
}

/// What a run's durations and memory look like. Milliseconds and bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct RunStatistics {
    /// Median duration.
    pub p50_ms: u64,
    /// 95th percentile of the duration.
    pub p95_ms: u64,
    /// Longest duration.
    pub max_ms: u64,
    /// Highest peak memory.
    pub max_memory: u64,
    /// Sum of all durations.
    pub total_ms: u64,
}

/// An open run.
#[derive(Clone, Debug)]
pub struct RunView {
    /// Its summary.
    pub summary: RunSummary,
    /// Its stages, the launched one first.
    pub stages: Vec<StageView>,
    /// Durations and memory of all stages.
    pub statistics: RunStatistics,
    /// Tasks ended in each of the last 60 seconds, oldest first.
    pub history: Arc<[u64]>,
    /// Whether the tasks are still being read.
    pub loading: bool,
    /// Values of its launched tasks, once they have been read.
    pub sets: Arc<Sets>,
}

/// One stage of an open run.
#[derive(Clone, Debug, Default)]
pub struct StageView {
    /// The function's name.
    pub function: String,
    /// Its tasks: launched ones by number, others as they were declared. Chunks of 1,024, shared between snapshots where
    /// nothing changed.
    pub tasks: Arc<Vec<Arc<Vec<TaskRow>>>>,
    /// Durations and memory.
    pub statistics: RunStatistics,
}

impl StageView {
    /// How many tasks there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.tasks.iter().map(|chunk| chunk.len()).sum()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tasks.iter().all(|chunk| chunk.is_empty())
    }

    /// A task by its place.
    #[must_use]
    pub fn task(&self, index: usize) -> Option<&TaskRow> {
        self.tasks.get(index / RunView::CHUNK)?.get(index % RunView::CHUNK)
    }

    /// All tasks.
    #[must_use]
    pub fn rows(&self) -> impl DoubleEndedIterator<Item = &TaskRow> {
        self.tasks.iter().flat_map(|chunk| chunk.iter())
    }
}

impl RunView {
    /// Tasks per chunk.
    pub const CHUNK: usize = 1024;

    /// The tasks of all stages.
    #[must_use]
    pub fn rows(&self) -> impl DoubleEndedIterator<Item = &TaskRow> {
        self.stages.iter().flat_map(StageView::rows)
    }

    /// A task by its name.
    #[must_use]
    pub fn find(&self, task: &TaskName) -> Option<&TaskRow> {
        if let Some(number) = task.number() {
            return self.stages.first()?.task(usize::try_from(number).ok()?);
        }
        // Launched tasks have numbers, and are many.
        let named = |stage: &&StageView| stage.task(0).is_some_and(|row| row.task.number().is_none());
        self.stages.iter().filter(named).flat_map(StageView::rows).find(|row| row.task == *task)
    }

    /// Tasks by state.
    #[must_use]
    pub const fn counts(&self) -> &Counts {
        &self.summary.counts
    }
}
