//! The examples, as a newcomer runs them: `throng new`, `throng deploy`, `throng run`. No network.

use crate::support::Home;
use std::path::{Path, PathBuf};

/// Writes an example out, deploys it and runs it over its inputs; gives the folder of its results.
fn run_example(home: &Home, name: &str, function: &str, inputs: &str) -> PathBuf {
    let written = home.json(&["new", name, "--example", name]);
    assert_eq!(written["example"], name, "{written}");
    assert_eq!(written["needs_network"], false, "{written}");
    home.ok(&["deploy", &format!("{name}/function.yaml")]);
    let results = format!("{name}/results");
    let run = home.json(&["run", function, &format!("{name}/{inputs}"), "--wait", "--to", &results]);
    let files = std::fs::read_dir(home.path().join(name).join(inputs)).unwrap().count();
    assert_eq!(run["counts"]["succeeded"], files, "{run}");
    home.path().join(results)
}

fn find(folder: &Path, name: &str) -> PathBuf {
    let found = walkdir::WalkDir::new(folder).into_iter().flatten().find(|entry| entry.file_name() == name);
    found.unwrap_or_else(|| panic!("no {name} in {}", folder.display())).into_path()
}

#[test]
fn texts_are_counted() {
    let home = Home::new();
    let results = run_example(&home, "text-statistics", "text-statistics", "texts");
    let table = std::fs::read_to_string(find(&results, "tyger.tsv")).unwrap();
    let expected = "lines\t9\nwords\t45\nbytes\t248\nword\tthe\t5\nword\twhat\t4\nword\tdare\t2\nword\tfire\t2\nword\thand\t2\n";
    assert_eq!(table, expected);
    // What its README says of a text without words.
    home.write("bad.txt", "123");
    let run = home.json(&["run", "text-statistics", "bad.txt", "--wait"]);
    assert_eq!(run["classes"]["script"], 1, "{run}");
    let task = home.json(&["tasks", run["id"].as_str().unwrap(), "0"]);
    assert_eq!(task["records"][0]["exit_code"], 3, "{task}");
}

#[test]
fn pictures_become_gray() {
    let home = Home::new();
    let results = run_example(&home, "grayscale", "grayscale", "pictures");
    let picture = image::open(find(&results, "rainbow.bmp")).unwrap().to_rgb8();
    assert_eq!(picture.dimensions(), (48, 36));
    assert!(picture.pixels().all(|pixel| pixel[0] == pixel[1] && pixel[1] == pixel[2]), "it is gray");
    let shades: std::collections::BTreeSet<u8> = picture.pixels().map(|pixel| pixel[0]).collect();
    assert!(shades.len() > 20, "and still a picture: {shades:?}");
}

#[test]
fn a_sweep_runs_every_input_with_every_value() {
    let home = Home::new();
    home.json(&["new", "rates", "--example", "sweep"]);
    home.ok(&["deploy", "rates/function.yaml"]);
    let sweep = ["--sweep", "RATE=2.5,3.2,3.5,3.9", "--sweep", "YEARS=500"];
    let arguments = [&["run", "sweep", "rates/starts"][..], &sweep, &["--wait", "--to", "results"]].concat();
    let run = home.json(&arguments);
    assert_eq!(run["counts"]["succeeded"], 8, "{run}");
    for (rate, different) in [("2.5", 1), ("3.2", 2), ("3.5", 4), ("3.9", 32)] {
        for start in ["few", "many"] {
            let path = find(&home.path().join("results"), &format!("{start}-rate-{rate}-years-500.tsv"));
            let text = std::fs::read_to_string(path).unwrap();
            assert!(text.ends_with(&format!("values\t{different}\n")), "{start}, {rate}: {text}");
        }
    }
}

