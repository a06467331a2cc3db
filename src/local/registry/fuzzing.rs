//! Readers of outside input that are private otherwise, for the fuzz targets.

use super::manifest::{self, Manifest};
use super::names::{ImageUri, Reference, is_repository};
use super::unpack::UnpackError;
use super::{LocalImage, unpack};
use std::path::Path;

/// Unpacks a layer's tar into a folder, with at most `budget` bytes of files; says how many there were.
///
/// # Errors
/// What no layer may have, in a sentence.
pub fn unpacked(tar: &[u8], to: &Path, budget: u64) -> Result<u64, String> {
    let outcome = unpack::unpack(tar, to, budget, &|_| None);
    outcome.map(|unpacked| unpacked.bytes).map_err(|error: UnpackError| error.to_string())
}

/// The repository and the tag or digest of an image's name.
pub fn image_name(uri: &str) -> Option<(String, String)> {
    let uri = ImageUri::parse(uri)?;
    let (Reference::Tag(text) | Reference::Digest(text)) = uri.reference;
    Some((uri.repository, text))
}

/// Whether it is a repository's name, and so a harmless path.
pub fn repository(name: &str) -> bool {
    is_repository(name)
}

/// Checks a manifest and a configuration as Lambda does.
pub fn image(manifest: &[u8], config: &[u8]) -> Option<LocalImage> {
    let read: Manifest = serde_json::from_slice(manifest).ok()?;
    let _ = (read.blobs().count(), read.children().count());
    let part = read.check("uri").ok()?;
    manifest::image("uri", &part.digest, part.size, config).ok()
}
