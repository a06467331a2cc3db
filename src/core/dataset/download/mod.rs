//! Objects → files. A key becomes a path only after a check; a file appears only when it is whole, and never in the place
//! of one that somebody else put there.
//!
//! ```text
//! file   one object -> one file
//! ```

mod file;

use super::journal::Journal;
use super::meter::Meter;
use super::names::{SafePath, safe_path};
use super::objects::{List, Listed, Objects};
use super::pace::{Pace, drive};
use crate::cloud::CloudError;
use crate::cloud::keys::Tokens;
use file::{FetchOutcome, Item, Line, Shared};
use std::collections::{HashMap, HashSet};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// Objects in flight.
const AT_ONCE: u32 = 64;
/// Lines of a journal that are superseded, beside as many as there are objects, before it is written anew.
const MOST_OLD_LINES: usize = 1000;
/// How names of unfinished files end.
const PART_END: &str = ".part";

/// What to download.
#[derive(Clone, Debug)]
pub struct Download {
    /// Bucket
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
    /// Objects whose files have another name than their keys: with `%` and two digits for bytes that names of files or
    /// terminals cannot take.
    pub encoded: u64,
}

impl Downloaded {
    /// What is to be said of names that were encoded; nothing when there are none.
    #[must_use]
    pub fn names_note(&self) -> Option<String> {
        (self.encoded > 0).then(|| {
            format!(
                "{} with characters that file names should not have (tab, line end, other control characters): they are \
                 written as %09, %0A and so on",
                crate::words::plural(self.encoded, "name")
            )
        })
    }
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

/// A name below the destination: a key loses its folders, a prefix loses those above its last.
fn name_below<'k>(key: &'k str, asked: &str) -> &'k str {
    let above = asked.strip_suffix('/').unwrap_or(asked).rfind('/').map_or(0, |slash| slash + 1);
    key.get(above..).unwrap_or(key)
}

/// What names of unfinished files of this download have in common. Nobody else writes such: the journal is ours alone.
fn parts_mark(journal: &Path) -> String {
    let stem = journal.file_stem().unwrap_or_default().to_string_lossy();
    format!(".throng-{}-", stem.chars().filter(char::is_ascii_alphanumeric).take(16).collect::<String>())
}

