//! One object → one file.

use super::{Download, NotFetched, PART_END};
use crate::cloud::{CloudError, ErrorKind};
use crate::dataset::journal::Journal;
use crate::dataset::meter::Meter;
use crate::dataset::objects::{Listed, Objects, Reading};
use crate::dataset::pace::Pace;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::collections::HashMap;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::UNIX_EPOCH;
use tokio::io::AsyncWriteExt;

/// An object that was fetched, and the file's state after that.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Line {
    pub key: String,
    etag: String,
    size: u64,
    mtime: u64,
    /// SHA-256, where it was looked at.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    sha256: String,
}

#[cfg(test)]
impl Line {
    /// A line about a file that is not there.
    pub fn of(key: &str, etag: &str) -> Self {
        Self { key: key.to_owned(), etag: etag.to_owned(), size: 0, mtime: 0, sha256: String::new() }
    }
}

/// An object and its place.
#[derive(Debug)]
pub(super) struct Item {
    pub object: Listed,
    pub path: PathBuf,
    /// What it may be; empty when nobody knows.
    pub sha256: Vec<String>,
}

/// Why an object is not what a record says of it.
const OVERWRITTEN: &str = "it was overwritten since";

/// What became of an object that arrived.
enum Placement {
    /// It is the file.
    Written,
    /// The file that was there is the same.
    Same,
    /// The file that was there is another, and stays.
    Differs,
}

/// What the objects of a download share.
pub(super) struct Shared {
    pub store: Arc<dyn Objects>,
    pub download: Download,
    pub journal: Journal,
    /// How names of unfinished files begin.
    pub mark: String,
    pub past: HashMap<String, Line>,
    pub meter: Arc<Meter>,
    pub pace: Pace,
}

/// What came of one object.
pub(super) enum FetchOutcome {
    Fetched,
    Skipped,
    Failed(NotFetched),
    /// Another file is in its place.
    Kept(NotFetched),
    Fatal(CloudError),
}

impl Shared {
    pub async fn one(self: Arc<Self>, item: Item) -> FetchOutcome {
        if self.is_here(&item).await {
            self.meter.skip(item.object.size);
            return FetchOutcome::Skipped;
        }
        let there = self.there(&item).await;
        let key = item.object.key.clone();
        let failed = |reason: String| {
            self.meter.fail();
            NotFetched { key, reason }
        };
        let kept = || {
            let shown = item.path.display();
            format!("`{shown}` is there already and differs: it was kept; choose another folder")
        };
        // Of an object that several tasks stored it is not known whose it is.
        let one_size = item.sha256.len() < 2;
        if one_size && there.is_some_and(|size| size != item.object.size) {
            return FetchOutcome::Kept(failed(kept()));
        }
        if there.is_some() && self.is_the_same(&item).await {
            self.meter.skip(item.object.size);
            return FetchOutcome::Skipped;
        }
        match self.pace.insist(|| self.fetch(&item, there.is_some())).await {
            Ok(Ok(Placement::Differs)) => FetchOutcome::Kept(failed(kept())),
            Ok(Ok(came)) => {
                self.meter.item();
                if matches!(came, Placement::Written) { FetchOutcome::Fetched } else { FetchOutcome::Skipped }
            }
            Ok(Err(reason)) => FetchOutcome::Failed(failed(reason)),
            Err(error) if matches!(error.kind, ErrorKind::Unreachable | ErrorKind::Auth) => {
                FetchOutcome::Fatal(error)
            }
            Err(error) => FetchOutcome::Failed(failed(error.to_string())),
        }
    }

    async fn is_here(&self, item: &Item) -> bool {
        let Some(line) = self.past.get(&item.object.key) else { return false };
        let unchanged = if item.sha256.is_empty() {
            line.etag == item.object.etag && line.size == item.object.size
        } else {
            item.sha256.contains(&line.sha256)
        };
        unchanged && stamp(&item.path).await == Some((line.size, line.mtime))
    }

    /// Whether a file that is there already is the object, by its checksum alone.
    async fn is_the_same(&self, item: &Item) -> bool {
        if item.sha256.is_empty() {
            return false;
        }
        let path = item.path.clone();
        let sha256 = tokio::task::spawn_blocking(move || checksum(&path)).await;
        let Ok(Ok(sha256)) = sha256 else { return false };
        if !item.sha256.contains(&sha256) {
            return false;
        }
        self.note(item, String::new(), sha256).await;
        true
    }

    /// Writes down that an object is here.
    async fn note(&self, item: &Item, etag: String, sha256: String) {
        let key = item.object.key.clone();
        if let Some((size, mtime)) = stamp(&item.path).await
            && let Err(error) = self.journal.append(&Line { key, etag, size, mtime, sha256 })
        {
            tracing::warn!(%error, "cannot write the download's journal");
        }
    }

    /// The size of a file in the object's place that may not be replaced: one that this download did not put there, or
    /// that was changed since.
    async fn there(&self, item: &Item) -> Option<u64> {
        if self.download.force {
            return None;
        }
        let metadata = tokio::fs::metadata(&item.path).await.ok().filter(std::fs::Metadata::is_file)?;
        let ours = match self.past.get(&item.object.key) {
            Some(line) => stamp(&item.path).await == Some((line.size, line.mtime)),
            None => false,
        };
        (!ours).then_some(metadata.len())
    }

