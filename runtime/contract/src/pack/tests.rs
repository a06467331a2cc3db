#![allow(clippy::expect_used, clippy::unwrap_used)]
use super::*;
use crate::barrier::{Fate, fate};
use crate::keys::RecordName;
use crate::{AttemptRecord, EventRef, FailureClass, TaskId, TaskRef};

const RUN: &str = "20261123-214500123-k3x9";

fn event(task: u64, retries: u32) -> TaskEvent {
    TaskEvent {
        files: None,
        timeout_s: None,
        task: Some(TaskRef::launched(RUN, task)),
        send: 0,
        retries: Some(retries),
        group: None,
        variables: BTreeMap::new(),
        parameters: None,
        bucket: "b".into(),
        key: format!("in/{task}"),
        provider: None,
    }
}

fn pack(first: u64, tasks: u64, retries: u32) -> Pack {
    Pack {
        run: RUN.into(),
        stage: 0,
        number: first,
        send: 0,
        generation: 0,
        tasks: (first..first + tasks).map(|task| event(task, retries)).collect(),
        tried: BTreeMap::new(),
    }
}

#[test]
fn keys_name_packs_their_generations_and_repetitions() {
    let pack = pack(50, 3, 1);
    assert_eq!(pack.begun_key(0), format!("packs/{RUN}/0.50.0.0"));
    assert_eq!(pack.begun_key(2), format!("packs/{RUN}/0.50.0.0.r2"));
    let rest = pack.rest(&[(2, 0), (0, 1)]);
    assert_eq!(rest.begun_key(0), format!("packs/{RUN}/0.50.0.1"));
    assert_eq!(rest.tried, BTreeMap::from([("50".to_owned(), 1)]));
    let key = rest.start_key("f");
    assert_eq!(
        (key.as_str(), parse_start(&key)),
        (&*format!("start/f/{RUN}.0.pack-50-0.1"), Some(("f", RUN)))
    );
    for other in ["start/f/r.0.join.0", "start/f/r.0.pack-1.0", "start//r.0.pack-1-0.0", "x", ""] {
        assert_eq!(parse_start(other), None, "{other}");
    }
    assert_eq!(crate::barrier::Start::parse(&key).and_then(|start| start.task.task.of_join()), None);
    let read: PackEvent = serde_json::from_slice(&rest.clone().event()).unwrap();
    assert_eq!(read.pack, rest);
}

#[test]
fn large_packs_are_cut_and_each_part_has_a_name_of_its_own() {
    let mut large = pack(0, 40, 1);
    for event in &mut large.tasks {
        event.key = "x".repeat(10_000);
    }
    let parts = large.clone().cut();
    assert!(parts.len() > 3 && parts.iter().all(|part| part.clone().event().len() <= INLINE_BYTES + 20));
    let tasks: Vec<_> = parts.iter().flat_map(|part| part.tasks.clone()).collect();
    assert_eq!(tasks, large.tasks);
    let mut keys: Vec<_> = parts.iter().map(|part| part.begun_key(0)).collect();
    keys.dedup();
    assert_eq!(keys.len(), parts.len());
}

#[test]
fn what_fails_is_tried_again_behind_the_others() {
    let pack = pack(0, 3, 1);
    let mut work = Work::of(&pack);
    let mut order = Vec::new();
    while let Some(at) = work.next() {
        order.push(at);
        work.ended(if at == 2 { TaskState::Succeeded } else { TaskState::Failed });
    }
    assert_eq!(order, [0, 1, 2, 0, 1]);
}

/// A small generator: `SplitMix64`.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % sides
    }
}

/// A cloud that kills environments, repeats and duplicates events, and runs out of time, as a queue of deliveries.
struct World {
    dice: Dice,
    now: u64,
    begun: BTreeMap<String, u64>,
    records: Vec<RecordName>,
    /// Events with the repetitions that Lambda has left, and their request.
    queue: Vec<(Pack, u32, u64)>,
    markers: Vec<String>,
    requests: u64,
    /// Scripts that break their environment, and those that fail, each in so many of ten tries.
    breaks: Vec<u64>,
    fails: Vec<u64>,
    deaths: bool,
}

impl World {
    fn send(&mut self, pack: Pack) {
        self.requests += 1;
        let retries = pack.retries();
        self.queue.push((pack, retries, self.requests));
    }

    fn record(&mut self, pack: &Pack, at: usize, state: TaskState) {
        self.now += 2;
        let event = &pack.tasks[at];
        let record = AttemptRecord {
            task: event.task.clone(),
            state,
            class: (state != TaskState::Succeeded).then_some(FailureClass::Script),
            ended_ms: self.now,
            event: Some(EventRef { id: event.id().unwrap(), retries: event.retries }),
            ..AttemptRecord::begun("f", "id", self.now - 1)
        };
        self.records.push(RecordName::of(&record));
    }

