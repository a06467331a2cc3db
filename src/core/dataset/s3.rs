//! [`Objects`] over the AWS SDK.

use super::objects::{Head, List, Listed, Objects, Page, Put, PutPart, Reading};
use crate::cloud::keys::decoded;
use crate::cloud::{Cloud, CloudError, ErrorKind, Limits, Regional, is_aws, millis, remote};
use async_trait::async_trait;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart, EncodingType};
use aws_smithy_types::byte_stream::ByteStream;
use futures::StreamExt;
use std::sync::Arc;
use throng_contract::ProviderAccess;

/// S3, or what speaks its protocol. Cheap to clone.
#[derive(Clone)]
pub struct S3Objects {
    clients: Regional,
    /// Without retries of its own, so that the uploader sees every refusal and adapts to it.
    once: Regional,
    limits: Arc<Limits>,
}

impl std::fmt::Debug for S3Objects {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("S3Objects").finish_non_exhaustive()
    }
}

impl S3Objects {
    /// The objects of a context.
    #[must_use]
    pub fn of(cloud: &Cloud) -> Self {
        Self::over(cloud.s3_clients().clone(), cloud.limits().clone())
    }

    /// The objects of a storage provider. Nothing is asked yet.
    #[must_use]
    pub fn of_provider(access: &ProviderAccess) -> Self {
        let storage = &access.storage;
        let elsewhere = storage.endpoint.as_deref().is_some_and(|url| !is_aws(url));
        let limits = Limits::of_endpoints(&storage.region, [elsewhere; 3]);
        Self::over(remote::clients(access), Arc::new(limits))
    }

    fn over(clients: Regional, limits: Arc<Limits>) -> Self {
        Self { once: clients.without_retries(), clients, limits }
    }
}

fn what(bucket: &str, key: &str) -> String {
    format!("{bucket}/{key}")
}

fn size(length: Option<i64>) -> u64 {
    length.and_then(|length| u64::try_from(length).ok()).unwrap_or(0)
}

fn etag(quoted: Option<&str>) -> String {
    quoted.unwrap_or_default().trim_matches('"').to_owned()
}

fn found<T>(outcome: Result<T, CloudError>) -> Result<Option<T>, CloudError> {
    match outcome {
        Ok(found) => Ok(Some(found)),
        // A bucket that does not exist is an error; a key that does not exist is an answer.
        Err(error) if error.is_not_found() && error.code.as_deref() != Some("NoSuchBucket") => Ok(None),
        Err(error) => Err(error),
    }
}

#[async_trait]
impl Objects for S3Objects {
    async fn put(&self, put: Put) -> Result<String, CloudError> {
        self.limits.s3_write.acquire().await;
        let mut request = self.once.of(&put.bucket).await.put_object().bucket(&put.bucket).key(&put.key);
        for (name, value) in &put.metadata {
            request = request.metadata(*name, value);
        }
        request = request.set_content_type(put.kind.map(str::to_owned));
        if put.only_new {
            request = request.if_none_match("*");
        }
        let answer =
            request.body(ByteStream::from(put.body)).send().await.map_err(|error| {
                CloudError::from_sdk("s3:PutObject", &what(&put.bucket, &put.key), &error)
            })?;
        Ok(etag(answer.e_tag()))
    }

    async fn open(&self, bucket: &str, key: &str) -> Result<Option<Reading>, CloudError> {
        self.limits.s3_read.acquire().await;
        let name = what(bucket, key);
        let answer = self.clients.of(bucket).await.get_object().bucket(bucket).key(key).send().await;
        let answer = answer.map_err(|error| CloudError::from_sdk("s3:GetObject", &name, &error));
        let Some(answer) = found(answer)? else { return Ok(None) };
        let (size, etag) = (size(answer.content_length()), etag(answer.e_tag()));
        let body = futures::stream::unfold(answer.body, |mut body| async move {
            body.next().await.map(|chunk| (chunk, body))
        });
        let body = body.map(move |chunk| chunk.map_err(|error| CloudError::broken(&name, &error)));
        Ok(Some(Reading { size, etag, body: body.boxed() }))
    }

