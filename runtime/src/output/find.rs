//! What the script left in its output folder: files, and what is no file.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// Entries that are looked at: links between folders can make more names of few files than there is time for.
const MOST: usize = 1_000_000;
/// How many of those that are left out are named.
const NAMED: usize = 20;

/// A file of the output folder.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Found {
    /// Relative to the output folder, with `/` between its parts.
    pub name: String,
    /// Where it is.
    pub path: PathBuf,
}

/// What is in an output folder.
#[derive(Debug, Default)]
pub struct Contents {
    /// Its files, sorted by name.
    pub files: Vec<Found>,
    /// What is not stored, with the reason: `pipe` (a named pipe).
    pub left_out: Names,
    /// Files whose names are no UTF-8.
    pub renamed: Names,
}

/// The first of some names, and how many there are.
#[derive(Debug, Default)]
pub struct Names {
    first: Vec<String>,
    count: usize,
}

impl Names {
    /// One more.
    pub fn push(&mut self, name: impl FnOnce() -> String) {
        self.count += 1;
        if self.first.len() < NAMED {
            self.first.push(name());
        }
    }

    /// All in one text; `None` when there are none.
    pub fn listed(&self) -> Option<String> {
        let more = self.count.saturating_sub(self.first.len());
        let more = if more == 0 { String::new() } else { format!(" and {more} more") };
        (self.count > 0).then(|| format!("{}{more}", self.first.join(", ")))
    }
}

/// Folders above one, by device and inode.
struct Above {
    id: (u64, u64),
    next: Option<Rc<Self>>,
}

impl Above {
    fn holds(&self, id: (u64, u64)) -> bool {
        let mut at = Some(self);
        while let Some(folder) = at {
            if folder.id == id {
                return true;
            }
            at = folder.next.as_deref();
        }
        false
    }
}

/// A folder that is to be looked through.
struct Open {
    path: PathBuf,
    /// What names of its files begin with.
    prefix: String,
    above: Rc<Above>,
}

/// Everything below a folder. Links are followed where they lead to files and folders of `own`, the folder of everything that is
/// the task's; a folder that is linked from within itself is not entered again.
pub fn contents(folder: &Path, own: &Path) -> io::Result<Contents> {
    let own = fs::canonicalize(own)?;
    let mut contents = Contents::default();
    let id = id_of(folder)?;
    let mut stack = vec![Open {
        path: folder.to_owned(),
        prefix: String::new(),
        above: Rc::new(Above { id, next: None }),
    }];
    let mut seen = 0;
    while let Some(open) = stack.pop() {
        for entry in fs::read_dir(&open.path)? {
            let entry = entry?;
            seen += 1;
            if seen > MOST {
                return Err(io::Error::other(format!("there are more than {MOST} files and folders in it")));
            }
            let found =
                Found { name: format!("{}{}", open.prefix, text(&entry.file_name())), path: entry.path() };
            let utf8 = entry.file_name().to_str().is_some();
            match kind_of(&found.path, &own) {
                Ok(Kind::File) => {
                    if !utf8 {
                        contents.renamed.push(|| format!("`{}`", found.name));
                    }
                    contents.files.push(found);
                }
                Ok(Kind::Folder(id)) if open.above.holds(id) => {
                    contents.left_out.push(|| format!("`{}` (a link to a folder that it is in)", found.name));
                }
                Ok(Kind::Folder(id)) => {
                    let above = Rc::new(Above { id, next: Some(open.above.clone()) });
                    stack.push(Open { path: found.path, prefix: format!("{}/", found.name), above });
                }
                Err(why) => contents.left_out.push(|| format!("`{}` ({why})", found.name)),
            }
        }
    }
    contents.files.sort();
    Ok(contents)
}

enum Kind {
    File,
    /// With its device and inode.
    Folder((u64, u64)),
}

/// What an entry is, or why it is left out.
fn kind_of(path: &Path, own: &Path) -> Result<Kind, String> {
    let cannot = |error: io::Error| format!("cannot be read: {error}");
    let mut data = fs::symlink_metadata(path).map_err(cannot)?;
    if data.is_symlink() {
        let target = fs::read_link(path).map_err(cannot)?;
        let target = target.display();
        let real = fs::canonicalize(path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => format!("a link to {target}, which is not there"),
            _ => format!("a link to {target}: {error}"),
        })?;
        if !real.starts_with(own) {
            return Err(format!("a link to {target}, which is not in the task's own folders"));
        }
        data = fs::metadata(&real).map_err(cannot)?;
    }
    let kind = data.file_type();
    match () {
        () if kind.is_file() => Ok(Kind::File),
        () if kind.is_dir() => Ok(Kind::Folder((data.dev(), data.ino()))),
        () if kind.is_fifo() => Err("a named pipe".into()),
        () if kind.is_socket() => Err("a socket".into()),
        () => Err("a device".into()),
    }
}

