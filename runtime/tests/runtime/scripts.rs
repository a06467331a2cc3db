//! What is run: scripts, entry points, and what they find.

use crate::body;
use crate::rig::{Rig, function};
use serde_json::json;
use throng_contract::FailureClass;

#[test]
fn inputs_named_like_scripts_are_inputs() {
    let mut rig = Rig::with_script("cat \"$INPUT_FILE_PATH\"");
    for name in ["script", "script.sh", "init_script.sh"] {
        rig.put(&format!("in/{name}"), format!("echo hijacked by {name}").as_bytes());
        let answer = rig.notify(&[name]);
        assert_eq!(String::from_utf8(body(&answer)).unwrap(), format!("echo hijacked by {name}"));
    }
}

#[test]
fn first_lines_are_honoured_and_missing_interpreters_named() {
    let mut rig = Rig::with_script("#!/usr/bin/env bash\n[[ -n $BASH_VERSION ]] && echo bash");
    rig.put("in/a", b"");
    assert_eq!(body(&rig.notify(&["a"])), b"bash\n");

    let mut rig = Rig::with_script("#!/no/such/interpreter\n");
    rig.put("in/a", b"");
    let answer = rig.notify(&["a"]);
    assert_eq!(answer.error_type, "Throng.Init");
    assert!(answer.body["errorMessage"].as_str().unwrap().contains("/no/such/interpreter"));
    assert_eq!(rig.record().class, Some(FailureClass::Init));
}

#[test]
fn images_without_a_script_run_their_entry_point() {
    let mut function = function(false);
    function.entrypoint = vec!["sh".into(), "-c".into()];
    function.cmd = vec!["pwd; echo $GREETING; cp $INPUT_FILE_PATH $TMP_OUTPUT_DIR/copy".into()];
    function.workdir = "/usr".into();
    function.env.insert("GREETING".into(), "hello there".into());
    let mut rig = Rig::start(&function, None, &[]);
    rig.put("in/a", b"data");
    assert_eq!(body(&rig.notify(&["a"])), b"/usr\nhello there\n");
    assert_eq!(rig.get("out/results/copy").unwrap(), b"data");
    // Arguments in the event take the place of the image's own.
    let answer = rig.invoke(&json!({"cmd_args": "[\"echo $0 $1\", \"x\", \"y z\"]"}));
    assert_eq!(body(&answer), b"x y z\n");
}

#[test]
fn scripts_come_with_events() {
    let mut rig = Rig::with_script("echo own");
    // echo from the event; then: printf "<%s>" "$@"
    let answer = rig.invoke(&json!({"script": "ZWNobyBmcm9tIHRoZSBldmVudA=="}));
    assert_eq!(body(&answer), b"from the event\n");
    let answer = rig.invoke(&json!({"script": "cHJpbnRmICI8JXM+IiAiJEAi", "cmd_args": "[\"x\", \"y z\"]"}));
    assert_eq!(body(&answer), b"<x><y z>");
    assert_eq!(body(&rig.invoke(&json!({}))), b"own\n");
}

#[test]
fn scripts_of_scar_v2_find_their_folders_and_the_event() {
    let mut rig = Rig::with_script(
        "here=$THRONG_TMP/$REQUEST_ID\n\
         [ \"$AWS_LAMBDA_REQUEST_ID\" = \"$REQUEST_ID\" ] && [ -n \"$INSTANCE_IP\" ] || exit 3\n\
         [ \"$SCAR_INPUT_FILE\" = \"$here/input/$(ls \"$here/input\")\" ] || exit 4\n\
         [ \"$SCAR_OUTPUT_DIR\" = \"$here/output\" ] && [ ! -e \"$here/api_event.json\" ] || exit 5\n\
         cp \"$here/event.json\" \"$here/output/event-of-$(basename \"$SCAR_INPUT_FILE\")\"\n",
    );
    for key in ["one", "two"] {
        rig.put(&format!("in/{key}"), key.as_bytes());
    }
    let answer = rig.notify(&["one", "two"]);
    assert!(answer.ok, "{answer:?}");
    for key in ["one", "two"] {
        let event = rig.get(&format!("out/results/event-of-{key}")).expect("the event");
        let event: serde_json::Value = serde_json::from_slice(&event).expect("JSON");
        assert_eq!(event["Records"][0]["s3"]["object"]["key"], key, "the event of this record alone");
    }
    assert_eq!(rig.list("out/").len(), 2, "nothing of the first is left for the second");
    // A task of a run looks like a notification to the script.
    let answer = rig.invoke(&json!({"throng": {"run": "r", "task": 1}, "bucket": "in", "key": "one"}));
    assert!(answer.ok, "{answer:?}");
    let event = rig.get("out/results/event-of-one").expect("the event");
    assert!(String::from_utf8_lossy(&event).contains("\"eventSource\":\"aws:s3\""));
    rig.assert_clean();
}

#[test]
fn a_broken_configuration_is_an_init_error() {
    let mut rig = Rig::start(&function(true), None, &[("THRONG_CONFIG", "/nonexistent/function.json")]);
    let answer = rig.init_error();
    assert_eq!(answer.error_type, "Throng.Init");
    assert!(answer.body["errorMessage"].as_str().unwrap().contains("/nonexistent/function.json"));
}
