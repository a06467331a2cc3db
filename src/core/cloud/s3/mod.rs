//! Objects. Buckets themselves are in `buckets`.
//!
//! ```text
//! body    the bytes of an object: those to store, and those that arrive
//! delete  deletes objects, many at once
//! list    lists objects, page by page
//! versions  versions of objects, in buckets that keep them
//! ```

use super::budget::Limits;
use super::error::{CloudError, ErrorKind};
use super::millis;
use super::regional::Regional;
use aws_sdk_s3::Client;
use aws_sdk_s3::operation::RequestId;
use aws_sdk_s3::types::ServerSideEncryption;
use bytes::Bytes;
use std::collections::HashMap;

mod body;
mod delete;
mod list;
mod versions;

pub use body::{ObjectBody, PutBody};
pub use list::{ListQuery, ObjectPage};

/// Buckets and objects of a context.
#[derive(Clone, Copy)]
pub struct S3<'a> {
    pub(super) clients: &'a Regional,
    pub(super) limits: &'a Limits,
    pub(super) region: &'a str,
}

/// What the cloud said of a stored object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stored {
    /// `ETag` without quotes.
    pub etag: String,
    /// The request's id: the object's event carries the same.
    pub request_id: Option<String>,
}

/// What is known of an object without its body.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ObjectHead {
    /// Size of the whole object in bytes.
    pub size: u64,
    /// `ETag` without quotes.
    pub etag: String,
    /// When it was last written.
    pub modified_ms: Option<u64>,
    /// Content type, as stored; may be empty.
    pub content_type: String,
    /// User metadata.
    pub metadata: HashMap<String, String>,
    /// Whether it is encrypted with a key of KMS: then the `ETag` is no checksum.
    pub kms: bool,
}

/// An object being read.
#[derive(Debug)]
pub struct GetObject {
    /// What is known of it.
    pub head: ObjectHead,
    /// Its bytes.
    pub body: ObjectBody,
}

impl<'a> S3<'a> {
    pub(super) const fn new(clients: &'a Regional, limits: &'a Limits, region: &'a str) -> Self {
        Self { clients, limits, region }
    }

    /// The client for a bucket, in its region.
    pub(super) async fn client(&self, bucket: &str) -> Client {
        self.clients.of(bucket).await
    }

    /// Stores an object. With `if_none_match`, only if there is none of that key ([`ErrorKind::Conflict`] else).
    ///
    /// # Errors
    /// [`CloudError`]
    pub async fn put_object(
        &self,
        bucket: &str,
        key: &str,
        body: PutBody,
        metadata: &[(&str, String)],
        if_none_match: bool,
    ) -> Result<Stored, CloudError> {
        const ACTION: &str = "s3:PutObject";
        self.limits.s3_write.acquire().await;
        let body = match body {
            PutBody::Bytes(bytes) => bytes.into(),
            file @ PutBody::File { .. } => file.into_stream(ACTION, &format!("{bucket}/{key}")).await?,
        };
        let mut request = self.client(bucket).await.put_object().bucket(bucket).key(key).body(body);
        for (name, value) in metadata {
            request = request.metadata(*name, value);
        }
        if if_none_match {
            request = request.if_none_match("*");
        }
        let output = request
            .send()
            .await
            .map_err(|error| CloudError::from_sdk(ACTION, &format!("{bucket}/{key}"), &error))?;
        Ok(Stored { etag: unquoted(output.e_tag()), request_id: output.request_id().map(str::to_owned) })
    }

    /// Stores an object that is a secret: encrypted where it lies, and kept by no cache.
    ///
    /// # Errors
    /// [`CloudError`]
    pub async fn put_secret(
        &self,
        bucket: &str,
        key: &str,
        body: Bytes,
        metadata: &[(&str, String)],
    ) -> Result<(), CloudError> {
        self.limits.s3_write.acquire().await;
        let mut request = self
            .client(bucket)
            .await
            .put_object()
            .bucket(bucket)
            .key(key)
            .content_type("application/json")
            .cache_control("no-store")
            .server_side_encryption(ServerSideEncryption::Aes256)
            .body(body.into());
        for (name, value) in metadata {
            request = request.metadata(*name, value);
        }
        let sent = request.send().await;
        sent.map(drop)
            .map_err(|error| CloudError::from_sdk("s3:PutObject", &format!("{bucket}/{key}"), &error))
    }

    /// Stores a value as JSON.
    ///
    /// # Errors
    /// [`CloudError`]
    pub async fn put_json<T: serde::Serialize + Sync>(
        &self,
        bucket: &str,
        key: &str,
        value: &T,
        if_none_match: bool,
    ) -> Result<Stored, CloudError> {
        let bytes = serde_json::to_vec(value)
            .map_err(|error| CloudError::new(ErrorKind::Invalid, "s3:PutObject", key, error.to_string()))?;
        self.put_object(bucket, key, bytes.into(), &[], if_none_match).await
    }