fn id_of(path: &Path) -> io::Result<(u64, u64)> {
    let data = fs::metadata(path)?;
    Ok((data.dev(), data.ino()))
}

/// A file's name as a key can have it: bytes that are no UTF-8 become `%` and two digits.
fn text(name: &OsStr) -> String {
    let mut text = String::new();
    for chunk in name.as_bytes().utf8_chunks() {
        text.push_str(chunk.valid());
        for byte in chunk.invalid() {
            let _ = write!(text, "%{byte:02X}");
        }
    }
    text
}

/// Names of files that nothing in `taken` has.
pub fn others(files: &[Found], taken: &HashSet<&Path>) -> Names {
    let mut names = Names::default();
    for file in files.iter().filter(|file| !taken.contains(file.path.as_path())) {
        names.push(|| format!("`{}`", file.name));
    }
    names
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::os::unix::fs::symlink;

    fn names(contents: &Contents) -> Vec<&str> {
        contents.files.iter().map(|found| found.name.as_str()).collect()
    }

    #[test]
    fn what_is_the_tasks_is_found_and_all_else_is_named() {
        let own = tempfile::tempdir().unwrap();
        let elsewhere = tempfile::tempdir().unwrap();
        fs::write(elsewhere.path().join("secret"), "x").unwrap();
        let (root, work) = (own.path().join("output"), own.path().join("work"));
        fs::create_dir_all(root.join("d/empty")).unwrap();
        fs::create_dir_all(work.join("sub")).unwrap();
        fs::write(root.join("d/x"), "x").unwrap();
        fs::write(work.join("sub/y"), "y").unwrap();
        symlink("d/x", root.join("link")).unwrap();
        symlink("d", root.join("folder-link")).unwrap();
        symlink(&work, root.join("work")).unwrap();
        symlink("nowhere", root.join("broken")).unwrap();
        symlink(elsewhere.path().join("secret"), root.join("outside")).unwrap();
        symlink(elsewhere.path(), root.join("outside-folder")).unwrap();
        symlink("loop", root.join("loop")).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(root.join("socket")).unwrap();
        let found = contents(&root, own.path()).unwrap();
        assert_eq!(names(&found), ["d/x", "folder-link/x", "link", "work/sub/y"]);
        let left_out = found.left_out.listed().unwrap();
        for said in [
            "`broken` (a link to nowhere, which is not there)",
            "which is not in the task's own folders",
            "`socket` (a socket)",
            "`loop` (a link to loop",
        ] {
            assert!(left_out.contains(said), "{left_out}");
        }
        assert_eq!(found.left_out.count, 5);
    }

    #[test]
    fn folders_that_are_linked_from_within_themselves_are_entered_once() {
        let own = tempfile::tempdir().unwrap();
        let root = own.path().join("output");
        fs::create_dir_all(root.join("a/b")).unwrap();
        fs::write(root.join("a/b/x"), "x").unwrap();
        symlink("../..", root.join("a/b/up")).unwrap();
        symlink(".", root.join("here")).unwrap();
        let found = contents(&root, own.path()).unwrap();
        assert_eq!(names(&found), ["a/b/x"]);
        let left_out = found.left_out.listed().unwrap();
        assert!(left_out.contains("`a/b/up` (a link to a folder that it is in)"), "{left_out}");
        // What is around the folder is the task's too, and ends where it began.
        symlink(own.path(), root.join("all")).unwrap();
        let found = contents(&root, own.path()).unwrap();
        assert_eq!(names(&found), ["a/b/x"]);
    }

    #[test]
    fn names_of_other_encodings_are_told() {
        let own = tempfile::tempdir().unwrap();
        for name in [&b"a"[..], b" a", b"caf\xe9"] {
            fs::write(own.path().join(OsStr::from_bytes(name)), "").unwrap();
        }
        let found = contents(own.path(), own.path()).unwrap();
        assert_eq!(names(&found), [" a", "a", "caf%E9"]);
        assert_eq!(found.renamed.listed().as_deref(), Some("`caf%E9`"));
    }

    #[test]
    fn of_many_names_the_first_are_told() {
        let mut names = Names::default();
        assert_eq!(names.listed(), None);
        for number in 0..NAMED + 3 {
            names.push(|| number.to_string());
        }
        let listed = names.listed().unwrap();
        assert!(listed.starts_with("0, 1, ") && listed.ends_with("19 and 3 more"), "{listed}");
    }
}
