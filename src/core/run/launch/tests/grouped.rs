//! Tasks of several files: sent whole, once, whatever breaks off.

use super::*;
use crate::run::files_of;
use std::collections::BTreeMap;
use throng_contract::keys::manifest_key;
use throng_contract::{EventFiles, Grouping, TaskFiles};

/// A function that insists on finding every file of what it is invoked for.
struct Checking {
    facts: FunctionFacts,
    store: Arc<MemoryStore>,
    invoked: Mutex<Vec<TaskEvent>>,
    calls: AtomicU64,
    /// The call that ends everything.
    deny_at: Mutex<Option<u64>>,
}

#[async_trait]
impl FunctionApi for Checking {
    async fn facts(&self, _function: &str) -> Result<Option<FunctionFacts>, CloudError> {
        Ok(Some(self.facts.clone()))
    }

    async fn invoke_async(&self, _function: &str, payload: Vec<u8>) -> Result<(), CloudError> {
        let call = self.calls.fetch_add(1, Ordering::SeqCst);
        tokio::task::yield_now().await;
        if *self.deny_at.lock().unwrap() == Some(call) {
            return Err(CloudError::new(ErrorKind::Denied, "lambda:InvokeFunction", "f", "no"));
        }
        if call % 4 == 1 {
            return Err(throttled());
        }
        let event: TaskEvent = serde_json::from_slice(&payload).unwrap();
        if let Some(EventFiles::Inline(files)) = &event.files {
            for key in files.keys() {
                assert!(self.store.get(&event.bucket, &key).is_some(), "{key} is not stored yet");
            }
        }
        self.invoked.lock().unwrap().push(event);
        Ok(())
    }
}

struct Study {
    world: World,
    functions: Arc<Checking>,
}

impl Study {
    fn new(store: MemoryStore, grouping: Grouping) -> Self {
        let mut world = World::with(store, FakeFunctions::default());
        let facts = FunctionFacts {
            state: "Active".into(),
            contract: Some(versions::CONTRACT),
            tmp_mb: 512,
            triggers: vec![trigger("in", "x/", "done")],
            grouping: Some(grouping),
            ..FunctionFacts::default()
        };
        let functions = Arc::new(Checking {
            facts,
            store: world.store.clone(),
            invoked: Mutex::default(),
            calls: AtomicU64::new(0),
            deny_at: Mutex::new(None),
        });
        world.context.functions = functions.clone();
        Self { world, functions }
    }

    fn subjects() -> Grouping {
        Grouping { folder: Some("sub-*".into()), ..Grouping::default() }
    }

    fn files(&self, subjects: usize, each: usize) -> Inputs {
        let data = self.world.dir.path().join("study");
        for subject in 0..subjects {
            for n in 0..each {
                let path = data.join(format!("sub-{subject}/f/{n}"));
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                std::fs::write(path, "x").unwrap();
            }
        }
        Inputs::Files { paths: vec![data], dest: None }
    }

    /// How often each task was invoked.
    fn invoked(&self) -> BTreeMap<String, usize> {
        let mut tasks = BTreeMap::new();
        for event in self.functions.invoked.lock().unwrap().iter() {
            *tasks.entry(event.task.clone().unwrap().task.to_string()).or_default() += 1;
        }
        tasks
    }
}

#[tokio::test]
async fn a_group_is_invoked_once_when_all_its_files_are_stored() {
    let study = Study::new(MemoryStore::default(), Study::subjects());
    let inputs = study.files(6, 7);
    let sets = Sets::grid(vec![("ALPHA".into(), vec!["1".into(), "2".into()])]).unwrap();
    let request = LaunchRequest { sets, ..LaunchRequest::new("f", inputs) };
    let launch = prepare(&study.world.context, request, &CancellationToken::new()).await.unwrap();
    let header = launch.header().clone();
    assert_eq!((header.tasks, header.started_by), (12, StartedBy::Invoke));
    let groups = header.groups.clone().unwrap();
    assert_eq!((groups.count, groups.files, header.bytes), (6, 42, 42));
    let report = send(launch).await.unwrap();
    assert_eq!((report.sent, report.failed.len()), (12, 0));
    assert_eq!(study.invoked().into_values().collect::<Vec<_>>(), [1; 12]);
    let stored = study.world.store.keys("home");
    assert_eq!(stored.iter().filter(|key| key.starts_with(&inputs_folder(&header.id))).count(), 42);
    let event = study.functions.invoked.lock().unwrap()[0].clone();
    let Some(EventFiles::Inline(files)) = event.files else { panic!("no files") };
    assert_eq!((files.list.len(), files.keys().next().unwrap()), (7, event.key));

    // The manifest names them once for each group, and every task says how many.
    let mut entries = Vec::new();
    read_manifest(&study.world.context, &header, |part| entries.extend(part)).await.unwrap();
    assert_eq!(entries.iter().filter(|entry| entry.files.is_some()).count(), 6);
    assert!(entries.iter().all(|entry| entry.count == 7 && entry.size == 7));
    let listed = files_of(&study.world.context, &header, [5]).await.unwrap();
    assert_eq!(listed[&4].folder, "sub-2");
}

