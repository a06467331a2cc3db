//! Files that hold bodies. A file is written once, synced, and named by a record afterwards; a file that no record
//! names is an orphan of an interrupted request and is removed at the next start.

use super::meta::Piece;
use crate::private;
use std::collections::HashSet;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The folder of body files. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Blobs {
    folder: Arc<Path>,
}

/// A file that no record names yet. Dropping it removes it, unless it was kept.
#[derive(Debug)]
pub struct Draft {
    id: String,
    blobs: Blobs,
    kept: bool,
}

impl Draft {
    /// Its id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// A record names it now.
    pub fn keep(mut self) {
        self.kept = true;
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if !self.kept {
            self.blobs.remove(&self.id);
        }
    }
}

impl Blobs {
    /// Opens or creates the folder.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn open(folder: &Path) -> io::Result<Self> {
        private::folder(folder)?;
        Ok(Self { folder: folder.into() })
    }

    fn path(&self, id: &str) -> PathBuf {
        self.folder.join(id.get(..2).unwrap_or("xx")).join(id)
    }

    /// A new file.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn create(&self) -> io::Result<(Draft, File)> {
        let draft = self.draft();
        let path = self.path(&draft.id);
        let open = || private::options().write(true).read(true).create_new(true).open(&path);
        let file = open().or_else(|error| self.with_parent(&path, error, open))?;
        Ok((draft, file))
    }

    /// A second name for the bytes of a file: a hard link, or a copy where the file system has no links.
    ///
    /// # Errors
    /// `NotFound` when the file is gone, or whatever the file system says.
    pub fn link(&self, id: &str) -> io::Result<Draft> {
        let draft = self.draft();
        let (from, to) = (self.path(id), self.path(&draft.id));
        let link = || std::fs::hard_link(&from, &to);
        match link() {
            Ok(()) => Ok(draft),
            Err(_) if !from.exists() => Err(io::ErrorKind::NotFound.into()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.with_parent(&to, error, link).map(|()| draft)
            }
            Err(_) => {
                std::fs::copy(&from, &to)?;
                File::open(&to)?.sync_data()?;
                Ok(draft)
            }
        }
    }

    /// Opens the file for reading.
    ///
    /// # Errors
    /// `NotFound` when it has been removed meanwhile.
    pub fn read(&self, id: &str) -> io::Result<File> {
        File::open(self.path(id))
    }

    /// Removes a file; one that is not there is no error.
    pub fn remove(&self, id: &str) {
        let _ = std::fs::remove_file(self.path(id));
    }

    /// Removes what an object or part was made of.
    pub fn remove_pieces(&self, pieces: &[Piece]) {
        for piece in pieces {
            self.remove(&piece.file);
        }
    }

    /// Removes every file that is not in `named`; tells how many there were.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn sweep(&self, named: &HashSet<String>) -> io::Result<usize> {
        let mut removed = 0;
        for shard in std::fs::read_dir(&self.folder)? {
            let shard = shard?.path();
            if !shard.is_dir() {
                continue;
            }
            for file in std::fs::read_dir(&shard)? {
                let file = file?;
                if !file.file_name().to_str().is_some_and(|name| named.contains(name)) {
                    std::fs::remove_file(file.path())?;
                    removed += 1;
                }
            }
        }
        Ok(removed)
    }

    fn draft(&self) -> Draft {
        Draft { id: format!("{:032x}", rand::random::<u128>()), blobs: self.clone(), kept: false }
    }

    fn with_parent<T>(
        &self,
        path: &Path,
        error: io::Error,
        again: impl FnOnce() -> io::Result<T>,
    ) -> io::Result<T> {
        if error.kind() != io::ErrorKind::NotFound {
            return Err(error);
        }
        private::folder(path.parent().unwrap_or(&self.folder))?;
        again()
    }
}
