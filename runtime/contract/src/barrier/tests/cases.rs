//! What must hold of it.

use super::*;
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn a_join_starts_once_and_never_early(
        tasks in prop_oneof![4 => 1..7_u64, 1 => 9..24_u64], ended in any::<bool>(), crashes in any::<bool>(), failures in any::<bool>(),
        choices in proptest::collection::vec(any::<u16>(), 40..200),
    ) {
        let when = if ended { When::AllEnded } else { When::AllSucceeded };
        go(&plan(tasks, when), &[], &choices, crashes, failures);
    }

}

proptest! {
    // Each has many tasks and three joins.
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn a_join_of_groups_starts_once_for_each_and_never_early(
        sizes in proptest::collection::vec(prop_oneof![4 => 1..4_u64, 1 => 8..13_u64], 1..8),
        ended in any::<bool>(), crashes in any::<bool>(), failures in any::<bool>(),
        choices in proptest::collection::vec(any::<u16>(), 40..200),
    ) {
        let when = if ended { When::AllEnded } else { When::AllSucceeded };
        let groups = groups_of(&sizes);
        go(&plan_of_groups(&groups, when), &groups, &choices, crashes, failures);
    }
}

/// More than one block, a join behind the launched function alone: one list for each task, and one start.
#[test]
fn blocks_of_a_large_run_meet_at_the_top() {
    let tasks = 2 * BLOCK + 3;
    let stages = vec![stage("detect", &[], 0), join("montage", 0, &[0], 1, When::AllSucceeded)];
    let plan = BarrierPlan { version: 1, tasks, groups: 0, stages };
    let mut world = World::new(&plan, &[], 1_000);
    let mut at = 12_345_usize;
    let mut random = |most: usize| {
        at = at.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (at >> 33) % most
    };
    while !world.waiting.iter().all(|attempt| attempt.stage == 1) || !world.climbing.is_empty() {
        let tasks = world.waiting.len();
        if world.climbing.len() > 20 || tasks == 0 {
            let at = random(world.climbing.len());
            world.climb(at, false);
        } else if world.waiting.iter().any(|attempt| attempt.stage == 0) {
            world.end(random(tasks), true, 1, false);
        } else {
            let at = random(world.climbing.len());
            world.climb(at, false);
        }
        if !world.starts.is_empty() && world.climbing.is_empty() {
            break;
        }
    }
    assert_eq!(world.starts, [TaskId::join(0)]);
    let lists = world.lists as f64 / tasks as f64;
    assert!(lists <= 1.11, "{lists} lists a task");
    let keys = world.listed as f64 / world.lists as f64;
    assert!(keys < 30.0, "{keys} keys a list");
    assert!(world.requests as f64 / tasks as f64 <= 1.25, "{} requests", world.requests);
}

#[test]
fn start_markers_are_told_from_other_keys() {
    let task = TaskRef { stage: 3, task: TaskId::join(0), ..TaskRef::launched(RUN, 0) };
    let start = Start { function: "Mon_tage-1".into(), task, generation: 2 };
    assert_eq!(start.key(), format!("start/Mon_tage-1/{RUN}.3.join.2"));
    assert_eq!(Start::parse(&start.key()), Some(start));
    for bad in [
        "start/f/r.1.join",
        "start/f/r.1.join.0.1",
        "start/f/R.1.join.0",
        "start/f/r.01.join.0",
        "in/f/r.1.join.0",
        "start/f/",
    ] {
        assert_eq!(Start::parse(bad), None, "{bad}");
    }
}

#[test]
fn plans_are_read_as_they_are_written() {
    let plan = plan(3, When::AllEnded);
    let text = serde_json::to_string(&plan).unwrap();
    assert_eq!(serde_json::from_str::<BarrierPlan>(&text).unwrap(), plan);
    assert!(text.contains("\"when\":\"all-ended\""), "{text}");
    let total = plan.joins(None).nth(1).unwrap();
    assert_eq!(total.stages, [0, 1, 2, 3].into(), "a join waits for those before it up to other joins");
    assert_eq!(plan.depth_of(&TaskId::join(0).child(2).unwrap()), 3);
    assert_eq!(plan.depth_of(&"5.1".parse().unwrap()), 1);
    assert!(!text.contains("group"), "older runtimes read what they know: {text}");
    let old: BarrierPlan =
        serde_json::from_str(&text.replace("\"stage_in\":true", "\"stage_in\":false")).unwrap();
    assert_eq!(old.groups, 0);
}

#[test]
fn a_group_of_a_join_waits_for_its_slice_alone() {
    let groups = groups_of(&[995, 7, 1_000]);
    let plan = plan_of_groups(&groups, When::AllSucceeded);
    let text = groups[1].to_string();
    assert_eq!((text.as_str(), text.parse()), ("1-995-7", Ok(groups[1])));
    for bad in ["", "all", "1-2", "1-02-3", "1-2-3-4", "-1-2-3"] {
        assert_eq!(bad.parse::<Group>(), Err(crate::ParseIdError), "{bad}");
    }
    let montage = plan.join_of(&TaskId::join(0).of_group(1), Some(groups[1])).unwrap();
    assert_eq!((plan.launched(&montage), montage.stages.clone()), (995..1_002, [0, 1].into()));
    assert_eq!(plan.top(&montage), ["0".to_owned(), "1".to_owned()].into());
    let each = plan.join_of(&TaskId::join(2).of_group(1), Some(groups[1])).unwrap();
    assert!(
        plan.top(&each).contains("join-g1") && plan.roots(&each)[&2] == [(TaskId::join(0).of_group(1), 2)]
    );
    let total = plan.join_of(&TaskId::join(1), None).unwrap();
    assert!(plan.top(&total).contains("join-g-0"), "blocks of the tasks of a join before");
    assert_eq!(plan.roots(&total)[&2].len(), 3);
    assert_eq!(plan.depth_of(&TaskId::join(0).of_group(1).child(4).unwrap()), 3);
}

/// Six hundred subjects of five files: what the barrier of a group costs, and that no group waits for another.
#[test]
fn many_groups_start_many_joins() {
    let groups = groups_of(&[5; 600]);
    let stages = vec![
        stage("detect", &[], 0),
        grouped(join("montage", 0, &[0], 1, When::AllSucceeded)),
        join("total", 1, &[1], 2, When::AllSucceeded),
    ];
    let plan = BarrierPlan { version: BarrierPlan::VERSION, tasks: 3_000, groups: 600, stages };
    let mut world = World::new(&plan, &groups, 1_000);
    let mut at = 99_usize;
    let mut random = |most: usize| {
        at = at.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (at >> 33) % most
    };
    while !world.is_over() {
        if world.climbing.len() > 20 || world.waiting.is_empty() {
            let at = random(world.climbing.len());
            world.climb(at, false);
        } else {
            world.end(random(world.waiting.len()), true, 0, false);
        }
    }
    assert_eq!(world.starts.len(), 601);
    assert_eq!(world.starts.last(), Some(&TaskId::join(1)), "everything is before the total");
    let requests = world.requests as f64 / 3_000.0;
    assert!(requests <= 2.0, "{requests} requests a task");
}
