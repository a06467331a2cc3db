//! Objects. Buckets themselves are in `buckets`.

use super::budget::Limits;
use super::error::{CloudError, ErrorKind};
use super::keys::{decoded, fits_xml, going_round};
use super::regional::Regional;
use super::{millis, small};
use crate::model::ObjectInfo;
use aws_sdk_s3::Client;
use aws_sdk_s3::operation::RequestId;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{Delete, EncodingType, ObjectIdentifier, ServerSideEncryption};
use bytes::{Bytes, BytesMut};
use std::collections::HashMap;
use std::path::PathBuf;

/// Most keys that one request deletes.
const DELETE_AT_ONCE: usize = 1000;

/// Buckets and objects of a context.
#[derive(Clone, Copy)]
pub struct S3<'a> {
    pub(super) clients: &'a Regional,
    pub(super) limits: &'a Limits,
    pub(super) region: &'a str,
}

/// What to store.
#[derive(Clone, Debug)]
pub enum PutBody {
    /// Bytes in memory.
    Bytes(Bytes),
    /// A part of a file; all of it when `length` is `None`. It is read again when a try is repeated.
    File {
        /// The file.
        path: PathBuf,
        /// Where to begin.
        offset: u64,
        /// How much.
        length: Option<u64>,
    },
}

impl From<Vec<u8>> for PutBody {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bytes(bytes.into())
    }
}

impl PutBody {
    pub(super) async fn into_stream(
        self,
        action: &'static str,
        what: &str,
    ) -> Result<ByteStream, CloudError> {
        match self {
            Self::Bytes(bytes) => Ok(bytes.into()),
            Self::File { path, offset, length } => {
                let mut reader = ByteStream::read_from().path(&path).offset(offset);
                if let Some(length) = length {
                    reader = reader.length(aws_smithy_types::byte_stream::Length::Exact(length));
                }
                reader.build().await.map_err(|error| {
                    let message = format!("cannot read {}: {error}", path.display());
                    CloudError::new(ErrorKind::Invalid, action, what, message)
                })
            }
        }
    }
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
}

/// An object being read.
#[derive(Debug)]
pub struct GetObject {
    /// What is known of it.
    pub head: ObjectHead,
    /// Its bytes.
    pub body: ObjectBody,
}

/// The bytes of an object, as they arrive.
#[derive(Debug)]
pub struct ObjectBody {
    stream: ByteStream,
    what: String,
}

impl ObjectBody {
    /// The next bytes; `None` at the end.
    ///
    /// # Errors
    /// The connection broke.
    pub async fn next(&mut self) -> Result<Option<Bytes>, CloudError> {
        self.stream.try_next().await.map_err(|error| CloudError::broken(&self.what, &error))
    }

    /// All bytes, at most `limit` of them.
    ///
    /// # Errors
    /// The connection broke.
    pub async fn collect(mut self, limit: usize) -> Result<Bytes, CloudError> {
        let mut all = BytesMut::new();
        while let Some(bytes) = self.next().await? {
            let room = limit.saturating_sub(all.len());
            all.extend_from_slice(&bytes[..bytes.len().min(room)]);
            if bytes.len() >= room {
                break;
            }
        }
        Ok(all.freeze())
    }

    /// As a reader.
    pub fn into_async_read(self) -> impl tokio::io::AsyncBufRead + Send {
        self.stream.into_async_read()
    }
}

/// A page of a list of objects.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ObjectPage {
    /// Folders (when a delimiter was given), then objects, each by key.
    pub items: Vec<ObjectInfo>,
    /// Token for the next page; `None` on the last.
    pub next: Option<String>,
}

