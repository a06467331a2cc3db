#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(clippy::disallowed_macros, reason = "a measurement prints its figures")]
use super::*;
use crate::cloud::CloudError;
use crate::cloud::ErrorKind;
use crate::dataset::memory::MemoryStore;
use crate::logs::LogGroup;
use crate::model::TaskName;
use crate::model::{FailureClass, TaskState, Waiting};
use crate::run::LogPlace;
use crate::run::launch::tests::{FakeFunctions, World, trigger};
use crate::run::{FailedAttempt, FunctionApi, FunctionFacts, Lister, attempts, cancel, failure, verify};
use serde_json::json;
use std::sync::atomic::{AtomicBool, Ordering};
use throng_contract::keys::{self, cancel_key, end_key, record_key};
use throng_contract::{AttemptRecord, EventRef, OutputObject, TaskRef};
use tokio_util::sync::CancellationToken;

fn record(run: &str, task: u64, state: TaskState, ended_ms: u64) -> AttemptRecord {
    AttemptRecord {
        task: Some(TaskRef::launched(run, task)),
        bucket: "in".into(),
        key: format!("{task:04}.txt"),
        state,
        class: (state == TaskState::Failed).then_some(FailureClass::Script),
        exit_code: Some(0),
        ended_ms,
        bytes_in: 1,
        bytes_out: 1,
        outputs: vec![OutputObject {
            bucket: "out".into(),
            key: format!("{task}"),
            size: 3,
            sha256: String::new(),
            provider: None,
            place: None,
        }],
        peak_memory: 4096,
        ..AttemptRecord::begun("f", &format!("req-{task}-{ended_ms}"), ended_ms - 5)
    }
}

/// When attempts with a marker began.
const BEGAN: u64 = 1_795_470_300_000;

/// The key of the marker of an attempt.
fn running_key(run: &str, task: u64, request_id: &str) -> String {
    let task = Some(TaskRef::launched(run, task));
    keys::running_key(&AttemptRecord { task, ..AttemptRecord::begun("f", request_id, BEGAN) }).unwrap()
}

fn put(store: &MemoryStore, record: &AttemptRecord) {
    store.insert("home", &record_key(record), serde_json::to_vec(record).unwrap());
}

async fn launched(world: &World, files: usize) -> (String, Follower) {
    let launch = world.prepare(world.files(files)).await.unwrap();
    let run = launch.header().id.clone();
    let mut follower = Follower::open(&world.context, &run).await.unwrap();
    // Looks at everything each time, so that no test waits.
    let zero = Duration::ZERO;
    follower.set_options(FollowOptions { fast: zero, slow: zero, ..follower.options });
    launch.send(Arc::default(), &CancellationToken::new()).await.unwrap();
    (run, follower)
}

#[tokio::test]
async fn a_run_is_followed_to_its_end_and_the_end_is_written_once() {
    let world = World::new(vec![trigger("in", "", "")]);
    let (run, mut follower) = launched(&world, 10).await;
    follower.poll().await.unwrap();
    assert_eq!(follower.chain().counts().pending, 10);
    world.store.insert("home", &running_key(&run, 3, "req"), "{}");
    let now = now_ms();
    for task in 0..9 {
        put(
            &world.store,
            &record(&run, task, if task == 3 { TaskState::Failed } else { TaskState::Succeeded }, now + task),
        );
    }
    follower.look_again();
    assert!(follower.poll().await.unwrap());
    let view = follower.view();
    assert_eq!((view.counts().succeeded, view.counts().running, view.counts().pending), (8, 1, 1));
    assert!(view.loading && !view.summary.settled);
    follower.load_inputs().await.unwrap();
    assert_eq!(follower.view().stages[0].task(3).unwrap().key.as_ref(), "0003.txt");
    put(
        &world.store,
        &AttemptRecord {
            request_id: "req".into(),
            started_ms: BEGAN,
            ..record(&run, 3, TaskState::Failed, now + 50)
        },
    );
    put(&world.store, &record(&run, 9, TaskState::Succeeded, now + 60));
    follower.look_again();
    follower.poll().await.unwrap();
    let summary = follower.summary();
    assert!(summary.settled && summary.ended_ms == Some(now + 60), "{summary:?}");
    assert_eq!((summary.counts.succeeded, summary.counts.failed), (9, 1));
    let end = world.store.get("home", &end_key(&run)).unwrap();
    assert_eq!(end.puts, 1);
    assert!(!follower.poll().await.unwrap(), "nothing new");

    let mut lister = Lister::new(world.context.clone());
    let runs = lister.list(10).await.unwrap();
    assert_eq!((runs.len(), runs[0].counts, runs[0].settled), (1, summary.counts, true));

    put(&world.store, &record(&run, 3, TaskState::Succeeded, now + 90));
    follower.look_again();
    follower.poll().await.unwrap();
    assert_eq!(follower.summary().counts.succeeded, 10, "a late success counts");
    assert_eq!(world.store.get("home", &end_key(&run)).unwrap().puts, 2);
}

