#![allow(clippy::unwrap_used, clippy::panic)]

mod joins;

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
