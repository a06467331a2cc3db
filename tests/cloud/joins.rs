//! Joins: a function that starts once, when everything before it has ended, with nobody watching.

use crate::faults::world::{World, rule};
use crate::support::{Home, between, wait_for, wait_while_it_goes_on};
use serde_json::{Value, json};
use std::collections::BTreeSet;

const SMALL: &str = "      memory: 128\n      timeout: 20\n";

/// `split` writes the words of its input as files; `count` counts letters, and fails for the word `bad`; `montage` joins what
/// `count` has stored, and lists it.
pub fn deploy(home: &Home, when: &str) {
    let split = "#!/bin/sh\nname=${INPUT_FILE_PATH##*/}\nmkdir \"$TMP_OUTPUT_DIR/$name\"\n\
                 for word in $(cat \"$INPUT_FILE_PATH\"); do printf %s $word > \"$TMP_OUTPUT_DIR/$name/$word.word\"; done\n";
    let count = "#!/bin/sh\nword=$(cat \"$INPUT_FILE_PATH\")\n[ $word != bad ] || { echo 'a bad word' >&2; exit 4; }\n\
                 mkdir \"$TMP_OUTPUT_DIR/sub\"; printf %s $word > \"$TMP_OUTPUT_DIR/sub/$word.count\"\n";
    let montage = "#!/bin/sh\ncp \"$INPUT_LIST\" \"$TMP_OUTPUT_DIR/list.tsv\"\n\
                   cd \"$TMP_INPUT_DIR\" && cat sub/*.count > \"$TMP_OUTPUT_DIR/all.txt\"\n";
    let files = [
        home.function("split", split, &format!("{SMALL}{}", between("join/in", "join/words"))),
        home.function("count", count, &format!("{SMALL}{}", between("join/words", "join/counts"))),
        home.function("montage", montage, &joins(when)),
    ];
    for file in files {
        home.ok(&["deploy", &file]);
    }
}

fn joins(when: &str) -> String {
    format!(
        "{SMALL}      after: count\n      when: {when}\n      output: [{{storage_provider: s3, path: join/out}}]\n"
    )
}

pub fn read(home: &Home, key: &str) -> String {
    let to = home.path().join("got");
    let _ = std::fs::remove_dir_all(&to);
    home.ok(&["get", &format!("s3://{key}"), to.to_str().unwrap()]);
    let file = if to.is_dir() { to.join(key.rsplit('/').next().unwrap()) } else { to };
    std::fs::read_to_string(file).unwrap()
}

pub fn stage<'v>(run: &'v Value, function: &str) -> &'v Value {
    let stages = run["stages"].as_array().unwrap();
    stages.iter().find(|stage| stage["function"] == function).unwrap_or_else(|| panic!("{run}"))
}

