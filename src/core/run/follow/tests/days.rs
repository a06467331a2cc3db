//! Standing runs whose day is over, and what the first contract left outside any launch.

use super::*;
use crate::run::results;
use throng_contract::TaskId;
use throng_contract::keys::first::LOOSE;
use throng_contract::keys::{day_end_key, day_id, day_key, day_summary_key};

const DAY: &str = "20261123";
/// A moment of it.
const NOON: u64 = 1_795_435_200_000;

fn arrival(number: u64, state: TaskState) -> AttemptRecord {
    let run = day_id("f", DAY);
    let task = TaskRef { task: TaskId::of_event(&[&number.to_be_bytes()]), ..TaskRef::launched(&run, 0) };
    let old = record(&run, number, state, NOON + number * 1000);
    AttemptRecord { task: Some(task), ..old }
}

async fn opened(world: &World) -> Follower {
    let mut follower = Follower::open(&world.context, &day_id("f", DAY)).await.unwrap();
    let zero = Duration::ZERO;
    follower.set_options(FollowOptions { fast: zero, slow: zero, ..follower.options });
    for _ in 0..20 {
        follower.poll().await.unwrap();
    }
    follower.load_inputs().await.unwrap();
    assert!(follower.is_settled() && follower.has_read_all());
    follower
}

fn rows(follower: &Follower) -> Vec<crate::model::TaskRow> {
    let mut rows: Vec<_> = follower.chain().rows().cloned().collect();
    rows.sort_by(|a, b| a.task.cmp(&b.task));
    rows
}

#[tokio::test]
async fn a_day_that_is_over_is_written_as_one_object_by_who_reads_it_first() {
    let world = World::new(vec![trigger("in", "", "")]);
    let run = day_id("f", DAY);
    let header = json!({"version": 2, "id": run, "function": "f", "started_ms": NOON});
    world.store.insert("home", &day_key("f", DAY), header.to_string());
    for number in 0..50 {
        let state = if number == 7 { TaskState::Failed } else { TaskState::Succeeded };
        put(&world.store, &arrival(number, state));
    }
    let first = opened(&world).await;
    assert_eq!((first.summary().counts.succeeded, first.summary().counts.failed), (49, 1));
    for key in [day_end_key("f", DAY), day_summary_key("f", DAY)] {
        assert!(world.store.get("home", &key).is_some(), "{key}");
    }

    let before = (world.store.gets.load(Ordering::SeqCst), world.store.lists.load(Ordering::SeqCst));
    let second = opened(&world).await;
    let cost = (
        world.store.gets.load(Ordering::SeqCst) - before.0,
        world.store.lists.load(Ordering::SeqCst) - before.1,
    );
    assert!(cost.0 <= 3 && cost.1 <= 1, "its header and that object, no shard: {cost:?}");
    assert_eq!(rows(&second), rows(&first));
    assert_eq!(second.summary().counts, first.summary().counts);
    let stored = results(&world.context, &run).await.unwrap();
    assert_eq!(stored.tasks.iter().map(|(_, outputs)| outputs.len()).sum::<usize>(), 49);
    assert_eq!(world.store.get("home", &day_end_key("f", DAY)).unwrap().puts, 1);
}

#[tokio::test]
async fn what_the_first_contract_left_outside_any_run_is_a_standing_run_of_its_day() {
    let world = World::new(Vec::new());
    let day_before = NOON - 86_400_000;
    for (number, ended_ms) in [(1, day_before), (2, NOON), (3, NOON + 1), (4, NOON + 86_400_000)] {
        let state = if number == 3 { TaskState::Failed } else { TaskState::Succeeded };
        let loose = AttemptRecord { task: None, ..record("r", number, state, ended_ms) };
        assert!(record_key(&loose).starts_with(LOOSE));
        put(&world.store, &loose);
    }
    let listed = Lister::new(world.context.clone()).list(10).await.unwrap();
    let expected = ["20261122", DAY, "20261124"].map(|day| day_id("f", day));
    let mut ids: Vec<_> = listed.iter().map(|run| run.id.clone()).collect();
    ids.sort();
    // They are listed for a month.
    if now_ms() < NOON + 20 * 86_400_000 {
        assert_eq!(ids, expected);
    }
    let follower = opened(&world).await;
    let summary = follower.summary();
    assert_eq!((summary.counts.succeeded, summary.counts.failed, summary.standing), (1, 1, true));
    let inputs: Vec<_> = rows(&follower).iter().map(|row| row.key.to_string()).collect();
    assert!(inputs.contains(&"0002.txt".to_owned()) && inputs.contains(&"0003.txt".to_owned()), "{inputs:?}");
    let failed = rows(&follower).into_iter().find(|row| row.state == TaskState::Failed).unwrap();
    let told = attempts(&world.context, follower.chain(), &failed.task).await.unwrap();
    assert_eq!((told.len(), told[0].record.exit_code), (1, Some(0)));
    let other = day_id("f", "20261120");
    assert!(matches!(Follower::open(&world.context, &other).await, Err(RunError::NoRun(_))));
}
