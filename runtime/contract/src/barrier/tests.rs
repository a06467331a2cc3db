#![allow(clippy::unwrap_used, clippy::cast_precision_loss)]
//! Many tasks finish at once, in any order, some of them twice, some of them never get as far as their marker.

mod cases;

use super::*;
use crate::keys::{BLOCK, record_key};
use crate::{AttemptRecord, EventRef, OutputObject, TaskId, TaskRef, TaskState};
use std::collections::BTreeMap;

const RUN: &str = "20261130-183000000-abcd";

fn place(prefix: &str) -> Stored {
    Stored { bucket: "b".into(), prefix: prefix.into(), suffix: String::new() }
}

fn stage(function: &str, from: &[usize], retries: u32) -> BarrierStage {
    BarrierStage {
        function: function.into(),
        retries,
        starts: if from.is_empty() { Vec::new() } else { vec![place(&format!("{function}/"))] },
        from: from.to_vec(),
        outputs: Vec::new(),
        join: None,
    }
}

fn join(function: &str, number: usize, from: &[usize], depth: u32, when: When) -> BarrierStage {
    let join = Join { task: TaskId::join(number), depth, when, stage_in: true, grouped: false };
    BarrierStage { starts: Vec::new(), join: Some(join), ..stage(function, from, 0) }
}

/// `split` starts `detect`, which is tried twice; `montage` joins it; `print` takes what that stores; `total` joins all of it.
fn plan(tasks: u64, when: When) -> BarrierPlan {
    let stages = vec![
        stage("split", &[], 0),
        stage("detect", &[0], 1),
        join("montage", 0, &[1], 2, when),
        stage("print", &[2], 0),
        join("total", 1, &[3, 1], 4, when),
    ];
    BarrierPlan { version: BarrierPlan::WITHOUT_GROUPS, tasks, groups: 0, stages }
}

fn grouped(stage: BarrierStage) -> BarrierStage {
    BarrierStage { join: stage.join.map(|join| Join { grouped: true, ..join }), ..stage }
}

/// The same with a montage for each group, and `each`, which joins that and what is before it by group; `total` joins everything.
fn plan_of_groups(groups: &[Group], when: When) -> BarrierPlan {
    let mut plan = plan(groups.iter().map(|group| group.count).sum(), when);
    plan.stages[2] = grouped(join("montage", 0, &[1], 2, when));
    plan.stages.push(grouped(join("each", 2, &[2, 1], 3, when)));
    BarrierPlan { version: BarrierPlan::VERSION, groups: groups.len() as u64, ..plan }
}

/// Groups of so many tasks each, one after the other.
fn groups_of(sizes: &[u64]) -> Vec<Group> {
    let mut first = 0;
    let group = |(number, count): (u64, &u64)| {
        first += count;
        Group { number, first: first - count, count: *count }
    };
    (0..).zip(sizes).map(group).collect()
}

fn number_of(choice: u16, most: usize) -> usize {
    usize::from(choice) % most.max(1)
}

/// An attempt that is on its way.
struct Attempt {
    task: TaskId,
    stage: usize,
    tries: u32,
    /// How often a person has sent it before: each time is an event of its own.
    sent: u32,
}

impl Attempt {
    const fn first(task: TaskId, stage: usize) -> Self {
        Self { task, stage, tries: 0, sent: 0 }
    }
}

/// What happens, by whom is chosen at random.
struct World<'p> {
    plan: &'p BarrierPlan,
    page: usize,
    objects: BTreeMap<String, Vec<u8>>,
    waiting: Vec<Attempt>,
    climbing: Vec<(AttemptRecord, usize, usize, Vec<Answer>)>,
    /// Tasks that have begun and are not final.
    open: Vec<TaskId>,
    failed: Vec<TaskId>,
    /// How often joins had begun before something before them was done again.
    generations: BTreeMap<TaskId, u32>,
    /// Whether somebody was gone before it had made its way: what it did not say is known to who follows alone.
    lost_some: bool,
    groups: &'p [Group],
    starts: Vec<TaskId>,
    lists: usize,
    listed: usize,
    requests: usize,
    at_ms: u64,
    /// How many outputs tasks have stored: the same script makes the same of the same.
    made: BTreeMap<TaskId, usize>,
}

