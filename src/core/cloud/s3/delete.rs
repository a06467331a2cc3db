//! Deletes objects, many at once.

use super::S3;
use super::versions::ObjectVersion;
use crate::cloud::error::{CloudError, ErrorKind};
use crate::cloud::keys::fits_xml;
use aws_sdk_s3::types::{Delete, ObjectIdentifier};

/// Most keys that one request deletes.
const DELETE_AT_ONCE: usize = 1000;
const ACTION: &str = "s3:DeleteObject";

impl S3<'_> {
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
        let newest = |key: &String| ObjectVersion { key: key.clone(), id: None };
        self.delete_versions(bucket, &keys.iter().map(newest).collect::<Vec<_>>()).await
    }

    /// Deletes versions of objects, and markers of deleted ones, for good. Returns the keys that could not be deleted, with the
    /// reasons.
    ///
    /// # Errors
    /// A whole request failed.
    pub async fn delete_versions(
        &self,
        bucket: &str,
        versions: &[ObjectVersion],
    ) -> Result<Vec<(String, String)>, CloudError> {
        let mut failed = Vec::new();
        let (fit, unfit): (Vec<_>, Vec<_>) = versions.iter().partition(|version| fits_xml(&version.key));
        for version in unfit {
            if let Err(error) = self.delete_one(bucket, version).await {
                failed.push((version.key.clone(), error.message));
            }
        }
        for chunk in fit.chunks(DELETE_AT_ONCE) {
            failed.extend(self.delete_chunk(bucket, chunk).await?);
        }
        Ok(failed)
    }

    async fn delete_chunk(
        &self,
        bucket: &str,
        chunk: &[&ObjectVersion],
    ) -> Result<Vec<(String, String)>, CloudError> {
        let invalid = |error: aws_sdk_s3::error::BuildError| {
            CloudError::new(ErrorKind::Invalid, ACTION, bucket, error.to_string())
        };
        self.limits.s3_write.acquire().await;
        let named = |version: &&ObjectVersion| {
            ObjectIdentifier::builder().key(&version.key).set_version_id(version.id.clone()).build()
        };
        let objects = chunk.iter().map(named).collect::<Result<Vec<_>, _>>().map_err(invalid)?;
        let delete = Delete::builder().set_objects(Some(objects)).quiet(true).build().map_err(invalid)?;
        let request = self.client(bucket).await.delete_objects().bucket(bucket).delete(delete);
        let output = request.send().await.map_err(|error| CloudError::from_sdk(ACTION, bucket, &error))?;
        let told = |error: &aws_sdk_s3::types::Error| {
            let reason = error.message().or(error.code()).unwrap_or("no reason given");
            (error.key().unwrap_or_default().to_owned(), reason.to_owned())
        };
        Ok(output.errors().iter().map(told).collect())
    }

    /// Deletes one object by its address, which can name every key.
    async fn delete_one(&self, bucket: &str, version: &ObjectVersion) -> Result<(), CloudError> {
        self.limits.s3_write.acquire().await;
        let ObjectVersion { key, id } = version;
        let request = self.client(bucket).await.delete_object().bucket(bucket).key(key);
        let sent = request.set_version_id(id.clone()).send().await;
        sent.map(drop).map_err(|error| CloudError::from_sdk(ACTION, &format!("{bucket}/{key}"), &error))
    }
}
