#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
use super::*;
use crate::cloud::{CloudError, ErrorKind, now_ms};
use crate::dataset::memory::MemoryStore;
use crate::run::header::{RunEnd, RunHeader, StartedBy, new_run_id};
use crate::run::launch::tests::{FakeFunctions, World};
use std::collections::BTreeMap;
use throng_contract::keys::{end_key, run_key};

const SOON: Duration = Duration::from_millis(60);
const AT_LAST: Duration = Duration::from_secs(30);

fn header(id: &str, started_ms: u64) -> RunHeader {
    RunHeader {
        version: throng_contract::versions::LEDGER,
        id: id.into(),
        function: "f".into(),
        image: String::new(),
        parameters: BTreeMap::new(),
        started_ms,
        tasks: 3_000,
        bytes: 0,
        source: Vec::new(),
        bucket: "in".into(),
        provider: None,
        files: false,
        sets: None,
        without_inputs: false,
        groups: None,
        skipped: None,
        unselected: 0,
        overwrites: false,
        pack: None,
        group: None,
        reused: crate::model::Reuse::default(),
        fingerprint: String::new(),
        overrides: crate::model::Overrides::default(),
        join_groups: None,
        started_by: StartedBy::Invoke,
        retries: Some(0),
        throng: String::new(),
        stages: Vec::new(),
    }
}

/// A run that was launched so long ago.
fn launched(store: &MemoryStore, ago_ms: u64) -> String {
    let at = now_ms() - ago_ms;
    let id = new_run_id(at);
    store.insert("home", &run_key(&id), serde_json::to_vec(&header(&id, at)).unwrap());
    id
}

fn ended(store: &MemoryStore, id: &str) {
    let states = BTreeMap::from([("succeeded".to_owned(), 3_000)]);
    let end = RunEnd { version: 2, ended_ms: now_ms(), states, ..RunEnd::default() };
    store.insert("home", &end_key(id), serde_json::to_vec(&end).unwrap());
}

fn of<'a>(runs: &'a [RunSummary], id: &str) -> &'a RunSummary {
    runs.iter().find(|run| run.id == id).unwrap()
}

#[tokio::test]
async fn a_run_that_is_counted_slowly_holds_up_no_other() {
    let world = World::new(Vec::new());
    let (slow, open, done) =
        (launched(&world.store, 1_000), launched(&world.store, 2_000), launched(&world.store, 3_000));
    ended(&world.store, &done);
    *world.store.slow.lock().unwrap() = Some(("l/", slow.clone()));
    let mut lister = Lister::new(world.context.clone());
    // The list is there before anything is counted.
    lister.names(10).await.unwrap();
    let runs = lister.summaries();
    let names: Vec<_> = runs.iter().map(|run| run.id.clone()).collect();
    assert_eq!(names, [slow.clone(), open.clone(), done.clone()], "newest first");
    assert_eq!(of(&runs, &done).counts.succeeded, 3_000, "what end.json says");
    assert!(of(&runs, &open).reading && of(&runs, &open).function == "f");

    let mut heard = Vec::new();
    lister.count(SOON, |run| heard.push(run.id.clone())).await;
    assert_eq!(heard, std::slice::from_ref(&open));
    let runs = lister.summaries();
    assert!(!of(&runs, &open).reading && of(&runs, &slow).reading, "{runs:?}");
    assert_eq!(of(&runs, &slow).stalled_ms, None, "nothing is concluded from what was not read");
    // It is not waited for a second time, but heard of when it is done.
    let begun = Instant::now();
    lister.names(10).await.unwrap();
    lister.count(AT_LAST, |_| ()).await;
    assert!(begun.elapsed() < AT_LAST / 2, "{:?}", begun.elapsed());
    *world.store.slow.lock().unwrap() = None;
    while of(&lister.summaries(), &slow).reading {
        tokio::time::sleep(Duration::from_millis(2)).await;
        lister.count(AT_LAST, |_| ()).await;
    }
}

