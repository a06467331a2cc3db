//! Control groups: one per sandbox, below a place that is found once.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::Duration;

/// Which interface the kernel offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// The memory controller's own hierarchy.
    V1,
    /// The unified hierarchy.
    V2,
}

/// Where groups can be made.
#[derive(Clone, Debug)]
pub struct Parent {
    /// Which interface the kernel offers there.
    pub version: Version,
    /// The folder in which groups are made.
    pub path: PathBuf,
}

/// Where groups can be made, or why nowhere.
pub static PARENT: LazyLock<Result<Parent, String>> = LazyLock::new(|| {
    let found = find();
    if let Ok(parent) = &found {
        remove_leftovers(&parent.path);
    }
    found
});

static NEXT: AtomicU64 = AtomicU64::new(0);
const NAME: &str = "throng-";

/// The prefix of this process's groups.
fn prefix() -> String {
    format!("{NAME}{}-", std::process::id())
}

/// Where this process makes groups, and how their names begin.
pub fn place() -> Option<(PathBuf, String)> {
    PARENT.as_ref().ok().map(|parent| (parent.path.clone(), prefix()))
}

/// The group of one sandbox. Removed when dropped, once its processes are gone.
#[derive(Debug)]
pub struct Group {
    version: Version,
    path: PathBuf,
    usage: File,
    peak: Mutex<File>,
}

impl Group {
    /// Makes a group with a limit in bytes and puts a process into it.
    pub fn create(parent: &Parent, limit: u64, pid: u32) -> io::Result<Self> {
        let path = parent.path.join(format!("{}{}", prefix(), NEXT.fetch_add(1, Ordering::Relaxed)));
        fs::create_dir(&path)?;
        let group = Self::configure(parent.version, &path, limit, pid);
        if group.is_err() {
            let _ = fs::remove_dir(&path);
        }
        group
    }

    fn configure(version: Version, path: &Path, limit: u64, pid: u32) -> io::Result<Self> {
        let set = |name: &str, value: u64| fs::write(path.join(name), value.to_string());
        let (usage, peak) = match version {
            Version::V1 => {
                set("memory.limit_in_bytes", limit)?;
                // Not there without swap accounting.
                let _ = set("memory.memsw.limit_in_bytes", limit);
                ("memory.usage_in_bytes", "memory.max_usage_in_bytes")
            }
            Version::V2 => {
                set("memory.max", limit)?;
                let _ = set("memory.swap.max", 0);
                ("memory.current", "memory.peak")
            }
        };
        let usage = File::open(path.join(usage))?;
        // Until Linux 6.12 `memory.peak` cannot be reset, and before 5.19 it is not there.
        let peak = fs::OpenOptions::new()
            .read(true)
            .write(true)
            .open(path.join(peak))
            .or_else(|_| File::open(path.join(peak)))
            .or_else(|_| usage.try_clone())?;
        set("cgroup.procs", u64::from(pid))?;
        Ok(Self { version, path: path.to_owned(), usage, peak: Mutex::new(peak) })
    }

    /// Memory in use now, with the page cache and every tmpfs.
    pub fn usage(&self) -> u64 {
        let mut text = [0; 32];
        let length = self.usage.read_at(&mut text, 0).unwrap_or(0);
        parse(&text[..length])
    }

    /// The highest usage since the last reset.
    pub fn peak(&self) -> u64 {
        let mut file = self.peak.lock().unwrap_or_else(PoisonError::into_inner);
        let mut text = String::new();
        // Since 6.12 a reset counts for the descriptor it was written to, so the same one is read.
        let read = file.seek(SeekFrom::Start(0)).and_then(|_| file.read_to_string(&mut text));
        if read.is_ok() { parse(text.as_bytes()) } else { 0 }
    }

    /// Begins to measure anew. Returns whether the kernel can.
    pub fn reset_peak(&self) -> bool {
        let mut file = self.peak.lock().unwrap_or_else(PoisonError::into_inner);
        file.seek(SeekFrom::Start(0)).and_then(|_| file.write_all(b"0\n")).is_ok()
    }

    /// Memory of processes, and of files in memory, in bytes.
    pub fn anonymous_and_shared(&self) -> (u64, u64) {
        let text = fs::read_to_string(self.path.join("memory.stat")).unwrap_or_default();
        let field = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
            line.map_or(0, |number| parse(number.as_bytes()))
        };
        let anonymous = match self.version {
            Version::V1 => "rss",
            Version::V2 => "anon",
        };
        (field(anonymous), field("shmem"))
    }

    /// How many processes the kernel has ended because of the limit.
    pub fn kills(&self) -> u64 {
        let name = match self.version {
            Version::V1 => "memory.oom_control",
            Version::V2 => "memory.events",
        };
        let text = fs::read_to_string(self.path.join(name)).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("oom_kill "));
        line.map_or(0, |number| parse(number.as_bytes()))
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if fs::remove_dir(&self.path).is_ok() {
            return;
        }
        let path = std::mem::take(&mut self.path);
        // A process that has just ended may still be counted for a moment.
        std::thread::spawn(move || {
            for _ in 0..100 {
                std::thread::sleep(Duration::from_millis(20));
                if fs::remove_dir(&path).is_ok() || !path.exists() {
                    return;
                }
            }
            tracing::warn!(path = %path.display(), "control group not removed");
        });
    }
}

