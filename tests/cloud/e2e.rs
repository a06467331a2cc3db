//! The whole program on the embedded cloud: definitions in, results out, and every way in which a task can end.
//!
//! Needs a kernel that allows user namespaces; `throng doctor` says how to get one.
#![allow(clippy::case_sensitive_file_extension_comparisons)]

use crate::support::{Home, between, descendants, wait_for};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;

/// A function from a small root filesystem with a shell, reading from `data/in`, writing to `data/out`.
fn function(home: &Home, name: &str, script: &str, settings: &str) -> String {
    let places = between(&format!("{name}-data/in"), &format!("{name}-data/out"));
    home.function(name, script, &format!("        timeout_threshold: 1\n{settings}{places}"))
}

fn settings(memory: u32, timeout: u32) -> String {
    format!("      memory: {memory}\n      timeout: {timeout}\n")
}

/// State and class of each task by the name of its input.
fn endings(home: &Home, run: &str) -> BTreeMap<String, String> {
    let tasks = home.json(&["tasks", run]);
    let task = |task: &Value| {
        let name = task["key"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
        let class = task["class"].as_str().map(|class| format!("/{class}")).unwrap_or_default();
        (name, format!("{}{class}", task["state"].as_str().unwrap()))
    };
    tasks.as_array().unwrap().iter().map(task).collect()
}

#[test]
fn the_demo_turns_medical_images_into_pictures() {
    let home = Home::new();
    let result = home.json(&["demo", "--no-tui", "--to", "results"]);
    let total = result["run"]["counts"]["succeeded"].as_u64().unwrap();
    assert!(total >= 5, "{result}");
    assert_eq!(result["run"]["counts"]["failed"], 0, "{result}");
    let files: Vec<_> = walk(&home.path().join("results"));
    let pictures: Vec<_> = files.iter().filter(|path| path.ends_with(".png")).collect();
    let statistics: Vec<_> = files.iter().filter(|path| path.ends_with(".json")).collect();
    assert_eq!(pictures.len() as u64, total);
    assert_eq!(statistics.len() as u64, total);
    for path in pictures {
        let image = image::open(path).expect("a picture");
        assert!(image.width() > 100 && image.height() > 50, "{path}");
        let grey = image.to_luma8();
        let (low, high) = grey.pixels().fold((255, 0), |(low, high), p| (p.0[0].min(low), p.0[0].max(high)));
        assert!(high - low > 100, "{path} shows nothing");
    }
    for path in statistics {
        let value: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).expect("JSON");
        assert!(value["mean"].is_number() || value["statistics"]["mean"].is_number(), "{path}: {value}");
    }
}

fn walk(folder: &Path) -> Vec<String> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).expect("the folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            files.extend(walk(&path));
        } else {
            files.push(path.display().to_string());
        }
    }
    files
}

#[test]
fn every_way_to_end_has_its_state_and_class_and_leaves_no_process() {
    let home = Home::new();
    let script = r#"#!/bin/sh
case $(cat "$INPUT_FILE_PATH") in
  ok) echo fine > "$TMP_OUTPUT_DIR/result-$(cat "$INPUT_FILE_PATH").txt" ;;
  fail) echo partial > "$TMP_OUTPUT_DIR/partial"; echo 'it broke: no such thing' >&2; exit 3 ;;
  slow) sleep 600 ;;
  stubborn) trap '' TERM; (trap '' TERM; sleep 601 & sleep 602) & sleep 603 ;;
  memory) dd if=/dev/zero of=/dev/null bs=400M count=20 ;;
  storage) dd if=/dev/zero of=/tmp/big bs=1M count=700 ;;
