//! Buckets: made in the context's region, shut to the public, tagged.

use super::error::CloudError;
use super::keys::Tokens;
use super::patience::Patience;
use super::s3::S3;
use super::{ErrorKind, SMALL, millis, small, within};
use crate::model::BucketInfo;
use aws_sdk_s3::types::{
    AbortIncompleteMultipartUpload, BucketLifecycleConfiguration, BucketLocationConstraint,
    CreateBucketConfiguration, ExpirationStatus, LifecycleExpiration, LifecycleRule, LifecycleRuleFilter,
    PublicAccessBlockConfiguration, ServerSideEncryptionByDefault, ServerSideEncryptionConfiguration,
    ServerSideEncryptionRule, Tag, Tagging,
};
use std::collections::BTreeMap;
use std::time::Duration;

/// Days after which an upload in parts that was not ended is given up.
const UPLOADS_KEPT_DAYS: i32 = 7;
/// Days for which objects are kept that serve one run.
const BRIEF_DAYS: i32 = 30;
/// A bucket that was made, deleted or changed a moment ago is not the same everywhere at once.
const SETTLES: Patience = Patience {
    longest: Duration::from_secs(30),
    first_pause: Duration::from_millis(250),
    longest_pause: Duration::from_secs(3),
};

/// Whether a bucket may be too new, or is being changed.
fn is_settling(error: &CloudError) -> bool {
    error.is_operation_aborted() || error.code.as_deref() == Some("NoSuchBucket")
}