fn parse(text: &[u8]) -> u64 {
    std::str::from_utf8(text).unwrap_or_default().trim().parse().unwrap_or(0)
}

/// Looks for a place: the process's own group, where its limits go on to count.
fn find() -> Result<Parent, String> {
    let own =
        fs::read_to_string("/proc/self/cgroup").map_err(|error| format!("/proc/self/cgroup: {error}"))?;
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let mut reasons = Vec::new();
    for (version, base, path) in hierarchies(&own, &mounts) {
        match usable(version, &base, &path) {
            Ok(parent) => return Ok(parent),
            Err(reason) => reasons.push(reason),
        }
    }
    if reasons.is_empty() {
        reasons.push("no memory controller is mounted".into());
    }
    Err(reasons.join("; "))
}

/// `(version, mount point, path within it)` of every hierarchy that may have a memory controller.
fn hierarchies(own: &str, mounts: &str) -> Vec<(Version, PathBuf, String)> {
    let mut found = Vec::new();
    for line in own.lines() {
        let mut parts = line.splitn(3, ':');
        let (Some(_), Some(controllers), Some(path)) = (parts.next(), parts.next(), parts.next()) else {
            continue;
        };
        let version = match controllers {
            "" => Version::V2,
            list if list.split(',').any(|name| name == "memory") => Version::V1,
            _ => continue,
        };
        for mount in mounts.lines() {
            let Some((left, right)) = mount.split_once(" - ") else { continue };
            let mut right = right.split(' ');
            let kind = right.next().unwrap_or_default();
            let options = right.nth(1).unwrap_or_default();
            let fits = match version {
                Version::V2 => kind == "cgroup2",
                Version::V1 => kind == "cgroup" && options.split(',').any(|option| option == "memory"),
            };
            let mut left = left.split(' ').skip(3);
            let (Some(root), Some(point)) = (left.next(), left.next()) else { continue };
            if fits {
                let inner = path.strip_prefix(root.trim_end_matches('/')).unwrap_or("/");
                found.push((version, PathBuf::from(point), inner.trim_start_matches('/').to_owned()));
                break;
            }
        }
    }
    // Version 1 first: where both are there, the memory controller belongs to one of them only.
    found.sort_by_key(|(version, ..)| *version == Version::V2);
    found
}

fn usable(version: Version, base: &Path, path: &str) -> Result<Parent, String> {
    let own = base.join(path);
    let candidates: Vec<&Path> = match version {
        Version::V1 => vec![&own],
        // A group with processes in it cannot hand its memory on to groups below, so one further up must.
        Version::V2 => own.ancestors().take_while(|folder| folder.starts_with(base)).collect(),
    };
    let mut reason = String::new();
    for folder in candidates {
        if version == Version::V2 && !hands_memory_on(folder) {
            reason = format!("{}: the memory controller is not delegated", own.display());
            continue;
        }
        match try_group(version, folder) {
            Ok(()) => return Ok(Parent { version, path: folder.to_owned() }),
            Err(error) => reason = format!("{}: {error}", folder.display()),
        }
    }
    Err(reason)
}

fn hands_memory_on(folder: &Path) -> bool {
    let file = folder.join("cgroup.subtree_control");
    let listed =
        || fs::read_to_string(&file).is_ok_and(|text| text.split_whitespace().any(|name| name == "memory"));
    listed() || (fs::write(&file, "+memory").is_ok() && listed())
}

/// Makes a group, moves a process into it (of our own making), and removes it.
fn try_group(version: Version, folder: &Path) -> io::Result<()> {
    let parent = Parent { version, path: folder.to_owned() };
    let mut process = std::process::Command::new(super::program::binary())
        .arg(crate::sandbox::HELPER_ARGUMENT)
        .env_clear()
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()?;
    let outcome = Group::create(&parent, 64 << 20, process.id()).map(drop);
    let _ = process.kill();
    let _ = process.wait();
    outcome
}

/// Removes groups of daemons that are gone.
fn remove_leftovers(parent: &Path) {
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let owner =
            name.to_str().and_then(|name| name.strip_prefix(NAME)?.split('-').next()?.parse::<u32>().ok());
        let Some(owner) = owner else { continue };
        if owner == std::process::id() || Path::new(&format!("/proc/{owner}")).exists() {
            continue;
        }
        let _ = fs::remove_dir(entry.path());
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn hierarchies_are_found_in_hybrid_unified_and_container_mounts() {
        let hybrid = hierarchies(
            "4:memory:/a/b\n1:cpu:/\n0::/\n",
            "30 25 0:26 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n\
             31 25 0:27 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n",
        );
        assert_eq!(
            hybrid,
            [
                (Version::V1, "/sys/fs/cgroup/memory".into(), "a/b".to_owned()),
                (Version::V2, "/sys/fs/cgroup/unified".into(), String::new())
            ]
        );
        let unified = hierarchies(
            "0::/user.slice/x.scope\n",
            "31 25 0:27 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n",
        );
        assert_eq!(unified, [(Version::V2, "/sys/fs/cgroup".into(), "user.slice/x.scope".to_owned())]);
        let container = hierarchies(
            "4:memory:/docker/abc\n",
            "30 25 0:26 /docker/abc /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n",
        );
        assert_eq!(container, [(Version::V1, "/sys/fs/cgroup/memory".into(), String::new())]);
    }
}
