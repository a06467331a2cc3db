//! What an event becomes: tasks, records, lineage.

use crate::body;
use crate::rig::{Rig, function};
use serde_json::json;
use throng_contract::{FailureClass, Lineage, OnFailure, Source, TaskId, TaskState, keys::RecordName};

#[test]
fn a_notification_becomes_outputs_and_a_record() {
    let mut rig = Rig::with_script(
        "echo \"$STORAGE_OBJECT_KEY at $EVENT_TIME\"\n\
         [ \"$SCAR_INPUT_FILE\" = \"$INPUT_FILE_PATH\" ] && [ \"$(dirname \"$INPUT_FILE_PATH\")\" = \"$TMP_INPUT_DIR\" ] || exit 7\n\
         mkdir -p \"$TMP_OUTPUT_DIR/sub\"\n\
         wc -c < \"$INPUT_FILE_PATH\" > \"$TMP_OUTPUT_DIR/sub/$(basename \"$INPUT_FILE_PATH\").count\"\n",
    );
    rig.put_with("in/a dir/é+.txt", b"hello", &[("throng-run", "r1"), ("throng-task", "42")]);
    let answer = rig.notify(&["a+dir/%C3%A9%2B.txt"]);
    assert!(answer.ok, "{answer:?}");
    assert_eq!(body(&answer), "a dir/é+.txt at 2026-01-02T03:04:05.000Z\n".as_bytes());
    assert_eq!(rig.get("out/results/sub/é+.txt.count").unwrap(), b"5\n");

    let record = rig.record();
    assert_eq!((record.state, record.class, record.exit_code), (TaskState::Succeeded, None, Some(0)));
    assert_eq!((record.bytes_in, record.bytes_out, record.cold), (5, 2, true));
    assert_eq!(record.outputs[0].key, "results/sub/é+.txt.count");
    assert_eq!(record.outputs[0].sha256, "f0b5c2c2211c8d67ed15e75e656c7862d086e9245420892a7de62cd9ec582a06");
    assert_eq!((record.key.as_str(), record.request_id.as_str()), ("a dir/é+.txt", "request-1"));
    assert!(record.peak_memory > 0 && record.phases.run_ms > 0.0);
    let names = rig.list("home/runs/r1/records/");
    let name = RecordName::parse(&names[0]).unwrap();
    assert_eq!((name.task, name.state), (Some(TaskId::number(42)), TaskState::Succeeded));

    let lines = rig.log();
    assert_eq!(lines[0].run.as_deref(), Some("r1"));
    assert_eq!((lines[0].task.clone(), lines[0].stream), (Some(TaskId::number(42)), Source::Stdout));
}

/// What a launch sends, and what its outputs start in turn.
#[test]
fn outputs_say_where_they_came_from_and_the_next_stage_believes_it_where_it_fits() {
    let mut rig = Rig::with_script("for n in a b; do cp \"$INPUT_FILE_PATH\" \"$TMP_OUTPUT_DIR/$n\"; done");
    let input = Lineage {
        run: "20261123-214500123-k3x9".into(),
        stage: 0,
        task: TaskId::number(1_042),
        output: None,
        group: None,
    };
    rig.put_with("in/x", b"1", &[("throng", &input.header("in", "x"))]);
    assert!(rig.notify(&["x"]).ok);
    let first = rig.record();
    assert_eq!(first.task, input.starts());
    let records = rig.list("home/l/");
    assert!(records[0].contains("/20261123-214500123-k3x9/0/1/1042_request-1."), "{records:?}");
    assert!(first.event.is_some_and(|event| event.id.starts_with("s3.")) && first.fingerprint.is_some());
    // Read: the input, and whether the run was cancelled.
    assert_eq!((first.memory_mb, first.requests.write, first.requests.read), (256, 3, 2));

    // The second of its outputs, as the next function finds it: there, and where somebody copied it to.
    let metadata = rig.metadata("out/results/b");
    let [(name, line)] = &metadata[..] else { panic!("{metadata:?}") };
    let lineage = Lineage::parse(line, "out", "results/b").expect("a lineage");
    assert_eq!((name.as_str(), lineage.output.as_ref().map(|(_, ordinal)| *ordinal)), ("throng", Some(1)));
    for bucket in ["out", "copies"] {
        rig.put_with(&format!("{bucket}/results/b"), b"1", &[("throng", line)]);
        let event = json!({"throng": null, "bucket": bucket, "key": "results/b"});
        assert!(rig.invoke(&event).ok);
    }
    let records = rig.records();
    let task = records[1].task.as_ref().unwrap();
    assert_eq!((task.run.as_str(), task.stage, task.task.as_str()), (input.run.as_str(), 1, "1042.1"));
    assert!(records[1].parent.as_deref().is_some_and(|parent| parent.starts_with("1042_request-1.")));
    let copy = records[2].task.as_ref().unwrap();
    assert!(copy.run.starts_with("day-") && records[2].parent.is_none(), "a copy is a new root: {copy:?}");
}

/// An object that arrives by any means belongs to the function's standing run of its day.
#[test]
fn what_no_launch_sent_belongs_to_the_days_standing_run() {
    let mut rig = Rig::with_script("true");
    rig.put("in/a", b"1");
    assert!(rig.notify(&["a"]).ok);
    assert!(rig.notify(&["a"]).ok);
    // The notification is of 2 January 2026.
    let header = rig.get("home/days/f/20260102.json").expect("the day's header");
    let header: serde_json::Value = serde_json::from_slice(&header).unwrap();
    assert_eq!((header["function"].as_str(), header["day"].as_str()), (Some("f"), Some("20260102")));
    let records = rig.records();
    assert_eq!(records.len(), 2);
    assert_eq!(records[0].task, records[1].task, "the same write of the same object");
    assert_eq!(records[0].task.as_ref().map(|task| task.run.as_str()), header["id"].as_str());
}

