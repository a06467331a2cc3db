//! How a task ends: timeouts, cancelled runs, processes and files that would stay.

use crate::rig::{Rig, children, notification};
use base64::Engine as _;
use serde_json::json;
use std::os::unix::fs::PermissionsExt as _;
use std::time::{Duration, Instant};
use throng_contract::{FailureClass, TaskState};

#[test]
fn a_timeout_ends_children_that_ignore_term_and_sessions_of_their_own() {
    let mut rig = Rig::with_script(
        "trap '' TERM\n(trap '' TERM; setsid sh -c 'trap \"\" TERM; while :; do sleep 1; done') &\n\
         echo started; while :; do sleep 1; done",
    );
    rig.put("in/a", b"");
    let begin = Instant::now();
    let event = json!({"throng": {"run": "r", "task": 1}, "bucket": "in", "key": "a"}).to_string();
    let answer = rig.invoke_raw(event.as_bytes(), Duration::from_millis(2_500));
    assert_eq!((answer.ok, answer.error_type.as_str()), (false, "Throng.Timeout"));
    assert!(begin.elapsed() < Duration::from_millis(2_500), "{:?}", begin.elapsed());
    let record = rig.record();
    assert_eq!((record.state, record.class), (TaskState::TimedOut, Some(FailureClass::Timeout)));
    assert_eq!(rig.printed()[0], "started");
    assert_eq!(rig.list("home/runs/r/running/"), ["home/runs/r/running/00000001_request-1"]);
    assert_eq!(children(rig.pid()), Vec::<String>::new());
    rig.assert_clean();
}

/// However short its script is.
#[test]
fn a_queued_task_of_a_cancelled_run_is_not_begun_and_not_tried_again() {
    let mut rig = Rig::with_script("echo begun");
    rig.put("in/a", b"");
    rig.put("home/runs/r/cancel.json", b"{}");
    for task in [1, 2] {
        let answer = rig.invoke(&json!({"throng": {"run": "r", "task": task}, "bucket": "in", "key": "a"}));
        assert!(answer.ok, "an error would be tried again: {:?}", answer.body);
    }
    let records = rig.list("home/runs/r/records/");
    assert!(records.len() == 2 && records.iter().all(|key| key.contains("cancelled")), "{records:?}");
    assert!(!rig.printed().iter().any(|line| line == "begun"), "{:?}", rig.printed());
    assert_eq!(rig.list("home/runs/r/running/"), Vec::<String>::new(), "it did not count as running");
    assert_eq!(rig.list("out/"), Vec::<String>::new());
    rig.assert_clean();
    // Other runs are not concerned.
    assert!(rig.invoke(&json!({"throng": {"run": "s", "task": 1}, "bucket": "in", "key": "a"})).ok);
    assert!(rig.printed().iter().any(|line| line == "begun"), "{:?}", rig.printed());
}

#[test]
fn a_script_that_ends_in_time_after_term_is_timed_out_all_the_same() {
    let mut rig = Rig::with_script("trap 'exit 0' TERM; sleep 20 & wait");
    rig.put("in/a", b"");
    let event = notification(&["a"]).to_string();
    let answer = rig.invoke_raw(event.as_bytes(), Duration::from_millis(1_400));
    assert_eq!(answer.error_type, "Throng.Timeout");
    assert_eq!(rig.record().state, TaskState::TimedOut);
}

#[test]
fn a_background_child_that_holds_the_pipes_does_not_hold_the_task() {
    let mut rig = Rig::with_script("sleep 60 & (setsid sleep 60 &) ; echo done");
    rig.put("in/a", b"");
    let begin = Instant::now();
    assert!(rig.notify(&["a"]).ok);
    assert!(begin.elapsed() < Duration::from_secs(5));
    assert_eq!(rig.printed(), ["done"]);
    assert_eq!(children(rig.pid()), Vec::<String>::new());
}

#[test]
fn nothing_of_one_task_is_visible_to_the_next() {
    let mut rig = Rig::with_script(
        "ls -A \"$TMP_INPUT_DIR\" \"$HOME\" | grep secret && exit 9\n\
         echo x > \"$HOME/secret\"; mkdir -p \"$HOME/d/secret\"; ln -s / \"$HOME/d/link\"; chmod 500 \"$HOME/d\"\n\
         export LEFT=1; exit 0",
    );
    // The folder of all tasks, which inside a function is /tmp and here must not be.
    let closing = base64::engine::general_purpose::STANDARD.encode("chmod 700 \"$THRONG_TMP\"");
    let mode = |rig: &Rig| std::fs::metadata(&rig.tmp).unwrap().permissions().mode() & 0o7777;
    assert_ne!(mode(&rig), 0o700);
    for _ in 0..2 {
        rig.put("in/secret-input", b"x");
        assert!(rig.invoke(&json!({"script": closing, "a": 1})).ok);
        rig.assert_clean();
    }
    assert_eq!(mode(&rig), 0o700, "the script closes the folder of this test, not the machine's");
    rig.put("in/a", b"");
    assert!(rig.notify(&["a"]).ok);
    rig.assert_clean();
    assert!(rig.notify(&["a"]).ok, "{:?}", rig.printed());
}
