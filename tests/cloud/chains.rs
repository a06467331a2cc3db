//! Chains: functions whose outputs start others are one run with stages.

use crate::support::processes::kill;
use crate::support::{Home, between, wait_for};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::process::Stdio;

/// `split` writes the words of its input as files; `count` counts letters, and fails for the word `bad`; `mark` notes what
/// it was given.
fn define(home: &Home) {
    let split = "#!/bin/sh\nname=${INPUT_FILE_PATH##*/}\n\
                 for word in $(cat \"$INPUT_FILE_PATH\"); do printf %s $word > \"$TMP_OUTPUT_DIR/$name-$word.word\"; done\n\
                 echo note > \"$TMP_OUTPUT_DIR/$name.log\"\n";
    let count = "#!/bin/sh\nword=$(cat \"$INPUT_FILE_PATH\")\n[ $word != bad ] || { echo 'a bad word' >&2; exit 4; }\n\
                 printf %s $word | wc -c > \"$TMP_OUTPUT_DIR/${INPUT_FILE_PATH##*/}.count\"\n";
    let mark = "#!/bin/sh\ncp \"$INPUT_FILE_PATH\" \"$TMP_OUTPUT_DIR/\"\n";
    let small = "      memory: 128\n      timeout: 20\n";
    let words = "      input: [{storage_provider: s3, path: chain/words, suffix: [.word]}]\n      \
                 output: [{storage_provider: s3, path: chain/counts}]\n";
    let files = [
        home.function("split", split, &format!("{small}{}", between("chain/in", "chain/words"))),
        home.function("count", count, &format!("{small}{words}")),
        home.function("mark", mark, &format!("{small}{}", between("chain/counts", "chain/out"))),
    ];
    // One file, as people write chains.
    let read = |file: &String| std::fs::read_to_string(home.path().join(file)).unwrap();
    let functions: Vec<_> = files.iter().map(|file| read(file).replace("functions:\n  aws:\n", "")).collect();
    home.write("chain.yaml", &format!("functions:\n  aws:\n{}", functions.concat()));
}

fn totals(run: &Value) -> Vec<(String, u64, u64)> {
    let stage = |stage: &Value| {
        let count = |name: &str| stage["counts"][name].as_u64().unwrap();
        (stage["function"].as_str().unwrap().to_owned(), count("total"), count("succeeded"))
    };
    run["stages"].as_array().unwrap().iter().map(stage).collect()
}

