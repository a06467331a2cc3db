//! Several tasks in one invocation, environments that die among them.

use crate::rig::{Answer, Rig, function};
use serde_json::{Value, json};
use std::time::Duration;
use throng_contract::pack::PackEvent;
use throng_contract::{AttemptRecord, FailureClass, FunctionConfig, TaskState};

const RUN: &str = "20261130-183000123-k3x9";

fn pack(rig: &Rig, tasks: u64, retries: u32) -> Value {
    let task = |task: u64| {
        rig.put(&format!("in/{task}.txt"), task.to_string().as_bytes());
        json!({
            "throng": {"version": 2, "run": RUN, "task": task.to_string()}, "retries": retries, "bucket": "in",
            "key": format!("{task}.txt"),
        })
    };
    let tasks: Vec<_> = (0..tasks).map(task).collect();
    json!({"throng_pack": {"run": RUN, "number": 0, "tasks": tasks}})
}

/// The marker of what was left, as its arrival is told.
fn arrival(rig: &Rig, generation: u32) -> Value {
    let key = format!("start/f/{RUN}.0.pack-0-0.{generation}");
    assert!(rig.get(&format!("home/{key}")).is_some(), "{:?}", rig.list("home/start/"));
    json!({"Records": [{"eventSource": "aws:s3", "s3": {
        "bucket": {"name": "home"}, "object": {"key": key, "size": 9, "sequencer": "1"}}}]})
}

/// Task, state and event of each record, in order.
fn ends(rig: &Rig) -> Vec<(String, TaskState)> {
    let end = |record: AttemptRecord| (record.task.unwrap().task.to_string(), record.state);
    rig.records().into_iter().map(end).collect()
}

fn of(ends: &[(&str, TaskState)]) -> Vec<(String, TaskState)> {
    ends.iter().map(|(task, state)| ((*task).to_owned(), *state)).collect()
}

use TaskState::{Failed, Succeeded, TimedOut};

#[test]
fn each_task_has_a_record_lines_and_tries_of_its_own() {
    let mut rig = Rig::with_script(
        "echo this is $THRONG_TASK; ls $TMP_OUTPUT_DIR; [ $THRONG_TASK != 1 ] && cp $INPUT_FILE_PATH $TMP_OUTPUT_DIR",
    );
    let event = pack(&rig, 3, 1);
    let answer = rig.invoke(&event);
    assert!(answer.ok, "what failed has its record: {answer:?}");
    assert_eq!(ends(&rig), of(&[("0", Succeeded), ("1", Failed), ("2", Succeeded), ("1", Failed)]));
    assert_eq!(rig.list("out/results/"), ["out/results/0.txt", "out/results/2.txt"]);
    let records = rig.records();
    let ids: Vec<_> = records.iter().map(|record| record.event.clone().unwrap().id).collect();
    assert_eq!(ids[1], ids[3], "tries of one event");
    assert_eq!(ids[1], format!("{RUN}.0.1.0"));
    assert_eq!(records.iter().filter(|record| record.cold).count(), 1, "the first");
    let lines = rig.log();
    let of_task = |task: &str| {
        let own = |line: &&throng_contract::LogLine| line.task.as_ref().is_some_and(|id| id.as_str() == task);
        lines.iter().filter(own).map(|line| line.message.clone()).collect::<Vec<_>>()
    };
    assert_eq!(of_task("0"), ["this is 0"]);
    assert_eq!(of_task("2"), ["this is 2"], "and finds nothing of another's");
    let puts = rig.requests().iter().filter(|request| request.starts_with("PUT home/packs/")).count();
    let lists = rig.requests().iter().filter(|request| request.contains("list-type")).count();
    assert_eq!((puts, lists), (1, 0), "that is what a pack costs beside its tasks");
    rig.assert_clean();
}

#[test]
fn what_kills_its_environment_fails_alone_and_the_rest_goes_on() {
    let mut rig = Rig::with_script("if [ $THRONG_TASK = 1 ]; then sleep 1.3; kill -9 $PPID; sleep 9; fi");
    let event = pack(&rig, 4, 1);
    assert!(rig.breaks_over(&event, 1).ok);
    // Lambda has made its only repetition: what is left goes on in a fresh event.
    assert_eq!(ends(&rig), of(&[("0", Succeeded), ("1", Failed)]));
    let broken = rig.record();
    assert_eq!(broken.class, Some(FailureClass::Interrupted));
    let marked = rig.list("home/l/").into_iter().filter(|key| key.ends_with("_running")).collect::<Vec<_>>();
    let begun = format!("1_request-1.{}", marked[0].rsplit('.').next().unwrap());
    assert!(marked.len() == 1 && marked[0].ends_with(&begun), "{marked:?}");
    let started = throng_contract::AttemptId::new(&broken.request_id, broken.started_ms).to_string();
    assert!(marked[0].contains(&started), "the record ends the attempt that had begun: {started} {marked:?}");
    let next = arrival(&rig, 1);
    assert!(rig.breaks_over(&next, 1).ok);
    let all = [("0", Succeeded), ("1", Failed), ("2", Succeeded), ("3", Succeeded), ("1", Failed)];
    assert_eq!(ends(&rig), of(&all));
    assert_eq!(rig.list("home/start/").len(), 1, "nothing is left");
}

