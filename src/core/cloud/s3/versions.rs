//! Versions of objects, in buckets that keep them.

use super::S3;
use crate::cloud::error::CloudError;
use crate::cloud::keys::decoded;
use crate::cloud::small;
use aws_sdk_s3::types::EncodingType;

/// A version of an object, or the marker of a deleted one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectVersion {
    /// The object's key.
    pub key: String,
    /// The version's id; the newest when `None`.
    pub id: Option<String>,
}

impl S3<'_> {
    /// Whether a bucket has kept versions of its objects at any time: then deleting an object leaves them.
    ///
    /// # Errors
    /// [`CloudError`]
    pub async fn keeps_versions(&self, bucket: &str) -> Result<bool, CloudError> {
        const ACTION: &str = "s3:GetBucketVersioning";
        self.limits.s3_read.acquire().await;
        let request = self.client(bucket).await.get_bucket_versioning().bucket(bucket);
        Ok(small(ACTION, bucket, request.send()).await?.status().is_some())
    }

    /// Some of the versions of objects in a bucket, and markers of deleted ones, up to 1,000; none when there are no more.
    ///
    /// # Errors
    /// [`CloudError`]
    pub async fn versions_page(&self, bucket: &str) -> Result<Vec<ObjectVersion>, CloudError> {
        const ACTION: &str = "s3:ListBucketVersions";
        self.limits.s3_read.acquire().await;
        let request =
            self.client(bucket).await.list_object_versions().bucket(bucket).encoding_type(EncodingType::Url);
        let output = small(ACTION, bucket, request.send()).await?;
        let encoded = output.encoding_type() == Some(&EncodingType::Url);
        let of = |key: Option<&str>, id: Option<&str>| {
            Some(ObjectVersion { key: decoded(key?, encoded), id: Some(id?.to_owned()) })
        };
        let versions = output.versions().iter().filter_map(|version| of(version.key(), version.version_id()));
        let markers =
            output.delete_markers().iter().filter_map(|marker| of(marker.key(), marker.version_id()));
        Ok(versions.chain(markers).collect())
    }
}
