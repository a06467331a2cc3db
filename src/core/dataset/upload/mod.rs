//! Files → objects: one pass over each file, many in flight, resumable.
//!
//! The journal says which files are there; a file whose line is missing is sent again. Of a run, files that were
//! being sent when the process died are asked for first (their metadata names run and task), so that they do not
//! start a function twice.
//!
//! ```text
//! parts     large files, in parts, resumable part by part
//! patience  opens files where this process may not have many more
//! ```

use super::journal::Journal;
use super::meter::Meter;
use super::objects::{Objects, Put};
use super::pace::{Pace, drive};
use super::scan::{FileList, LONGEST_KEY};
use crate::cloud::{Cause, CloudError, ErrorKind};
use crate::config::UploadConfig;
use crate::model::Place;
use async_trait::async_trait;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::fs::Metadata;
use std::io::Read;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::UNIX_EPOCH;
use throng_contract::layout::{META_LINEAGE, META_RUN, META_TASK};
use throng_contract::{Lineage, TaskId};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

mod parts;
pub(super) mod patience;

/// Intents are written once for this many files.
const INTENT: u64 = 64;
/// Bytes of files in memory, in KiB.
const MEMORY_KIB: u32 = 256 << 10;

/// How to upload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UploadOptions {
    /// Most requests in flight.
    pub concurrency: u32,
    /// Files of this many bytes or more are sent in parts.
    pub multipart: u64,
    /// Size of a part in bytes, at least 5 MiB; grows for files that would have more than 10,000.
    pub part: u64,
}

impl UploadOptions {
    /// As a person has set it.
    #[must_use]
    pub fn of(settings: &UploadConfig) -> Self {
        Self {
            concurrency: settings.concurrency,
            multipart: u64::from(settings.multipart_mb) << 20,
            part: u64::from(settings.part_mb) << 20,
        }
    }
}

impl Default for UploadOptions {
    fn default() -> Self {
        Self { concurrency: 128, multipart: 32 << 20, part: 16 << 20 }
    }
}

/// Called after an object is stored and before it counts as sent.
#[async_trait]
pub trait AfterPut: Send + Sync + 'static {
    /// `index` is the file's number. An error that may pass is tried again.
    async fn stored(&self, index: u64, key: &str) -> Result<(), CloudError>;
}

/// The run that uploaded files are inputs of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UploadRun {
    /// Its id.
    pub id: String,
    /// Version of its ledger's layout, which decides how an input says whose it is.
    pub ledger: u32,
}

impl UploadRun {
    /// The metadata of the input of a task, written to a place.
    fn metadata(&self, number: u64, bucket: &str, key: &str) -> Vec<(&'static str, String)> {
        if self.ledger <= 1 {
            return vec![(META_RUN, self.id.clone()), (META_TASK, number.to_string())];
        }
        let (run, task) = (self.id.clone(), TaskId::number(number));
        let lineage = Lineage { run, stage: 0, task, output: None, group: None };
        vec![(META_LINEAGE, lineage.header(bucket, key))]
    }
}

/// What to upload.
#[derive(Clone)]
pub struct Upload {
    /// Files with their names.
    pub files: Arc<FileList>,
    /// Where they go.
    pub place: Place,
    /// The run whose tasks they are; file `n` is task `n`.
    pub run: Option<UploadRun>,
    /// Where the journal is.
    pub journal: PathBuf,
    /// How much at once, and in what parts.
    pub options: UploadOptions,
    /// What else to do for each.
    pub after: Option<Arc<dyn AfterPut>>,
}

impl std::fmt::Debug for Upload {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Upload")
            .field("files", &self.files.len())
            .field("place", &self.place)
            .finish_non_exhaustive()
    }
}

/// A file that was not sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotSent {
    /// Its number in the list.
    pub index: u64,
    /// Where it is.
    pub path: PathBuf,
    /// Why, as a sentence.
    pub reason: String,
}

/// What came of an upload.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Uploaded {
    /// Files sent now.
    pub sent: u64,
    /// Files that had been sent before.
    pub skipped: u64,
    /// Files that could not be sent. The others were.
    pub failed: Vec<NotSent>,
}

