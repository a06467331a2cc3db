//! What datasets and runs ask of a store of objects.

use crate::cloud::keys::Tokens;
use crate::cloud::{CloudError, ErrorKind};
use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;

/// The largest object that is read into memory: a part of a manifest or a record is much smaller.
const READ_MAX: usize = 512 << 20;

/// An object to be stored.
#[derive(Clone, Debug, Default)]
pub struct Put {
    /// The bucket it goes to.
    pub bucket: String,
    /// Its whole key.
    pub key: String,
    /// Its bytes.
    pub body: Bytes,
    /// User metadata, names without `x-amz-meta-`.
    pub metadata: Vec<(&'static str, String)>,
    /// Its content type; what the service says of any object when `None`.
    pub kind: Option<&'static str>,
    /// Refuse (with [`ErrorKind::Conflict`]) when it exists.
    pub only_new: bool,
}

/// A part of an object that is uploaded in parts.
#[derive(Clone, Debug)]
pub struct PutPart {
    /// The bucket of the upload.
    pub bucket: String,
    /// The key of the upload.
    pub key: String,
    /// The upload's id.
    pub upload: String,
    /// From 1.
    pub number: i32,
    /// Its bytes.
    pub body: Bytes,
}

/// What a store says of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// Size in bytes.
    pub size: u64,
    /// `ETag` without quotes.
    pub etag: String,
    /// User metadata; names in lower case.
    pub metadata: Vec<(String, String)>,
    /// When it was stored, as the service says.
    pub modified_ms: Option<u64>,
    /// Whether it is encrypted with a key of KMS: then the `ETag` is no checksum.
    pub kms: bool,
}

/// An object in a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its whole key, decoded.
    pub key: String,
    /// Size in bytes.
    pub size: u64,
    /// `ETag` without quotes.
    pub etag: String,
    /// When it was stored.
    pub modified_ms: Option<u64>,
}

/// Which keys to list.
#[derive(Clone, Debug, Default)]
pub struct List {
    /// The bucket that is listed.
    pub bucket: String,
    /// Keys begin with it.
    pub prefix: String,
    /// Only keys after this one.
    pub start_after: Option<String>,
    /// Fold keys with a `/` after the prefix into folders.
    pub folders: bool,
    /// Go on where a page ended.
    pub token: Option<String>,
}

/// A page of a listing.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// Objects by key.
    pub objects: Vec<Listed>,
    /// Folders: prefixes ending with `/`.
    pub folders: Vec<String>,
    /// The next page, when there is one.
    pub next: Option<String>,
}

/// An object that is being read.
pub struct Reading {
    /// Size in bytes.
    pub size: u64,
    /// `ETag` without quotes.
    pub etag: String,
    /// Its bytes.
    pub body: BoxStream<'static, Result<Bytes, CloudError>>,
}

impl std::fmt::Debug for Reading {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reading").field("size", &self.size).finish_non_exhaustive()
    }
}

/// A store of objects. One attempt per call where it is said; callers repeat and pace themselves.
#[async_trait]
pub trait Objects: Send + Sync + 'static {
    /// Stores an object; returns its `ETag`. One attempt.
    async fn put(&self, put: Put) -> Result<String, CloudError>;
    /// Reads an object. `None` when there is none.
    async fn open(&self, bucket: &str, key: &str) -> Result<Option<Reading>, CloudError>;
    /// Asks about an object. `None` when there is none.
    async fn head(&self, bucket: &str, key: &str) -> Result<Option<Head>, CloudError>;
    /// A page of keys, in the order of their bytes.
    async fn list(&self, list: &List) -> Result<Page, CloudError>;
    /// Begins an upload in parts of an object of a content type; returns its id.
    async fn begin_parts(
        &self,
        bucket: &str,
        key: &str,
        metadata: &[(&'static str, String)],
        kind: Option<&'static str>,
    ) -> Result<String, CloudError>;
    /// Sends a part; returns its `ETag`. One attempt.
    async fn put_part(&self, part: PutPart) -> Result<String, CloudError>;
    /// Makes the object of its parts (number and `ETag`, by number).
    async fn finish_parts(
        &self,
        bucket: &str,
        key: &str,
        upload: &str,
        parts: &[(i32, String)],
    ) -> Result<(), CloudError>;
    /// Forgets an upload in parts.
    async fn abort_parts(&self, bucket: &str, key: &str, upload: &str) -> Result<(), CloudError>;
}

/// Reads a whole small object. `None` when there is none.
///
/// # Errors
/// What the store said, or the body broke off.
pub async fn read(store: &dyn Objects, bucket: &str, key: &str) -> Result<Option<Vec<u8>>, CloudError> {
    use futures::TryStreamExt;
    let Some(reading) = store.open(bucket, key).await? else { return Ok(None) };
    let what = format!("{bucket}/{key}");
    let mut body = reading.body;
    let mut all = Vec::new();
    while let Some(chunk) = body.try_next().await? {
        if all.len() + chunk.len() > READ_MAX {
            let message =
                format!("it is larger than {} MiB, and nothing that throng stores is", READ_MAX >> 20);
            return Err(CloudError::new(ErrorKind::Other, "s3:GetObject", &what, message));
        }
        all.extend_from_slice(&chunk);
    }
    Ok(Some(all))
}

/// Calls `each` with every page of a listing until it says `false`.
///
/// # Errors
/// What the store said.
pub async fn each_page(
    store: &dyn Objects,
    mut list: List,
    mut each: impl FnMut(Page) -> bool + Send,
) -> Result<(), CloudError> {
    let mut tokens = Tokens::default();
    loop {
        let mut page = store.list(&list).await?;
        let next = page.next.take();
        if !each(page) {
            return Ok(());
        }
        match next {
            Some(token) => {
                tokens.note(&format!("{}/{}", list.bucket, list.prefix), &token)?;
                list.token = Some(token);
            }
            None => return Ok(()),
        }
    }
}
