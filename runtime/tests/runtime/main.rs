//! The runtime as a process, against a Runtime API and an S3 of our own.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod provider;
mod rig;

use base64::Engine as _;
use rig::{Rig, children, function, notification};
use serde_json::json;
use std::os::unix::fs::PermissionsExt as _;
use std::time::{Duration, Instant};
use throng_contract::{
    FailureClass, Lineage, OnFailure, OutputRule, Source, TaskId, TaskState, keys::RecordName,
};

fn body(answer: &rig::Answer) -> Vec<u8> {
    base64::engine::general_purpose::STANDARD.decode(answer.body["body"].as_str().unwrap()).unwrap()
}

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
    assert_eq!((first.memory_mb, first.requests.write, first.requests.read), (256, 3, 1));

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

/// A script's SDK finds an endpoint, not keys; the endpoint asks STS when it is asked, and says why when it cannot.
#[test]
fn scripts_get_narrowed_credentials_when_they_ask_and_none_of_the_roles() {
    let role = ("THRONG_ROLE", "arn:aws:iam::123456789012:role/throng/f");
    let mut rig = Rig::start(&function(true), Some("cat /proc/self/environ | tr '\\0' '\\n'"), &[role]);
    rig.put("in/a", b"1");
    assert!(rig.notify(&["a"]).ok);
    let printed = rig.printed();
    assert!(
        !printed.iter().any(|line| line.contains("secret") || line.starts_with("THRONG_ROLE")),
        "{printed:?}"
    );
    let value = |name: &str| {
        let line = printed.iter().find_map(|line| line.strip_prefix(&format!("{name}=")));
        line.expect(name).to_owned()
    };
    let (uri, token) =
        (value("AWS_CONTAINER_CREDENTIALS_FULL_URI"), value("AWS_CONTAINER_AUTHORIZATION_TOKEN"));
    let asked = |rig: &Rig| rig.requests().iter().filter(|body| body.contains("Action=AssumeRole")).count();
    assert_eq!(asked(&rig), 0, "not before it is asked for");

    assert!(get(&uri, "wrong").starts_with("HTTP/1.1 401"));
    rig.fault("/", 403);
    let refused = get(&uri, &token);
    assert!(refused.starts_with("HTTP/1.1 400") && refused.contains("not you"), "{refused}");
    let given = get(&uri, &token);
    assert!(given.contains(r#""AccessKeyId":"ASIANARROW""#) && given.contains(r#""Token":"t""#), "{given}");
    assert_eq!(get(&uri, &token), given, "kept while they are good");
    assert_eq!(asked(&rig), 2);
    let body = rig.requests().into_iter().find(|body| body.contains("Action=AssumeRole")).unwrap();
    assert!(body.contains("%22Deny%22") && body.contains("arn%3Aaws%3As3%3A%3A%3Ahome%2F%2A"), "{body}");
}

fn get(uri: &str, token: &str) -> String {
    use std::io::{Read as _, Write as _};
    let (host, path) = uri.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let mut stream = std::net::TcpStream::connect(host).unwrap();
    write!(stream, "GET /{path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: {token}\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
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

/// Tasks that were queued when their run was cancelled: short ones end as they would have, others are ended.
#[test]
fn a_queued_task_of_a_cancelled_run_is_ended_and_not_tried_again() {
    let mut rig = Rig::with_script("echo begun; [ \"$THRONG_TASK\" = 2 ] && exit 0; sleep 30 & wait");
    rig.put("in/a", b"");
    rig.put("home/runs/r/cancel.json", b"{}");
    let begin = Instant::now();
    let answer = rig.invoke(&json!({"throng": {"run": "r", "task": 1}, "bucket": "in", "key": "a"}));
    assert!(begin.elapsed() < Duration::from_secs(10), "{:?}", begin.elapsed());
    assert!(answer.ok, "an error would be tried again: {:?}", answer.body);
    let record = rig.record();
    assert_eq!((record.state, record.class), (TaskState::Cancelled, None));
    assert!(record.error.is_some_and(|error| error.contains("cancelled")));
    assert_eq!(rig.list("home/runs/r/running/"), Vec::<String>::new(), "it did not count as running");
    assert_eq!(rig.list("out/"), Vec::<String>::new());
    rig.assert_clean();
    rig.invoke(&json!({"throng": {"run": "r", "task": 2}, "bucket": "in", "key": "a"}));
    assert!(rig.list("home/runs/r/records/").iter().any(|key| key.contains("succeeded")));
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
fn all_output_survives() {
    let mut rig = Rig::with_script(
        "head -c 200000 /dev/zero | tr '\\0' x; echo; printf 'a\\377b\\n'; seq 1 20000; printf 'no end'; \
         printf 'error no end' >&2",
    );
    rig.put("in/a", b"");
    assert!(rig.notify(&["a"]).ok);
    let lines = rig.log();
    let stdout: Vec<_> = lines.iter().filter(|line| line.stream == Source::Stdout).collect();
    let partial = stdout.iter().take_while(|line| line.partial).count();
    assert!(partial >= 3, "{partial}");
    let long: String = stdout[..=partial].iter().map(|line| line.message.as_str()).collect();
    assert!(long.len() == 200_000 && long.bytes().all(|byte| byte == b'x'));
    assert_eq!(stdout[partial + 1].message, "a\u{fffd}b");
    let numbers: Vec<_> =
        stdout[partial + 2..partial + 20_002].iter().map(|line| line.message.clone()).collect();
    assert_eq!(numbers, (1..=20_000).map(|number| number.to_string()).collect::<Vec<_>>());
    assert_eq!(stdout.last().unwrap().message, "no end");
    let stderr: Vec<_> = lines.iter().filter(|line| line.stream == Source::Stderr).collect();
    assert_eq!(stderr[0].message, "error no end");
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

#[test]
fn rules_filter_outputs() {
    let mut function = function(true);
    let rule = |bucket: &str, path: &str, prefix: &[&str], suffix: &[&str]| OutputRule {
        provider: None,
        bucket: bucket.into(),
        path: path.into(),
        prefix: prefix.iter().map(ToString::to_string).collect(),
        suffix: suffix.iter().map(ToString::to_string).collect(),
    };
    function.outputs = vec![
        rule("one", "p/", &["a"], &[".txt"]),
        rule("two", "", &[], &[".png"]),
        rule("three", "x/{request_id}", &["b"], &[]),
    ];
    let script = "cd \"$TMP_OUTPUT_DIR\"; mkdir a; touch a.txt b.txt a/x.txt c.png; mkfifo pipe; ln -s /nowhere broken";
    let mut rig = Rig::start(&function, Some(script), &[]);
    rig.put("in/a", b"");
    assert!(rig.notify(&["a"]).ok);
    assert_eq!(rig.list("one/"), ["one/p/a.txt", "one/p/a/x.txt"]);
    assert_eq!(rig.list("two/"), ["two/c.png"]);
    assert_eq!(rig.list("three/"), ["three/x/request-1/b.txt"]);
}

#[test]
fn busy_storage_is_asked_again_and_large_outputs_go_in_parts() {
    let mut rig = Rig::with_script("head -c 100000000 /dev/zero > \"$TMP_OUTPUT_DIR/large\"");
    rig.put("in/a", b"x");
    rig.fault("in/a", 503);
    rig.fault("in/a", 500);
    rig.fault("out/results/large", 503);
    assert!(rig.notify(&["a"]).ok);
    assert_eq!(rig.get("out/results/large").unwrap().len(), 100_000_000);
    assert_eq!(rig.record().bytes_out, 100_000_000);
    let parts = rig.requests().iter().filter(|request| request.contains("partNumber")).count();
    assert_eq!(parts, 3);
}

#[test]
fn refused_outputs_fail_the_task() {
    let mut rig = Rig::with_script("echo x > \"$TMP_OUTPUT_DIR/x\"");
    rig.put("in/a", b"x");
    rig.fault("out/results/x", 403);
    let answer = rig.notify(&["a"]);
    assert_eq!(answer.error_type, "Throng.Output");
    assert_eq!(rig.record().class, Some(FailureClass::Output));
    assert!(rig.record().error.unwrap().contains("permissions"));
}

#[test]
fn a_broken_configuration_is_an_init_error() {
    let mut rig = Rig::start(&function(true), None, &[("THRONG_CONFIG", "/nonexistent/function.json")]);
    let answer = rig.init_error();
    assert_eq!(answer.error_type, "Throng.Init");
    assert!(answer.body["errorMessage"].as_str().unwrap().contains("/nonexistent/function.json"));
}
