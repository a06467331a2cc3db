//! What run.json, end.json and cancel.json say.

use super::cloud::TriggerPlace;
use super::join_groups::JoinGroupsHeader;
use super::sets::SetsHeader;
use crate::model::{Collision, Counts, FailureClass, Millis, Overrides, Reuse, RunStatistics, StageSummary};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use throng_contract::barrier::Join;
use throng_contract::{Grouping, Selection, TaskRef, TaskState};

/// How tasks are started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StartedBy {
    /// The objects' arrival in a bucket that notifies the function.
    Trigger,
    /// An asynchronous invocation for each task.
    Invoke,
}

/// `run.json`: what was launched. Never changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunHeader {
    /// Version of the ledger's layout ([`LEDGER`](throng_contract::versions::LEDGER)).
    pub version: u32,
    /// The run's id, as in its keys.
    pub id: String,
    /// The function's name.
    pub function: String,
    /// The image's URI with its digest.
    #[serde(default)]
    pub image: String,
    /// Variables that every task's script gets.
    #[serde(default)]
    pub parameters: BTreeMap<String, String>,
    /// Sets of further variables, which tasks differ in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sets: Option<SetsHeader>,
    /// Whether its tasks have no inputs.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub without_inputs: bool,
    /// When it was launched.
    pub started_ms: Millis,
    /// How many tasks.
    pub tasks: u64,
    /// Bytes of all inputs.
    #[serde(default)]
    pub bytes: u64,
    /// Where the inputs came from, for people.
    #[serde(default)]
    pub source: Vec<String>,
    /// The bucket of the inputs.
    #[serde(default)]
    pub bucket: String,
    /// The storage provider that the bucket is at, as `minio.lab`; the context's own storage when `None`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// Whether the inputs are files of the launching machine, to be uploaded.
    #[serde(default)]
    pub files: bool,
    /// Of a run whose tasks have several files: how they were grouped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub groups: Option<GroupsHeader>,
    /// Inputs that were given and are no tasks, because they could not be run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skipped: Option<Skipped>,
    /// How many inputs were left out by the rules of the function's `input`.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub unselected: u64,
    /// Inputs that are no tasks, because an earlier run has done the same ([`ReusedTask`](super::ReusedTask) says more).
    #[serde(default, skip_serializing_if = "Reuse::is_none")]
    pub reused: Reuse,
    /// What decided the function's results; empty when that was not known.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub fingerprint: String,
    /// What is other for this run than the function's settings say.
    #[serde(default, skip_serializing_if = "Overrides::is_none")]
    pub overrides: Overrides,
    /// How tasks are started.
    pub started_by: StartedBy,
    /// How often Lambda tries a failed task again; the first layout did not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retries: Option<u32>,
    /// Version of the throng that launched it.
    #[serde(default)]
    pub throng: String,
    /// Whether its tasks may store over what others have stored.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub overwrites: bool,
    /// The group of its tasks, of a run with joins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// The groups that its tasks are in, when a join starts once for each.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub join_groups: Option<JoinGroupsHeader>,
    /// What the outputs of its tasks start: the functions of the chain behind the launched one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stages: Vec<LaterStage>,
    /// How its tasks share invocations; each has its own when `None`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pack: Option<PackRule>,
}

/// How the tasks of a run are packed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PackRule {
    /// Tasks of a pack, at most.
    pub tasks: u64,
    /// Whether start markers start the function. Else what is left of a pack is sent by whoever follows the run.
    #[serde(default)]
    pub marked: bool,
}

/// How the inputs of a run became tasks of several files.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupsHeader {
    /// The rule.
    pub rule: Grouping,
    /// How many groups: tasks, but for sets of parameters.
    pub count: u64,
    /// How many files, each counted once.
    pub files: u64,
}

/// A function that outputs of the run start, as it was when the run was launched.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LaterStage {
    /// The function's name.
    pub function: String,
    /// The image's URI with its digest.
    #[serde(default)]
    pub image: String,
    /// How often Lambda tries a failed task again.
    #[serde(default)]
    pub retries: u32,
    /// Objects in these places start it.
    #[serde(default)]
    pub starts: Vec<TriggerPlace>,
    /// What of the objects there is an input; everything when empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub selections: Vec<Selection>,
    /// Whether its tasks may store over what others have stored.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub overwrites: bool,
    /// Stages whose outputs go there: 0 is the launched one, 1 the first of [`RunHeader::stages`].
    #[serde(default)]
    pub from: Vec<usize>,
    /// What makes it a join: it waits for the stages in [`LaterStage::from`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub join: Option<Join>,
}

