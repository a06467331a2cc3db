#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod chosen;
mod grouped;
mod paced;
mod packed;
mod unchanged;
mod varied;

use super::*;
use crate::cloud::{CloudError, ErrorKind, now_ms};
use crate::dataset::memory::{MemoryStore, throttled};
use crate::dataset::upload::UploadOptions;
use crate::deploy::Packs;
use crate::model::TaskName;
use crate::model::TaskState;
use crate::run::header::StartedBy;
use crate::run::{FollowOptions, Follower, FunctionApi, read_manifest};
use async_trait::async_trait;
use std::collections::HashSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use throng_contract::keys::{inputs_folder, record_key, run_key};
use throng_contract::layout::META_LINEAGE;
use throng_contract::{AttemptRecord, FailureClass, Lineage, TaskEvent, TaskRef};
use tokio_util::sync::CancellationToken;

/// Functions of a test.
#[derive(Default)]
pub struct FakeFunctions {
    pub facts: FunctionFacts,
    pub invoked: Mutex<Vec<TaskEvent>>,
    pub calls: AtomicU64,
    /// Calls with these remainders of 10 fail so.
    pub throttle: Option<u64>,
    pub deny_at: Mutex<Option<u64>>,
    /// Whether nothing of it can be queued.
    pub idle: AtomicBool,
}

#[async_trait]
impl FunctionApi for FakeFunctions {
    async fn facts(&self, function: &str) -> Result<Option<FunctionFacts>, CloudError> {
        Ok((function == "f").then(|| self.facts.clone()))
    }

    async fn is_idle(&self, _function: &str, _quiet: Duration) -> Result<bool, CloudError> {
        Ok(self.idle.load(Ordering::SeqCst))
    }

    async fn invoke_async(&self, _function: &str, payload: Vec<u8>) -> Result<(), CloudError> {
        let call = self.calls.fetch_add(1, Ordering::SeqCst);
        tokio::task::yield_now().await;
        if self.throttle == Some(call % 10) {
            return Err(throttled());
        }
        if *self.deny_at.lock().unwrap() == Some(call) {
            return Err(CloudError::new(ErrorKind::Denied, "lambda:InvokeFunction", "f", "no"));
        }
        self.invoked.lock().unwrap().push(serde_json::from_slice(&payload).unwrap());
        Ok(())
    }
}

pub struct World {
    pub dir: tempfile::TempDir,
    pub store: Arc<MemoryStore>,
    pub functions: Arc<FakeFunctions>,
    pub context: RunContext,
}

impl World {
    pub fn new(triggers: Vec<TriggerPlace>) -> Self {
        Self::with_retries(triggers, 0)
    }

    pub fn with_retries(triggers: Vec<TriggerPlace>, retries: u32) -> Self {
        Self::with(
            MemoryStore::default(),
            FakeFunctions {
                facts: FunctionFacts {
                    image: "r/f@sha256:1".into(),
                    state: "Active".into(),
                    role: "arn:aws:iam::000000000000:role/r".into(),
                    places: triggers.clone(),
                    triggers,
                    outputs: Vec::new(),
                    selections: Vec::new(),
                    sweep: Vec::new(),
                    overwrites: false,
                    grouping: None,
                    join: None,
                    fingerprint: "function.results".into(),
                    memory_mb: 256,
                    tmp_mb: 512,
                    timeout_s: 300,
                    concurrency: None,
                    event_age_s: 0,
                    packs: Packs::Alone,
                    retries,
                    contract: Some(versions::CONTRACT),
                    keeps_apart: Some(false),
                    keeps_runs_apart: false,
                    triggers_apply_from_ms: 0,
                },
                ..FakeFunctions::default()
            },
        )
    }

    pub fn with(store: MemoryStore, functions: FakeFunctions) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (store, functions) = (Arc::new(store), Arc::new(functions));
        let context = RunContext {
            store: store.clone(),
            functions: functions.clone(),
            home: "home".into(),
            context: "local".into(),
            state: dir.path().join("state"),
            upload: UploadOptions::default(),
            local: true,
        };
        Self { dir, store, functions, context }
    }

    pub fn files(&self, count: usize) -> Inputs {
        let data = self.dir.path().join("data");
        std::fs::create_dir_all(&data).unwrap();
        for n in 0..count {
            std::fs::write(data.join(format!("{n:04}.txt")), n.to_string()).unwrap();
        }
        Inputs::Files { paths: vec![data.join(".")], dest: None }
    }

    pub async fn prepare(&self, inputs: Inputs) -> Result<Launch, RunError> {
        let request = LaunchRequest::new("f", inputs);
        prepare(&self.context, request, &CancellationToken::new()).await
    }
}

