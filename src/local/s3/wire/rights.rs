//! Who asks S3, and what each operation needs to be allowed.

use super::strict;
use crate::access::{Access, Caller, Needs, Refusal};
use s3s::access::{S3Access, S3AccessContext};
use s3s::auth::{S3Auth, SecretKey};
use s3s::dto::{CopyObjectInput, CopySource, UploadPartCopyInput};
use s3s::path::S3Path;
use s3s::{S3Error, S3ErrorCode, S3Request, S3Result};
use std::sync::Arc;

/// The keys that are good now.
pub(super) struct Auth(pub Arc<Access>);

#[async_trait::async_trait]
impl S3Auth for Auth {
    async fn get_secret_key(&self, access_key: &str) -> S3Result<SecretKey> {
        self.0.find(access_key).map(|(secret, _)| SecretKey::from(secret)).ok_or_else(|| {
            S3Error::with_message(
                S3ErrorCode::InvalidAccessKeyId,
                "The AWS Access Key Id you provided does not exist in our records.",
            )
        })
    }
}

/// A caller whose rights are limited, with a request.
#[derive(Clone)]
pub(super) struct Limited {
    access: Arc<Access>,
    caller: Caller,
}

impl Limited {
    fn check(&self, action: &str, resource: String) -> S3Result<()> {
        self.access.check(&self.caller, &Needs::new(action, resource)).map_err(|refusal| denied(&refusal))
    }

    /// Whether the caller may learn that an object is not there.
    pub fn may_list(&self, bucket: &str) -> S3Result<()> {
        self.check("s3:ListBucket", bucket_arn(bucket))
    }

    /// Whether the caller may remove an object.
    pub fn may_delete(&self, bucket: &str, key: &str) -> S3Result<()> {
        self.check("s3:DeleteObject", object_arn(bucket, key))
    }

    fn may_read(&self, source: &CopySource) -> S3Result<()> {
        match source {
            CopySource::Bucket { bucket, key, .. } => self.check("s3:GetObject", object_arn(bucket, key)),
            // There are no others here, and the copy says so.
            CopySource::AccessPoint { .. } | CopySource::Outpost { .. } => Ok(()),
        }
    }
}

/// The caller, when its rights are limited.
pub(super) fn limited<T>(request: &S3Request<T>) -> Option<&Limited> {
    request.extensions.get::<Limited>()
}

fn denied(refusal: &Refusal) -> S3Error {
    S3Error::with_message(S3ErrorCode::AccessDenied, refusal.to_string())
}

/// What callers may do.
pub(super) struct Rights(pub Arc<Access>);

#[async_trait::async_trait]
impl S3Access for Rights {
    async fn check(&self, context: &mut S3AccessContext<'_>) -> S3Result<()> {
        let found = context.credentials().and_then(|given| self.0.find(&given.access_key));
        let Some((_, caller)) = found else {
            return Err(S3Error::with_message(S3ErrorCode::AccessDenied, "Signature is required"));
        };
        strict::check(context.s3_op().name(), context.uri().query(), context.headers())?;
        let Caller::Role(_) = caller else { return Ok(()) };
        if !caller.has_token(token(context).as_deref()) {
            let message = "The provided token is malformed or otherwise invalid.";
            return Err(S3Error::with_message(S3ErrorCode::InvalidToken, message));
        }
        for needs in needs(context) {
            self.0.check(&caller, &needs).map_err(|refusal| denied(&refusal))?;
        }
        context.extensions_mut().insert(Limited { access: self.0.clone(), caller });
        Ok(())
    }

    async fn copy_object(&self, request: &mut S3Request<CopyObjectInput>) -> S3Result<()> {
        limited(request).map_or(Ok(()), |limited| limited.may_read(&request.input.copy_source))
    }

    async fn upload_part_copy(&self, request: &mut S3Request<UploadPartCopyInput>) -> S3Result<()> {
        limited(request).map_or(Ok(()), |limited| limited.may_read(&request.input.copy_source))
    }
}

