//! How much memory a sandbox uses, and whether that is too much.
//!
//! On Lambda /tmp is a disk; here it is a tmpfs, whose pages the kernel counts as memory of whoever wrote them. So
//! the control group's limit is memory and /tmp together, enforced by the kernel at once; and what is in use without
//! /tmp is compared with the memory limit alone ten times a second. Without a control group the memory of the
//! processes is added up as often.

use super::cgroup::{Group, PARENT};
use crate::sandbox::SandboxSpec;
use nix::sys::statfs::fstatfs;
use std::fs;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// Limits in bytes.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    memory: u64,
    tmp: u64,
}

impl Limits {
    /// What a specification says.
    pub fn of(spec: &SandboxSpec) -> Self {
        Self { memory: u64::from(spec.memory_mb) << 20, tmp: u64::from(spec.tmp_mb) << 20 }
    }
}

/// The memory of one sandbox.
#[derive(Debug)]
pub struct MemoryWatch {
    /// Its /tmp, to ask how full it is.
    pub tmp: Option<OwnedFd>,
    pid: u32,
    limits: Limits,
    group: Mutex<Option<Group>>,
    peak: AtomicU64,
    peak_tmp: AtomicU64,
    exceeded: AtomicBool,
}

impl MemoryWatch {
    /// Puts the sandbox's init into a control group, where that is possible.
    pub fn new(pid: u32, limits: Limits) -> Self {
        let group = PARENT.as_ref().ok().and_then(|parent| {
            Group::create(parent, limits.memory + limits.tmp, pid)
                .inspect_err(|error| tracing::warn!(%error, "no control group; memory is watched instead"))
                .ok()
        });
        Self {
            tmp: None,
            pid,
            limits,
            group: Mutex::new(group),
            peak: AtomicU64::new(0),
            peak_tmp: AtomicU64::new(0),
            exceeded: AtomicBool::new(false),
        }
    }

    fn with_group<T>(&self, ask: impl FnOnce(&Group) -> T) -> Option<T> {
        self.group.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(ask)
    }

    /// Bytes in /tmp.
    fn tmp_used(&self) -> u64 {
        let Some(found) = self.tmp.as_ref().and_then(|tmp| fstatfs(tmp).ok()) else { return 0 };
        let used = found.blocks().saturating_sub(found.blocks_free());
        used * u64::try_from(found.block_size()).unwrap_or(4096)
    }

    /// Looks once. Returns whether the sandbox has to be ended.
    pub fn look(&self) -> bool {
        let quick = self.with_group(Group::usage);
        // The group's usage is never less than what counts.
        if quick.is_some_and(|usage| usage <= self.limits.memory) {
            return false;
        }
        let used = self.measure();
        let over = used > self.limits.memory;
        if over {
            self.exceeded.store(true, Ordering::Relaxed);
        }
        over
    }

    /// Memory in use now, without /tmp.
    fn measure(&self) -> u64 {
        let tmp = self.tmp_used();
        self.peak_tmp.fetch_max(tmp, Ordering::Relaxed);
        let used = match self.with_group(Group::anonymous_and_shared) {
            Some((anonymous, shared)) => anonymous + shared.saturating_sub(tmp),
            None => processes(self.pid, self.limits.memory),
        };
        self.peak.fetch_max(used, Ordering::Relaxed);
        used
    }

    /// Peak since the last reset.
    pub fn peak(&self) -> u64 {
        self.measure();
        let seen = self.peak.load(Ordering::Relaxed);
        let kernel = self.with_group(Group::peak).unwrap_or(0);
        // What the kernel saw includes /tmp.
        let kernel = kernel.saturating_sub(self.peak_tmp.load(Ordering::Relaxed)).min(self.limits.memory);
        seen.max(kernel)
    }

    /// Begins to measure anew.
    pub fn reset(&self) {
        self.peak.store(0, Ordering::Relaxed);
        self.peak_tmp.store(self.tmp_used(), Ordering::Relaxed);
        self.with_group(Group::reset_peak);
        if self.with_group(|_| ()).is_none() {
            reset_high_water(self.pid);
        }
    }

    /// Whether the limit has ended a process.
    pub fn exceeded(&self) -> bool {
        if !self.exceeded.load(Ordering::Relaxed) {
            let kills = self.with_group(Group::kills).unwrap_or(0);
            if kills > 0 {
                self.exceeded.store(true, Ordering::Relaxed);
            }
        }
        self.exceeded.load(Ordering::Relaxed)
    }

    /// The sandbox has ended: remembers what there is to know and removes the group.
    pub fn end(&self) {
        let peak = self.peak();
        self.peak.fetch_max(peak, Ordering::Relaxed);
        self.exceeded();
        self.group.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

/// Memory of a process and its descendants: the resident sets added up, or, when that is more than `limit`, with
/// shared pages counted once.
fn processes(init: u32, limit: u64) -> u64 {
    let family = descendants(init);
    let resident: u64 = family.iter().map(|pid| high_water(*pid)).sum();
    if resident <= limit {
        return resident;
    }
    family.iter().map(|pid| proportional(*pid)).sum()
}

fn descendants(init: u32) -> Vec<u32> {
    let mut family = vec![init];
    let mut next = 0;
    while let Some(pid) = family.get(next).copied() {
        next += 1;
        // Children of every thread.
        for task in fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten() {
            let children = fs::read_to_string(task.path().join("children")).unwrap_or_default();
            family.extend(children.split_whitespace().filter_map(|child| child.parse::<u32>().ok()));
        }
    }
    family
}

fn kilobytes(file: &str, field: &str) -> Option<u64> {
    let text = fs::read_to_string(file).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(field))?;
    line.trim().trim_end_matches("kB").trim().parse::<u64>().ok().map(|number| number * 1024)
}

/// The largest resident set of a process so far.
fn high_water(pid: u32) -> u64 {
    kilobytes(&format!("/proc/{pid}/status"), "VmHWM:").unwrap_or(0)
}

fn proportional(pid: u32) -> u64 {
    kilobytes(&format!("/proc/{pid}/smaps_rollup"), "Pss:")
        .or_else(|| kilobytes(&format!("/proc/{pid}/status"), "VmRSS:"))
        .unwrap_or(0)
}

fn reset_high_water(init: u32) {
    for pid in descendants(init) {
        let _ = fs::write(format!("/proc/{pid}/clear_refs"), "5");
    }
}
