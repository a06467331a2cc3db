//! The S3 protocol over the store.
//!
//! ```text
//! convert        between the protocol's types and the store's
//! copy           CopyObject
//! lifecycle      lifecycle configurations between the protocol and the store
//! listing        ListObjects and ListObjectsV2
//! notification   notification configurations between the protocol and the store
//! objects        put, get, head and delete of objects
//! documents      checksums of requests whose body is a document
//! strict         what a request may say; the rest is refused
//! rights         who asks, and what each operation needs to be allowed
//! settings       tags, and settings of buckets that clients read or write though they change nothing here
//! uploads        uploads in parts
//! ```

mod convert;
mod copy;
mod documents;
mod lifecycle;
mod listing;
mod notification;
mod objects;
mod rights;
mod settings;
mod strict;
#[cfg(test)]
mod tests;
mod uploads;

pub use documents::checked;

use super::ObjectStore;
use crate::access::Access;
use crate::protocol::RequestIds;
use convert::{ms_to_timestamp, owner};
use rights::{Limited, limited};
use s3s::dto::{
    AbortMultipartUploadInput, AbortMultipartUploadOutput, Bucket, CompleteMultipartUploadInput,
    CompleteMultipartUploadOutput, CopyObjectInput, CopyObjectOutput, CreateBucketInput, CreateBucketOutput,
    CreateMultipartUploadInput, CreateMultipartUploadOutput, DeleteBucketInput, DeleteBucketLifecycleInput,
    DeleteBucketLifecycleOutput, DeleteBucketOutput, DeleteBucketTaggingInput, DeleteBucketTaggingOutput,
    DeleteObjectInput, DeleteObjectOutput, DeleteObjectTaggingInput, DeleteObjectTaggingOutput,
    DeleteObjectsInput, DeleteObjectsOutput, DeletePublicAccessBlockInput, DeletePublicAccessBlockOutput,
    GetBucketAclInput, GetBucketAclOutput, GetBucketCorsInput, GetBucketCorsOutput, GetBucketEncryptionInput,
    GetBucketEncryptionOutput, GetBucketLifecycleConfigurationInput, GetBucketLifecycleConfigurationOutput,
    GetBucketLocationInput, GetBucketLocationOutput, GetBucketNotificationConfigurationInput,
    GetBucketNotificationConfigurationOutput, GetBucketOwnershipControlsInput,
    GetBucketOwnershipControlsOutput, GetBucketPolicyInput, GetBucketPolicyOutput, GetBucketTaggingInput,
    GetBucketTaggingOutput, GetBucketVersioningInput, GetBucketVersioningOutput, GetBucketWebsiteInput,
    GetBucketWebsiteOutput, GetObjectAclInput, GetObjectAclOutput, GetObjectAttributesInput,
    GetObjectAttributesOutput, GetObjectInput, GetObjectOutput, GetObjectTaggingInput,
    GetObjectTaggingOutput, GetPublicAccessBlockInput, GetPublicAccessBlockOutput, HeadBucketInput,
    HeadBucketOutput, HeadObjectInput, HeadObjectOutput, ListBucketsInput, ListBucketsOutput,
    ListMultipartUploadsInput, ListMultipartUploadsOutput, ListObjectVersionsInput, ListObjectVersionsOutput,
    ListObjectsInput, ListObjectsOutput, ListObjectsV2Input, ListObjectsV2Output, ListPartsInput,
    ListPartsOutput, PutBucketLifecycleConfigurationInput, PutBucketLifecycleConfigurationOutput,
    PutBucketNotificationConfigurationInput, PutBucketNotificationConfigurationOutput,
    PutBucketOwnershipControlsInput, PutBucketOwnershipControlsOutput, PutBucketTaggingInput,
    PutBucketTaggingOutput, PutBucketVersioningInput, PutBucketVersioningOutput, PutObjectInput,
    PutObjectOutput, PutObjectTaggingInput, PutObjectTaggingOutput, PutPublicAccessBlockInput,
    PutPublicAccessBlockOutput, UploadPartCopyInput, UploadPartCopyOutput, UploadPartInput, UploadPartOutput,
};
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s::{S3, S3Error, S3ErrorCode, S3Request, S3Response, S3Result};
use std::sync::Arc;
use throng_contract::local::REGION;

