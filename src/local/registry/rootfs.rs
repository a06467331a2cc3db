//! Root filesystems out of unpacked layers: hard links to their files, with whiteouts obeyed.
//!
//! Nothing is copied, and files are shared by all images that have the layer. Every file system that can hold the
//! store can do it, and so can every user; nothing has to be mounted.

use std::ffi::{OsStr, OsString};
use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::Path;

const WHITEOUT: &[u8] = b".wh.";
const OPAQUE: &[u8] = b".wh..wh..opq";

/// Puts a layer over what is in `root` already.
///
/// # Errors
/// Whatever the file system says.
pub fn add_layer(layer: &Path, root: &Path) -> io::Result<()> {
    let mut entries: Vec<(OsString, fs::FileType)> = Vec::new();
    for entry in fs::read_dir(layer)? {
        let entry = entry?;
        let name = entry.file_name();
        // First what this layer takes away, which is only ever from the layers below.
        if name.as_bytes() == OPAQUE {
            for below in fs::read_dir(root)? {
                remove(&below?.path())?;
            }
        } else if let Some(hidden) = name.as_bytes().strip_prefix(WHITEOUT) {
            // A name of one part, by construction: it was a file's name.
            if !matches!(hidden, b"" | b"." | b"..") {
                remove(&root.join(OsStr::from_bytes(hidden)))?;
            }
        } else {
            entries.push((name, entry.file_type()?));
        }
    }
    for (name, kind) in entries {
        let (from, to) = (layer.join(&name), root.join(&name));
        if kind.is_dir() {
            let mode = fs::symlink_metadata(&from)?.permissions().mode() & 0o7777;
            make_folder(&to, mode)?;
            add_layer(&from, &to)?;
        } else {
            link(&from, &to, kind)?;
        }
    }
    Ok(())
}

fn make_folder(to: &Path, mode: u32) -> io::Result<()> {
    match DirBuilder::new().mode(mode).create(to) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            if !fs::symlink_metadata(to)?.is_dir() {
                fs::remove_file(to)?;
                fs::create_dir(to)?;
            }
        }
        other => other?,
    }
    fs::set_permissions(to, Permissions::from_mode(mode))
}

fn link(from: &Path, to: &Path, kind: fs::FileType) -> io::Result<()> {
    let error = match fs::hard_link(from, to) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            remove(to)?;
            match fs::hard_link(from, to) {
                Err(error) => error,
                Ok(()) => return Ok(()),
            }
        }
        Err(error) => error,
        Ok(()) => return Ok(()),
    };
    // Too many links, or a file system without any.
    let copied = if kind.is_symlink() {
        fs::read_link(from).and_then(|target| std::os::unix::fs::symlink(target, to))
    } else {
        fs::copy(from, to).map(drop)
    };
    copied.map_err(|_| error)
}

/// Removes whatever is there, without following links.
///
/// # Errors
/// Whatever the file system says, except that it is not there.
pub fn remove(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::os::unix::fs::MetadataExt;

    fn layer(files: &[(&str, &str)]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        dir
    }

    #[test]
    fn whiteouts_and_opaque_folders_hide_only_what_is_below() {
        let root = tempfile::tempdir().unwrap();
        let below = layer(&[
            ("a/one", "1"),
            ("a/two", "2"),
            ("b/old", "o"),
            ("c", "file"),
            ("d/x", "x"),
            ("keep", "k"),
        ]);
        let above = layer(&[
            ("a/.wh.one", ""),
            ("b/.wh..wh..opq", ""),
            ("b/new", "n"),
            ("c/now", "folder"),
            (".wh.d", ""),
            (".wh...", ""),
            ("keep", "changed"),
        ]);
        add_layer(below.path(), root.path()).unwrap();
        add_layer(above.path(), root.path()).unwrap();
        let read = |name: &str| fs::read_to_string(root.path().join(name)).ok();
        assert_eq!(read("a/one"), None);
        assert_eq!(read("a/two").as_deref(), Some("2"));
        assert_eq!(read("b/old"), None);
        assert_eq!(read("b/new").as_deref(), Some("n"));
        assert_eq!(read("c/now").as_deref(), Some("folder"));
        assert!(!root.path().join("d").exists());
        assert_eq!(read("keep").as_deref(), Some("changed"));
        let names: Vec<_> = fs::read_dir(root.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert!(names.iter().all(|name| !name.as_bytes().starts_with(WHITEOUT)), "{names:?}");
        // The layers are as they were, and shared.
        assert_eq!(fs::read_to_string(below.path().join("keep")).unwrap(), "k");
        let inode = |path: &Path| fs::metadata(path).unwrap().ino();
        assert_eq!(inode(&below.path().join("a/two")), inode(&root.path().join("a/two")));
    }
}
