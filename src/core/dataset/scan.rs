//! Paths, folders and globs → a compact list of files and the names they get.
//!
//! A file `x/a.txt` is named `a.txt`, with its last folders when another file that was given has this name; a folder `x/d` gives `d/…` with its sub-folders (`x/d/.` gives only what is
//! in it); a glob `x/**/*.txt` gives names from where its first special character stands. What exists under its name as
//! it was written is no pattern: `data[1]/*.txt` is a pattern in the folder `data[1]` when there is one.

mod single;

use super::list::{FileList, Problem};
use globset::{GlobBuilder, GlobMatcher};
use std::collections::HashMap;
use std::collections::hash_map::Entry as MapEntry;
use std::fs::Metadata;
use std::hash::{BuildHasher, RandomState};
use std::path::{Component, Path, PathBuf};
use walkdir::WalkDir;

/// What file managers leave in folders; never meant to be processed.
const JUNK: [&str; 4] = [".DS_Store", "Thumbs.db", "desktop.ini", ".localized"];
/// S3's longest key, in bytes.
pub(crate) const LONGEST_KEY: usize = 1024;
/// Problems that are kept with their text; the rest is only counted.
const KEPT_PROBLEMS: usize = 1000;

/// Why there is no list.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScanError {
    /// Two files would get one name.
    #[error("`{first}` and `{second}` would both become `{name}`: upload them apart, or rename one")]
    Collision {
        /// A file
        first: String,
        /// Another file
        second: String,
        /// The name of both.
        name: String,
    },
    /// A path does not exist.
    #[error("`{0}` does not exist")]
    Missing(String),
    /// A glob cannot be read.
    #[error("`{glob}` is not a pattern: {reason}")]
    Glob {
        /// As it was given.
        glob: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Nothing was found.
    #[error("no files in {0}")]
    Nothing(String),
    /// Too many for one list.
    #[error("more than {} files: make several runs of them", u32::MAX)]
    TooMany,
}

/// Lists files. Runs long on large folders: call it on a blocking thread. `tell` is called with the number of
/// files found so far and says whether to go on; when it says no, what was found until then is returned.
///
/// # Errors
/// [`ScanError`]
pub fn scan(paths: &[PathBuf], tell: &mut dyn FnMut(u64) -> bool) -> Result<FileList, ScanError> {
    let mut scanner = Scanner { depths: single::depths(paths), ..Scanner::default() };
    for path in paths {
        if scanner.stopped {
            break;
        }
        scanner.add(path, tell)?;
    }
    if scanner.list.is_empty() && !scanner.stopped {
        let names: Vec<_> = paths.iter().map(|path| format!("`{}`", path.display())).collect();
        let left_out = scanner.list.left_out().map_or_else(String::new, |left_out| format!(": {left_out}"));
        return Err(ScanError::Nothing(format!("{}{left_out}", names.join(", "))));
    }
    Ok(scanner.list)
}

#[derive(Default)]
struct Scanner {
    list: FileList,
    /// How many folders single files keep in their names.
    depths: HashMap<PathBuf, usize>,
    /// Hash of a name (and of how often it collided) → file.
    seen: HashMap<u64, u32>,
    hasher: RandomState,
    stopped: bool,
}

impl Scanner {
    fn add(&mut self, path: &Path, tell: &mut dyn FnMut(u64) -> bool) -> Result<(), ScanError> {
        match std::fs::metadata(path) {
            Ok(metadata) if metadata.is_dir() => self.folder(path, tell),
            Ok(metadata) => {
                let (base, name) = single::split(path, self.depths.get(path).copied().unwrap_or(0));
                self.file(base, &name, &metadata, tell)
            }
            Err(_) if is_glob(path) => self.glob(path, tell),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && !path.is_symlink() => {
                Err(ScanError::Missing(path.display().to_string()))
            }
            Err(error) => {
                self.problem(path, &told(path, &error));
                Ok(())
            }
        }
    }

    fn folder(&mut self, path: &Path, tell: &mut dyn FnMut(u64) -> bool) -> Result<(), ScanError> {
        // `d/.` stands for what is in `d`. Path hides the dot, its text does not.
        let text = path.to_string_lossy();
        let inside = text.ends_with("/.")
            || matches!(
                path.components().next_back(),
                None | Some(Component::CurDir | Component::ParentDir | Component::RootDir)
            );
        let base = if inside { path } else { path.parent().unwrap_or(path) };
        self.walk(path, base, None, tell)
    }

    fn glob(&mut self, path: &Path, tell: &mut dyn FnMut(u64) -> bool) -> Result<(), ScanError> {
        let text = path.to_string_lossy().into_owned();
        let bad = |reason: String| ScanError::Glob { glob: text.clone(), reason };
        let (start, pattern) = split_glob(path);
        let matcher = GlobBuilder::new(&pattern)
            .literal_separator(true)
            .build()
            .map_err(|error| bad(error.kind().to_string()))?
            .compile_matcher();
        let start = if start.as_os_str().is_empty() { PathBuf::from(".") } else { start };
        if !start.exists() {
            return Err(ScanError::Missing(start.display().to_string()));
        }
        self.walk(&start, &start, Some(&matcher), tell)
    }