#[tokio::test]
async fn a_record_that_is_stored_late_is_not_missed_in_the_first_layout() {
    let world = World::new(vec![trigger("in", "", "")]);
    let (run, old) = launched(&world, 3).await;
    let header = RunHeader { version: 1, ..old.chain().header().clone() };
    let mut follower = Follower::of(&world.context, header);
    let record = |task, ended_ms| {
        let record = record(&run, task, TaskState::Succeeded, ended_ms);
        AttemptRecord { task: Some(keys::first::task(&run, task)), ..record }
    };
    let now = now_ms();
    put(&world.store, &record(0, now));
    follower.poll().await.unwrap();
    put(&world.store, &record(1, now - 20_000));
    follower.poll().await.unwrap();
    assert_eq!(follower.chain().counts().succeeded, 1, "outside the near look");
    put(&world.store, &record(2, now - 100_000));
    follower.reader = Reader::First(first::Reader::default());
    follower.poll().await.unwrap();
    assert_eq!(follower.chain().counts().succeeded, 3);
    assert!(follower.is_settled());
}

/// Launched tasks of several blocks: what is open is listed, what is final is not, and a summary takes the place of records.
#[tokio::test]
async fn blocks_are_read_until_they_are_final_and_then_their_summary() {
    let world = World::new(vec![trigger("in", "", "")]);
    let (run, mut follower) = launched(&world, 2_500).await;
    let now = now_ms();
    for task in 0..2_500 {
        put(
            &world.store,
            &record(&run, task, if task == 7 { TaskState::Failed } else { TaskState::Succeeded }, now + task),
        );
    }
    follower.look_again();
    // Records of successes are read some hundred at a time.
    for _ in 0..20 {
        follower.poll().await.unwrap();
    }
    assert!(follower.is_settled() && follower.has_read_all());
    let summaries: Vec<_> =
        world.store.keys("home").into_iter().filter(|key| key.contains("/summary/")).collect();
    assert_eq!(summaries, [format!("runs/{run}/summary/0/000000.000.json")]);

    for key in world.store.keys("home").into_iter().filter(|key| key.starts_with("l/")) {
        world.store.delete("home", &key);
    }
    let mut other = Follower::open(&world.context, &run).await.unwrap();
    other.poll().await.unwrap();
    assert!(other.has_read_all() && other.is_settled());
    assert_eq!(other.summary().counts, follower.summary().counts, "the summary says what the records said");
    follower.load_inputs().await.unwrap();
    assert_eq!(other.view().stages[0].task(7), follower.view().stages[0].task(7));
}

