//! Only what changed.

use super::*;
use crate::dataset::Objects as _;
use crate::dataset::objects::Put;
use crate::run::{Unchanged, read_axis, reused, sets_of};
use sha2::{Digest as _, Sha256};
use throng_contract::{AttemptId, FINGERPRINT_BYTES, OutputObject, fingerprinted};

fn request(keys: &[&str]) -> LaunchRequest {
    let keys = keys.iter().map(|key| (*key).to_owned()).collect();
    let inputs = Inputs::Objects { provider: None, bucket: "in".into(), keys };
    let options = LaunchOptions { changed: true, ..LaunchOptions::default() };
    LaunchRequest { options, ..LaunchRequest::new("f", inputs) }
}

async fn launched(world: &World, request: LaunchRequest) -> Result<Launch, RunError> {
    prepare(&world.context, request, &CancellationToken::new()).await
}

/// Sends a launch and does its tasks as a function would.
async fn done(world: &World, launch: Launch) -> String {
    let header = launch.header().clone();
    send(launch).await.unwrap();
    let events = std::mem::take(&mut *world.functions.invoked.lock().unwrap());
    for event in events {
        let task = event.task.unwrap();
        let tag = world.store.head(&event.bucket, &event.key).await.unwrap().unwrap().etag;
        let bytes = fingerprinted("function", format!("\"{tag}\"").as_bytes(), &event.variables).unwrap();
        let output = OutputObject {
            bucket: "out".into(),
            key: format!("{}-{}", event.key.rsplit('/').next().unwrap(), task.task),
            size: 6,
            sha256: String::new(),
            provider: None,
            place: None,
        };
        let record = AttemptRecord {
            task: Some(task.clone()),
            state: TaskState::Succeeded,
            fingerprint: Some(hex::encode(&Sha256::digest(bytes)[..FINGERPRINT_BYTES])),
            outputs: vec![output.clone()],
            ..AttemptRecord::begun("f", &format!("req-{}", task.task), now_ms())
        };
        let by = AttemptId::new(&record.request_id, record.started_ms);
        let lineage =
            Lineage { run: task.run, stage: 0, task: task.task, output: Some((by, 0)), group: None };
        let metadata = vec![(META_LINEAGE, lineage.header("out", &output.key))];
        let body = bytes::Bytes::from_static(b"result");
        let put = Put { bucket: "out".into(), key: output.key, body, metadata, ..Put::default() };
        world.store.put(put).await.unwrap();
        world.store.insert("home", &record_key(&record), serde_json::to_vec(&record).unwrap());
    }
    header.id
}

fn world() -> World {
    let world = World::new(Vec::new());
    for key in ["a", "b", "c"] {
        world.store.insert("in", key, key);
    }
    world
}

fn keys(launch: &Launch) -> String {
    launch
        .manifest()
        .iter()
        .map(|entry| format!("{}{}", entry.key, entry.set.map_or(String::new(), |set| set.to_string())))
        .collect::<Vec<_>>()
        .join(" ")
}

async fn unchanged(world: &World, request: LaunchRequest) -> Unchanged {
    match launched(world, request).await.unwrap_err() {
        RunError::Unchanged(unchanged) => *unchanged,
        error => panic!("{error}"),
    }
}

#[tokio::test]
async fn what_is_the_same_and_there_is_not_run_again() {
    let world = world();
    let first = launched(&world, request(&[""])).await.unwrap();
    assert!(
        first.notes()[0].contains("nothing can be reused (`f` has no earlier runs)"),
        "{:?}",
        first.notes()
    );
    let run = done(&world, first).await;
    let runs = || world.store.keys("home").into_iter().filter(|key| key.ends_with("run.json")).count();
    let all = unchanged(&world, request(&[""])).await;
    assert_eq!((all.reuse.tasks, all.reuse.runs.as_slice()), (3, &[run.clone()][..]));
    assert_eq!(runs(), 1, "no run was made");
    assert!(
        all.notes[0].contains("reused: 3 tasks of run") && all.notes[0].contains("the one run"),
        "{:?}",
        all.notes
    );

    // An input that is other, and one whose result is gone.
    world.store.insert("in", "b", "B");
    world.store.remove("out", "c-2");
    let launch = launched(&world, request(&[""])).await.unwrap();
    assert_eq!(keys(&launch), "b c");
    let header = launch.header().clone();
    let reused = reused(&world.context, &header).await.unwrap();
    assert_eq!((header.reused.tasks, reused.len(), reused[0].key.as_str(), reused[0].task), (1, 1, "a", 0));
    assert_eq!(reused[0].outputs[0].key, "a-0");
    let second = done(&world, launch).await;
    assert_eq!(unchanged(&world, request(&[""])).await.reuse.runs, [second, run]);

    // What another has stored over is not that result.
    world.store.insert("out", "a-0", "result");
    let lineage = Lineage {
        run: "20261123-214500123-k3x9".into(),
        stage: 0,
        task: TaskRef::launched("r", 0).task,
        output: None,
        group: None,
    };
    let metadata = vec![(META_LINEAGE, lineage.header("out", "a-0"))];
    let put =
        Put { bucket: "out".into(), key: "a-0".into(), body: "result".into(), metadata, ..Put::default() };
    world.store.put(put).await.unwrap();
    assert_eq!(keys(&launched(&world, request(&[""])).await.unwrap()), "a");
}

