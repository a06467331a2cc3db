//! A study of several subjects: what belongs to a subject, or to a value of a parameter, is joined by itself, then all of it.

use crate::support::{Home, between};
use serde_json::{Value, json};

const SMALL: &str = "      timeout: 30\n";
/// One line of its value and what it has read; a file that says `bad` fails it.
const FIT: &str = "#!/bin/sh\ncd \"$TMP_INPUT_DIR\"\nall=$(cat * */* */*/* */*/*/* */*/*/*/* 2> /dev/null)\n\
                   case \"$all\" in *bad*) exit 4;; esac\n\
                   echo \"$ALPHA:\"$all > \"$TMP_OUTPUT_DIR/fit-$ALPHA.txt\"\n";
/// Everything before it, in the order of its list.
const ALL: &str = "#!/bin/sh\nIFS=$(printf '\\t')\nwhile read -r _ _ _ _ file _; do cat \"$TMP_INPUT_DIR/$file\"; done < \"$INPUT_LIST\" \
                   > \"$TMP_OUTPUT_DIR/table.txt\"\n";

/// `fit`, a join `each` of what `by` says, and a join `table` of these.
fn deploy(home: &Home, fit: &str, by: &str) {
    let places = between("bids/in", "'bids/mid/{run}/{dir}/{stem}'");
    let each = format!(
        "      after: fit\n      by: '{by}'\n      output: [{{storage_provider: s3, path: 'bids/each/{{run}}/{{group}}'}}]\n"
    );
    let table = "      after: each\n      output: [{storage_provider: s3, path: 'bids/table/{run}'}]\n";
    for file in [
        home.function("fit", FIT, &format!("{SMALL}{fit}{places}")),
        home.function("each", ALL, &format!("{SMALL}{each}")),
        home.function("table", ALL, &format!("{SMALL}{table}")),
    ] {
        home.ok(&["deploy", &file]);
    }
}

fn study(home: &Home, bad: &str) {
    for subject in ["01", "02", "03"] {
        for (file, text) in [("anat/t1", "t"), ("func/bold", "b")] {
            let name = format!("sub-{subject}/{file}");
            let text = if name == bad { "bad".to_owned() } else { format!("{text}{subject}") };
            home.write(&format!("study/{name}"), &text);
        }
    }
}

/// The groups of the tasks of `each`, and how these stand.
fn told(home: &Home) -> Vec<(String, String)> {
    let tasks = home.json(&["tasks", "last", "--stage", "each"]);
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    tasks.as_array().unwrap().iter().map(|task| (text(&task["group"]), text(&task["state"]))).collect()
}

fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
    list.iter().map(|(name, state)| ((*name).to_owned(), (*state).to_owned())).collect()
}

fn read(home: &Home, path: &str) -> String {
    let path = home.path().join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A folder is a task, with each value; a table for each value, and one of all tables.
#[test]
fn folders_and_values_make_a_table_for_each_value_and_one_of_all() {
    let home = Home::new();
    deploy(&home, "      group: sub-*/\n", "{ALPHA}");
    study(&home, "");
    home.write("study/participants.tsv", "none");
    let run = ["run", "fit", "study", "--sweep", "ALPHA=1,2,3", "--wait", "--to", "results"];
    let run = home.json(&run);
    assert_eq!(run["counts"]["succeeded"], 3 * 3 + 3 + 1, "{run}");
    assert_eq!(told(&home), pairs(&[("1", "succeeded"), ("2", "succeeded"), ("3", "succeeded")]));
    let of = |alpha: u32| format!("{alpha}:t01b01\n{alpha}:t02b02\n{alpha}:t03b03\n");
    assert_eq!(read(&home, "results/2/table.txt"), of(2));
    assert_eq!(read(&home, "results/table.txt"), format!("{}{}{}", of(1), of(2), of(3)));
    // Each task of a folder knows its files, although its neighbours are other folders.
    let task = home.json(&["tasks", "last", "4"]);
    assert_eq!((&task["file_count"], &task["variables"]), (&json!(2), &json!({"ALPHA": "2"})), "{task}");
    assert!(home.ok(&["tasks", "last"]).contains(" study/sub-03/ (2 files)"));
}

/// What fails holds its subject back alone; run again, it is that subject's.
#[test]
fn a_folder_of_tasks_and_its_join_is_a_subject() {
    let home = Home::new();
    deploy(&home, "      group: sub-*/\n", "{dir}");
    study(&home, "sub-02/anat/t1");
    let run = home.json(&["run", "fit", "study", "--sweep", "ALPHA=1,2", "--wait"]);
    assert_eq!((&run["counts"]["failed"], &run["counts"]["cancelled"]), (&json!(2), &json!(2)), "{run}");
    let states =
        [("study/sub-01", "succeeded"), ("study/sub-02", "cancelled"), ("study/sub-03", "succeeded")];
    assert_eq!(told(&home), pairs(&states));

    let key = home.json(&["tasks", "last", "--state", "failed"])[0]["key"].as_str().unwrap().to_owned();
    home.write("mended/t1", "t02");
    let (folder, _) = key.rsplit_once('/').unwrap();
    home.ok(&["put", "mended/t1", &format!("throng-home/{folder}/")]);
    let again = home.json(&["run", "--again", "last", "--wait", "--to", "results"]);
    assert_eq!((&again["counts"]["succeeded"], &again["counts"]["total"]), (&json!(4), &json!(4)), "{again}");
    assert_eq!(told(&home), pairs(&[("study/sub-02", "succeeded")]));
    assert_eq!(read(&home, "results/table.txt"), "1:t02b02\n2:t02b02\n");
}

/// Files are tasks, wherever below their subject they are; the glob finds the subject.
#[test]
fn a_glob_of_folders_says_whose_a_file_is() {
    let home = Home::new();
    deploy(&home, "", "sub-*/");
    study(&home, "");
    home.write("study/notes", "n");
    let run = home.json(&["run", "fit", "study", "--wait", "--to", "results"]);
    assert_eq!(run["counts"]["succeeded"], 7 + 4 + 1, "{run}");
    let groups = [".", "study/sub-01", "study/sub-02", "study/sub-03"];
    assert_eq!(told(&home), pairs(&groups.map(|group| (group, "succeeded"))));
    assert_eq!(read(&home, "results/study/sub-02/table.txt"), ":t02\n:b02\n");
    home.ok(&["put", "study/.", "bids/in/"]);
    let stored = home.json(&["run", "fit", "s3://bids/in/", "--wait"]);
    assert_eq!(stored["counts"]["succeeded"], 7 + 4 + 1, "{stored}");
    assert_eq!(told(&home)[3], ("sub-03".to_owned(), "succeeded".to_owned()));
}