pub fn trigger(bucket: &str, prefix: &str, suffix: &str) -> TriggerPlace {
    TriggerPlace { bucket: bucket.into(), prefix: prefix.into(), suffix: suffix.into() }
}

async fn send(launch: Launch) -> Result<SendReport, RunError> {
    launch.send(Arc::default(), &CancellationToken::new()).await
}

#[tokio::test]
async fn files_go_to_the_trigger_with_their_task_and_nothing_is_invoked() {
    let world = World::new(vec![trigger("in", "x/", ".txt")]);
    let launch = world.prepare(world.files(30)).await.unwrap();
    let header = launch.header().clone();
    assert_eq!((header.tasks, header.started_by, header.bucket.as_str()), (30, StartedBy::Trigger, "in"));
    assert!(world.store.keys("in").is_empty(), "the manifest comes first");
    let mut entries = Vec::new();
    read_manifest(&world.context, &header, |part| entries.extend(part)).await.unwrap();
    assert_eq!(entries, launch.manifest());
    assert_eq!(send(launch).await.unwrap().sent, 30);
    let stored = world.store.get("in", "x/0007.txt").unwrap();
    let [(META_LINEAGE, line)] = &stored.metadata[..] else { panic!("{:?}", stored.metadata) };
    let starts = Lineage::parse(line, "in", "x/0007.txt").unwrap().starts();
    assert_eq!(starts, Some(header.task(7)));
    assert_eq!(world.functions.calls.load(Ordering::SeqCst), 0);
    assert!(matches!(resume(&world.context, &header.id).await, Err(RunError::AllSent(_))), "nothing is left");
}

#[tokio::test]
async fn files_without_a_trigger_are_stored_and_invoked_once_each() {
    let world = World::new(Vec::new());
    let launch = world.prepare(world.files(20)).await.unwrap();
    let header = launch.header().clone();
    assert_eq!((header.started_by, header.bucket.as_str()), (StartedBy::Invoke, "home"));
    send(launch).await.unwrap();
    let mut invoked = world.functions.invoked.lock().unwrap().clone();
    invoked.sort_by_key(|event| event.task.as_ref().unwrap().task.as_number());
    assert_eq!(invoked.len(), 20);
    for (task, event) in invoked.iter().enumerate() {
        assert_eq!(event.task, Some(header.task(task as u64)));
        assert!(world.store.get(&event.bucket, &event.key).is_some(), "stored before it is invoked");
    }
}

#[tokio::test]
async fn inputs_of_equal_names_are_told_where_the_output_path_does_not_keep_them_apart() {
    let world = World::new(Vec::new());
    let data = world.dir.path().join("study");
    for subject in ["a", "b"] {
        std::fs::create_dir_all(data.join(subject)).unwrap();
        std::fs::write(data.join(subject).join("t1"), subject).unwrap();
    }
    let inputs = |name: &str| Inputs::Files { paths: vec![data.join(name)], dest: None };
    let notes = world.prepare(inputs("")).await.unwrap().notes();
    assert!(notes[0].contains("the name of another (such as study/a/t1 and study/b/t1)"), "{notes:?}");
    assert!(world.prepare(inputs("a")).await.unwrap().notes().is_empty());
    let facts = FunctionFacts { state: "Active".into(), keeps_apart: Some(true), ..FunctionFacts::default() };
    let apart = World::with(MemoryStore::default(), FakeFunctions { facts, ..FakeFunctions::default() });
    assert!(apart.prepare(inputs("")).await.unwrap().notes().is_empty());
}

/// S3 may take five minutes to act on new notifications.
#[tokio::test]
async fn what_new_triggers_may_not_start_yet_is_invoked() {
    let apply_from = [now_ms() + 200_000, now_ms().saturating_sub(1)];
    for (triggers_apply_from_ms, invoked) in apply_from.into_iter().zip([20, 0]) {
        let facts = FunctionFacts {
            state: "Active".into(),
            triggers: vec![trigger("in", "x/", "")],
            triggers_apply_from_ms,
            ..FunctionFacts::default()
        };
        let functions = FakeFunctions { facts, ..FakeFunctions::default() };
        let world = World::with(MemoryStore::default(), functions);
        let launch = world.prepare(world.files(20)).await.unwrap();
        assert_eq!(launch.notes().len(), usize::from(invoked > 0), "and it is told: {:?}", launch.notes());
        let id = launch.header().id.clone();
        send(launch).await.unwrap();
        let events = world.functions.invoked.lock().unwrap().clone();
        assert_eq!(events.len(), invoked);
        let apart = |event: &TaskEvent| event.bucket == "home" && event.key.starts_with(&inputs_folder(&id));
        assert!(events.iter().all(apart), "where no trigger comes later: {events:?}");
    }
}