/// The S3 protocol, for those whom `access` knows. [`RequestIds`] are taken from the request's extensions.
#[must_use]
pub fn service(store: ObjectStore, access: Arc<Access>) -> S3Service {
    let mut builder = S3ServiceBuilder::new(Wire { store });
    builder.set_auth(rights::Auth(access.clone()));
    builder.set_access(rights::Rights(access));
    builder.build()
}

/// Most buckets of a page of the list.
const BUCKETS_PAGE: i32 = 10_000;

struct Wire {
    store: ObjectStore,
}

fn ids<T>(request: &S3Request<T>) -> RequestIds {
    request.extensions.get::<RequestIds>().cloned().unwrap_or_else(RequestIds::random)
}

/// Who may not list a bucket does not learn that an object is not there.
fn hidden<T>(limited: Option<&Limited>, bucket: &str, outcome: S3Answer<T>) -> S3Answer<T> {
    match (limited, &outcome) {
        (Some(limited), Err(error)) if *error.code() == S3ErrorCode::NoSuchKey => {
            limited.may_list(bucket)?;
            outcome
        }
        _ => outcome,
    }
}

type S3Answer<T> = S3Result<S3Response<T>>;

#[async_trait::async_trait]
impl S3 for Wire {
    async fn create_bucket(&self, req: S3Request<CreateBucketInput>) -> S3Answer<CreateBucketOutput> {
        self.store.create_bucket(&req.input.bucket).await?;
        let location = Some(format!("/{}", req.input.bucket));
        Ok(S3Response::new(CreateBucketOutput { location }))
    }

    async fn delete_bucket(&self, req: S3Request<DeleteBucketInput>) -> S3Answer<DeleteBucketOutput> {
        self.store.delete_bucket(&req.input.bucket).await?;
        Ok(S3Response::with_status(DeleteBucketOutput::default(), http::StatusCode::NO_CONTENT))
    }

    async fn head_bucket(&self, req: S3Request<HeadBucketInput>) -> S3Answer<HeadBucketOutput> {
        self.store.bucket(&req.input.bucket)?;
        let bucket_region = Some(REGION.to_owned());
        Ok(S3Response::new(HeadBucketOutput { bucket_region, ..Default::default() }))
    }

    async fn get_bucket_location(
        &self,
        req: S3Request<GetBucketLocationInput>,
    ) -> S3Answer<GetBucketLocationOutput> {
        self.store.bucket(&req.input.bucket)?;
        // An empty constraint is us-east-1.
        Ok(S3Response::new(GetBucketLocationOutput::default()))
    }

    async fn list_buckets(&self, req: S3Request<ListBucketsInput>) -> S3Answer<ListBucketsOutput> {
        let prefix = req.input.prefix.clone().unwrap_or_default();
        let after = req.input.continuation_token.clone().unwrap_or_default();
        let here = req.input.bucket_region.as_ref().is_none_or(|region| region.as_str() == REGION);
        let wanted = |name: &str| here && name.starts_with(&prefix) && name > after.as_str();
        let mut buckets = self.store.buckets()?;
        buckets.retain(|(name, _)| wanted(name));
        let most = req.input.max_buckets.map_or(BUCKETS_PAGE, |max| max.clamp(1, BUCKETS_PAGE));
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        let more = buckets.len() > most;
        buckets.truncate(most);
        let continuation_token = buckets.last().filter(|_| more).map(|(name, _)| name.clone());
        let buckets = buckets
            .into_iter()
            .map(|(name, created_ms)| Bucket {
                name: Some(name),
                creation_date: Some(ms_to_timestamp(created_ms)),
                bucket_region: Some(REGION.to_owned()),
            })
            .collect();
        Ok(S3Response::new(ListBucketsOutput {
            buckets: Some(buckets),
            owner: Some(owner()),
            prefix: req.input.prefix,
            continuation_token,
        }))
    }

    async fn put_object(&self, req: S3Request<PutObjectInput>) -> S3Answer<PutObjectOutput> {
        objects::put(&self.store, req).await
    }

    async fn get_object(&self, req: S3Request<GetObjectInput>) -> S3Answer<GetObjectOutput> {
        hidden(limited(&req), &req.input.bucket, objects::get(&self.store, &req))
    }

    async fn head_object(&self, req: S3Request<HeadObjectInput>) -> S3Answer<HeadObjectOutput> {
        let (limited, bucket) = (limited(&req).cloned(), req.input.bucket.clone());
        hidden(limited.as_ref(), &bucket, objects::head(&self.store, req))
    }

    async fn delete_object(&self, req: S3Request<DeleteObjectInput>) -> S3Answer<DeleteObjectOutput> {
        objects::delete(&self.store, req).await
    }

