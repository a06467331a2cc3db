//! Tags, and settings of buckets that clients read or write though they change nothing here.

use super::S3Answer;
use super::convert::owner;
use super::objects::{check_tags, check_version};
use crate::s3::ObjectStore;
use crate::s3::error::StoreError;
use http::StatusCode;
use s3s::dto::{
    BucketVersioningStatus, DeleteBucketTaggingInput, DeleteBucketTaggingOutput, DeleteObjectTaggingInput,
    DeleteObjectTaggingOutput, DeletePublicAccessBlockInput, DeletePublicAccessBlockOutput,
    GetBucketAclInput, GetBucketAclOutput, GetBucketEncryptionInput, GetBucketEncryptionOutput,
    GetBucketOwnershipControlsInput, GetBucketOwnershipControlsOutput, GetBucketTaggingInput,
    GetBucketTaggingOutput, GetObjectAclInput, GetObjectAclOutput, GetObjectTaggingInput,
    GetObjectTaggingOutput, GetPublicAccessBlockInput, GetPublicAccessBlockOutput, Grant, Grantee, Grants,
    ObjectOwnership, OwnershipControls, OwnershipControlsRule, Permission, PublicAccessBlockConfiguration,
    PutBucketOwnershipControlsInput, PutBucketOwnershipControlsOutput, PutBucketTaggingInput,
    PutBucketTaggingOutput, PutBucketVersioningInput, PutBucketVersioningOutput, PutObjectTaggingInput,
    PutObjectTaggingOutput, PutPublicAccessBlockInput, PutPublicAccessBlockOutput, ServerSideEncryption,
    ServerSideEncryptionByDefault, ServerSideEncryptionConfiguration, ServerSideEncryptionRule, Tag, TagSet,
    Type,
};
use s3s::{S3ErrorCode, S3Response};
use std::collections::BTreeMap;

const TAGS: &str = "tags";
const ACCESS_BLOCK: &str = "publicAccessBlock";
const OWNERSHIP: &str = "objectOwnership";

fn tag_set(tags: BTreeMap<String, String>) -> TagSet {
    tags.into_iter().map(|(key, value)| Tag { key: Some(key), value: Some(value) }).collect()
}

fn tag_pairs(tags: TagSet) -> Vec<(String, String)> {
    tags.into_iter().map(|tag| (tag.key.unwrap_or_default(), tag.value.unwrap_or_default())).collect()
}

pub async fn put_object_tagging(
    store: &ObjectStore,
    input: PutObjectTaggingInput,
) -> S3Answer<PutObjectTaggingOutput> {
    check_version(input.version_id.as_deref())?;
    let tags = check_tags(tag_pairs(input.tagging.tag_set))?;
    store.set_tags(&input.bucket, &input.key, tags).await?;
    Ok(S3Response::new(PutObjectTaggingOutput::default()))
}

pub fn get_object_tagging(
    store: &ObjectStore,
    input: &GetObjectTaggingInput,
) -> S3Answer<GetObjectTaggingOutput> {
    check_version(input.version_id.as_deref())?;
    let record = store.head(&input.bucket, &input.key)?;
    let tag_set = tag_set(record.meta.tags);
    Ok(S3Response::new(GetObjectTaggingOutput { tag_set, ..Default::default() }))
}

pub async fn delete_object_tagging(
    store: &ObjectStore,
    input: DeleteObjectTaggingInput,
) -> S3Answer<DeleteObjectTaggingOutput> {
    check_version(input.version_id.as_deref())?;
    store.set_tags(&input.bucket, &input.key, BTreeMap::new()).await?;
    Ok(S3Response::with_status(DeleteObjectTaggingOutput::default(), StatusCode::NO_CONTENT))
}

/// A bucket may have five times as many tags as an object.
const BUCKET_TAGS_MAX: usize = 50;

pub async fn put_bucket_tagging(
    store: &ObjectStore,
    input: PutBucketTaggingInput,
) -> S3Answer<PutBucketTaggingOutput> {
    let pairs = tag_pairs(input.tagging.tag_set);
    if pairs.len() > BUCKET_TAGS_MAX {
        return Err(StoreError::named("BadRequest", "Bucket tag count cannot be greater than 50").into());
    }
    let count = pairs.len();
    let tags: BTreeMap<String, String> = pairs.into_iter().collect();
    if tags.len() != count {
        let message = "Cannot provide multiple Tags with the same key";
        return Err(StoreError::refused(S3ErrorCode::InvalidTag, message).into());
    }
    store.set_setting(&input.bucket, TAGS, Some(&tags)).await?;
    Ok(S3Response::with_status(PutBucketTaggingOutput::default(), StatusCode::NO_CONTENT))
}

pub fn get_bucket_tagging(
    store: &ObjectStore,
    input: &GetBucketTaggingInput,
) -> S3Answer<GetBucketTaggingOutput> {
    let tags: Option<BTreeMap<String, String>> = store.setting(&input.bucket, TAGS)?;
    match tags {
        Some(tags) => Ok(S3Response::new(GetBucketTaggingOutput { tag_set: tag_set(tags) })),
        None => Err(StoreError::refused(S3ErrorCode::NoSuchTagSet, "The TagSet does not exist").into()),
    }
}

pub async fn delete_bucket_tagging(
    store: &ObjectStore,
    input: DeleteBucketTaggingInput,
) -> S3Answer<DeleteBucketTaggingOutput> {
    store.set_setting::<()>(&input.bucket, TAGS, None).await?;
    Ok(S3Response::with_status(DeleteBucketTaggingOutput::default(), StatusCode::NO_CONTENT))
}

