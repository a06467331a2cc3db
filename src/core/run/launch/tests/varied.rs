//! Variables of a run, sets of parameters, tasks without inputs.

use super::*;
use crate::run::{read_axis, sets_of};

async fn launch(world: &World, request: LaunchRequest) -> Result<Launch, RunError> {
    prepare(&world.context, request, &CancellationToken::new()).await
}

fn sets(axes: &[&str]) -> Sets {
    Sets::grid(axes.iter().map(|axis| read_axis(axis).unwrap()).collect()).unwrap()
}

fn variables(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// Events by task: input, variables, set.
fn sent(world: &World) -> Vec<(String, String, Option<String>)> {
    let mut events = world.functions.invoked.lock().unwrap().clone();
    events.sort_by_key(|event| event.task.as_ref().unwrap().task.as_number());
    let shown = |event: throng_contract::TaskEvent| {
        let all: Vec<_> = event.variables.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let name = event.key.rsplit('/').next().unwrap_or_default().to_owned();
        (name, all.join(" "), event.parameters)
    };
    events.into_iter().map(shown).collect()
}

#[tokio::test]
async fn variables_of_a_run_come_with_events_never_by_a_trigger() {
    let world = World::new(vec![trigger("in", "x/", ".txt")]);
    let parameters = variables(&[("ALPHA", "0.1")]);
    let request = LaunchRequest { parameters: parameters.clone(), ..LaunchRequest::new("f", world.files(3)) };
    let run = launch(&world, request).await.unwrap();
    assert_eq!((run.header().started_by, &run.header().parameters), (StartedBy::Invoke, &parameters));
    assert_eq!(run.header().bucket, "home", "where nothing starts it a second time");
    send(run).await.unwrap();
    assert_eq!(sent(&world)[2], ("0002.txt".into(), "ALPHA=0.1".into(), None));

    let Inputs::Files { paths, .. } = world.files(1) else { panic!() };
    let dest = Some(Place { bucket: "in".into(), prefix: "x".into() });
    let inputs = Inputs::Files { paths, dest };
    let request = LaunchRequest { parameters, ..LaunchRequest::new("f", inputs) };
    let refused = launch(&world, request).await.unwrap_err().to_string();
    assert!(refused.contains("start the function by themselves"), "{refused}");
    for (name, value) in [("API_KEY", "1"), ("X", "AKIAIOSFODNN7EXAMPLE"), ("EVENT", "1")] {
        let parameters = variables(&[(name, value)]);
        let request = LaunchRequest { parameters, ..LaunchRequest::new("f", world.files(1)) };
        assert!(matches!(launch(&world, request).await, Err(RunError::Refused(_))), "{name}");
    }
}

#[tokio::test]
async fn every_input_is_stored_once_and_run_with_every_set() {
    let world = World::new(Vec::new());
    let request =
        LaunchRequest { sets: sets(&["A=1,2", "B=x,y,z"]), ..LaunchRequest::new("f", world.files(4)) };
    let run = launch(&world, request).await.unwrap();
    let header = run.header().clone();
    assert_eq!((header.tasks, header.sets.as_ref().unwrap().count), (24, 6));
    let manifest = run.manifest();
    assert_eq!((manifest[7].set, &manifest[7].key), (Some(1), &manifest[6].key));
    assert_eq!(send(run).await.unwrap().sent, 24);
    let stored: Vec<_> =
        world.store.keys("home").into_iter().filter(|key| key.starts_with("inputs/")).collect();
    assert_eq!(stored.len(), 4);
    assert!(stored.iter().all(|key| world.store.get("home", key).unwrap().puts == 1));
    let sent = sent(&world);
    assert_eq!(sent.len(), 24);
    assert_eq!(sent[7], ("0001.txt".into(), "A=1 B=y".into(), Some("1".into())));
}

#[tokio::test]
async fn a_sweep_that_broke_off_goes_on_with_what_it_had() {
    let world = World::new(Vec::new());
    *world.functions.deny_at.lock().unwrap() = Some(50);
    // Too many for run.json.
    let all = sets(&["N=1:900"]);
    for n in 0..2 {
        world.store.insert("b", &format!("{n}"), "x");
    }
    let inputs = Inputs::Objects { provider: None, bucket: "b".into(), keys: vec![String::new()] };
    let request = LaunchRequest { sets: all.clone(), ..LaunchRequest::new("f", inputs) };
    let run = launch(&world, request).await.unwrap();
    let header = run.header().clone();
    assert!(header.sets.as_ref().unwrap().rows.is_none());
    assert_eq!(sets_of(&world.context, &header).await.unwrap(), all);
    assert!(send(run).await.is_err());
    *world.functions.deny_at.lock().unwrap() = None;
    let rest = resume(&world.context, &header.id).await.unwrap();
    assert_eq!(rest.manifest().len(), 1800);
    send(rest).await.unwrap();
    let tasks: HashSet<_> = sent(&world).into_iter().map(|(input, values, _)| (input, values)).collect();
    assert_eq!(tasks.len(), 1800);
    assert!(tasks.contains(&("1".into(), "N=900".into())));
}

#[tokio::test]
async fn tasks_without_inputs_keep_their_numbers_when_they_are_run_again() {
    let world = World::new(vec![trigger("in", "", "")]);
    let request =
        LaunchRequest { sets: sets(&["A=1,2"]), ..LaunchRequest::new("f", Inputs::Nothing { tasks: 3 }) };
    let run = launch(&world, request).await.unwrap();
    let header = run.header().clone();
    assert_eq!((header.tasks, header.without_inputs), (6, true));
    send(run).await.unwrap();
    assert_eq!(sent(&world)[3], (String::new(), "A=2".into(), Some("1".into())));
    for task in 0..6 {
        let failed = task > 3;
        let record = AttemptRecord {
            task: Some(header.task(task)),
            state: if failed { TaskState::Failed } else { TaskState::Succeeded },
            class: failed.then_some(FailureClass::Script),
            ..AttemptRecord::begun("f", &format!("request-{task}"), now_ms())
        };
        world.store.insert("home", &record_key(&record), serde_json::to_vec(&record).unwrap());
    }
    world.functions.invoked.lock().unwrap().clear();
    let again = LaunchRequest::new("f", Inputs::Unsuccessful { run: header.id });
    let run = launch(&world, again).await.unwrap();
    assert_eq!(run.header().tasks, 2);
    send(run).await.unwrap();
    let values: Vec<_> = sent(&world).into_iter().map(|(_, values, _)| values).collect();
    assert_eq!(values, ["A=1 TASK_INDEX=4", "A=2 TASK_INDEX=5"]);
    assert!(launch(&world, LaunchRequest::new("f", Inputs::Nothing { tasks: 0 })).await.is_err());
}
