//! Runs of many tasks: whoever follows sees the same, be it from records, from summaries or from both; and keeps little.

use super::*;
use crate::model::Collision;
use crate::run::results;
use proptest::prelude::*;
use std::collections::BTreeSet;
use throng_contract::keys::summary_key;

fn stored(key: &str) -> OutputObject {
    let place = Some("results".to_owned());
    let (bucket, sha256) = ("out".to_owned(), format!("{:064x}", key.len()));
    OutputObject { bucket, key: key.into(), size: 3, sha256, provider: None, place }
}

/// A record whose request id is one of Lambda's.
fn ended(run: &str, task: u64, attempt: u64, state: TaskState, key: &str) -> AttemptRecord {
    let outputs = if state == TaskState::Succeeded { vec![stored(key)] } else { Vec::new() };
    AttemptRecord {
        request_id: format!("5ca4a8d2-0000-4000-8000-{:012x}", task * 10 + attempt),
        outputs,
        ..record(run, task, state, BEGAN + task + attempt * 1000)
    }
}

/// What a follower says, and what the run's tasks have stored.
type Seen = (crate::model::Counts, u64, Vec<Collision>, Vec<(TaskState, bool)>);

fn seen(follower: &Follower) -> Seen {
    let summary = follower.summary();
    // Of two successes the first decides; who has seen all tasks succeed looks for no earlier one.
    let states = follower.chain().rows().map(|row| (row.state, row.has_record())).collect();
    (summary.counts, summary.collisions, summary.collided, states)
}

async fn to_the_end(follower: &mut Follower) {
    for looks in 0..50 {
        follower.look_again();
        follower.poll().await.unwrap();
        // What a summary calls final is listed in the looks after that.
        if looks > 2 && follower.is_settled() && follower.has_read_all() {
            return;
        }
    }
    panic!("it does not settle");
}

async fn opened(world: &World, run: &str) -> Follower {
    let mut follower = Follower::open(&world.context, run).await.unwrap();
    let zero = Duration::ZERO;
    follower.set_options(FollowOptions { fast: zero, slow: zero, ..follower.options });
    follower
}

async fn keys_of_results(world: &World, run: &str) -> BTreeSet<(String, String)> {
    let results = results(&world.context, run).await.unwrap();
    let keys = results
        .tasks
        .into_iter()
        .flat_map(|(row, outputs)| outputs.into_iter().map(move |output| (row.task.to_string(), output.key)));
    keys.collect()
}

/// What happens while a run goes on: a task ends so, or one of two followers looks.
#[derive(Clone, Debug)]
enum Step {
    Ends { task: u64, attempt: u64, ok: bool },
    Looks(bool),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let ends = (0..6_u64, 0..3_u64, prop::bool::weighted(0.7));
    let step = prop_oneof![
        3 => ends.prop_map(|(task, attempt, ok)| Step::Ends { task, attempt, ok }),
        1 => any::<bool>().prop_map(Step::Looks),
    ];
    proptest::collection::vec(step, 0..40)
}

async fn all_see_the_same(keys: [u8; 6], steps: Vec<Step>) {
    let world = World::new(vec![trigger("in", "", "")]);
    let (run, mut one) = launched(&world, 6).await;
    let mut other = opened(&world, &run).await;
    let mut over = BTreeSet::new();
    let mut put_one = |task: u64, attempt, ok| {
        // No attempt ends twice.
        if !over.insert((task, attempt)) {
            return;
        }
        let state = if ok { TaskState::Succeeded } else { TaskState::Failed };
        // Every attempt of a task stores the same.
        let key = keys[usize::try_from(task).unwrap()];
        put(&world.store, &ended(&run, task, attempt, state, &format!("results/{key}")));
    };
    for step in steps {
        match step {
            Step::Ends { task, attempt, ok } => put_one(task, attempt, ok),
            Step::Looks(first) => {
                let follower = if first { &mut one } else { &mut other };
                follower.look_again();
                follower.poll().await.unwrap();
            }
        }
    }
    // Every task ends at last.
    (0..6).for_each(|task| put_one(task, 3, task % 2 == 0));
    to_the_end(&mut one).await;
    to_the_end(&mut other).await;
    let expected = seen(&one);
    assert_eq!(seen(&other), expected, "who follows beside it");
    let mut late = opened(&world, &run).await;
    to_the_end(&mut late).await;
    assert_eq!(seen(&late), expected, "who opens it when it has settled");
    let from_summaries = keys_of_results(&world, &run).await;

    let summaries: Vec<_> =
        world.store.keys("home").into_iter().filter(|key| key.contains("/summary/")).collect();
    assert!(!summaries.is_empty());
    for key in summaries.iter().chain([&end_key(&run)]) {
        world.store.delete("home", key);
    }
    let mut from_records = opened(&world, &run).await;
    to_the_end(&mut from_records).await;
    assert_eq!(seen(&from_records), expected, "who reads nothing but records");
    assert_eq!(keys_of_results(&world, &run).await, from_summaries, "what tasks have stored");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]
    /// Whatever ends when, repeatedly, whichever tasks store the same, and whoever of two looks when.
    #[test]
    fn records_summaries_and_a_mix_say_the_same(keys in proptest::array::uniform6(0..6_u8), steps in steps()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(all_see_the_same(keys, steps));
    }
}