#[tokio::test]
async fn files_that_miss_the_suffix_are_invoked() {
    let world = World::new(vec![trigger("in", "x/", "7.txt")]);
    send(world.prepare(world.files(20)).await.unwrap()).await.unwrap();
    assert_eq!(world.store.keys("in").len(), 20);
    assert_eq!(world.functions.invoked.lock().unwrap().len(), 18);
}

#[tokio::test]
async fn objects_are_invoked_throttles_and_all() {
    let functions = FakeFunctions { throttle: Some(3), ..FakeFunctions::default() };
    let mut store = MemoryStore::default();
    store.page = Some(7);
    let world = World::with(store, functions);
    for n in 0..50 {
        world.store.insert("b", &format!("d/{n:02}"), "x");
    }
    world.store.insert("b", "d/", "");
    world.store.insert("b", "one", "x");
    let inputs = Inputs::Objects {
        provider: None,
        bucket: "b".into(),
        keys: vec!["d/".into(), "one".into(), "d/03".into()],
    };
    let report = send(world.prepare(inputs).await.unwrap()).await.unwrap();
    assert_eq!(report.sent, 51);
    let keys: HashSet<_> =
        world.functions.invoked.lock().unwrap().iter().map(|event| event.key.clone()).collect();
    assert_eq!(keys.len(), 51);
}

#[tokio::test]
async fn a_launch_that_broke_off_goes_on() {
    let world = World::new(Vec::new());
    *world.functions.deny_at.lock().unwrap() = Some(25);
    let launch = world.prepare(world.files(60)).await.unwrap();
    let run = launch.header().id.clone();
    assert!(send(launch).await.is_err());
    *world.functions.deny_at.lock().unwrap() = None;
    let launch = resume(&world.context, &run).await.unwrap();
    assert_eq!(launch.header().id, run);
    let report = send(launch).await.unwrap();
    assert!(report.skipped > 0, "{report:?}");
    let tasks: HashSet<_> = world
        .functions
        .invoked
        .lock()
        .unwrap()
        .iter()
        .map(|event| event.task.clone().unwrap().task)
        .collect();
    assert_eq!(tasks.len(), 60);
    for key in world.store.keys("home").iter().filter(|key| key.starts_with("inputs/")) {
        assert_eq!(world.store.get("home", key).unwrap().puts, 1, "{key}");
    }
}

#[tokio::test]
async fn a_file_that_cannot_be_sent_is_a_failed_task() {
    let world = World::new(vec![trigger("in", "", "")]);
    let launch = world.prepare(world.files(10)).await.unwrap();
    let run = launch.header().id.clone();
    std::fs::remove_file(world.dir.path().join("data/0004.txt")).unwrap();
    let report = send(launch).await.unwrap();
    assert_eq!((report.sent, report.failed.len()), (9, 1));
    let mut follower = Follower::open(&world.context, &run).await.unwrap();
    follower.poll().await.unwrap();
    let row = follower.chain().row(&TaskName::from(4)).unwrap();
    assert_eq!((row.state, row.class), (TaskState::Failed, Some(FailureClass::Input)));
}

#[tokio::test]
async fn a_cancelled_run_is_sent_no_further() {
    // Slow enough for the cancellation to be seen.
    let functions = FakeFunctions { throttle: Some(0), ..FakeFunctions::default() };
    let world = World::with(MemoryStore::default(), functions);
    for n in 0..20_000 {
        world.store.insert("b", &format!("{n:05}"), "x");
    }
    let launch = world
        .prepare(Inputs::Objects { provider: None, bucket: "b".into(), keys: vec![String::new()] })
        .await
        .unwrap();
    let run = launch.header().id.clone();
    assert_eq!(launch.header().tasks, 20_000);
    cancel(&world.context, &run).await.unwrap();
    cancel(&world.context, &run).await.unwrap();
    assert!(send(launch).await.unwrap().cancelled);
    assert!(world.functions.invoked.lock().unwrap().len() < 20_000);
    assert!(matches!(resume(&world.context, &run).await, Err(RunError::Refused(_))));
}

#[tokio::test]
async fn a_run_over_a_storage_provider_goes_on_with_its_name_in_every_event() {
    let world = World::new(Vec::new());
    world.store.insert("b", "x", "1");
    let inputs = Inputs::Objects { provider: None, bucket: "b".into(), keys: vec![String::new()] };
    let launch = world.prepare(inputs).await.unwrap();
    let header = RunHeader { provider: Some("minio.lab".into()), ..launch.header().clone() };
    drop(launch);
    let run = header.id.clone();
    world.store.insert("home", &run_key(&run), serde_json::to_vec(&header).unwrap());
    let launch = resume(&world.context, &run).await.unwrap();
    assert_eq!(launch.manifest()[0].provider.as_deref(), Some("minio.lab"));
    assert_eq!(send(launch).await.unwrap().sent, 1);
    assert_eq!(world.functions.invoked.lock().unwrap()[0].provider.as_deref(), Some("minio.lab"));

    let provider = Some("minio.lab".to_owned());
    let inputs = Inputs::Objects { provider, bucket: "b".into(), keys: vec![String::new()] };
    let error = world.prepare(inputs).await.unwrap_err();
    assert!(error.to_string().contains("no storage providers"), "never the own bucket of that name: {error}");
}

