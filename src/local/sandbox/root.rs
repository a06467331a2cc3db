//! What a root filesystem must have before it can be a sandbox's read-only root.

use std::fs;
use std::io;
use std::path::Path;

/// Makes the places that are mounted over: the folders `/proc`, `/dev` and `/tmp`, and, in a real `/etc`, the files
/// `resolv.conf` and `hosts`. Images often lack them, or have links there. Changes nothing that is as it should be.
/// `root` must belong to us alone, and be used by no sandbox yet.
///
/// # Errors
/// Whatever the file system says.
pub fn prepare_root(root: &Path) -> io::Result<()> {
    for name in ["proc", "dev", "tmp"] {
        let place = root.join(name);
        if !fs::symlink_metadata(&place).is_ok_and(|found| found.is_dir()) {
            remove(&place)?;
            fs::create_dir(&place)?;
        }
    }
    let etc = root.join("etc");
    match fs::symlink_metadata(&etc) {
        Ok(found) if found.is_dir() => {}
        Ok(_) => return Ok(()),
        Err(_) => fs::create_dir(&etc)?,
    }
    for name in ["resolv.conf", "hosts"] {
        let place = etc.join(name);
        if !fs::symlink_metadata(&place).is_ok_and(|found| found.is_file()) {
            remove(&place)?;
            fs::File::create_new(&place)?;
        }
    }
    Ok(())
}

fn remove(place: &Path) -> io::Result<()> {
    match fs::symlink_metadata(place) {
        Ok(found) if found.is_dir() => fs::remove_dir_all(place),
        Ok(_) => fs::remove_file(place),
        Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn links_and_files_in_the_way_are_replaced_without_following_them() {
        let outside = tempfile::tempdir().unwrap();
        fs::write(outside.path().join("keep"), "x").unwrap();
        let root = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(outside.path(), root.path().join("tmp")).unwrap();
        fs::write(root.path().join("proc"), "").unwrap();
        fs::create_dir(root.path().join("etc")).unwrap();
        std::os::unix::fs::symlink("/run/resolv.conf", root.path().join("etc/resolv.conf")).unwrap();
        prepare_root(root.path()).unwrap();
        for name in ["proc", "dev", "tmp"] {
            assert!(fs::symlink_metadata(root.path().join(name)).unwrap().is_dir(), "{name}");
        }
        assert!(fs::symlink_metadata(root.path().join("etc/resolv.conf")).unwrap().is_file());
        assert!(outside.path().join("keep").exists());
        prepare_root(root.path()).unwrap();
    }
}
