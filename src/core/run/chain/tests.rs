#![allow(clippy::unwrap_used, clippy::panic)]
use super::*;
use crate::model::JoinGroups;
use crate::model::{Counts, FailureClass, OutputObject, TaskName, TaskState};
use crate::run::header::StartedBy;
use crate::run::join_groups::JoinGroupsHeader;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::Arc;
use throng_contract::barrier::When;
use throng_contract::keys::record_key;
use throng_contract::{AttemptRecord, TaskRef, versions};

const RUN: &str = "20261123-214500123-k3x9";
const START: Millis = 1_795_470_300_000;

fn header(tasks: u64, stages: Vec<LaterStage>) -> RunHeader {
    RunHeader {
        version: versions::LEDGER,
        id: RUN.into(),
        function: "split".into(),
        image: String::new(),
        parameters: BTreeMap::new(),
        sets: None,
        without_inputs: false,
        groups: None,
        skipped: None,
        unselected: 0,
        pack: None,
        started_ms: START,
        tasks,
        bytes: 0,
        source: Vec::new(),
        bucket: "in".into(),
        provider: None,
        files: false,
        overwrites: false,
        group: None,
        reused: crate::model::Reuse::default(),
        fingerprint: String::new(),
        overrides: crate::model::Overrides::default(),
        join_groups: None,
        started_by: StartedBy::Invoke,
        throng: String::new(),
        retries: Some(0),
        stages,
    }
}

fn later(function: &str, prefix: &str, from: &[usize]) -> LaterStage {
    let place = TriggerPlace { bucket: "mid".into(), prefix: prefix.into(), suffix: String::new() };
    LaterStage {
        function: function.into(),
        starts: vec![place],
        from: from.to_vec(),
        ..LaterStage::default()
    }
}

/// `split → detect`
fn two(tasks: u64) -> Chain {
    Chain::new(header(tasks, vec![later("detect", "frames/", &[0])]))
}

fn key(task: &str, id: &str, state: TaskState, at: u64) -> String {
    let id_of: TaskId = task.parse().unwrap();
    let depth = u32::try_from(task.matches('.').count()).unwrap();
    let started_ms = START + at;
    record_key(&AttemptRecord {
        task: Some(TaskRef { stage: depth, task: id_of, ..TaskRef::launched(RUN, 0) }),
        state,
        ended_ms: started_ms + 5,
        ..AttemptRecord::begun("f", id, started_ms)
    })
}

fn output(key: &str) -> OutputObject {
    OutputObject {
        bucket: "mid".into(),
        key: key.into(),
        size: 3,
        sha256: String::new(),
        provider: None,
        place: None,
    }
}

/// Reads what is to be read: `outputs` says what a record stored.
fn read(chain: &mut Chain, outputs: impl Fn(&str) -> Vec<OutputObject>) {
    while let Some(unread) = chain.take_unread(1, true).pop() {
        chain.declare(&unread, &outputs(&unread.key));
    }
}

fn states(chain: &Chain) -> Vec<Counts> {
    chain.stages().map(|stage| *stage.counts()).collect()
}

#[test]
fn what_a_success_stores_is_owed_by_the_next_stage() {
    use TaskState::{Failed, Succeeded};
    let mut chain = two(2);
    assert!(chain.see(&key("0", "a", Succeeded, 10), None));
    assert!(!chain.see(&key("0.1", "x", Failed, 20), None), "not declared yet: it waits");
    assert_eq!(chain.stage(1).unwrap().counts().total(), 0);
    assert!(chain.has_unread(false) && !chain.is_complete());
    read(&mut chain, |_| vec![output("frames/0"), output("frames/1"), output("log/x")]);
    let detect = chain.stage(1).unwrap();
    assert_eq!((detect.counts().pending, detect.counts().failed, detect.counts().total()), (1, 1, 2));
    let row = chain.row(&"0.0".parse().unwrap()).unwrap();
    assert_eq!((&*row.bucket, &*row.key, row.size), ("mid", "frames/0", 3));
    assert!(!chain.is_stage_complete(1), "the stage before may declare more");
    chain.see(&key("1", "b", Failed, 30), None);
    assert!(chain.is_stage_complete(0) && !chain.is_stage_complete(1) && !chain.is_complete());
    chain.see(&key("0.0", "y", Succeeded, 40), None);
    read(&mut chain, |_| Vec::new());
    assert!(chain.is_complete());
    let summary = chain.summary(START + 100, 0, true);
    assert_eq!((summary.counts.total(), summary.counts.succeeded, summary.counts.failed), (4, 2, 2));
    assert_eq!(summary.stages.iter().map(|stage| stage.counts.total()).collect::<Vec<_>>(), [2, 2]);
    assert!(summary.stages.iter().all(|stage| stage.complete) && summary.stages[1].from == [0]);
    assert_eq!(chain.end().unwrap().stages[1].counts(), summary.stages[1].counts);
    let children: Vec<_> = chain.children(&0.into()).into_iter().map(|row| row.task.to_string()).collect();
    assert_eq!(children, ["0.0", "0.1"]);
}