/// Why an upload ended early.
#[derive(Debug, thiserror::Error)]
pub enum UploadError {
    /// The cloud refused in a way that concerns every file.
    #[error(transparent)]
    Cloud(#[from] CloudError),
    /// A person ended it. It can go on later.
    #[error("cancelled; the same upload again goes on where it was")]
    Cancelled,
    /// The journal.
    #[error("cannot keep the upload's journal: {0}")]
    Journal(#[from] std::io::Error),
    /// A key would be too long.
    #[error("the key for `{0}` would be longer than 1024 bytes: choose a shorter folder")]
    LongKey(String),
}

/// Size and time of change: a file that has other ones is another file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Stamp {
    size: u64,
    mtime: i64,
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        let mtime = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        let mtime = mtime.and_then(|time| i64::try_from(time.as_nanos()).ok()).unwrap_or(0);
        Self { size: metadata.len(), mtime }
    }
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Line {
    /// Files below this number may have been sent.
    Begun(u64),
    /// A file is there.
    Sent { name: String, stamp: Stamp },
    /// An upload in parts has begun.
    Parts { name: String, stamp: Stamp, upload: String, part: u64 },
    /// A part is there.
    Part { upload: String, number: i32, etag: String },
}

/// What an earlier process did.
#[derive(Debug, Default)]
struct Past {
    begun: u64,
    sent: HashMap<String, Stamp>,
    parts: HashMap<String, parts::Begun>,
}

impl Past {
    fn of(lines: Vec<Line>) -> Self {
        let mut past = Self::default();
        let mut owner: HashMap<String, String> = HashMap::new();
        for line in lines {
            match line {
                Line::Begun(upto) => past.begun = past.begun.max(upto),
                Line::Sent { name, stamp } => {
                    past.parts.remove(&name);
                    past.sent.insert(name, stamp);
                }
                Line::Parts { name, stamp, upload, part } => {
                    owner.insert(upload.clone(), name.clone());
                    past.parts.insert(name, parts::Begun { upload, stamp, part, done: HashMap::new() });
                }
                Line::Part { upload, number, etag } => {
                    let begun = owner.get(&upload).and_then(|name| past.parts.get_mut(name));
                    if let Some(begun) = begun.filter(|begun| begun.upload == upload) {
                        begun.done.insert(number, etag);
                    }
                }
            }
        }
        past
    }
}

/// What the requests in flight share.
struct Shared {
    store: Arc<dyn Objects>,
    upload: Upload,
    journal: Journal,
    past: Past,
    pace: Pace,
    memory: Arc<Semaphore>,
    meter: Arc<Meter>,
}

enum SendOutcome {
    Sent,
    Skipped,
    Failed(NotSent),
    Fatal(UploadError),
}

impl From<std::io::Error> for SendOutcome {
    fn from(error: std::io::Error) -> Self {
        Self::Fatal(error.into())
    }
}

/// A file that cannot be sent, or something that concerns all.
enum Trouble {
    File(String),
    Fatal(UploadError),
}

impl From<CloudError> for Trouble {
    fn from(error: CloudError) -> Self {
        match error.kind {
            // A forgotten upload in parts concerns one file.
            ErrorKind::NotFound if error.code.as_deref() == Some("NoSuchUpload") => {
                Self::File(error.to_string())
            }
            // A full disk is full for all of them.
            _ if error.cause == Cause::NoSpace => Self::Fatal(error.into()),
            // Only this object: too large, a bad name, a precondition.
            ErrorKind::Invalid | ErrorKind::Conflict | ErrorKind::Other => Self::File(error.to_string()),
            _ => Self::Fatal(error.into()),
        }
    }
}

impl From<std::io::Error> for Trouble {
    fn from(error: std::io::Error) -> Self {
        Self::Fatal(error.into())
    }
}

impl Upload {
    /// A journal for an upload that belongs to no run: the same files to the same place go on where they were.
    #[must_use]
    pub fn journal_for(state: &Path, context: &str, place: &Place, paths: &[PathBuf]) -> PathBuf {
        use sha2::{Digest, Sha256};
        let mut hash = Sha256::new();
        let mut add = |text: &[u8]| {
            hash.update((text.len() as u64).to_le_bytes());
            hash.update(text);
        };
        for text in [context, &place.bucket, &place.prefix] {
            add(text.as_bytes());
        }
        for path in paths {
            let absolute = std::path::absolute(path).unwrap_or_else(|_| path.clone());
            add(absolute.as_os_str().as_encoded_bytes());
        }
        state.join("uploads").join(format!("{}.journal", hex::encode(&hash.finalize()[..8])))
    }

