//! `run --changed`: only what changed is run, and the rest is shown and fetched as if it had been.

use crate::support::{Home, between};

const SCRIPT: &str =
    "echo \"done:$(cat \"$INPUT_FILE_PATH\")\" > \"$TMP_OUTPUT_DIR/${INPUT_FILE_PATH##*/}.out\"";

/// Deploys a function from `fit-data/in` to `fit-data/out`.
fn deploy(home: &Home, script: &str) {
    let places = between("fit-data/in", "fit-data/out");
    let yaml = home.function(
        "fit",
        &format!("#!/bin/sh\n{script}\n"),
        &format!("        timeout_threshold: 1\n      timeout: 30\n{places}"),
    );
    home.ok(&["deploy", &yaml]);
}

fn changed(home: &Home, more: &[&str]) -> serde_json::Value {
    home.json(&[&["run", "fit", "set/.", "--changed", "--wait"], more].concat())
}

fn file(home: &Home, name: &str) -> String {
    std::fs::read_to_string(home.path().join(name)).unwrap_or_default()
}

#[test]
fn only_what_changed_is_run_and_everything_is_fetched() {
    let home = Home::new();
    deploy(&home, SCRIPT);
    for name in ["a", "b", "c"] {
        home.write(&format!("set/{name}"), name);
    }
    let first = home.json(&["run", "fit", "set/.", "--wait"]);
    home.write("set/b", "B");
    let run = changed(&home, &["--to", "results"]);
    assert_eq!((&run["counts"]["total"], &run["reused"]["tasks"]), (&1.into(), &2.into()), "{run}");
    assert_eq!(run["reused"]["runs"][0], first["id"]);
    for (name, result) in [("a", "done:a"), ("b", "done:B"), ("c", "done:c")] {
        assert_eq!(file(&home, &format!("results/{name}.out")).trim_end(), result);
    }
    let tasks = home.json(&["tasks", "last"]);
    let reused = &tasks.as_array().unwrap()[1];
    assert_eq!((&reused["state"], &reused["of"]["run"]), (&"reused".into(), &first["id"]), "{tasks}");
    assert_eq!(reused["outputs"][0]["key"], "out/a.out");
    assert!(home.ok(&["tasks", "last"]).contains("reused"));
    let shown = home.ok(&["runs", run["id"].as_str().unwrap()]);
    assert!(shown.contains(&format!("reused    2 of run {}", first["id"].as_str().unwrap())), "{shown}");

    // Nothing: no run, and its results all the same.
    let runs = home.json(&["runs"]).as_array().unwrap().len();
    std::fs::remove_dir_all(home.path().join("results")).unwrap();
    let none = changed(&home, &["--to", "results"]);
    assert_eq!((&none["id"], &none["reused"]["tasks"]), (&serde_json::Value::Null, &3.into()), "{none}");
    assert_eq!(file(&home, "results/b.out").trim_end(), "done:B");
    assert_eq!(home.json(&["runs"]).as_array().unwrap().len(), runs);
    let again = home.json(&["run", "--again", "last", "--changed", "--wait"]);
    assert_eq!(again["reused"]["tasks"], 3, "{again}");

    // A result that is gone; a new input; a value; a script; a person who wants all of it.
    home.ok(&["rm", "object", "fit-data/out/a.out", "--yes"]);
    home.write("set/d", "d");
    let run = changed(&home, &[]);
    assert_eq!((&run["counts"]["succeeded"], &run["reused"]["tasks"]), (&2.into(), &2.into()), "{run}");
    let run = changed(&home, &["-e", "ALPHA=1"]);
    assert_eq!((&run["counts"]["succeeded"], &run["reused"]), (&4.into(), &serde_json::Value::Null), "{run}");
    let run = changed(&home, &["-e", "ALPHA=1", "--force"]);
    assert_eq!(run["counts"]["succeeded"], 4, "{run}");
    deploy(&home, &SCRIPT.replace("done", "new"));
    let run = changed(&home, &[]);
    assert_eq!((&run["counts"]["succeeded"], &run["reused"]), (&4.into(), &serde_json::Value::Null), "{run}");
    // The same of objects that are there already.
    let run = home.json(&["run", "fit", "s3://fit-data/in/", "--changed", "--wait"]);
    assert_eq!(run["reused"]["tasks"], 4, "{run}");
}

#[test]
fn of_a_sweep_the_new_values_are_run() {
    let home = Home::new();
    deploy(&home, "cp \"$INPUT_FILE_PATH\" \"$TMP_OUTPUT_DIR/${INPUT_FILE_PATH##*/}-$X\"");
    for name in ["a", "b"] {
        home.write(&format!("set/{name}"), name);
    }
    changed(&home, &["--sweep", "X=1,2"]);
    home.write("set/b", "B");
    let run = changed(&home, &["--sweep", "X=2,3", "--to", "results"]);
    assert_eq!((&run["counts"]["succeeded"], &run["reused"]["tasks"]), (&3.into(), &1.into()), "{run}");
    let tasks = home.json(&["tasks", "last"]);
    let values = |name: &str| {
        let mine =
            tasks.as_array().unwrap().iter().filter(|task| task["key"].as_str().unwrap().ends_with(name));
        mine.map(|task| format!("{} {}", task["state"], task["variables"]["X"])).collect::<Vec<_>>()
    };
    assert_eq!(values("/a"), [r#""succeeded" "3""#, r#""reused" "2""#], "{tasks}");
    assert_eq!(values("/b"), [r#""succeeded" "2""#, r#""succeeded" "3""#], "{tasks}");
    assert_eq!(file(&home, "results/a-2") + &file(&home, "results/b-2"), "aB");
    let stored = home.json(&["ls", "throng-home/inputs/", "-r"]);
    assert_eq!(stored.as_array().unwrap().len(), 4, "each file once for each run: {stored}");
}