#[test]
fn what_nobody_declares_is_foreign() {
    let mut chain = two(1);
    chain.see(&key("0", "a", TaskState::Succeeded, 10), None);
    read(&mut chain, |_| vec![output("frames/0")]);
    chain.see(&key("0.7", "x", TaskState::Succeeded, 20), None);
    chain.see(&key("5.0", "y", TaskState::Succeeded, 20), None);
    assert_eq!((chain.stage(1).unwrap().counts().total(), chain.foreign()), (1, 2));
    assert!(!chain.is_complete());
}

#[test]
fn the_first_success_says_what_is_owed() {
    let mut chain = two(1);
    let stored = |key: &str| {
        let more = (!key.contains("first")).then(|| output("frames/1"));
        std::iter::once(output("frames/0")).chain(more).collect()
    };
    chain.see(&key("0", "second", TaskState::Succeeded, 90), None);
    read(&mut chain, stored);
    chain.see(&key("0.0", "x", TaskState::Succeeded, 95), None);
    assert_eq!(chain.stage(1).unwrap().counts().total(), 2);
    chain.see(&key("0", "first", TaskState::Succeeded, 10), None);
    read(&mut chain, stored);
    assert_eq!((chain.rebuilt(), chain.stage(1).unwrap().counts().total()), (1, 1));
    chain.see(&key("0.0", "x", TaskState::Succeeded, 95), None);
    assert!(chain.is_complete(), "what was known of the stage is told again");
}

#[test]
fn branches_and_joins_of_ways_are_stages_each() {
    // split → pngs, split → texts, both → last: its tasks are two outputs away from a launched one.
    let stages =
        vec![later("pngs", "png/", &[0]), later("texts", "txt/", &[0]), later("last", "last/", &[1, 2])];
    let mut chain = Chain::new(header(1, stages));
    assert_eq!((chain.deepest(), chain.depths(3).collect::<Vec<_>>()), (3, vec![2]));
    chain.see(&key("0", "a", TaskState::Succeeded, 10), None);
    chain.see(&key("0.0", "b", TaskState::Succeeded, 20), None);
    chain.see(&key("0.1", "c", TaskState::Succeeded, 30), None);
    read(&mut chain, |key| match key {
        key if key.contains("/0_a") => vec![output("png/x"), output("txt/x")],
        key if key.contains("/0.0_b") => vec![output("last/png")],
        _ => vec![output("last/txt")],
    });
    assert_eq!(states(&chain).iter().map(Counts::total).collect::<Vec<_>>(), [1, 1, 1, 2]);
    assert_eq!(chain.function_of(&"0.1.0".parse().unwrap()), Some("last"));
    assert_eq!(chain.task_ref(&"0.1.0".parse().unwrap()).unwrap().stage, 2);
    for task in ["0.0.0", "0.1.0"] {
        assert!(!chain.is_complete());
        chain.see(&key(task, "d", TaskState::Succeeded, 40), None);
    }
    assert!(chain.is_complete());
}

#[test]
fn who_cancels_a_run_cancels_what_it_declares_later() {
    let mut chain = two(2);
    chain.see(&key("0", "a", TaskState::Succeeded, 10), None);
    chain.cancelled(START + 20);
    read(&mut chain, |_| vec![output("frames/0")]);
    let counts = chain.counts();
    assert_eq!((counts.succeeded, counts.cancelled, counts.total()), (1, 2, 3));
}

#[test]
fn headers_of_others_do_no_harm() {
    let stages = vec![later("a", "a/", &[7]), later("b", "b/", &[2, 3]), later("c", "c/", &[2])];
    let mut chain = Chain::new(header(1, stages));
    chain.see(&key("0", "a", TaskState::Succeeded, 10), None);
    read(&mut chain, |_| vec![output("a/0"), output("b/0")]);
    assert_eq!(chain.counts().total(), 1, "nothing leads there from a launched task");
    assert!(chain.is_complete() && chain.is_stage_complete(3));
}

