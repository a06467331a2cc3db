//! Runs to their end under faults: each task in one state, each output once, counted once although delivered twice.

use super::world::{World, number, rule};
use crate::support::{between, wait_for};
use serde_json::Value;
use std::sync::{Arc, Mutex};
use throng_core::cloud::ErrorKind;
use throng_core::dataset::upload::UploadOptions;
use throng_core::run::{Follower, RunContext, RunError, follow};
use tokio_util::sync::CancellationToken;

pub const TASKS: usize = 30;

/// A world with a deployed function and inputs, then these rules.
pub fn ready(rules: &str) -> World {
    let world = World::new("");
    world.home.ok(&["deploy", &world.copier("copy", "      memory: 128\n")]);
    world.inputs(TASKS);
    world.restart(rules);
    world
}

/// Every task succeeded, and every output is there once with its content.
fn whole(world: &World, summary: &Value) {
    let counts = &summary["counts"];
    assert_eq!(
        (number(&counts["succeeded"]), number(&counts["total"])),
        (TASKS as u64, TASKS as u64),
        "{summary}"
    );
    world.restart("");
    world.home.ok(&["get", "copy-data/out/", "results"]);
    let mut names: Vec<_> = walk(&world.home.path().join("results"));
    names.sort();
    assert_eq!(names.len(), TASKS, "{names:?}");
    for (n, path) in names.iter().enumerate() {
        assert_eq!(std::fs::read_to_string(path).unwrap(), format!("content of {n}\n"), "{}", path.display());
    }
}

fn walk(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).expect("a folder").flatten();
    entries
        .flat_map(|entry| if entry.path().is_dir() { walk(&entry.path()) } else { vec![entry.path()] })
        .collect()
}

/// Runs all under these rules; all must succeed.
fn succeeds(rules: &str) -> Value {
    let world = ready(rules);
    let summary = world.home.json(&["run", "copy", "in", "--wait"]);
    assert!(world.injected() > 0, "nothing went wrong under\n{rules}");
    whole(&world, &summary);
    summary
}

#[test]
fn events_that_come_twice_late_and_out_of_order_are_counted_once() {
    succeeds(&rule("s3:event", "duplicated, share = 0.5"));
    succeeds(&rule("lambda:event", "duplicated"));
    succeeds(
        &[
            rule("s3:event", "shuffled, ms = 800, share = 0.7"),
            rule("s3:event", "delayed, ms = 500, every = 3"),
        ]
        .concat(),
    );
}

#[test]
fn throttling_errors_and_resets_of_s3_cost_no_task() {
    succeeds(&[rule("s3:*", "throttled, share = 0.1"), rule("s3:*", "error, share = 0.05")].concat());
    succeeds(
        &[
            rule("s3:PutObject", "reset-request, bytes = 4, share = 0.1"),
            rule("s3:PutObject", "reset-response, share = 0.1"),
            rule("s3:GetObject", "reset-response, bytes = 5, share = 0.1"),
            rule("s3:GetObject", "truncate, bytes = 3, share = 0.1"),
        ]
        .concat(),
    );
    succeeds(&rule("s3:GetObject", "slow, bytes_per_second = 60"));
}

#[test]
fn lists_that_break_off_are_read_again() {
    succeeds(&rule("s3:ListObjectsV2", "truncate, bytes = 100, every = 3"));
    succeeds(&rule("s3:ListObjectsV2", "unavailable, every = 2"));
}

#[test]
fn a_run_over_objects_survives_throttled_and_doubled_invocations() {
    let world = ready(
        &[
            rule("lambda:Invoke", "throttled, every = 3"),
            rule("lambda:Invoke", "reset-response, every = 7"),
            rule("lambda:event", "duplicated, every = 5"),
        ]
        .concat(),
    );
    // Where nothing starts the function, and its role may read.
    world.home.ok(&["put", "in", "throng-home/inputs/box"]);
    let summary = world.home.json(&["run", "copy", "s3://throng-home/inputs/box/", "--wait"]);
    assert!(world.faults().iter().all(|(_, injected)| *injected > 0), "{:?}", world.faults());
    whole(&world, &summary);
}