/// Lambda tries again: until it has given up, or a try succeeded, nothing is final.
#[tokio::test]
async fn a_failed_attempt_is_final_when_no_retry_is_due() {
    let world = World::with_retries(vec![trigger("in", "", "")], 1);
    let (run, mut follower) = launched(&world, 2).await;
    let event = |id: &str| Some(EventRef { id: id.into(), retries: None });
    let now = now_ms();
    put(&world.store, &AttemptRecord { event: event("a"), ..record(&run, 0, TaskState::Failed, now) });
    put(&world.store, &record(&run, 1, TaskState::Succeeded, now));
    follower.look_again();
    follower.poll().await.unwrap();
    let row = follower.view().stages[0].task(0).unwrap().clone();
    assert_eq!((row.state, row.attempts), (TaskState::Pending, 1));
    assert_eq!(row.waiting(), Some(Waiting { retry: 1, of: 1, due_ms: now + 60_000 }));
    assert_eq!((follower.summary().waiting, follower.summary().stalled_ms), (1, None));
    assert!(!follower.is_settled(), "another attempt is due");

    put(
        &world.store,
        &AttemptRecord { event: event("a"), ..record(&run, 0, TaskState::Failed, now + 61_000) },
    );
    follower.look_again();
    follower.poll().await.unwrap();
    assert_eq!((follower.summary().counts.failed, follower.summary().waiting), (1, 0));
    assert!(follower.is_settled(), "it was the last");
}

#[tokio::test]
async fn events_that_lambda_gave_up_on_are_read_and_explained() {
    let world = World::new(vec![trigger("in", "", "")]);
    let (run, mut follower) = launched(&world, 3).await;
    let time = jiff::Timestamp::now();
    let failed = |id: &str, payload: serde_json::Value, kind: &str| {
        let key = format!("{}-{id}", failure::start_after("f", now_ms()));
        let body = json!({"timestamp": time.to_string(), "requestContext": {"requestId": id, "condition": "RetriesExhausted"},
            "requestPayload": payload, "responsePayload": {"errorType": kind, "errorMessage": "it ended"}});
        world.store.insert("home", &key, serde_json::to_vec(&body).unwrap());
    };
    let object = json!({"Records": [{"eventSource": "aws:s3", "eventTime": time.to_string(),
        "s3": {"bucket": {"name": "in"}, "object": {"key": "0000.txt"}}}]});
    failed("a", object, "Sandbox.Timedout");
    failed(
        "b",
        json!({"throng": {"run": run, "task": 1}, "bucket": "in", "key": "0001.txt"}),
        "Runtime.OutOfMemory",
    );
    failed("c", json!({"throng": {"run": "another", "task": 2}, "bucket": "in", "key": "0002.txt"}), "x");
    failed("d", json!("nonsense"), "x");
    world.store.insert("home", "aws/lambda/async/f/garbage", "garbage");
    follower.poll().await.unwrap();
    let states: Vec<_> = (0..3)
        .map(|task| follower.chain().row(&TaskName::from(task)).unwrap())
        .map(|row| (row.state, row.class))
        .collect();
    assert_eq!(
        states,
        [
            (TaskState::TimedOut, Some(FailureClass::Timeout)),
            (TaskState::Failed, Some(FailureClass::Memory)),
            (TaskState::Pending, None),
        ]
    );
    let told = attempts(&world.context, follower.chain(), &1.into()).await.unwrap();
    assert_eq!((told.len(), told[0].record.error.as_deref()), (1, Some("it ended")));
    let gets = world.store.gets.load(Ordering::SeqCst);
    follower.poll().await.unwrap();
    assert_eq!(world.store.gets.load(Ordering::SeqCst), gets, "read once");
}

