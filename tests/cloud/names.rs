//! Names of results, as a researcher meets them: equal names in two folders, results on this machine, what a task left.

use crate::support::{Home, s3, wait_for, wait_until_running};
use serde_json::Value;
use std::path::Path;

const SHOUT: &str =
    "#!/bin/sh\ntr a-z A-Z < \"$INPUT_FILE_PATH\" > \"$TMP_OUTPUT_DIR/${INPUT_FILE_PATH##*/}\"\n";

/// A function from `study/in` to a path of the bucket `results`.
fn function(home: &Home, name: &str, script: &str, path: &str, more: &str) -> String {
    let settings = format!(
        "        timeout_threshold: 1\n{more}      input:\n      - {{storage_provider: s3, path: '{name}-data/in'}}\n      \
         output:\n      - {{storage_provider: s3, path: '{name}-data/{path}'}}\n"
    );
    home.function(name, script, &settings)
}

/// Two subjects with a file of the same name each, and one file beside them.
fn study(home: &Home) {
    for subject in ["sub-01", "sub-02"] {
        home.write(&format!("study/{subject}/t1.txt"), subject);
    }
    home.write("study/notes.txt", "notes");
}

fn read(home: &Home, name: &str) -> String {
    std::fs::read_to_string(home.path().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn files(folder: &Path) -> Vec<String> {
    let all = walkdir::WalkDir::new(folder).sort_by_file_name().into_iter().flatten();
    let files = all.filter(|entry| entry.file_type().is_file());
    files.map(|entry| entry.path().strip_prefix(folder).unwrap().display().to_string()).collect()
}

fn said(output: &std::process::Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn equal_names_in_two_folders_are_two_results_here_and_there() {
    let home = Home::new();
    study(&home);
    let yaml = function(&home, "kept", SHOUT, "out/{run}/{dir}", "");
    assert!(!home.ok(&["check", &yaml, "study"]).contains("overwrite"));
    home.ok(&["deploy", &yaml]);
    let output = home.run(&["run", "kept", "study", "--wait", "--to", "here"]);
    assert!(output.status.success() && !said(&output).contains("overwrite"), "{}", said(&output));
    assert_eq!(
        files(&home.path().join("here")),
        ["study/notes.txt", "study/sub-01/t1.txt", "study/sub-02/t1.txt"]
    );
    assert_eq!(read(&home, "here/study/sub-01/t1.txt"), "SUB-01");
    assert_eq!(read(&home, "here/study/sub-02/t1.txt"), "SUB-02");
    let keys = home.ok(&["ls", "kept-data/out", "-r"]);
    let run = home.json(&["runs", "last"])["id"].as_str().unwrap().to_owned();
    assert!(
        keys.contains(&format!("kept-data/out/{run}/study/sub-01/t1.txt")) || keys.contains(&run),
        "{keys}"
    );
    home.ok(&["get", "kept-data/out/", "there"]);
    assert_eq!(read(&home, &format!("there/out/{run}/study/sub-02/t1.txt")), "SUB-02");
}

#[test]
fn who_would_overwrite_results_is_warned_before_and_at_the_launch() {
    let home = Home::new();
    study(&home);
    let yaml = function(&home, "lost", SHOUT, "out", "");
    let checked = home.run(&["check", &yaml, "study"]);
    let warning = said(&checked);
    assert!(checked.status.success(), "{warning}");
    for part in ["1 input has the name of another", "sub-01/t1.txt and study/sub-02/t1.txt", "`{dir}`"] {
        assert!(warning.contains(part), "{warning}");
    }
    assert!(!said(&home.run(&["check", &yaml])).contains("name of another"));
    home.ok(&["deploy", &yaml]);
    let run = home.run(&["run", "lost", "study", "--wait"]);
    assert!(said(&run).contains("1 input has the name of another"), "{}", said(&run));
    assert_eq!(run.status.code(), Some(1), "a result is gone: {}", said(&run));
    // Unless the definition wants it.
    let yaml = function(&home, "lost", SHOUT, "out", "      on_collision: overwrite\n");
    assert!(!said(&home.run(&["check", &yaml, "study"])).contains("name of another"));
    home.ok(&["deploy", &yaml]);
    let run = home.run(&["run", "lost", "study", "--wait"]);
    assert!(run.status.success() && !said(&run).contains("name of another"), "{}", said(&run));
    assert!(home.json(&["runs", "last"])["collisions"].is_null());
}

#[test]
fn a_word_that_is_none_is_an_error_where_it_stands() {
    let home = Home::new();
    let yaml = function(&home, "wrong", SHOUT, "out/{input}", "");
    for verb in ["check", "deploy"] {
        let refused = home.run(&[verb, &yaml]);
        assert_eq!(refused.status.code(), Some(2), "{verb}");
        let said = said(&refused);
        assert!(said.contains("output[0].path: `{input}` is not known: {run} {task}"), "{said}");
        let line = read(&home, &yaml).lines().position(|line| line.contains("{input}")).unwrap() + 1;
        assert!(said.contains(&format!("{yaml}:{line}:")), "{said}");
    }
}

#[test]
fn a_task_that_left_too_little_has_failed_and_what_it_left_out_is_in_its_log() {
    let home = Home::new();
    let script = "#!/bin/sh\ncd \"$TMP_OUTPUT_DIR\"\ncase $(cat \"$INPUT_FILE_PATH\") in\n\
        good) mkdir /tmp/work; echo result > /tmp/work/a.csv; cp -s /tmp/work/a.csv a.csv; cp -s /bin/sh shell ;;\n\
        empty) : > a.csv ;;\nesac\n";
    let expect = "      expect: {files: 1, suffix: [.csv], min_bytes: 1}\n";
    let yaml = function(&home, "less", script, "out/{stem}", expect);
    home.write("in/good", "good");
    home.write("in/empty", "empty");
    home.write("in/none", "none");
    assert!(
        home.ok(&["check", &yaml])
            .contains("leaves less than 1 file ending with `.csv` of 1 B or more has failed")
    );
    home.ok(&["deploy", &yaml]);
    let run = home.run(&["run", "less", "in", "--wait", "--to", "here"]);
    assert_eq!(run.status.code(), Some(1));
    assert_eq!(files(&home.path().join("here")), ["good/a.csv"]);
    assert_eq!(read(&home, "here/good/a.csv"), "result\n", "a link into the task's own folder was followed");
    let tasks = home.json(&["tasks", "last", "--state", "failed"]);
    let failed: Vec<_> =
        tasks.as_array().unwrap().iter().map(|task| task["class"].as_str().unwrap()).collect();
    assert_eq!(failed, ["output", "output"], "{tasks}");
    let listed = home.ok(&["tasks", "last", "--state", "failed"]);
    assert!(listed.contains("1 file ending with `.csv` of 1 byte or more"), "{listed}");
    let quiet = function(&home, "quiet", "#!/bin/sh\n", "out", "");
    home.ok(&["deploy", &quiet]);
    let run = home.run(&["run", "quiet", "in", "--wait", "--to", "none"]);
    assert!(run.status.success() && said(&run).contains("3 tasks with 0 outputs"), "{}", said(&run));
    assert!(home.ok(&["tasks", "last", "0"]).contains("succeeded, 0 outputs,"));
    wait_for("the warning", || {
        let log = home.ok(&["logs", "less"]);
        log.contains("left out of the outputs: `shell` (a link to /bin/sh")
    });
}

#[test]
fn what_is_stored_says_what_it_is() {
    let home = Home::new();
    let script = "#!/bin/sh\ncd \"$TMP_OUTPUT_DIR\"\necho '<p>' > page.html\nprintf '\\211PNG\\r\\n\\032\\n' > picture\n";
    let yaml = function(&home, "kinds", script, "out", "");
    home.ok(&["deploy", &yaml]);
    home.write("table.csv", "a,b\n");
    home.ok(&["run", "kinds", "table.csv", "--wait"]);
    let folder = home.path().join("home/data/local");
    wait_until_running(&folder);
    let client = s3::client(&folder);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let kind = |key: &str| {
        let head = runtime.block_on(client.head_object().bucket("kinds-data").key(key).send()).unwrap();
        head.content_type().map(str::to_owned)
    };
    assert_eq!(kind("in/table.csv").as_deref(), Some("text/csv"), "an upload");
    assert_eq!(kind("out/page.html").as_deref(), Some("text/html"), "by its name");
    assert_eq!(kind("out/picture").as_deref(), Some("image/png"), "by its first bytes");
}

/// Two places whose names are the same below them, and two tasks: a folder for each task where names clash, and only there.
#[test]
fn results_of_equal_names_get_a_folder_for_each_task() {
    let home = Home::new();
    study(&home);
    let script = "#!/bin/sh\ncp \"$INPUT_FILE_PATH\" \"$TMP_OUTPUT_DIR/a.txt\"\necho '{}' > \"$TMP_OUTPUT_DIR/a.json\"\n";
    let settings = "        timeout_threshold: 1\n      input:\n      - {storage_provider: s3, path: twice-data/in}\n      \
        output:\n      - {storage_provider: s3, path: 'twice-data/{task}-texts', suffix: [.txt]}\n      \
        - {storage_provider: s3, path: 'twice-data/all', suffix: [.json]}\n      \
        - {storage_provider: s3, path: 'twice-other/{task}-texts', suffix: [.txt]}\n";
    let yaml = home.function("twice", script, settings);
    home.ok(&["deploy", &yaml]);
    let run: Value = home.json(&["run", "twice", "study/sub-01", "study/sub-02", "--wait", "--to", "here"]);
    assert_eq!(run["counts"]["succeeded"], 2, "{run}");
    let found = files(&home.path().join("here"));
    let expected = [
        "a.json",
        "task-0/s3/twice-data/0-texts/a.txt",
        "task-0/s3/twice-other/0-texts/a.txt",
        "task-1/s3/twice-data/1-texts/a.txt",
        "task-1/s3/twice-other/1-texts/a.txt",
    ];
    assert_eq!(found, expected);
    assert_eq!(read(&home, "here/task-1/s3/twice-other/1-texts/a.txt"), "sub-02");
}

#[test]
fn two_functions_keep_the_folders_of_the_first_inputs() {
    let home = Home::new();
    study(&home);
    let first = function(&home, "first", SHOUT, "mid/{run}/{dir}", "");
    let script = "#!/bin/sh\ncp \"$INPUT_FILE_PATH\" \"$TMP_OUTPUT_DIR/result.txt\"\n";
    let settings = "        timeout_threshold: 1\n      input:\n      - {storage_provider: s3, path: first-data/mid}\n      \
        output:\n      - {storage_provider: s3, path: 'first-data/out/{dir}/{stem}'}\n";
    let second = home.function("second", script, settings);
    home.ok(&["deploy", &first]);
    home.ok(&["deploy", &second]);
    home.ok(&["run", "first", "study", "--wait"]);
    let keys = || -> Vec<String> {
        let listed = home.json(&["ls", "first-data/out/", "-r"]);
        listed.as_array().unwrap().iter().map(|object| object["key"].as_str().unwrap().to_owned()).collect()
    };
    wait_for("the second function", || keys().len() == 3);
    let expected = ["notes/result.txt", "sub-01/t1/result.txt", "sub-02/t1/result.txt"];
    assert_eq!(keys(), expected.map(|name| format!("out/study/{name}")));
}
