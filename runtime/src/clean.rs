//! Nothing of one task is visible to the next.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Empties the folders that tasks can write to.
///
/// Inside a function the root is read-only and the temporary folders belong to the function alone: they are emptied
/// completely, the leftovers of a crashed predecessor too. Where the root can be written (the runtime was started by
/// hand, outside a container), what was there before the runtime stays.
pub struct Cleaner {
    folders: Vec<(PathBuf, BTreeSet<OsString>)>,
}

impl Cleaner {
    /// For `tmp` and, inside a function, the other places that are writable in many containers.
    pub fn new(tmp: &Path) -> Self {
        let own = rustix::fs::statvfs("/")
            .is_ok_and(|root| root.f_flag.contains(rustix::fs::StatVfsMountFlags::RDONLY));
        let mut folders = vec![tmp.to_owned()];
        if own {
            let others = ["/dev/shm", "/var/tmp"].map(PathBuf::from);
            folders.extend(others.into_iter().filter(|folder| is_writable_folder(folder)));
        }
        let keep = |folder: &Path| if own { BTreeSet::new() } else { names(folder) };
        Self { folders: folders.into_iter().map(|folder| (folder.clone(), keep(&folder))).collect() }
    }

    /// Removes everything. The error names the first thing that stays.
    pub fn clean(&self) -> Result<(), String> {
        let mut result = Ok(());
        for (folder, keep) in &self.folders {
            for name in names(folder) {
                let path = folder.join(&name);
                if !keep.contains(&name)
                    && let Err(error) = remove(&path)
                {
                    result = Err(format!("{} cannot be removed: {error}", path.display()));
                }
            }
        }
        result
    }
}

/// A folder itself, not a link to one, on which something can be written.
fn is_writable_folder(folder: &Path) -> bool {
    folder.symlink_metadata().is_ok_and(|data| data.is_dir())
        && rustix::fs::access(folder, rustix::fs::Access::WRITE_OK).is_ok()
}

fn names(folder: &Path) -> BTreeSet<OsString> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.file_name()).collect()
}

/// Removes a file, a link (never what it points to) or a folder with everything in it.
fn remove(path: &Path) -> io::Result<()> {
    match remove_once(path) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            unlock(path);
            remove_once(path)
        }
        other => other,
    }
}

fn remove_once(path: &Path) -> io::Result<()> {
    let removed = match path.symlink_metadata() {
        Ok(data) if data.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) => Err(error),
    };
    match removed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// Makes every folder below `path` writable. An explicit stack: folders can be nested deeper than a thread's stack.
fn unlock(path: &Path) {
    let mut stack = vec![path.to_owned()];
    while let Some(folder) = stack.pop() {
        if !folder.symlink_metadata().is_ok_and(|data| data.is_dir()) {
            continue;
        }
        let _ = fs::set_permissions(&folder, fs::Permissions::from_mode(0o700));
        let entries = fs::read_dir(&folder).into_iter().flatten().flatten();
        stack.extend(
            entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())).map(|e| e.path()),
        );
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn everything_new_goes_and_nothing_outside_is_touched() {
        let outside = tempfile::tempdir().unwrap();
        fs::write(outside.path().join("precious"), "x").unwrap();
        let tmp = tempfile::tempdir().unwrap();
        fs::write(tmp.path().join("before"), "x").unwrap();
        let cleaner = Cleaner::new(tmp.path());

        let deep = tmp.path().join("a/b/c");
        fs::create_dir_all(&deep).unwrap();
        fs::write(deep.join("file"), "x").unwrap();
        fs::write(tmp.path().join(".hidden"), "x").unwrap();
        std::os::unix::fs::symlink(outside.path(), tmp.path().join("link")).unwrap();
        std::os::unix::fs::symlink(outside.path(), deep.join("link")).unwrap();
        fs::set_permissions(&deep, fs::Permissions::from_mode(0o500)).unwrap();
        fs::set_permissions(tmp.path().join("a"), fs::Permissions::from_mode(0o000)).unwrap();

        cleaner.clean().unwrap();
        let left: Vec<_> = names(tmp.path()).into_iter().collect();
        assert_eq!(left, [OsString::from("before")]);
        assert!(outside.path().join("precious").exists());
    }
}
