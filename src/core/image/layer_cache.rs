//! Keeps layers that were made; remembers the one that a root filesystem became, so that deploying it again does not
//! compress it again.

use super::blob::{BaseLayer, Blob, BlobSource};
use super::digest::Metered;
use super::layer::Layer;
use super::{Cache, ImageError, LAYER};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::fs::File;
use std::io::BufWriter;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use tempfile::NamedTempFile;

/// Raised when the same files would give another layer.
const VERSION: u32 = 2;

#[derive(Serialize, Deserialize)]
struct Note {
    digest: String,
    size: u64,
    diff_id: String,
    uncompressed: u64,
    warnings: Vec<String>,
}

/// The name under which the layer of a root filesystem is remembered. A tar is known by its bytes. A folder is known
/// by what the system says of each file; the change time is among it, which no program can set back.
pub(super) fn key(path: &Path) -> Result<String, ImageError> {
    let hex = if path.is_dir() { folder_key(path)? } else { file_key(path)? };
    Ok(format!("root{VERSION}-{hex}.json"))
}

fn file_key(path: &Path) -> Result<String, ImageError> {
    let fail = |error| ImageError::file("cannot read", path, error);
    let mut reader = Metered::new(File::open(path).map_err(fail)?);
    std::io::copy(&mut reader, &mut std::io::sink()).map_err(fail)?;
    Ok(reader.finish().1.trim_start_matches("sha256:").to_owned())
}

fn folder_key(root: &Path) -> Result<String, ImageError> {
    let mut hash = Sha256::new();
    hash.update([u8::from(nix::unistd::geteuid().is_root())]);
    for entry in walkdir::WalkDir::new(root).min_depth(1).follow_links(false).sort_by_file_name() {
        let seen = entry.and_then(|entry| entry.metadata().map(|found| (entry, found)));
        let (entry, found) = seen.map_err(|error| {
            let path = error.path().unwrap_or(root).to_owned();
            let error = error.into_io_error().unwrap_or_else(|| std::io::Error::other("a loop of links"));
            ImageError::file("cannot read", &path, error)
        })?;
        hash.update(entry.path().strip_prefix(root).unwrap_or(entry.path()).as_os_str().as_bytes());
        for number in [found.dev(), found.ino(), found.size(), found.mode().into(), found.nlink()] {
            hash.update(number.to_le_bytes());
        }
        for number in [found.uid(), found.gid()] {
            hash.update(number.to_le_bytes());
        }
        for time in [found.mtime(), found.mtime_nsec(), found.ctime(), found.ctime_nsec()] {
            hash.update(time.to_le_bytes());
        }
    }
    Ok(hex::encode(hash.finalize()))
}

/// The layer that was remembered, and what was left out of it.
pub(super) fn find(key: &str, cache: &Cache) -> Option<(BaseLayer, Vec<String>)> {
    let Note { digest, size, diff_id, uncompressed, warnings } = cache.note(key)?;
    let path = cache.find(&digest)?;
    if std::fs::metadata(&path).ok()?.len() != size {
        return None;
    }
    let source = BlobSource::File { path, offset: 0 };
    let blob = Blob { digest, size, media_type: LAYER.into(), source };
    Some((BaseLayer { blob, diff_id, uncompressed: Some(uncompressed) }, warnings))
}

/// Moves a finished layer into the cache.
pub(super) fn stored(layer: Layer<BufWriter<NamedTempFile>>, cache: &Cache) -> Result<BaseLayer, ImageError> {
    let Layer { output, digest, size, diff_id, uncompressed } = layer;
    let file = output.into_inner().map_err(|error| ImageError::File {
        what: "cannot write to the image cache".into(),
        error: error.into_error(),
    })?;
    let path = cache.keep(file, &digest)?;
    let source = BlobSource::File { path, offset: 0 };
    let blob = Blob { digest, size, media_type: LAYER.into(), source };
    Ok(BaseLayer { blob, diff_id, uncompressed: Some(uncompressed) })
}

/// Remembers a layer.
pub(super) fn keep(
    key: &str,
    layer: &BaseLayer,
    warnings: &[String],
    cache: &Cache,
) -> Result<(), ImageError> {
    let note = Note {
        digest: layer.blob.digest.clone(),
        size: layer.blob.size,
        diff_id: layer.diff_id.clone(),
        uncompressed: layer.uncompressed.unwrap_or_default(),
        warnings: warnings.to_vec(),
    };
    cache.write_note(key, &note)
}