impl<'p> World<'p> {
    fn new(plan: &'p BarrierPlan, groups: &'p [Group], page: usize) -> Self {
        let attempt = |number| Attempt::first(TaskId::number(number), 0);
        Self {
            plan,
            page,
            objects: BTreeMap::new(),
            waiting: (0..plan.tasks).map(attempt).collect(),
            climbing: Vec::new(),
            open: (0..plan.tasks).map(TaskId::number).collect(),
            failed: Vec::new(),
            generations: BTreeMap::new(),
            lost_some: false,
            groups,
            starts: Vec::new(),
            lists: 0,
            listed: 0,
            requests: 0,
            at_ms: 1,
            made: BTreeMap::new(),
        }
    }

    /// An attempt ends: its outputs start others before its record is there.
    fn end(&mut self, at: usize, succeeds: bool, outputs: usize, again: bool) {
        let Attempt { task, stage, tries, sent } = self.waiting.swap_remove(at);
        let outputs = *self.made.entry(task.clone()).or_insert(outputs);
        let next = ["detect/", "else/", "print/", "else/", "else/", "else/"][stage];
        let output = |n: usize| OutputObject {
            bucket: "b".into(),
            key: format!("{}{task}-{n}", if n % 3 == 2 { "else/" } else { next }),
            size: 1,
            sha256: String::new(),
            provider: None,
            place: None,
        };
        let outputs: Vec<_> = if succeeds { (0..outputs).map(output).collect() } else { Vec::new() };
        self.at_ms += 1;
        let record = AttemptRecord {
            task: Some(TaskRef {
                version: 2,
                run: RUN.into(),
                stage: self.plan.depth_of(&task),
                task: task.clone(),
            }),
            state: if succeeds { TaskState::Succeeded } else { TaskState::Failed },
            event: Some(EventRef { id: format!("{task}-{sent}"), retries: None }),
            outputs: outputs.clone(),
            ended_ms: self.at_ms,
            ..AttemptRecord::begun("f", &format!("r{}", self.at_ms), self.at_ms - 1)
        };
        let (was_open, last) = (self.open.contains(&task), tries >= self.plan.stages[stage].retries);
        if was_open && succeeds {
            for (ordinal, stage) in self.plan.started(stage, &outputs) {
                let task = task.child(ordinal).unwrap();
                self.open.push(task.clone());
                self.waiting.push(Attempt::first(task, stage));
            }
        }
        if was_open && (succeeds || last) {
            self.open.retain(|open| *open != task);
            self.failed.extend((!succeeds).then(|| task.clone()));
        } else if was_open {
            self.waiting.push(Attempt { task: task.clone(), stage, tries: tries + 1, sent });
        }
        if again && succeeds {
            // Delivered twice: it stores the same again, and what that starts is there already.
            self.waiting.push(Attempt { task, stage, tries, sent });
        }
        self.objects.insert(record_key(&record), Vec::new());
        let group = self.group_of(record.task.as_ref().map(|task| &task.task).unwrap());
        let ways = self.plan.joins(group).filter(|sources| sources.stages.contains(&stage)).count();
        for way in 0..ways {
            self.climbing.push((record.clone(), stage, way, Vec::new()));
        }
    }

    /// One of those who climb makes their next request, or is gone.
    fn climb(&mut self, at: usize, crashes: bool) {
        let (record, stage, way, answers) = self.climbing.swap_remove(at);
        if crashes {
            return;
        }
        let task = &record.task.as_ref().unwrap().task;
        let group = self.group_of(task);
        let finished =
            Finished { run: RUN, stage, task, group, state: record.state, outputs: &record.outputs };
        let mut climb = Climb::all(self.plan, finished).nth(way).unwrap();
        answers.iter().cloned().for_each(|answer| climb.answer(answer));
        let Some(ask) = climb.next() else { return };
        let answer = self.do_it(ask);
        let mut answers = answers;
        answers.push(answer);
        self.climbing.push((record, stage, way, answers));
    }

