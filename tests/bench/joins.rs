//! What tasks cost by what is behind them: requests, time, billed milliseconds and dollars per task, of tasks with nothing behind
//! them, with a join, and with a second stage.
//!
//! `cargo bench --profile dist --bench joins [-- COUNT]`: COUNT files (default 10,000) become one run of a function that copies them, first
//! with nothing else in the context, then with a join that takes the list of everything, then with a function that copies the
//! copies (twice as many tasks). Requests are those that the local cloud counted in the whole run, those of the client
//! among them; billed is what the platform's log says of the functions that copy. Dollars are those of Lambda's time at 128 MB, and of every
//! request as if it wrote: what reads costs a twelfth of that.
#![allow(clippy::expect_used, clippy::cast_precision_loss)]

#[path = "../support/mod.rs"]
mod support;

use std::time::Instant;
use support::{Home, between};

/// Dollars of a request that writes or lists (S3), and of a GiB for a second (Lambda, x86-64), as `assets/prices.toml` has them.
const WRITE: f64 = 0.000_005;
const GIB_SECOND: f64 = 0.000_016_666_7;
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
    let stage = home.function("again", copy, &format!("{SMALL}{}", between("bench/mid", "bench/end")));
    for index in 0..count {
        home.write(&format!("files/f{index:06}"), "x");
    }
    home.ok(&["deploy", &first]);
    home.ok(&["run", "copy", "files/f000000", "--wait"]);
    let without = measured(&home, count);
    home.ok(&["deploy", &second]);
    let with = measured(&home, count);
    let tasks = home.json(&["tasks", "last", "--stage", "gather"]);
    home.ok(&["rm", "function", "gather", "--yes"]);
    home.ok(&["deploy", &stage]);
    let staged = measured(&home, 2 * count);

    println!("\n{count} files that are copied");
    println!(
        "{:<22}{:>12}{:>16}{:>16}{:>20}",
        "", "ms/task", "requests/task", "billed ms/task", "$/million tasks"
    );
    for (name, tasks, Measured { seconds, requests, billed_ms }) in [
        ("nothing behind them", count, &without),
        ("a join", count, &with),
        ("a second stage", 2 * count, &staged),
    ] {
        let each = |sum: f64| sum / tasks as f64;
        let dollars = each(*requests) * WRITE + each(*billed_ms) / 1000.0 / 8.0 * GIB_SECOND;
        println!(
            "{name:<22}{:>12.2}{:>16.2}{:>16.2}{:>20.2}",
            each(seconds * 1000.0),
            each(*requests),
            each(*billed_ms),
            dollars * 1e6
        );
    }
    println!(
        "the join itself, reading {count} records: {} ms, {} MiB",
        tasks[0]["duration_ms"],
        tasks[0]["peak_memory"].as_u64().unwrap_or_default() >> 20
    );
}

/// What a run took.
struct Measured {
    seconds: f64,
    requests: f64,
    billed_ms: f64,
}

/// Runs the files, of which so many tasks come.
fn measured(home: &Home, tasks: usize) -> Measured {
    let requests =
        || home.json(&["local", "status"])["status"]["requests"].as_u64().expect("a number") as f64;
    let (billed, before, begin) = (billed_ms(home), requests(), Instant::now());
    let run = home.json(&["run", "copy", "files", "--wait"]);
    let (seconds, sent) = (begin.elapsed().as_secs_f64(), requests() - before);
    assert!(run["counts"]["succeeded"].as_u64() >= Some(tasks as u64), "{run}");
    assert_eq!(run["counts"]["succeeded"], run["counts"]["total"], "{run}");
    Measured { seconds, requests: sent, billed_ms: billed_ms(home) - billed }
}

/// What Lambda would have billed for the functions that copy, so far.
fn billed_ms(home: &Home) -> f64 {
    let there = home.ok(&["functions"]);
    let of = |function: &str| {
        let log = home.ok(&["logs", function, "--since", "7d"]);
        let billed =
            log.split(", billed ").skip(1).filter_map(|rest| rest.split(' ').next()?.parse::<f64>().ok());
        billed.sum::<f64>()
    };
    ["copy", "again"].into_iter().filter(|function| there.contains(function)).map(of).sum()
}
