//! Opens files where this process may not have many more: others of its own are closed soon.

use std::fs::File;
use std::io;
use std::path::Path;
use std::time::Duration;

/// How long it is tried, and how often.
const TRIES: u32 = 100;
const PAUSE: Duration = Duration::from_millis(50);

/// Whether it is this process, or this machine, that may not open more files.
pub fn is_out_of_files(error: &io::Error) -> bool {
    #[cfg(unix)]
    return matches!(
        error.raw_os_error().map(nix::errno::Errno::from_raw),
        Some(nix::errno::Errno::EMFILE | nix::errno::Errno::ENFILE)
    );
    #[cfg(not(unix))]
    return {
        let _ = error;
        false
    };
}

/// Opens a file for reading; waits for a descriptor when there is none. For a thread that may wait.
pub fn open(path: &Path) -> io::Result<File> {
    insist(|| File::open(path), PAUSE)
}

fn insist<T>(mut open: impl FnMut() -> io::Result<T>, pause: Duration) -> io::Result<T> {
    let mut tries = 0;
    loop {
        match open() {
            Err(error) if is_out_of_files(&error) && tries < TRIES => {
                tries += 1;
                std::thread::sleep(pause);
            }
            outcome => return outcome,
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_lack_of_descriptors_is_waited_for_and_other_errors_are_told() {
        let emfile = || io::Error::from_raw_os_error(nix::errno::Errno::EMFILE as i32);
        let mut left = 3;
        let opened = insist(
            || {
                left -= 1;
                if left > 0 { Err(emfile()) } else { Ok(7) }
            },
            Duration::ZERO,
        );
        assert_eq!(opened.ok(), Some(7));
        let never: io::Result<()> = insist(|| Err(emfile()), Duration::ZERO);
        assert!(never.is_err_and(|error| is_out_of_files(&error)));
        assert!(open(Path::new("/nonexistent")).is_err_and(|error| !is_out_of_files(&error)));
    }
}
