//! Blobs, tags and manifests on the disk.

use super::manifest::Manifest;
use super::names::{Reference, hex_of};
use crate::private;
use sha2::{Digest, Sha256};
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// The content of the store.
#[derive(Debug)]
pub struct Content {
    folder: PathBuf,
}

impl Content {
    /// Opens or creates it. Nobody else on this machine may look into it: images may hold secrets, and programs
    /// of strangers.
    pub fn open(folder: &Path) -> io::Result<Self> {
        for part in ["blobs/sha256", "repositories", "uploads", "layers", "roots"] {
            private::folder(&folder.join(part))?;
        }
        private::close(folder)?;
        let folder = folder.canonicalize()?;
        // What a daemon that was killed has left half done.
        for part in ["layers", "roots"] {
            for entry in fs::read_dir(folder.join(part))?.flatten() {
                if entry.file_name().to_string_lossy().starts_with('.') {
                    let _ = fs::remove_dir_all(entry.path());
                }
            }
        }
        Ok(Self { folder })
    }

    /// A part of the store.
    pub fn folder(&self, part: &str) -> PathBuf {
        self.folder.join(part)
    }

    fn blob_path(&self, digest: &str) -> Option<PathBuf> {
        Some(self.folder.join("blobs/sha256").join(hex_of(digest)?))
    }

    /// Where a blob is, and its size.
    pub fn blob(&self, digest: &str) -> Option<(PathBuf, u64)> {
        let path = self.blob_path(digest)?;
        let size = fs::metadata(&path).ok()?.len();
        Some((path, size))
    }

    /// Keeps a blob that nobody names yet from being swept for a while longer.
    pub fn touch(&self, digest: &str) {
        if let Some((path, _)) = self.blob(digest)
            && let Ok(file) = File::options().append(true).open(path)
        {
            let _ = file.set_modified(SystemTime::now());
        }
    }