#[tokio::test]
async fn wherever_sending_breaks_off_no_group_is_lost_or_begun_too_early() {
    for broken in 0..10 {
        let study = Study::new(MemoryStore::default(), Study::subjects());
        *study.functions.deny_at.lock().unwrap() = Some(broken);
        let launch = study.world.prepare(study.files(4, 5)).await.unwrap();
        let id = launch.header().id.clone();
        let first = send(launch).await;
        *study.functions.deny_at.lock().unwrap() = None;
        if first.is_ok() {
            assert!(broken > 4, "{broken}");
            continue;
        }
        let launch = resume(&study.world.context, &id).await.unwrap();
        send(launch).await.unwrap();
        let invoked = study.invoked();
        assert_eq!(invoked.len(), 4, "{broken}: {invoked:?}");
        assert!(matches!(resume(&study.world.context, &id).await, Err(RunError::AllSent(_))));
    }
}

#[tokio::test]
async fn a_resumed_upload_counts_what_was_stored_before() {
    for broken in 1..24 {
        let mut store = MemoryStore::default();
        let left = Arc::new(AtomicU64::new(broken));
        let counter = left.clone();
        store.fault = Some(Box::new(move |action, key, _| {
            let input = action == "put" && key.starts_with("inputs/");
            let end = input && counter.fetch_sub(1, Ordering::SeqCst) == 1;
            end.then(|| CloudError::new(ErrorKind::Denied, "s3:PutObject", key, "the end"))
        }));
        let study = Study::new(store, Study::subjects());
        let launch = study.world.prepare(study.files(4, 6)).await.unwrap();
        let id = launch.header().id.clone();
        assert!(send(launch).await.is_err(), "{broken}");
        let before = study.invoked();
        left.store(u64::MAX / 2, Ordering::SeqCst);
        let report = send(resume(&study.world.context, &id).await.unwrap()).await.unwrap();
        assert_eq!(study.invoked().len(), 4, "{broken}");
        assert_eq!(report.sent + report.skipped, 4, "{broken}: {report:?}");
        // What had been invoked, with every note of it, is not invoked again.
        let again = study.invoked().values().filter(|times| **times > 1).count() as u64;
        assert!(again <= before.len() as u64 - report.skipped, "{broken}: {:?}", study.invoked());
    }
}

#[tokio::test]
async fn a_file_that_cannot_be_sent_fails_its_group_alone() {
    let study = Study::new(MemoryStore::default(), Study::subjects());
    let launch = study.world.prepare(study.files(3, 4)).await.unwrap();
    let run = launch.header().id.clone();
    std::fs::remove_file(study.world.dir.path().join("study/sub-1/f/2")).unwrap();
    let report = send(launch).await.unwrap();
    assert_eq!((report.sent, report.failed.len()), (2, 1));
    assert!(!study.invoked().contains_key("1"));
    let mut follower = Follower::open(&study.world.context, &run).await.unwrap();
    follower.poll().await.unwrap();
    let row = follower.chain().row(&TaskName::from(1)).unwrap();
    assert_eq!((row.state, row.class), (TaskState::Failed, Some(FailureClass::Input)));
}

#[tokio::test]
async fn what_an_event_has_no_room_for_is_read_where_it_says() {
    let study = Study::new(MemoryStore::default(), Study::subjects());
    for subject in 0..3 {
        for n in 0..if subject == 1 { 2500 } else { 2 } {
            let key = format!("d/sub-{subject}/{}{n:05}", "long/".repeat(12));
            study.world.store.insert("b", &key, "x");
        }
    }
    let inputs = Inputs::Objects { provider: None, bucket: "b".into(), keys: vec!["d/".into()] };
    let launch = study.world.prepare(inputs).await.unwrap();
    let run = launch.header().id.clone();
    send(launch).await.unwrap();
    let events = study.functions.invoked.lock().unwrap().clone();
    let large = events.iter().find(|event| event.task.as_ref().unwrap().task.as_number() == Some(1)).unwrap();
    assert!(serde_json::to_vec(large).unwrap().len() < 1000);
    let Some(EventFiles::Stored(slice)) = large.files else { panic!("{:?}", large.files) };
    let manifest = study.world.store.get("home", &manifest_key(&run, slice.part)).unwrap().body;
    let at = usize::try_from(slice.offset).unwrap();
    let line = &manifest[at..at + usize::try_from(slice.length).unwrap()];
    let entry: ManifestEntry = serde_json::from_slice(line).unwrap();
    assert_eq!((entry.task, entry.files.map(|files: TaskFiles| files.list.len())), (1, Some(2500)));
    assert!(events.iter().filter(|event| matches!(event.files, Some(EventFiles::Inline(_)))).count() == 2);
}
