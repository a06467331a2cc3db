//! What an older version wrote is read and carried on by this one: configuration, ledger, database, logs, upload journal.
//! `tests/fixtures/v0.1/README.md` says what there is.

use crate::support::{Home, between};
use serde_json::{Value, json};
use std::path::Path;
use std::time::{Duration, SystemTime};

const ENDED: &str = "20261129-163913-qnck";
const OPEN: &str = "20261129-163914-6dkn";
const KILLED: &str = "20261129-163915-q9xn";
/// When the inputs of the killed run were changed.
const CHANGED: Duration = Duration::from_secs(1_700_000_000);

fn unpacked(name: &str) -> Home {
    let home = Home::new();
    let packed = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/v0.1").join(name);
    let packed = std::fs::File::open(packed).expect("the fixture");
    tar::Archive::new(flate2::read::GzDecoder::new(packed)).unpack(home.path()).expect("unpacks");
    home
}

/// A copy of what version 0.1 left.
fn left_by_v0_1() -> Home {
    let home = unpacked("state.tar.gz");
    let plan = home.path().join(format!("home/state/runs/local/{KILLED}/plan.jsonl"));
    let text = std::fs::read_to_string(&plan).expect("the plan");
    std::fs::write(plan, text.replace("/fixture", home.path().to_str().expect("UTF-8"))).expect("writes");
    for entry in std::fs::read_dir(home.path().join("in3")).expect("the inputs").flatten() {
        let file = std::fs::File::options().write(true).open(entry.path()).expect("an input");
        file.set_modified(SystemTime::UNIX_EPOCH + CHANGED).expect("sets the time");
    }
    home
}

fn counts(run: &Value) -> [u64; 4] {
    ["total", "succeeded", "failed", "pending"].map(|name| run["counts"][name].as_u64().expect("a number"))
}

#[test]
fn runs_tasks_objects_and_logs_of_version_0_1_are_shown() {
    let home = left_by_v0_1();
    let function = home.json(&["functions", "copy"]);
    assert_eq!((&function["memory_mb"], &function["timeout_s"]), (&128.into(), &20.into()), "{function}");

    let runs = home.json(&["runs"]);
    let of = |id: &str| runs.as_array().unwrap().iter().find(|run| run["id"] == id).expect("the run").clone();
    assert_eq!(counts(&of(ENDED)), [4, 3, 1, 0], "{runs}");
    assert_eq!((&of(ENDED)["settled"], &of(ENDED)["classes"]), (&true.into(), &json!({"script": 1})));
    // It was left a long time ago: what nothing was heard of since is lost, but not what was never sent.
    assert_eq!(counts(&of(OPEN)), [4, 2, 2, 0], "{runs}");
    assert_eq!(of(OPEN)["classes"], json!({"lost": 2}));
    assert_eq!(counts(&of(KILLED)), [5, 2, 0, 3], "{runs}");

    let tasks = home.json(&["tasks", ENDED]);
    let ends: Vec<_> = tasks.as_array().unwrap().iter().map(|task| (&task["key"], &task["state"])).collect();
    assert_eq!(ends[0], (&"in/in/f1.txt".into(), &"succeeded".into()), "{tasks}");
    assert_eq!(ends[3], (&"in/in/f4.txt".into(), &"failed".into()), "{tasks}");
    let record = &home.json(&["tasks", ENDED, "3"])["records"][0];
    assert_eq!((&record["exit_code"], &record["stderr_tail"]), (&3.into(), &json!(["it is broken"])));

    let objects = home.json(&["ls", "data/", "-r"]);
    assert_eq!(objects.as_array().unwrap().len(), 11, "{objects}");
    home.ok(&["get", "data/out/copy.txt", "fetched"]);
    let fetched = std::fs::read_to_string(home.path().join("fetched/copy.txt")).expect("an object");
    assert_eq!(fetched, "third 2\n");
    let log = home.ok(&["logs", "copy", "--since", "36500d"]);
    assert!(log.contains("worked on file 1") && log.contains("worked on third 2"), "{log}");
}

