//! Objects → files. A key becomes a path only after a check; a file appears only when it is whole, and never in the place
//! of one that somebody else put there.
//!
//! ```text
//! file   one object -> one file
//! ```

mod file;

use super::journal::Journal;
use super::meter::Meter;
use super::objects::{List, Listed, Objects};
use super::pace::{Pace, drive};
use crate::cloud::CloudError;
use file::{FetchOutcome, Item, Line, Shared};
use std::collections::HashMap;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// Objects in flight.
const AT_ONCE: u32 = 64;
/// The longest name of a file or folder, in bytes, on common file systems.
const LONGEST_PART: usize = 255;
/// The longest path below the destination, in bytes.
const LONGEST_PATH: usize = 3000;

/// What to download.
#[derive(Clone, Debug)]
pub struct Download {
    /// The bucket that is read.
    pub bucket: String,
    /// Keys, or prefixes ending with `/` (the empty one: everything).
    pub keys: Vec<String>,
    /// Folder; made when it is not there.
    pub to: PathBuf,
    /// Where the journal is: what it names is not fetched again as long as object and file are unchanged.
    pub journal: PathBuf,
    /// Whether files that are there already, with another content, are replaced. Those that this journal names and that
    /// are as they were fetched always are.
    pub force: bool,
}

/// An object that was not fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotFetched {
    /// Its key.
    pub key: String,
    /// Why, as a sentence.
    pub reason: String,
}

/// What came of a download.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Downloaded {
    /// Objects fetched now.
    pub fetched: u64,
    /// Objects that were there already: fetched before, or the same content.
    pub skipped: u64,
    /// Objects that could not be fetched. The others were.
    pub failed: Vec<NotFetched>,
    /// How many of those that failed would have replaced another file.
    pub kept: u64,
}

/// Why a download ended early.
#[derive(Debug, thiserror::Error)]
pub enum DownloadError {
    /// The cloud refused in a way that concerns every object.
    #[error(transparent)]
    Cloud(#[from] CloudError),
    /// A person ended it.
    #[error("cancelled; the same download again goes on where it was")]
    Cancelled,
    /// Two objects would become one file.
    #[error("`{0}` and `{1}` would become one file: download them apart")]
    Collision(String, String),
    /// Nothing has these names.
    #[error("no objects {0}")]
    Nothing(String),
    /// The folder or the journal.
    #[error("{0}")]
    Io(String),
}

/// The path for a key below a folder, in parts that are safe to join.
///
/// # Errors
/// A sentence: why this key is not made a path.
pub fn safe_path(key: &str) -> Result<PathBuf, String> {
    if key.len() > LONGEST_PATH {
        return Err("the key is longer than a path can be".into());
    }
    let mut path = PathBuf::new();
    for part in key.split('/') {
        match part {
            "" => return Err("the key has an empty part (`//`, or `/` at an end)".into()),
            "." | ".." => return Err(format!("the key has a part `{part}`, which would lead elsewhere")),
            _ if part.len() > LONGEST_PART => return Err("a part of the key is longer than 255 bytes".into()),
            _ if part.chars().any(char::is_control) => return Err("the key has control characters".into()),
            _ if part.contains(['\\', ':']) && cfg!(windows) => {
                return Err("the key has characters that paths here cannot have".into());
            }
            _ => path.push(part),
        }
    }
    Ok(path)
}

/// A name below the destination: a key loses its folders, a prefix loses those above its last.
fn name_below<'k>(key: &'k str, asked: &str) -> &'k str {
    let above = asked.strip_suffix('/').unwrap_or(asked).rfind('/').map_or(0, |slash| slash + 1);
    key.get(above..).unwrap_or(key)
}

impl Download {
    /// A journal for these objects and this folder.
    #[must_use]
    pub fn journal_for(state: &Path, context: &str, bucket: &str, to: &Path) -> PathBuf {
        use sha2::{Digest, Sha256};
        let to = std::path::absolute(to).unwrap_or_else(|_| to.to_owned());
        let text = format!("{context}\0{bucket}\0{}", to.display());
        state.join("downloads").join(format!("{}.journal", hex::encode(&Sha256::digest(text)[..8])))
    }

