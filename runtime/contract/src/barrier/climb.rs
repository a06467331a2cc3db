//! What is listed and written next, one request at a time; no input or output.
//!
//! The way up is plain code that is run again from its beginning with every answer that has come so far, and stops at the first
//! request that has none: so it can be driven by a runtime, and by a test that lets thousands of them go in any order.

use super::fate::{Fate, fate};
use super::group::Group;
use super::places::{Start, block, children_key, closed_prefix, parse_marker, tens_prefix, top_prefix, word};
use super::plan::{BarrierPlan, BarrierStage, JoinSources, When, top_member};
use crate::keys::{BLOCK, RecordName, block_prefix};
use crate::{OutputObject, TaskId, TaskRef, TaskState, versions};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Range;
use std::slice;

/// Launched tasks of a group.
const TEN: u64 = 10;

/// A request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    /// A page of keys.
    List {
        /// That begin so.
        prefix: String,
        /// After this one.
        after: Option<String>,
    },
    /// An object; what it says never changes once it is there.
    Get {
        /// Its key.
        key: String,
    },
    /// Stores an object, unless there is one.
    Put {
        /// Its key.
        key: String,
        /// What it says.
        body: String,
    },
}

/// What came of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Keys, in order, and whether there are more.
    Page {
        /// The keys.
        keys: Vec<String>,
        /// Whether there are more after them.
        more: bool,
    },
    /// The object, if it is there.
    Body(Option<Vec<u8>>),
    /// It is there now, stored by this or by somebody else.
    Stored,
}

/// A task whose record has been stored.
#[derive(Clone, Copy, Debug)]
pub struct Finished<'a> {
    /// The run.
    pub run: &'a str,
    /// Its stage among those of the plan.
    pub stage: usize,
    /// The task.
    pub task: &'a TaskId,
    /// The group that it is in, of a run with groups.
    pub group: Option<Group>,
    /// How the attempt ended.
    pub state: TaskState,
    /// What it stored.
    pub outputs: &'a [OutputObject],
}

/// The way from one finished task up to the start of one join, as far as it is this task's to go.
#[derive(Debug)]
pub struct Climb<'a> {
    plan: &'a BarrierPlan,
    sources: JoinSources<'a>,
    finished: Finished<'a>,
    answers: Vec<Answer>,
}

impl<'a> Climb<'a> {
    /// The ways of a finished task: one for each join that waits for its stage.
    pub fn all(plan: &'a BarrierPlan, finished: Finished<'a>) -> impl Iterator<Item = Self> {
        let joins =
            plan.joins(finished.group).filter(move |sources| sources.stages.contains(&finished.stage));
        joins.map(move |sources| Self { plan, sources, finished, answers: Vec::new() })
    }

    /// The next request; `None` at the end of the way.
    #[must_use]
    pub fn next(&self) -> Option<Ask> {
        let mut way = Way {
            plan: self.plan,
            sources: &self.sources,
            run: self.finished.run,
            answers: self.answers.iter(),
        };
        way.finished(&self.finished).err()
    }

    /// Tells what came of it.
    pub fn answer(&mut self, answer: Answer) {
        self.answers.push(answer);
    }
}

/// The way with the answers that have come so far. An error is the request that has none yet.
struct Way<'w> {
    plan: &'w BarrierPlan,
    sources: &'w JoinSources<'w>,
    run: &'w str,
    answers: slice::Iter<'w, Answer>,
}

type Steps<T> = Result<T, Ask>;

/// Tasks that no output has started, in order of their numbers: the launched ones of a run or group, or those of a join with groups.
struct Row {
    join: Option<TaskId>,
    stage: usize,
    depth: u32,
    numbers: Range<u64>,
}

impl Row {
    fn task(&self, number: u64) -> TaskId {
        self.join.as_ref().map_or_else(|| TaskId::number(number), |join| join.of_group(number))
    }

