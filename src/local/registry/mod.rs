//! The image store: an OCI distribution API over content-addressed blobs, and root filesystems unpacked once.
//!
//! ```text
//! blobs/sha256/<hex>                  manifests, configurations, layers: each once, whoever uses it
//! repositories/<name>/_tags/<tag>     a digest
//! repositories/<name>/_manifests/<hex>  its media type
//! uploads/<id>                        blobs on their way
//! layers/<hex>                        a layer, unpacked
//! roots/<hex>                         a chain of layers as one root, made of links into them
//! ```
//!
//! Whatever has its final name is whole: it was made under another and renamed.
//!
//! ```text
//! content    blobs, tags and manifests on the disk
//! fuzzing    readers of outside input, for the fuzz targets
//! http_api   the distribution API, for push and pull by any client
//! manifest   what Lambda checks of an image before it accepts it
//! names      names of repositories, tags, digests and images
//! rootfs     root filesystems out of unpacked layers, by hard links
//! roots      layers unpacked once, and roots made of them once
//! sweep      removes what no image needs any more
//! unpack     one layer into a folder; the archive is hostile
//! ```

mod content;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod http_api;
mod manifest;
mod names;
mod rootfs;
mod roots;
mod sweep;
mod unpack;

pub use http_api::Registry;

use content::Content;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// An image of the store, checked as Lambda checks.
#[derive(Clone, Debug)]
pub struct LocalImage {
    /// `sha256:…` of its manifest.
    pub digest: String,
    /// `x86_64` or `arm64`, in Lambda's words.
    pub architecture: String,
    /// What the image executes (ENTRYPOINT).
    pub entrypoint: Vec<String>,
    /// The arguments of that, or what it executes (CMD).
    pub cmd: Vec<String>,
    /// ENV, as `NAME=value`.
    pub env: Vec<String>,
    /// WORKDIR; may be empty.
    pub workdir: String,
    /// Sum of all layers as they are stored, in bytes.
    pub size: u64,
}

/// Why there is no such image.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// No such repository, tag or digest. In AWS's words.
    #[error("{0}")]
    NotFound(String),
    /// Lambda would reject it when a function is created: `InvalidParameterValueException`.
    #[error("{0}")]
    Rejected(String),
    /// Lambda would accept it and then fail to make the function active: `StateReasonCode` and reason.
    #[error("{code}: {reason}")]
    Invalid {
        /// `InvalidImage` …
        code: String,
        /// In AWS's words.
        reason: String,
    },
    /// Reading or writing failed.
    #[error("image store: {0}")]
    Store(String),
}

impl From<std::io::Error> for ImageError {
    fn from(error: std::io::Error) -> Self {
        Self::Store(error.to_string())
    }
}

/// The store. Cheap to clone.
#[derive(Clone, Debug)]
pub struct ImageStore {
    content: Arc<Content>,
    /// Held while roots are made (shared) and while what nobody needs is removed (alone).
    sweeping: Arc<tokio::sync::RwLock<()>>,
    /// One root after the other: two functions of one image want the same.
    making: Arc<tokio::sync::Mutex<()>>,
}

impl ImageStore {
    /// Opens or creates the store in `folder`.
    ///
    /// # Errors
    /// When the folder cannot be made.
    pub fn open(folder: &Path) -> Result<Self, ImageError> {
        let content = Arc::new(Content::open(folder)?);
        Ok(Self { content, sweeping: Arc::default(), making: Arc::default() })
    }

    /// Finds and checks the image that `image_uri` (`host:port/repository[:tag][@digest]`) names. What can only be
    /// seen in the layers is checked by [`ImageStore::rootfs`].
    ///
    /// # Errors
    /// [`ImageError`]
    pub async fn resolve(&self, image_uri: &str) -> Result<LocalImage, ImageError> {
        let (content, uri) = (Arc::clone(&self.content), image_uri.to_owned());
        blocking(move || {
            let not_found = || {
                ImageError::NotFound(format!(
                    "Source image {uri} does not exist. Provide a valid source image."
                ))
            };
            let wanted = names::ImageUri::parse(&uri).ok_or_else(|| {
                ImageError::Rejected(format!(
                    "Source image {uri} is not valid. Provide a valid source image uri."
                ))
            })?;
            let digest = content.find(&wanted.repository, &wanted.reference).ok_or_else(not_found)?;
            let manifest = content.manifest(&digest)?.ok_or_else(not_found)?;
            let config = manifest.check(&uri)?;
            let config = content.read(&config.digest)?.ok_or_else(not_found)?;
            if manifest.layers.iter().any(|layer| content.blob(&layer.digest).is_none()) {
                return Err(not_found());
            }
            let size = manifest.layers.iter().map(|layer| layer.size).sum();
            manifest::image(&uri, &digest, size, &config)
        })
        .await
    }

    /// The unpacked root filesystem for an image, made when it is not there yet. It stays until the image is gone
    /// and [`ImageStore::sweep`] runs.
    ///
    /// # Errors
    /// [`ImageError`]
    pub async fn rootfs(&self, digest: &str) -> Result<PathBuf, ImageError> {
        let _no_sweep = self.sweeping.read().await;
        let manifest = self
            .content
            .manifest(digest)?
            .ok_or_else(|| ImageError::NotFound(format!("Source image {digest} does not exist.")))?;
        let layers: Vec<String> = manifest.layers.iter().map(|layer| layer.digest.clone()).collect();
        if let Some(root) = roots::existing(&self.content, &layers) {
            return Ok(root);
        }
        let _one = self.making.lock().await;
        let content = Arc::clone(&self.content);
        blocking(move || roots::make(&content, &layers)).await
    }

    /// Removes every tag and manifest that a repository has of this digest. What only it needed goes with the next
    /// [`ImageStore::sweep`]. Answers whether there was one.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn remove(&self, repository: &str, digest: &str) -> Result<bool, ImageError> {
        let (content, repository, digest) =
            (Arc::clone(&self.content), repository.to_owned(), digest.to_owned());
        blocking(move || Ok(content.remove_manifest(&repository, &digest)?)).await
    }

    /// Removes blobs, layers and roots that no image needs. `in_use` are digests of manifests whose roots must stay,
    /// those of functions, even when their image was removed.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn sweep(&self, in_use: &[String]) -> Result<u64, ImageError> {
        let _alone = self.sweeping.write().await;
        let (content, in_use) = (Arc::clone(&self.content), in_use.to_vec());
        blocking(move || Ok(sweep::sweep(&content, &in_use, sweep::GRACE)?)).await
    }

    /// The registry over this store.
    #[must_use]
    pub fn registry(&self) -> Registry {
        Registry::new(Arc::clone(&self.content))
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ImageError> + Send + 'static,
) -> Result<T, ImageError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(outcome) => outcome,
        Err(error) => Err(ImageError::Store(error.to_string())),
    }
}

#[cfg(test)]
mod tests;