/// What is told of a chain, in some order.
#[derive(Clone, Debug)]
enum Told {
    Key(String),
    Read,
}

fn everything() -> impl Strategy<Value = (u64, Vec<Told>, BTreeMap<String, u32>)> {
    let task = (any::<bool>(), 0..4_u32, proptest::collection::vec(any::<bool>(), 4));
    proptest::collection::vec(task, 1..6).prop_flat_map(|tasks| {
        let (mut told, mut stored) = (Vec::new(), BTreeMap::new());
        let state = |good| if good { TaskState::Succeeded } else { TaskState::Failed };
        for (number, (good, outputs, children)) in tasks.iter().enumerate() {
            let root = key(&number.to_string(), "r", state(*good), 10);
            stored.insert(root.clone(), *outputs);
            told.push(Told::Key(root));
            let children = children.iter().take(*outputs as usize).enumerate().filter(|_| *good);
            for (ordinal, good) in children {
                let child = key(&format!("{number}.{ordinal}"), "c", state(*good), 20);
                told.push(Told::Key(child));
            }
            told.push(Told::Read);
        }
        let count = tasks.len() as u64;
        (Just(count), Just(told).prop_shuffle(), Just(stored))
    })
}

proptest! {
    #[test]
    fn counts_add_up_at_every_moment_and_order_does_not_matter((tasks, told, stored) in everything()) {
        let outputs = |key: &str| {
            let count = stored.get(key).copied().unwrap_or(0);
            (0..count).map(|n| output(&format!("frames/{n}"))).collect::<Vec<_>>()
        };
        let declared = |chain: &Chain| -> u64 {
            let rows = chain.stage(0).unwrap().rows().enumerate();
            let known = rows.filter(|(at, _)| chain.stages[0].declared.has(*at as u64));
            known.map(|(_, row)| outputs(row.record_key(RUN).as_deref().unwrap_or_default()).len() as u64).sum()
        };
        let mut chain = two(tasks);
        let check = |chain: &Chain| {
            let totals: Vec<_> = states(chain).iter().map(Counts::total).collect();
            prop_assert_eq!(totals, vec![tasks, declared(chain)]);
            prop_assert_eq!(chain.is_complete(), chain.ended_ms().is_some());
            Ok(())
        };
        for one in &told {
            match one {
                Told::Key(key) => {
                    chain.see(key, None);
                }
                Told::Read => {
                    if let Some(unread) = chain.take_unread(1, true).pop() {
                        chain.declare(&unread, &outputs(&unread.key));
                    }
                }
            }
            check(&chain)?;
        }
        read(&mut chain, outputs);
        check(&chain)?;
        prop_assert!(chain.is_complete());
        let mut sorted = two(tasks);
        for key in told.iter().filter_map(|one| if let Told::Key(key) = one { Some(key) } else { None }) {
            sorted.see(key, None);
        }
        read(&mut sorted, outputs);
        prop_assert_eq!(states(&sorted), states(&chain));
        let names = |chain: &Chain| {
            let mut names: Vec<(TaskName, TaskState)> =
                chain.rows().map(|row| (row.task.clone(), row.state)).collect();
            names.sort_by(|a, b| a.0.cmp(&b.0));
            names
        };
        prop_assert_eq!(names(&sorted), names(&chain));
    }
}

/// `split → detect`, and `montage` waits for `detect`.
fn joined(tasks: u64, when: When) -> Chain {
    let join = Join { task: TaskId::join(0), depth: 2, when, stage_in: true, grouped: false };
    let montage =
        LaterStage { function: "montage".into(), from: vec![1], join: Some(join), ..LaterStage::default() };
    let mut chain = Chain::new(header(tasks, vec![later("detect", "frames/", &[0]), montage]));
    chain.markers_in("home");
    chain
}

fn join_key(id: &str, state: TaskState, at: u64) -> String {
    let started_ms = START + at;
    record_key(&AttemptRecord {
        task: Some(TaskRef { stage: 2, task: TaskId::join(0), ..TaskRef::launched(RUN, 0) }),
        state,
        ended_ms: started_ms + 5,
        ..AttemptRecord::begun("montage", id, started_ms)
    })
}