#[test]
fn events_that_are_lost_are_sent_again_when_asked() {
    let world = ready(&rule("s3:event", "lost, every = 10"));
    let run = world.home.json(&["run", "copy", "in"])["id"].as_str().expect("an id").to_owned();
    let counts = || world.home.json(&["runs", &run])["counts"].clone();
    wait_for("all but the lost ones", || number(&counts()["succeeded"]) == TASKS as u64 - 3);
    // The user is not left alone with it.
    wait_for("advice", || {
        world.run(&["runs", &run]).said.contains(&format!("`throng run --resume {run}` sends them again"))
    });
    let now = counts();
    assert_eq!((number(&now["pending"]), number(&now["total"])), (3, TASKS as u64), "{now}");
    let summary = world.home.json(&["run", "--resume", &run, "--wait"]);
    whole(&world, &summary);
    let ended = world.run(&["run", "--resume", &run]);
    assert!(ended.code == 2 && ended.said.contains("every task has begun"), "{ended:?}");
}

#[test]
fn events_that_are_lost_are_sent_again_by_whoever_waits() {
    let world = World::new("");
    world.home.write("home/config/config.toml", "[runs]\nresend_after_s = 2\n");
    let places = between("copy-data/in", "copy-data/out");
    let script = "#!/bin/sh\ncp \"$INPUT_FILE_PATH\" \"$TMP_OUTPUT_DIR/\"\n";
    let settings = format!("      timeout: 3\n      memory: 128\n{places}");
    world.home.ok(&["deploy", &world.home.function("copy", script, &settings)]);
    world.inputs(TASKS);
    world.restart(&rule("s3:event", "lost, every = 10"));
    let output = world.command(&["run", "copy", "in", "--wait", "--output", "json"]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && said.contains("sent once more: 3 tasks"), "{said}");
    whole(&world, &serde_json::from_slice(&output.stdout).unwrap());
}

#[test]
fn credentials_that_expire_while_files_are_sent_are_told_and_the_rest_is_sent_later() {
    let world =
        ready(&rule("s3:PutObject", "expired, who = \"user\", path = \"/in/\", after = 10, first = 1"));
    let ended = world.run(&["run", "copy", "in", "--wait"]);
    assert_eq!(ended.code, 4, "{ended:?}");
    assert!(ended.said.contains("expired") && ended.said.contains("aws sso login"), "{ended:?}");
    assert!(ended.said.contains("throng run --resume"), "{ended:?}");
    let summary = world.home.json(&["run", "--resume", "last", "--wait"]);
    whole(&world, &summary);
}

#[test]
fn credentials_that_expire_while_a_run_is_followed_are_told_and_following_goes_on() {
    let world = ready(&rule("s3:ListObjectsV2", "expired, who = \"user\", after = 3, first = 1"));
    let ended = world.run(&["run", "copy", "in", "--wait"]);
    assert_eq!(ended.code, 4, "{ended:?}");
    assert!(ended.said.contains("aws sso login") && ended.said.contains("--wait` follows it"), "{ended:?}");
    let run = world.home.json(&["runs", "-n", "1"])[0]["id"].as_str().expect("an id").to_owned();
    let _ = world.run(&["run", "--resume", &run]);
    let summary = world.home.json(&["runs", &run, "--wait"]);
    whole(&world, &summary);
}

/// What the screen does: it shows the error, goes on asking, and shows the run again when the credentials are good.
#[tokio::test(flavor = "multi_thread")]
async fn a_follower_outlives_expired_credentials() {
    let world = ready("");
    let run = world.home.json(&["run", "copy", "in"])["id"].as_str().expect("an id").to_owned();
    world.restart(&rule("s3:ListObjectsV2", "expired, who = \"user\", first = 3"));
    let context = RunContext::new(&world.cloud().await, &world.dirs(), UploadOptions::default()).unwrap();
    let follower = Follower::open(&context, &run).await.unwrap();
    let (views, mut shown) = tokio::sync::watch::channel(None);
    let errors: Arc<Mutex<Vec<Option<ErrorKind>>>> = Arc::default();
    let heard = errors.clone();
    let hear = move |error: Option<RunError>| {
        let kind = error.map(|error| match error {
            RunError::Cloud(error) => error.kind,
            other => panic!("{other}"),
        });
        heard.lock().unwrap().push(kind);
    };
    let token = CancellationToken::new();
    let following = tokio::spawn(follow(follower, views, hear, token.clone()));
    let end = shown.wait_for(|view| view.as_ref().is_some_and(|view| view.summary.settled));
    let end = tokio::time::timeout(std::time::Duration::from_mins(1), end).await.expect("the end").unwrap();
    let succeeded = end.as_ref().map(|view| view.summary.counts.succeeded);
    assert_eq!(succeeded, Some(TASKS as u64));
    drop(end);
    token.cancel();
    following.await.unwrap();
    let errors = errors.lock().unwrap().clone();
    assert_eq!(errors, [Some(ErrorKind::Auth), Some(ErrorKind::Auth), Some(ErrorKind::Auth), None]);
}

