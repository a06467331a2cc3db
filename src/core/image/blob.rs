//! What a registry stores, and the layers among it.

use super::{ImageError, Remote};
use bytes::Bytes;
use std::path::PathBuf;

/// Something that a registry stores by digest.
#[derive(Clone, Debug)]
pub struct Blob {
    /// `sha256:…`
    pub digest: String,
    /// How many bytes it has, compressed as it is.
    pub size: u64,
    /// Media type in the manifest.
    pub media_type: String,
    /// Where the bytes are.
    pub source: BlobSource,
}

/// Where a blob's bytes are.
#[derive(Clone, Debug)]
pub enum BlobSource {
    /// In a file, from an offset.
    File {
        /// The file.
        path: PathBuf,
        /// Where the blob begins, in bytes.
        offset: u64,
    },
    /// In memory.
    Bytes(Bytes),
    /// In a registry, by its digest.
    Registry(Remote),
}

/// A layer that Lambda accepts as it is.
#[derive(Clone, Debug)]
pub(super) struct BaseLayer {
    pub blob: Blob,
    /// Digest of the tar within.
    pub diff_id: String,
    /// Bytes of the tar within, when known.
    pub uncompressed: Option<u64>,
}

/// Runs what blocks on a thread of its own.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ImageError> + Send + 'static,
) -> Result<T, ImageError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => Err(ImageError::Content(format!("reading the image was interrupted: {error}"))),
    }
}
