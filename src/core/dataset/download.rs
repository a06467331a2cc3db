//! Objects → files. A key becomes a path only after a check; a file appears only when it is whole.

use super::journal::Journal;
use super::meter::Meter;
use super::objects::{List, Listed, Objects};
use super::pace::{Pace, drive};
use crate::core::cloud::{CloudError, ErrorKind};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::UNIX_EPOCH;
use tokio::io::AsyncWriteExt;
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
    /// Bucket
    pub bucket: String,
    /// Keys, or prefixes ending with `/` (the empty one: everything).
    pub keys: Vec<String>,
    /// Folder; made when it is not there.
    pub to: PathBuf,
    /// Where the journal is: what it names is not fetched again as long as object and file are unchanged.
    pub journal: PathBuf,
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
    /// Objects that had been fetched before.
    pub skipped: u64,
    /// Objects that could not be fetched. The others were.
    pub failed: Vec<NotFetched>,
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

#[derive(Debug, Serialize, Deserialize)]
struct Line {
    key: String,
    etag: String,
    size: u64,
    mtime: u64,
}

#[derive(Debug)]
struct Item {
    object: Listed,
    path: PathBuf,
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
                Outcome::Fetched => downloaded.fetched += 1,
                Outcome::Skipped => downloaded.skipped += 1,
                Outcome::Failed(failed) => downloaded.failed.push(failed),
                Outcome::Fatal(error) => {
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

struct Shared {
    store: Arc<dyn Objects>,
    download: Download,
    journal: Journal,
    past: HashMap<String, Line>,
    meter: Arc<Meter>,
    pace: Pace,
}

enum Outcome {
    Fetched,
    Skipped,
    Failed(NotFetched),
    Fatal(CloudError),
}

impl Shared {
    async fn one(self: Arc<Self>, item: Item) -> Outcome {
        if self.is_here(&item).await {
            self.meter.skip(item.object.size);
            return Outcome::Skipped;
        }
        let key = item.object.key.clone();
        let failed = |reason: String| {
            self.meter.fail();
            Outcome::Failed(NotFetched { key, reason })
        };
        match self.pace.insist(|| self.fetch(&item)).await {
            Ok(Ok(())) => {
                self.meter.item();
                Outcome::Fetched
            }
            Ok(Err(reason)) => failed(reason),
            Err(error) if matches!(error.kind, ErrorKind::Unreachable | ErrorKind::Auth) => {
                Outcome::Fatal(error)
            }
            Err(error) => failed(error.to_string()),
        }
    }

    async fn is_here(&self, item: &Item) -> bool {
        let Some(line) = self.past.get(&item.object.key) else { return false };
        let unchanged = line.etag == item.object.etag && line.size == item.object.size;
        unchanged && stamp(&item.path).await == Some((line.size, line.mtime))
    }

    /// The inner error concerns this file, the outer one the cloud.
    async fn fetch(&self, item: &Item) -> Result<Result<(), String>, CloudError> {
        let (bucket, key) = (&self.download.bucket, &item.object.key);
        let Some(reading) = self.store.open(bucket, key).await? else {
            return Ok(Err("it was deleted meanwhile".into()));
        };
        let (etag, size) = (reading.etag.clone(), reading.size);
        let temporary = match Temporary::beside(&item.path).await {
            Ok(temporary) => temporary,
            Err(error) => return Ok(Err(format!("cannot write `{}`: {error}", item.path.display()))),
        };
        match self.write(reading, &temporary, &item.path).await? {
            Ok(written) if written == size => {}
            Ok(written) => {
                let message = format!("{written} of {size} bytes arrived");
                return Err(CloudError::new(ErrorKind::Unreachable, "s3:GetObject", key, message));
            }
            Err(error) => return Ok(Err(format!("cannot write `{}`: {error}", item.path.display()))),
        }
        if let Some((size, mtime)) = stamp(&item.path).await
            && let Err(error) = self.journal.append(&Line { key: key.clone(), etag, size, mtime })
        {
            tracing::warn!(%error, "cannot write the download's journal");
        }
        Ok(Ok(()))
    }

    async fn write(
        &self,
        mut reading: super::objects::Reading,
        temporary: &Temporary,
        path: &Path,
    ) -> Result<std::io::Result<u64>, CloudError> {
        use futures::TryStreamExt;
        let mut file = match tokio::fs::File::create(&temporary.0).await {
            Ok(file) => file,
            Err(error) => return Ok(Err(error)),
        };
        let mut written = 0;
        while let Some(chunk) = reading.body.try_next().await? {
            if let Err(error) = file.write_all(&chunk).await {
                return Ok(Err(error));
            }
            written += chunk.len() as u64;
            self.meter.bytes(chunk.len() as u64);
        }
        let finish = async {
            file.flush().await?;
            drop(file);
            if written == reading.size {
                tokio::fs::rename(&temporary.0, path).await?;
            }
            Ok(written)
        };
        Ok(finish.await)
    }
}

/// A file beside its final place; removed when it was not renamed.
struct Temporary(PathBuf);

impl Temporary {
    async fn beside(path: &Path) -> std::io::Result<Self> {
        let folder = path.parent().unwrap_or(Path::new("."));
        tokio::fs::create_dir_all(folder).await?;
        Ok(Self(folder.join(format!(".throng-{:016x}.part", rand::random::<u64>()))))
    }
}

impl std::ops::Drop for Temporary {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

async fn stamp(path: &Path) -> Option<(u64, u64)> {
    let metadata = tokio::fs::metadata(path).await.ok()?;
    let mtime = metadata.modified().ok()?.duration_since(UNIX_EPOCH).ok()?.as_nanos();
    Some((metadata.len(), u64::try_from(mtime).ok()?))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;
    use crate::core::dataset::memory::Memory;
    use std::sync::atomic::Ordering;

    async fn fetch(store: &Arc<Memory>, dir: &Path, keys: &[&str]) -> Result<Downloaded, DownloadError> {
        let download = Download {
            bucket: "b".into(),
            keys: keys.iter().map(ToString::to_string).collect(),
            to: dir.join("to"),
            journal: dir.join("d.journal"),
        };
        download.fetch(store.clone(), Arc::default(), &CancellationToken::new()).await
    }

    #[tokio::test]
    async fn folders_are_kept_and_what_is_here_is_not_fetched_again() {
        let store = Arc::new(Memory::default());
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
    async fn hostile_keys_never_become_paths() {
        let store = Arc::new(Memory::default());
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
        let store = Arc::new(Memory::default());
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
        let store = Arc::new(Memory::default());
        store.insert("b", "p/a", "1");
        store.insert("b", "p/a/b", "2");
        let dir = tempfile::tempdir().unwrap();
        let downloaded = fetch(&store, dir.path(), &["p/"]).await.unwrap();
        assert_eq!((downloaded.fetched, downloaded.failed.len()), (1, 1));
    }
}