#[test]
fn the_journal_of_version_0_1_is_carried_on() {
    let home = left_by_v0_1();
    let script = "#!/bin/sh\ncat \"$INPUT_FILE_PATH\"\n";
    // The layers of its image are not kept: a person would deploy again, too.
    home.ok(&["deploy", &home.function("copy", script, &between("data/in", "data/out"))]);
    let summary = home.json(&["run", "--resume", KILLED, "--wait"]);
    assert_eq!(counts(&summary), [5, 5, 0, 0], "{summary}");
    let sent = home.json(&["ls", "data/in/in3/", "-r"]);
    assert_eq!(sent.as_array().unwrap().len(), 5, "{sent}");
    let tasks = home.json(&["tasks", KILLED]);
    assert!(
        tasks.as_array().unwrap().iter().all(|task| task["attempts"] == 1),
        "none was sent twice: {tasks}"
    );
    let summary = home.json(&["run", "--resume", OPEN, "--wait"]);
    assert_eq!(counts(&summary), [4, 4, 0, 0], "events that were lost are sent again: {summary}");
}

#[test]
fn the_configuration_of_version_0_1_is_understood() {
    let home = left_by_v0_1();
    let output = home.run(&["-c", "lab", "put", "in3", "data/x"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("`lab` is read-only") && !said.contains("unknown"), "{said}");
}

/// A deployed function keeps the first contract until somebody upgrades it: its image, script and settings stay.
#[test]
#[cfg(target_arch = "x86_64")]
fn a_function_of_version_0_1_is_upgraded_in_place() {
    const FUNCTION: &str = "throng-demo-slices";
    let home = unpacked("deployed.tar.gz");
    let runs = home.json(&["runs"]);
    let launched = runs.as_array().unwrap().iter().filter(|run| run["standing"] != true);
    let all: Vec<_> = launched.map(counts).collect();
    assert_eq!(all, [[4, 3, 1, 0], [10, 10, 0, 0]], "{runs}");
    // What no run sent is a standing run of its day.
    let day = throng_contract::keys::day_id(FUNCTION, "20261129");
    let arrived = home.json(&["tasks", &day]);
    assert_eq!(
        (arrived.as_array().map(Vec::len), &arrived[0]["state"]),
        (Some(1), &"succeeded".into()),
        "{arrived}"
    );
    let record = &home.json(&["tasks", &day, arrived[0]["task"].as_str().expect("a name")])["records"][0];
    assert_eq!((&record["key"], &record["exit_code"]), (&arrived[0]["key"], &0.into()), "{record}");
    // Who read the day has closed it.
    let runs = home.json(&["runs"]);
    let before = home.json(&["functions", FUNCTION]);

    let picture = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/demo/images/head-functional.nii");
    let picture = picture.to_str().expect("UTF-8");
    let refused = home.run(&["run", FUNCTION, picture, "--wait"]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && said.contains(&format!("throng upgrade {FUNCTION}")), "{said}");
    assert_eq!(home.json(&["runs"]), runs, "nothing was written");

    let upgraded = home.json(&["upgrade", "--all"]);
    assert_eq!(
        (&upgraded[0]["function"], &upgraded[0]["applied"]),
        (&FUNCTION.into(), &true.into()),
        "{upgraded}"
    );
    let after = home.json(&["functions", FUNCTION]);
    assert_ne!(after["image"], before["image"]);
    for same in ["memory_mb", "timeout_s", "architecture"] {
        assert_eq!(after[same], before[same], "{same}");
    }
    let summary = home.json(&["run", FUNCTION, picture, "--wait"]);
    assert_eq!(counts(&summary), [1, 1, 0, 0], "{summary}");
    let records = home.json(&["ls", "throng-home/l/", "-r"]);
    assert_eq!(records.as_array().unwrap().len(), 1, "{records}");
    let again = home.json(&["upgrade", FUNCTION]);
    assert_eq!(again[0]["steps"], json!([]), "{again}");
}
