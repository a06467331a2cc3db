//! Scripts that want shared memory, which functions do not have.

use std::io::Read as _;
use std::path::Path;

/// A script's beginning, in which its imports are.
const LOOKED_AT: u64 = 256 * 1024;

/// What to say of a script that wants `/dev/shm`; `None` when it does not seem to.
pub(super) fn wanted(script: &Path) -> Option<String> {
    let mut text = Vec::new();
    // To open a pipe waits for whoever writes to it. Anything but a file is refused elsewhere.
    std::fs::metadata(script).ok().filter(std::fs::Metadata::is_file)?;
    let file = std::fs::File::open(script).ok()?;
    file.take(LOOKED_AT).read_to_end(&mut text).ok()?;
    wanted_by(&String::from_utf8_lossy(&text))
}

/// The same of a script's text.
pub(super) fn wanted_by(text: &str) -> Option<String> {
    let what = named(text)?;
    Some(format!(
        "the script names {what}, which needs /dev/shm, and Lambda has none (nor has the local cloud): use threads, \
         subprocess, or multiprocessing.Process with Pipe"
    ))
}

fn named(text: &str) -> Option<&'static str> {
    let mut lines = text.lines().filter(|line| !line.trim_start().starts_with('#'));
    let multiprocessing = text.contains("multiprocessing");
    lines.find_map(|line| {
        let parts = [
            ("multiprocessing.shared_memory", "shared_memory"),
            ("multiprocessing.Pool", "Pool("),
            ("multiprocessing.Queue", "Queue("),
            ("multiprocessing.Lock", "Lock("),
            ("multiprocessing.Semaphore", "Semaphore("),
        ];
        let part = parts.into_iter().find(|(_, part)| multiprocessing && line.contains(part));
        match part {
            // The module has threads by the same interface, and threads have locks of their own.
            Some((name, _)) if !["threading.", "ThreadPool("].iter().any(|other| line.contains(other)) => {
                Some(name)
            }
            _ if line.contains("ProcessPoolExecutor(") => Some("ProcessPoolExecutor"),
            _ if line.contains("/dev/shm") => Some("/dev/shm"),
            _ => None,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_needs_shared_memory_is_seen() {
        let python = "#!/usr/bin/env python3\nfrom multiprocessing import Pool, Process\n";
        assert_eq!(named(&format!("{python}with Pool(4) as pool:\n")), Some("multiprocessing.Pool"));
        assert_eq!(named(&format!("{python}Process(target=f).start()\n")), None);
        assert_eq!(named(&format!("{python}lock = threading.Lock()\n# a Pool( of\n")), None);
        assert_eq!(named("with ProcessPoolExecutor() as all:"), Some("ProcessPoolExecutor"));
        assert_eq!(named("cp x /dev/shm/x"), Some("/dev/shm"));
        assert_eq!(named("# cp x /dev/shm/x\npool = Pool(3)"), None);
    }

    #[test]
    fn a_pipe_is_not_waited_for() {
        let folder = tempfile::tempdir().unwrap_or_else(|error| unreachable!("{error}"));
        let pipe = folder.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().is_ok_and(|made| made.success()));
        assert_eq!(wanted(&pipe), None);
    }
}