#[test]
fn a_chain_is_one_run_and_ends_when_its_last_stage_has() {
    let home = Home::new();
    define(&home);
    assert!(home.ok(&["check", "chain.yaml"]).contains("chain split → count → mark"));
    home.write("in/a.txt", "one two three");
    home.write("in/b.txt", "four bad");
    let output = home.run(&["run", "chain.yaml", "in", "--wait", "--output", "json"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "a task of a later stage failed: {said}");
    assert!(said.contains("a bad word"), "{said}");
    let run: Value = serde_json::from_slice(&output.stdout).unwrap();
    let expected = [("split", 2, 2), ("count", 5, 4), ("mark", 4, 4)];
    let expected: Vec<_> =
        expected.iter().map(|(name, all, good)| ((*name).to_owned(), *all, *good)).collect();
    assert_eq!(totals(&run), expected, "{run}");
    assert_eq!(
        run["counts"],
        json!({
            "total": 11, "succeeded": 10, "failed": 1, "pending": 0, "running": 0, "timed-out": 0, "expired": 0, "cancelled": 0,
        })
    );
    let id = run["id"].as_str().unwrap();

    // Somebody who only lists, and somebody who looks at the records again.
    let listed = home.json(&["runs"]);
    assert_eq!(totals(&listed[0]), expected, "{listed}");
    let shown = home.json(&["runs", id]);
    assert_eq!((totals(&shown), &shown["settled"]), (expected, &json!(true)), "{shown}");
    let text = home.ok(&["runs", id]);
    assert!(text.contains("split → count → mark"), "{text}");
    assert!(text.contains("stage     count 5/5, 1 not succeeded"), "{text}");

    let failed = home.json(&["tasks", id, "--stage", "count", "--state", "failed"]);
    let task = failed[0]["task"].as_str().expect("a name").to_owned();
    assert_eq!((&failed[0]["parent"], failed.as_array().unwrap().len()), (&json!(1), 1), "{failed}");
    assert!(home.ok(&["tasks", id, &task]).contains("from      an output of task 1"));
    let of_first = home.ok(&["tasks", id, "0"]);
    assert_eq!(of_first.matches("  started   task 0.").count(), 3, "{of_first}");
    let log = home.ok(&["logs", "--run", id, "--task", &task]);
    assert!(log.contains("a bad word"), "{log}");
}

/// Two tasks of one stage store the same key where the next stage is started: one of them is never done, and that is said.
#[test]
fn outputs_under_one_key_are_told_and_nothing_waits_for_what_is_gone() {
    let home = Home::new();
    let same = "#!/bin/sh\ncp \"$INPUT_FILE_PATH\" \"$TMP_OUTPUT_DIR/same\"\n";
    let small = "      memory: 128\n      timeout: 20\n";
    for (name, input, output) in [("first", "same/in", "same/mid"), ("second", "same/mid", "same/out")] {
        let file = home.function(name, same, &format!("{small}{}", between(input, output)));
        home.ok(&["deploy", &file]);
    }
    for name in ["a", "b", "c"] {
        home.write(&format!("in/{name}"), name);
    }
    let output = home.run(&["run", "first", "in", "--wait", "--output", "json"]);
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
    let run: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(run["counts"]["total"], 6, "{run}");
    assert_eq!(run["counts"]["pending"], 0, "{run}");
    assert_eq!(run["collisions"]["first"][0]["key"], "same/mid/same".strip_prefix("same/").unwrap(), "{run}");
    assert_eq!(run["collisions"]["first"][0]["tasks"], json!([0, 1, 2]), "{run}");
    let text = home.ok(&["runs", "last"]);
    assert!(text.contains("mid/same  tasks 0, 1, 2"), "{text}");
    // Which of them were overwritten before they began depends on time; what was is told so.
    let failed = home.ok(&["tasks", "last", "--state", "failed"]);
    assert_eq!(
        failed.matches("upstream").count(),
        failed.matches("its input was replaced").count(),
        "{failed}"
    );
}

/// What arrives by itself is a run, too: of the day, with the stages that it starts.
#[test]
fn objects_that_nobody_launched_belong_to_a_standing_run() {
    let home = Home::new();
    define(&home);
    home.ok(&["deploy", "chain.yaml"]);
    home.write("a.txt", "one two");
    home.write("b.txt", "bad");
    let put = home.run(&["put", "a.txt", "b.txt", "chain/in"]);
    let said = String::from_utf8_lossy(&put.stderr).into_owned();
    assert!(put.status.success() && said.contains("→ starts split on 2 files"), "{said}");
    let standing = |runs: &Value| -> Option<Value> {
        let mut runs = runs.as_array()?.iter().filter(|run| run["function"] == "split");
        runs.next().filter(|run| run["counts"]["total"] == 7 && run["counts"]["pending"] == 0).cloned()
    };
    let mut run = Value::Null;
    wait_for("the standing run", || {
        let found = standing(&home.json(&["runs"])).filter(|run| run["counts"]["running"] == 0);
        found.map(|found| run = found).is_some()
    });
    assert_eq!(run["standing"], true, "{run}");
    let expected = [("split", 2, 2), ("count", 3, 2), ("mark", 2, 2)];
    let expected: Vec<_> =
        expected.iter().map(|(name, all, good)| ((*name).to_owned(), *all, *good)).collect();
    assert_eq!(totals(&run), expected, "{run}");
    assert_eq!(
        home.json(&["runs"]).as_array().unwrap().len(),
        1,
        "what its outputs start is of the same run"
    );

    let id = run["id"].as_str().unwrap();
    let text = home.ok(&["runs", id]);
    assert!(text.contains("split → count → mark · triggered 20"), "{text}");
    let tasks = home.json(&["tasks", id, "--stage", "split"]);
    let inputs: BTreeSet<_> =
        tasks.as_array().unwrap().iter().map(|task| task["key"].as_str().unwrap()).collect();
    assert_eq!(inputs, BTreeSet::from(["in/a.txt", "in/b.txt"]), "{tasks}");
    let failed = home.ok(&["tasks", id, "--state", "failed"]);
    assert!(failed.contains("a bad word"), "{failed}");
    assert!(home.ok(&["logs", "--run", id]).contains("a bad word"));

    let refused = home.run(&["cancel", id]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && said.contains("cannot be cancelled"), "{said}");
    let waits = home.run(&["runs", id, "--wait"]);
    assert!(String::from_utf8_lossy(&waits.stderr).contains("open as long as its day"));
    let again = home.run(&["run", "--again", id, "--wait", "--output", "json"]);
    let again: Value = serde_json::from_slice(&again.stdout).unwrap();
    assert_eq!(totals(&again)[0], ("split".to_owned(), 1, 1), "the input whose word was bad: {again}");
    let last = home.json(&["runs", "last"]);
    assert_eq!(last["id"], again["id"], "the last run is the last that was launched");
}

/// `first` stores below `mid`, in a folder of the run where that is asked for; `second` is slow.
fn two(home: &Home, middle: &str) {
    let copy = "#!/bin/sh\ncp \"$INPUT_FILE_PATH\" \"$TMP_OUTPUT_DIR/\"\n";
    let slow = "#!/bin/sh\nsleep 1\ncp \"$INPUT_FILE_PATH\" \"$TMP_OUTPUT_DIR/\"\n";
    let small = "      memory: 128\n      timeout: 20\n";
    let place = |input: &str, output: &str| {
        format!(
            "{small}      input: [{{storage_provider: s3, path: {input}}}]\n      \
             output: [{{storage_provider: s3, path: '{output}'}}]\n"
        )
    };
    let files = [
        home.function("first", copy, &place("two/in", middle)),
        home.function("second", slow, &place("two/mid", "two/out/{run}/{dir}")),
    ];
    for file in files {
        home.ok(&["deploy", &file]);
    }
}

/// Two runs of one chain at once: with `{run}` between the stages they do not mix, without it the second is refused.
#[test]
fn two_runs_of_a_chain_do_not_mix() {
    let home = Home::new();
    two(&home, "two/mid/{run}");
    for name in ["a", "b", "c"] {
        home.write(&format!("in/{name}"), name);
    }
    let runs: Vec<Value> = (0..2).map(|_| home.json(&["run", "first", "in"])).collect();
    for run in &runs {
        let id = run["id"].as_str().unwrap();
        let output = home.run(&["runs", id, "--wait", "--output", "json"]);
        let shown: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(totals(&shown), [("first".to_owned(), 3, 3), ("second".to_owned(), 3, 3)], "{shown}");
        assert!(output.status.success(), "{shown}");
        let tasks = home.json(&["tasks", id, "--stage", "second"]);
        let own = |task: &Value| task["key"].as_str().unwrap().starts_with(&format!("mid/{id}/"));
        assert!(tasks.as_array().unwrap().iter().all(own), "{tasks}");
    }

    two(&home, "two/mid");
    let open = home.json(&["run", "first", "in"]);
    let refused = home.run(&["run", "first", "in"]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && said.contains(open["id"].as_str().unwrap()), "{said}");
    assert!(said.contains("has no {run} in its path"), "{said}");
    home.ok(&["run", "first", "in", "--force"]);
}

/// The client and the daemon are killed in the middle of each stage; the run ends as if nothing had been.
#[test]
fn kills_in_the_middle_of_each_stage_lose_nothing() {
    let home = Home::new();
    two(&home, "two/mid/{run}");
    for number in 0..6 {
        home.write(&format!("in/{number}"), "x");
    }
    let run = home.json(&["run", "first", "in"]);
    let id = run["id"].as_str().unwrap();
    for stage in 0..2 {
        let mut client = home
            .command(&["runs", id, "--wait"])
            .stderr(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        wait_for("the stage", || {
            let shown = home.json(&["runs", id]);
            let counts = &shown["stages"][stage]["counts"];
            counts["succeeded"].as_u64().unwrap() > 0 || counts["running"].as_u64().unwrap() > 0
        });
        client.kill().unwrap();
        client.wait().unwrap();
        kill(home.daemon().unwrap());
    }
    let output = home.run(&["runs", id, "--wait", "--output", "json"]);
    let shown: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(totals(&shown), [("first".to_owned(), 6, 6), ("second".to_owned(), 6, 6)], "{shown}");
    assert!(output.status.success(), "{shown}");
}