pub fn run(home: &Home) -> (Option<i32>, Value, String) {
    let output = home.run(&["run", "split", "in", "--wait", "--output", "json"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let run = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {said}"));
    (output.status.code(), run, said)
}

#[test]
fn a_join_starts_once_and_gets_everything_before_it() {
    let home = Home::new();
    deploy(&home, "all-succeeded");
    // Deployed as it is, nothing changes; it is shown what it waits for.
    let plan = home.json(&["deploy", "--dry-run", "montage.yaml"]);
    let steps = plan[0]["steps"].as_array().unwrap();
    assert!(steps.iter().all(|step| step["action"] == "keep"), "{plan}");
    assert!(
        steps.iter().any(|step| step["what"].as_str().unwrap().starts_with("start markers in bucket")),
        "{plan}"
    );
    assert!(home.ok(&["check", "montage.yaml"]).contains("waits for count"));

    home.write("in/a.txt", "one two three");
    home.write("in/b.txt", "four five");
    let (code, run, said) = run(&home);
    assert_eq!(code, Some(0), "{said} {run}");
    assert_eq!(run["counts"]["total"], 2 + 5 + 1, "{run}");
    assert_eq!(stage(&run, "montage")["counts"]["succeeded"], 1, "{run}");
    let id = run["id"].as_str().unwrap();
    let list = read(&home, "join/out/list.tsv");
    let files: BTreeSet<&str> = list.lines().map(|line| line.split('\t').nth(4).unwrap()).collect();
    let expected = ["one", "two", "three", "four", "five"].map(|word| format!("sub/{word}.count"));
    assert_eq!(files, expected.iter().map(String::as_str).collect(), "{list}");
    assert_eq!(list.lines().count(), 5);
    assert_eq!(read(&home, "join/out/all.txt").len(), "onetwothreefourfive".len());

    let tasks = home.json(&["tasks", id, "--stage", "montage"]);
    assert_eq!((&tasks[0]["task"], tasks.as_array().unwrap().len()), (&json!("join"), 1), "{tasks}");
    assert_eq!(markers(&home).len(), 1);
    let shown = home.ok(&["runs", id]);
    assert!(shown.contains("split → count → montage") && shown.contains("montage 1/1"), "{shown}");
    assert_eq!(home.json(&["runs"])[0]["counts"], run["counts"], "who only lists sees the same");
}

/// Keys of start markers.
pub fn markers(home: &Home) -> Vec<String> {
    let all = home.json(&["ls", "s3://throng-home/start/", "--recursive"]);
    let rows = all["objects"].as_array().or(all.as_array()).unwrap_or_else(|| panic!("{all}"));
    rows.iter().map(|row| row["key"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn what_failed_cancels_a_join_or_is_left_out() {
    for (when, code) in [("all-succeeded", 1), ("all-ended", 1)] {
        let home = Home::new();
        deploy(&home, when);
        home.write("in/a.txt", "one bad three");
        let (ended, run, said) = run(&home);
        assert_eq!(ended, Some(code), "{said}");
        let counts = &stage(&run, "montage")["counts"];
        if when == "all-succeeded" {
            assert_eq!((&counts["cancelled"], &counts["total"]), (&json!(1), &json!(1)), "{run}");
            let tasks = home.ok(&["tasks", "last", "--stage", "montage"]);
            assert!(tasks.contains("upstream"), "{tasks}");
            assert_eq!(markers(&home).len(), 0);
        } else {
            assert_eq!(counts["succeeded"], 1, "{run}");
            let list = read(&home, "join/out/list.tsv");
            assert_eq!(list.lines().count(), 2, "{list}");
        }
        let shown = home.json(&["runs", "last"]);
        assert_eq!((&shown["counts"], &shown["settled"]), (&run["counts"], &json!(true)), "{shown}");
    }
}

#[test]
fn a_join_starts_with_nobody_watching() {
    let home = Home::new();
    deploy(&home, "all-succeeded");
    home.write("in/a.txt", "one two three");
    // Without --wait: the client has gone before the first task ends.
    home.ok(&["run", "split", "in"]);
    wait_for("what the join stores", || home.run(&["get", "s3://join/out/all.txt", "-"]).status.success());
    assert_eq!(read(&home, "join/out/list.tsv").lines().count(), 3);
}

/// Whoever finishes last is killed between its record and the join's start: who follows the run starts it.
#[test]
fn a_start_that_a_kill_prevented_is_made_by_who_follows() {
    let plan = rule("s3:PutObject", "hang, who = \"function\", path = \"/start/\", count = 1");
    let world = World::new(&plan);
    deploy(&world.home, "all-succeeded");
    world.home.write("in/a.txt", "one two three");
    let (code, run, said) = run(&world.home);
    assert_eq!(world.injected(), 1, "{:?}", world.faults());
    assert_eq!(code, Some(0), "{said} {run}");
    assert_eq!(stage(&run, "montage")["counts"]["succeeded"], 1, "{run}");
    assert_eq!(markers(&world.home).len(), 1);
}

/// More than a block of tasks, finished in any order by environments beside each other: one start.
#[test]
fn fifteen_hundred_tasks_start_one_join() {
    let home = Home::new();
    let one = "#!/bin/sh\ncp \"$INPUT_FILE_PATH\" \"$TMP_OUTPUT_DIR/\"\n";
    let all = "#!/bin/sh\ncp \"$INPUT_LIST\" \"$TMP_OUTPUT_DIR/list.tsv\"\n";
    let wide =
        "      after: one\n      stage_in: false\n      output: [{storage_provider: s3, path: wide/out}]\n";
    let files = [
        home.function("one", one, &format!("{SMALL}{}", between("wide/in", "wide/mid"))),
        home.function("all", all, &format!("{SMALL}{wide}")),
    ];
    for file in files {
        home.ok(&["deploy", &file]);
    }
    for n in 0..1_500 {
        home.write(&format!("in/{n:04}"), "x");
    }
    home.ok(&["run", "one", "in"]);
    let id = home.json(&["runs"])[0]["id"].as_str().unwrap().to_owned();
    let there = || home.run(&["get", "s3://wide/out/list.tsv", "-"]).status.success();
    wait_while_it_goes_on("the join's output", there, || home.json(&["runs"])[0]["counts"].clone());
    let run = home.json(&["runs", &id, "--wait"]);
    assert_eq!(
        (&run["counts"]["total"], &run["counts"]["succeeded"]),
        (&json!(1_501), &json!(1_501)),
        "{run}"
    );
    let list = read(&home, "wide/out/list.tsv");
    let tasks: BTreeSet<&str> = list.lines().map(|line| line.split('\t').nth(3).unwrap()).collect();
    assert_eq!((tasks.len(), list.lines().count()), (1_500, 1_500));
    assert_eq!(markers(&home).len(), 1);
}

/// What a join stores starts the next function, and a second join waits for that.
#[test]
fn a_chain_goes_on_behind_a_join() {
    let home = Home::new();
    let copy = "#!/bin/sh\ncp \"$INPUT_FILE_PATH\" \"$TMP_OUTPUT_DIR/\"\n";
    let gather = "#!/bin/sh\nfor n in 1 2 3; do cp \"$INPUT_LIST\" \"$TMP_OUTPUT_DIR/$n.tsv\"; done\n";
    let last = "#!/bin/sh\ncat \"$INPUT_LIST\" > \"$TMP_OUTPUT_DIR/last.tsv\"\n";
    let output = |place: &str| format!("      output: [{{storage_provider: s3, path: {place}}}]\n");
    let files = [
        home.function("one", copy, &format!("{SMALL}{}", between("far/in", "far/a"))),
        home.function("gather", gather, &format!("{SMALL}      after: one\n{}", output("far/b"))),
        home.function("print", copy, &format!("{SMALL}{}", between("far/b", "far/c"))),
        home.function("total", last, &format!("{SMALL}      after: [print, one]\n{}", output("far/d"))),
    ];
    for file in files {
        home.ok(&["deploy", &file]);
    }
    for n in 0..4 {
        home.write(&format!("in/{n}"), "x");
    }
    let output = home.run(&["run", "one", "in", "--wait", "--output", "json"]);
    let run: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{run}");
    let counts: Vec<_> = ["one", "gather", "print", "total"]
        .map(|name| stage(&run, name)["counts"]["succeeded"].clone())
        .into();
    assert_eq!(counts, [4, 1, 3, 1].map(Value::from), "{run}");
    let given = read(&home, "far/d/last.tsv");
    let tasks: Vec<&str> = given.lines().map(|line| line.split('\t').nth(3).unwrap()).collect();
    assert_eq!(tasks, ["0", "1", "2", "3", "join.0", "join.1", "join.2"], "{given}");
    // A second run has joins of its own.
    let again = home.run(&["run", "one", "in", "--wait", "--output", "json"]);
    assert_eq!(again.status.code(), Some(0));
    assert_eq!(markers(&home).len(), 4);
    // A join that is none any more is none, and its markers start nothing.
    let plain = home.function("total", last, &format!("{SMALL}{}", between("far/elsewhere", "far/d")));
    let deployed = home.ok(&["deploy", &plain]);
    assert!(deployed.contains("no marker starts it any more"), "{deployed}");
    let run = home.json(&["run", "one", "in", "--wait"]);
    assert_eq!(run["stages"].as_array().unwrap().len(), 3, "{run}");
    let gone = home.ok(&["rm", "function", "gather", "--yes"]);
    assert!(
        gone.contains("throng-home") && !gone.contains("bucket throng-home: "),
        "its trigger goes, the home bucket is no matter: {gone}"
    );
}

/// A launch that was killed goes on with its join, and a join whose start was lost on its way is sent again as any task is.
#[test]
fn resuming_sends_what_a_kill_and_a_lost_event_left() {
    let hang = rule("s3:PutObject", "hang, who = \"user\", path = \"join/in/\", first = 1");
    let lost = rule("s3:event", "lost, path = \"start/montage\", first = 1");
    let world = World::new(&format!("{hang}{lost}"));
    let home = &world.home;
    deploy(home, "all-succeeded");
    home.write("in/a.txt", "one two");
    home.write("in/b.txt", "three");
    let mut child = world.spawn(&["run", "split", "in"]);
    wait_for("a hanging request", || world.faults()[0].1 == 1);
    child.kill().expect("kill -9");
    child.wait().expect("it is dead");
    let id = home.json(&["runs"])[0]["id"].as_str().unwrap().to_owned();
    assert!(home.ok(&["runs", &id]).contains("montage waits for count"));
    home.ok(&["run", "--resume", &id]);
    wait_for("the lost start", || world.faults()[1].1 == 1);
    let run = home.json(&["runs", &id]);
    assert_eq!(stage(&run, "montage")["counts"]["pending"], 1, "{run}");
    home.ok(&["run", "--resume", &id, "--wait"]);
    let run = home.json(&["runs", &id]);
    assert_eq!((&run["counts"]["succeeded"], &run["settled"]), (&json!(6), &json!(true)), "{run}");
    assert_eq!((markers(home).len(), read(home, "join/out/list.tsv").lines().count()), (1, 3));
}

/// Three subjects, each with a join of its own that starts when its files are done; what fails holds back its own subject alone,
/// and a join behind them waits for all.
#[test]
fn a_join_starts_for_each_subject() {
    let home = Home::new();
    let one = "#!/bin/sh\n[ \"$(cat \"$INPUT_FILE_PATH\")\" != bad ] || exit 4\ncp \"$INPUT_FILE_PATH\" \"$TMP_OUTPUT_DIR/\"\n";
    let each = "#!/bin/sh\ncd \"$TMP_INPUT_DIR\"; cat */* */*/* > \"$TMP_OUTPUT_DIR/all.txt\" 2> /dev/null\necho joined $JOIN_GROUP\n";
    let table = "#!/bin/sh\ncp \"$INPUT_LIST\" \"$TMP_OUTPUT_DIR/list.tsv\"\n";
    let of_each = "      after: one\n      by: '{dir}'\n      output: [{storage_provider: s3, path: 'sub/each/{group}'}]\n";
    let of_table =
        "      after: each\n      when: all-ended\n      output: [{storage_provider: s3, path: sub/table}]\n";
    let places = "      input: [{storage_provider: s3, path: sub/in}]\n      output: [{storage_provider: s3, path: 'sub/mid/{dir}'}]\n";
    let files = [
        home.function("one", one, &format!("{SMALL}{places}")),
        home.function("each", each, &format!("{SMALL}{of_each}")),
        home.function("table", table, &format!("{SMALL}{of_table}")),
    ];
    for file in files {
        home.ok(&["deploy", &file]);
    }
    assert!(home.ok(&["check", "each.yaml"]).contains("once for each {dir} of the launched inputs"));
    for (name, text) in
        [("s1/a", "1"), ("s1/b", "2"), ("s2/a", "bad"), ("s2/b", "3"), ("s3/a", "4"), ("s3/x/y", "5")]
    {
        home.write(&format!("in/{name}"), text);
    }
    let output = home.run(&["run", "one", "in/s1", "in/s2", "in/s3", "--wait", "--output", "json"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let run: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {said}"));
    assert_eq!(output.status.code(), Some(1), "a task has failed: {said}");
    let counts = &stage(&run, "each")["counts"];
    assert_eq!(
        (&counts["succeeded"], &counts["cancelled"], &counts["total"]),
        (&json!(3), &json!(1), &json!(4)),
        "{run}"
    );
    assert_eq!(stage(&run, "table")["counts"]["succeeded"], 1, "{run}");
    let tasks = home.json(&["tasks", "last", "--stage", "each"]);
    let told: Vec<_> = tasks
        .as_array()
        .unwrap()
        .iter()
        .map(|task| {
            (task["task"].as_str().unwrap(), task["group"].as_str().unwrap(), task["state"].as_str().unwrap())
        })
        .collect();
    assert_eq!(
        told,
        [
            ("join-g0", "s1", "succeeded"),
            ("join-g1", "s2", "cancelled"),
            ("join-g2", "s3", "succeeded"),
            ("join-g3", "s3/x", "succeeded"),
        ]
    );
    assert!(home.ok(&["tasks", "last", "--stage", "each"]).contains("s3/x"));
    assert_eq!(read(&home, "sub/each/s1/all.txt"), "12");
    assert_eq!(read(&home, "sub/each/s3/x/all.txt"), "5");
    let list = read(&home, "sub/table/list.tsv");
    let from: Vec<&str> = list.lines().map(|line| line.split('\t').nth(3).unwrap()).collect();
    assert_eq!(from, ["join-g0", "join-g2", "join-g3"], "{list}");
    assert_eq!(markers(&home).len(), 4);
    let shown = home.json(&["runs", "last"]);
    assert_eq!((&shown["counts"], &shown["settled"]), (&run["counts"], &json!(true)), "{shown}");
    assert!(home.ok(&["logs", "each", "--run", "last"]).contains("joined s3/x"));
}

/// The groups of a sweep; nobody watches, and the last task of one group is killed before it can start its join.
#[test]
fn a_join_starts_for_each_value_of_a_sweep() {
    let plan = rule("s3:PutObject", "hang, who = \"function\", path = \"/start/\", count = 1");
    let world = World::new(&plan);
    let home = &world.home;
    let fit = "#!/bin/sh\necho $ALPHA $(cat \"$INPUT_FILE_PATH\") > \"$TMP_OUTPUT_DIR/fit-$ALPHA-$BETA\"\n";
    let sum = "#!/bin/sh\ncat \"$TMP_INPUT_DIR\"/*/fit-* > \"$TMP_OUTPUT_DIR/sum.txt\"\n";
    let of_sum = "      after: fit\n      by: '{ALPHA}'\n      output: [{storage_provider: s3, path: 'swp/sum/{group}'}]\n";
    let places = "      input: [{storage_provider: s3, path: swp/in}]\n      output: [{storage_provider: s3, path: 'swp/fit/{stem}'}]\n";
    home.ok(&["deploy", &home.function("fit", fit, &format!("{SMALL}{places}"))]);
    home.ok(&["deploy", &home.function("sum", sum, &format!("{SMALL}{of_sum}"))]);
    home.write("in/a", "x");
    home.write("in/b", "y");
    let refused = home.run(&["run", "fit", "in"]);
    assert!(
        !refused.status.success() && String::from_utf8_lossy(&refused.stderr).contains("no variable ALPHA")
    );
    let arguments =
        ["run", "fit", "in", "--sweep", "ALPHA=1,2", "--sweep", "BETA=1,2", "--wait", "--output", "json"];
    let output = home.run(&arguments);
    let run: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{run}");
    assert_eq!(world.injected(), 1, "{:?}", world.faults());
    assert_eq!((&run["counts"]["succeeded"], &run["counts"]["total"]), (&json!(10), &json!(10)), "{run}");
    assert_eq!(read(home, "swp/sum/1/sum.txt"), "1 x\n1 x\n1 y\n1 y\n");
    assert_eq!(read(home, "swp/sum/2/sum.txt"), "2 x\n2 x\n2 y\n2 y\n");
    assert_eq!(markers(home).len(), 2);
}
