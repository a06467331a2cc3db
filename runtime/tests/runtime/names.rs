//! What outputs are called, which are left out, and what is expected of them.

use crate::rig::{Rig, function};
use serde_json::json;
use throng_contract::{Expect, FailureClass, FunctionConfig, InputPlace, OnFailure, OutputRule, TaskState};

const WRITE: &str = "echo x > \"$TMP_OUTPUT_DIR/x\"";

fn storing_at(path: &str) -> FunctionConfig {
    let mut function = function(true);
    function.outputs = vec![OutputRule {
        provider: None,
        bucket: "out".into(),
        path: path.into(),
        prefix: Vec::new(),
        suffix: Vec::new(),
    }];
    function.inputs = vec![InputPlace { bucket: "in".into(), path: "study".into() }];
    function
}

fn rig(path: &str, script: &str) -> Rig {
    Rig::start(&storing_at(path), Some(script), &[])
}

fn said(rig: &Rig, level: &str) -> Vec<String> {
    let lines = rig.log().into_iter().filter(|line| line.level == level);
    lines.map(|line| line.message).collect()
}

#[test]
fn equal_names_in_two_folders_are_two_results() {
    let mut rig = rig("results/{dir}", WRITE);
    for key in ["study/sub-01/anat/t1.nii.gz", "study/sub-02/anat/t1.nii.gz", "study/top.nii.gz"] {
        rig.put(&format!("in/{key}"), b"");
        assert!(rig.notify(&[key]).ok);
    }
    let keys = ["out/results/sub-01/anat/x", "out/results/sub-02/anat/x", "out/results/x"];
    assert_eq!(rig.list("out/"), keys);
    let outputs: Vec<_> = rig.records().into_iter().flat_map(|record| record.outputs).collect();
    assert!(outputs.len() == 3 && outputs.iter().all(|output| output.place.as_deref() == Some("results")));
}

#[test]
fn every_word_stands_for_something() {
    let mut rig = rig("{run}/{stage}/{task}/{request_id}/{stem}.{ext}/{name}", WRITE);
    rig.put("in/study/a b.nii.gz", b"");
    let task = json!({"version": 2, "run": "20261123-214500123-k3x9", "task": "7"});
    assert!(rig.invoke(&json!({"throng": task, "bucket": "in", "key": "study/a b.nii.gz"})).ok);
    let key = "out/20261123-214500123-k3x9/0/7/request-1/a%20b.nii.gz/a%20b.nii.gz/x";
    assert_eq!(rig.list("out/"), [key]);
    assert_eq!(rig.record().outputs[0].place.as_deref(), Some("20261123-214500123-k3x9/0"));
}

#[test]
fn what_arrived_by_itself_is_named_by_its_day_and_attempts_differ() {
    let mut rig = rig("{run}/{attempt}", WRITE);
    rig.put("in/study/a", b"");
    assert!(rig.notify(&["study/a"]).ok);
    let record = rig.record();
    let run = record.task.as_ref().unwrap().run.clone();
    assert!(run.starts_with("day-20260102-"), "{run}");
    let attempt = throng_contract::AttemptId::new(&record.request_id, record.started_ms);
    assert_eq!(rig.list("out/"), [format!("out/{run}/{attempt}/x")]);
}

#[test]
fn the_next_stage_has_the_folders_of_the_first() {
    let mut rig = rig("out/{run}/{dir}", WRITE);
    let run = "20261123-214500123-k3x9";
    let key = format!("study/{run}/sub-01/frame.png");
    rig.put(&format!("in/{key}"), b"");
    let task = json!({"version": 2, "run": run, "stage": 1, "task": "7.0"});
    assert!(rig.invoke(&json!({"throng": task, "bucket": "in", "key": key})).ok);
    assert_eq!(rig.list("out/"), [format!("out/out/{run}/sub-01/x")]);
}

#[test]
fn files_that_a_launch_stored_beside_its_run_keep_their_folders() {
    let mut rig = rig("r/{dir}", WRITE);
    let key = "inputs/20261123-214500123-k3x9/d/e/a.txt";
    rig.put(&format!("home/{key}"), b"");
    assert!(rig.invoke(&json!({"throng": null, "bucket": "home", "key": key})).ok);
    assert_eq!(rig.list("out/"), ["out/r/d/e/x"]);
}

#[test]
fn a_payload_has_a_name_and_no_folder() {
    let mut rig = rig("r/{dir}/{name}", WRITE);
    assert!(rig.invoke_raw(b"hello", std::time::Duration::from_secs(20)).ok);
    assert_eq!(rig.list("out/"), ["out/r/event-file-request-1/x"]);
}

#[test]
fn names_that_make_no_path_or_key_fail_the_task() {
    for (path, key, expected) in [
        ("r/{ext}", "study/notes", "`{ext}` is empty for the input `notes`"),
        ("r/{dir}", "study/a//x", "a part of `{dir}` (a/) is empty"),
        ("r/{SUBJECT}", "study/x", "the task has no variable SUBJECT"),
    ] {
        let mut rig = rig(path, WRITE);
        rig.put(&format!("in/{key}"), b"");
        assert_eq!(rig.notify(&[key]).error_type, "Throng.Output", "{path}");
        let record = rig.record();
        assert_eq!(record.class, Some(FailureClass::Output));
        assert!(record.error.as_deref().unwrap().contains(expected), "{:?}", record.error);
        assert!(rig.list("out/").is_empty());
    }
    let long = "n".repeat(220);
    let mut rig = rig(
        "{dir}",
        &format!("cd \"$TMP_OUTPUT_DIR\"; mkdir -p {long}/{long}; echo x > {long}/{long}/{long}"),
    );
    let key = format!("study/{long}/{long}/x");
    rig.put(&format!("in/{key}"), b"");
    assert_eq!(rig.notify(&[&key]).error_type, "Throng.Output");
    let error = rig.record().error.unwrap();
    assert!(error.contains("would have 1104 bytes, and S3 takes 1024"), "{error}");
}