#[tokio::test]
async fn wrong_keys_are_told_in_the_words_of_a_listing() {
    let refuse = |action: &str, _: &str, _: u64| match action {
        // HEAD has no text.
        "head" => Some(CloudError::new(ErrorKind::Denied, "s3:GetObject", "b/in", "HTTP status 403")),
        "list" => Some(CloudError {
            code: Some("InvalidAccessKeyId".into()),
            ..CloudError::new(ErrorKind::Auth, "s3:ListBucket", "b", "The key does not exist.")
        }),
        _ => None,
    };
    let world = World::with(
        MemoryStore::with_fault(refuse),
        FakeFunctions {
            facts: FunctionFacts {
                image: "r/f@sha256:1".into(),
                state: "Active".into(),
                ..FunctionFacts::default()
            },
            ..FakeFunctions::default()
        },
    );
    let inputs = Inputs::Objects { provider: None, bucket: "b".into(), keys: vec!["in".into()] };
    let error = world.prepare(inputs).await.unwrap_err().to_string();
    assert!(error.contains("InvalidAccessKeyId") && !error.contains("403"), "{error}");
}

#[tokio::test]
async fn what_cannot_be_launched_is_refused_and_leaves_no_run() {
    let world = World::new(Vec::new());
    let request = LaunchRequest::new("g", world.files(1));
    let error = prepare(&world.context, request, &CancellationToken::new()).await.unwrap_err();
    assert!(matches!(error, RunError::NoFunction(_)));
    let inputs = Inputs::Objects { provider: None, bucket: "b".into(), keys: vec!["none".into()] };
    assert!(world.prepare(inputs).await.unwrap_err().to_string().contains("s3://b/none"));
    // As SCAR's `-ib BUCKET/FOLDER`.
    world.store.insert("b", "in/x", "1");
    let inputs = Inputs::Objects { provider: None, bucket: "b".into(), keys: vec!["in".into()] };
    let error = world.prepare(inputs).await.unwrap_err().to_string();
    assert_eq!(error, "there is no object s3://b/in; did you mean the folder s3://b/in/ ?");
    let missing = Inputs::Files { paths: vec!["/no/such".into()], dest: None };
    assert!(world.prepare(missing).await.is_err());
    assert!(world.store.keys("home").is_empty());
}

#[tokio::test]
async fn what_did_not_succeed_becomes_a_new_run_over_what_is_there() {
    let world = World::new(vec![trigger("in", "x/", ".txt")]);
    let launch = world.prepare(world.files(6)).await.unwrap();
    let (run, never) = (launch.header().id.clone(), CancellationToken::new());
    let again = |run: &str| {
        let inputs = Inputs::Unsuccessful { run: run.to_owned() };
        LaunchRequest::new("f", inputs)
    };
    send(launch).await.unwrap();
    let error = prepare(&world.context, again(&run), &never).await.unwrap_err();
    assert!(error.to_string().contains("has not ended"), "{error}");
    for task in 0..6 {
        let record = AttemptRecord {
            task: Some(TaskRef::launched(&run, task)),
            state: if task < 3 { TaskState::Succeeded } else { TaskState::Failed },
            class: (task >= 3).then_some(FailureClass::Script),
            ..AttemptRecord::begun("f", &format!("request-{task}"), now_ms())
        };
        world.store.insert("home", &record_key(&record), serde_json::to_vec(&record).unwrap());
    }
    world.store.delete("in", "x/0005.txt");
    let launch = prepare(&world.context, again(&run), &never).await.unwrap();
    assert_eq!(launch.absent(), 1, "an input was deleted meanwhile");
    let header = launch.header().clone();
    assert_ne!(header.id, run);
    let keys: Vec<_> = launch.manifest().into_iter().map(|entry| (entry.bucket, entry.key)).collect();
    assert_eq!(keys, ["x/0003.txt", "x/0004.txt"].map(|key| ("in".to_owned(), key.to_owned())));
    assert_eq!((header.tasks, header.started_by), (2, StartedBy::Invoke), "storing nothing triggers nothing");
    send(launch).await.unwrap();
    let invoked = world.functions.invoked.lock().unwrap();
    assert_eq!(invoked.len(), 2);
    assert!(invoked.iter().all(|event| event.task.as_ref().is_some_and(|task| task.run == header.id)));
}