    /// How the names of ten of its tasks begin.
    fn names(&self, ten: u64) -> String {
        let digits = if ten == 0 { String::new() } else { ten.to_string() };
        self.join.as_ref().map_or(digits.clone(), |join| format!("{join}-g{digits}"))
    }
}

impl<'w> Way<'w> {
    fn finished(&mut self, of: &Finished<'_>) -> Steps<()> {
        if !self.plan.is_inner(of.stage, self.sources) {
            if self.has_group(of.task) {
                return self.look_at_group(of.task);
            }
            return match self.own_fate(of.task, of.stage)? {
                Fate::Open => Ok(()),
                fate => self.close(of.task, fate == Fate::Succeeded),
            };
        }
        if of.state == TaskState::Succeeded {
            let waited = |(_, stage): &(u32, usize)| self.sources.stages.contains(stage);
            let children: Vec<_> =
                self.plan.started(of.stage, of.outputs).into_iter().filter(waited).collect();
            if children.is_empty() {
                return self.close(of.task, true);
            }
            let said = serde_json::to_string(&children).unwrap_or_default();
            self.put(children_key(self.run, &self.sources.task, of.task), said)?;
            return self.look_at_children(of.task);
        }
        match self.own_fate(of.task, of.stage)? {
            Fate::Failed => self.close(of.task, false),
            // Another attempt succeeds, or goes on.
            Fate::Open | Fate::Succeeded => Ok(()),
        }
    }

    /// What became of a task, by its own records.
    fn own_fate(&mut self, task: &TaskId, stage: usize) -> Steps<Fate> {
        let prefix = format!("{}{task}_", self.records(task));
        let names = self.list(&prefix, |_| false)?;
        let names: Vec<_> = names.into_iter().filter_map(RecordName::parse).collect();
        Ok(fate(names.iter(), self.retries(stage)))
    }

    /// Everything that came of a task is final.
    fn close(&mut self, task: &TaskId, succeeded: bool) -> Steps<()> {
        if !self.has_group(task) {
            return self.close_top(task.as_str(), succeeded);
        }
        let folder = closed_prefix(self.run, &self.sources.task, self.plan.depth_of(task), block(task));
        self.put(format!("{folder}{task}.{}", word(succeeded)), String::new())?;
        self.look_at_group(task)
    }

    /// Whether a task is one of several that are looked at together; else it is at the top itself.
    fn has_group(&self, task: &TaskId) -> bool {
        task.parent().is_some() || self.row_of(task).is_some()
    }

    /// Whether the group that a task is in is final.
    fn look_at_group(&mut self, task: &TaskId) -> Steps<()> {
        if let Some(parent) = task.parent() {
            return self.look_at_children(&parent);
        }
        match self.row_of(task) {
            Some((row, number)) => self.look_at_ten(&row, number / TEN),
            None => Ok(()),
        }
    }

    /// The row of tasks that one is in which no output has started, and its number there.
    fn row_of(&self, task: &TaskId) -> Option<(Row, u64)> {
        if let Some(number) = task.as_number() {
            let row = Row { join: None, stage: 0, depth: 0, numbers: self.plan.launched(self.sources) };
            return Some((row, number));
        }
        let number = task.group().filter(|_| self.sources.group.is_none() && task.parent().is_none())?;
        let join = task.of_join()?;
        let is_of = |stage: &BarrierStage| stage.join.as_ref().is_some_and(|of| of.task == join);
        let stage = self.plan.stages.iter().position(is_of)?;
        let (join, depth) = (Some(join), self.plan.depth_of(task));
        Some((Row { join, stage, depth, numbers: 0..self.plan.groups }, number))
    }

