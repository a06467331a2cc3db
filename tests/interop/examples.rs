//! The two case studies of the paper with their real tools: a chain and a join give, byte for byte, what a plain loop over the same
//! scripts gives without throng. Their root filesystems are made of Debian's and `PyPI`'s packages, once, in `target/interop`.

use crate::support::{Home, tools};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

/// Files below a folder that end so: by the name of their folder and their own, which no run's id is in.
type Files = BTreeMap<(String, String), Vec<u8>>;

static MAKING: Mutex<()> = Mutex::new(());

/// Writes an example out, with a root filesystem that its `build-root.sh` has made.
fn write_out(home: &Home, name: &str) -> PathBuf {
    tools::debian(&[("mmdebstrap", "mmdebstrap"), ("bwrap", "bubblewrap")]);
    let written = home.json(&["new", name, "--example", name]);
    assert_eq!(written["needs_network"], true, "{written}");
    let folder = home.path().join(name);
    let script = fs::read(folder.join("build-root.sh")).unwrap();
    // Another script makes another root.
    let kept = format!("target/interop/{name}-{:08x}", crc32fast::hash(&script));
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join(kept);
    let _one_at_a_time = MAKING.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if !kept.join("root").exists() {
        fs::create_dir_all(&kept).unwrap();
        fs::write(kept.join("build-root.sh"), script).unwrap();
        done(Command::new("sh").arg("build-root.sh").current_dir(&kept));
    }
    symlink(kept.join("root"), folder.join("root")).unwrap();
    folder
}

fn done(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}\n{}", String::from_utf8_lossy(&output.stderr));
}

fn files(folder: &Path, end: &str) -> Files {
    let entries = walkdir::WalkDir::new(folder).into_iter().map(Result::unwrap);
    let text = |path: &Path| path.file_name().unwrap().to_str().unwrap().to_owned();
    let wanted = entries.filter(|entry| entry.file_name().to_str().unwrap().ends_with(end));
    let pair = |path: &Path| ((text(path.parent().unwrap()), text(path)), fs::read(path).unwrap());
    wanted.map(|entry| pair(entry.path())).collect()
}

/// The one file of this name.
fn only(folder: &Path, name: &str) -> Vec<u8> {
    let found: Vec<_> = files(folder, name).into_values().collect();
    assert_eq!(found.len(), 1, "{name} in {}", folder.display());
    found.into_iter().next().unwrap()
}

fn succeeded(run: &Value) -> Vec<(&str, u64)> {
    let stages = run["stages"].as_array().unwrap_or_else(|| panic!("{run}"));
    let count = |stage: &Value| stage["counts"]["succeeded"].as_u64().unwrap();
    stages.iter().map(|stage| (stage["function"].as_str().unwrap(), count(stage))).collect()
}

/// Runs an example over its inputs with `--to`, and its loop beside that: gives the run and the folders of both.
fn by_throng_and_by_loop(
    home: &Home,
    folder: &Path,
    function: &str,
    inputs: &str,
) -> (Value, PathBuf, PathBuf) {
    done(Command::new("sh").args(["loop.sh", "loop"]).current_dir(folder));
    let name = folder.file_name().unwrap().to_str().unwrap();
    let path = |below: &str| format!("{name}/{below}");
    home.ok(&["deploy", &path("function.yaml")]);
    let results = path("results");
    let run = home.json(&["run", function, &path(inputs), "--wait", "--to", &results]);
    (run, home.path().join(&results), folder.join("loop"))
}

#[test]
fn two_videos_become_one_montage_as_by_a_loop() {
    let home = Home::new();
    let folder = write_out(&home, "keyframes");
    done(Command::new("sh").arg("videos.sh").current_dir(&folder));
    let (run, results, by_loop) = by_throng_and_by_loop(&home, &folder, "keyframes-split", "videos");

    for end in [".jpg", ".png"] {
        let mut expected = files(&by_loop, end);
        expected.retain(|(_, name), _| name != "montage.png");
        assert_eq!(expected.len(), 136, "{end}");
        let mut got = files(&results, end);
        got.retain(|(_, name), _| name != "montage.png");
        assert!(got.keys().eq(expected.keys()), "{end}: {:?}", got.keys());
        assert!(got == expected, "every byte of {end}");
    }
    let table = String::from_utf8(only(&by_loop, "faces.csv")).unwrap();
    let faces = |table: &str| table.lines().filter(|line| line.ends_with(",1")).count();
    let expected = fs::read_to_string(folder.join("expected/faces.csv")).unwrap();
    assert_eq!((table.lines().count(), faces(&expected)), (137, 46));
    // Frames at the border may fall on the other side with another processor.
    assert!(faces(&table).abs_diff(46) <= 6, "{table}");

    let expected = [("keyframes-split", 2), ("keyframes-detect", 136), ("keyframes-montage", 1)];
    assert_eq!(succeeded(&run), expected, "{run}");
    assert!(only(&results, "montage.png") == only(&by_loop, "montage.png"), "every byte of the montage");
    assert_eq!(only(&results, "faces.csv"), table.as_bytes());
}

/// Rows of a table by their first column, each cell by the name of its own.
fn rows(table: &str) -> BTreeMap<String, BTreeMap<String, f64>> {
    let mut lines = table.lines().map(|line| line.split(',').map(str::to_owned).collect::<Vec<_>>());
    let names = lines.next().unwrap();
    let number = |text: &String| text.parse().unwrap();
    let cells = |line: &[String]| names[1..].iter().cloned().zip(line[1..].iter().map(number)).collect();
    lines.map(|line| (line[0].clone(), cells(&line))).collect()
}

#[test]
fn volumes_become_a_table_and_a_figure_as_by_a_loop() {
    let home = Home::new();
    let folder = write_out(&home, "medical-images");
    done(Command::new("sh").args(["in-root", "./volumes.py"]).current_dir(&folder));
    let (run, results, by_loop) = by_throng_and_by_loop(&home, &folder, "ivim-fit", "volumes");

    for (end, number) in [("_ivim.nii.gz", 12), ("_maps.png", 12), ("_measures.json", 12)] {
        let plain = |folder: &Path| files(folder, end).into_iter().map(|((_, name), bytes)| (name, bytes));
        let expected: BTreeMap<_, _> = plain(&by_loop).collect();
        assert_eq!(expected.len(), number, "{end}");
        assert!(plain(&results).collect::<BTreeMap<_, _>>() == expected, "every byte of {end}");
    }
    let table = String::from_utf8(only(&by_loop, "table.csv")).unwrap();
    let (fitted, truth) = (rows(&table), rows(&fs::read_to_string(folder.join("truth.csv")).unwrap()));
    assert_eq!((fitted.len(), truth.len()), (12, 12));
    for (subject, truth) in &truth {
        for (measure, within) in
            [("tissue_D", 0.03), ("lesion_D", 0.15), ("tissue_f", 0.1), ("lesion_f", 0.1)]
        {
            let (got, true_value) = (fitted[subject][measure], truth[measure]);
            assert!((got / true_value - 1.0).abs() < within, "{subject} {measure}: {got}, {true_value}");
        }
    }

    assert_eq!(succeeded(&run), [("ivim-fit", 12), ("ivim-table", 1)], "{run}");
    assert_eq!(only(&results, "table.csv"), table.as_bytes());
    assert!(only(&results, "figure.png") == only(&by_loop, "figure.png"), "every byte of the figure");
}