impl S3<'_> {
    /// All buckets.
    ///
    /// # Errors
    /// [`CloudError`]
    pub async fn list_buckets(&self) -> Result<Vec<BucketInfo>, CloudError> {
        const ACTION: &str = "s3:ListAllMyBuckets";
        let mut buckets = Vec::new();
        let mut token = None;
        let mut tokens = Tokens::default();
        loop {
            self.limits.s3_read.acquire().await;
            let request = self.clients.home().list_buckets().set_continuation_token(token);
            let output = small(ACTION, "", request.send()).await?;
            buckets.extend(output.buckets().iter().filter_map(|bucket| {
                Some(BucketInfo {
                    name: bucket.name()?.to_owned(),
                    created_ms: bucket.creation_date().and_then(millis),
                    triggers: Vec::new(),
                })
            }));
            token = output.continuation_token().filter(|token| !token.is_empty()).map(str::to_owned);
            match &token {
                None => return Ok(buckets),
                Some(token) => tokens.note("", token)?,
            }
        }
    }

    /// Whether a bucket exists and may be used. [`ErrorKind::Denied`] means that somebody else has it.
    ///
    /// # Errors
    /// [`CloudError`]
    pub async fn bucket_exists(&self, bucket: &str) -> Result<bool, CloudError> {
        const ACTION: &str = "s3:ListBucket";
        self.limits.s3_read.acquire().await;
        let call = async {
            let result = self.client(bucket).await.head_bucket().bucket(bucket).send().await;
            result.map_err(|error| CloudError::from_sdk(ACTION, bucket, &error))
        };
        match within(SMALL, ACTION, call).await {
            Ok(_) => Ok(true),
            Err(error) if error.is_not_found() => Ok(false),
            // An answer to HEAD has no words: why it was refused is told to somebody who reads.
            Err(error)
                if error.code.is_none() && matches!(error.kind, ErrorKind::Denied | ErrorKind::Invalid) =>
            {
                let read = async {
                    let request = self.client(bucket).await.list_objects_v2().bucket(bucket).max_keys(1);
                    request.send().await.map_err(|error| CloudError::from_sdk(ACTION, bucket, &error))
                };
                within(SMALL, ACTION, read).await.map(|_| true)
            }
            Err(error) => Err(error),
        }
    }

    /// Makes a bucket in the context's region.
    ///
    /// # Errors
    /// [`ErrorKind::Conflict`] when it exists.
    pub async fn create_bucket(&self, bucket: &str) -> Result<(), CloudError> {
        SETTLES.insist(CloudError::is_operation_aborted, || self.create_once(bucket)).await?;
        self.clients.forget(bucket);
        if let Err(error) = self.keep_tidy(bucket, &[]).await {
            tracing::info!(bucket, %error, "uploads that break off stay in this bucket until they are ended");
        }
        Ok(())
    }

    async fn create_once(&self, bucket: &str) -> Result<(), CloudError> {
        const ACTION: &str = "s3:CreateBucket";
        self.limits.s3_write.acquire().await;
        let mut request = self.clients.home().create_bucket().bucket(bucket);
        if self.region != "us-east-1" {
            let place = CreateBucketConfiguration::builder()
                .location_constraint(BucketLocationConstraint::from(self.region))
                .build();
            request = request.create_bucket_configuration(place);
        }
        small(ACTION, bucket, request.send()).await.map(drop)
    }

    /// Lets the cloud remove uploads in parts that nobody has ended for a week: their parts are paid for, and no list
    /// shows them; and objects below `brief` after a month. What this endpoint does not know or this person may not set is no
    /// reason to be without a bucket.
    ///
    /// # Errors
    /// [`CloudError`]
    pub async fn keep_tidy(&self, bucket: &str, brief: &[&str]) -> Result<(), CloudError> {
        const ACTION: &str = "s3:PutLifecycleConfiguration";
        let invalid = |error: aws_sdk_s3::error::BuildError| {
            CloudError::new(ErrorKind::Invalid, ACTION, bucket, error.to_string())
        };
        let abort =
            AbortIncompleteMultipartUpload::builder().days_after_initiation(UPLOADS_KEPT_DAYS).build();
        let rule = LifecycleRule::builder()
            .id("throng-incomplete-uploads")
            .status(ExpirationStatus::Enabled)
            .filter(LifecycleRuleFilter::builder().prefix("").build())
            .abort_incomplete_multipart_upload(abort)
            .build()
            .map_err(invalid)?;
        let mut rules = BucketLifecycleConfiguration::builder().rules(rule);
        for prefix in brief {
            let expires = LifecycleExpiration::builder().days(BRIEF_DAYS).build();
            let rule = LifecycleRule::builder()
                .id(format!("throng-{}", prefix.trim_end_matches('/')))
                .status(ExpirationStatus::Enabled)
                .filter(LifecycleRuleFilter::builder().prefix(*prefix).build())
                .expiration(expires);
            rules = rules.rules(rule.build().map_err(invalid)?);
        }
        let rules = rules.build().map_err(invalid)?;
        let request =
            self.client(bucket).await.put_bucket_lifecycle_configuration().lifecycle_configuration(rules);
        let put = || async {
            self.limits.s3_write.acquire().await;
            small(ACTION, bucket, request.clone().bucket(bucket).send()).await
        };
        SETTLES.insist(is_settling, put).await.map(drop)
    }

    /// Deletes an empty bucket.
    ///
    /// # Errors
    /// [`ErrorKind::Conflict`] when it is not empty.
    pub async fn delete_bucket(&self, bucket: &str) -> Result<(), CloudError> {
        const ACTION: &str = "s3:DeleteBucket";
        self.limits.s3_write.acquire().await;
        let request = self.client(bucket).await.delete_bucket().bucket(bucket);
        small(ACTION, bucket, request.send()).await?;
        self.clients.forget(bucket);
        Ok(())
    }

    /// The region of a bucket where it is another one than the context's.
    pub async fn foreign_region(&self, bucket: &str) -> Option<String> {
        self.clients.region_of(bucket).await.filter(|region| region != self.region)
    }

    /// Whether a bucket refuses everything public, whatever policies and access lists say.
    ///
    /// # Errors
    /// [`CloudError`]
    pub async fn is_shut(&self, bucket: &str) -> Result<bool, CloudError> {
        const ACTION: &str = "s3:GetBucketPublicAccessBlock";
        self.limits.s3_read.acquire().await;
        let request = self.client(bucket).await.get_public_access_block().bucket(bucket);
        match small(ACTION, bucket, request.send()).await {
            Ok(output) => Ok(output.public_access_block_configuration().is_some_and(|all| {
                [
                    all.block_public_acls(),
                    all.ignore_public_acls(),
                    all.block_public_policy(),
                    all.restrict_public_buckets(),
                ]
                .into_iter()
                .all(|set| set == Some(true))
            })),
            Err(error) if error.code.as_deref() == Some("NoSuchPublicAccessBlockConfiguration") => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Makes a bucket refuse everything public.
    ///
    /// # Errors
    /// [`CloudError`]
    pub async fn shut(&self, bucket: &str) -> Result<(), CloudError> {
        const ACTION: &str = "s3:PutBucketPublicAccessBlock";
        let all = PublicAccessBlockConfiguration::builder()
            .block_public_acls(true)
            .ignore_public_acls(true)
            .block_public_policy(true)
            .restrict_public_buckets(true)
            .build();
        let request =
            self.client(bucket).await.put_public_access_block().public_access_block_configuration(all);
        let put = || async {
            self.limits.s3_write.acquire().await;
            small(ACTION, bucket, request.clone().bucket(bucket).send()).await
        };
        SETTLES.insist(is_settling, put).await.map(drop)
    }

    /// The tags of a bucket.
    ///
    /// # Errors
    /// [`CloudError`]
    pub async fn bucket_tags(&self, bucket: &str) -> Result<BTreeMap<String, String>, CloudError> {
        const ACTION: &str = "s3:GetBucketTagging";
        self.limits.s3_read.acquire().await;
        let request = self.client(bucket).await.get_bucket_tagging().bucket(bucket);
        match small(ACTION, bucket, request.send()).await {
            Ok(output) => {
                Ok(output.tag_set().iter().map(|tag| (tag.key().into(), tag.value().into())).collect())
            }
            Err(error) if error.code.as_deref() == Some("NoSuchTagSet") => Ok(BTreeMap::new()),
            Err(error) => Err(error),
        }
    }

    /// Sets the tags of a bucket; there are no others afterwards.
    ///
    /// # Errors
    /// [`CloudError`]
    pub async fn tag_bucket(&self, bucket: &str, tags: &BTreeMap<String, String>) -> Result<(), CloudError> {
        const ACTION: &str = "s3:PutBucketTagging";
        let invalid = |error: aws_sdk_s3::error::BuildError| {
            CloudError::new(ErrorKind::Invalid, ACTION, bucket, error.to_string())
        };
        let tag = |(key, value): (&String, &String)| Tag::builder().key(key).value(value).build();
        let tags = tags.iter().map(tag).collect::<Result<Vec<_>, _>>().map_err(invalid)?;
        let tagging = Tagging::builder().set_tag_set(Some(tags)).build().map_err(invalid)?;
        let request = self.client(bucket).await.put_bucket_tagging().tagging(tagging);
        let put = || async {
            self.limits.s3_write.acquire().await;
            small(ACTION, bucket, request.clone().bucket(bucket).send()).await
        };
        SETTLES.insist(is_settling, put).await.map(drop)
    }

    /// The key of AWS KMS that objects of a bucket are encrypted with, when it is not AWS's own for everybody in the account;
    /// its ARN, or its id alone.
    ///
    /// # Errors
    /// [`CloudError`]
    pub async fn encryption_key(&self, bucket: &str) -> Result<Option<String>, CloudError> {
        const ACTION: &str = "s3:GetEncryptionConfiguration";
        self.limits.s3_read.acquire().await;
        let request = self.client(bucket).await.get_bucket_encryption().bucket(bucket);
        let output = match small(ACTION, bucket, request.send()).await {
            Ok(output) => output,
            Err(error) if error.code.as_deref() == Some("ServerSideEncryptionConfigurationNotFoundError") => {
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        let rules =
            output.server_side_encryption_configuration().map(ServerSideEncryptionConfiguration::rules);
        let mut defaults = rules
            .into_iter()
            .flatten()
            .filter_map(ServerSideEncryptionRule::apply_server_side_encryption_by_default);
        let key = defaults.find_map(ServerSideEncryptionByDefault::kms_master_key_id);
        Ok(key.filter(|key| !key.is_empty() && !key.ends_with("alias/aws/s3")).map(str::to_owned))
    }
}