    /// Closes a task when everything that its outputs have started is final. Until it has said what that is, it will look
    /// itself.
    fn look_at_children(&mut self, parent: &TaskId) -> Steps<()> {
        let key = children_key(self.run, &self.sources.task, parent);
        let Some(body) = self.get(key)? else { return Ok(()) };
        let children: Vec<(u32, usize)> = serde_json::from_slice(body).unwrap_or_default();
        let child = |(ordinal, stage): (u32, usize)| Some((parent.child(ordinal)?, stage));
        let children: BTreeMap<TaskId, usize> = children.into_iter().filter_map(child).collect();
        let Some(first) = children.keys().next().cloned() else { return Ok(()) };
        let (records, closed) = (
            self.records(&first),
            closed_prefix(self.run, &self.sources.task, self.plan.depth_of(&first), block(&first)),
        );
        let below = |folder: &str| format!("{folder}{parent}.");
        let fate = self.fate_of(children, (&records, &below(&records)), &below(&closed))?;
        match fate {
            Fate::Open => Ok(()),
            fate => self.close(parent, fate == Fate::Succeeded),
        }
    }

    /// Ten tasks whose numbers differ in the last digit: what their names begin with lists them and little else.
    fn look_at_ten(&mut self, row: &Row, ten: u64) -> Steps<()> {
        let numbers = (ten * TEN).max(row.numbers.start)..row.numbers.end.min((ten + 1).saturating_mul(TEN));
        let tasks = numbers.map(|number| (row.task(number), row.stage)).collect();
        let block = ten / (BLOCK / TEN);
        let names = row.names(ten);
        let folder = block_prefix(self.run, row.depth, block);
        let closed = closed_prefix(self.run, &self.sources.task, row.depth, block);
        let fate =
            self.fate_of(tasks, (&folder, &format!("{folder}{names}")), &format!("{closed}{names}"))?;
        match fate {
            Fate::Open => Ok(()),
            fate => self.close_ten(row, (ten, block), fate == Fate::Succeeded),
        }
    }

    /// Ten tasks are final; perhaps their block is.
    fn close_ten(&mut self, row: &Row, (ten, block): (u64, u64), succeeded: bool) -> Steps<()> {
        let first = (block * BLOCK).max(row.numbers.start) / TEN;
        let last = row.numbers.end.min((block + 1).saturating_mul(BLOCK)).div_ceil(TEN);
        let tens: BTreeSet<String> = (first..last).map(|ten| ten.to_string()).collect();
        let member = top_member(row.join.as_ref(), block);
        if tens.len() == 1 {
            return self.close_top(&member, succeeded);
        }
        let folder = tens_prefix(self.run, &self.sources.task, row.join.as_ref(), block);
        self.put(format!("{folder}{ten}.{}", word(succeeded)), String::new())?;
        match self.markers(&folder, &tens)? {
            Fate::Open => Ok(()),
            fate => self.close_top(&member, fate == Fate::Succeeded),
        }
    }

    /// What became of a group of tasks: of those that have started others by their markers, of others by the names of their
    /// records.
    fn fate_of(
        &mut self,
        tasks: BTreeMap<TaskId, usize>,
        (folder, records): (&str, &str),
        closed: &str,
    ) -> Steps<Fate> {
        let (inner, outer): (BTreeMap<_, _>, BTreeMap<_, _>) =
            tasks.into_iter().partition(|(_, stage)| self.plan.is_inner(*stage, self.sources));
        let mut succeeded = true;
        if !outer.is_empty() {
            let retries: HashMap<&TaskId, u32> =
                outer.iter().map(|(task, stage)| (task, self.retries(*stage))).collect();
            // A page that passes a task without its end says enough.
            let is_open = |keys: &[&str]| {
                let last = keys.last().copied().unwrap_or_default();
                let passed = |task: &&&TaskId| format!("{folder}{task}_~").as_str() < last;
                let names = by_task(keys);
                retries.keys().filter(passed).any(|task| fate_in(&names, task, retries[*task]) == Fate::Open)
            };
            let keys = self.list(records, is_open)?;
            let names = by_task(&keys);
            for (task, retries) in &retries {
                match fate_in(&names, task, *retries) {
                    Fate::Open => return Ok(Fate::Open),
                    fate => succeeded &= fate == Fate::Succeeded,
                }
            }
        }
        if !inner.is_empty() {
            let members = inner.keys().map(TaskId::to_string).collect();
            match self.markers(closed, &members)? {
                Fate::Open => return Ok(Fate::Open),
                fate => succeeded &= fate == Fate::Succeeded,
            }
        }
        Ok(if succeeded { Fate::Succeeded } else { Fate::Failed })
    }

