//! Objects → files. A key becomes a path only after a check; a file appears only when it is whole, and never in the place
//! of one that somebody else put there.
//!
//! ```text
//! file    one object -> one file
//! wanted  what is fetched, and the path that it gets
//! ```

mod file;
mod wanted;

pub(crate) use wanted::common_folder;

use super::journal::Journal;
use super::meter::Meter;
use super::names::SafePath;
use super::objects::Objects;
use super::pace::{Pace, drive};
use crate::cloud::CloudError;
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
    /// The bucket that is read.
    pub bucket: String,
    /// Keys, or prefixes ending with `/` (the empty one: everything).
    pub keys: Vec<String>,
    /// Objects of which more is known than their keys.
    pub named: Vec<Named>,
    /// Folder; made when it is not there.
    pub to: PathBuf,
    /// Where the journal is: what it names is not fetched again as long as object and file are unchanged.
    pub journal: PathBuf,
    /// Whether files that are there already, with another content, are replaced. Those that this journal names and that
    /// are as they were fetched always are.
    pub force: bool,
}

/// An object of which it is known what it must be and where it goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// Its key.
    pub key: String,
    /// Its path below the folder, in parts that are safe to join; no other object has it.
    pub path: SafePath,
    /// Its size in bytes.
    pub size: u64,
    /// SHA-256 in hexadecimal: what arrives is refused unless it is one of these.
    pub sha256: Vec<String>,
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
    #[error("interrupted; the same download again goes on where it was")]
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
        if items.is_empty() && downloaded.failed.is_empty() && !self.keys.is_empty() {
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
}

#[cfg(test)]
mod tests;
