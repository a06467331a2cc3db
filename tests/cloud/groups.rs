//! Tasks of several files: a folder each, or inputs with their partners.

use crate::support::{Home, between, wait_for};
use serde_json::Value;
use std::process::Stdio;

/// Leaves what it has seen of its files, under the name of its group.
const SEEN: &str = "#!/bin/sh\nset -e\ncd \"$TMP_INPUT_DIR\"\n{ echo \"dir ${INPUT_DIR#$PWD}\"; echo \"mask ${INPUT_MASK#$PWD}\"; \
                    for f in */* */*/* *; do if [ -f \"$f\" ]; then echo \"$f=$(cat \"$f\")\"; fi; done; } > \"$TMP_OUTPUT_DIR/seen$SET\"\n";

fn deploy(home: &Home, name: &str, settings: &str) -> String {
    let places = between(&format!("{name}-data/in"), &format!("'{name}-data/out/{{dir}}/{{stem}}'"));
    let head = format!("        timeout_threshold: 1\n      timeout: 30\n      {settings}\n");
    let yaml = home.function(name, SEEN, &format!("{head}{places}"));
    home.ok(&["deploy", &yaml]);
    yaml
}

fn study(home: &Home, files: &[&str]) {
    for file in files {
        home.write(&format!("study/{file}"), file);
    }
}

const STUDY: [&str; 8] = [
    "README",
    "participants.tsv",
    "sub-01/anat/t1",
    "sub-01/func/bold",
    "sub-02/anat/t1",
    "sub-02/func/bold",
    "sub-02/func/more",
    "sub-03/t1",
];

