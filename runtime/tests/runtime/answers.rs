//! What a plain invocation answers: files, archives, HTTP.

use crate::body;
use crate::rig::{Rig, function};
use serde_json::json;
use std::time::Duration;

#[test]
fn plain_payloads_are_files_and_a_single_output_is_the_answer() {
    let mut function = function(true);
    function.outputs.clear();
    let script = "case \"$INPUT_FILE_PATH\" in */event-file-*) ;; *) exit 3;; esac\n\
                  tr a-z A-Z < \"$INPUT_FILE_PATH\" > \"$TMP_OUTPUT_DIR/out\"; echo ignored";
    let mut rig = Rig::start(&function, Some(script), &[]);
    let answer = rig.invoke_raw(b"not json", Duration::from_secs(20));
    assert_eq!(body(&answer), b"NOT JSON");
    assert_eq!(body(&rig.invoke(&json!({"a": 1}))), b"{\"A\":1}");
    assert_eq!(answer.body["headers"]["amz-log-stream-name"], "stream");
    assert_eq!(rig.list("home/l/").len(), 2, "attempts of the standing run");
}

#[test]
fn http_requests_bring_their_body_and_parameters() {
    let mut function = function(true);
    function.outputs.clear();
    function.env.insert("MODE".into(), "own".into());
    let script = "cat \"$THRONG_TMP/$REQUEST_ID/api_event.json\"; \
                  echo \" $CONT_VAR_MODE $MODE $CONT_VAR_size $size ${AWS_ENDPOINT_URL##http://127*}\"";
    let mut rig = Rig::start(&function, Some(script), &[]);
    let event = json!({"httpMethod": "POST", "isBase64Encoded": false, "body": "{\"k\": 1}",
        "queryStringParameters": {"MODE": "theirs", "size": "7", "AWS_ENDPOINT_URL": "http://evil"}});
    let answer = rig.invoke(&event);
    assert_eq!(String::from_utf8(body(&answer)).unwrap(), "{\"k\": 1} theirs own 7 7 \n");
    rig.assert_clean();
}

#[test]
fn several_outputs_answer_a_plain_invocation_as_an_archive() {
    let mut function = function(true);
    function.outputs.clear();
    let script =
        "cd \"$TMP_OUTPUT_DIR\"; mkdir sub; printf one > a.txt; printf two > sub/b.txt; echo ignored";
    let mut rig = Rig::start(&function, Some(script), &[]);
    let bytes = body(&rig.invoke(&json!({})));
    let archive = rawzip::ZipArchive::from_slice(&bytes).expect("an archive");
    let mut found = Vec::new();
    for entry in archive.entries() {
        let entry = entry.expect("an entry");
        let name = entry.file_path().try_normalize().expect("a path").as_ref().to_owned();
        let data = archive.get_entry(entry.wayfinder()).expect("data").data().to_vec();
        found.push((name, String::from_utf8(data).unwrap()));
    }
    assert_eq!(found, [("a.txt".into(), "one".into()), ("sub/b.txt".into(), "two".into())]);
}

#[test]
fn outputs_that_no_answer_can_hold_are_not_cut() {
    let mut function = function(true);
    function.outputs.clear();
    let script = "head -c 5000000 /dev/zero > \"$TMP_OUTPUT_DIR/large\"; echo said";
    let mut rig = Rig::start(&function, Some(script), &[]);
    assert_eq!(body(&rig.invoke(&json!({}))), b"said\n");
    assert!(
        rig.printed().iter().any(|line| line.contains("larger than an answer can be")),
        "{:?}",
        rig.printed()
    );
}
