//! Uploads in parts.

use super::error::CloudError;
use super::s3::{PutBody, S3, Stored, unquoted};
use aws_sdk_s3::operation::RequestId;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};

/// A part that was stored.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Part {
    /// Number, from 1.
    pub number: i32,
    /// `ETag`, as the cloud gave it.
    pub etag: String,
    /// Size in bytes; 0 when unknown.
    #[serde(default)]
    pub size: u64,
}

impl S3<'_> {
    /// Begins an upload in parts and returns its id.
    ///
    /// # Errors
    /// [`CloudError`]
    pub async fn create_multipart(
        &self,
        bucket: &str,
        key: &str,
        metadata: &[(&str, String)],
    ) -> Result<String, CloudError> {
        self.limits.s3_write.acquire().await;
        let mut request = self.client(bucket).await.create_multipart_upload().bucket(bucket).key(key);
        for (name, value) in metadata {
            request = request.metadata(*name, value);
        }
        let output = request.send().await.map_err(|error| fail(bucket, key, &error))?;
        Ok(output.upload_id().unwrap_or_default().to_owned())
    }

    /// Stores a part.
    ///
    /// # Errors
    /// [`CloudError`]; not found when the upload was ended.
    pub async fn upload_part(
        &self,
        bucket: &str,
        key: &str,
        upload: &str,
        number: i32,
        body: PutBody,
    ) -> Result<Part, CloudError> {
        self.limits.s3_write.acquire().await;
        let body = body.into_stream("s3:PutObject", key).await?;
        let size = body.size_hint().0;
        let output = self
            .client(bucket)
            .await
            .upload_part()
            .bucket(bucket)
            .key(key)
            .upload_id(upload)
            .part_number(number)
            .body(body)
            .send()
            .await
            .map_err(|error| fail(bucket, key, &error))?;
        Ok(Part { number, etag: output.e_tag().unwrap_or_default().to_owned(), size })
    }

    /// Parts that are stored already.
    ///
    /// # Errors
    /// [`CloudError`]; not found when the upload was ended.
    pub async fn list_parts(&self, bucket: &str, key: &str, upload: &str) -> Result<Vec<Part>, CloudError> {
        let mut parts = Vec::new();
        let mut marker = None;
        let mut markers = super::keys::Tokens::default();
        loop {
            self.limits.s3_read.acquire().await;
            let output = self
                .client(bucket)
                .await
                .list_parts()
                .bucket(bucket)
                .key(key)
                .upload_id(upload)
                .set_part_number_marker(marker)
                .send()
                .await
                .map_err(|error| fail(bucket, key, &error))?;
            parts.extend(output.parts().iter().filter_map(|part| {
                Some(Part {
                    number: part.part_number()?,
                    etag: part.e_tag()?.to_owned(),
                    size: part.size().and_then(|size| u64::try_from(size).ok()).unwrap_or_default(),
                })
            }));
            if !output.is_truncated().unwrap_or_default() {
                return Ok(parts);
            }
            marker = output.next_part_number_marker().map(str::to_owned);
            match &marker {
                None => return Ok(parts),
                Some(marker) => markers.note(&format!("{bucket}/{key}"), marker)?,
            }
        }
    }

    /// Makes the parts, in the order of their numbers, one object.
    ///
    /// # Errors
    /// [`CloudError`]
    pub async fn complete_multipart(
        &self,
        bucket: &str,
        key: &str,
        upload: &str,
        mut parts: Vec<Part>,
    ) -> Result<Stored, CloudError> {
        self.limits.s3_write.acquire().await;
        parts.sort_by_key(|part| part.number);
        let parts = parts
            .into_iter()
            .map(|part| CompletedPart::builder().part_number(part.number).e_tag(part.etag).build())
            .collect();
        let output = self
            .client(bucket)
            .await
            .complete_multipart_upload()
            .bucket(bucket)
            .key(key)
            .upload_id(upload)
            .multipart_upload(CompletedMultipartUpload::builder().set_parts(Some(parts)).build())
            .send()
            .await
            .map_err(|error| fail(bucket, key, &error))?;
        Ok(Stored { etag: unquoted(output.e_tag()), request_id: output.request_id().map(str::to_owned) })
    }

    /// Ends an upload and forgets its parts.
    ///
    /// # Errors
    /// [`CloudError`]
    pub async fn abort_multipart(&self, bucket: &str, key: &str, upload: &str) -> Result<(), CloudError> {
        self.limits.s3_write.acquire().await;
        let request =
            self.client(bucket).await.abort_multipart_upload().bucket(bucket).key(key).upload_id(upload);
        request.send().await.map_err(|error| {
            CloudError::from_sdk("s3:AbortMultipartUpload", &format!("{bucket}/{key}"), &error)
        })?;
        Ok(())
    }
}

fn fail<E>(
    bucket: &str,
    key: &str,
    error: &aws_smithy_runtime_api::client::result::SdkError<
        E,
        aws_smithy_runtime_api::client::orchestrator::HttpResponse,
    >,
) -> CloudError
where
    E: aws_smithy_types::error::metadata::ProvideErrorMetadata + std::error::Error + 'static,
{
    CloudError::from_sdk("s3:PutObject", &format!("{bucket}/{key}"), error)
}