    /// The inner error concerns this file, the outer one the cloud. `there`: a file of the same size is in its place and
    /// stays.
    async fn fetch(&self, item: &Item, there: bool) -> Result<Result<Placement, String>, CloudError> {
        let (bucket, key) = (&self.download.bucket, &item.object.key);
        let Some(reading) = self.store.open(bucket, key).await? else {
            return Ok(Err("it was deleted meanwhile".into()));
        };
        let (etag, size) = (reading.etag.clone(), reading.size);
        let known = !item.sha256.is_empty();
        if item.sha256.len() == 1 && size != item.object.size {
            return Ok(Err(format!(
                "it has {size} bytes, and the task stored {}: {OVERWRITTEN}",
                item.object.size
            )));
        }
        let mut hash = known.then(Sha256::new);
        let cannot = |error: std::io::Error| cannot_write(&item.path, &error);
        let temporary = match Temporary::beside(&item.path, &self.mark).await {
            Ok(temporary) => temporary,
            Err(error) => return Ok(Err(cannot(error))),
        };
        match self.write(reading, &temporary, hash.as_mut()).await? {
            Ok(written) if written == size => {}
            Ok(written) if written > size => {
                return Ok(Err(format!("more than the {size} bytes that were announced arrived: cut off")));
            }
            Ok(written) => {
                let message = format!("{written} of {size} bytes arrived");
                return Err(CloudError::new(ErrorKind::Unreachable, "s3:GetObject", key, message));
            }
            Err(error) => return Ok(Err(cannot(error))),
        }
        let sha256 = hash.map(|hash| hex::encode(hash.finalize())).unwrap_or_default();
        if known && !item.sha256.contains(&sha256) {
            return Ok(Err(format!(
                "its checksum is not that of what the task stored: {OVERWRITTEN}, or damaged"
            )));
        }
        let came = if there {
            let (new, old) = (temporary.0.clone(), item.path.clone());
            match tokio::task::spawn_blocking(move || same(&new, &old)).await {
                Ok(Ok(true)) => Placement::Same,
                Ok(Ok(false)) => return Ok(Ok(Placement::Differs)),
                Ok(Err(error)) => return Ok(Err(format!("cannot read `{}`: {error}", item.path.display()))),
                Err(error) => return Ok(Err(error.to_string())),
            }
        } else if let Err(error) = tokio::fs::rename(&temporary.0, &item.path).await {
            return Ok(Err(cannot(error)));
        } else {
            Placement::Written
        };
        self.note(item, etag, sha256).await;
        Ok(Ok(came))
    }

    async fn write(
        &self,
        mut reading: Reading,
        temporary: &Temporary,
        mut hash: Option<&mut Sha256>,
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
            if let Some(hash) = &mut hash {
                hash.update(&chunk);
            }
            written += chunk.len() as u64;
            if written > reading.size {
                // An endpoint that goes on sending would fill the disk.
                return Ok(Ok(written));
            }
            self.meter.bytes(chunk.len() as u64);
        }
        let finish = async {
            file.flush().await?;
            drop(file);
            Ok(written)
        };
        Ok(finish.await)
    }
}

/// Why a file cannot be written, a full disk by its name.
fn cannot_write(path: &Path, error: &std::io::Error) -> String {
    use std::io::ErrorKind as Kind;
    match error.kind() {
        Kind::StorageFull | Kind::QuotaExceeded => {
            let folder = path.parent().unwrap_or(path);
            format!("no space left on {}: make room and fetch it again", folder.display())
        }
        _ => format!("cannot write `{}`: {error}", path.display()),
    }
}

/// A file beside its final place; removed when it was not renamed.
struct Temporary(PathBuf);

impl Temporary {
    async fn beside(path: &Path, mark: &str) -> std::io::Result<Self> {
        let folder = path.parent().unwrap_or(Path::new("."));
        tokio::fs::create_dir_all(folder).await?;
        Ok(Self(folder.join(format!("{mark}{:016x}{PART_END}", rand::random::<u64>()))))
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

/// SHA-256 of a file, in hexadecimal.
fn checksum(path: &Path) -> std::io::Result<String> {
    let mut hash = Sha256::new();
    let mut file = BufReader::with_capacity(1 << 16, std::fs::File::open(path)?);
    loop {
        let chunk = file.fill_buf()?;
        if chunk.is_empty() {
            return Ok(hex::encode(hash.finalize()));
        }
        hash.update(chunk);
        let length = chunk.len();
        file.consume(length);
    }
}

/// Whether two files have the same content.
fn same(one: &Path, other: &Path) -> std::io::Result<bool> {
    let open = |path: &Path| std::fs::File::open(path).map(|file| BufReader::with_capacity(1 << 16, file));
    let (mut one, mut other) = (open(one)?, open(other)?);
    loop {
        let (a, b) = (one.fill_buf()?, other.fill_buf()?);
        let common = a.len().min(b.len());
        if common == 0 {
            return Ok(a.is_empty() && b.is_empty());
        }
        if a[..common] != b[..common] {
            return Ok(false);
        }
        one.consume(common);
        other.consume(common);
    }
}