/// Kills `throng run` when its request hangs.
fn killed_while(world: &World, hanging: usize) {
    let mut child = world.spawn(&["run", "copy", "in"]);
    wait_for("a hanging request", || world.faults()[hanging].1 == 1);
    child.kill().expect("kill -9");
    child.wait().expect("it is dead");
}

#[test]
fn a_launch_that_is_killed_at_any_step_is_gone_or_goes_on() {
    let hang = |path: &str, fault: &str| {
        rule("s3:PutObject", &format!("{fault}, who = \"user\", path = \"{path}\", first = 1"))
    };
    let world = ready(
        &[hang("/manifest", "hang-after"), hang("/run.json", "hang"), hang("copy-data/in/", "hang")].concat(),
    );
    // Before run.json there is no run.
    for hanging in 0..2 {
        killed_while(&world, hanging);
        assert_eq!(world.home.json(&["runs"]), serde_json::json!([]));
    }
    // Then there is one, of which not all was sent; only one throng at a time sends the rest.
    let mut child = world.spawn(&["run", "copy", "in"]);
    wait_for("a hanging request", || world.faults()[2].1 == 1);
    let second = world.run(&["run", "--resume", "last"]);
    assert_eq!(second.code, 2, "{second:?}");
    assert!(second.said.contains("being sent already, here or by another throng"), "{second:?}");
    child.kill().expect("kill -9");
    child.wait().expect("it is dead");
    let summary = world.home.json(&["run", "--resume", "last", "--wait"]);
    whole(&world, &summary);
}

#[test]
fn a_large_file_is_sent_through_resets_of_its_parts() {
    let world = World::new(
        &[
            rule("s3:UploadPart", "reset-request, bytes = 100000, every = 3"),
            rule("s3:UploadPart", "throttled, every = 4"),
            rule("s3:CreateMultipartUpload", "error, first = 1"),
            rule("s3:CompleteMultipartUpload", "reset-response, first = 1"),
            rule("s3:GetObject", "reset-response, bytes = 3000000, first = 1"),
        ]
        .concat(),
    );
    let body: Vec<u8> = (0..40 << 20_u32).map(|n: u32| n.to_le_bytes()[1]).collect();
    std::fs::write(world.home.path().join("large"), &body).unwrap();
    let ended = world.run(&["put", "large", "store/"]);
    assert_eq!(ended.code, 0, "{ended:?}");
    let ended = world.run(&["get", "store/large", "back"]);
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(world.faults().iter().all(|(_, injected)| *injected > 0), "{:?}", world.faults());
    let back = walk(&world.home.path().join("back"));
    assert!(back.len() == 1 && std::fs::read(&back[0]).unwrap() == body, "{back:?}");
}

#[test]
fn a_cloud_that_is_stopped_in_the_middle_of_a_run_fails_no_task() {
    let world = World::new("");
    let script = "#!/bin/sh\nsleep 0.4\ncp \"$INPUT_FILE_PATH\" \"$TMP_OUTPUT_DIR/\"\n";
    world.home.ok(&["deploy", &world.function("copy", script, "      memory: 128\n")]);
    world.inputs(TASKS);
    let run = world.home.json(&["run", "copy", "in"])["id"].as_str().expect("an id").to_owned();
    for _ in 0..2 {
        wait_for("some run", || {
            let status = world.home.json(&["local", "status"]);
            status["status"]["lambda"]["running"].as_array().is_some_and(|running| !running.is_empty())
        });
        world.restart("");
    }
    let summary = world.home.json(&["runs", &run, "--wait"]);
    whole(&world, &summary);
}

#[test]
fn tasks_whose_results_or_records_cannot_be_stored_have_failed_and_are_counted() {
    const FEW: u64 = 3;
    for path in ["copy-data/out/", "throng-home/l/"] {
        let world = World::new("");
        world.home.ok(&["deploy", &world.copier("copy", "      memory: 128\n")]);
        world.inputs(3);
        world.restart(&rule("s3:PutObject", &format!("error, who = \"function\", path = \"{path}\"")));
        let summary = world.home.json(&["run", "copy", "in", "--wait"]);
        let counts = &summary["counts"];
        assert_eq!((number(&counts["failed"]), number(&counts["total"])), (FEW, FEW), "{summary}");
        assert!(summary["settled"] == true && world.injected() >= FEW, "{summary}");
    }
}
