//! The example `keyframes` by throng, by a plain loop and by `xargs -P`, over the same scripts in the same root filesystem.
//!
//! `cargo bench --profile dist --bench keyframes [-- SECONDS]`: two videos of SECONDS keyframes each (default 68). Needs what the example's
//! `build-root.sh` needs; takes the root that the tests with third-party programs have made, when there is one. Printed: seconds of
//! each way, and the ratio to the loop. Deployment is not counted.
#![allow(clippy::expect_used)]

#[path = "../support/mod.rs"]
mod support;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use support::Home;

/// Processes at a time of xargs: the cores of the machine that the figures in `docs/measured.md` are of.
const PARALLEL: &str = "2";
/// Runs of each way.
const ROUNDS: usize = 2;

fn main() {
    let seconds = std::env::args().find_map(|argument| argument.parse::<u32>().ok()).unwrap_or(68);
    let home = Home::new();
    home.ok(&["new", "film", "--example", "keyframes"]);
    let film = home.path().join("film");
    root(&film);
    sh(&film, &format!("SECONDS_EACH={seconds} ./videos.sh"));
    home.ok(&["deploy", "film/function.yaml"]);

    // In turn, so that whatever else this machine does disturbs all alike; the best of each counts.
    let mut best = [Duration::MAX; 3];
    for round in 0..ROUNDS {
        let ways: [&dyn Fn(); 3] = [
            &|| sh(&film, &format!("./loop.sh loop-{round}")),
            &|| sh(&film, &format!("./loop.sh xargs-{round} {PARALLEL}")),
            &|| drop(home.ok(&["run", "keyframes-split", "film/videos", "--wait"])),
        ];
        for (best, way) in best.iter_mut().zip(ways) {
            let begin = Instant::now();
            way();
            *best = begin.elapsed().min(*best);
        }
    }
    println!("\n2 videos, {} keyframes, 1 montage; the best of {ROUNDS}", 2 * seconds);
    println!("{:<36}{:>10}{:>16}", "", "seconds", "times the loop");
    let names = ["plain loop".to_owned(), format!("xargs -P {PARALLEL}"), "throng, local cloud".to_owned()];
    for (name, wall) in names.iter().zip(best) {
        let ratio = wall.as_secs_f64() / best[0].as_secs_f64();
        println!("{name:<36}{:>10.2}{ratio:>16.2}", wall.as_secs_f64());
    }
}

/// Gives the example its root filesystem.
fn root(film: &Path) {
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/interop");
    let known = |path: &PathBuf| {
        let same = |name: &str| std::fs::read(path.join(name)).ok() == std::fs::read(film.join(name)).ok();
        same("build-root.sh") && path.join("root").is_dir()
    };
    let mut folders = std::fs::read_dir(kept).into_iter().flatten().flatten().map(|entry| entry.path());
    match folders.find(known) {
        Some(path) => std::os::unix::fs::symlink(path.join("root"), film.join("root")).expect("a link"),
        None => sh(film, "./build-root.sh"),
    }
}

fn sh(folder: &Path, line: &str) {
    let mut command = Command::new("sh");
    let status = command.args(["-ec", line]).current_dir(folder).stdout(Stdio::null()).status();
    assert!(status.expect("sh runs").success(), "{line}");
}