#[test]
fn every_record_is_a_task_of_its_own() {
    let mut rig =
        Rig::with_script("n=$(cat \"$INPUT_FILE_PATH\"); echo \"$n\" > \"$TMP_OUTPUT_DIR/$n\"; exit \"$n\"");
    for number in ["0", "3"] {
        rig.put(&format!("in/{number}"), number.as_bytes());
    }
    let answer = rig.notify(&["0", "missing", "3"]);
    assert!(!answer.ok);
    let message = answer.body["errorMessage"].as_str().unwrap().to_owned();
    assert!(message.starts_with("2 of 3 inputs failed") && message.contains("does not exist"), "{message}");
    let ends: Vec<_> = rig
        .records()
        .into_iter()
        .map(|record| (record.key, record.state, record.class, record.exit_code))
        .collect();
    assert_eq!(
        ends,
        [
            ("0".into(), TaskState::Succeeded, None, Some(0)),
            ("missing".into(), TaskState::Failed, Some(FailureClass::Input), None),
            ("3".into(), TaskState::Failed, Some(FailureClass::Script), Some(3)),
        ]
    );
    assert_eq!(rig.list("out/"), ["out/results/0"]);
}

#[test]
fn a_failure_says_why_and_keeps_what_is_to_be_kept() {
    let mut function = function(true);
    function.on_failure = OnFailure::Keep;
    let script = "echo partial > \"$TMP_OUTPUT_DIR/x\"; echo one >&2; echo 'the reason' >&2; exit 4";
    let mut rig = Rig::start(&function, Some(script), &[]);
    rig.put("in/a", b"");
    let answer = rig.invoke(&json!({"throng": {"run": "r", "task": 1}, "bucket": "in", "key": "a"}));
    assert_eq!((answer.ok, answer.error_type.as_str()), (false, "Throng.Script"));
    assert_eq!(answer.body["errorMessage"], "the script ended with exit code 4");
    assert_eq!(rig.list("out/"), ["out/results/failed/request-1/x"]);
    assert_eq!(rig.record().stderr_tail, ["one", "the reason"]);
    assert_eq!(rig.list("home/runs/r/records/").len(), 1);
}

#[test]
fn variables_of_an_event_reach_the_script_the_record_and_the_fingerprint() {
    let mut own = function(true);
    own.env.insert("ALPHA".into(), "of the image".into());
    let script = "echo \"$ALPHA $BETA $TASK_INDEX $(basename \"$INPUT_FILE_PATH\")\"";
    let mut rig = Rig::start(&own, Some(script), &[]);
    rig.put("in/a", b"data");
    let mut event = |variables: serde_json::Value, set: Option<&str>| {
        let answer = rig
            .invoke(&json!({"throng": {"version": 2, "run": "r", "task": "7"}, "bucket": "in", "key": "a",
            "variables": variables, "parameters": set}));
        assert!(answer.ok, "{answer:?}");
        (String::from_utf8(crate::body(&answer)).unwrap(), rig.record())
    };
    let (said, plain) = event(json!({}), None);
    assert_eq!((&*said, &plain.parameters), ("of the image  7 a\n", &None));
    let (said, one) =
        event(json!({"ALPHA": "0.1", "BETA": "a b", "REQUEST_ID": "x", "INPUT_FILE_PATH": "y"}), Some("3"));
    assert_eq!(said, "0.1 a b 7 a\n");
    assert_eq!(one.parameters.as_deref(), Some("3"));
    let (_, two) = event(json!({"ALPHA": "0.2"}), Some("4"));
    let (_, again) = event(json!({"ALPHA": "0.2"}), Some("4"));
    assert!(
        one.fingerprint.is_some()
            && one.fingerprint != plain.fingerprint
            && one.fingerprint != two.fingerprint
    );
    assert_eq!(two.fingerprint, again.fingerprint);
}

#[test]
fn a_task_without_an_input_has_its_number() {
    let mut rig = Rig::with_script(
        "echo \"$TASK_INDEX ${INPUT_FILE_PATH:-none} $(ls \"$TMP_INPUT_DIR\")\" > \"$TMP_OUTPUT_DIR/$TASK_INDEX\"",
    );
    let mut fingerprints = Vec::new();
    for task in ["0", "12"] {
        let answer =
            rig.invoke(&json!({"throng": {"version": 2, "run": "r", "task": task}, "bucket": "", "key": ""}));
        assert!(answer.ok, "{answer:?}");
        assert_eq!(rig.get(&format!("out/results/{task}")).unwrap(), format!("{task} none \n").as_bytes());
        let record = rig.record();
        assert_eq!((&*record.key, record.state), ("", TaskState::Succeeded));
        fingerprints.push(record.fingerprint.unwrap());
    }
    assert_ne!(fingerprints[0], fingerprints[1]);
}

#[test]
fn an_event_may_give_its_script_less_time_never_more() {
    let mut rig = Rig::with_script("sleep \"$(cat \"$INPUT_FILE_PATH\")\"");
    let mut event = |sleep: &[u8], seconds: u32| {
        rig.put("in/a", sleep);
        rig.invoke(&json!({"throng": {"version": 2, "run": "r", "task": "7"}, "bucket": "in", "key": "a",
            "timeout_s": seconds}));
        rig.record()
    };
    let ended = event(b"40", 1);
    assert_eq!((ended.state, ended.class), (TaskState::TimedOut, Some(FailureClass::Timeout)));
    assert!((900.0..20_000.0).contains(&ended.phases.run_ms), "{}", ended.phases.run_ms);
    assert_eq!(event(b"0", 900).state, TaskState::Succeeded);
}