    async fn head(&self, bucket: &str, key: &str) -> Result<Option<Head>, CloudError> {
        self.limits.s3_read.acquire().await;
        let answer = self.clients.of(bucket).await.head_object().bucket(bucket).key(key).send().await;
        let answer = answer.map_err(|error| CloudError::from_sdk("s3:GetObject", &what(bucket, key), &error));
        let Some(answer) = found(answer)? else { return Ok(None) };
        let metadata = answer.metadata().into_iter().flatten();
        Ok(Some(Head {
            size: size(answer.content_length()),
            etag: etag(answer.e_tag()),
            metadata: metadata.map(|(name, value)| (name.to_ascii_lowercase(), value.clone())).collect(),
            modified_ms: answer.last_modified().and_then(millis),
            kms: answer.server_side_encryption().is_some_and(|kind| kind.as_str().starts_with("aws:kms")),
        }))
    }

    async fn list(&self, list: &List) -> Result<Page, CloudError> {
        self.limits.s3_read.acquire().await;
        let request = self
            .clients
            .of(&list.bucket)
            .await
            .list_objects_v2()
            .bucket(&list.bucket)
            .prefix(&list.prefix)
            .set_start_after(list.start_after.clone())
            .set_delimiter(list.folders.then(|| "/".to_owned()))
            .set_continuation_token(list.token.clone())
            .encoding_type(EncodingType::Url);
        let answer = request.send().await.map_err(|error| {
            CloudError::from_sdk("s3:ListBucket", &what(&list.bucket, &list.prefix), &error)
        })?;
        let next = answer.next_continuation_token().map(str::to_owned);
        let encoded = answer.encoding_type() == Some(&EncodingType::Url);
        let folders = answer.common_prefixes().iter().filter_map(|folder| folder.prefix());
        let listed = |object| listed(&object, encoded);
        Ok(Page {
            folders: folders.map(|prefix| decoded(prefix, encoded)).collect(),
            objects: answer.contents.into_iter().flatten().filter_map(listed).collect(),
            next,
        })
    }

    async fn begin_parts(
        &self,
        bucket: &str,
        key: &str,
        metadata: &[(&'static str, String)],
        kind: Option<&'static str>,
    ) -> Result<String, CloudError> {
        const ACTION: &str = "s3:PutObject";
        let mut request = self.clients.of(bucket).await.create_multipart_upload().bucket(bucket).key(key);
        request = request.set_content_type(kind.map(str::to_owned));
        for (name, value) in metadata {
            request = request.metadata(*name, value);
        }
        let name = what(bucket, key);
        let answer = request.send().await.map_err(|error| CloudError::from_sdk(ACTION, &name, &error))?;
        answer
            .upload_id
            .ok_or_else(|| CloudError::new(ErrorKind::Other, ACTION, &name, "no upload id in the answer"))
    }

    async fn put_part(&self, part: PutPart) -> Result<String, CloudError> {
        self.limits.s3_write.acquire().await;
        let request = self
            .once
            .of(&part.bucket)
            .await
            .upload_part()
            .bucket(&part.bucket)
            .key(&part.key)
            .upload_id(&part.upload)
            .part_number(part.number)
            .body(ByteStream::from(part.body));
        let answer = request
            .send()
            .await
            .map_err(|error| CloudError::from_sdk("s3:PutObject", &what(&part.bucket, &part.key), &error))?;
        Ok(etag(answer.e_tag()))
    }

    async fn finish_parts(
        &self,
        bucket: &str,
        key: &str,
        upload: &str,
        parts: &[(i32, String)],
    ) -> Result<(), CloudError> {
        let parts = parts.iter().map(|(number, etag)| {
            CompletedPart::builder().part_number(*number).e_tag(format!("\"{etag}\"")).build()
        });
        let all = CompletedMultipartUpload::builder().set_parts(Some(parts.collect())).build();
        let request = self
            .clients
            .of(bucket)
            .await
            .complete_multipart_upload()
            .bucket(bucket)
            .key(key)
            .upload_id(upload)
            .multipart_upload(all);
        request
            .send()
            .await
            .map(drop)
            .map_err(|error| CloudError::from_sdk("s3:PutObject", &what(bucket, key), &error))
    }

    async fn abort_parts(&self, bucket: &str, key: &str, upload: &str) -> Result<(), CloudError> {
        let request =
            self.clients.of(bucket).await.abort_multipart_upload().bucket(bucket).key(key).upload_id(upload);
        request
            .send()
            .await
            .map(drop)
            .map_err(|error| CloudError::from_sdk("s3:AbortMultipartUpload", &what(bucket, key), &error))
    }
}

fn listed(object: &aws_sdk_s3::types::Object, encoded: bool) -> Option<Listed> {
    let modified_ms = object.last_modified().and_then(millis);
    let key = decoded(object.key()?, encoded);
    Some(Listed { size: size(object.size()), etag: etag(object.e_tag()), modified_ms, key })
}
