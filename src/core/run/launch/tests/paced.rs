//! Runs of more tasks than drain in the function's queue before they are too old.

use super::*;
use crate::run::Resend;
use crate::run::header::Unsent;
use throng_contract::keys::unsent_key;

/// A function that runs one at a time, for a quarter of an hour each at worst: twelve drain in three hours.
fn slow(triggers: Vec<TriggerPlace>) -> World {
    let facts = World::new(triggers).functions.facts.clone();
    let facts = FunctionFacts { concurrency: Some(1), timeout_s: 900, ..facts };
    World::with(MemoryStore::default(), FakeFunctions { facts, ..FakeFunctions::default() })
}

/// What `unsent.json` says.
fn told(world: &World, run: &str) -> Option<u64> {
    let body = world.store.get("home", &unsent_key(run))?.body;
    Some(serde_json::from_slice::<Unsent>(&body).unwrap().tasks)
}

async fn until(what: impl Fn() -> bool) {
    let waited = async {
        while !what() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), waited).await.expect("it comes to pass");
}

/// These tasks have taken all of their time.
pub fn ended(world: &World, run: &str, tasks: impl IntoIterator<Item = u64>) {
    for task in tasks {
        let now = now_ms();
        let record = AttemptRecord {
            task: Some(TaskRef::launched(run, task)),
            state: TaskState::Succeeded,
            ended_ms: now,
            ..AttemptRecord::begun("f", &format!("req-{task}"), now - 900_000)
        };
        world.store.insert("home", &record_key(&record), serde_json::to_vec(&record).unwrap());
    }
}

fn invoked(world: &World) -> Vec<u64> {
    let events = world.functions.invoked.lock().unwrap();
    let mut tasks: Vec<_> =
        events.iter().map(|event| event.task.as_ref().unwrap().task.as_number().unwrap()).collect();
    tasks.sort_unstable();
    tasks
}

#[tokio::test]
async fn what_would_grow_too_old_is_held_back_and_pending() {
    let world = slow(vec![trigger("in", "", "")]);
    let launch = world.prepare(world.files(30)).await.unwrap();
    let run = launch.header().id.clone();
    let notes = launch.notes().join(" ");
    assert!(notes.contains("of 30 tasks, 12 are sent at first") && notes.contains("--resume"), "{notes}");
    let meter = Arc::new(crate::dataset::Meter::default());
    let sending = tokio::spawn({
        let meter = meter.clone();
        async move { launch.send(meter, &CancellationToken::new()).await }
    });
    until(|| told(&world, &run) == Some(18)).await;
    assert_eq!((world.store.keys("in").len(), meter.held()), (12, 18), "they are not even stored");

    // Another machine sees them as pending, and never as lost.
    let elsewhere = RunContext { state: world.dir.path().join("elsewhere"), ..world.context.clone() };
    world.functions.idle.store(true, Ordering::SeqCst);
    let mut other = Follower::open(&elsewhere, &run).await.unwrap();
    other.read().await.unwrap();
    let summary = other.summary();
    assert_eq!((summary.counts.pending, summary.held, summary.stalled_ms), (30, 18, None));
    let refused =
        send_again(&elsewhere, &run, Resend::Silent, Arc::default(), &CancellationToken::new()).await;
    assert!(refused.unwrap_err().to_string().contains("18 tasks held back"));
    assert_eq!(invoked(&world), [0; 0]);

    ended(&world, &run, 0..5);
    until(|| world.store.keys("in").len() == 17).await;
    ended(&world, &run, 5..30);
    let report = sending.await.unwrap().unwrap();
    assert_eq!((report.sent, world.store.keys("in").len(), told(&world, &run)), (30, 30, Some(0)));
    assert_eq!(
        (invoked(&world), meter.held()),
        (Vec::new(), 0),
        "what a trigger starts is sent by being stored"
    );
}

#[tokio::test]
async fn what_a_launch_that_ended_has_held_back_goes_on_where_it_was() {
    let world = slow(Vec::new());
    let launch = world.prepare(Inputs::Nothing { tasks: 20 }).await.unwrap();
    let run = launch.header().id.clone();
    let sending = tokio::spawn(send(launch));
    until(|| told(&world, &run) == Some(8)).await;
    assert_eq!(invoked(&world).len(), 12);
    sending.abort();
    let _ = sending.await;
    ended(&world, &run, 0..12);

    // Nobody sends; whoever follows on this machine leaves them alone, whatever the folder says.
    world.functions.idle.store(true, Ordering::SeqCst);
    world.store.remove("home", &unsent_key(&run));
    let mut follower = Follower::open(&world.context, &run).await.unwrap();
    follower.set_options(FollowOptions { lost_after: Duration::ZERO, ..*follower.options() });
    follower.resend_after(Some(Duration::ZERO));
    follower.read().await.unwrap();
    assert!(!follower.send_lost().await);
    assert_eq!((follower.summary().counts.pending, invoked(&world).len()), (8, 12));

    let launch = resume(&world.context, &run).await.unwrap();
    assert_eq!(send(launch).await.unwrap(), SendReport { sent: 8, skipped: 12, ..SendReport::default() });
    assert_eq!(invoked(&world), (0..20).collect::<Vec<_>>(), "each once");
}