fn said(home: &Home, arguments: &[&str]) -> (bool, String) {
    let output = home.run(arguments);
    (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
}

fn seen(home: &Home, folder: &str, name: &str) -> String {
    let path = home.path().join(folder).join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn each_subject_is_a_task_with_all_its_files_from_here_or_from_a_bucket() {
    let home = Home::new();
    let yaml = deploy(&home, "fit", "group: sub-*/");
    study(&home, &STUDY);
    let told = home.ok(&["check", &yaml, "study"]);
    assert!(told.contains("3 groups of 6 files, a task for each folder `sub-*/`"), "{told}");
    assert!(told.contains("2 files, such as `study/README`"), "{told}");

    let (ok, note) = said(&home, &["run", "fit", "study", "--wait", "--to", "results"]);
    assert!(ok && note.contains("3 tasks with fit") && note.contains("3 groups of 6 files"), "{note}");
    assert!(note.contains("left out: 2 files, such as `study/README`"), "{note}");
    let second = "dir /sub-02\nmask \nsub-02/anat/t1=sub-02/anat/t1\nsub-02/func/bold=sub-02/func/bold\n\
                  sub-02/func/more=sub-02/func/more\n";
    assert_eq!(seen(&home, "results", "study/sub-02/sub-02/seen"), second);
    let third = seen(&home, "results", "study/sub-03/sub-03/seen");
    assert_eq!(third, "dir /sub-03\nmask \nsub-03/t1=sub-03/t1\n");

    let table = home.ok(&["tasks", "last"]);
    assert!(table.contains(" study/sub-02/ (3 files)"), "{table}");
    let task = home.json(&["tasks", "last", "1"]);
    assert_eq!(
        (task["file_count"].as_u64(), task["files"].as_array().unwrap().len()),
        (Some(3), 3),
        "{task}"
    );
    assert!(task["files"][2]["key"].as_str().unwrap().ends_with("/study/sub-02/func/more"), "{task}");
    let bytes: u64 = STUDY[4..7].iter().map(|name| name.len() as u64).sum();
    assert_eq!((task["size"].as_u64(), task["records"][0]["bytes_in"].as_u64()), (Some(bytes), Some(bytes)));
    assert!(home.ok(&["tasks", "last", "1"]).contains("3 files"));
    let all = home.json(&["tasks", "last"]);
    assert_eq!(all[0]["files"].as_array().unwrap().len(), 2, "{all}");

    // The same dataset where it is stored already: by its place, by one of its folders, by the definition alone.
    home.ok(&["put", "study/.", "fit-data/in/"]);
    let again = home.json(&["run", "fit", "s3://fit-data/in/", "--wait", "--to", "stored"]);
    assert_eq!(again["counts"]["succeeded"], 3, "{again}");
    assert_eq!(seen(&home, "stored", "sub-02/sub-02/seen"), second);
    let one = home.json(&["run", "fit", "s3://fit-data/in/sub-03/", "--wait", "--to", "one"]);
    assert_eq!(one["counts"]["succeeded"], 1, "{one}");
    assert_eq!(seen(&home, "one", "sub-03/sub-03/seen"), third);
    let defined = home.json(&["run", &yaml, "--wait"]);
    assert_eq!(defined["counts"]["succeeded"], 3, "{defined}");
    // Nothing of what arrived has started anything by itself.
    let runs = home.json(&["runs"]);
    let standing = runs.as_array().unwrap().iter().filter(|run| run["standing"] == Value::Bool(true)).count();
    assert_eq!(standing, 0, "{runs}");

    let (ok, why) = said(&home, &["run", "fit", "study/README"]);
    assert!(!ok && why.contains("nothing to run") && why.contains("`group: sub-*/`"), "{why}");
}

#[test]
fn every_group_runs_with_every_set_and_its_files_are_stored_once() {
    let home = Home::new();
    deploy(&home, "grid", "group: sub-*/");
    study(&home, &STUDY);
    let run = home.json(&["run", "grid", "study/.", "--sweep", "SET=a,b,c", "--wait", "--to", "results"]);
    assert_eq!(run["counts"]["succeeded"], 9, "{run}");
    for set in ["a", "b", "c"] {
        assert!(seen(&home, "results", &format!("sub-01/sub-01/seen{set}")).contains("sub-01/func/bold="));
    }
    let task = home.json(&["tasks", "last", "5"]);
    assert_eq!((task["set"].as_u64(), task["file_count"].as_u64()), (Some(2), Some(3)), "{task}");
    assert_eq!(task["files"].as_array().unwrap().len(), 3, "{task}");
}

#[test]
fn partners_come_along_and_what_lacks_one_is_refused_before_anything_is_sent() {
    let home = Home::new();
    let settings = "with:\n        mask: '{dir}/{stem}_mask.nii'\n        notes: {path: '{dir}/{stem}.md', optional: true}";
    deploy(&home, "pair", settings);
    study(&home, &["s/a.nii", "s/a_mask.nii", "s/a.md", "s/b.nii"]);
    let (ok, why) = said(&home, &["run", "pair", "study"]);
    assert!(!ok && why.contains("`study/s/b.nii` has no mask (`study/s/b_mask.nii`)"), "{why}");
    assert!(why.contains("nothing was sent"), "{why}");
    assert_eq!(home.json(&["runs"]).as_array().unwrap().len(), 0, "no run was made");

    study(&home, &["s/b_mask.nii"]);
    let run = home.json(&["run", "pair", "study", "--wait", "--to", "results"]);
    assert_eq!(run["counts"]["succeeded"], 2, "masks and notes are no tasks: {run}");
    let first = seen(&home, "results", "study/s/a/seen");
    for line in ["mask /study/s/a_mask.nii", "study/s/a.md=s/a.md", "study/s/a.nii=s/a.nii"] {
        assert!(first.lines().any(|seen| seen == line), "{line}: {first}");
    }
    assert!(!seen(&home, "results", "study/s/b/seen").contains(".md"));
    let task = home.json(&["tasks", "last", "0"]);
    assert_eq!(task["files"][1]["with"], "mask", "{task}");

    // A single input finds its partners beside it, here and in a bucket.
    let run = home.json(&["run", "pair", "study/s/a.nii", "--wait"]);
    assert_eq!(run["counts"]["succeeded"], 1, "{run}");
    home.ok(&["put", "study/.", "pair-data/in/"]);
    let run = home.json(&["run", "pair", "s3://pair-data/in/s/a.nii", "--wait"]);
    assert_eq!(run["counts"]["succeeded"], 1, "{run}");
    assert_eq!(home.json(&["tasks", "last", "0"])["file_count"], 3);
    home.write("c.nii", "no mask");
    home.ok(&["put", "c.nii", "pair-data/in/s/"]);
    let (ok, why) = said(&home, &["run", "pair", "s3://pair-data/in/"]);
    assert!(!ok && why.contains("`in/s/c.nii` has no mask (`in/s/c_mask.nii`)"), "{why}");
}

#[test]
fn groups_that_have_no_room_are_refused_or_left_out_whole() {
    let home = Home::new();
    deploy(&home, "room", "group: sub-*/");
    study(&home, &["sub-1/a", "sub-1/b", "sub-2/a", "sub-3/a"]);
    for half in ["a", "b"] {
        let file = std::fs::File::create(home.path().join(format!("study/sub-1/{half}"))).unwrap();
        file.set_len(300 << 20).unwrap();
    }
    let (ok, why) = said(&home, &["run", "room", "study"]);
    assert!(!ok && why.contains("`study/sub-1` (600 MiB) is too large"), "{why}");
    assert!(why.contains("ephemeral_storage: 1536") && why.contains("nothing was sent"), "{why}");
    // Of a subject that is not whole nothing is run.
    std::os::unix::fs::symlink("nowhere", home.path().join("study/sub-2/b")).unwrap();
    let (ok, why) = said(&home, &["run", "room", "study", "--skip-too-large"]);
    assert!(!ok && why.contains("--skip-unreadable"), "{why}");
    let (ok, why) = said(&home, &["run", "room", "study", "--skip-too-large", "--skip-unreadable", "--wait"]);
    assert!(ok && why.contains("1 task with room"), "{why}");
    assert!(why.contains("would not be whole, such as `study/sub-2`"), "{why}");
    let task = home.json(&["tasks", "last", "0"]);
    assert!(task["key"].as_str().unwrap().ends_with("study/sub-3/a"), "{task}");
}

#[test]
fn what_failed_of_a_run_of_groups_is_run_again_with_all_files() {
    let home = Home::new();
    let places = between("retry-data/in", "'retry-data/out/{dir}'");
    let script = "#!/bin/sh\nset -e\n[ -z \"$FAIL\" ] || [ ! -f \"$INPUT_DIR/bad\" ] || exit 1\nls \"$INPUT_DIR\" > \"$TMP_OUTPUT_DIR/ls\"\n\
                  [ ! -f \"$INPUT_DIR/bad\" ] || [ \"$(cat \"$INPUT_DIR/bad\")\" = mended ]\n";
    let yaml = home.function(
        "retry",
        script,
        &format!("        timeout_threshold: 1\n      timeout: 30\n      group: sub-*/\n{places}"),
    );
    home.ok(&["deploy", &yaml]);
    study(&home, &["sub-1/a", "sub-1/b", "sub-2/a", "sub-2/bad"]);
    home.ok(&["put", "study/.", "retry-data/in/"]);
    let run = home.run(&["run", "retry", "s3://retry-data/in/", "--wait", "--output", "json"]);
    let run: Value = serde_json::from_slice(&run.stdout).unwrap();
    assert_eq!((run["counts"]["succeeded"].as_u64(), run["counts"]["failed"].as_u64()), (Some(1), Some(1)));
    home.write("study/sub-2/bad", "mended");
    home.ok(&["put", "study/sub-2/bad", "retry-data/in/sub-2/"]);
    let again = home.json(&["run", "--again", "last", "--wait"]);
    assert_eq!(again["counts"]["succeeded"], 1, "{again}");
    let task = home.json(&["tasks", "last", "0"]);
    assert_eq!(task["files"].as_array().unwrap().len(), 2, "{task}");
}

/// The client is killed in the middle of the upload: what it had sent is not sent again, and each group runs once, whole.
#[test]
fn a_launch_that_was_killed_goes_on_and_starts_no_group_early() {
    let home = Home::new();
    home.write("home/config/config.toml", "[upload]\nconcurrency = 1\n");
    deploy(&home, "kill", "group: sub-*/");
    // Large enough that a kill hits the upload, and every group has files at its beginning and at its end.
    for subject in 0..6 {
        for part in 0..4 {
            let file = home.write(&format!("study/sub-{subject}/{part}"), "");
            std::fs::File::create(file).unwrap().set_len(12 << 20).unwrap();
        }
    }
    let mut client = home
        .command(&["run", "kill", "study/."])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    wait_for("some files", || journal_lines(&home) >= 6);
    client.kill().unwrap();
    client.wait().unwrap();
    let before = journal_lines(&home);
    assert!(before < 24, "it was killed in the middle");
    let run = home.json(&["runs"])[0].clone();
    let id = run["id"].as_str().unwrap().to_owned();
    assert_eq!(run["counts"]["total"], 6, "{run}");
    home.ok(&["run", "--resume", &id, "--wait"]);
    let tasks = home.json(&["tasks", &id]);
    for task in tasks.as_array().unwrap() {
        assert_eq!(
            (task["state"].as_str(), task["file_count"].as_u64()),
            (Some("succeeded"), Some(4)),
            "{task}"
        );
    }
    let shown = home.json(&["tasks", &id, "5"]);
    assert_eq!(shown["records"][0]["bytes_in"], 48 << 20, "{shown}");
    let (ok, why) = said(&home, &["run", "--resume", &id]);
    assert!(!ok && why.contains("there is nothing to send"), "{why}");
}

/// Lines that say of a file that it is there, in the journal of the only launch.
fn journal_lines(home: &Home) -> usize {
    let found = walkdir::WalkDir::new(home.path()).into_iter().flatten();
    let journal = found.into_iter().find(|entry| entry.file_name() == "sent.journal");
    let text = journal.and_then(|journal| std::fs::read(journal.path()).ok()).unwrap_or_default();
    String::from_utf8_lossy(&text).matches("\"sent\"").count()
}

#[test]
fn a_file_that_completes_a_group_starts_it_when_it_arrives() {
    let home = Home::new();
    let yaml = deploy(&home, "done", "group: sub-*/\n      trigger_on: done.txt");
    let told = home.ok(&["check", &yaml]);
    assert!(told.contains("end with done.txt complete a task and start it"), "{told}");
    study(&home, &["sub-1/func/bold", "sub-1/done.txt"]);
    home.ok(&["put", "study/sub-1/func", "done-data/in/sub-1/"]);
    home.ok(&["put", "study/sub-1/done.txt", "done-data/in/sub-1/"]);
    wait_for("the group", || home.ok(&["ls", "done-data", "-r"]).contains("out/sub-1/sub-1/seen"));
    home.ok(&["get", "s3://done-data/out/sub-1/sub-1/seen", "got"]);
    let got = std::fs::read_to_string(home.path().join("got/seen"))
        .or_else(|_| std::fs::read_to_string(home.path().join("got")))
        .unwrap();
    assert!(got.contains("sub-1/func/bold=") && got.contains("sub-1/done.txt="), "{got}");
}
