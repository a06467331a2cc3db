//! Limits of a run instead of its function's own: less time, and fewer tasks at a time.

use crate::support::{Home, between, wait_for};
use std::process::Stdio;

/// Deploys a function from `slow-data/in` to `slow-data/out`.
fn deploy(home: &Home, script: &str) {
    let places = between("slow-data/in", "slow-data/out");
    let yaml = home.function(
        "slow",
        &format!("#!/bin/sh\n{script}\n"),
        &format!("        timeout_threshold: 1\n      timeout: 60\n{places}"),
    );
    home.ok(&["deploy", &yaml]);
}

fn said(home: &Home, arguments: &[&str]) -> String {
    let output = home.run(arguments);
    assert!(!output.status.success());
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_run_may_have_less_time_than_its_function() {
    let home = Home::new();
    deploy(
        &home,
        "[ \"$(cat \"$INPUT_FILE_PATH\")\" = long ] && sleep 50; cp \"$INPUT_FILE_PATH\" \"$TMP_OUTPUT_DIR/\"",
    );
    home.write("set/a", "short");
    home.write("set/b", "long");
    let output = home.run(&["run", "slow", "set/.", "--timeout", "2", "--wait", "--output", "json"]);
    assert_eq!(output.status.code(), Some(1));
    let run: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&run["counts"]["succeeded"], &run["counts"]["timed-out"]), (&1.into(), &1.into()), "{run}");
    assert_eq!(run["overrides"]["timeout_s"], 2);
    let task = home.json(&["tasks", "last", "1"]);
    let ran = task["records"][0]["phases"]["run_ms"].as_f64().unwrap();
    assert!((1_900.0..20_000.0).contains(&ran), "{task}");
    assert!(home.ok(&["runs", run["id"].as_str().unwrap()]).contains("ended after 2 s"));
    assert_eq!(home.json(&["functions", "slow"])["timeout_s"], 60, "the function is as it was");
    for (option, value, words) in [
        ("--timeout", "60", "itself ends after 60 s"),
        ("--timeout", "901", "1 to 900 seconds"),
        ("--concurrency", "0", "1 to 100000"),
    ] {
        let said = said(&home, &["run", "slow", "set/.", option, value]);
        assert!(said.contains(words), "{said}");
    }
}

/// The most scripts that were under way together, by their own reckoning.
fn most_together(home: &Home) -> u64 {
    let tasks = home.json(&["tasks", "last"]);
    let mut times: Vec<(u64, i64)> = Vec::new();
    for task in tasks.as_array().unwrap() {
        let ended = task["ended_ms"].as_u64().unwrap();
        times.extend([(ended - task["duration_ms"].as_u64().unwrap(), 1), (ended, -1)]);
    }
    times.sort_unstable();
    let mut together = 0;
    let most = times.iter().map(|(_, by)| {
        together += by;
        together
    });
    most.max().unwrap_or(0).unsigned_abs()
}

#[test]
fn no_more_tasks_than_asked_for_are_under_way_also_after_a_kill() {
    let home = Home::new();
    deploy(&home, "sleep 1; cp \"$INPUT_FILE_PATH\" \"$TMP_OUTPUT_DIR/\"");
    for number in 0..6 {
        home.write(&format!("set/{number}"), &number.to_string());
    }
    let run = home.json(&["run", "slow", "set/.", "--concurrency", "2", "--wait"]);
    assert_eq!(
        (&run["counts"]["succeeded"], &run["overrides"]["concurrency"]),
        (&6.into(), &2.into()),
        "{run}"
    );
    let most = most_together(&home);
    assert!((1..=2).contains(&most), "{most}");

    // Objects that are there, and a client that is killed: what it has not sent stays pending, and can be sent.
    let mut client = home
        .command(&["run", "slow", "s3://throng-home/inputs/", "--no-select", "--concurrency", "1"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let first = run["id"].clone();
    wait_for("a task of the second run", || {
        let last = &home.json(&["runs"])[0];
        last["id"] != first && last["counts"]["succeeded"].as_u64() > Some(0)
    });
    client.kill().unwrap();
    client.wait().unwrap();
    let left = home.json(&["runs", home.json(&["runs"])[0]["id"].as_str().unwrap()]);
    assert!(left["counts"]["pending"].as_u64() > Some(0), "{left}");
    let resumed = home.json(&["run", "--resume", "last", "--wait"]);
    assert_eq!(resumed["counts"]["succeeded"], 6, "{resumed}");
    assert_eq!(most_together(&home), 1);
}

/// A function of which one runs at a time, for a quarter of an hour at worst: twelve tasks begin within three hours.
#[test]
fn what_would_grow_too_old_in_the_queue_is_held_back_and_goes_on_after_a_kill() {
    let home = Home::new();
    let places = between("slow-data/in", "slow-data/out");
    let script =
        "#!/bin/sh\nsleep \"$(cat \"$INPUT_FILE_PATH\")\"; cp \"$INPUT_FILE_PATH\" \"$TMP_OUTPUT_DIR/\"\n";
    let more = format!("      timeout: 900\n      concurrency: 1\n{places}");
    home.ok(&["deploy", &home.function("slow", script, &more)]);
    for number in 0..30 {
        // What is sent first takes a while, so that the rest is seen to wait.
        home.write(&format!("set/{number:02}"), if number < 12 { "2" } else { "0" });
    }
    let mut client =
        home.command(&["run", "slow", "set/."]).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    wait_for("tasks that are held back", || home.json(&["runs"])[0]["held"].as_u64() > Some(0));
    client.kill().unwrap();
    let output = client.wait_with_output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(told.contains("of 30 tasks, 12 are sent at first, the rest as these end"), "{told}");

    let run = home.json(&["runs", "last"]);
    let held = run["held"].as_u64().unwrap();
    assert!((1..=18).contains(&held) && run["counts"]["total"] == 30, "{run}");
    assert!(run["counts"]["pending"].as_u64() >= Some(held), "{run}");
    let id = run["id"].as_str().unwrap();
    let page = home.ok(&["runs", id]);
    assert!(page.contains(" held back, sent as the queue drains") && page.contains("--resume"), "{page}");
    assert!(home.ok(&["runs"]).contains("held back"));
    let stored = home.json(&["ls", "slow-data/in/", "-r"]).as_array().unwrap().len();
    assert!((12..30).contains(&stored), "what is held back is not even uploaded: {stored}");

    let resumed = home.json(&["run", "--resume", "last", "--wait"]);
    assert_eq!((&resumed["counts"]["succeeded"], &resumed["held"]), (&30.into(), &serde_json::Value::Null));
    let tasks = home.json(&["tasks", "last"]);
    assert!(tasks.as_array().unwrap().iter().all(|task| task["attempts"] == 1), "each once: {tasks}");
}