    fn walk(
        &mut self,
        root: &Path,
        base: &Path,
        only: Option<&GlobMatcher>,
        tell: &mut dyn FnMut(u64) -> bool,
    ) -> Result<(), ScanError> {
        for entry in WalkDir::new(root).follow_links(true).sort_by_file_name() {
            if self.stopped {
                return Ok(());
            }
            let entry = match entry {
                Ok(entry) => entry,
                Err(error) => {
                    let path = error.path().unwrap_or(root).to_owned();
                    self.problem(&path, &reason_of(&path, &error));
                    continue;
                }
            };
            if entry.file_type().is_dir() {
                continue;
            }
            let matched = entry.path().strip_prefix("./").unwrap_or(entry.path());
            if only.is_some_and(|only| !only.is_match(entry.path()) && !only.is_match(matched)) {
                continue;
            }
            if is_junk(&entry.file_name().to_string_lossy()) {
                self.list.junk += 1;
                continue;
            }
            match entry.metadata() {
                Ok(metadata) => {
                    let name = entry.path().strip_prefix(base).unwrap_or(entry.path()).to_owned();
                    self.file(base.to_owned(), &name, &metadata, tell)?;
                }
                Err(error) => self.problem(entry.path(), &reason_of(entry.path(), &error)),
            }
        }
        Ok(())
    }

    fn file(
        &mut self,
        base: PathBuf,
        name: &Path,
        metadata: &Metadata,
        tell: &mut dyn FnMut(u64) -> bool,
    ) -> Result<(), ScanError> {
        let path = base.join(name);
        if !metadata.is_file() {
            self.problem(&path, "is neither a file nor a folder");
            return Ok(());
        }
        let Some(name) = key_name(name) else {
            self.problem(&path, "its name is not UTF-8, which keys must be");
            return Ok(());
        };
        if name.len() > LONGEST_KEY {
            self.problem(&path, "its name is longer than the 1024 bytes of a key");
            return Ok(());
        }
        let base = self.list.add_base(base);
        if self.is_new(&path, &name)? {
            self.list.push(base, &name, metadata.len());
        }
        let found = self.list.len() as u64;
        if found.is_multiple_of(256) && !tell(found) {
            self.stopped = true;
        }
        Ok(())
    }

    /// Whether the name is new. The same file twice is taken once.
    fn is_new(&mut self, path: &Path, name: &str) -> Result<bool, ScanError> {
        let next = u32::try_from(self.list.len()).map_err(|_| ScanError::TooMany)?;
        for salt in 0_u32.. {
            match self.seen.entry(self.hasher.hash_one((name, salt))) {
                MapEntry::Vacant(free) => {
                    free.insert(next);
                    return Ok(true);
                }
                MapEntry::Occupied(taken) => {
                    let Some(other) = self.list.get(*taken.get() as usize) else { continue };
                    if other.name != name {
                        continue;
                    }
                    if other.path == path || is_same_file(&other.path, path) {
                        return Ok(false);
                    }
                    return Err(ScanError::Collision {
                        first: other.path.display().to_string(),
                        second: path.display().to_string(),
                        name: name.to_owned(),
                    });
                }
            }
        }
        Ok(false)
    }

    fn problem(&mut self, path: &Path, reason: &str) {
        self.list.unreadable += 1;
        if self.list.problems.len() < KEPT_PROBLEMS {
            let path = path.display().to_string();
            self.list.problems.push(Problem { path, reason: reason.to_owned() });
        }
    }
}

fn reason_of(path: &Path, error: &walkdir::Error) -> String {
    if let Some(ancestor) = error.loop_ancestor() {
        return format!("is a link back to `{}`", ancestor.display());
    }
    error.io_error().map_or_else(|| error.to_string(), |error| told(path, error))
}

/// Why a path cannot be read. Parts of a dataset that are not here are links to nothing.
fn told(path: &Path, error: &std::io::Error) -> String {
    match std::fs::read_link(path) {
        Ok(target) if error.kind() == std::io::ErrorKind::NotFound => {
            format!("is a link to `{}`, which is not there", target.display())
        }
        _ => format!("cannot be read: {error}"),
    }
}

/// Splits a glob into the folder that it is looked for in and the whole pattern, in which the folder's name stands for
/// itself. Parts that exist as they are written are names.
fn split_glob(path: &Path) -> (PathBuf, String) {
    let mut start = PathBuf::new();
    let mut parts = path.components().peekable();
    while let Some(part) = parts.peek() {
        let next = start.join(part);
        if has_glob(&part.as_os_str().to_string_lossy()) && !next.is_dir() {
            break;
        }
        start = next;
        parts.next();
    }
    let rest: PathBuf = parts.collect();
    let pattern = Path::new(&globset::escape(&start.to_string_lossy())).join(rest);
    (start, pattern.to_string_lossy().into_owned())
}

fn is_same_file(a: &Path, b: &Path) -> bool {
    matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b)
}

fn is_junk(name: &str) -> bool {
    JUNK.contains(&name) || name.starts_with("._")
}

fn has_glob(text: &str) -> bool {
    text.contains(['*', '?', '[', '{'])
}

fn is_glob(path: &Path) -> bool {
    has_glob(&path.to_string_lossy())
}

/// A relative path with `/` between its parts.
fn key_name(path: &Path) -> Option<String> {
    let parts = path.components().filter_map(|part| match part {
        Component::Normal(part) => Some(part.to_str()),
        _ => None,
    });
    parts.collect::<Option<Vec<_>>>().map(|parts| parts.join("/"))
}

#[cfg(test)]
mod tests;