esac
"#;
    // Long enough to fill /tmp on a busy machine: functions yield.
    let yaml = function(&home, "ways", script, &settings(256, 15));
    for way in ["ok", "fail", "slow", "stubborn", "memory", "storage"] {
        home.write(&format!("in/{way}"), way);
    }
    home.ok(&["deploy", &yaml]);
    let output = home.run(&["run", "ways", "in", "--wait"]);
    assert_eq!(
        output.status.code(),
        Some(1),
        "some tasks failed: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let expected = [
        ("fail", "failed/script"),
        ("memory", "failed/memory"),
        ("ok", "succeeded"),
        ("slow", "timed-out/timeout"),
        ("storage", "failed/storage"),
        ("stubborn", "timed-out/timeout"),
    ];
    let expected: BTreeMap<_, _> = expected.into_iter().map(|(a, b)| (a.to_owned(), b.to_owned())).collect();
    assert_eq!(endings(&home, "last"), expected);

    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("--state failed --state timed-out` lists them"), "{said}");
    let listed = home.ok(&["tasks", "last", "--state", "failed"]);
    assert!(listed.contains("exit code 3: it broke: no such thing"), "{listed}");
    let cancelled = home.ok(&["cancel", "last"]);
    assert!(cancelled.contains("has ended already"), "{cancelled}");
    assert_eq!(home.json(&["runs", "last"])["cancelled"], false);

    let failed = home.json(&["tasks", "last", "--state", "failed"]);
    let number =
        failed.as_array().unwrap().iter().find(|task| task["class"] == "script").unwrap()["task"].to_string();
    let task = home.json(&["tasks", "last", &number]);
    assert_eq!(task["records"][0]["exit_code"], 3, "{task}");
    assert!(task["records"][0]["stderr_tail"].to_string().contains("it broke"), "{task}");
    let keys = home.ok(&["ls", "ways-data/out", "-r"]);
    assert!(keys.contains("result-ok.txt") && !keys.contains("partial"), "{keys}");

    let daemon = home.daemon().expect("the local cloud");
    let sleepers = || {
        descendants(daemon)
            .into_iter()
            .filter(|pid| {
                let command = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
                String::from_utf8_lossy(&command).starts_with("sleep\0")
            })
            .count()
    };
    wait_for("the scripts' processes are gone", || sleepers() == 0);
}

#[test]
fn a_killed_cloud_loses_nothing() {
    const TASKS: usize = 200;
    let home = Home::new();
    let script = "#!/bin/sh\nsleep 0.05\nwc -c < \"$INPUT_FILE_PATH\" > \"$TMP_OUTPUT_DIR/$(cat \"$INPUT_FILE_PATH\").count\"\n";
    let yaml = function(&home, "kept", script, &settings(256, 30));
    for index in 0..TASKS {
        home.write(&format!("in/f{index:04}"), &format!("f{index:04}"));
    }
    home.ok(&["deploy", &yaml]);
    let run = home.json(&["run", "kept", "in"])["id"].as_str().expect("an id").to_owned();
    let done = |home: &Home| home.json(&["runs", &run])["counts"]["succeeded"].as_u64().unwrap_or(0);
    wait_for("some tasks are done", || done(&home) > 10);
    let daemon = home.daemon().expect("the local cloud");
    nix::sys::signal::kill(
        nix::unistd::Pid::from_raw(daemon.cast_signed()),
        nix::sys::signal::Signal::SIGKILL,
    )
    .expect("kills it");
    wait_for("it is dead", || !Path::new(&format!("/proc/{daemon}")).exists() || is_zombie(daemon));
    home.ok(&["local", "start"]);
    let summary = home.json(&["runs", &run, "--wait"]);
    assert_eq!(summary["counts"]["succeeded"], TASKS, "{summary}");
    assert!(endings(&home, &run).values().all(|ending| ending == "succeeded"));
    home.ok(&["get", "kept-data/out/", "results"]);
    assert_eq!(walk(&home.path().join("results")).len(), TASKS);
}

#[test]
fn whoever_waits_brings_a_killed_cloud_back() {
    const TASKS: usize = 100;
    let home = Home::new();
    let script = "#!/bin/sh\nsleep 0.05\ncp \"$INPUT_FILE_PATH\" \"$TMP_OUTPUT_DIR/\"\n";
    let yaml = function(&home, "waited", script, &settings(256, 30));
    for index in 0..TASKS {
        home.write(&format!("in/f{index:04}"), "x");
    }
    home.ok(&["deploy", &yaml]);
    let run = home.json(&["run", "waited", "in"])["id"].as_str().expect("an id").to_owned();
    let mut wait = home.command(&["runs", &run, "--wait", "--output", "json"]);
    let waiting = wait.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("throng runs");
    let done = || home.json(&["runs", &run])["counts"]["succeeded"].as_u64().unwrap_or(0);
    wait_for("some tasks are done", || done() > 10);
    let daemon = home.daemon().expect("the local cloud");
    let pid = nix::unistd::Pid::from_raw(daemon.cast_signed());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL).expect("kills it");
    let ended = waiting.wait_with_output().expect("it ends");
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success() && said.contains("it was started again"), "{said}");
    let summary: Value = serde_json::from_slice(&ended.stdout).expect("JSON");
    assert_eq!(summary["counts"]["succeeded"], TASKS, "{summary}");
    assert_ne!(home.daemon(), Some(daemon), "another one");
}