/// What to list.
#[derive(Clone, Copy, Debug, Default)]
pub struct ListQuery<'q> {
    /// Only keys that begin so.
    pub prefix: &'q str,
    /// Only keys after this one.
    pub start_after: Option<&'q str>,
    /// Keys that share what is before the next delimiter are one folder.
    pub delimiter: Option<&'q str>,
    /// From the page before.
    pub token: Option<&'q str>,
    /// Items on the page, at most 1,000, which is the default.
    pub max: Option<i32>,
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
        })
    }

    /// A page of objects.
    ///
    /// # Errors
    /// [`CloudError`]
    pub async fn list_page(&self, bucket: &str, query: ListQuery<'_>) -> Result<ObjectPage, CloudError> {
        const ACTION: &str = "s3:ListBucket";
        self.limits.s3_read.acquire().await;
        let request = self
            .client(bucket)
            .await
            .list_objects_v2()
            .bucket(bucket)
            .prefix(query.prefix)
            .set_start_after(query.start_after.map(str::to_owned))
            .set_delimiter(query.delimiter.map(str::to_owned))
            .set_continuation_token(query.token.map(str::to_owned))
            .set_max_keys(query.max)
            .encoding_type(EncodingType::Url);
        let output = small(ACTION, &format!("{bucket}/{}", query.prefix), request.send()).await?;
        let encoded = output.encoding_type() == Some(&EncodingType::Url);
        let folders = output.common_prefixes().iter().filter_map(|folder| {
            let key = decoded(folder.prefix()?, encoded);
            Some(ObjectInfo { key, folder: true, size: 0, modified_ms: None, etag: String::new() })
        });
        let objects = output.contents().iter().filter_map(|object| {
            Some(ObjectInfo {
                key: decoded(object.key()?, encoded),
                folder: false,
                size: u64::try_from(object.size().unwrap_or_default()).unwrap_or_default(),
                modified_ms: object.last_modified().and_then(millis),
                etag: unquoted(object.e_tag()),
            })
        });
        let items = folders.chain(objects).collect();
        let more = output.is_truncated().unwrap_or_default();
        let next = output.next_continuation_token().filter(|_| more).map(str::to_owned);
        if next.is_some() && next.as_deref() == query.token {
            return Err(going_round(&format!("{bucket}/{}", query.prefix)));
        }
        Ok(ObjectPage { items, next })
    }

    /// Deletes objects; what does not exist counts as deleted. Returns the keys that could not be deleted, with
    /// the reasons.
    ///
    /// # Errors
    /// A whole request failed.
    pub async fn delete_many(
        &self,
        bucket: &str,
        keys: &[String],
    ) -> Result<Vec<(String, String)>, CloudError> {
        const ACTION: &str = "s3:DeleteObject";
        let invalid = |error: aws_sdk_s3::error::BuildError| {
            CloudError::new(ErrorKind::Invalid, ACTION, bucket, error.to_string())
        };
        let mut failed = Vec::new();
        let (fit, unfit): (Vec<_>, Vec<_>) = keys.iter().partition(|key| fits_xml(key));
        for key in unfit {
            if let Err(error) = self.delete_one(bucket, key).await {
                failed.push((key.clone(), error.message));
            }
        }
        for chunk in fit.chunks(DELETE_AT_ONCE) {
            self.limits.s3_write.acquire().await;
            let objects = chunk
                .iter()
                .map(|key| ObjectIdentifier::builder().key(*key).build())
                .collect::<Result<Vec<_>, _>>()
                .map_err(invalid)?;
            let delete = Delete::builder().set_objects(Some(objects)).quiet(true).build().map_err(invalid)?;
            let output = self
                .client(bucket)
                .await
                .delete_objects()
                .bucket(bucket)
                .delete(delete)
                .send()
                .await
                .map_err(|error| CloudError::from_sdk(ACTION, bucket, &error))?;
            failed.extend(output.errors().iter().map(|error| {
                let reason = error.message().or(error.code()).unwrap_or("no reason given");
                (error.key().unwrap_or_default().to_owned(), reason.to_owned())
            }));
        }
        Ok(failed)
    }

    /// Deletes one object by its address, which can name every key.
    async fn delete_one(&self, bucket: &str, key: &str) -> Result<(), CloudError> {
        self.limits.s3_write.acquire().await;
        let sent = self.client(bucket).await.delete_object().bucket(bucket).key(key).send().await;
        sent.map(drop)
            .map_err(|error| CloudError::from_sdk("s3:DeleteObject", &format!("{bucket}/{key}"), &error))
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