/// Inputs that a launch left out because they could not be run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skipped {
    /// How many.
    pub count: u64,
    /// The first of them: at most [`Skipped::NAMED`].
    #[serde(default)]
    pub first: Vec<SkippedInput>,
}

impl Skipped {
    /// How many inputs are named.
    pub const NAMED: usize = 100;
}

/// An input that was left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SkippedInput {
    /// The file's path, or its name.
    pub name: String,
    /// Why.
    pub reason: String,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
const fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// `cancel.json`: a person ended the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cancelled {
    /// Version of the contract.
    pub version: u32,
    /// When the person did so.
    pub at_ms: Millis,
}

/// `unsent.json`: what is held back of a run, so that no event grows too old in the function's queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unsent {
    /// Version of the contract.
    pub version: u32,
    /// When that was written.
    pub at_ms: Millis,
    /// How many tasks were not sent then; 0 once all were.
    pub tasks: u64,
}

/// `end.json`: how the run ended. A summary: the records are the truth.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RunEnd {
    /// Version of the contract.
    pub version: u32,
    /// When its last task ended.
    pub ended_ms: Millis,
    /// Tasks by state.
    pub states: BTreeMap<String, u64>,
    /// Failures by class.
    #[serde(default)]
    pub classes: BTreeMap<String, u64>,
    /// Whether a person cancelled it.
    #[serde(default)]
    pub cancelled: bool,
    /// Median duration in milliseconds.
    #[serde(default)]
    pub p50_ms: u64,
    /// 95th percentile of the duration.
    #[serde(default)]
    pub p95_ms: u64,
    /// Sum of all durations.
    #[serde(default)]
    pub total_ms: u64,
    /// Highest peak memory in bytes.
    #[serde(default)]
    pub max_memory: u64,
    /// Objects that several tasks have stored.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub collisions: u64,
    /// The first of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub collided: Vec<Collision>,
    /// The same of each stage of a chain.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stages: Vec<StageEnd>,
}

/// How a stage ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StageEnd {
    /// The function's name.
    pub function: String,
    /// Its tasks by state.
    pub states: BTreeMap<String, u64>,
}

impl RunEnd {
    /// From what a tracker knows.
    #[must_use]
    pub fn new(
        ended_ms: Millis,
        counts: Counts,
        classes: &BTreeMap<FailureClass, u64>,
        statistics: &RunStatistics,
        cancelled: bool,
    ) -> Self {
        Self {
            version: throng_contract::versions::LEDGER,
            ended_ms,
            states: states_of(counts),
            classes: classes.iter().map(|(class, count)| (class.to_string(), *count)).collect(),
            cancelled,
            p50_ms: statistics.p50_ms,
            p95_ms: statistics.p95_ms,
            total_ms: statistics.total_ms,
            max_memory: statistics.max_memory,
            collisions: 0,
            collided: Vec::new(),
            stages: Vec::new(),
        }
    }

    /// With what became of each stage.
    #[must_use]
    pub fn with_stages(mut self, stages: &[StageSummary]) -> Self {
        let end = |stage: &StageSummary| StageEnd {
            function: stage.function.clone(),
            states: states_of(stage.counts),
        };
        self.stages = stages.iter().map(end).collect();
        self
    }

    /// Whether it is about the same tasks in the same states.
    #[must_use]
    pub fn is_of_same(&self, other: &Self) -> bool {
        let of = |end: &Self| (end.ended_ms, end.states.clone(), end.classes.clone(), end.stages.clone());
        of(self) == of(other)
    }

    /// Tasks by state. Words of a newer throng are left out.
    #[must_use]
    pub fn counts(&self) -> Counts {
        counts_of(&self.states)
    }

    /// Failures by class.
    #[must_use]
    pub fn failure_classes(&self) -> BTreeMap<FailureClass, u64> {
        self.classes.iter().filter_map(|(class, count)| Some((class.parse().ok()?, *count))).collect()
    }
}

impl StageEnd {
    /// Tasks by state. Words of a newer throng are left out.
    #[must_use]
    pub fn counts(&self) -> Counts {
        counts_of(&self.states)
    }
}

fn counts_of(states: &BTreeMap<String, u64>) -> Counts {
    let mut counts = Counts::default();
    for (state, count) in states {
        if let Ok(state) = state.parse() {
            *counts.of(state) += count;
        }
    }
    counts
}