    fn do_it(&mut self, ask: Ask) -> Answer {
        self.requests += 1;
        match ask {
            Ask::List { prefix, after } => {
                self.lists += 1;
                let begin = after.unwrap_or_default();
                let all = self.objects.range(prefix.clone()..).map(|(key, _)| key);
                let all = all.take_while(|key| key.starts_with(&prefix)).filter(|key| **key > begin);
                let mut keys: Vec<String> = all.take(self.page + 1).cloned().collect();
                let more = keys.len() > self.page;
                keys.truncate(self.page);
                self.listed += keys.len();
                Answer::Page { keys, more }
            }
            Ask::Get { key } => Answer::Body(self.objects.get(&key).cloned()),
            Ask::Put { key, body } => {
                if !self.objects.contains_key(&key) {
                    self.objects.insert(key.clone(), body.into_bytes());
                    if let Some(start) = Start::parse(&key) {
                        self.start(&start);
                    }
                }
                Answer::Stored
            }
        }
    }

    /// A start marker was stored: S3 starts the join.
    fn start(&mut self, start: &Start) {
        let task = &start.task.task;
        let sources = self.plan.join_of(task, self.group_of(task)).unwrap();
        let open: Vec<_> = self.open.iter().filter(|task| self.is_source(task, &sources)).collect();
        assert_eq!(open, Vec::<&TaskId>::new(), "{task} began before these had ended");
        assert!(self.is_met(&sources), "{task} began although something had failed");
        assert_eq!(start.task.stage, sources.join.depth);
        let generation = self.generations.get(task).copied().unwrap_or_default();
        assert_eq!(start.generation, generation, "{task} began as what it is not any more");
        let begun = self.starts.iter().filter(|begun| *begun == task).count();
        assert_eq!(begun, generation as usize, "{task} began twice");
        self.starts.push(task.clone());
        self.open.push(task.clone());
        let attempt = Attempt { sent: generation, ..Attempt::first(task.clone(), sources.at) };
        self.waiting.push(attempt);
    }

    /// As events and lineage carry it on, from the launch or from what a join reads of its group.
    fn group_of(&self, task: &TaskId) -> Option<Group> {
        let of_launched = |root: u64| self.groups.iter().find(|group| group.tasks().contains(&root)).copied();
        let of_join = |number: u64| self.groups.iter().find(|group| group.number == number).copied();
        task.root().and_then(of_launched).or_else(|| task.group().and_then(of_join))
    }

    fn stage_of(task: &TaskId) -> usize {
        let outputs = task.outputs() as usize;
        match task.of_join() {
            None => outputs,
            Some(join) if join == TaskId::join(0) => [2, 3][outputs],
            Some(join) if join == TaskId::join(1) => 4,
            Some(_) => 5,
        }
    }

    fn is_source(&self, task: &TaskId, sources: &JoinSources<'_>) -> bool {
        let same = sources.group.is_none() || sources.group == self.group_of(task);
        same && sources.stages.contains(&Self::stage_of(task))
    }

    /// Whether nothing that a join waits for forbids its start.
    fn is_met(&self, sources: &JoinSources<'_>) -> bool {
        sources.join.when == When::AllEnded || !self.failed.iter().any(|task| self.is_source(task, sources))
    }

    /// Whether a join should have begun, when everything has ended.
    fn should_begin(&self, sources: &JoinSources<'_>) -> bool {
        let roots = self.plan.roots(sources).into_values().flatten();
        let mut joins = roots.filter(|(task, _)| task.of_join().is_some());
        self.is_met(sources) && joins.all(|(task, _)| self.starts.contains(&task))
    }

