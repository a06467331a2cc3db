//! What failed is done again in the same run, and the joins that wait for it begin; what of a run with joins by group goes on.

use crate::faults::world::{World, rule};
use crate::joins::{deploy, markers, read, run, stage};
use crate::support::{Home, between, wait_for};
use serde_json::{Value, json};

const SMALL: &str = "      memory: 128\n      timeout: 20\n";

/// `count`, for which no word is bad any more.
fn mend(home: &Home) {
    let count = "#!/bin/sh\nmkdir \"$TMP_OUTPUT_DIR/sub\"; cp \"$INPUT_FILE_PATH\" \"$TMP_OUTPUT_DIR/sub/$(cat \"$INPUT_FILE_PATH\").count\"\n";
    let file = home.function("count", count, &format!("{SMALL}{}", between("join/words", "join/counts")));
    home.ok(&["deploy", &file]);
}

#[test]
fn what_failed_succeeds_later_and_its_join_begins() {
    let home = Home::new();
    deploy(&home, "all-succeeded");
    home.write("in/a.txt", "one bad three");
    let (code, ended, said) = run(&home);
    assert_eq!(code, Some(1), "{said}");
    assert_eq!(stage(&ended, "montage")["counts"]["cancelled"], 1, "{ended}");
    let refused = home.run(&["run", "--resume", "last"]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && said.contains("--failed"), "it says what to do: {said}");

    // Not mended yet: it fails as before, and the join is cancelled again.
    let failed = home.run(&["run", "--resume", "last", "--failed", "--wait"]);
    assert_eq!(failed.status.code(), Some(1), "{}", String::from_utf8_lossy(&failed.stderr));
    let again = home.json(&["runs", "last"]);
    assert_eq!((&again["counts"], &again["settled"]), (&ended["counts"], &json!(true)), "{again}");
    assert_eq!(markers(&home).len(), 0);

    mend(&home);
    let output = home.run(&["run", "--resume", "last", "--failed", "--wait", "--output", "json"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(0), "{said}");
    let shown = home.json(&["runs", "last"]);
    assert_eq!(shown["id"], ended["id"], "the same run");
    assert_eq!((&shown["counts"]["succeeded"], &shown["counts"]["total"]), (&json!(5), &json!(5)), "{shown}");
    assert_eq!(stage(&shown, "montage")["counts"]["succeeded"], 1, "{shown}");
    assert_eq!(read(&home, "join/out/list.tsv").lines().count(), 3);
    assert_eq!(markers(&home).len(), 1);
    let nothing = home.run(&["run", "--resume", "last", "--failed"]);
    assert!(!nothing.status.success(), "everything has succeeded");
}

/// The client has gone before anything is done again.
#[test]
fn a_join_begins_after_a_retry_with_nobody_watching() {
    let home = Home::new();
    deploy(&home, "all-succeeded");
    home.write("in/a.txt", "one bad three");
    home.write("in/b.txt", "bad");
    assert_eq!(run(&home).0, Some(1));
    mend(&home);
    home.ok(&["run", "--resume", "last", "--failed"]);
    wait_for("what the join stores", || home.run(&["get", "s3://join/out/all.txt", "-"]).status.success());
    assert_eq!(read(&home, "join/out/list.tsv").lines().count(), 4);
    let shown = home.json(&["runs", "last", "--wait"]);
    assert_eq!((&shown["counts"]["succeeded"], &shown["settled"]), (&json!(7), &json!(true)), "{shown}");
}

/// `one` copies what is not `bad`; `each` joins each folder.
fn by_folder(home: &Home, script: &str) {
    let places = "      input: [{storage_provider: s3, path: sub/in}]\n      output: [{storage_provider: s3, path: 'sub/mid/{dir}'}]\n";
    let of_each = "      after: one\n      by: '{dir}'\n      output: [{storage_provider: s3, path: 'sub/each/{group}'}]\n";
    let each = "#!/bin/sh\ncat \"$TMP_INPUT_DIR\"/*/* > \"$TMP_OUTPUT_DIR/all.txt\"\n";
    home.ok(&["deploy", &home.function("one", script, &format!("{SMALL}{places}"))]);
    home.ok(&["deploy", &home.function("each", each, &format!("{SMALL}{of_each}"))]);
    for (name, text) in [("s1/a", "1"), ("s1/b", "2"), ("s2/a", "bad"), ("s2/b", "3")] {
        home.write(&format!("in/{name}"), text);
    }
}

const PICKY: &str = "#!/bin/sh\n[ \"$(cat \"$INPUT_FILE_PATH\")\" != bad ] || exit 4\ncp \"$INPUT_FILE_PATH\" \"$TMP_OUTPUT_DIR/\"\n";
const COPY: &str = "#!/bin/sh\ncp \"$INPUT_FILE_PATH\" \"$TMP_OUTPUT_DIR/\"\n";

fn counts(run: &Value, function: &str) -> [Value; 3] {
    let counts = &stage(run, function)["counts"];
    ["succeeded", "cancelled", "total"].map(|name| counts[name].clone())
}

#[test]
fn a_group_whose_task_failed_begins_when_that_has_succeeded() {
    let home = Home::new();
    by_folder(&home, PICKY);
    let output = home.run(&["run", "one", "in/s1", "in/s2", "--wait", "--output", "json"]);
    let ended: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{ended}");
    assert_eq!(counts(&ended, "each"), [1, 1, 2].map(Value::from), "{ended}");
    home.ok(&["deploy", &home.function(
        "one",
        COPY,
        &format!("{SMALL}      input: [{{storage_provider: s3, path: sub/in}}]\n      output: [{{storage_provider: s3, path: 'sub/mid/{{dir}}'}}]\n"),
    )]);
    // Another run over what came to nothing: the whole folders' joins are its own.
    let again = home.run(&["run", "--again", "last", "--wait", "--output", "json"]);
    let other: Value = serde_json::from_slice(&again.stdout).unwrap();
    assert_eq!(again.status.code(), Some(0), "{other}");
    assert_ne!(other["id"], ended["id"]);
    // The same run, with nobody watching.
    let id = ended["id"].as_str().unwrap();
    let before = markers(&home).len();
    home.ok(&["run", "--resume", id, "--failed"]);
    wait_for("the group's join", || markers(&home).len() == before + 1);
    let shown = home.json(&["runs", id, "--wait"]);
    assert_eq!(counts(&shown, "each"), [2, 0, 2].map(Value::from), "{shown}");
    assert_eq!(read(&home, "sub/each/s2/all.txt"), "bad3");
    assert_eq!(shown["counts"]["failed"], 0, "{shown}");
}

/// A launch by group that was killed goes on, each group with its join, and a start that was lost is sent again.
#[test]
fn resuming_a_run_by_group_goes_on_with_its_groups() {
    let hang = rule("s3:PutObject", "hang, who = \"user\", path = \"/inputs/\", first = 1");
    let lost = rule("s3:event", "lost, path = \"start/each\", first = 1");
    let world = World::new(&format!("{hang}{lost}"));
    let home = &world.home;
    by_folder(home, COPY);
    let mut child = world.spawn(&["run", "one", "in/s1", "in/s2"]);
    wait_for("a hanging request", || world.faults()[0].1 > 0);
    child.kill().expect("kill -9");
    child.wait().expect("it is dead");
    let id = home.json(&["runs"])[0]["id"].as_str().unwrap().to_owned();
    home.ok(&["run", "--resume", &id]);
    wait_for("the lost start", || world.faults()[1].1 == 1 && markers(home).len() == 2);
    wait_for("the other start", || counts(&home.json(&["runs", &id]), "each")[0] == 1);
    home.ok(&["run", "--resume", &id, "--wait"]);
    let shown = home.json(&["runs", &id]);
    assert_eq!(counts(&shown, "each"), [2, 0, 2].map(Value::from), "{shown}");
    assert_eq!((shown["settled"].clone(), markers(home).len()), (json!(true), 2), "{shown}");
    assert_eq!(
        (read(home, "sub/each/s1/all.txt"), read(home, "sub/each/s2/all.txt")),
        ("12".into(), "bad3".into())
    );
}

/// A cancelled run starts no join of any group, and is not done again.
#[test]
fn a_cancelled_run_by_group_starts_no_join() {
    let home = Home::new();
    let wait = "#!/bin/sh\nwhile [ \"$(cat \"$INPUT_FILE_PATH\")\" = bad ]; do sleep 0.2; done\ncp \"$INPUT_FILE_PATH\" \"$TMP_OUTPUT_DIR/\"\n";
    by_folder(&home, wait);
    home.ok(&["run", "one", "in/s1", "in/s2"]);
    wait_for("the first group's join", || counts(&home.json(&["runs", "last"]), "each")[0] == 1);
    home.ok(&["cancel", "last"]);
    let shown = home.json(&["runs", "last", "--wait"]);
    assert_eq!(counts(&shown, "each"), [1, 1, 2].map(Value::from), "{shown}");
    assert_eq!(markers(&home).len(), 1);
    let refused = home.run(&["run", "--resume", "last", "--failed"]);
    assert!(!refused.status.success() && String::from_utf8_lossy(&refused.stderr).contains("cancelled"));
}

/// A join that begins whatever came of the others begins once more for what is done again, and what it stores then counts.
#[test]
fn a_join_that_had_begun_begins_once_more() {
    let home = Home::new();
    deploy(&home, "all-ended");
    home.write("in/a.txt", "one bad three");
    let (code, ended, said) = run(&home);
    assert_eq!(code, Some(1), "{said}");
    assert_eq!(stage(&ended, "montage")["counts"]["succeeded"], 1, "{ended}");
    assert_eq!(read(&home, "join/out/list.tsv").lines().count(), 2);
    mend(&home);
    let to = home.path().join("results");
    let resume = ["run", "--resume", "last", "--failed", "--wait", "--to", to.to_str().unwrap()];
    let output = home.run(&resume);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.contains("montage had begun: it begins once more"), "{said}");
    let shown = home.json(&["runs", "last"]);
    assert_eq!((&shown["counts"]["succeeded"], &shown["counts"]["total"]), (&json!(5), &json!(5)), "{shown}");
    assert_eq!(shown["settled"], true, "{shown}");
    assert_eq!(read(&home, "join/out/list.tsv").lines().count(), 3);
    assert_eq!(read(&home, "join/out/all.txt").len(), "onebadthree".len());
    let generations: Vec<_> =
        markers(&home).iter().map(|key| key.rsplit('.').next().unwrap().to_owned()).collect();
    assert_eq!(generations, ["0", "1"]);
    let task = home.ok(&["tasks", "last", "join"]);
    assert!(task.contains("generation 1: had begun 1 time before"), "it says which is shown: {task}");
    let list = std::fs::read_to_string(to.join("list.tsv")).unwrap();
    assert_eq!(list.lines().count(), 3, "what the join stored last is what is fetched");
    let nothing = home.run(&["run", "--resume", "last", "--failed"]);
    assert!(!nothing.status.success(), "everything has succeeded");
}

