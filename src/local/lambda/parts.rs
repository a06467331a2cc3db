//! What Lambda needs of its neighbours, as traits, so that each can be tested without the others.

use crate::registry::{ImageError, ImageStore, LocalImage};
use crate::s3::ObjectStore;
use async_trait::async_trait;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Where images come from.
#[async_trait]
pub trait Images: Send + Sync + 'static {
    /// [`ImageStore::resolve`]
    ///
    /// # Errors
    /// [`ImageError`]
    async fn resolve(&self, image_uri: &str) -> Result<LocalImage, ImageError>;
    /// [`ImageStore::rootfs`]
    ///
    /// # Errors
    /// [`ImageError`]
    async fn rootfs(&self, digest: &str) -> Result<PathBuf, ImageError>;
}

#[async_trait]
impl Images for ImageStore {
    async fn resolve(&self, image_uri: &str) -> Result<LocalImage, ImageError> {
        Self::resolve(self, image_uri).await
    }

    async fn rootfs(&self, digest: &str) -> Result<PathBuf, ImageError> {
        Self::rootfs(self, digest).await
    }
}

/// Why a record was not stored.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// The disk is full. AWS knows nothing of the kind.
    #[error("no space is left")]
    NoSpace,
    /// A sentence.
    #[error("{0}")]
    Refused(String),
}

/// Where records of failed events go.
#[async_trait]
pub trait Records: Send + Sync + 'static {
    /// Stores an object.
    ///
    /// # Errors
    /// Why not.
    async fn put(&self, bucket: &str, key: &str, body: Vec<u8>) -> Result<(), RecordError>;
}

#[async_trait]
impl Records for ObjectStore {
    async fn put(&self, bucket: &str, key: &str, body: Vec<u8>) -> Result<(), RecordError> {
        self.put_bytes(bucket, key, body, BTreeMap::new()).await.map_err(|error| {
            if error.is_full() { RecordError::NoSpace } else { RecordError::Refused(error.to_string()) }
        })
    }
}