#[tokio::test]
async fn cancelling_ends_a_run_and_the_list_shows_it() {
    let world = World::new(vec![trigger("in", "", "")]);
    let (run, mut follower) = launched(&world, 4).await;
    put(&world.store, &record(&run, 0, TaskState::Succeeded, now_ms()));
    let mut lister = Lister::new(world.context.clone());
    let open = lister.list(10).await.unwrap();
    assert_eq!((open[0].counts.succeeded, open[0].counts.pending, open[0].settled), (1, 3, false));
    cancel(&world.context, &run).await.unwrap();
    follower.poll().await.unwrap();
    let summary = follower.summary();
    assert!(summary.cancelled && !summary.settled, "a task that has just begun may not have said so yet");
    assert_eq!(summary.ended_ms, None);
    // Some seconds later, who looks for the first time sees what had begun.
    let cancelled = format!(r#"{{"version":1,"at_ms":{}}}"#, now_ms() - 10_000);
    world.store.insert("home", &cancel_key(&run), cancelled);
    world.store.insert("home", &running_key(&run, 1, "q"), "{}");
    let mut follower = Follower::open(&world.context, &run).await.unwrap();
    follower.poll().await.unwrap();
    let summary = follower.summary();
    assert_eq!((summary.counts.cancelled, summary.counts.running), (2, 1));
    assert!(!summary.settled && summary.ended_ms.is_none());
    // It ended as its runtime found the run cancelled.
    put(
        &world.store,
        &AttemptRecord {
            request_id: "q".into(),
            started_ms: BEGAN,
            ..record(&run, 1, TaskState::Cancelled, now_ms())
        },
    );
    follower.look_again();
    follower.poll().await.unwrap();
    let summary = follower.summary();
    assert!(summary.cancelled && summary.settled);
    assert_eq!((summary.counts.succeeded, summary.counts.cancelled), (1, 3));
    lister.forget(&run);
    assert_eq!(lister.list(10).await.unwrap()[0].counts, summary.counts);
}

#[tokio::test]
async fn launches_that_were_killed_before_they_were_runs_hide_no_run_from_a_short_list() {
    let world = World::new(vec![trigger("in", "", "")]);
    let (older, _) = launched(&world, 1).await;
    let (newer, _) = launched(&world, 1).await;
    for n in 0..3 {
        world.store.insert("home", &format!("runs/99991231-23595{n}-zzzz/manifest/00000000"), "");
    }
    let mut lister = Lister::new(world.context.clone());
    let mut runs = [older, newer];
    runs.sort_by(|a, b| b.cmp(a));
    for most in [1, 2, 10, 1] {
        let shown: Vec<_> = lister.list(most).await.unwrap().into_iter().map(|run| run.id).collect();
        assert_eq!(shown, runs[..most.min(2)], "{most}");
    }
}

#[tokio::test]
async fn a_run_of_which_nothing_is_heard_has_stalled_until_something_is() {
    let world = World::new(vec![trigger("in", "", "")]);
    let (run, mut follower) = launched(&world, 2).await;
    follower.poll().await.unwrap();
    assert_eq!(follower.summary().stalled_ms, None, "it was launched just now");
    follower.quiet_since_ms -= 3_600_000;
    let quiet = follower.summary().stalled_ms.unwrap();
    assert!((3_600_000..3_660_000).contains(&quiet), "{quiet}");
    assert!(follower.view().summary.stalled_ms >= Some(quiet));
    world.store.insert("home", &running_key(&run, 0, "req"), "{}");
    follower.look_again();
    follower.poll().await.unwrap();
    follower.quiet_since_ms -= 3_600_000;
    assert_eq!(follower.summary().stalled_ms, None, "a task runs");
}

#[tokio::test]
async fn what_nobody_hears_of_is_lost_at_last() {
    let world = World::new(vec![trigger("in", "", "")]);
    let (_, mut follower) = launched(&world, 2).await;
    follower.poll().await.unwrap();
    assert!(follower.quiet_for().is_some());
    follower.options.lost_after = Duration::ZERO;
    std::thread::sleep(Duration::from_millis(3));
    follower.poll().await.unwrap();
    assert_eq!(follower.summary().classes.get(&FailureClass::Lost), Some(&2));
    assert!(follower.is_settled());
}

#[tokio::test]
async fn a_cloud_that_fails_for_a_while_is_waited_for() {
    let down = Arc::new(AtomicBool::new(false));
    let switch = down.clone();
    let store = MemoryStore::with_fault(move |action, _, _| {
        let fails = action == "list" && switch.load(Ordering::SeqCst);
        fails.then(|| CloudError::new(ErrorKind::Unreachable, "s3:ListBucket", "", "no answer"))
    });
    let functions = FakeFunctions::default();
    let world = World::with(store, functions);
    let (run, mut follower) = launched(&world, 1).await;
    follower.options.fast = Duration::from_millis(5);
    follower.pause = Duration::from_millis(5);
    down.store(true, Ordering::SeqCst);
    let (store, switch) = (world.store.clone(), down.clone());
    let helper = tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(30)).await;
        put(&store, &record(&run, 0, TaskState::Succeeded, now_ms()));
        switch.store(false, Ordering::SeqCst);
    });
    let summary = wait(&mut follower, &CancellationToken::new(), |_| {}).await.unwrap();
    assert_eq!(summary.counts.succeeded, 1);
    helper.await.unwrap();
}

