//! What becomes of outputs: of files, and of what is printed.

use crate::rig::{Rig, function};
use throng_contract::{FailureClass, OutputRule, Source};

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
