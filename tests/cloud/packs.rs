//! Packs: several tasks in one invocation, through the whole program.

use crate::faults::world::{Ended, World, number, rule};
use crate::support::processes::kill;
use crate::support::{Home, between, wait_for};
use serde_json::{Value, json};
use std::collections::BTreeSet;

const COPY: &str = "echo this is $THRONG_TASK; cp \"$INPUT_FILE_PATH\" \"$TMP_OUTPUT_DIR/\"\n";

/// How many objects there are below a prefix of the home bucket.
fn there(home: &Home, prefix: &str) -> usize {
    let all = home.json(&["ls", &format!("s3://throng-home/{prefix}"), "--recursive"]);
    all["objects"].as_array().or(all.as_array()).unwrap_or_else(|| panic!("{all}")).len()
}

/// The law: every task has one state, and all of them are the manifest.
fn assert_whole(run: &Value, total: u64) {
    let counts = run["counts"].as_object().unwrap_or_else(|| panic!("{run}"));
    let states = counts.iter().filter(|(name, _)| *name != "total").map(|(_, count)| number(count));
    assert_eq!((states.sum::<u64>(), number(&run["counts"]["total"])), (total, total), "{run}");
}

#[test]
fn ninety_five_tasks_are_ten_invocations_with_a_record_and_a_log_each() {
    let home = Home::new();
    let more =
        format!("      retries: 1\n      pack: 10\n      timeout: 60\n{}", between("many/in", "many/out"));
    let file = home.function("many", &format!("#!/bin/sh\n{COPY}"), &more);
    let checked = home.ok(&["check", &file]);
    assert!(checked.contains("10 tasks of a run share an invocation"), "{checked}");
    let deployed = home.ok(&["deploy", &file]);
    assert!(deployed.contains("start markers in bucket"), "{deployed}");
    for n in 0..95 {
        home.write(&format!("in/{n:02}.txt"), &n.to_string());
    }
    let run = home.json(&["run", "many", "in", "--wait"]);
    assert_eq!(run["counts"]["succeeded"], 95, "{run}");
    assert_whole(&run, 95);
    assert_eq!(there(&home, "packs/"), 10);
    let tasks = home.json(&["tasks", "last"]);
    let tasks = tasks.as_array().unwrap();
    let requests: BTreeSet<_> = tasks.iter().map(|task| task["request_id"].as_str().unwrap()).collect();
    assert_eq!((tasks.len(), requests.len()), (95, 10));
    assert!(tasks.iter().all(|task| task["attempts"] == 1), "{tasks:?}");
    // Its place says nothing about triggers: these files started nothing a second time.
    assert_eq!(there(&home, "inputs/"), 95);
    wait_for("the task's line", || {
        home.ok(&["logs", "many", "--run", "last", "--task", "37"]).contains("this is 37")
    });
    let log = home.ok(&["logs", "many", "--run", "last", "--task", "37"]);
    assert_eq!(log.matches("this is").count(), 1, "{log}");
    // For one run, each its own: then the trigger starts them again.
    let alone = home.json(&["run", "many", "in", "--wait", "--pack", "1"]);
    assert_eq!((&alone["counts"]["succeeded"], there(&home, "packs/")), (&json!(95), 10), "{alone}");
}

fn killer(world: &World, more: &str) -> String {
    let script = format!(
        "#!/bin/sh\n[ \"$(cat $INPUT_FILE_PATH)\" != bad ] || {{ sleep 1.5; kill -9 $PPID; sleep 9; }}\n{COPY}"
    );
    world.function("killer", &script, &format!("      retries: 1\n{more}"))
}

#[test]
fn what_kills_its_environment_fails_alone() {
    let world = World::new("");
    let home = &world.home;
    home.ok(&["deploy", &killer(&world, "      pack: 10\n")]);
    for n in 0..20 {
        home.write(&format!("in/{n:02}.txt"), if n == 3 { "bad" } else { "good" });
    }
    let Ended { code, said } = world.run(&["run", "killer", "in", "--wait"]);
    assert_eq!(code, 1, "{said}");
    let run = home.json(&["runs", "last"]);
    assert_eq!((&run["counts"]["succeeded"], &run["counts"]["failed"]), (&json!(19), &json!(1)), "{run}");
    assert_whole(&run, 20);
    let task = home.json(&["tasks", "last", "3"]);
    let told = task.to_string();
    assert!(
        told.contains("interrupted") && told.contains("the environment ended while this task ran"),
        "{told}"
    );
    assert_eq!(home.json(&["tasks", "last", "--state", "failed"])[0]["attempts"], 2, "tried again, as alone");
    assert_eq!(there(home, "start/killer/"), 1, "what was left after Lambda's only repetition");
}