    /// Downloads.
    ///
    /// # Errors
    /// [`DownloadError`]; objects that alone could not be fetched are in [`Downloaded::failed`].
    pub async fn fetch(
        self,
        store: Arc<dyn Objects>,
        meter: Arc<Meter>,
        cancel: &CancellationToken,
    ) -> Result<Downloaded, DownloadError> {
        let io = |error: std::io::Error| DownloadError::Io(error.to_string());
        let mut downloaded = Downloaded::default();
        let items = self.items(store.as_ref(), &mut downloaded, cancel).await?;
        if items.is_empty() && downloaded.failed.is_empty() {
            return Err(DownloadError::Nothing(format!("`{}` in {}", self.keys.join("`, `"), self.bucket)));
        }
        tokio::fs::create_dir_all(&self.to).await.map_err(|error| {
            DownloadError::Io(format!("cannot make the folder `{}`: {error}", self.to.display()))
        })?;
        let (journal, lines) = Journal::open::<Line>(&self.journal).map_err(io)?;
        let past: HashMap<_, _> = lines.into_iter().map(|line| (line.key.clone(), line)).collect();
        meter.total(items.len() as u64, items.iter().map(|item| item.object.size).sum());
        let shared =
            Arc::new(Shared { store, download: self, journal, past, meter, pace: Pace::new(AT_ONCE) });
        let mut items = items.into_iter();
        let mut fatal = None;
        let next = || {
            let (shared, item) = (shared.clone(), items.next()?);
            Some(async move { shared.one(item).await })
        };
        let done = |outcome| {
            match outcome {
                FetchOutcome::Fetched => downloaded.fetched += 1,
                FetchOutcome::Skipped => downloaded.skipped += 1,
                FetchOutcome::Failed(failed) => downloaded.failed.push(failed),
                FetchOutcome::Kept(failed) => {
                    downloaded.kept += 1;
                    downloaded.failed.push(failed);
                }
                FetchOutcome::Fatal(error) => {
                    fatal = Some(error);
                    return ControlFlow::Break(());
                }
            }
            ControlFlow::Continue(())
        };
        drive(&shared.pace, cancel, next, done).await;
        match fatal {
            Some(error) => Err(error.into()),
            None if cancel.is_cancelled() => Err(DownloadError::Cancelled),
            None => Ok(downloaded),
        }
    }

    /// Lists the objects and gives each its path.
    async fn items(
        &self,
        store: &dyn Objects,
        downloaded: &mut Downloaded,
        cancel: &CancellationToken,
    ) -> Result<Vec<Item>, DownloadError> {
        let mut items = Vec::new();
        let mut owner: HashMap<PathBuf, String> = HashMap::new();
        for asked in &self.keys {
            for object in self.listed(store, asked, cancel).await? {
                if object.key.ends_with('/') {
                    continue;
                }
                match safe_path(name_below(&object.key, asked)) {
                    Ok(path) => match owner.get(&path) {
                        Some(other) if *other == object.key => {}
                        Some(other) => return Err(DownloadError::Collision(other.clone(), object.key)),
                        None => {
                            owner.insert(path.clone(), object.key.clone());
                            items.push(Item { path: self.to.join(path), object });
                        }
                    },
                    Err(reason) => downloaded.failed.push(NotFetched { key: object.key, reason }),
                }
            }
        }
        Ok(items)
    }