/// Who sent it again has gone; whoever follows the run next starts the join. One behind a group that only begins now waits for it.
#[test]
fn a_join_behind_groups_begins_once_more_for_who_follows() {
    let home = Home::new();
    by_folder(&home, PICKY);
    let table = "#!/bin/sh\ncp \"$INPUT_LIST\" \"$TMP_OUTPUT_DIR/list.tsv\"\n";
    let of_table =
        "      after: each\n      when: all-ended\n      output: [{storage_provider: s3, path: sub/table}]\n";
    home.ok(&["deploy", &home.function("table", table, &format!("{SMALL}{of_table}"))]);
    assert_eq!(home.run(&["run", "one", "in/s1", "in/s2", "--wait"]).status.code(), Some(1));
    assert_eq!(read(&home, "sub/table/list.tsv").lines().count(), 1);
    for times in 1..3 {
        // The first time it fails once more, and the table has the same.
        if times == 2 {
            let places = "      input: [{storage_provider: s3, path: sub/in}]\n      output: [{storage_provider: s3, path: 'sub/mid/{dir}'}]\n";
            home.ok(&["deploy", &home.function("one", COPY, &format!("{SMALL}{places}"))]);
        }
        home.ok(&["run", "--resume", "last", "--failed"]);
        home.run(&["runs", "last", "--wait"]);
        assert_eq!(read(&home, "sub/table/list.tsv").lines().count(), times);
    }
    let shown = home.json(&["runs", "last"]);
    assert_eq!(counts(&shown, "each"), [2, 0, 2].map(Value::from), "{shown}");
    assert_eq!(counts(&shown, "table"), [1, 0, 1].map(Value::from), "{shown}");
    assert_eq!((&shown["counts"]["failed"], &shown["settled"]), (&json!(0), &json!(true)), "{shown}");
    let table: Vec<_> = markers(&home).into_iter().filter(|key| key.contains("/table/")).collect();
    assert_eq!(table.len(), 3, "{table:?}");
}