#[test]
fn a_join_waits_until_everything_before_it_is_known_and_has_ended() {
    let mut chain = joined(2, When::AllSucceeded);
    assert_eq!((chain.counts().total(), chain.is_waiting(2, 0), chain.due_joins()), (3, true, vec![]));
    let row = chain.stage(2).unwrap().row(0).unwrap().clone();
    let start = chain.start(2, 0).unwrap().key();
    assert_eq!((row.bucket.as_ref(), row.key.as_ref()), ("home", start.as_str()));
    for task in ["0", "1"] {
        chain.see(&key(task, task, TaskState::Succeeded, 10), None);
    }
    assert!(chain.is_waiting(2, 0), "what they have stored is not known yet");
    read(&mut chain, |_| vec![output("frames/x")]);
    assert_eq!((chain.counts().total(), chain.is_waiting(2, 0)), (5, true));
    chain.see(&key("0.0", "c", TaskState::Succeeded, 20), None);
    assert_eq!(chain.block(2, 0), BlockState::Idle, "nothing of it is listed before");
    chain.see(&key("1.0", "d", TaskState::Succeeded, 20), None);
    assert_eq!(
        (chain.is_waiting(2, 0), chain.due_joins(), chain.is_complete()),
        (false, vec![(2, 0)], false)
    );
    assert_eq!(chain.block(2, 0), BlockState::Open);
    chain.see(&join_key("e", TaskState::Succeeded, 30), None);
    assert!(chain.is_complete() && chain.due_joins().is_empty());
    read(&mut chain, |_| Vec::new());
    assert_eq!(chain.block(2, 0), BlockState::Final { done: true });
}

#[test]
fn a_join_whose_inputs_did_not_succeed_is_cancelled_until_they_have() {
    let mut chain = joined(1, When::AllSucceeded);
    chain.see(&key("0", "a", TaskState::Failed, 10), None);
    let join = |chain: &Chain| chain.stage(2).unwrap().row(0).map(|row| (row.state, row.class)).unwrap();
    assert_eq!(join(&chain), (TaskState::Cancelled, Some(FailureClass::Upstream)));
    assert!(chain.is_complete() && chain.due_joins().is_empty());
    // Somebody did it again.
    chain.see(&key("0", "b", TaskState::Succeeded, 20), None);
    assert!(!chain.is_complete());
    read(&mut chain, |_| Vec::new());
    assert_eq!((join(&chain), chain.due_joins()), ((TaskState::Pending, None), vec![(2, 0)]));

    let mut ended = joined(1, When::AllEnded);
    ended.see(&key("0", "a", TaskState::Failed, 10), None);
    assert_eq!((ended.due_joins(), ended.is_complete()), (vec![(2, 0)], false), "it waits for ends alone");
    // What is lost has ended; the join that may begin then has its own time.
    let mut lost = joined(1, When::AllEnded);
    lost.overdue(START + 1_000_000, &[]);
    assert_eq!((lost.due_joins(), lost.is_complete()), (vec![(2, 0)], false));
    lost.overdue(START + 1_000_000, &[2]);
    assert_eq!(lost.due_joins(), [(2, 0)]);
    lost.overdue(START + 9_000_000, &[]);
    assert!(lost.is_complete());
}

/// `split → detect`; `montage` waits for `detect`, once for each of two groups; `total` waits for all of `montage`.
fn of_groups(when: When) -> Chain {
    let join = |function: &str, number, depth, from: usize, grouped| LaterStage {
        function: function.into(),
        from: vec![from],
        join: Some(Join { task: TaskId::join(number), depth, when, stage_in: true, grouped }),
        ..LaterStage::default()
    };
    let stages =
        vec![later("detect", "frames/", &[0]), join("montage", 0, 2, 1, true), join("total", 1, 3, 2, false)];
    let groups = JoinGroupsHeader { by: "{dir}".into(), count: 2 };
    let mut chain = Chain::new(RunHeader { join_groups: Some(groups), ..header(3, stages) });
    chain.markers_in("home");
    chain
}

fn names() -> Arc<JoinGroups> {
    Arc::new(JoinGroups::of_names(&["s1", "s1", "s2"].map(str::to_owned)).0)
}

fn of_join(task: &str, depth: u32, state: TaskState, at: u64) -> String {
    let started_ms = START + at;
    record_key(&AttemptRecord {
        task: Some(TaskRef { stage: depth, task: task.parse().unwrap(), ..TaskRef::launched(RUN, 0) }),
        state,
        ended_ms: started_ms + 5,
        ..AttemptRecord::begun("montage", task, started_ms)
    })
}

fn row(chain: &Chain, stage: usize, index: u64) -> (TaskState, Option<FailureClass>) {
    chain.stage(stage).unwrap().row(index).map(|row| (row.state, row.class)).unwrap()
}

