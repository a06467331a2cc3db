//! What can be made again but is worth keeping: layers by digest.

use super::ImageError;
use super::digest::is_sha256;
use crate::dirs::Dirs;
use crate::private;
use serde::{Serialize, de::DeserializeOwned};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

/// A folder of blobs by digest (`blobs/sha256/…`) and small notes about them (`notes/…`). Safe to delete at any time,
/// and safe for several processes at once: files appear complete, by rename.
#[derive(Clone, Debug)]
pub struct Cache {
    folder: PathBuf,
}

impl Cache {
    /// The cache of the person.
    #[must_use]
    pub fn of(dirs: &Dirs) -> Self {
        Self::at(&dirs.cache.join("images"))
    }

    /// A cache in a folder, which is made when it is first needed.
    #[must_use]
    pub fn at(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }

    /// A blob's path, when it is there.
    pub(super) fn find(&self, digest: &str) -> Option<PathBuf> {
        let path = self.path(digest)?;
        path.is_file().then_some(path)
    }

    fn path(&self, digest: &str) -> Option<PathBuf> {
        is_sha256(digest).then(|| self.folder.join("blobs/sha256").join(&digest["sha256:".len()..]))
    }

    /// An empty file to write a blob into; [`keep`](Self::keep) gives it its name, dropping removes it.
    pub(super) fn temporary(&self) -> Result<NamedTempFile, ImageError> {
        let folder = self.folder.join("blobs/sha256");
        let fail = |error| ImageError::file("cannot write to the image cache", &folder, error);
        private::folder(&folder).map_err(fail)?;
        tempfile::Builder::new().prefix(".new-").tempfile_in(&folder).map_err(fail)
    }

    /// Gives a finished blob its name.
    pub(super) fn keep(&self, file: NamedTempFile, digest: &str) -> Result<PathBuf, ImageError> {
        let path =
            self.path(digest).ok_or_else(|| ImageError::Content(format!("`{digest}` is not a digest")))?;
        let fail = |error| ImageError::file("cannot write to the image cache", &path, error);
        file.persist(&path).map_err(|error| fail(error.error))?;
        Ok(path)
    }

    /// Every blob and note, and what a process that was killed left of one.
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        let folders = [self.folder.join("blobs/sha256"), self.folder.join("notes")];
        let entries = folders.iter().flat_map(std::fs::read_dir).flatten().flatten();
        entries.map(|entry| entry.path()).filter(|path| path.is_file()).collect()
    }

    /// A note that was written under this name, if it is there and can be read.
    pub(super) fn note<T: DeserializeOwned>(&self, name: &str) -> Option<T> {
        serde_json::from_slice(&std::fs::read(self.folder.join("notes").join(name)).ok()?).ok()
    }

    /// Writes a note. `name` is made by us: no slashes.
    pub(super) fn write_note<T: Serialize>(&self, name: &str, value: &T) -> Result<(), ImageError> {
        let folder = self.folder.join("notes");
        let write = || {
            private::folder(&folder)?;
            let mut file = NamedTempFile::new_in(&folder)?;
            file.write_all(&serde_json::to_vec(value)?)?;
            file.persist(folder.join(name)).map_err(|error| error.error)?;
            Ok(())
        };
        write().map_err(|error| ImageError::file("cannot write to the image cache", &folder, error))
    }
}