    /// The key of a file.
    #[must_use]
    pub fn key(&self, name: &str) -> String {
        match self.place.prefix.as_str() {
            "" => name.to_owned(),
            prefix => format!("{prefix}/{name}"),
        }
    }

    /// Uploads. When every file is there, the journal is removed.
    ///
    /// # Errors
    /// [`UploadError`]; files that alone could not be sent are in [`Uploaded::failed`].
    pub async fn send(
        self,
        store: Arc<dyn Objects>,
        meter: Arc<Meter>,
        cancel: &CancellationToken,
    ) -> Result<Uploaded, UploadError> {
        let longest = LONGEST_KEY.saturating_sub(self.place.prefix.len() + 1);
        if let Some(file) = self.files.iter().find(|file| file.name.len() > longest) {
            return Err(UploadError::LongKey(file.path.display().to_string()));
        }
        let path = self.journal.clone();
        let opened = tokio::task::spawn_blocking(move || {
            Journal::open(&path).map(|(journal, lines)| (journal, Past::of(lines)))
        });
        let (journal, past) = opened.await.map_err(std::io::Error::other)??;
        meter.total(self.files.len() as u64, self.files.bytes());
        let shared = Arc::new(Shared {
            store,
            journal,
            past,
            pace: Pace::new(self.options.concurrency),
            memory: Arc::new(Semaphore::new(MEMORY_KIB as usize)),
            meter,
            upload: self,
        });
        let uploaded = run(&shared, cancel).await?;
        shared.journal.sync()?;
        if uploaded.failed.is_empty()
            && let Some(shared) = Arc::into_inner(shared)
        {
            shared.journal.remove()?;
        }
        Ok(uploaded)
    }
}

async fn run(shared: &Arc<Shared>, cancel: &CancellationToken) -> Result<Uploaded, UploadError> {
    let count = shared.upload.files.len() as u64;
    let (mut at, mut intended) = (0, shared.past.begun);
    let (mut uploaded, mut fatal) = (Uploaded::default(), None);
    let next = || {
        let index = at;
        at += 1;
        if index >= intended && index < count {
            intended = index + INTENT;
            if let Err(error) = shared.journal.append(&Line::Begun(intended)) {
                tracing::error!(%error, "cannot write the upload's journal");
            }
        }
        let shared = shared.clone();
        (index < count).then_some(async move { shared.one(index).await })
    };
    let done = |outcome| {
        match outcome {
            SendOutcome::Sent => uploaded.sent += 1,
            SendOutcome::Skipped => uploaded.skipped += 1,
            SendOutcome::Failed(not_sent) => {
                shared.meter.fail();
                uploaded.failed.push(not_sent);
            }
            SendOutcome::Fatal(error) => {
                fatal = Some(error);
                return ControlFlow::Break(());
            }
        }
        ControlFlow::Continue(())
    };
    drive(&shared.pace, cancel, next, done).await;
    match fatal {
        Some(error) => Err(error),
        None if cancel.is_cancelled() => Err(UploadError::Cancelled),
        None => Ok(uploaded),
    }
}

impl Shared {
    async fn one(self: Arc<Self>, index: u64) -> SendOutcome {
        let Some(file) = usize::try_from(index).ok().and_then(|index| self.upload.files.get(index)) else {
            return SendOutcome::Skipped;
        };
        let (path, name, size) = (file.path, file.name.to_owned(), file.size);
        if let Some(stamp) = self.past.sent.get(&name)
            && self.is_unchanged(&path, *stamp).await
        {
            self.meter.skip(size);
            return SendOutcome::Skipped;
        }
        match self.send(index, &path, &name, size).await {
            Ok(true) => SendOutcome::Sent,
            Ok(false) => SendOutcome::Skipped,
            Err(Trouble::File(reason)) => SendOutcome::Failed(NotSent { index, path, reason }),
            Err(Trouble::Fatal(error)) => SendOutcome::Fatal(error),
        }
    }

    /// A task's input was sent as it was; of other uploads the newest content counts.
    async fn is_unchanged(&self, path: &Path, stamp: Stamp) -> bool {
        self.upload.run.is_some()
            || tokio::fs::metadata(path).await.is_ok_and(|metadata| Stamp::of(&metadata) == stamp)
    }