#[tokio::test]
async fn a_run_whose_header_comes_late_is_listed_by_its_name() {
    let world = World::new(Vec::new());
    let (slow, done) = (launched(&world.store, 1_000), launched(&world.store, 2_000));
    ended(&world.store, &done);
    *world.store.slow.lock().unwrap() = Some(("runs/", slow.clone()));
    let mut lister = Lister::new(world.context.clone());
    lister.names_within = SOON;
    lister.names(10).await.unwrap();
    let runs = lister.summaries();
    assert_eq!(runs.len(), 2);
    let late = of(&runs, &slow);
    assert!(late.reading && now_ms() - late.started_ms < 60_000, "{late:?}");
    assert!(of(&runs, &done).settled);
}

#[tokio::test]
async fn a_damaged_run_is_shown_and_costs_no_other() {
    let store = MemoryStore::with_fault(|action, key, _| {
        let denied = action == "open" && key.contains("denied");
        denied.then(|| CloudError::new(ErrorKind::Denied, "s3:GetObject", key, "no"))
    });
    let world = World::with(store, FakeFunctions::default());
    let done = launched(&world.store, 2_000);
    ended(&world.store, &done);
    let damaged = new_run_id(now_ms());
    world.store.insert("home", &run_key(&damaged), "{\"version\": 2");
    world.store.insert("home", &run_key("20261123-214500000-denied"), "{}");
    let mut lister = Lister::new(world.context.clone());
    let runs = lister.list(10).await.unwrap();
    assert_eq!(runs.len(), 3, "{runs:?}");
    let trouble = of(&runs, &damaged).trouble.clone().unwrap();
    assert!(trouble.damaged && trouble.why.contains("run.json cannot be read"), "{trouble:?}");
    let trouble = of(&runs, "20261123-214500000-denied").trouble.clone().unwrap();
    assert!(!trouble.damaged && trouble.why.contains("s3:GetObject"), "{trouble:?}");
    assert_eq!((of(&runs, &done).trouble.is_none(), of(&runs, &done).counts.succeeded), (true, 3_000));
    // Whoever says `last` means that one, and nothing is done to an older one in its place.
    let newest = lister.newest().await;
    assert!(matches!(&newest, Err(RunError::Damaged { run, .. }) if *run == damaged), "{newest:?}");
}

#[tokio::test]
async fn a_cloud_that_lets_nothing_be_read_is_told() {
    let store = MemoryStore::with_fault(|action, key, _| {
        (action == "open").then(|| CloudError::new(ErrorKind::Denied, "s3:GetObject", key, "no"))
    });
    let world = World::with(store, FakeFunctions::default());
    launched(&world.store, 1_000);
    let listed = Lister::new(world.context.clone()).list(10).await;
    assert!(matches!(listed, Err(RunError::Cloud(_))), "{listed:?}");
}

#[tokio::test]
async fn of_two_runs_of_the_same_second_the_last_is_the_newer() {
    let world = World::new(Vec::new());
    // Named as letters fell, newest last; then as the first version named them, whose ids say no more than the second.
    for (id, started_ms) in [
        ("20261123-214500-zzzz", 1_795_470_300_100),
        ("20261123-214500-aaaa", 1_795_470_300_900),
        ("20261123-214500-mmmm", 1_795_470_300_500),
    ] {
        let header = RunHeader { version: 1, ..header(id, started_ms) };
        world.store.insert("home", &run_key(id), serde_json::to_vec(&header).unwrap());
    }
    let newest = async || Lister::new(world.context.clone()).newest().await.unwrap().unwrap().id;
    assert_eq!(newest().await, "20261123-214500-aaaa");
    let mut lister = Lister::new(world.context.clone());
    for most in [1, 2, 3] {
        lister.names(most).await.unwrap();
        let ids: Vec<_> = lister.summaries().into_iter().map(|run| run.id).collect();
        assert_eq!(ids, ["20261123-214500-aaaa", "20261123-214500-mmmm", "20261123-214500-zzzz"][..most]);
    }
    for (id, started_ms) in
        [("20261123-214500950-zzzz", 1_795_470_300_950), ("20261123-214500951-aaaa", 1_795_470_300_951)]
    {
        world.store.insert("home", &run_key(id), serde_json::to_vec(&header(id, started_ms)).unwrap());
    }
    assert_eq!(newest().await, "20261123-214500951-aaaa");
}
