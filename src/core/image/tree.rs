//! Where the entries of a layer go: parents that are missing, folders that are links, what replaces what.

use super::names::safe;
use std::collections::{BTreeMap, HashMap};

/// Most links on the way to one entry, as in the kernel.
const MOST_LINKS: u32 = 40;
/// Most parts on the way to one entry: twice what the longest path has.
const MOST_STEPS: usize = 4096;

/// Links by their names, with what they say: those of the layers below that may be folders.
pub(super) type Links = BTreeMap<String, String>;

/// What an entry is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum EntryKind {
    Folder,
    File,
    /// With what it says.
    Symlink(String),
}

/// What is known of an entry before it is written.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Placed {
    /// Its name without links on the way.
    pub name: String,
    /// Folders that it needs and no earlier entry is, the uppermost first.
    pub missing: Vec<String>,
    /// Whether it is a folder that is there already.
    pub again: bool,
}

/// The names of a layer so far. Names are relative and plain.
#[derive(Debug, Default)]
pub(super) struct Tree {
    seen: HashMap<String, EntryKind>,
    below: Links,
}

impl Tree {
    /// Of a layer that lies over these links.
    pub fn over(below: &Links) -> Self {
        Self { seen: HashMap::new(), below: below.clone() }
    }

    /// Adds an entry.
    ///
    /// # Errors
    /// Why no layer may have it.
    pub fn add(&mut self, name: &str, kind: EntryKind) -> Result<Placed, String> {
        let name = self.real(name)?;
        let mut missing = Vec::new();
        for (at, _) in name.match_indices('/') {
            let parent = &name[..at];
            match self.seen.get(parent) {
                Some(EntryKind::Folder) => {}
                Some(_) => return Err(format!("lies below `{}`, which is not a folder", safe(parent))),
                None => {
                    self.seen.insert(parent.to_owned(), EntryKind::Folder);
                    missing.push(parent.to_owned());
                }
            }
        }
        let folder = kind == EntryKind::Folder;
        let before = self.seen.insert(name.clone(), kind);
        let again = before == Some(EntryKind::Folder);
        if again && !folder {
            return Err("replaces a folder of the same name".into());
        }
        Ok(Placed { name, missing, again })
    }

    /// The real name of what a hard link names.
    ///
    /// # Errors
    /// It is nothing that a hard link may name.
    pub fn target(&self, target: &str) -> Result<String, String> {
        let real = self.real(target)?;
        match self.seen.get(&real) {
            Some(EntryKind::File | EntryKind::Symlink(_)) => Ok(real),
            _ => Err(format!("is a hard link to `{}`, which no earlier entry is", safe(target))),
        }
    }

    /// A name whose folders are no links. They are followed with the layer as `/`, which `..` does not leave.
    fn real(&self, name: &str) -> Result<String, String> {
        let (folders, last) = name.rsplit_once('/').unwrap_or(("", name));
        let mut left: Vec<&str> = folders.rsplit('/').collect();
        let mut at: Vec<&str> = Vec::new();
        let (mut links, mut steps) = (0, 0);
        while let Some(part) = left.pop() {
            steps += 1;
            match part {
                "" | "." => continue,
                ".." => {
                    at.pop();
                    continue;
                }
                part => at.push(part),
            }
            let whole = at.join("/");
            let target = match self.seen.get(&whole) {
                Some(EntryKind::Symlink(target)) => target,
                Some(_) => continue,
                None => match self.below.get(&whole) {
                    Some(target) => target,
                    None => continue,
                },
            };
            links += 1;
            if links > MOST_LINKS || steps > MOST_STEPS {
                return Err("lies below a link in a circle".into());
            }
            if target.starts_with('/') {
                at.clear();
            } else {
                at.pop();
            }
            left.extend(target.rsplit('/'));
        }
        at.push(last);
        Ok(at.join("/"))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn link(to: &str) -> EntryKind {
        EntryKind::Symlink(to.into())
    }

    #[test]
    fn missing_folders_are_told_once() {
        let mut tree = Tree::default();
        let placed = tree.add("app/deep/run.sh", EntryKind::File).unwrap();
        assert_eq!(placed.missing, ["app", "app/deep"]);
        assert!(tree.add("app/deep/x", EntryKind::File).unwrap().missing.is_empty());
        assert!(tree.add("app", EntryKind::Folder).unwrap().again);
    }

    #[test]
    fn folders_that_are_links_are_followed_and_never_lead_out() {
        let mut tree = Tree::default();
        tree.add("usr/lib", EntryKind::Folder).unwrap();
        tree.add("lib", link("usr/lib")).unwrap();
        tree.add("usr/lib64", link("/./lib/../lib//")).unwrap();
        tree.add("out", link("../../../etc")).unwrap();
        tree.add("lib/z", EntryKind::File).unwrap();
        assert_eq!(tree.target("usr/lib64/z"), Ok("usr/lib/z".into()));
        assert!(tree.target("nothing").is_err());
        let mut name = |name: &str| tree.add(name, EntryKind::File).map(|placed| placed.name);
        assert_eq!(name("lib/x"), Ok("usr/lib/x".into()));
        assert_eq!(name("usr/lib64/y"), Ok("usr/lib/y".into()));
        assert_eq!(name("out/passwd"), Ok("etc/passwd".into()));
        assert_eq!(name("lib"), Ok("lib".into()), "the last part is the entry itself");
        let mut above = Tree::over(&Links::from([("lib".into(), "usr/lib".into())]));
        assert_eq!(above.add("lib/x", EntryKind::File).unwrap().name, "usr/lib/x");
        above.add("lib", EntryKind::Folder).unwrap();
        assert_eq!(above.add("lib/y", EntryKind::File).unwrap().name, "lib/y", "it is no link any more");
        tree.add("a", link("b")).unwrap();
        tree.add("b", link("a")).unwrap();
        assert!(tree.add("a/x", EntryKind::File).unwrap_err().contains("circle"));
    }
}