fn is_zombie(pid: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| stat.contains(") Z "))
}

#[test]
fn files_go_up_and_come_back() {
    let home = Home::new();
    home.write("set/a.txt", "alpha");
    home.write("set/sub folder/b+c é.txt", "beta");
    home.ok(&["put", "set", "store/box"]);
    let listed = home.json(&["ls", "store/box", "-r"]);
    let keys: Vec<_> =
        listed.as_array().unwrap().iter().map(|object| object["key"].as_str().unwrap()).collect();
    assert_eq!(keys.len(), 2, "{keys:?}");
    assert!(keys.iter().any(|key| key.ends_with("sub folder/b+c é.txt")), "{keys:?}");
    home.ok(&["get", "store/box/", "back"]);
    let mut files = walk(&home.path().join("back"));
    files.sort();
    let bodies: Vec<_> = files.iter().map(|file| std::fs::read_to_string(file).unwrap()).collect();
    assert_eq!(bodies, ["alpha", "beta"]);
    home.ok(&["rm", "--yes", "object", "store/box/"]);
    home.ok(&["rm", "--yes", "bucket", "store"]);
    assert!(home.json(&["ls"]).as_array().unwrap().iter().all(|bucket| bucket["name"] != "store"));
}

#[test]
fn logs_and_answers_of_one_invocation() {
    let home = Home::new();
    let script = "#!/bin/sh\necho \"hello $(cat \"$INPUT_FILE_PATH\")\"\necho oops >&2\n";
    let yaml = function(&home, "greet", script, &settings(256, 20));
    home.ok(&["deploy", &yaml]);
    assert!(home.ok(&["deploy", &yaml]).contains("Nothing had to be changed"));
    let answer = home.ok(&["invoke", "greet", "--data", "{\"name\": \"world\"}"]);
    assert!(answer.contains("hello {\"name\""), "{answer}");
    home.write("say.sh", "printf '<%s>' \"$@\"\n");
    assert_eq!(home.ok(&["invoke", "greet", "--script", "say.sh", "--", "a b", "c"]), "<a b><c>");
    home.write("bad.sh", "echo \"cannot\"; exit 3\n");
    let failed = home.run(&["invoke", "greet", "--script", "bad.sh"]);
    let text = String::from_utf8_lossy(&failed.stderr).into_owned();
    assert_eq!(failed.status.code(), Some(1));
    assert!(text.starts_with("throng: the function failed: ") && !text.contains("errorMessage"), "{text}");
    let lines = ["INFO  START", "cannot"]
        .map(|end| text.lines().any(|line| line.starts_with("greet ") && line.ends_with(end)));
    assert_eq!(lines, [true, true], "{text}");
    let mut log = String::new();
    wait_for("the log has the lines", || {
        log = home.ok(&["logs", "greet"]);
        log.contains("hello") && log.contains("oops") && log.contains("REPORT")
    });
    let place = |text: &str| log.find(text).unwrap_or_else(|| panic!("no {text} in {log}"));
    assert!(place("START") < place("hello") && place("hello") < place("REPORT"), "{log}");
    home.ok(&["rm", "--yes", "function", "greet"]);
    assert_eq!(home.run(&["functions", "greet"]).status.code(), Some(1));
    assert_eq!(home.json(&["image", "ls"]), serde_json::json!([]), "its image is gone, too");
}

/// Somebody removed the image of a function that is deployed: deploying brings it back.
#[test]
fn a_function_whose_image_is_gone_is_repaired_by_deploying() {
    let home = Home::new();
    let yaml = function(&home, "again", "#!/bin/sh\necho here\n", &settings(256, 20));
    home.ok(&["deploy", &yaml]);
    let asked = home.run(&["image", "rm", "again"]);
    let text = String::from_utf8_lossy(&asked.stderr).into_owned();
    assert!(!asked.status.success() && text.contains("Function again is made of it"), "{text}");
    home.ok(&["image", "rm", "again", "--yes"]);
    let planned = home.ok(&["deploy", "--dry-run", &yaml]);
    assert!(planned.contains("its registry has it no more"), "{planned}");
    home.ok(&["deploy", &yaml]);
    assert!(home.ok(&["deploy", &yaml]).contains("Nothing had to be changed"));
    // Once the cloud has noticed, too.
    home.ok(&["image", "rm", "again", "--yes"]);
    home.ok(&["local", "stop"]);
    home.ok(&["local", "start"]);
    wait_for("the function has failed", || home.json(&["functions", "again"])["state"] == "Failed");
    home.ok(&["deploy", &yaml]);
    assert_eq!(home.ok(&["invoke", "again", "--data", "{}"]), "here\n");
    home.ok(&["image", "rm", "again", "--yes"]);
    let removed = home.ok(&["rm", "function", "again", "--yes"]);
    assert!(!removed.contains("404"), "{removed}");
}