#[tokio::test]
async fn other_variables_functions_and_names_are_run() {
    let world = world();
    let run = done(&world, launched(&world, request(&[""])).await.unwrap()).await;
    let parameters = BTreeMap::from([("X".to_owned(), "1".to_owned())]);
    let other = LaunchRequest { parameters, ..request(&[""]) };
    assert_eq!(launched(&world, other).await.unwrap().header().tasks, 3);
    world.store.insert("in", "d", "a");
    assert_eq!(
        keys(&launched(&world, request(&["a", "d"])).await.unwrap()),
        "d",
        "the name is seen by scripts"
    );

    let facts = FunctionFacts { fingerprint: "function.elsewhere".into(), ..world.functions.facts.clone() };
    let moved = World { functions: Arc::new(FakeFunctions { facts, ..FakeFunctions::default() }), ..world };
    let context = RunContext { functions: moved.functions.clone(), ..moved.context.clone() };
    let moved = World { context, ..moved };
    let launch = launched(&moved, request(&[""])).await.unwrap();
    assert_eq!(
        (launch.header().tasks, launch.header().reused.tasks),
        (4, 0),
        "its results go elsewhere: {run}"
    );
}

#[tokio::test]
async fn of_a_sweep_only_the_tasks_that_changed_are_run() {
    let world = world();
    let sweep = |values: &str| {
        let sets = Sets::grid(vec![read_axis(values).unwrap()]).unwrap();
        LaunchRequest { sets, ..request(&[""]) }
    };
    done(&world, launched(&world, sweep("X=1,2")).await.unwrap()).await;
    let launch = launched(&world, sweep("X=1,2,3")).await.unwrap();
    assert_eq!((keys(&launch), launch.header().sets.as_ref().unwrap().paired), ("a0 b0 c0".into(), false));
    world.store.insert("in", "b", "B");
    let launch = launched(&world, sweep("X=2,3")).await.unwrap();
    assert_eq!(keys(&launch), "a0 b1 b2 c3");
    let header = launch.header().clone();
    let sets = sets_of(&world.context, &header).await.unwrap();
    let values: Vec<_> = (0..4).map(|task| sets.all_variables(&header, task)["X"].clone()).collect();
    assert_eq!(values, ["3", "2", "3", "3"]);
    // A launch that broke off goes on with the same.
    let manifest = launch.manifest();
    drop(launch);
    assert_eq!(resume(&world.context, &header.id).await.unwrap().manifest(), manifest);
}

#[tokio::test]
async fn files_are_compared_by_the_tag_that_they_would_get() {
    let world = World::new(Vec::new());
    let files = || LaunchRequest { inputs: world.files(2), ..request(&[]) };
    done(&world, launched(&world, files()).await.unwrap()).await;
    // The tags of this store are no checksums.
    let launch = launched(&world, files()).await.unwrap();
    assert_eq!(launch.header().tasks, 2);
    assert!(
        launch.notes().iter().any(|note| note.contains("stored in home cannot be known")),
        "{:?}",
        launch.notes()
    );
}

#[tokio::test]
async fn what_cannot_be_compared_is_refused() {
    let world = world();
    let nothing = LaunchRequest { inputs: Inputs::Nothing { tasks: 2 }, ..request(&[]) };
    let facts = FunctionFacts { fingerprint: String::new(), ..world.functions.facts.clone() };
    let refused = launched(&world, nothing).await.unwrap_err().to_string();
    assert!(refused.contains("these tasks have none"), "{refused}");
    let old = World::with(MemoryStore::default(), FakeFunctions { facts, ..FakeFunctions::default() });
    old.store.insert("in", "a", "a");
    let refused = launched(&old, request(&["a"])).await.unwrap_err().to_string();
    assert!(refused.contains("an older throng deployed it"), "{refused}");
}
