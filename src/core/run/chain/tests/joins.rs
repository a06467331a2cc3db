//! Stages that begin when others have ended, also once for each group.

use super::*;

/// `split → detect`, and `montage` waits for `detect`.
fn joined(tasks: u64, when: When) -> Chain {
    let join = Join { task: TaskId::join(0), depth: 2, when, stage_in: true, grouped: false };
    let montage =
        LaterStage { function: "montage".into(), from: vec![1], join: Some(join), ..LaterStage::default() };
    let mut chain = Chain::new(header(tasks, vec![later("detect", "frames/", &[0]), montage]));
    chain.markers_in("home");
    chain
}

fn join_key(id: &str, state: TaskState, at: u64) -> String {
    let started_ms = START + at;
    record_key(&AttemptRecord {
        task: Some(TaskRef { stage: 2, task: TaskId::join(0), ..TaskRef::launched(RUN, 0) }),
        state,
        ended_ms: started_ms + 5,
        ..AttemptRecord::begun("montage", id, started_ms)
    })
}

#[test]
fn a_join_waits_until_everything_before_it_is_known_and_has_ended() {
    let mut chain = joined(2, When::AllSucceeded);
    assert_eq!((chain.counts().total(), chain.is_waiting(2, 0), chain.due_joins()), (3, true, vec![]));
    let row = chain.stage(2).unwrap().row(0).unwrap().clone();
    let start = chain.start(2, 0).unwrap().key();
    assert_eq!((row.bucket.as_ref(), row.key.as_ref()), ("home", start.as_str()));
    for task in ["0", "1"] {
        chain.see(&key(task, task, TaskState::Succeeded, 10), None);
    }
    assert!(chain.is_waiting(2, 0), "what they have stored is not known yet");
    read(&mut chain, |_| vec![output("frames/x")]);
    assert_eq!((chain.counts().total(), chain.is_waiting(2, 0)), (5, true));
    chain.see(&key("0.0", "c", TaskState::Succeeded, 20), None);
    assert_eq!(chain.block(2, 0), BlockState::Idle, "nothing of it is listed before");
    chain.see(&key("1.0", "d", TaskState::Succeeded, 20), None);
    assert_eq!(
        (chain.is_waiting(2, 0), chain.due_joins(), chain.is_complete()),
        (false, vec![(2, 0)], false)
    );
    assert_eq!(chain.block(2, 0), BlockState::Open);
    chain.see(&join_key("e", TaskState::Succeeded, 30), None);
    assert!(chain.is_complete() && chain.due_joins().is_empty());
    read(&mut chain, |_| Vec::new());
    assert_eq!(chain.block(2, 0), BlockState::Final { done: true });
}

#[test]
fn a_join_whose_inputs_did_not_succeed_is_cancelled_until_they_have() {
    let mut chain = joined(1, When::AllSucceeded);
    chain.see(&key("0", "a", TaskState::Failed, 10), None);
    let join = |chain: &Chain| chain.stage(2).unwrap().row(0).map(|row| (row.state, row.class)).unwrap();
    assert_eq!(join(&chain), (TaskState::Cancelled, Some(FailureClass::Upstream)));
    assert!(chain.is_complete() && chain.due_joins().is_empty());
    // Somebody did it again.
    chain.see(&key("0", "b", TaskState::Succeeded, 20), None);
    assert!(!chain.is_complete());
    read(&mut chain, |_| Vec::new());
    assert_eq!((join(&chain), chain.due_joins()), ((TaskState::Pending, None), vec![(2, 0)]));

    let mut ended = joined(1, When::AllEnded);
    ended.see(&key("0", "a", TaskState::Failed, 10), None);
    assert_eq!((ended.due_joins(), ended.is_complete()), (vec![(2, 0)], false), "it waits for ends alone");
    // What is lost has ended; the join that may begin then has its own time.
    let mut lost = joined(1, When::AllEnded);
    lost.overdue(START + 1_000_000, &[]);
    assert_eq!((lost.due_joins(), lost.is_complete()), (vec![(2, 0)], false));
    lost.overdue(START + 1_000_000, &[2]);
    assert_eq!(lost.due_joins(), [(2, 0)]);
    lost.overdue(START + 9_000_000, &[]);
    assert!(lost.is_complete());
}

/// `split → detect`; `montage` waits for `detect`, once for each of two groups; `total` waits for all of `montage`.
fn of_groups(when: When) -> Chain {
    let join = |function: &str, number, depth, from: usize, grouped| LaterStage {
        function: function.into(),
        from: vec![from],
        join: Some(Join { task: TaskId::join(number), depth, when, stage_in: true, grouped }),
        ..LaterStage::default()
    };
    let stages =
        vec![later("detect", "frames/", &[0]), join("montage", 0, 2, 1, true), join("total", 1, 3, 2, false)];
    let groups = JoinGroupsHeader { by: "{dir}".into(), count: 2 };
    let mut chain = Chain::new(RunHeader { join_groups: Some(groups), ..header(3, stages) });
    chain.markers_in("home");
    chain
}

fn names() -> Arc<JoinGroups> {
    Arc::new(JoinGroups::of_names(&["s1", "s1", "s2"].map(str::to_owned)).0)
}