/// What has begun ends, what was queued does not run, and the run has not ended before that is so.
#[test]
fn cancelling_a_run_stops_what_is_queued_and_waits_for_what_runs() {
    let home = Home::new();
    let more = format!("{}      concurrency: 1\n", settings(256, 60));
    let script = "#!/bin/sh\nsleep 6\ncp \"$INPUT_FILE_PATH\" \"$TMP_OUTPUT_DIR\"\n";
    home.ok(&["deploy", &function(&home, "slow", script, &more)]);
    for name in ["a", "b", "c", "d"] {
        home.write(&format!("set/{name}"), name);
    }
    home.ok(&["run", "slow", "set"]);
    let counts = |name: &str| home.json(&["runs", "last"])["counts"][name].as_u64().unwrap();
    wait_for("the first task runs", || counts("running") == 1);
    home.ok(&["cancel", "last"]);
    let run = home.json(&["runs", "last"]);
    assert_eq!((&run["settled"], &run["ended_ms"]), (&false.into(), &Value::Null), "{run}");
    assert_eq!((counts("running"), counts("cancelled")), (1, 3));
    wait_for("the end", || home.json(&["runs", "last"])["settled"] == true);
    assert_eq!((counts("succeeded"), counts("cancelled")), (1, 3));
    // The queue comes to its end without having done any work.
    wait_for("every task was looked at", || {
        let tasks = home.json(&["tasks", "last"]);
        tasks.as_array().unwrap().iter().all(|task| task["attempts"] == 1)
    });
    assert_eq!((counts("succeeded"), counts("cancelled")), (1, 3));
    assert_eq!(home.json(&["ls", "slow-data/out/", "-r"]).as_array().unwrap().len(), 1);
}

#[test]
fn an_idle_environment_ends_without_a_word() {
    let mut home = Home::new();
    // A minute of waiting lasts 60 ms.
    home.set("THRONG_LOCAL_TIME_SCALE", "1000");
    home.ok(&["deploy", &function(&home, "quiet", "#!/bin/sh\necho here\n", &settings(256, 20))]);
    let mut log = String::new();
    for _ in 0..4 {
        home.ok(&["invoke", "quiet", "--data", "{}"]);
        wait_for("no environment is left", || {
            let status = home.json(&["local", "status"]);
            status["status"]["lambda"]["environments"].as_array().is_some_and(Vec::is_empty)
        });
    }
    wait_for("the log has the lines", || {
        log = home.ok(&["logs", "quiet"]);
        log.matches("REPORT").count() == 4
    });
    assert!(!log.contains("ERROR") && !log.contains("throng-runtime:"), "{log}");
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    for verb in [&["completions", "bash"][..], &["man"]] {
        let home = Home::new();
        let mut command = home.command(verb);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success() && text.is_empty(), "{verb:?}: {text}");
    }
}

#[test]
fn wrong_use_is_refused_with_its_own_exit_code() {
    let home = Home::new();
    home.write("bad.yaml", "functions:\n  aws:\n  - lambda:\n      name: x\n      memory: 64\n");
    let output = home.run(&["check", "bad.yaml"]);
    assert_eq!(output.status.code(), Some(2));
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(text.contains("bad.yaml:5") && text.contains("64") && text.contains("128"), "{text}");
    assert_eq!(home.run(&["no-such-verb"]).status.code(), Some(2));
    assert_eq!(home.run(&["--context", "nowhere", "functions"]).status.code(), Some(2));
    home.write(
        "home/config/config.toml",
        "[contexts.gone]\nregion = \"us-east-1\"\nendpoint = \"http://127.0.0.1:9\"\n",
    );
    let output = home
        .command(&["--context", "gone", "functions"])
        .env("AWS_ACCESS_KEY_ID", "x")
        .env("AWS_SECRET_ACCESS_KEY", "y")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(3), "{}", String::from_utf8_lossy(&output.stderr));
}
