//! What a join costs the tasks before it: requests, time and CPU per task, with a join behind them and without.
//!
//! `cargo bench --profile dist --bench joins [-- COUNT]`: COUNT files (default 10,000) become one run of a function that copies them, first
//! with no join in the context, then with one that takes the list of everything. Requests are those that the local cloud
//! counted in the whole run, those of the client among them.
#![allow(clippy::expect_used, clippy::cast_precision_loss)]

#[path = "../support/mod.rs"]
mod support;

use std::time::Instant;
use support::{Home, between};

const SMALL: &str = "      memory: 128\n      timeout: 60\n";

fn main() {
    let count: usize = std::env::args().find_map(|argument| argument.parse().ok()).unwrap_or(10_000);
    let home = Home::new();
    let copy = "#!/bin/sh\ncp \"$INPUT_FILE_PATH\" \"$TMP_OUTPUT_DIR/\"\n";
    let gather = "#!/bin/sh\nwc -l < \"$INPUT_LIST\" > \"$TMP_OUTPUT_DIR/lines\"\n";
    let join =
        "      after: copy\n      stage_in: false\n      output: [{storage_provider: s3, path: bench/out}]\n";
    let first = home.function("copy", copy, &format!("{SMALL}{}", between("bench/in", "bench/mid")));
    let second = home.function("gather", gather, &format!("{SMALL}{join}"));
    for index in 0..count {
        home.write(&format!("files/f{index:06}"), "x");
    }
    home.ok(&["deploy", &first]);
    home.ok(&["run", "copy", "files/f000000", "--wait"]);
    let without = measured(&home, count);
    home.ok(&["deploy", &second]);
    let with = measured(&home, count);

    println!("\n{count} tasks that copy a file");
    println!("{:<28}{:>12}{:>14}", "", "ms/task", "requests/task");
    for (name, (seconds, requests)) in [("no join", without), ("a join behind them", with)] {
        let each = |sum: f64| sum / count as f64;
        println!("{name:<28}{:>12.2}{:>14.2}", each(seconds * 1000.0), each(requests));
    }
    let tasks = home.json(&["tasks", "last", "--stage", "gather"]);
    println!("the join itself, reading {count} records: {} ms", tasks[0]["duration_ms"]);
}

/// Seconds and requests of a run.
fn measured(home: &Home, count: usize) -> (f64, f64) {
    let requests =
        || home.json(&["local", "status"])["status"]["requests"].as_u64().expect("a number") as f64;
    let (before, begin) = (requests(), Instant::now());
    let run = home.json(&["run", "copy", "files", "--wait"]);
    let (seconds, sent) = (begin.elapsed().as_secs_f64(), requests() - before);
    assert!(run["counts"]["succeeded"].as_u64() >= Some(count as u64), "{run}");
    assert_eq!(run["counts"]["succeeded"], run["counts"]["total"], "{run}");
    (seconds, sent)
}
