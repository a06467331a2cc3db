//! The runtime under AWS's Runtime Interface Emulator, which comes from `PyPI`.

use crate::support::rie::{Bootstrap, TinyS3, notification};
use serde_json::Value;
use std::process::Stdio;
use throng_contract::{AttemptRecord, FailureClass, TaskState};

fn record(s3: &TinyS3) -> AttemptRecord {
    let keys = s3.list("home/l/");
    serde_json::from_slice(&s3.get(keys.last().expect("a record")).unwrap()).unwrap()
}

#[test]
fn events_become_outputs() {
    let s3 = TinyS3::start();
    let bootstrap =
        Bootstrap::new("wc -c < \"$INPUT_FILE_PATH\" > \"$TMP_OUTPUT_DIR/count\"; echo hi", &s3.endpoint);
    let emulated = bootstrap.start(Stdio::null());
    for length in [3, 70_000] {
        s3.put("in/a", &vec![7; length]);
        let (answer, _) = emulated.invoke(&notification("a"));
        let answer: Value = serde_json::from_str(&answer).unwrap();
        assert_eq!((&answer["statusCode"], &answer["body"]), (&200.into(), &"aGkK".into()));
        assert_eq!(s3.get("out/count").unwrap(), format!("{length}\n").into_bytes());
        assert_eq!(record(&s3).state, TaskState::Succeeded);
    }
}

#[test]
fn failures_are_failures_and_the_environment_lives_on() {
    let s3 = TinyS3::start();
    let bootstrap = Bootstrap::new("cat \"$INPUT_FILE_PATH\" >&2; exit 5", &s3.endpoint);
    let emulated = bootstrap.start(Stdio::null());
    for _ in 0..2 {
        s3.put("in/a", b"because\n");
        let (answer, _) = emulated.invoke(&notification("a"));
        let answer: Value = serde_json::from_str(&answer).unwrap();
        assert_eq!(answer["errorType"], "Throng.Script");
        let record = record(&s3);
        assert_eq!((record.class, record.exit_code), (Some(FailureClass::Script), Some(5)));
        assert_eq!(record.stderr_tail, ["because"]);
    }
}