#[test]
fn a_group_waits_for_its_own_tasks_alone() {
    let mut chain = of_groups(When::AllSucceeded);
    assert_eq!(chain.counts().total(), 3 + 2 + 1, "what is owed is counted before anything is read");
    assert!(chain.lacks_groups() && chain.waits(2));
    chain.grouped(names());
    let first = chain.stage(2).unwrap().row(0).unwrap().clone();
    assert_eq!((first.task.to_string().as_str(), first.group()), ("join-g0", Some("s1")));
    let marker = chain.start(2, 1).unwrap();
    assert_eq!(chain.input_of(2, chain.stage(2).unwrap().row(1).unwrap()), ("home".into(), marker.key()));

    chain.see(&key("2", "a", TaskState::Succeeded, 10), None);
    assert!(chain.is_waiting(2, 1), "what it has stored is not known yet");
    read(&mut chain, |_| vec![output("frames/x")]);
    assert!(chain.is_waiting(2, 1) && chain.due_joins().is_empty());
    chain.see(&key("2.0", "b", TaskState::Succeeded, 20), None);
    assert_eq!((chain.due_joins(), chain.is_waiting(2, 0), chain.waits(2)), (vec![(2, 1)], true, false));
    assert_eq!(chain.block(2, 0), BlockState::Open);
    // The other group has failed: its join is cancelled, and that of this one goes on.
    chain.see(&key("0", "c", TaskState::Failed, 10), None);
    chain.see(&key("1", "d", TaskState::Failed, 10), None);
    assert_eq!(row(&chain, 2, 0), (TaskState::Cancelled, Some(FailureClass::Upstream)));
    assert_eq!((row(&chain, 2, 1), chain.due_joins()), ((TaskState::Pending, None), vec![(2, 1)]));
    chain.see(&of_join("join-g1", 2, TaskState::Succeeded, 30), None);
    assert_eq!(row(&chain, 3, 0), (TaskState::Cancelled, Some(FailureClass::Upstream)), "not all succeeded");
    assert!(chain.is_complete() && chain.due_joins().is_empty());
    // Somebody did them again.
    chain.see(&key("0", "e", TaskState::Succeeded, 40), None);
    chain.see(&key("1", "f", TaskState::Succeeded, 40), None);
    read(&mut chain, |_| Vec::new());
    assert_eq!((row(&chain, 2, 0), chain.due_joins()), ((TaskState::Pending, None), vec![(2, 0)]));
    chain.see(&of_join("join-g0", 2, TaskState::Succeeded, 50), None);
    assert_eq!(chain.due_joins(), [(3, 0)]);
}

proptest! {
    /// Whatever the order in which things are told, and wherever among them the groups are read: the same follows.
    #[test]
    fn joins_of_groups_do_not_depend_on_the_order(
        ended in any::<bool>(),
        states in proptest::collection::vec(any::<bool>(), 9),
        order in Just((0..9_usize).collect::<Vec<_>>()).prop_shuffle(),
        read_at in 0..9_usize,
    ) {
        let when = if ended { When::AllEnded } else { When::AllSucceeded };
        let tasks = ["0", "1", "2", "0.0", "1.0", "2.0", "join-g0", "join-g1", "0.1"];
        let state = |at: usize| if states[at] { TaskState::Succeeded } else { TaskState::Failed };
        let told = |at: usize| match tasks[at] {
            join if join.starts_with("join") => of_join(join, 2, state(at), 50),
            task => key(task, task, state(at), 10),
        };
        let outputs = |key: &str| if key.contains("/0_") { vec![output("frames/x"), output("frames/y")] } else { vec![output("frames/x")] };
        let mut chain = of_groups(when);
        for (round, at) in order.iter().enumerate() {
            if round == read_at {
                chain.grouped(names());
            }
            chain.see(&told(*at), None);
            read(&mut chain, outputs);
            prop_assert_eq!(chain.counts().total(), chain.rows().count() as u64);
        }
        let mut sorted = of_groups(when);
        sorted.grouped(names());
        for at in 0..9 {
            sorted.see(&told(at), None);
        }
        read(&mut sorted, outputs);
        let all = |chain: &Chain| {
            let rows = chain.rows().map(|row| (row.task.to_string(), row.state, row.class));
            let rows: std::collections::BTreeSet<_> = rows.map(|row| format!("{row:?}")).collect();
            (rows, chain.due_joins(), chain.is_waiting(2, 0), chain.is_waiting(2, 1), chain.is_waiting(3, 0))
        };
        prop_assert_eq!(all(&chain), all(&sorted));
    }
}