/// S3 blocks everything on buckets made since April 2023.
fn block_all() -> PublicAccessBlockConfiguration {
    PublicAccessBlockConfiguration {
        block_public_acls: Some(true),
        block_public_policy: Some(true),
        ignore_public_acls: Some(true),
        restrict_public_buckets: Some(true),
    }
}

pub fn get_access_block(
    store: &ObjectStore,
    input: &GetPublicAccessBlockInput,
) -> S3Answer<GetPublicAccessBlockOutput> {
    let set: Option<Option<PublicAccessBlockConfiguration>> = store.setting(&input.bucket, ACCESS_BLOCK)?;
    if let Some(block) = set.unwrap_or_else(|| Some(block_all())) {
        Ok(S3Response::new(GetPublicAccessBlockOutput { public_access_block_configuration: Some(block) }))
    } else {
        let code = "NoSuchPublicAccessBlockConfiguration";
        let mut error: s3s::S3Error =
            StoreError::named(code, "The public access block configuration was not found").into();
        error.set_status_code(StatusCode::NOT_FOUND);
        Err(error)
    }
}

pub async fn put_access_block(
    store: &ObjectStore,
    input: PutPublicAccessBlockInput,
) -> S3Answer<PutPublicAccessBlockOutput> {
    let block = Some(input.public_access_block_configuration);
    store.set_setting(&input.bucket, ACCESS_BLOCK, Some(&block)).await?;
    Ok(S3Response::new(PutPublicAccessBlockOutput::default()))
}

pub async fn delete_access_block(
    store: &ObjectStore,
    input: DeletePublicAccessBlockInput,
) -> S3Answer<DeletePublicAccessBlockOutput> {
    let none: Option<PublicAccessBlockConfiguration> = None;
    store.set_setting(&input.bucket, ACCESS_BLOCK, Some(&none)).await?;
    Ok(S3Response::with_status(DeletePublicAccessBlockOutput::default(), StatusCode::NO_CONTENT))
}

pub fn get_ownership(
    store: &ObjectStore,
    input: &GetBucketOwnershipControlsInput,
) -> S3Answer<GetBucketOwnershipControlsOutput> {
    let set: Option<String> = store.setting(&input.bucket, OWNERSHIP)?;
    let word = set.unwrap_or_else(|| ObjectOwnership::BUCKET_OWNER_ENFORCED.to_owned());
    let rules = vec![OwnershipControlsRule { object_ownership: ObjectOwnership::from(word) }];
    Ok(S3Response::new(GetBucketOwnershipControlsOutput {
        ownership_controls: Some(OwnershipControls { rules }),
    }))
}

pub async fn put_ownership(
    store: &ObjectStore,
    input: PutBucketOwnershipControlsInput,
) -> S3Answer<PutBucketOwnershipControlsOutput> {
    let word = input.ownership_controls.rules.first().map(|rule| rule.object_ownership.as_str().to_owned());
    store.set_setting(&input.bucket, OWNERSHIP, word.as_ref()).await?;
    Ok(S3Response::new(PutBucketOwnershipControlsOutput::default()))
}

/// Everything belongs to one owner.
fn grants() -> Grants {
    let grantee = Grantee {
        id: owner().id,
        display_name: None,
        email_address: None,
        type_: Type::from_static(Type::CANONICAL_USER),
        uri: None,
    };
    vec![Grant {
        grantee: Some(grantee),
        permission: Some(Permission::from_static(Permission::FULL_CONTROL)),
    }]
}

pub fn get_bucket_acl(store: &ObjectStore, input: &GetBucketAclInput) -> S3Answer<GetBucketAclOutput> {
    store.bucket(&input.bucket)?;
    Ok(S3Response::new(GetBucketAclOutput { grants: Some(grants()), owner: Some(owner()) }))
}

pub fn get_object_acl(store: &ObjectStore, input: &GetObjectAclInput) -> S3Answer<GetObjectAclOutput> {
    store.head(&input.bucket, &input.key)?;
    Ok(S3Response::new(GetObjectAclOutput {
        grants: Some(grants()),
        owner: Some(owner()),
        request_charged: None,
    }))
}

pub fn get_encryption(
    store: &ObjectStore,
    input: &GetBucketEncryptionInput,
) -> S3Answer<GetBucketEncryptionOutput> {
    store.bucket(&input.bucket)?;
    let rules = vec![ServerSideEncryptionRule {
        apply_server_side_encryption_by_default: Some(ServerSideEncryptionByDefault {
            kms_master_key_id: None,
            sse_algorithm: ServerSideEncryption::from_static(ServerSideEncryption::AES256),
        }),
        bucket_key_enabled: Some(false),
    }];
    Ok(S3Response::new(GetBucketEncryptionOutput {
        server_side_encryption_configuration: Some(ServerSideEncryptionConfiguration { rules }),
    }))
}

/// Versioning can be left off, and nothing else.
pub fn put_versioning(
    store: &ObjectStore,
    input: &PutBucketVersioningInput,
) -> S3Answer<PutBucketVersioningOutput> {
    store.bucket(&input.bucket)?;
    let status = input.versioning_configuration.status.as_ref().map(BucketVersioningStatus::as_str);
    if status == Some(BucketVersioningStatus::ENABLED) {
        let message = "The local cloud keeps one version of an object; versioning cannot be enabled.";
        return Err(StoreError::refused(S3ErrorCode::NotImplemented, message).into());
    }
    Ok(S3Response::new(PutBucketVersioningOutput::default()))
}