#[test]
fn a_model_is_there_for_every_task() {
    let home = Home::new();
    let results = run_example(&home, "shared-model", "shared-model", "messages");
    let expected =
        [("monday", "good\t0.994\t4"), ("tuesday", "bad\t0.005\t3"), ("wednesday", "good\t0.550\t2")];
    for (name, judged) in expected {
        let text = std::fs::read_to_string(find(&results, &format!("{name}.tsv"))).unwrap();
        assert_eq!(text, format!("{name}\t{judged}\n"));
    }
}

#[test]
fn stanzas_are_counted_and_joined_in_one_table() {
    let home = Home::new();
    home.json(&["new", "stats", "--example", "text-stats"]);
    home.ok(&["deploy", "stats/function.yaml"]);
    let run = home.json(&["run", "stats-split", "stats/poems", "--wait", "--to", "results"]);
    assert_eq!(run["counts"]["succeeded"], 2 + 4 + 1, "{run}");
    let table = std::fs::read_to_string(find(&home.path().join("results"), "table.tsv")).unwrap();
    assert_eq!(table, "daffodils\t2\t12\t75\ntyger\t2\t8\t45\n");
}

#[test]
fn subjects_of_a_study_are_tasks_and_make_one_table() {
    let home = Home::new();
    home.json(&["new", "bids", "--example", "bids-subjects"]);
    let made =
        std::process::Command::new("sh").arg("study.sh").current_dir(home.path().join("bids")).status();
    assert!(made.unwrap().success());
    let told = home.ok(&["check", "bids/function.yaml", "bids/study"]);
    assert!(told.contains("4 groups of 16 files"), "{told}");
    home.ok(&["deploy", "bids/function.yaml"]);
    let sweep = ["--sweep", "CUTOFF=700,900,1200", "--wait", "--to", "results"];
    let run = home.json(&[&["run", "bids-subject", "bids/study"][..], &sweep].concat());
    assert_eq!(run["counts"]["succeeded"], 4 * 3 + 1, "{run}");
    let table = std::fs::read_to_string(find(&home.path().join("results"), "table.tsv")).unwrap();
    let lines: Vec<_> = table.lines().collect();
    assert_eq!(
        (lines.len(), lines[0]),
        (13, "subject\tcutoff\ttrials\tlate\tcongruent\tincongruent\teffect")
    );
    for line in ["sub-01\t700\t72\t8\t478.8\t532.1\t53.4", "sub-04\t1200\t80\t0\t524.1\t708.1\t184.0"] {
        assert!(lines.contains(&line), "{table}");
    }
    assert!(find(&home.path().join("results"), "sub-03").join("flanker-900.tsv").exists());
}

#[test]
fn the_demo_can_be_written_out_and_run_as_ones_own() {
    let home = Home::new();
    let results = run_example(&home, "demo", "throng-demo-slices", "images");
    image::open(find(&results, "head-anatomical.png")).unwrap();
}

#[test]
fn examples_are_listed_and_never_written_over_anything() {
    let home = Home::new();
    let list = home.json(&["new", "--list"]);
    let names: Vec<_> = list.as_array().unwrap().iter().map(|row| row["name"].as_str().unwrap()).collect();
    let expected = [
        "bids-subjects",
        "grayscale",
        "keyframes",
        "medical-images",
        "shared-model",
        "sweep",
        "text-statistics",
        "text-stats",
        "demo",
    ];
    assert_eq!(names, expected);
    home.write("mine/notes.txt", "mine");
    let refused = home.run(&["new", "mine"]);
    assert_eq!(refused.status.code(), Some(2));
    assert_eq!(std::fs::read_dir(home.path().join("mine")).unwrap().count(), 1);
    let unknown = home.run(&["new", "other", "--example", "nope"]);
    assert_eq!(unknown.status.code(), Some(2));
    assert!(!home.path().join("other").exists());
    let version = home.ok(&["--version"]);
    assert!(version.starts_with(concat!("throng ", env!("CARGO_PKG_VERSION"))), "{version}");
}
