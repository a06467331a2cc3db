//! A compact list of files and the names they get.

use crate::words;
use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasher as _, RandomState};
use std::path::PathBuf;

/// A file that is left out, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file or folder.
    pub path: String,
    /// Why it cannot be read, for people.
    pub reason: String,
}

/// Files with their names and sizes. About 30 bytes and its name per file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FileList {
    bases: Vec<PathBuf>,
    names: String,
    entries: Vec<Entry>,
    bytes: u64,
    /// Files that were left out because they cannot be read (the first thousand).
    pub problems: Vec<Problem>,
    /// How many were left out because they cannot be read.
    pub unreadable: u64,
    /// How many were left out because file managers made them.
    pub junk: u64,
}

/// Files of a list whose last parts of their names are equal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EqualNames {
    /// How many have the name of one before them.
    pub count: u64,
    /// One of them.
    pub first: String,
    /// Another of the same name.
    pub second: String,
}

/// What that means where nothing in the path of an output differs between them.
impl fmt::Display for EqualNames {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { count, first, second } = self;
        let have = if *count == 1 { "has" } else { "have" };
        write!(
            f,
            "{} {have} the name of another (such as {first} and {second}), and nothing in the output path differs between them: \
             results that are named after their inputs overwrite each other. `{{dir}}` in the path of `output` keeps the \
             inputs' folders",
            words::plural(*count, "input")
        )
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Entry {
    size: u64,
    at: u64,
    length: u32,
    base: u32,
}

/// A file of a [`FileList`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File<'a> {
    /// Where it is.
    pub path: PathBuf,
    /// Its name below the destination, with `/`.
    pub name: &'a str,
    /// Size in bytes when it was listed.
    pub size: u64,
}

impl FileList {
    /// How many files.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Bytes of all files.
    #[must_use]
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// A file by its number.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<File<'_>> {
        let entry = self.entries.get(index)?;
        let name = self.name(entry);
        let base = self.bases.get(entry.base as usize)?;
        Some(File { path: base.join(name), name, size: entry.size })
    }

    /// What was left out because it cannot be read, in a sentence; `None` when nothing was.
    #[must_use]
    pub fn left_out(&self) -> Option<String> {
        let first = self.problems.first()?;
        let more = match self.unreadable {
            0 | 1 => String::new(),
            all => format!(" (and {} more)", words::count(all - 1)),
        };
        Some(format!("`{}` {}{more}", first.path, first.reason))
    }

    /// Keeps only some of the files.
    pub fn retain(&mut self, mut keep: impl FnMut(&File<'_>) -> bool) {
        let kept: Vec<Entry> = (0..self.len())
            .filter(|index| self.get(*index).is_some_and(|file| keep(&file)))
            .filter_map(|index| self.entries.get(index).copied())
            .collect();
        self.bytes = kept.iter().map(|entry| entry.size).sum();
        self.entries = kept;
    }

    /// Puts the files into another order: `order` has the number of each, once.
    pub fn reorder(&mut self, order: &[usize]) {
        self.entries = order.iter().filter_map(|index| self.entries.get(*index).copied()).collect();
    }

    /// Files whose last parts of their names are equal, though they are in different folders; `None` when there are none.
    #[must_use]
    pub fn equal_names(&self) -> Option<EqualNames> {
        fn last(name: &str) -> &str {
            name.rsplit('/').next().unwrap_or_default()
        }
        // Hashes alone: lists may have a million names.
        let (mut first, hasher) = (HashMap::<u64, u32>::with_capacity(self.len()), RandomState::new());
        let mut equal: Option<EqualNames> = None;
        for (entry, index) in self.entries.iter().zip(0..) {
            let name = self.name(entry);
            let other = *first.entry(hasher.hash_one(last(name))).or_insert(index);
            let Some(other) = self.entries.get(other as usize).filter(|_| other != index) else { continue };
            let other = self.name(other);
            if last(other) == last(name) {
                let new = || EqualNames { count: 0, first: other.to_owned(), second: name.to_owned() };
                equal.get_or_insert_with(new).count += 1;
            }
        }
        equal
    }

    /// All files, in the order in which they were found.
    pub fn iter(&self) -> impl Iterator<Item = File<'_>> {
        (0..self.len()).filter_map(|index| self.get(index))
    }

    /// The folders that names start from.
    #[must_use]
    pub fn bases(&self) -> &[PathBuf] {
        &self.bases
    }

    /// The base of a file, as an index into [`FileList::bases`].
    #[must_use]
    pub fn base_of(&self, index: usize) -> Option<u32> {
        self.entries.get(index).map(|entry| entry.base)
    }

    /// Adds a folder that names start from; returns its index.
    pub fn add_base(&mut self, base: PathBuf) -> u32 {
        if let Some(at) = self.bases.iter().position(|known| *known == base) {
            return u32::try_from(at).unwrap_or(u32::MAX);
        }
        self.bases.push(base);
        u32::try_from(self.bases.len() - 1).unwrap_or(u32::MAX)
    }

    /// Adds a file below a base.
    pub fn push(&mut self, base: u32, name: &str, size: u64) {
        let at = self.names.len() as u64;
        self.names.push_str(name);
        let length = u32::try_from(name.len()).unwrap_or(u32::MAX);
        self.entries.push(Entry { size, at, length, base });
        self.bytes += size;
    }

    fn name(&self, entry: &Entry) -> &str {
        let at = usize::try_from(entry.at).unwrap_or(usize::MAX);
        self.names.get(at..at.saturating_add(entry.length as usize)).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn equal_names_are_told_with_two_of_them() {
        let mut list = FileList::default();
        let base = list.add_base("data".into());
        list.push(base, "sub-01/t1.nii", 1);
        list.push(base, "sub-01/t2.nii", 1);
        assert_eq!(list.equal_names(), None);
        list.push(base, "sub-02/t1.nii", 1);
        let said = list.equal_names().unwrap().to_string();
        assert!(
            said.starts_with("1 input has the name of another (such as sub-01/t1.nii and sub-02/t1.nii)"),
            "{said}"
        );
        list.push(base, "t1.nii", 1);
        assert!(list.equal_names().unwrap().to_string().starts_with("2 inputs have "));
    }
}