    /// Whether it was sent now; else it had been there.
    async fn send(&self, index: u64, path: &Path, name: &str, size: u64) -> Result<bool, Trouble> {
        let key = self.upload.key(name);
        let there = index < self.past.begun && self.is_there(index, &key).await?;
        let stamp = if there {
            self.meter.skip(size);
            Stamp { size, mtime: 0 }
        } else if size >= self.upload.options.multipart {
            self.send_parts(path, name, &key, size, index).await?
        } else {
            self.send_whole(path, &key, size, index).await?
        };
        if let Some(after) = &self.upload.after {
            self.pace.insist(|| after.stored(index, &key)).await?;
        }
        self.journal.append(&Line::Sent { name: name.to_owned(), stamp })?;
        if !there {
            self.meter.item();
        }
        Ok(!there)
    }

    /// Whether a task's input was stored by the process that died before it could write so.
    async fn is_there(&self, index: u64, key: &str) -> Result<bool, CloudError> {
        if self.upload.run.is_none() {
            return Ok(false);
        }
        let bucket = &self.upload.place.bucket;
        let head = self.pace.insist(|| self.store.head(bucket, key)).await?;
        let wanted = self.metadata(index, key);
        Ok(head.is_some_and(|head| {
            let has = |name: &str, value: &String| head.metadata.iter().any(|(n, v)| n == name && v == value);
            wanted.iter().all(|(name, value)| has(name, value))
        }))
    }

    fn metadata(&self, index: u64, key: &str) -> Vec<(&'static str, String)> {
        let run = self.upload.run.as_ref();
        run.map(|run| run.metadata(index, &self.upload.place.bucket, key)).unwrap_or_default()
    }

    async fn reserve(&self, bytes: u64) -> Result<tokio::sync::OwnedSemaphorePermit, Trouble> {
        let kib = u32::try_from(bytes / 1024 + 1).unwrap_or(MEMORY_KIB).min(MEMORY_KIB);
        let permit = self.memory.clone().acquire_many_owned(kib).await;
        permit.map_err(|_| Trouble::Fatal(UploadError::Cancelled))
    }

    async fn send_whole(&self, path: &Path, key: &str, size: u64, index: u64) -> Result<Stamp, Trouble> {
        let _memory = self.reserve(size).await?;
        let (body, stamp) = read_whole(path, size).await?;
        let put = Put {
            bucket: self.upload.place.bucket.clone(),
            key: key.to_owned(),
            body,
            metadata: self.metadata(index, key),
            only_new: false,
        };
        self.pace.insist(|| self.store.put(put.clone())).await?;
        self.meter.bytes(size);
        Ok(stamp)
    }
}

fn unreadable(path: &Path, error: &std::io::Error) -> Trouble {
    if patience::is_out_of_files(error) {
        // It is this process that has no room, not the file that is at fault.
        let message = format!("cannot open `{}`: {error}", path.display());
        let error = CloudError::new(ErrorKind::Other, "open", "", message);
        return Trouble::Fatal(UploadError::Cloud(CloudError { cause: Cause::TooManyFiles, ..error }));
    }
    Trouble::File(format!("cannot read `{}`: {error}", path.display()))
}

fn changed(path: &Path) -> Trouble {
    Trouble::File(format!("`{}` changed while it was being uploaded: upload it again", path.display()))
}

/// Reads a file that must have this size and not change meanwhile.
async fn read_whole(path: &Path, size: u64) -> Result<(Bytes, Stamp), Trouble> {
    let owned = path.to_owned();
    let read = move || -> std::io::Result<Option<(Vec<u8>, Stamp)>> {
        let mut file = patience::open(&owned)?;
        let before = Stamp::of(&file.metadata()?);
        if before.size != size {
            return Ok(None);
        }
        let mut body = Vec::with_capacity(usize::try_from(size).unwrap_or(0) + 1);
        Read::by_ref(&mut file).take(size + 1).read_to_end(&mut body)?;
        let same = body.len() as u64 == size && Stamp::of(&file.metadata()?) == before;
        Ok(same.then_some((body, before)))
    };
    match tokio::task::spawn_blocking(read).await.map_err(std::io::Error::other) {
        Ok(Ok(Some((body, stamp)))) => Ok((body.into(), stamp)),
        Ok(Ok(None)) => Err(changed(path)),
        Ok(Err(error)) | Err(error) => Err(unreadable(path, &error)),
    }
}

#[cfg(test)]
mod tests;