    /// Begins to read an object, or the bytes from `range.0` to `range.1` inclusive (`None`: to the end).
    ///
    /// # Errors
    /// [`CloudError`]
    pub async fn get_object(
        &self,
        bucket: &str,
        key: &str,
        range: Option<(u64, Option<u64>)>,
    ) -> Result<GetObject, CloudError> {
        self.limits.s3_read.acquire().await;
        let mut request = self.client(bucket).await.get_object().bucket(bucket).key(key);
        if let Some((from, to)) = range {
            let to = to.map_or_else(String::new, |to| to.to_string());
            request = request.range(format!("bytes={from}-{to}"));
        }
        let output = request
            .send()
            .await
            .map_err(|error| CloudError::from_sdk("s3:GetObject", &format!("{bucket}/{key}"), &error))?;
        let length = u64::try_from(output.content_length().unwrap_or_default()).unwrap_or_default();
        let whole = output.content_range().and_then(|range| range.rsplit('/').next()?.parse().ok());
        let head = ObjectHead {
            size: whole.unwrap_or(length),
            etag: unquoted(output.e_tag()),
            modified_ms: output.last_modified().and_then(millis),
            content_type: output.content_type().unwrap_or_default().to_owned(),
            metadata: output.metadata().cloned().unwrap_or_default(),
            kms: output.server_side_encryption().is_some_and(|kind| kind.as_str().starts_with("aws:kms")),
        };
        Ok(GetObject { head, body: ObjectBody { stream: output.body, what: format!("{bucket}/{key}") } })
    }

    /// The whole body of an object, at most `limit` bytes of it.
    ///
    /// # Errors
    /// [`CloudError`]
    pub async fn get_bytes(&self, bucket: &str, key: &str, limit: usize) -> Result<Bytes, CloudError> {
        self.get_object(bucket, key, None).await?.body.collect(limit).await
    }

    /// An object as JSON.
    ///
    /// # Errors
    /// [`CloudError`]; [`ErrorKind::Invalid`] when it is not the JSON that is expected.
    pub async fn get_json<T: serde::de::DeserializeOwned>(
        &self,
        bucket: &str,
        key: &str,
    ) -> Result<T, CloudError> {
        let bytes = self.get_bytes(bucket, key, 64 << 20).await?;
        serde_json::from_slice(&bytes).map_err(|error| {
            let what = format!("{bucket}/{key}");
            CloudError::new(ErrorKind::Invalid, "s3:GetObject", &what, format!("unexpected content: {error}"))
        })
    }

    /// What is known of an object.
    ///
    /// # Errors
    /// [`CloudError`]
    pub async fn head(&self, bucket: &str, key: &str) -> Result<ObjectHead, CloudError> {
        self.limits.s3_read.acquire().await;
        let output = self
            .client(bucket)
            .await
            .head_object()
            .bucket(bucket)
            .key(key)
            .send()
            .await
            .map_err(|error| CloudError::from_sdk("s3:GetObject", &format!("{bucket}/{key}"), &error))?;
        Ok(ObjectHead {
            size: u64::try_from(output.content_length().unwrap_or_default()).unwrap_or_default(),
            etag: unquoted(output.e_tag()),
            modified_ms: output.last_modified().and_then(millis),
            content_type: output.content_type().unwrap_or_default().to_owned(),
            metadata: output.metadata().cloned().unwrap_or_default(),
            kms: output.server_side_encryption().is_some_and(|kind| kind.as_str().starts_with("aws:kms")),
        })
    }

    /// Copies an object of up to 5 GiB within the cloud.
    ///
    /// # Errors
    /// [`CloudError`]
    pub async fn copy(&self, from: (&str, &str), to: (&str, &str)) -> Result<(), CloudError> {
        self.limits.s3_write.acquire().await;
        let source = format!(
            "{}/{}",
            from.0,
            percent_encoding::utf8_percent_encode(from.1, percent_encoding::NON_ALPHANUMERIC)
        );
        self.client(to.0)
            .await
            .copy_object()
            .copy_source(source)
            .bucket(to.0)
            .key(to.1)
            .send()
            .await
            .map_err(|error| CloudError::from_sdk("s3:PutObject", &format!("{}/{}", to.0, to.1), &error))?;
        Ok(())
    }
}

pub(super) fn unquoted(etag: Option<&str>) -> String {
    etag.unwrap_or_default().trim_matches('"').to_owned()
}
