//! `barrier.json`: the stages of a run and its joins.

use crate::keys::BLOCK;
use crate::{OutputObject, TaskId};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// When a join starts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum When {
    /// Everything before it has succeeded.
    #[default]
    AllSucceeded,
    /// Everything before it has ended, one way or another.
    AllEnded,
}

impl When {
    /// The word used in definitions, tags and JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AllSucceeded => "all-succeeded",
            Self::AllEnded => "all-ended",
        }
    }
}

impl fmt::Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What makes a stage a join.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Join {
    /// Its only task.
    pub task: TaskId,
    /// The stage that its records have in the ledger's keys: one more than the deepest of those before it.
    pub depth: u32,
    /// When it starts.
    #[serde(default)]
    pub when: When,
    /// Whether it gets the files, or only the list of them.
    #[serde(default = "yes")]
    pub stage_in: bool,
}

const fn yes() -> bool {
    true
}

/// A place of objects: those in a bucket whose keys begin and end so.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stored {
    /// The bucket.
    pub bucket: String,
    /// How keys begin.
    #[serde(default)]
    pub prefix: String,
    /// How keys end.
    #[serde(default)]
    pub suffix: String,
}

impl Stored {
    /// Whether an object is there.
    #[must_use]
    pub fn holds(&self, bucket: &str, key: &str) -> bool {
        self.bucket == bucket && key.starts_with(&self.prefix) && key.ends_with(&self.suffix)
    }
}

/// A function of the run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BarrierStage {
    /// Its name.
    pub function: String,
    /// How often Lambda repeats a failed task.
    #[serde(default)]
    pub retries: u32,
    /// Objects there start it.
    #[serde(default)]
    pub starts: Vec<Stored>,
    /// The stages whose outputs start it, or that it waits for when it is a join.
    #[serde(default)]
    pub from: Vec<usize>,
    /// Where its outputs go, as far as that is known: folders below are kept when a join stages its files.
    #[serde(default)]
    pub outputs: Vec<Stored>,
    /// What makes it a join.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub join: Option<Join>,
}

/// What the barrier of a run must know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BarrierPlan {
    /// Version of this form; a newer one is not understood.
    pub version: u32,
    /// How many tasks were launched.
    pub tasks: u64,
    /// The functions, the launched one first.
    pub stages: Vec<BarrierStage>,
}

/// The stages that a join waits for: those it names, and what leads to them, up to the joins among them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JoinSources<'a> {
    /// The join's place among the stages.
    pub at: usize,
    /// The join.
    pub join: &'a Join,
    /// Stages that must be final.
    pub stages: BTreeSet<usize>,
}

impl BarrierPlan {
    /// Today's [`BarrierPlan::version`].
    pub const VERSION: u32 = 1;

    /// The stage of a function.
    #[must_use]
    pub fn stage_of(&self, function: &str) -> Option<usize> {
        self.stages.iter().position(|stage| stage.function == function)
    }

    /// The joins of the run.
    pub fn joins(&self) -> impl Iterator<Item = JoinSources<'_>> {
        let joins = self.stages.iter().enumerate();
        joins.filter_map(|(at, stage)| {
            let stages = sources(at, |stage| {
                self.stages.get(stage).map(|stage| (&stage.from[..], stage.join.is_some()))
            });
            Some(JoinSources { at, join: stage.join.as_ref()?, stages })
        })
    }

    /// The join whose task this is.
    #[must_use]
    pub fn join_of(&self, task: &TaskId) -> Option<JoinSources<'_>> {
        self.joins().find(|sources| sources.join.task == *task)
    }

    /// Whether outputs of a stage start one of those that a join waits for.
    #[must_use]
    pub fn is_inner(&self, stage: usize, sources: &JoinSources<'_>) -> bool {
        let mut waited = sources.stages.iter().filter_map(|at| self.stages.get(*at));
        waited.any(|waited| waited.join.is_none() && waited.from.contains(&stage))
    }

    /// What outputs of a task of a stage start: their ordinals, each with the stage. The first place that fits counts.
    #[must_use]
    pub fn started(&self, stage: usize, outputs: &[OutputObject]) -> Vec<(u32, usize)> {
        let places = self
            .stages
            .iter()
            .enumerate()
            .filter(|(_, next)| next.join.is_none() && next.from.contains(&stage));
        let places: Vec<_> =
            places.flat_map(|(at, next)| next.starts.iter().map(move |place| (at, place))).collect();
        let started = |output: &OutputObject| {
            let mut places = places
                .iter()
                .filter(|(_, place)| output.provider.is_none() && place.holds(&output.bucket, &output.key));
            places.next().map(|(at, _)| *at)
        };
        (0..).zip(outputs).filter_map(|(ordinal, output)| Some((ordinal, started(output)?))).collect()
    }

    /// The stage that a task's records have in the ledger's keys: how many outputs and joins lead to it.
    #[must_use]
    pub fn depth_of(&self, task: &TaskId) -> u32 {
        let outputs = task.outputs();
        let join = task.of_join().and_then(|root| self.join_of(&root));
        join.map_or(0, |sources| sources.join.depth).saturating_add(outputs)
    }

    /// What must be final at the top of a join's barrier: blocks of launched tasks, and other joins.
    pub(super) fn top(&self, sources: &JoinSources<'_>) -> BTreeSet<String> {
        let blocks = if sources.stages.contains(&0) { self.tasks.div_ceil(BLOCK) } else { 0 };
        let stages = sources.stages.iter().filter_map(|at| self.stages.get(*at)?.join.as_ref());
        let joins = stages.map(|join| join.task.to_string());
        (0..blocks).map(|block| block.to_string()).chain(joins).collect()
    }

    /// The tasks that a join waits for and that are known from the start, by the ledger's stage, each with its own stage.
    #[must_use]
    pub fn roots(&self, sources: &JoinSources<'_>) -> BTreeMap<u32, Vec<(TaskId, usize)>> {
        let mut roots = BTreeMap::<u32, Vec<_>>::new();
        if sources.stages.contains(&0) {
            roots.insert(0, (0..self.tasks).map(|number| (TaskId::number(number), 0)).collect());
        }
        for at in &sources.stages {
            if let Some(join) = self.stages.get(*at).and_then(|stage| stage.join.as_ref()) {
                roots.entry(join.depth).or_default().push((join.task.clone(), *at));
            }
        }
        roots
    }
}

/// The stages that lead to a join, up to other joins; `stage` gives what a stage comes from and whether it is a join.
pub(super) fn sources<'a>(
    join: usize,
    stage: impl Fn(usize) -> Option<(&'a [usize], bool)>,
) -> BTreeSet<usize> {
    let mut all = BTreeSet::new();
    let mut rest: Vec<usize> = stage(join).map(|(from, _)| from.to_vec()).unwrap_or_default();
    while let Some(at) = rest.pop() {
        if let Some((from, is_join)) = stage(at)
            && at != join
            && all.insert(at)
            && !is_join
        {
            rest.extend(from);
        }
    }
    all
}