    /// A whole blob; for manifests and configurations.
    pub fn read(&self, digest: &str) -> io::Result<Option<Vec<u8>>> {
        let Some(path) = self.blob_path(digest) else { return Ok(None) };
        match fs::read(path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The manifest with this digest.
    pub fn manifest(&self, digest: &str) -> io::Result<Option<Manifest>> {
        let Some(bytes) = self.read(digest)? else { return Ok(None) };
        serde_json::from_slice(&bytes)
            .map(Some)
            .map_err(|error| io::Error::other(format!("manifest {digest}: {error}")))
    }

    /// Makes the file `from`, whose content has this digest, a blob.
    pub fn adopt(&self, from: &Path, digest: &str) -> io::Result<()> {
        let to = self.blob_path(digest).ok_or_else(|| io::Error::other("no digest"))?;
        fs::rename(from, to)
    }

    /// Stores a small blob; answers its digest.
    pub fn store(&self, bytes: &[u8]) -> io::Result<String> {
        let digest = format!("sha256:{}", hex::encode(Sha256::digest(bytes)));
        if self.blob(&digest).is_some() {
            self.touch(&digest);
        } else {
            let temporary = self.temporary();
            write_synced(&temporary, bytes)?;
            self.adopt(&temporary, &digest)?;
        }
        Ok(digest)
    }

    /// A name for an upload, or for a file before its own.
    pub fn temporary(&self) -> PathBuf {
        self.folder.join("uploads").join(uuid::Uuid::new_v4().to_string())
    }

    /// The file of an upload.
    pub fn upload(&self, id: &str) -> Option<PathBuf> {
        let id = uuid::Uuid::parse_str(id).ok()?;
        let path = self.folder.join("uploads").join(id.to_string());
        path.is_file().then_some(path)
    }

    /// The folder of a repository; `name` must have been checked.
    pub fn repository(&self, name: &str) -> PathBuf {
        self.folder.join("repositories").join(name)
    }

    /// The digest of what a repository has under a tag or digest.
    pub fn find(&self, repository: &str, reference: &Reference) -> Option<String> {
        let folder = self.repository(repository);
        let digest = match reference {
            Reference::Tag(tag) => fs::read_to_string(folder.join("_tags").join(tag)).ok()?,
            Reference::Digest(digest) => digest.clone(),
        };
        let known = folder.join("_manifests").join(hex_of(&digest)?);
        known.is_file().then_some(digest)
    }

    /// The media type that a manifest was pushed with.
    pub fn media_type(&self, repository: &str, digest: &str) -> Option<String> {
        fs::read_to_string(self.repository(repository).join("_manifests").join(hex_of(digest)?)).ok()
    }

    /// Gives a repository a manifest, under a tag if there is one.
    pub fn put_manifest(
        &self,
        repository: &str,
        reference: &Reference,
        digest: &str,
        kind: &str,
    ) -> io::Result<()> {
        let hex = hex_of(digest).ok_or_else(|| io::Error::other("no digest"))?;
        let folder = self.repository(repository);
        for part in ["_manifests", "_tags"] {
            private::folder(&folder.join(part))?;
        }
        self.replace(&folder.join("_manifests").join(hex), kind)?;
        match reference {
            Reference::Tag(tag) => self.replace(&folder.join("_tags").join(tag), digest),
            Reference::Digest(_) => Ok(()),
        }
    }

    fn replace(&self, path: &Path, text: &str) -> io::Result<()> {
        let temporary = self.temporary();
        write_synced(&temporary, text.as_bytes())?;
        fs::rename(temporary, path)
    }

    /// Tags of a repository in order, or `None` when there is no such repository.
    pub fn tags(&self, repository: &str) -> Option<Vec<String>> {
        let folder = self.repository(repository).join("_tags");
        let mut tags: Vec<String> = fs::read_dir(folder)
            .ok()?
            .flatten()
            .filter_map(|entry| entry.file_name().into_string().ok())
            .collect();
        tags.sort_unstable();
        Some(tags)
    }

    /// Removes a tag. Answers whether it was there.
    pub fn remove_tag(&self, repository: &str, tag: &str) -> io::Result<bool> {
        gone(fs::remove_file(self.repository(repository).join("_tags").join(tag)))
    }

    /// Removes a manifest from a repository with all its tags, and a repository that has nothing left.
    pub fn remove_manifest(&self, repository: &str, digest: &str) -> io::Result<bool> {
        let Some(hex) = hex_of(digest) else { return Ok(false) };
        let folder = self.repository(repository);
        for tag in self.tags(repository).unwrap_or_default() {
            let path = folder.join("_tags").join(&tag);
            if fs::read_to_string(&path).is_ok_and(|named| named == digest) {
                gone(fs::remove_file(path))?;
            }
        }
        let was = gone(fs::remove_file(folder.join("_manifests").join(hex)))?;
        // Only when empty.
        for part in ["_tags", "_manifests", ""] {
            let _ = fs::remove_dir(folder.join(part));
        }
        Ok(was)
    }

    /// Names of all repositories that have something, in order.
    pub fn repositories(&self) -> Vec<String> {
        let mut found = Vec::new();
        find_repositories(&self.folder.join("repositories"), "", &mut found);
        found.sort_unstable();
        found
    }

    /// Digests of the manifests of a repository.
    pub fn manifests(&self, repository: &str) -> Vec<String> {
        let entries =
            fs::read_dir(self.repository(repository).join("_manifests")).into_iter().flatten().flatten();
        entries.map(|entry| format!("sha256:{}", entry.file_name().to_string_lossy())).collect()
    }
}

fn find_repositories(folder: &Path, name: &str, found: &mut Vec<String>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let Ok(part) = entry.file_name().into_string() else { continue };
        if part == "_manifests" {
            found.push(name.to_owned());
        } else if !part.starts_with('_') {
            let inner = if name.is_empty() { part } else { format!("{name}/{part}") };
            find_repositories(&entry.path(), &inner, found);
        }
    }
}

fn gone(outcome: io::Result<()>) -> io::Result<bool> {
    match outcome {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

fn write_synced(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = private::options().write(true).create_new(true).open(path)?;
    file.write_all(bytes)?;
    file.sync_data()
}