#[test]
fn as_long_as_lambda_repeats_the_rest_goes_on_in_place() {
    let mut rig = Rig::with_script("[ $THRONG_TASK != 1 ] || kill -9 $PPID");
    let event = pack(&rig, 3, 2);
    assert!(rig.breaks_over(&event, 2).ok);
    assert_eq!(ends(&rig), of(&[("0", Succeeded), ("1", Failed), ("2", Succeeded), ("1", Failed)]));
    let next = arrival(&rig, 1);
    assert!(rig.breaks_over(&next, 1).ok);
    assert_eq!(ends(&rig)[4..], of(&[("1", Failed)]), "its last try");
    assert_eq!(rig.list("home/start/").len(), 1);
}

#[test]
fn a_pack_without_time_leaves_the_rest_as_a_start_marker() {
    let mut rig = Rig::with_script("sleep 1.2");
    let event = pack(&rig, 3, 1).to_string();
    let answer = rig.invoke_raw(event.as_bytes(), Duration::from_millis(3_500));
    assert!(answer.ok, "{answer:?}");
    assert_eq!(ends(&rig), of(&[("0", Succeeded)]));
    let marker = rig.get(&format!("home/start/f/{RUN}.0.pack-0-0.1")).unwrap();
    let left: PackEvent = serde_json::from_slice(&marker).unwrap();
    assert_eq!((left.pack.tasks.len(), left.pack.generation), (2, 1));
    let next = arrival(&rig, 1);
    assert!(rig.invoke(&next).ok);
    assert_eq!(ends(&rig), of(&[("0", Succeeded), ("1", Succeeded), ("2", Succeeded)]));
    // The arrival is told twice, by another request: nothing is done twice.
    assert!(rig.invoke(&next).ok);
    assert_eq!(rig.records().len(), 3);
    assert!(rig.printed().iter().any(|line| line.contains("another invocation is at this pack")));
}

#[test]
fn a_task_that_began_late_has_all_the_time_in_the_next_invocation() {
    let mut rig = Rig::with_script("[ $THRONG_TASK = 0 ] || sleep 2.2");
    let event = pack(&rig, 2, 1).to_string();
    assert!(rig.invoke_raw(event.as_bytes(), Duration::from_secs(3)).ok);
    assert_eq!(ends(&rig), of(&[("0", Succeeded), ("1", TimedOut)]));
    assert_eq!(rig.record().event.unwrap().id, format!("{RUN}.0.1.0.cut0"), "no try of its own event");
    let next = arrival(&rig, 1);
    assert!(rig.invoke(&next).ok);
    assert_eq!(rig.record().state, Succeeded);
}

#[test]
fn a_task_has_a_time_of_its_own() {
    let config = FunctionConfig { task_timeout: Some(1), ..function(true) };
    let mut rig = Rig::start(&config, Some("[ $THRONG_TASK != 0 ] || sleep 60"), &[]);
    let event = pack(&rig, 2, 1);
    assert!(rig.invoke(&event).ok);
    assert_eq!(ends(&rig), of(&[("0", TimedOut), ("1", Succeeded), ("0", TimedOut)]));
    let ids: Vec<_> = rig.records().into_iter().map(|record| record.event.unwrap().id).collect();
    assert_eq!((ids[0].as_str(), &ids[0]), (&*format!("{RUN}.0.0.0"), &ids[2]), "its own tries");
}

#[test]
fn a_cancelled_run_stops_between_tasks() {
    let mut rig = Rig::with_script("echo begun; sleep 1.2");
    let event = pack(&rig, 3, 1);
    rig.put(&format!("home/runs/{RUN}/cancel.json"), b"{}");
    assert!(rig.invoke(&event).ok);
    assert_eq!(ends(&rig), of(&["0", "1", "2"].map(|task| (task, TaskState::Cancelled))));
    assert!(!rig.printed().iter().any(|line| line == "begun"));
}

#[test]
fn what_cannot_be_written_is_repeated_by_lambda() {
    let mut rig = Rig::with_script("true");
    let event = pack(&rig, 2, 1);
    rig.fault(&format!("home/packs/{RUN}/0.0.0.0"), 403);
    let answer: Answer = rig.invoke(&event);
    assert!(!answer.ok, "{answer:?}");
    assert_eq!(rig.records(), []);
    let answer = rig.invoke(&event);
    assert!(answer.ok, "{answer:?}");
    assert_eq!(ends(&rig), of(&[("0", Succeeded), ("1", Succeeded)]));
}