    async fn listed(
        &self,
        store: &dyn Objects,
        asked: &str,
        cancel: &CancellationToken,
    ) -> Result<Vec<Listed>, DownloadError> {
        if !asked.is_empty() && !asked.ends_with('/') {
            let head = store.head(&self.bucket, asked).await?;
            let head = head.ok_or_else(|| DownloadError::Nothing(format!("`{asked}` in {}", self.bucket)))?;
            return Ok(vec![Listed {
                key: asked.to_owned(),
                size: head.size,
                etag: head.etag,
                modified_ms: None,
            }]);
        }
        let mut all = Vec::new();
        let mut list = List { bucket: self.bucket.clone(), prefix: asked.to_owned(), ..List::default() };
        loop {
            if cancel.is_cancelled() {
                return Err(DownloadError::Cancelled);
            }
            let page = store.list(&list).await?;
            all.extend(page.objects);
            match page.next {
                Some(token) => list.token = Some(token),
                None => return Ok(all),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;
    use crate::dataset::memory::MemoryStore;
    use std::sync::atomic::Ordering;

    async fn fetch(store: &Arc<MemoryStore>, dir: &Path, keys: &[&str]) -> Result<Downloaded, DownloadError> {
        fetch_with(store, dir, keys, false).await
    }

    async fn fetch_with(
        store: &Arc<MemoryStore>,
        dir: &Path,
        keys: &[&str],
        force: bool,
    ) -> Result<Downloaded, DownloadError> {
        let download = Download {
            bucket: "b".into(),
            keys: keys.iter().map(ToString::to_string).collect(),
            to: dir.join("to"),
            journal: dir.join("d.journal"),
            force,
        };
        download.fetch(store.clone(), Arc::default(), &CancellationToken::new()).await
    }

    #[tokio::test]
    async fn folders_are_kept_and_what_is_here_is_not_fetched_again() {
        let store = Arc::new(MemoryStore::default());
        for key in ["x/r/1.txt", "x/r/s/2.txt", "x/r/", "x/other", "top"] {
            store.insert("b", key, key.as_bytes().to_vec());
        }
        let dir = tempfile::tempdir().unwrap();
        let first = fetch(&store, dir.path(), &["x/r/", "top"]).await.unwrap();
        assert_eq!((first.fetched, first.failed.len()), (3, 0));
        assert_eq!(std::fs::read(dir.path().join("to/r/s/2.txt")).unwrap(), b"x/r/s/2.txt");
        assert_eq!(std::fs::read(dir.path().join("to/top")).unwrap(), b"top");
        let gets = store.gets.load(Ordering::SeqCst);
        store.insert("b", "top", "new");
        std::fs::remove_file(dir.path().join("to/r/1.txt")).unwrap();
        let second = fetch(&store, dir.path(), &["x/r/", "top"]).await.unwrap();
        assert_eq!((second.fetched, second.skipped), (2, 1));
        assert_eq!(store.gets.load(Ordering::SeqCst), gets + 2);
        assert_eq!(std::fs::read(dir.path().join("to/top")).unwrap(), b"new");
        let left: Vec<_> = std::fs::read_dir(dir.path().join("to")).unwrap().collect();
        assert_eq!(left.len(), 2, "no temporary files: {left:?}");
    }

    #[tokio::test]
    async fn files_of_somebody_else_are_kept() {
        let store = Arc::new(MemoryStore::default());
        for (key, body) in
            [("r/own", "theirs"), ("r/long", "a longer text"), ("r/same", "same"), ("r/new", "new")]
        {
            store.insert("b", key, body);
        }
        let dir = tempfile::tempdir().unwrap();
        let to = dir.path().join("to/r");
        let read = |name: &str| std::fs::read_to_string(to.join(name)).unwrap();
        std::fs::create_dir_all(&to).unwrap();
        for (name, body) in [("own", "mine!!"), ("long", "mine"), ("same", "same")] {
            std::fs::write(to.join(name), body).unwrap();
        }
        let got = fetch(&store, dir.path(), &["r/"]).await.unwrap();
        assert_eq!((got.fetched, got.skipped, got.kept, got.failed.len()), (1, 1, 2, 2), "{got:?}");
        assert!(got.failed.iter().all(|failed| failed.reason.contains("is there already and differs")));
        assert_eq!((read("own"), read("long"), read("new")), ("mine!!".into(), "mine".into(), "new".into()));
        // What was fetched and then changed is a person's own, too.
        std::fs::write(to.join("new"), "edited").unwrap();
        let got = fetch(&store, dir.path(), &["r/"]).await.unwrap();
        assert_eq!((got.kept, read("new")), (3, "edited".into()));
        let forced = fetch_with(&store, dir.path(), &["r/"], true).await.unwrap();
        assert_eq!((forced.fetched, forced.skipped, forced.failed.len()), (3, 1, 0), "{forced:?}");
        assert_eq!((read("own"), read("new")), ("theirs".into(), "new".into()));
        let left = std::fs::read_dir(&to).unwrap().count();
        assert_eq!(left, 4, "no temporary files");
    }

    #[tokio::test]
    async fn hostile_keys_never_become_paths() {
        let store = Arc::new(MemoryStore::default());
        let hostile = ["p/../../evil", "p//abs", "p/./x", "p/a\0b", "p/\u{1b}[2J"];
        for key in hostile {
            store.insert("b", key, "x");
        }
        store.insert("b", &format!("p/{}", "n".repeat(300)), "x");
        store.insert("b", "p/good", "x");
        let dir = tempfile::tempdir().unwrap();
        let downloaded = fetch(&store, dir.path(), &["p/"]).await.unwrap();
        assert_eq!((downloaded.fetched, downloaded.failed.len()), (1, hostile.len() + 1));
        assert!(!dir.path().join("evil").exists());
        assert!(safe_path("/etc/passwd").is_err() && safe_path("").is_err() && safe_path("..").is_err());
    }

    #[tokio::test]
    async fn collisions_and_absent_keys_are_named() {
        let store = Arc::new(MemoryStore::default());
        store.insert("b", "x/a", "1");
        store.insert("b", "y/a", "2");
        let dir = tempfile::tempdir().unwrap();
        let error = fetch(&store, dir.path(), &["x/a", "y/a"]).await.unwrap_err().to_string();
        assert!(error.contains("x/a") && error.contains("y/a"), "{error}");
        assert!(matches!(fetch(&store, dir.path(), &["z"]).await, Err(DownloadError::Nothing(_))));
        assert!(matches!(fetch(&store, dir.path(), &["z/"]).await, Err(DownloadError::Nothing(_))));
    }

    #[tokio::test]
    async fn a_file_where_a_folder_is_wanted_is_told() {
        let store = Arc::new(MemoryStore::default());
        store.insert("b", "p/a", "1");
        store.insert("b", "p/a/b", "2");
        let dir = tempfile::tempdir().unwrap();
        let downloaded = fetch(&store, dir.path(), &["p/"]).await.unwrap();
        assert_eq!((downloaded.fetched, downloaded.failed.len()), (1, 1));
    }
}