    /// What each task of each join waits for.
    fn all_joins(&self) -> Vec<JoinSources<'p>> {
        let groups = [None].into_iter().chain(self.groups.iter().copied().map(Some));
        groups.flat_map(|group| self.plan.joins(group).filter(move |of| of.group == group)).collect()
    }

    fn is_over(&self) -> bool {
        self.waiting.is_empty() && self.climbing.is_empty()
    }

    /// A person sends what has failed once more; joins that had begun are owed once more, those behind them, too.
    fn again(&mut self) {
        let failed = std::mem::take(&mut self.failed);
        let mut done_again = failed.clone();
        // What started others stays as it is.
        let leads_on =
            |at| self.plan.stages.iter().any(|stage| stage.join.is_none() && stage.from.contains(&at));
        let mut joins = self.all_joins();
        // One after the other: what waits for a join comes after it.
        joins.sort_by_key(|sources| sources.join.depth);
        for sources in joins.into_iter().filter(|sources| !leads_on(sources.at)) {
            let concerned = done_again.iter().any(|task| self.is_source(task, &sources));
            if concerned && self.starts.contains(&sources.task) {
                *self.generations.entry(sources.task.clone()).or_default() += 1;
                done_again.push(sources.task.clone());
            }
        }
        for task in failed.into_iter().filter(|task| !self.generations.contains_key(task)) {
            self.open.push(task.clone());
            self.waiting.push(Attempt { sent: 1, ..Attempt::first(task.clone(), Self::stage_of(&task)) });
        }
    }

    /// Somebody follows the run: what is final and was not started is started.
    fn sweep(&mut self) {
        for sources in self.all_joins() {
            let is_open = self.open.iter().any(|task| self.is_source(task, &sources));
            if !is_open && self.should_begin(&sources) {
                let task = TaskRef {
                    version: 2,
                    run: RUN.into(),
                    stage: sources.join.depth,
                    task: sources.task.clone(),
                };
                let function = self.plan.stages[sources.at].function.clone();
                let generation = self.generations.get(&task.task).copied().unwrap_or_default();
                let key = Start { function, task, generation }.key();
                self.do_it(Ask::Put { key, body: String::new() });
            }
        }
    }
}

/// Everything happens in an order that `choices` make. Fails when a join begins early, twice, or never.
fn go(plan: &BarrierPlan, groups: &[Group], choices: &[u16], crashes: bool, failures: bool) {
    let mut world = World::new(plan, groups, 3);
    let mut choices = choices.iter().copied().cycle();
    let mut next = || choices.next().unwrap();
    play(&mut world, &mut next, crashes, failures);
    // What has failed is sent once more when all has ended, and perhaps fails as before.
    let begun = world.starts.clone();
    world.again();
    let failures = next() % 2 > 0;
    play(&mut world, &mut next, crashes, failures);
    for (task, generation) in &world.generations {
        assert!(begun.contains(task));
        let starts = world.starts.iter().filter(|start| *start == task).count();
        assert_eq!(starts, 1 + *generation as usize, "{task} began once for each generation");
    }
}

/// Everything that goes on goes to its end.
fn play(world: &mut World<'_>, next: &mut impl FnMut() -> u16, crashes: bool, failures: bool) {
    for round in 0..20_000 {
        if world.is_over() {
            break;
        }
        let climbs = !world.climbing.is_empty() && (world.waiting.is_empty() || !next().is_multiple_of(3));
        if climbs {
            let crash = crashes && next().is_multiple_of(7);
            world.lost_some |= crash;
            world.climb(number_of(next(), world.climbing.len()), crash);
        } else {
            let succeeds = !failures || !next().is_multiple_of(5);
            let again = round < 200 && next().is_multiple_of(11);
            let outputs = number_of(next(), 5);
            world.end(number_of(next(), world.waiting.len()), succeeds, outputs, again);
        }
    }
    assert!(world.is_over(), "nothing goes on for ever");
    let before = world.starts.clone();
    for _ in 0..3 {
        world.sweep();
        while let Some(at) = world.waiting.len().checked_sub(1) {
            world.end(at, true, 2, false);
        }
        world.climbing.clear();
    }
    if !world.lost_some {
        // Nobody needs to follow: whatever may start has started, but for what had begun before.
        let first = |start: &&TaskId| !before.contains(start);
        assert_eq!(world.starts.iter().find(first), None);
    }
    for sources in world.all_joins() {
        let (began, should) = (world.starts.contains(&sources.task), world.should_begin(&sources));
        assert_eq!(began, should, "{} {:?}", sources.task, world.failed);
    }
}