/// Removes what an earlier process of the same download left when it was killed, in the folders that it writes to.
async fn remove_left_parts(items: &[Item], mark: String) {
    let folders: HashSet<PathBuf> =
        items.iter().filter_map(|item| item.path.parent()).map(Path::to_owned).collect();
    let remove = move || {
        for folder in folders {
            for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
                let name = entry.file_name();
                let name = name.to_string_lossy();
                if name.starts_with(&mark) && name.ends_with(PART_END) {
                    let _ = std::fs::remove_file(entry.path());
                }
            }
        }
    };
    let _ = tokio::task::spawn_blocking(remove).await;
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
        let (mut journal, lines) = Journal::open::<Line>(&self.journal).map_err(io)?;
        let written = lines.len();
        let past: HashMap<_, _> = lines.into_iter().map(|line| (line.key.clone(), line)).collect();
        // Objects that change are fetched again, and each time there is a line more.
        if written > 2 * past.len() + MOST_OLD_LINES {
            journal.rewrite(past.values()).map_err(io)?;
        }
        let mark = parts_mark(&self.journal);
        remove_left_parts(&items, mark.clone()).await;
        meter.total(items.len() as u64, items.iter().map(|item| item.object.size).sum());
        let shared =
            Arc::new(Shared { store, download: self, journal, mark, past, meter, pace: Pace::new(AT_ONCE) });
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
                    Ok(SafePath { path, encoded }) => match owner.get(&path) {
                        Some(other) if *other == object.key => {}
                        Some(other) => return Err(DownloadError::Collision(other.clone(), object.key)),
                        None => {
                            downloaded.encoded += u64::from(encoded);
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
        let mut tokens = Tokens::default();
        loop {
            if cancel.is_cancelled() {
                return Err(DownloadError::Cancelled);
            }
            let page = store.list(&list).await?;
            all.extend(page.objects);
            match page.next {
                Some(token) => {
                    tokens.note(&format!("{}/{asked}", self.bucket), &token)?;
                    list.token = Some(token);
                }
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
        let hostile = ["p/../../evil", "p//abs", "p/./x"];
        for key in hostile {
            store.insert("b", key, "x");
        }
        store.insert("b", &format!("p/{}", "n".repeat(300)), "x");
        store.insert("b", "p/good", "x");
        let dir = tempfile::tempdir().unwrap();
        let downloaded = fetch(&store, dir.path(), &["p/"]).await.unwrap();
        assert_eq!((downloaded.fetched, downloaded.failed.len()), (1, hostile.len() + 1));
        assert!(!dir.path().join("evil").exists());
    }

    #[tokio::test]
    async fn names_with_control_characters_come_back_encoded_and_it_is_said() {
        let store = Arc::new(MemoryStore::default());
        for key in ["p/tab\tname", "p/cr\r", "p/nl\nname/x", "p/nul\0", "p/plain"] {
            store.insert("b", key, "x");
        }
        let dir = tempfile::tempdir().unwrap();
        let downloaded = fetch(&store, dir.path(), &["p/"]).await.unwrap();
        assert_eq!((downloaded.fetched, downloaded.encoded, downloaded.failed.len()), (5, 4, 0));
        for name in ["tab%09name", "cr%0D", "nl%0Aname/x", "nul%00", "plain"] {
            assert_eq!(std::fs::read(dir.path().join("to/p").join(name)).unwrap(), b"x", "{name}");
        }
        let note = downloaded.names_note().unwrap();
        assert!(note.starts_with("4 names") && note.contains("%09"), "{note}");
        let again = fetch(&store, dir.path(), &["p/"]).await.unwrap();
        assert_eq!((again.fetched, again.skipped), (0, 5), "nothing is fetched twice");
    }

    #[tokio::test]
    async fn what_a_killed_download_left_is_removed_and_other_files_stay() {
        let store = Arc::new(MemoryStore::default());
        store.insert("b", "p/a", "1");
        let dir = tempfile::tempdir().unwrap();
        let to = dir.path().join("to/p");
        std::fs::create_dir_all(&to).unwrap();
        let ours = format!("{}0123.part", parts_mark(&dir.path().join("d.journal")));
        for name in [ours.as_str(), ".throng-other-0123.part", "mine.part"] {
            std::fs::write(to.join(name), "half").unwrap();
        }
        fetch(&store, dir.path(), &["p/"]).await.unwrap();
        let mut left: Vec<_> =
            std::fs::read_dir(&to).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, [".throng-other-0123.part", "a", "mine.part"]);
    }

    #[tokio::test]
    async fn a_journal_does_not_grow_for_ever() {
        let store = Arc::new(MemoryStore::default());
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("d.journal");
        for n in 0..3 * MOST_OLD_LINES / 2 {
            // What a changed object leaves, without fetching it so often.
            let line = Line::of("p/a", &n.to_string());
            let (journal, _) = Journal::open::<Line>(&path).unwrap();
            journal.append(&line).unwrap();
        }
        let before = std::fs::metadata(&path).unwrap().len();
        store.insert("b", "p/a", "1");
        fetch(&store, dir.path(), &["p/"]).await.unwrap();
        let after = std::fs::metadata(&path).unwrap().len();
        assert!(after < before / 100, "{before} -> {after}");
        assert_eq!(fetch(&store, dir.path(), &["p/"]).await.unwrap().skipped, 1);
    }

    #[tokio::test]
    async fn a_body_without_end_is_cut_off() {
        let store = Arc::new(MemoryStore::default());
        store.insert("b", "p/endless", "x".repeat(100));
        store.lie_about_size(10);
        let dir = tempfile::tempdir().unwrap();
        let downloaded = fetch(&store, dir.path(), &["p/"]).await.unwrap();
        assert!(downloaded.failed[0].reason.contains("more than"), "{downloaded:?}");
    }

    #[tokio::test]
    async fn a_list_that_never_ends_is_cut_off() {
        let store = Arc::new(MemoryStore::default());
        store.insert("b", "p/a", "1");
        store.list_for_ever();
        let dir = tempfile::tempdir().unwrap();
        let error = fetch(&store, dir.path(), &["p/"]).await.unwrap_err().to_string();
        assert!(error.contains("same continuation token"), "{error}");
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
