//! `barrier.json`: the stages of a run and its joins.

use super::group::Group;
use crate::keys::BLOCK;
use crate::{OutputObject, TaskId};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::Range;

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
    /// Its only task; of a join with groups what the ids of its tasks begin with ([`TaskId::of_group`]).
    pub task: TaskId,
    /// The stage that its records have in the ledger's keys: one more than the deepest of those before it.
    pub depth: u32,
    /// When it starts.
    #[serde(default)]
    pub when: When,
    /// Whether it gets the files, or only the list of them.
    #[serde(default = "yes")]
    pub stage_in: bool,
    /// Whether it starts once for each group of launched tasks.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub grouped: bool,
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
    /// How many groups they are in; 0 when no join asks.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub groups: u64,
    /// The functions, the launched one first.
    pub stages: Vec<BarrierStage>,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
const fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// What one task of a join waits for: the stages that it names, and what leads to them, up to the joins among them; of these
/// everything, or what came of one group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JoinSources<'a> {
    /// The join's place among the stages.
    pub at: usize,
    /// The join.
    pub join: &'a Join,
    /// The task of it that waits.
    pub task: TaskId,
    /// The group that this is for.
    pub group: Option<Group>,
    /// Stages that must be final.
    pub stages: BTreeSet<usize>,
}

impl BarrierPlan {
    /// Newest [`BarrierPlan::version`].
    pub const VERSION: u32 = 2;
    /// That of plans without groups, which older runtimes know.
    pub const WITHOUT_GROUPS: u32 = 1;

    /// The stage of a function.
    #[must_use]
    pub fn stage_of(&self, function: &str) -> Option<usize> {
        self.stages.iter().position(|stage| stage.function == function)
    }

    /// The joins of the run, of those with groups the task for this one; without a group they are left out.
    pub fn joins(&self, group: Option<Group>) -> impl Iterator<Item = JoinSources<'_>> {
        let joins = self.stages.iter().enumerate();
        joins.filter_map(move |(at, stage)| {
            let stages = sources(at, |stage| {
                self.stages.get(stage).map(|stage| (&stage.from[..], stage.join.is_some()))
            });
            let join = stage.join.as_ref()?;
            let (task, group) = match (join.grouped, group) {
                (false, _) => (join.task.clone(), None),
                (true, Some(group)) => (join.task.of_group(group.number), Some(group)),
                (true, None) => return None,
            };
            Some(JoinSources { at, join, task, group, stages })
        })
    }

    /// The join whose task this is; `group` is that of the task, when the join has groups.
    #[must_use]
    pub fn join_of(&self, task: &TaskId, group: Option<Group>) -> Option<JoinSources<'_>> {
        self.joins(group).find(|sources| sources.task == *task)
    }

    /// The join that a task is of or came of.
    fn join_named(&self, task: &TaskId) -> Option<&Join> {
        let named = task.of_join()?;
        self.stages.iter().filter_map(|stage| stage.join.as_ref()).find(|join| join.task == named)
    }

    /// The launched tasks that a join waits for.
    #[must_use]
    pub fn launched(&self, sources: &JoinSources<'_>) -> Range<u64> {
        let all = 0..self.tasks;
        let group = sources.group.map_or(all.clone(), |group| group.tasks());
        if sources.stages.contains(&0) { group.start.min(all.end)..group.end.min(all.end) } else { 0..0 }
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
        self.join_named(task).map_or(0, |join| join.depth).saturating_add(task.outputs())
    }

    /// What must be final at the top of a join's barrier: blocks of launched tasks, and other joins.
    pub(super) fn top(&self, sources: &JoinSources<'_>) -> BTreeSet<String> {
        let launched = blocks(&self.launched(sources)).map(|block| top_member(None, block));
        let mut members: BTreeSet<String> = launched.collect();
        for (join, _) in self.joins_before(sources) {
            match (join.grouped, sources.group) {
                (true, None) => {
                    members
                        .extend(blocks(&(0..self.groups)).map(|block| top_member(Some(&join.task), block)));
                }
                (true, Some(group)) => drop(members.insert(join.task.of_group(group.number).to_string())),
                (false, _) => drop(members.insert(join.task.to_string())),
            }
        }
        members
    }

    /// The joins that a join waits for, each with its stage.
    fn joins_before(&self, sources: &JoinSources<'_>) -> impl Iterator<Item = (&Join, usize)> {
        sources.stages.iter().filter_map(|at| Some((self.stages.get(*at)?.join.as_ref()?, *at)))
    }

    /// The tasks that a join waits for and that are known from the start, by the ledger's stage, each with its own stage.
    #[must_use]
    pub fn roots(&self, sources: &JoinSources<'_>) -> BTreeMap<u32, Vec<(TaskId, usize)>> {
        let mut roots = BTreeMap::<u32, Vec<_>>::new();
        if sources.stages.contains(&0) {
            let launched = self.launched(sources).map(|number| (TaskId::number(number), 0));
            roots.insert(0, launched.collect());
        }
        for (join, at) in self.joins_before(sources) {
            let before = roots.entry(join.depth).or_default();
            match (join.grouped, sources.group) {
                (true, None) => before.extend((0..self.groups).map(|group| (join.task.of_group(group), at))),
                (true, Some(group)) => before.push((join.task.of_group(group.number), at)),
                (false, _) => before.push((join.task.clone(), at)),
            }
        }
        roots
    }
}

/// The blocks that tasks of these numbers are in.
fn blocks(tasks: &Range<u64>) -> Range<u64> {
    if tasks.is_empty() { 0..0 } else { tasks.start / BLOCK..tasks.end.div_ceil(BLOCK) }
}

/// The name of a block at the top: of launched tasks, or of the tasks of a join with groups.
pub(super) fn top_member(of: Option<&TaskId>, block: u64) -> String {
    of.map_or_else(|| block.to_string(), |join| format!("{join}-g-{block}"))
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
