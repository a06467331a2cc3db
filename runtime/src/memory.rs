//! Evidence for what ended a script: memory or storage.

use std::path::{Path, PathBuf};

/// Counts what the kernel killed for lack of memory.
pub struct OomWatch {
    file: Option<PathBuf>,
    seen: u64,
}

impl OomWatch {
    /// Begins to watch our control group, when it can be seen.
    pub fn new() -> Self {
        let groups = std::fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
        let own = groups.lines().find_map(|line| line.strip_prefix("0::")).unwrap_or("/");
        let folder = Path::new("/sys/fs/cgroup").join(own.trim_start_matches('/'));
        let file = [folder, PathBuf::from("/sys/fs/cgroup")]
            .map(|folder| folder.join("memory.events"))
            .into_iter()
            .find(|file| file.exists());
        let mut watch = Self { file, seen: 0 };
        watch.seen = watch.count();
        watch
    }

    fn count(&self) -> u64 {
        let text = self.file.as_ref().and_then(|file| std::fs::read_to_string(file).ok()).unwrap_or_default();
        text.lines().find_map(|line| line.strip_prefix("oom_kill ")?.trim().parse().ok()).unwrap_or(0)
    }

    /// Whether something was killed since this was last asked.
    pub fn has_killed(&mut self) -> bool {
        let now = self.count();
        std::mem::replace(&mut self.seen, now) < now
    }
}

/// Whether a script that was killed used so much of the function's memory that the limit must have been the reason.
pub const fn is_near(peak: u64, limit: u64) -> bool {
    limit > 0 && peak >= limit / 10 * 9
}

/// Size of a folder's file system in MiB; 0 when unknown.
pub fn size_mb(folder: &Path) -> u32 {
    let bytes = rustix::fs::statvfs(folder).map_or(0, |space| space.f_blocks.saturating_mul(space.f_frsize));
    u32::try_from(bytes >> 20).unwrap_or(u32::MAX)
}

/// Whether there is no space left in a folder, or a script said so.
pub fn is_full<'a>(folder: &Path, mut said: impl Iterator<Item = &'a str>) -> bool {
    let full = rustix::fs::statvfs(folder).is_ok_and(|space| space.f_bavail == 0 && space.f_blocks > 0);
    full || said.any(|line| line.contains("No space left on device"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_a_full_disk_are_known() {
        let folder = std::env::temp_dir();
        assert!(is_full(&folder, ["dd: error writing '/tmp/x': No space left on device"].into_iter()));
        assert!(!is_full(&folder, ["all is well"].into_iter()));
    }

    #[test]
    fn near_the_limit_is_nine_tenths() {
        assert!(is_near(950, 1000));
        assert!(!is_near(500, 1000));
        assert!(!is_near(500, 0));
    }
}