    /// Whether there is a marker of every member; one that says that it has succeeded wins.
    fn markers(&mut self, prefix: &str, members: &BTreeSet<String>) -> Steps<Fate> {
        let keys = self.list(prefix, |_| false)?;
        let mut told = BTreeMap::<&str, bool>::new();
        for (member, succeeded) in keys.into_iter().filter_map(parse_marker) {
            *told.entry(member).or_default() |= succeeded;
        }
        let fates: Option<Vec<bool>> =
            members.iter().map(|member| told.get(member.as_str()).copied()).collect();
        Ok(match fates {
            None => Fate::Open,
            Some(fates) if fates.iter().all(|succeeded| *succeeded) => Fate::Succeeded,
            Some(_) => Fate::Failed,
        })
    }

    /// A member of the top is final. The last one starts the join.
    fn close_top(&mut self, member: &str, succeeded: bool) -> Steps<()> {
        let JoinSources { at, join, .. } = self.sources;
        let members = self.plan.top(self.sources);
        let fate = if members.len() == 1 {
            // Nobody else is waited for.
            if succeeded { Fate::Succeeded } else { Fate::Failed }
        } else {
            let prefix = top_prefix(self.run, &self.sources.task);
            self.put(format!("{prefix}{member}.{}", word(succeeded)), String::new())?;
            self.markers(&prefix, &members)?
        };
        let starts = match fate {
            Fate::Open => false,
            Fate::Failed => join.when == When::AllEnded,
            Fate::Succeeded => true,
        };
        let Some(stage) = self.plan.stages.get(*at).filter(|_| starts) else { return Ok(()) };
        let task = TaskRef {
            version: versions::LEDGER,
            run: self.run.to_owned(),
            stage: join.depth,
            task: self.sources.task.clone(),
        };
        let start = Start { function: stage.function.clone(), task, generation: 0 };
        self.put(start.key(), String::new())
    }

    fn records(&self, task: &TaskId) -> String {
        block_prefix(self.run, self.plan.depth_of(task), block(task))
    }

    fn retries(&self, stage: usize) -> u32 {
        self.plan.stages.get(stage).map_or(0, |stage| stage.retries)
    }

    /// The keys below a prefix, page by page, until `enough` says that the rest does not matter.
    fn list(&mut self, prefix: &str, enough: impl Fn(&[&str]) -> bool) -> Steps<Vec<&'w str>> {
        let (mut all, mut after) = (Vec::new(), None);
        loop {
            let ask = Ask::List { prefix: prefix.to_owned(), after };
            let Some(Answer::Page { keys, more }) = self.answers.next() else { return Err(ask) };
            all.extend(keys.iter().map(String::as_str));
            if !more || enough(&all) {
                return Ok(all);
            }
            after = keys.last().cloned();
        }
    }

    fn get(&mut self, key: String) -> Steps<Option<&'w [u8]>> {
        match self.answers.next() {
            Some(Answer::Body(body)) => Ok(body.as_deref()),
            _ => Err(Ask::Get { key }),
        }
    }

    fn put(&mut self, key: String, body: String) -> Steps<()> {
        match self.answers.next() {
            Some(Answer::Stored) => Ok(()),
            _ => Err(Ask::Put { key, body }),
        }
    }
}

fn by_task(keys: &[&str]) -> HashMap<TaskId, Vec<RecordName>> {
    let mut names = HashMap::<_, Vec<_>>::new();
    for mut name in keys.iter().filter_map(|key| RecordName::parse(key)) {
        if let Some(task) = name.task.take() {
            names.entry(task).or_default().push(name);
        }
    }
    names
}

fn fate_in(names: &HashMap<TaskId, Vec<RecordName>>, task: &TaskId, retries: u32) -> Fate {
    fate(names.get(task).into_iter().flatten(), retries)
}