    async fn delete_objects(&self, req: S3Request<DeleteObjectsInput>) -> S3Answer<DeleteObjectsOutput> {
        objects::delete_many(&self.store, req).await
    }

    async fn list_objects(&self, req: S3Request<ListObjectsInput>) -> S3Answer<ListObjectsOutput> {
        listing::v1(&self.store, req.input).await
    }

    async fn list_objects_v2(&self, req: S3Request<ListObjectsV2Input>) -> S3Answer<ListObjectsV2Output> {
        listing::v2(&self.store, req.input).await
    }

    async fn copy_object(&self, req: S3Request<CopyObjectInput>) -> S3Answer<CopyObjectOutput> {
        copy::copy(&self.store, req).await
    }

    async fn create_multipart_upload(
        &self,
        req: S3Request<CreateMultipartUploadInput>,
    ) -> S3Answer<CreateMultipartUploadOutput> {
        uploads::create(&self.store, req).await
    }

    async fn upload_part(&self, req: S3Request<UploadPartInput>) -> S3Answer<UploadPartOutput> {
        uploads::put_part(&self.store, req).await
    }

    async fn upload_part_copy(&self, req: S3Request<UploadPartCopyInput>) -> S3Answer<UploadPartCopyOutput> {
        uploads::copy_part(&self.store, req).await
    }

    async fn complete_multipart_upload(
        &self,
        req: S3Request<CompleteMultipartUploadInput>,
    ) -> S3Answer<CompleteMultipartUploadOutput> {
        uploads::complete(&self.store, req).await
    }

    async fn abort_multipart_upload(
        &self,
        req: S3Request<AbortMultipartUploadInput>,
    ) -> S3Answer<AbortMultipartUploadOutput> {
        uploads::abort(&self.store, req).await
    }

    async fn list_parts(&self, req: S3Request<ListPartsInput>) -> S3Answer<ListPartsOutput> {
        uploads::list_parts(&self.store, req.input)
    }

    async fn list_multipart_uploads(
        &self,
        req: S3Request<ListMultipartUploadsInput>,
    ) -> S3Answer<ListMultipartUploadsOutput> {
        uploads::list(&self.store, req.input).await
    }

    async fn list_object_versions(
        &self,
        req: S3Request<ListObjectVersionsInput>,
    ) -> S3Answer<ListObjectVersionsOutput> {
        listing::versions(&self.store, req.input).await
    }

    async fn get_object_attributes(
        &self,
        req: S3Request<GetObjectAttributesInput>,
    ) -> S3Answer<GetObjectAttributesOutput> {
        objects::attributes(&self.store, &req.input)
    }

    async fn put_bucket_notification_configuration(
        &self,
        req: S3Request<PutBucketNotificationConfigurationInput>,
    ) -> S3Answer<PutBucketNotificationConfigurationOutput> {
        notification::put(&self.store, req.input).await
    }

    async fn get_bucket_notification_configuration(
        &self,
        req: S3Request<GetBucketNotificationConfigurationInput>,
    ) -> S3Answer<GetBucketNotificationConfigurationOutput> {
        notification::get(&self.store, &req.input)
    }

    async fn put_object_tagging(
        &self,
        req: S3Request<PutObjectTaggingInput>,
    ) -> S3Answer<PutObjectTaggingOutput> {
        settings::put_object_tagging(&self.store, req.input).await
    }

    async fn get_object_tagging(
        &self,
        req: S3Request<GetObjectTaggingInput>,
    ) -> S3Answer<GetObjectTaggingOutput> {
        settings::get_object_tagging(&self.store, &req.input)
    }

    async fn delete_object_tagging(
        &self,
        req: S3Request<DeleteObjectTaggingInput>,
    ) -> S3Answer<DeleteObjectTaggingOutput> {
        settings::delete_object_tagging(&self.store, req.input).await
    }

    async fn put_bucket_tagging(
        &self,
        req: S3Request<PutBucketTaggingInput>,
    ) -> S3Answer<PutBucketTaggingOutput> {
        settings::put_bucket_tagging(&self.store, req.input).await
    }

    async fn get_bucket_tagging(
        &self,
        req: S3Request<GetBucketTaggingInput>,
    ) -> S3Answer<GetBucketTaggingOutput> {
        settings::get_bucket_tagging(&self.store, &req.input)
    }

