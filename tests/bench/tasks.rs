//! Tasks per second of the whole path, beside `xargs` running the same script on the same files with no cloud.
//!
//! `cargo bench --profile dist --bench tasks [-- COUNT]`: COUNT files of 16 KiB (default 10,000) become one run of a function made from
//! a small root filesystem; its script counts the bytes of its input. Printed: tasks per second, CPU milliseconds per
//! task of everything on the machine, peak memory of each process, time from the last output to the run shown as
//! complete, and the ratio to xargs.
#![allow(clippy::expect_used, clippy::cast_precision_loss)]

#[path = "../support/mod.rs"]
mod support;

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use support::{Home, shell_root};

/// Processes at a time, for both.
const PARALLEL: &str = "2";
const SCRIPT: &str =
    "#!/bin/sh\nf=${INPUT_FILE_PATH:-$1}\nwc -c < \"$f\" > \"${TMP_OUTPUT_DIR:-$OUT}/${f##*/}.count\"\n";

fn main() {
    let count = std::env::args().find_map(|argument| argument.parse().ok()).unwrap_or(10_000);
    let home = Home::new();
    let work = home.path();
    let files = work.join("files");
    make_files(&files, count);
    let script = work.join("count.sh");
    write_script(&script);
    shell_root(&work.join("root"));
    std::fs::write(work.join("count.yaml"), DEFINITION).expect("writes the definition");

    let bare = xargs(work, &script, &files, count);
    let (run, cpu) = throng(&home, count);
    println!("\n{count} tasks, 16 KiB each, {PARALLEL} at a time");
    println!("{:<44}{:>10}{:>12}{:>16}", "", "seconds", "tasks/s", "CPU ms/task");
    for (name, wall, cpu) in [("xargs, no cloud", bare.0, bare.1), ("throng, local cloud", run, cpu)] {
        let rate = count as f64 / wall.as_secs_f64();
        println!("{name:<44}{:>10.2}{rate:>12.0}{:>16.2}", wall.as_secs_f64(), cpu * 1000.0 / count as f64);
    }
    println!("ratio of rates, throng to xargs: {:.2}", bare.0.as_secs_f64() / run.as_secs_f64());
}

const DEFINITION: &str = "functions:
  aws:
  - lambda:
      name: count
      memory: 512
      timeout: 60
      init_script: count.sh
      container: {image: 'rootfs:root'}
      input: [{storage_provider: s3, path: count/in}]
      output: [{storage_provider: s3, path: count/out}]
";

fn make_files(folder: &Path, count: usize) {
    std::fs::create_dir_all(folder).expect("makes the folder");
    let body = vec![b'x'; 16 << 10];
    for index in 0..count {
        std::fs::write(folder.join(format!("f{index:06}")), &body).expect("writes a file");
    }
}

fn write_script(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::write(path, SCRIPT).expect("writes the script");
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).expect("makes it executable");
}

/// Wall time and CPU seconds of the whole machine.
fn measured(work: impl FnOnce()) -> (Duration, f64) {
    let (before, begin) = (machine_cpu(), Instant::now());
    work();
    (begin.elapsed(), machine_cpu() - before)
}

/// CPU seconds that all processors spent working since the start.
fn machine_cpu() -> f64 {
    let stat = std::fs::read_to_string("/proc/stat").unwrap_or_default();
    let fields: Vec<f64> = stat
        .lines()
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .skip(1)
        .filter_map(|n| n.parse().ok())
        .collect();
    // user, nice, system, idle, iowait, irq, softirq
    [0, 1, 2, 5, 6].iter().filter_map(|index| fields.get(*index)).sum::<f64>() / 100.0
}

fn xargs(work: &Path, script: &Path, files: &Path, count: usize) -> (Duration, f64) {
    let out = work.join("bare");
    std::fs::create_dir_all(&out).expect("makes the folder");
    let outcome = measured(|| {
        let mut list = Command::new("find")
            .arg(files)
            .args(["-type", "f"])
            .stdout(Stdio::piped())
            .spawn()
            .expect("find");
        let status = Command::new("xargs")
            .args(["-P", PARALLEL, "-n", "1"])
            .arg(script)
            .env("OUT", &out)
            .stdin(list.stdout.take().expect("a pipe"))
            .status()
            .expect("xargs");
        list.wait().expect("find");
        assert!(status.success());
    });
    assert_eq!(std::fs::read_dir(&out).expect("outputs").count(), count);
    outcome
}

fn throng(home: &Home, count: usize) -> (Duration, f64) {
    home.ok(&["deploy", "count.yaml"]);
    // A first task, so that the environment's start is not counted twice.
    home.ok(&["run", "count", "files/f000000", "--wait"]);
    let watch = support::Peak::watch(home);
    let mut summary = serde_json::Value::Null;
    let outcome = measured(|| summary = home.json(&["run", "count", "files", "--wait"]));
    for (name, peak) in watch.stop() {
        println!("peak memory of {name:<30} {:>8.1} MiB", peak as f64 / 1024.0 / 1024.0);
    }
    let succeeded = summary["counts"]["succeeded"].as_u64();
    assert_eq!(succeeded, Some(count as u64), "{summary}");
    if let (Some(last), Some(shown)) = (summary["ended_ms"].as_u64(), summary["shown_complete_ms"].as_u64()) {
        println!("last task's end to shown as complete: {} ms", shown.saturating_sub(last));
    }
    if let Ok(usage) = nix::sys::resource::getrusage(nix::sys::resource::UsageWho::RUSAGE_CHILDREN) {
        println!("peak memory of {:<30} {:>8.1} MiB", "the command line", usage.max_rss() as f64 / 1024.0);
    }
    outcome
}
