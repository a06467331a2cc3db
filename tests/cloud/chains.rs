//! Chains: functions whose outputs start others are one run with stages.

use crate::support::{Home, between};
use serde_json::{Value, json};

/// `split` writes the words of its input as files; `count` counts letters, and fails for the word `bad`; `mark` notes what
/// it was given.
fn deploy(home: &Home) {
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
    for file in files {
        home.ok(&["deploy", &file]);
    }
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
    deploy(&home);
    home.write("in/a.txt", "one two three");
    home.write("in/b.txt", "four bad");
    let output = home.run(&["run", "split", "in", "--wait", "--output", "json"]);
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
    assert_eq!(failed.matches("upstream").count(), failed.matches("under the same key").count(), "{failed}");
}