    async fn delete_bucket_tagging(
        &self,
        req: S3Request<DeleteBucketTaggingInput>,
    ) -> S3Answer<DeleteBucketTaggingOutput> {
        settings::delete_bucket_tagging(&self.store, req.input).await
    }

    async fn get_public_access_block(
        &self,
        req: S3Request<GetPublicAccessBlockInput>,
    ) -> S3Answer<GetPublicAccessBlockOutput> {
        settings::get_access_block(&self.store, &req.input)
    }

    async fn put_public_access_block(
        &self,
        req: S3Request<PutPublicAccessBlockInput>,
    ) -> S3Answer<PutPublicAccessBlockOutput> {
        settings::put_access_block(&self.store, req.input).await
    }

    async fn delete_public_access_block(
        &self,
        req: S3Request<DeletePublicAccessBlockInput>,
    ) -> S3Answer<DeletePublicAccessBlockOutput> {
        settings::delete_access_block(&self.store, req.input).await
    }

    async fn get_bucket_ownership_controls(
        &self,
        req: S3Request<GetBucketOwnershipControlsInput>,
    ) -> S3Answer<GetBucketOwnershipControlsOutput> {
        settings::get_ownership(&self.store, &req.input)
    }

    async fn put_bucket_ownership_controls(
        &self,
        req: S3Request<PutBucketOwnershipControlsInput>,
    ) -> S3Answer<PutBucketOwnershipControlsOutput> {
        settings::put_ownership(&self.store, req.input).await
    }

    async fn get_bucket_acl(&self, req: S3Request<GetBucketAclInput>) -> S3Answer<GetBucketAclOutput> {
        settings::get_bucket_acl(&self.store, &req.input)
    }

    async fn get_object_acl(&self, req: S3Request<GetObjectAclInput>) -> S3Answer<GetObjectAclOutput> {
        settings::get_object_acl(&self.store, &req.input)
    }

    async fn get_bucket_encryption(
        &self,
        req: S3Request<GetBucketEncryptionInput>,
    ) -> S3Answer<GetBucketEncryptionOutput> {
        settings::get_encryption(&self.store, &req.input)
    }

    async fn put_bucket_versioning(
        &self,
        req: S3Request<PutBucketVersioningInput>,
    ) -> S3Answer<PutBucketVersioningOutput> {
        settings::put_versioning(&self.store, &req.input)
    }

    async fn get_bucket_versioning(
        &self,
        req: S3Request<GetBucketVersioningInput>,
    ) -> S3Answer<GetBucketVersioningOutput> {
        self.store.bucket(&req.input.bucket)?;
        Ok(S3Response::new(GetBucketVersioningOutput::default()))
    }

    async fn get_bucket_policy(
        &self,
        req: S3Request<GetBucketPolicyInput>,
    ) -> S3Answer<GetBucketPolicyOutput> {
        self.store.bucket(&req.input.bucket)?;
        Err(S3Error::with_message(S3ErrorCode::NoSuchBucketPolicy, "The bucket policy does not exist"))
    }

    async fn get_bucket_cors(&self, req: S3Request<GetBucketCorsInput>) -> S3Answer<GetBucketCorsOutput> {
        self.store.bucket(&req.input.bucket)?;
        Err(S3Error::with_message(
            S3ErrorCode::NoSuchCORSConfiguration,
            "The CORS configuration does not exist",
        ))
    }

    async fn get_bucket_lifecycle_configuration(
        &self,
        req: S3Request<GetBucketLifecycleConfigurationInput>,
    ) -> S3Answer<GetBucketLifecycleConfigurationOutput> {
        lifecycle::get(&self.store, &req.input)
    }

    async fn put_bucket_lifecycle_configuration(
        &self,
        req: S3Request<PutBucketLifecycleConfigurationInput>,
    ) -> S3Answer<PutBucketLifecycleConfigurationOutput> {
        lifecycle::put(&self.store, req.input).await
    }

    async fn delete_bucket_lifecycle(
        &self,
        req: S3Request<DeleteBucketLifecycleInput>,
    ) -> S3Answer<DeleteBucketLifecycleOutput> {
        lifecycle::delete(&self.store, req.input).await
    }

    async fn get_bucket_website(
        &self,
        req: S3Request<GetBucketWebsiteInput>,
    ) -> S3Answer<GetBucketWebsiteOutput> {
        self.store.bucket(&req.input.bucket)?;
        Err(S3Error::with_message(
            S3ErrorCode::NoSuchWebsiteConfiguration,
            "The specified bucket does not have a website configuration",
        ))
    }
}
