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

/// Where records of failed events go.
#[async_trait]
pub trait Records: Send + Sync + 'static {
    /// Stores an object.
    ///
    /// # Errors
    /// A sentence: why not.
    async fn put(&self, bucket: &str, key: &str, body: Vec<u8>) -> Result<(), String>;
}

#[async_trait]
impl Records for ObjectStore {
    async fn put(&self, bucket: &str, key: &str, body: Vec<u8>) -> Result<(), String> {
        self.put_bytes(bucket, key, body, BTreeMap::new()).await
    }
}
