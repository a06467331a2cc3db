//! Ending processes: a task's process group, and whatever left it.

use rustix::process::{
    Pid, Signal, WaitOptions, getpid, kill_process, kill_process_group, set_child_subreaper, wait,
};
use std::time::{Duration, Instant};

/// How long killed processes are waited for.
const PATIENCE: Duration = Duration::from_secs(1);

/// Makes this process the parent of every descendant whose own parent ends, so that none can get away.
pub fn adopt_orphans() {
    let _ = set_child_subreaper(Some(getpid()));
}

/// Asks a process group to end.
pub fn terminate(group: Pid) {
    let _ = kill_process_group(group, Signal::TERM);
}

/// Kills a process group and every other descendant, and waits until they are gone. Only processes that the kernel
/// cannot end are left behind.
pub fn end_all(group: Pid) {
    let _ = kill_process_group(group, Signal::KILL);
    let until = Instant::now() + PATIENCE;
    let mut pause = Duration::from_micros(100);
    while has_children() {
        kill_descendants();
        if !has_children() || Instant::now() > until {
            return;
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(20));
    }
}

/// Collects children that have ended; says whether there are others.
fn has_children() -> bool {
    loop {
        match wait(WaitOptions::NOHANG) {
            Ok(Some(_)) | Err(rustix::io::Errno::INTR) => {}
            Ok(None) => return true,
            Err(_) => return false,
        }
    }
}

fn kill_descendants() {
    if getpid() == Pid::INIT {
        // The first process of a namespace: every other one in it is a leftover. (Group 1 means all.)
        let _ = kill_process_group(Pid::INIT, Signal::KILL);
        return;
    }
    for pid in descendants(getpid()) {
        let _ = kill_process(pid, Signal::KILL);
    }
}

/// Every descendant of `root` that /proc shows.
fn descendants(root: Pid) -> Vec<Pid> {
    let parents: Vec<(Pid, Pid)> = std::fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let pid = entry.file_name().to_str()?.parse().ok().and_then(Pid::from_raw)?;
            let stat = std::fs::read_to_string(entry.path().join("stat")).ok()?;
            // The name in parentheses may hold anything; state and parent follow it.
            let parent =
                stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok().and_then(Pid::from_raw)?;
            Some((pid, parent))
        })
        .collect();
    let mut found = vec![root];
    let mut at = 0;
    while at < found.len() {
        let parent = found[at];
        found.extend(parents.iter().filter(|(_, of)| *of == parent).map(|(pid, _)| *pid));
        at += 1;
    }
    found.split_off(1)
}