    /// One invocation, as the runtime does it. `false` when its environment has died.
    fn invoke(&mut self, pack: &Pack, request: u64, last: bool) -> bool {
        let mut work = Work::of(pack);
        let mut repetition = 0;
        while self.begun.contains_key(&pack.begun_key(repetition)) {
            repetition += 1;
        }
        if repetition > 0 && self.begun[&pack.begun_key(repetition - 1)] != request {
            return true; // somebody else has it
        }
        self.begun.insert(pack.begun_key(repetition), request);
        if repetition > 0 {
            let names = self.records.clone();
            work.replay(pack, names.iter());
            if let Some(suspect) = work.next() {
                self.record(pack, suspect, TaskState::Failed);
                work.ended(TaskState::Failed);
            }
        }
        let _ = last;
        let mut first = true;
        while let Some(at) = work.next() {
            let is_last = repetition >= pack.retries();
            if is_last || (!first && self.dice.roll(20) == 0) {
                let rest = pack.rest(&work.left());
                let key = rest.start_key("f");
                if !self.markers.contains(&key) {
                    self.markers.push(key);
                    self.send(rest);
                }
                return true;
            }
            first = false;
            let task =
                usize::try_from(pack.tasks[at].task.as_ref().unwrap().task.as_number().unwrap()).unwrap();
            if self.dice.roll(10) < self.breaks[task] || (self.deaths && self.dice.roll(40) == 0) {
                return false;
            }
            let state =
                if self.dice.roll(10) < self.fails[task] { TaskState::Failed } else { TaskState::Succeeded };
            self.record(pack, at, state);
            work.ended(state);
            if self.deaths && self.dice.roll(40) == 0 {
                return false; // between two tasks
            }
        }
        true
    }

    fn run(&mut self) {
        for step in 0.. {
            assert!(step < 10_000, "it ends");
            if self.queue.is_empty() {
                return;
            }
            let drawn = usize::try_from(self.dice.roll(self.queue.len() as u64)).unwrap();
            let (pack, repetitions, request) = self.queue.swap_remove(drawn);
            if self.dice.roll(30) == 0 {
                // A sending whose journal line was lost to a kill, or a marker that was fired by two.
                self.send(pack.clone());
            }
            if !self.invoke(&pack, request, repetitions == 0) && repetitions > 0 {
                self.queue.push((pack, repetitions - 1, request));
            }
        }
    }
}

/// Whatever dies and repeats: every task has one final state by its records, what breaks its environment fails alone, and no task
/// has more tries than it would have alone.
#[test]
fn random_deaths_and_repetitions_leave_every_task_final_and_never_harm_another() {
    for seed in 0..2_000 {
        let mut dice = Dice(seed);
        let retries = u32::try_from(1 + dice.roll(2)).unwrap();
        let tasks = 1 + dice.roll(12);
        let deaths = seed % 3 == 0;
        let pick = |dice: &mut Dice, part: u64| if dice.roll(part) == 0 { 10 } else { 0 };
        let breaks: Vec<_> = (0..tasks).map(|_| pick(&mut dice, 4)).collect();
        let fails: Vec<_> = (0..tasks).map(|_| pick(&mut dice, 4)).collect();
        let mut world = World {
            dice,
            now: 1_795_470_300_000,
            begun: BTreeMap::new(),
            records: Vec::new(),
            queue: Vec::new(),
            markers: Vec::new(),
            requests: 0,
            breaks: breaks.clone(),
            fails: fails.clone(),
            deaths,
        };
        world.send(pack(0, tasks, retries));
        world.run();
        for task in 0..tasks {
            let at = usize::try_from(task).unwrap();
            let of = |name: &&RecordName| name.task.as_ref().and_then(TaskId::as_number) == Some(task);
            let names: Vec<_> = world.records.iter().filter(of).collect();
            let expected = if breaks[at] > 0 || fails[at] > 0 { Fate::Failed } else { Fate::Succeeded };
            let told = format!("seed {seed}, task {task}: {names:?}");
            if deaths {
                // A death that no task is to blame for costs a task a try, never all of it for nothing.
                assert_ne!(fate(names.iter().copied(), retries), Fate::Open, "{told}");
            } else {
                assert_eq!(fate(names.iter().copied(), retries), expected, "{told}");
                let tries = if expected == Fate::Failed { retries + 1 } else { 1 };
                assert_eq!(names.len(), tries as usize, "{told}");
            }
            let successes = names.iter().filter(|name| name.state == TaskState::Succeeded).count();
            assert!(successes <= 1, "{told}");
            assert!(names.len() <= retries as usize + 1, "{told}");
        }
    }
}
