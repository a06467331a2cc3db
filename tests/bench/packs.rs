//! What packs save: time and requests of a run of short tasks, each with an invocation of its own, and packed.
//!
//! `cargo bench --profile dist --bench packs [-- COUNT]`: COUNT tasks without inputs (default 2,000), whose script prints a word. Requests are
//! those that the local cloud counted in the whole run, those of the client among them; begun packs are counted in the home bucket.
#![allow(clippy::expect_used, clippy::cast_precision_loss)]

#[path = "../support/mod.rs"]
mod support;

use std::time::Instant;
use support::Home;

fn main() {
    let count: usize = std::env::args().find_map(|argument| argument.parse().ok()).unwrap_or(2_000);
    let home = Home::new();
    let file = home.function(
        "short",
        "#!/bin/sh\necho done\n",
        "      memory: 128\n      timeout: 60\n      retries: 1\n      pack: 1\n",
    );
    home.ok(&["deploy", &file]);
    home.ok(&["run", "short", "--tasks", "1", "--wait"]);
    println!("\n{count} tasks that print a word");
    println!("{:<24}{:>10}{:>12}{:>16}", "", "seconds", "tasks/s", "requests/task");
    for pack in ["1", "10", "50"] {
        let requests =
            || home.json(&["local", "status"])["status"]["requests"].as_u64().expect("a number") as f64;
        let (before, begin) = (requests(), Instant::now());
        let run = home.json(&["run", "short", "--tasks", &count.to_string(), "--pack", pack, "--wait"]);
        let (seconds, sent) = (begin.elapsed().as_secs_f64(), requests() - before);
        assert_eq!(run["counts"]["succeeded"].as_u64(), Some(count as u64), "{run}");
        let name = format!("packs of {pack}");
        println!("{name:<24}{seconds:>10.2}{:>12.0}{:>16.2}", count as f64 / seconds, sent / count as f64);
    }
}