/// A function that was deployed without `pack` has no notification: who follows starts what is left.
#[test]
fn what_a_pack_has_no_time_for_goes_on_with_and_without_a_notification() {
    for pack in ["      pack: 6\n", ""] {
        let world = World::new("");
        let home = &world.home;
        let script = format!("#!/bin/sh\nsleep 0.8\n{COPY}");
        let places = between("slow/in", "slow/out");
        let more =
            format!("        timeout_threshold: 1\n      timeout: 4\n      retries: 1\n{pack}{places}");
        home.ok(&["deploy", &home.function("slow", &script, &more)]);
        world.inputs(6);
        let run = home.json(&["run", "slow", "in", "--wait", "--pack", "6"]);
        assert_eq!(run["counts"]["succeeded"], 6, "{run}");
        assert!(there(home, "start/slow/") >= 1, "three seconds are too few for six");
        assert!(there(home, "packs/") >= 2);
    }
}

#[test]
fn a_run_goes_on_after_kills_of_the_client_and_of_the_cloud() {
    let hang = rule("lambda:Invoke", "hang, who = \"user\", after = 1, first = 1");
    let world = World::new(&hang);
    let home = &world.home;
    let script = format!("#!/bin/sh\nsleep 0.3\n{COPY}");
    home.ok(&["deploy", &world.function("long", &script, "      retries: 1\n      pack: 5\n")]);
    world.inputs(20);
    let mut child = world.spawn(&["run", "long", "in"]);
    wait_for("a hanging invocation", || world.injected() == 1);
    child.kill().expect("kill -9");
    child.wait().expect("it is dead");
    let mut following = world.spawn(&["run", "--resume", "last", "--wait"]);
    wait_for("the first records", || {
        let run = home.json(&["runs", "last"]);
        number(&run["counts"]["succeeded"]) >= 2
    });
    kill(home.daemon().expect("a daemon"));
    following.wait().expect("it ends, or gives up");
    world.restart("");
    let Ended { code, said } = world.run(&["runs", "last", "--wait"]);
    assert_eq!(code, 0, "{said}");
    let run = home.json(&["runs", "last"]);
    assert_eq!(run["counts"]["succeeded"], 20, "{run}");
    assert_whole(&run, 20);
}

#[test]
fn a_cancelled_run_stops_between_the_tasks_of_a_pack() {
    let world = World::new("");
    let home = &world.home;
    let script = format!("#!/bin/sh\nsleep 1.2\n{COPY}");
    home.ok(&["deploy", &world.function("endless", &script, "      retries: 1\n      pack: 10\n")]);
    world.inputs(10);
    home.ok(&["run", "endless", "in"]);
    wait_for("a task that runs", || number(&home.json(&["runs", "last"])["counts"]["running"]) == 1);
    home.ok(&["cancel", "last"]);
    let run = home.json(&["runs", "last"]);
    assert_whole(&run, 10);
    wait_for("the end", || home.json(&["runs", "last"])["settled"] == true);
    let run = home.json(&["runs", "last"]);
    assert!(number(&run["counts"]["cancelled"]) >= 7, "{run}");
    assert_whole(&run, 10);
}

#[test]
fn what_cannot_be_packed_is_refused_with_what_to_do() {
    let home = Home::new();
    let file = home.function("plain", "#!/bin/sh\ntrue\n", "      pack: 10\n");
    let output = home.run(&["check", &file]);
    let said =
        String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
    assert!(!output.status.success() && said.contains("needs `retries: 1` or `2`"), "{said}");
    home.ok(&["deploy", &home.function("plain", "#!/bin/sh\ntrue\n", "")]);
    let output = home.run(&["run", "plain", "--tasks", "3", "--pack", "10"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && said.contains("deploy it with `retries: 1`"), "{said}");
}