#[tokio::test]
async fn verify_names_outputs_that_are_missing_or_differ() {
    let world = World::new(vec![trigger("in", "", "")]);
    let (run, _) = launched(&world, 3).await;
    for task in 0..3 {
        put(&world.store, &record(&run, task, TaskState::Succeeded, now_ms()));
    }
    world.store.insert("out", "0", "abc");
    world.store.insert("out", "1", "abcd");
    let verified = verify(&world.context, &run).await.unwrap();
    assert_eq!((verified.outputs, verified.bytes, verified.problems.len()), (1, 3, 2));
    assert!(
        verified.problems[0].contains("4 bytes") && verified.problems[1].contains("missing"),
        "{verified:?}"
    );
}

#[tokio::test]
async fn foreign_folders_are_no_runs() {
    let world = World::new(Vec::new());
    for key in ["runs/../run.json", "runs/UPPER/run.json", "runs/ok/run.json", "runs/x/records/y"] {
        world.store.insert("home", key, "{\"not\": \"a header\"}");
    }
    let listed = Lister::new(world.context.clone()).list(10).await.unwrap();
    let listed: Vec<_> = listed.iter().map(|run| (&*run.id, run.trouble.is_some())).collect();
    assert_eq!(listed, [("ok", true)], "a run.json is there, and is not one");
    assert!(Lister::new(world.context.clone()).newest().await.unwrap().is_none());
    assert!(matches!(Follower::open(&world.context, "../x").await, Err(RunError::NoRun(_))));
    assert!(matches!(Follower::open(&world.context, "ok").await, Err(RunError::Damaged { .. })));
    assert!(matches!(Follower::open(&world.context, "none").await, Err(RunError::NoRun(_))));
}

/// A cloud whose platform log tells that an attempt timed out.
struct Telling(Vec<FailedAttempt>);

#[async_trait::async_trait]
impl FunctionApi for Telling {
    async fn facts(&self, _function: &str) -> Result<Option<FunctionFacts>, CloudError> {
        Ok(None)
    }
    async fn invoke_async(&self, _function: &str, _payload: Vec<u8>) -> Result<(), CloudError> {
        Ok(())
    }
    async fn log_of(&self, function: &str) -> Result<Option<LogPlace>, CloudError> {
        Ok(Some(LogPlace { group: LogGroup::of_function(function), json: true }))
    }
    async fn failed_attempts(
        &self,
        place: &LogPlace,
        _since_ms: Millis,
    ) -> Result<Vec<FailedAttempt>, CloudError> {
        assert_eq!(place.group.group, "/aws/lambda/f");
        Ok(self.0.clone())
    }
}

#[tokio::test]
async fn an_end_that_the_log_tells_is_shown_before_the_ledger_has_it() {
    let world = World::new(vec![trigger("in", "", "")]);
    let (run, mut follower) = launched(&world, 1).await;
    let now = now_ms();
    let end = FailedAttempt {
        request_id: "req".into(),
        at_ms: now,
        state: TaskState::TimedOut,
        class: FailureClass::Timeout,
        duration_ms: 900,
        peak_memory: 0,
    };
    follower.context.functions = Arc::new(Telling(vec![end]));
    world.store.insert("home", &running_key(&run, 0, "req"), "{}");
    follower.poll().await.unwrap();
    let view = follower.view();
    assert_eq!((view.counts().timed_out, view.counts().total()), (1, 1));
    assert!(view.stages[0].task(0).unwrap().is_reported() && !follower.is_settled());
    assert!(world.store.get("home", &end_key(&run)).is_none(), "the run has not ended");
    let record = AttemptRecord {
        request_id: "req".into(),
        started_ms: BEGAN,
        ..record(&run, 0, TaskState::Succeeded, now + 5)
    };
    put(&world.store, &record);
    follower.poll().await.unwrap();
    assert!(follower.is_settled());
    assert_eq!(follower.summary().counts.succeeded, 1, "the ledger wins");
}

mod days;
mod scale;
