//! The state of one stage of a run from what lies in the home bucket. No input or output; the order in which things are learnt does
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
//! decide    what is known of a task becomes its state, and moves the counts
//! groups    tasks by the group that they are of
//! known     what is asked of a tracker
//! later     tasks that the outputs of other stages start
//! shown     what is shown of a run: its end, its statistics, its summary and view
//! told      what a tracker is told: inputs, records, markers, ends
//! ```

use super::header::RunHeader;
use super::statistics::Histogram;
use crate::model::{
    Counts, FailureClass, Millis, RunStatistics, RunView, TaskName, TaskRow, TaskState, Told,
};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

mod attempt;
mod decide;
mod groups;
mod known;
mod later;
mod shown;
mod told;

use attempt::{Attempt, Task};
pub use later::Declared;
pub(super) use shown::{float, statistics_of};

/// Clocks differ: an event of the run may bear a time so long before its launch.
const CLOCKS_MS: Millis = 2_000;

/// Tasks, counts and statistics of one stage of a run. Tasks are asked for by their index: of launched ones, their number.
#[derive(Clone, Debug)]
pub struct RunTracker {
    /// Of the stage: its function, its retries, how many tasks are known.
    header: RunHeader,
    /// Indexes of tasks that nobody launched; `None` in the first stage, where names are numbers.
    names: Option<HashMap<Arc<str>, u64>>,
    /// Of a standing run: nobody declares its tasks, they are those of which something is heard.
    grows: bool,
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
    /// Tasks whose input another task's output has replaced before they began.
    overwritten: HashSet<u64>,
    /// Tasks of the join of this stage that will not begin, because what they wait for did not succeed.
    withheld: HashSet<u64>,
    /// Its tasks by group, when joins ask.
    groups: Option<groups::Grouped>,
    /// Tasks that failed and will be tried again by Lambda.
    waiting: u64,
    /// How far the cloud's clock may be behind that of who launched.
    clocks_ms: Millis,
}

impl RunTracker {
    /// A run of which nothing is known but its header.
    #[must_use]
    pub fn new(header: RunHeader) -> Self {
        let empty: Arc<str> = Arc::from("");
        let chunk = RunView::CHUNK as u64;
        let row = |number: u64| pending(number.into(), empty.clone(), empty.clone(), 0);
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
            overwritten: HashSet::new(),
            withheld: HashSet::new(),
            groups: None,
            clocks_ms: CLOCKS_MS,
            names: None,
            grows: false,
            header,
        }
    }

    /// The cloud has the clock of who launched: an event from before the launch is not the run's.
    pub const fn same_clock(&mut self) {
        self.clocks_ms = 0;
    }

    /// A task by its index.
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

    /// How often Lambda tries a failed event again, as it was when the run was launched.
    fn retries(&self) -> u32 {
        self.header.retries.unwrap_or(0)
    }

    /// The attempts of a task, kept apart from now on.
    fn complex_task(&mut self, task: u64) -> &mut Task {
        let known = self.row(task).and_then(|row| Attempt::of_row(&self.header.id, row));
        self.complex.entry(task).or_insert_with(|| {
            let mut entry = Task::default();
            if let Some(attempt) = known {
                entry.add(attempt);
            }
            entry
        })
    }

    /// Keeps no more than its row of a task that succeeded with the only attempt that is known: whatever is told of it later is
    /// held against that. Markers of long tasks would else be kept to the end of a run.
    fn forget_plain(&mut self, task: u64) {
        let Some(entry) = self.complex.get(&task).filter(|entry| entry.is_plain()) else { return };
        if self.row(task).is_none_or(|row| row.state != TaskState::Succeeded) {
            return;
        }
        for id in entry.marked() {
            self.by_request.remove(id);
        }
        self.complex.remove(&task);
    }
}

/// A task of which nothing is known but its input.
fn pending(task: TaskName, bucket: Arc<str>, key: Arc<str>, size: u64) -> TaskRow {
    TaskRow {
        task,
        bucket,
        key,
        size,
        files: 0,
        state: TaskState::Pending,
        class: None,
        attempts: 0,
        depth: 0,
        told: Told::default(),
    }
}

/// The digest of an image URI, or all of it when it has none.
pub(super) fn digest_of(image: &str) -> String {
    image.split_once('@').map_or(image, |(_, digest)| digest).to_owned()
}

#[cfg(test)]
mod tests;
