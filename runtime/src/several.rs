//! Several files at once into the input folder of one task.

use crate::stage::{StageError, file_name};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use throng_contract::FailureClass;

/// Files that are fetched at a time.
const AT_ONCE: usize = 8;
/// Kept free of what `/tmp` has, in bytes: the script must be able to begin.
const RESERVE: u64 = 1 << 20;

/// An error when `/tmp` cannot hold so many bytes, before the first is written. `what` names the files, `advice` says what to do.
pub fn refuse_too_large(
    bytes: u64,
    files: usize,
    folder: &Path,
    (what, advice): (&str, &str),
) -> Result<(), StageError> {
    let Ok(space) = rustix::fs::statvfs(folder) else { return Ok(()) };
    let free = space.f_bavail.saturating_mul(space.f_frsize);
    // A file takes whole blocks.
    let wanted = bytes.saturating_add((files as u64).saturating_mul(space.f_frsize)).saturating_add(RESERVE);
    if wanted <= free {
        return Ok(());
    }
    let message = format!("the {files} files {what} have {bytes} bytes, and /tmp has {free} left; {advice}");
    Err(StageError { class: FailureClass::Storage, message })
}

/// Fetches all, several at a time; what came of each, in their order. The first error ends it.
pub fn fetch_all<T: Sync, R: Send>(
    all: &[T],
    fetch: impl Fn(&T) -> Result<R, StageError> + Sync,
) -> Result<Vec<R>, StageError> {
    let next = AtomicUsize::new(0);
    let failed: Mutex<Option<StageError>> = Mutex::new(None);
    let fetched: Mutex<Vec<(usize, R)>> = Mutex::new(Vec::with_capacity(all.len()));
    let work = || {
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(one) = all.get(at) else { return };
            match fetch(one) {
                Ok(done) => fetched.lock().unwrap_or_else(PoisonError::into_inner).push((at, done)),
                Err(error) => {
                    next.store(usize::MAX / 2, Ordering::Relaxed);
                    failed.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
                    return;
                }
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..AT_ONCE.min(all.len()) {
            scope.spawn(work);
        }
        work();
    });
    if let Some(error) = failed.into_inner().unwrap_or_else(PoisonError::into_inner) {
        return Err(error);
    }
    let mut fetched = fetched.into_inner().unwrap_or_else(PoisonError::into_inner);
    fetched.sort_unstable_by_key(|(at, _)| *at);
    Ok(fetched.into_iter().map(|(_, done)| done).collect())
}

/// A key as a path below a folder: without the place that it is below, and without anything that leads elsewhere.
pub fn relative(place: &str, key: &str) -> String {
    let rest = key.strip_prefix(place).unwrap_or(key);
    let part = |part: &str| match part {
        "." | ".." => "_".to_owned(),
        part => file_name(part),
    };
    let parts: Vec<_> = rest.split('/').filter(|part| !part.is_empty()).map(part).collect();
    if parts.is_empty() { "output".to_owned() } else { parts.join("/") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_keep_their_folders_and_never_leave_theirs() {
        for (place, key, path) in [
            ("out/", "out/sub/a.png", "sub/a.png"),
            ("out/", "else/a.png", "else/a.png"),
            ("", "a", "a"),
            ("", "../../etc/passwd", "_/_/etc/passwd"),
            ("out/", "out//x/./y", "x/_/y"),
            ("out/", "out/", "output"),
        ] {
            assert_eq!(relative(place, key), path, "{key}");
        }
    }

    #[test]
    fn what_is_fetched_comes_in_its_order_and_the_first_error_ends_it() {
        let all: Vec<u32> = (0..100).collect();
        let twice = fetch_all(&all, |number| Ok(number * 2));
        assert!(twice.is_ok_and(|twice| twice == all.iter().map(|number| number * 2).collect::<Vec<_>>()));
        let seen = AtomicUsize::new(0);
        let failed = fetch_all(&all, |number| {
            seen.fetch_add(1, Ordering::Relaxed);
            let message = format!("{number}");
            if *number < 5 { Ok(()) } else { Err(StageError { class: FailureClass::Input, message }) }
        });
        assert!(failed.is_err() && seen.into_inner() < 30);
    }
}