fn states_of(mut counts: Counts) -> BTreeMap<String, u64> {
    let states = TaskState::ALL.into_iter().map(|state| (state.to_string(), *counts.of(state)));
    states.filter(|(_, count)| *count > 0).collect()
}

impl RunHeader {
    /// A task of the run, in the layout that the run has.
    #[must_use]
    pub fn task(&self, number: u64) -> TaskRef {
        TaskRef { version: self.version, ..TaskRef::launched(&self.id, number) }
    }

    /// The task at which the manifest names the files of a task: tasks that differ in their parameters alone have the same, unless
    /// they stand apart because joins start for each group.
    #[must_use]
    pub fn lister(&self, task: u64) -> u64 {
        if self.join_groups.is_some() {
            return task;
        }
        let sets = self.sets.as_ref().filter(|sets| !sets.paired).map_or(1, |sets| sets.count.max(1));
        task - task % sets
    }
}

/// A new id: the time in UTC to the millisecond and four random characters, `20261123-214500123-k3x9`. Ids sort by time.
#[must_use]
pub fn new_run_id(now_ms: Millis) -> String {
    const LETTERS: &[u8] = b"abcdefghjkmnpqrstuvwxyz23456789";
    let time = jiff::Timestamp::from_millisecond(i64::try_from(now_ms).unwrap_or(0)).unwrap_or_default();
    let random: String = (0..4).map(|_| char::from(LETTERS[rand::random_range(0..LETTERS.len())])).collect();
    format!("{}{:03}-{random}", time.strftime("%Y%m%d-%H%M%S"), now_ms % 1000)
}

/// When a run was launched, by its id, in milliseconds since 1970; ids of the first version tell the second. `None` for a name
/// that no launch has made.
#[must_use]
pub fn started_of(id: &str) -> Option<Millis> {
    let (day, rest) = id.split_once('-')?;
    let (time, _) = rest.split_once('-')?;
    let (seconds, millis) = time.split_at_checked(6)?;
    let moment = jiff::civil::DateTime::strptime("%Y%m%d-%H%M%S", format!("{day}-{seconds}")).ok()?;
    let moment = jiff::tz::Offset::UTC.to_timestamp(moment).ok()?.as_millisecond();
    let millis: u64 = if millis.is_empty() { 0 } else { millis.parse().ok()? };
    Some(u64::try_from(moment).ok()? + millis)
}

/// Whether a folder's name can be a run's id. Anybody may write into a bucket.
#[must_use]
pub fn is_run_id(text: &str) -> bool {
    throng_contract::is_id(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_sort_by_time_and_are_recognised() {
        let (a, b) = (new_run_id(1_795_470_300_000), new_run_id(1_795_470_301_000));
        assert!(a < b && is_run_id(&a), "{a} {b}");
        assert!(a.starts_with("20261123-214500000-"), "{a}");
        assert_ne!(new_run_id(0), new_run_id(0), "one in a million fails");
        for bad in ["", "..", "a/b", "A", "a b", "-x", &"a".repeat(65)] {
            assert!(!is_run_id(bad), "{bad}");
        }
    }

    #[test]
    fn ids_tell_when_their_run_was_launched() {
        let at = 1_795_470_300_123;
        assert_eq!(started_of(&new_run_id(at)), Some(at));
        assert_eq!(started_of("20261123-214500-k3x9"), Some(at - 123), "of the first version");
        for other in
            ["", "ok", "day-20261123-0123abcd", "20261399-214500-k3x9", "20261123-2145-k3x9", "é-é-é"]
        {
            assert_eq!(started_of(other), None, "{other}");
        }
    }

    #[test]
    fn counts_of_any_size_have_a_total() {
        let text = format!(
            r#"{{"version": 1, "ended_ms": 7, "states": {{"succeeded": {}, "failed": 6}}}}"#,
            u64::MAX
        );
        let end: Option<RunEnd> = serde_json::from_str(&text).ok();
        assert_eq!(end.map(|end| end.counts().total()), Some(u64::MAX), "not 5, which a run could have");
    }

    #[test]
    fn an_end_keeps_its_counts() {
        let counts = Counts { succeeded: 5, timed_out: 2, ..Counts::default() };
        let classes = BTreeMap::from([(FailureClass::Timeout, 2)]);
        let end = RunEnd::new(7, counts, &classes, &RunStatistics::default(), false);
        assert_eq!((end.counts(), end.failure_classes()), (counts, classes));
    }
}