/// Ten thousand tasks that are final have their summary while others go on: who follows forgets what they stored, and who
/// follows beside it reads it there.
#[tokio::test]
async fn a_part_is_summarised_while_the_run_goes_on() {
    const TASKS: u64 = 10_500;
    let world = World::new(vec![trigger("in", "", "")]);
    for task in 0..TASKS {
        world.store.insert("b", &format!("d/{task:06}"), "x");
    }
    let inputs =
        crate::run::Inputs::Objects { provider: None, bucket: "b".into(), keys: vec![String::new()] };
    let run = world.prepare(inputs).await.unwrap().header().id.clone();
    for task in 0..10_000 {
        put(&world.store, &ended(&run, task, 0, TaskState::Succeeded, &format!("results/{task}")));
    }
    let mut follower = opened(&world, &run).await;
    let summary = summary_key(&run, 0, 0, 0);
    for _ in 0..200 {
        follower.look_again();
        follower.poll().await.unwrap();
        if world.store.get("home", &summary).is_some() {
            break;
        }
    }
    assert!(world.store.get("home", &summary).is_some() && !follower.is_settled());
    assert_eq!(follower.outputs.of(0, 7), None, "the summary has it");

    // Another one, and somebody who asks for results, read no record of the first ten thousand.
    let before = world.store.gets.load(Ordering::SeqCst);
    let mut other = opened(&world, &run).await;
    other.poll().await.unwrap();
    other.load_inputs().await.unwrap();
    assert_eq!(other.summary().counts.succeeded, 10_000);
    let gets = world.store.gets.load(Ordering::SeqCst) - before;
    assert!(gets <= 6, "run.json, a summary with its inputs, the second part of the manifest: {gets}");

    // What is stored again later is seen, whoever stored it first; and what is told late is added to what was summarised.
    for task in 10_000..TASKS {
        put(&world.store, &ended(&run, task, 0, TaskState::Succeeded, "results/7"));
    }
    for follower in [&mut follower, &mut other] {
        to_the_end(follower).await;
        let summary = follower.summary();
        assert_eq!((summary.counts.succeeded, summary.collisions), (TASKS, 1));
        assert_eq!(summary.collided[0].tasks[..2], [7.into(), 10_000.into()]);
    }
    let before = (world.store.gets.load(Ordering::SeqCst), world.store.lists.load(Ordering::SeqCst));
    let mut late = opened(&world, &run).await;
    late.poll().await.unwrap();
    late.load_inputs().await.unwrap();
    assert!(late.is_settled() && late.has_read_all());
    let cost = world.store.gets.load(Ordering::SeqCst) - before.0 + world.store.lists.load(Ordering::SeqCst)
        - before.1;
    assert!(cost <= 8, "a settled run of two parts is opened with {cost} requests");
    let before = world.store.gets.load(Ordering::SeqCst);
    assert_eq!(keys_of_results(&world, &run).await.len() as u64, TASKS);
    let gets = world.store.gets.load(Ordering::SeqCst) - before;
    assert!(gets <= 6, "results are read from summaries: {gets} requests");
}

/// A long task has a marker beside its record. Once it has succeeded, no more than its row is kept.
#[tokio::test]
async fn what_is_known_of_a_task_that_succeeded_is_its_row() {
    let world = World::new(vec![trigger("in", "", "")]);
    let (run, mut follower) = launched(&world, 2).await;
    let of = |task, state| ended(&run, task, 0, state, "results/x");
    for task in 0..2 {
        let marker = keys::running_key(&of(task, TaskState::Running)).unwrap();
        world.store.insert("home", &marker, "{}");
    }
    follower.look_again();
    follower.poll().await.unwrap();
    assert_eq!((follower.summary().counts.running, follower.chain().running().len()), (2, 2));
    put(&world.store, &of(0, TaskState::Succeeded));
    for _ in 0..3 {
        follower.look_again();
        follower.poll().await.unwrap();
    }
    let row = follower.view().stages[0].task(0).unwrap().clone();
    assert_eq!((row.state, row.attempts), (TaskState::Succeeded, 1));
    assert_eq!((follower.summary().counts.running, follower.chain().running().len()), (1, 1));
    assert_eq!(follower.chain().stage(0).unwrap().kept_apart(), 1, "of the one that runs");
}
