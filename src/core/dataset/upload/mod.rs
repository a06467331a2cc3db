//! Files → objects: one pass over each file, many in flight, resumable.
//!
//! The journal says which files are there; a file whose line is missing is sent again. Of a run, files that were
//! being sent when the process died are asked for first (their metadata names run and task), so that they do not
//! start a function twice.
//!
//! ```text
//! etag      the tag that an object will have, before it is sent
//! file      one file: whether it must be sent yet, and how it is sent whole
//! parts     large files, in parts, resumable part by part
//! past      what an earlier process did, as the journal's lines say it
//! patience  opens files where this process may not have many more
//! trouble   why a file was not sent, and whether that concerns the others
//! ```

use super::FileList;
use super::journal::Journal;
use super::meter::Meter;
use super::objects::{List, Listed, Objects, each_page};
use super::pace::{Pace, drive};
use super::scan::LONGEST_KEY;
use crate::cloud::CloudError;
use crate::config::UploadConfig;
use crate::model::Place;
use async_trait::async_trait;
use file::SendOutcome;
use past::{Line, Past};
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use throng_contract::layout::{META_LINEAGE, META_RUN, META_TASK};
use throng_contract::{Lineage, TaskId};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

mod etag;
mod file;
mod parts;
mod past;
pub(super) mod patience;
mod trouble;

pub use etag::{etag_of, is_checksum};

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

/// What else is done for each object: called before it is stored, and after that but before it counts as sent.
#[async_trait]
pub trait AroundPut: Send + Sync + 'static {
    /// Waits until an object may be stored. `index` is the file's number.
    async fn admit(&self, _index: u64, _key: &str) {}

    /// `index` is the file's number. An error that may pass is tried again.
    async fn stored(&self, index: u64, key: &str) -> Result<(), CloudError>;

    /// A file cannot be sent: nothing will be stored for it.
    fn not_sent(&self, _index: u64) {}

    /// A file had been sent, and this was called for it, by a process that has ended since. Told before any is sent.
    fn was_sent(&self, _index: u64) {}
}

/// The run that uploaded files are inputs of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UploadRun {
    /// Its id.
    pub id: String,
    /// Version of its ledger's layout, which decides how an input says whose it is.
    pub ledger: u32,
    /// The group of its tasks, of a run with joins.
    pub group: Option<String>,
    /// Whether each file is the input of the task of its number; else nothing but events says whose it is.
    pub one_each: bool,
}

impl UploadRun {
    /// The metadata of the input of a task, written to a place.
    fn metadata(&self, number: u64, bucket: &str, key: &str) -> Vec<(&'static str, String)> {
        if !self.one_each {
            return Vec::new();
        }
        if self.ledger <= 1 {
            return vec![(META_RUN, self.id.clone()), (META_TASK, number.to_string())];
        }
        let (run, task) = (self.id.clone(), TaskId::number(number));
        let lineage = Lineage { run, stage: 0, task, output: None, group: self.group.clone() };
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
    pub around: Option<Arc<dyn AroundPut>>,
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
    #[error("interrupted; the same upload again goes on where it was")]
    Cancelled,
    /// The journal.
    #[error("cannot keep the upload's journal: {0}")]
    Journal(#[from] std::io::Error),
    /// A key would be too long.
    #[error("the key for `{0}` would be longer than 1024 bytes: choose a shorter folder")]
    LongKey(String),
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
        self.place.key(name)
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
        let (journal, mut past) = opened.await.map_err(std::io::Error::other)??;
        self.forget_removed(store.as_ref(), &mut past, cancel).await?;
        self.tell_sent(&past);
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

    fn tell_sent(&self, past: &Past) {
        let Some(around) = self.around.as_ref().filter(|_| !past.sent.is_empty()) else { return };
        let sent = (0..).zip(self.files.iter()).filter(|(_, file)| past.sent.contains_key(file.name));
        sent.for_each(|(index, _)| around.was_sent(index));
    }

    /// Forgets files that an earlier process sent and that are no longer there. Inputs of runs have started their task: those
    /// may be removed.
    async fn forget_removed(
        &self,
        store: &dyn Objects,
        past: &mut Past,
        cancel: &CancellationToken,
    ) -> Result<(), UploadError> {
        if self.run.is_some() || past.sent.is_empty() {
            return Ok(());
        }
        let sent = std::mem::take(&mut past.sent);
        let mut sent: BTreeMap<_, _> =
            sent.into_iter().map(|(name, stamp)| (self.key(&name), (name, stamp))).collect();
        let first = sent.keys().next().cloned().unwrap_or_default();
        let last = sent.keys().next_back().cloned().unwrap_or_default();
        let mut keep = |object: &Listed| {
            if let Some((name, stamp)) =
                sent.remove(&object.key).filter(|(_, stamp)| stamp.size == object.size)
            {
                past.sent.insert(name, stamp);
            }
        };
        // The list begins behind a key.
        if let Some(head) = found(store.head(&self.place.bucket, &first).await)?.flatten() {
            let (etag, modified_ms) = (head.etag, head.modified_ms);
            keep(&Listed { key: first.clone(), size: head.size, etag, modified_ms });
        }
        let behind = List {
            bucket: self.place.bucket.clone(),
            prefix: self.key(""),
            start_after: Some(first),
            ..List::default()
        };
        let each = each_page(store, behind, |page| {
            page.objects.iter().for_each(&mut keep);
            !cancel.is_cancelled() && page.objects.last().is_some_and(|object| object.key < last)
        });
        found(each.await)?;
        Ok(())
    }
}

/// `None` when the bucket is gone, or may not be looked into: then all is sent.
fn found<T>(answer: Result<T, CloudError>) -> Result<Option<T>, CloudError> {
    match answer {
        Err(error) if error.is_transient() => Err(error),
        answer => Ok(answer.ok()),
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

#[cfg(test)]
mod tests;
