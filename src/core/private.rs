//! Folders and files that their owner alone may look into, whatever the umask and whoever made them first.

use std::fs::{self, DirBuilder, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

/// Makes a folder with those above it that are missing. One that is there is closed to others.
///
/// # Errors
/// It cannot be made, or belongs to somebody else.
pub fn folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)?;
    close(path)
}

/// How a file is opened that others may not read if it is made by that.
#[must_use]
pub fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.mode(0o600);
    options
}

/// Writes a file in place of the one that is there.
///
/// # Errors
/// It cannot be written.
pub fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    close(path)?;
    options().create(true).truncate(true).write(true).open(path)?.write_all(bytes)
}

/// Takes from the group and from others what they may do with a folder or a file. One that is not there is fine.
///
/// # Errors
/// It belongs to somebody else.
pub fn close(path: &Path) -> io::Result<()> {
    let found = match fs::metadata(path) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    let wanted = if found.is_dir() { 0o700 } else { found.mode() & 0o700 };
    if found.mode() & 0o777 == wanted {
        return Ok(());
    }
    match fs::set_permissions(path, Permissions::from_mode(wanted)) {
        Err(error) if found.uid() != nix::unistd::geteuid().as_raw() => Err(io::Error::new(
            error.kind(),
            format!("{} belongs to somebody else, and others may look into it", path.display()),
        )),
        // Some file systems know no permissions.
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().mode() & 0o777
    }

    #[test]
    fn what_is_made_is_private_and_what_was_open_is_closed() {
        let home = tempfile::tempdir().unwrap();
        let (above, below) = (home.path().join("a"), home.path().join("a/b"));
        folder(&below).unwrap();
        assert_eq!((mode(&above), mode(&below)), (0o700, 0o700));
        fs::set_permissions(&below, Permissions::from_mode(0o755)).unwrap();
        folder(&below).unwrap();
        assert_eq!(mode(&below), 0o700);
        let file = below.join("f");
        options().create(true).append(true).open(&file).unwrap();
        assert_eq!(mode(&file), 0o600);
        fs::set_permissions(&file, Permissions::from_mode(0o644)).unwrap();
        close(&file).unwrap();
        assert_eq!(mode(&file), 0o600);
        close(&below.join("none")).unwrap();
    }
}