fn of_join(task: &str, depth: u32, state: TaskState, at: u64) -> String {
    let started_ms = START + at;
    record_key(&AttemptRecord {
        task: Some(TaskRef { stage: depth, task: task.parse().unwrap(), ..TaskRef::launched(RUN, 0) }),
        state,
        ended_ms: started_ms + 5,
        ..AttemptRecord::begun("montage", task, started_ms)
    })
}

fn row(chain: &Chain, stage: usize, index: u64) -> (TaskState, Option<FailureClass>) {
    chain.stage(stage).unwrap().row(index).map(|row| (row.state, row.class)).unwrap()
}

#[test]
fn a_group_waits_for_its_own_tasks_alone() {
    let mut chain = of_groups(When::AllSucceeded);
    assert_eq!(chain.counts().total(), 3 + 2 + 1, "what is owed is counted before anything is read");
    assert!(chain.lacks_groups() && chain.waits(2));
    chain.grouped(names());
    let first = chain.stage(2).unwrap().row(0).unwrap().clone();
    assert_eq!((first.task.to_string().as_str(), first.group()), ("join-g0", Some("s1")));
    let marker = chain.start(2, 1).unwrap();
    assert_eq!(chain.input_of(2, chain.stage(2).unwrap().row(1).unwrap()), ("home".into(), marker.key()));

    chain.see(&key("2", "a", TaskState::Succeeded, 10), None);
    assert!(chain.is_waiting(2, 1), "what it has stored is not known yet");
    read(&mut chain, |_| vec![output("frames/x")]);
    assert!(chain.is_waiting(2, 1) && chain.due_joins().is_empty());
    chain.see(&key("2.0", "b", TaskState::Succeeded, 20), None);
    assert_eq!((chain.due_joins(), chain.is_waiting(2, 0), chain.waits(2)), (vec![(2, 1)], true, false));
    assert_eq!(chain.block(2, 0), BlockState::Open);
    // The other group has failed: its join is cancelled, and that of this one goes on.
    chain.see(&key("0", "c", TaskState::Failed, 10), None);
    chain.see(&key("1", "d", TaskState::Failed, 10), None);
    assert_eq!(row(&chain, 2, 0), (TaskState::Cancelled, Some(FailureClass::Upstream)));
    assert_eq!((row(&chain, 2, 1), chain.due_joins()), ((TaskState::Pending, None), vec![(2, 1)]));
    chain.see(&of_join("join-g1", 2, TaskState::Succeeded, 30), None);
    assert_eq!(row(&chain, 3, 0), (TaskState::Cancelled, Some(FailureClass::Upstream)), "not all succeeded");
    assert!(chain.is_complete() && chain.due_joins().is_empty());
    // Somebody did them again.
    chain.see(&key("0", "e", TaskState::Succeeded, 40), None);
    chain.see(&key("1", "f", TaskState::Succeeded, 40), None);
    read(&mut chain, |_| Vec::new());
    assert_eq!((row(&chain, 2, 0), chain.due_joins()), ((TaskState::Pending, None), vec![(2, 0)]));
    chain.see(&of_join("join-g0", 2, TaskState::Succeeded, 50), None);
    assert_eq!(chain.due_joins(), [(3, 0)]);
}

proptest! {
    /// Whatever the order in which things are told, and wherever among them the groups are read: the same follows.
    #[test]
    fn joins_of_groups_do_not_depend_on_the_order(
        ended in any::<bool>(),
        states in proptest::collection::vec(any::<bool>(), 9),
        order in Just((0..9_usize).collect::<Vec<_>>()).prop_shuffle(),
        read_at in 0..9_usize,
    ) {
        let when = if ended { When::AllEnded } else { When::AllSucceeded };
        let tasks = ["0", "1", "2", "0.0", "1.0", "2.0", "join-g0", "join-g1", "0.1"];
        let state = |at: usize| if states[at] { TaskState::Succeeded } else { TaskState::Failed };
        let told = |at: usize| match tasks[at] {
            join if join.starts_with("join") => of_join(join, 2, state(at), 50),
            task => key(task, task, state(at), 10),
        };
        let outputs = |key: &str| if key.contains("/0_") { vec![output("frames/x"), output("frames/y")] } else { vec![output("frames/x")] };
        let mut chain = of_groups(when);
        for (round, at) in order.iter().enumerate() {
            if round == read_at {
                chain.grouped(names());
            }
            chain.see(&told(*at), None);
            read(&mut chain, outputs);
            prop_assert_eq!(chain.counts().total(), chain.rows().count() as u64);
        }
        let mut sorted = of_groups(when);
        sorted.grouped(names());
        for at in 0..9 {
            sorted.see(&told(at), None);
        }
        read(&mut sorted, outputs);
        let all = |chain: &Chain| {
            let rows = chain.rows().map(|row| (row.task.to_string(), row.state, row.class));
            let rows: std::collections::BTreeSet<_> = rows.map(|row| format!("{row:?}")).collect();
            (rows, chain.due_joins(), chain.is_waiting(2, 0), chain.is_waiting(2, 1), chain.is_waiting(3, 0))
        };
        prop_assert_eq!(all(&chain), all(&sorted));
    }
}