#[test]
fn two_latin_1_names_that_would_become_one_key_fail_the_task() {
    let mut rig =
        rig("r", "cd \"$TMP_OUTPUT_DIR\"; echo one > \"$(printf 'caf\\351.txt')\"; echo two > caf%E9.txt");
    rig.put("in/study/a", b"");
    assert_eq!(rig.notify(&["study/a"]).error_type, "Throng.Output");
    let error = rig.record().error.unwrap();
    assert!(error.contains("two outputs would become the object out/r/caf%E9.txt"), "{error}");
    assert!(rig.list("out/").is_empty(), "nothing is overwritten");
    assert!(said(&rig, "WARN").iter().any(|line| line.contains("no UTF-8") && line.contains("`caf%E9.txt`")));
}

#[test]
fn links_into_the_tasks_folders_are_followed_and_what_is_left_out_is_named() {
    let script = "mkdir -p \"$THRONG_TMP/work/deep\"; echo y > \"$THRONG_TMP/work/deep/y\"; cd \"$TMP_OUTPUT_DIR\"; \
        echo x > x; ln -s x link; ln -s \"$THRONG_TMP/work\" work; ln -s .. up; ln -s \"$INPUT_FILE_PATH\" input; \
        ln -s /etc/hostname outside; ln -s /nowhere broken; mkfifo pipe";
    let mut rig = Rig::start(
        &storing_at("r"),
        Some(&format!("THRONG_TMP=$(dirname \"$TMP_OUTPUT_DIR\")\n{script}")),
        &[],
    );
    rig.put("in/study/a", b"input");
    assert!(rig.notify(&["study/a"]).ok);
    let keys = rig.list("out/");
    for key in ["out/r/x", "out/r/link", "out/r/work/deep/y", "out/r/input", "out/r/up/work/deep/y"] {
        assert!(keys.contains(&key.to_owned()), "{key}: {keys:?}");
    }
    assert_eq!(rig.get("out/r/input").unwrap(), b"input");
    let warnings = said(&rig, "WARN");
    let [warning] = &warnings[..] else { panic!("{warnings:?}") };
    for name in [
        "`outside` (a link to /etc/hostname, which is not in the task's own folders)",
        "`broken` (a link to /nowhere, which is not there)",
        "`pipe` (a named pipe)",
        "`up/output` (a link to a folder that it is in)",
    ] {
        assert!(warning.contains(name), "{warning}");
    }
}

#[test]
fn files_that_no_output_takes_are_named() {
    let mut function = storing_at("r");
    function.outputs[0].suffix = vec![".png".into()];
    let mut rig = Rig::start(&function, Some("cd \"$TMP_OUTPUT_DIR\"; touch a.png a.PNG"), &[]);
    rig.put("in/study/a", b"");
    assert!(rig.notify(&["study/a"]).ok);
    assert_eq!(rig.list("out/"), ["out/r/a.png"]);
    assert!(said(&rig, "INFO").iter().any(|line| line.contains("not stored") && line.contains("`a.PNG`")));
}

#[test]
fn a_task_that_left_less_than_expected_has_failed() {
    let expect = Expect { files: 1, suffix: vec![".nii.gz".into()], min_bytes: 1 };
    for (script, ok) in [
        ("echo x > \"$TMP_OUTPUT_DIR/a.nii.gz\"", true),
        (": > \"$TMP_OUTPUT_DIR/a.nii.gz\"", false),
        ("echo x > \"$TMP_OUTPUT_DIR/log.txt\"", false),
        ("true", false),
    ] {
        let mut function = storing_at("r");
        function.expect = Some(expect.clone());
        function.on_failure = OnFailure::Keep;
        let mut rig = Rig::start(&function, Some(script), &[]);
        rig.put("in/study/a", b"");
        let answer = rig.notify(&["study/a"]);
        assert_eq!(answer.ok, ok, "{script}");
        if !ok {
            let record = rig.record();
            assert_eq!((record.state, record.class), (TaskState::Failed, Some(FailureClass::Output)));
            let error = record.error.unwrap();
            assert!(error.contains("1 file ending with `.nii.gz` of 1 byte or more"), "{error}");
            assert!(rig.list("out/").iter().all(|key| key.starts_with("out/r/failed/request-1/")));
        }
    }
}

#[test]
fn outputs_have_content_types() {
    let script = "cd \"$TMP_OUTPUT_DIR\"; echo '<p>' > page.html; printf '\\211PNG\\r\\n\\032\\n' > frame; echo x > notes; \
        head -c 70000000 /dev/zero > big.png";
    let mut rig = rig("r", script);
    rig.put("in/study/a", b"");
    assert!(rig.notify(&["study/a"]).ok);
    assert_eq!(rig.kind("out/r/page.html").as_deref(), Some("text/html"));
    assert_eq!(rig.kind("out/r/frame").as_deref(), Some("image/png"));
    assert_eq!(rig.kind("out/r/big.png").as_deref(), Some("image/png"), "in parts, too");
    assert_eq!(rig.kind("out/r/notes"), None);
}