#[tokio::test]
async fn tasks_of_several_files_and_sets_are_held_back_too() {
    let world = slow(Vec::new());
    let sets = Sets::grid(vec![("A".into(), vec!["1".into(), "2".into(), "3".into()])]).unwrap();
    let request = LaunchRequest { sets, ..LaunchRequest::new("f", world.files(8)) };
    let launch = prepare(&world.context, request, &CancellationToken::new()).await.unwrap();
    let run = launch.header().id.clone();
    let sending = tokio::spawn(send(launch));
    until(|| told(&world, &run) == Some(12)).await;
    assert_eq!(invoked(&world).len(), 12);
    ended(&world, &run, 0..24);
    sending.await.unwrap().unwrap();
    assert_eq!(invoked(&world), (0..24).collect::<Vec<_>>());
}

/// Twice as many as may be under way: each leaves its place to the next.
#[tokio::test]
async fn files_that_cannot_be_sent_hold_nobody_up() {
    let world = slow(vec![trigger("in", "", "")]);
    let inputs = world.files(30);
    let launch = world.prepare(inputs).await.unwrap();
    let run = launch.header().id.clone();
    for task in 0..24 {
        std::fs::remove_file(world.dir.path().join(format!("data/{task:04}.txt"))).unwrap();
    }
    let report = send(launch).await.unwrap();
    assert_eq!((report.failed.len(), report.sent, world.store.keys("in").len()), (24, 6, 6));
    let mut follower = Follower::open(&world.context, &run).await.unwrap();
    follower.read().await.unwrap();
    let counts = follower.summary().counts;
    assert_eq!((counts.failed, counts.pending), (24, 6));
}

#[tokio::test]
async fn a_cancelled_run_holds_nothing_back() {
    let world = slow(Vec::new());
    let launch = world.prepare(Inputs::Nothing { tasks: 20 }).await.unwrap();
    let run = launch.header().id.clone();
    let sending = tokio::spawn(send(launch));
    until(|| told(&world, &run) == Some(8)).await;
    cancel(&world.context, &run).await.unwrap();
    assert!(sending.await.unwrap().unwrap().cancelled);
    let mut follower = Follower::open(&world.context, &run).await.unwrap();
    follower.read().await.unwrap();
    let summary = follower.summary();
    assert_eq!((summary.held, summary.counts.cancelled, summary.counts.total()), (0, 20, 20));
}

#[tokio::test]
async fn what_drains_in_time_is_sent_at_once() {
    let world = slow(vec![trigger("in", "", "")]);
    let launch = world.prepare(world.files(12)).await.unwrap();
    assert!(launch.pacing.is_none() && launch.notes().is_empty());
    let run = launch.header().id.clone();
    send(launch).await.unwrap();
    assert_eq!(told(&world, &run), None);
    // Nobody is asked of what even the smallest account drains.
    let facts = FunctionFacts { concurrency: None, ..world.functions.facts.clone() };
    let header = |tasks| RunHeader { tasks, ..follow_header(&world, &run) };
    let remote = RunContext { local: false, ..world.context.clone() };
    for (tasks, paced) in [(120, None), (12_000, None), (12_001, Some(1_000))] {
        let pacing = Pacing::of(&remote, &header(tasks), &facts).await;
        assert_eq!(pacing.map(|pacing| pacing.concurrency), paced, "{tasks}");
    }
    // A run that may take less time drains faster, one whose events are kept for less holds more back.
    let short = |timeout_s| Overrides { timeout_s, ..Overrides::default() };
    let quick = RunHeader { overrides: short(Some(60)), ..header(180_000) };
    assert_eq!(Pacing::of(&remote, &quick, &facts).await, None);
    let facts = FunctionFacts { event_age_s: 600, ..facts };
    let pacing = Pacing::of(&remote, &quick, &facts).await.unwrap();
    assert_eq!(pacing.limit(Ended::default()), 5_000);
}

fn follow_header(world: &World, run: &str) -> RunHeader {
    serde_json::from_slice(&world.store.get("home", &run_key(run)).unwrap().body).unwrap()
}