/// The session's token: a header, or a parameter of a presigned address.
fn token(context: &S3AccessContext<'_>) -> Option<String> {
    let header = context.headers().get("x-amz-security-token").and_then(|token| token.to_str().ok());
    header.map(str::to_owned).or_else(|| parameter(context, "X-Amz-Security-Token"))
}

fn parameter(context: &S3AccessContext<'_>, name: &str) -> Option<String> {
    let query = context.uri().query().unwrap_or_default();
    let mut pairs = url::form_urlencoded::parse(query.as_bytes());
    pairs.find_map(|(key, value)| (key == name).then(|| value.into_owned()))
}

fn bucket_arn(bucket: &str) -> String {
    format!("arn:aws:s3:::{bucket}")
}

fn object_arn(bucket: &str, key: &str) -> String {
    format!("arn:aws:s3:::{bucket}/{key}")
}

fn needs(context: &S3AccessContext<'_>) -> Vec<Needs> {
    let resource = match context.s3_path() {
        S3Path::Root => "arn:aws:s3:::*".to_owned(),
        S3Path::Bucket { bucket } => bucket_arn(bucket),
        S3Path::Object { bucket, key } => object_arn(bucket, key),
    };
    let operation = context.s3_op().name();
    let mut needed: Vec<_> =
        actions(operation).into_iter().map(|action| Needs::new(action, &resource)).collect();
    if operation.starts_with("List") {
        for needs in &mut needed {
            for (key, name) in [("s3:prefix", "prefix"), ("s3:delimiter", "delimiter")] {
                needs.context.extend(parameter(context, name).map(|value| (key, value)));
            }
        }
    }
    let tagged = ["PutObject", "CopyObject", "CreateMultipartUpload"].contains(&operation);
    if tagged && context.headers().contains_key("x-amz-tagging") {
        needed.push(Needs::new("s3:PutObjectTagging", &resource));
    }
    needed
}

/// The actions of an operation, as IAM names them
/// (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html>).
fn actions(operation: &str) -> Vec<String> {
    let action = match operation {
        "ListBuckets" => "ListAllMyBuckets",
        "HeadBucket" | "ListObjects" | "ListObjectsV2" => "ListBucket",
        "ListObjectVersions" => "ListBucketVersions",
        "ListMultipartUploads" => "ListBucketMultipartUploads",
        "ListParts" => "ListMultipartUploadParts",
        "HeadObject" => "GetObject",
        "GetObjectAttributes" => return vec!["s3:GetObject".into(), "s3:GetObjectAttributes".into()],
        "CopyObject"
        | "CreateMultipartUpload"
        | "UploadPart"
        | "UploadPartCopy"
        | "CompleteMultipartUpload" => "PutObject",
        // Key by key, when they are known.
        "DeleteObjects" => return Vec::new(),
        "GetBucketNotificationConfiguration" => "GetBucketNotification",
        "PutBucketNotificationConfiguration" => "PutBucketNotification",
        "DeleteBucketTagging" => "PutBucketTagging",
        "GetBucketCors" => "GetBucketCORS",
        "PutBucketCors" | "DeleteBucketCors" => "PutBucketCORS",
        "GetBucketEncryption" => "GetEncryptionConfiguration",
        "PutBucketEncryption" | "DeleteBucketEncryption" => "PutEncryptionConfiguration",
        "GetBucketLifecycleConfiguration" => "GetLifecycleConfiguration",
        "PutBucketLifecycleConfiguration" | "DeleteBucketLifecycle" => "PutLifecycleConfiguration",
        "DeleteBucketOwnershipControls" => "PutBucketOwnershipControls",
        "GetPublicAccessBlock" => "GetBucketPublicAccessBlock",
        "PutPublicAccessBlock" | "DeletePublicAccessBlock" => "PutBucketPublicAccessBlock",
        // The others are named as what they do.
        other => other,
    };
    vec![format!("s3:{action}")]
}
