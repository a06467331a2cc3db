//! What a request may say. Parameters and headers change what a request means, so one that is not known here is refused
//! as what it is, not left out: `?renameObject` on a PUT would store an empty object, `x-amz-write-offset-bytes` would
//! replace an object that was to be appended to, a checksum of an unknown kind would be stored unverified.

use crate::s3::checksum::Algorithm;
use crate::s3::error::StoreError;
use http::HeaderMap;
use s3s::S3ErrorCode;
use std::collections::HashSet;
use throng_contract::local::ACCOUNT;

/// Parameters of signatures in the query, and what clients add there that changes nothing.
const SIGNING: [&str; 11] = [
    "x-amz-algorithm",
    "x-amz-credential",
    "x-amz-date",
    "x-amz-expires",
    "x-amz-signedheaders",
    "x-amz-signature",
    "x-amz-security-token",
    "x-amz-content-sha256",
    "x-amz-user-agent",
    "x-amz-sdk-checksum-algorithm",
    "x-amz-checksum-mode",
];
/// The same for the older signature, and the name of the operation that the SDKs repeat.
const PLAIN: [&str; 4] = ["AWSAccessKeyId", "Signature", "Expires", "x-id"];

/// Headers that any request may have.
const EVERYWHERE: [&str; 8] = [
    "x-amz-date",
    "x-amz-content-sha256",
    "x-amz-security-token",
    "x-amz-user-agent",
    "x-amz-expected-bucket-owner",
    "x-amz-request-payer",
    "x-amz-sdk-checksum-algorithm",
    "x-amz-checksum-mode",
];
/// Headers that are lists, which may come in several.
const LISTS: [&str; 2] = ["x-amz-object-attributes", "x-amz-optional-object-attributes"];
/// Headers of requests with a body.
const BODY: [&str; 2] = ["x-amz-decoded-content-length", "x-amz-trailer"];
/// Headers that describe a new object.
const NEW_OBJECT: [&str; 5] = [
    "x-amz-acl",
    "x-amz-server-side-encryption",
    "x-amz-storage-class",
    "x-amz-tagging",
    "x-amz-website-redirect-location",
];
const COPIED: [&str; 6] = [
    "x-amz-copy-source",
    "x-amz-copy-source-if-match",
    "x-amz-copy-source-if-none-match",
    "x-amz-copy-source-if-modified-since",
    "x-amz-copy-source-if-unmodified-since",
    "x-amz-source-expected-bucket-owner",
];
/// Parameters that replace headers of the answer.
const ANSWER: [&str; 6] = [
    "response-cache-control",
    "response-content-disposition",
    "response-content-encoding",
    "response-content-language",
    "response-content-type",
    "response-expires",
];

/// What an operation knows: its parameters, its headers, and whether it stores an object or a part.
struct Known {
    parameters: &'static [&'static str],
    headers: &'static [&'static str],
    /// Whether it takes a body with checksums.
    body: bool,
    /// Whether it makes an object, with metadata.
    object: bool,
}

const fn asks(parameters: &'static [&'static str]) -> Known {
    Known { parameters, headers: &[], body: false, object: false }
}

const fn changes(parameters: &'static [&'static str], headers: &'static [&'static str]) -> Known {
    Known { parameters, headers, body: true, object: false }
}

const LIST: &[&str] = &["prefix", "marker", "delimiter", "max-keys", "encoding-type"];
const LIST_2: &[&str] = &[
    "list-type",
    "prefix",
    "delimiter",
    "max-keys",
    "encoding-type",
    "continuation-token",
    "start-after",
    "fetch-owner",
    // MinIO's clients ask for more than S3 has, and do without.
    "metadata",
];
const VERSIONS: &[&str] =
    &["versions", "prefix", "delimiter", "max-keys", "encoding-type", "key-marker", "version-id-marker"];
const UPLOADS: &[&str] =
    &["uploads", "prefix", "delimiter", "max-uploads", "encoding-type", "key-marker", "upload-id-marker"];
const LISTED_TOO: &[&str] = &["x-amz-optional-object-attributes"];

/// `None` for operations that the local cloud does not have; the protocol crate says so.
fn known(operation: &str) -> Option<Known> {
    let object = |parameters, headers| Known { object: true, ..changes(parameters, headers) };
    let lists = |parameters| Known { headers: LISTED_TOO, ..asks(parameters) };
    Some(match operation {
        "PutObject" => object(&[], &[]),
        "CopyObject" => {
            object(&[], &["x-amz-metadata-directive", "x-amz-tagging-directive", "x-amz-checksum-algorithm"])
        }
        "CreateMultipartUpload" => object(&["uploads"], &["x-amz-checksum-algorithm", "x-amz-checksum-type"]),
        "UploadPart" => changes(&["partNumber", "uploadId"], &[]),
        "UploadPartCopy" => changes(&["partNumber", "uploadId"], &["x-amz-copy-source-range"]),
        "CompleteMultipartUpload" => changes(&["uploadId"], &["x-amz-checksum-type", "x-amz-mp-object-size"]),
        "AbortMultipartUpload" => asks(&["uploadId"]),
        "ListParts" => asks(&["uploadId", "max-parts", "part-number-marker"]),
        "ListMultipartUploads" => asks(UPLOADS),
        "ListObjects" => lists(LIST),
        "ListObjectsV2" => lists(LIST_2),
        "ListObjectVersions" => lists(VERSIONS),
        "ListBuckets" => asks(&["prefix", "max-buckets", "continuation-token", "bucket-region"]),
        "GetObject" | "HeadObject" => asks(&["partNumber", "versionId"]),
        "GetObjectAttributes" => Known {
            headers: &["x-amz-object-attributes", "x-amz-max-parts", "x-amz-part-number-marker"],
            ..asks(&["attributes", "versionId"])
        },
        "DeleteObject" => Known {
            headers: &["x-amz-if-match-last-modified-time", "x-amz-if-match-size"],
            ..asks(&["versionId"])
        },
        "DeleteObjects" => changes(&["delete"], &[]),
        "CreateBucket" => {
            changes(&[], &["x-amz-acl", "x-amz-bucket-object-lock-enabled", "x-amz-object-ownership"])
        }
        "DeleteBucket" | "HeadBucket" => asks(&[]),
        "GetBucketLocation" => asks(&["location"]),
        "PutBucketNotificationConfiguration" => {
            changes(&["notification"], &["x-amz-skip-destination-validation"])
        }
        "GetBucketNotificationConfiguration" => asks(&["notification"]),
        "PutObjectTagging" => changes(&["tagging", "versionId"], &[]),
        "GetObjectTagging" | "DeleteObjectTagging" => asks(&["tagging", "versionId"]),
        "PutBucketTagging" => changes(&["tagging"], &[]),
        "GetBucketTagging" | "DeleteBucketTagging" => asks(&["tagging"]),
        "PutPublicAccessBlock" => changes(&["publicAccessBlock"], &[]),
        "GetPublicAccessBlock" | "DeletePublicAccessBlock" => asks(&["publicAccessBlock"]),
        "PutBucketOwnershipControls" => changes(&["ownershipControls"], &[]),
        "GetBucketOwnershipControls" => asks(&["ownershipControls"]),
        "PutBucketVersioning" => changes(&["versioning"], &[]),
        "GetBucketVersioning" => asks(&["versioning"]),
        "PutBucketLifecycleConfiguration" => {
            changes(&["lifecycle"], &["x-amz-transition-default-minimum-object-size"])
        }
        "GetBucketLifecycleConfiguration" | "DeleteBucketLifecycle" => asks(&["lifecycle"]),
        "GetBucketAcl" => asks(&["acl"]),
        "GetObjectAcl" => asks(&["acl", "versionId"]),
        "GetBucketEncryption" => asks(&["encryption"]),
        "GetBucketPolicy" => asks(&["policy"]),
        "GetBucketCors" => asks(&["cors"]),
        "GetBucketWebsite" => asks(&["website"]),
        _ => return None,
    })
}

/// Checks what a request says beside its path and body.
///
/// # Errors
/// `NotImplemented` for what is not known, or AWS's refusal of a value.
pub fn check(operation: &str, query: Option<&str>, headers: &HeaderMap) -> Result<(), StoreError> {
    let Some(known) = known(operation) else { return Ok(()) };
    check_parameters(operation, &known, query.unwrap_or_default())?;
    for name in headers.keys() {
        let name = name.as_str();
        let once = name.starts_with("x-amz-") && !LISTS.contains(&name)
            || matches!(name, "content-md5" | "content-length" | "range");
        if once && !name.starts_with("x-amz-meta-") && headers.get_all(name).iter().count() > 1 {
            return Err(StoreError::request(format!("The header {name} may be there once only.")));
        }
        if name.starts_with("x-amz-") && !is_known_header(operation, &known, name) {
            return Err(unknown("header", name));
        }
        let value = headers.get(name).map(http::HeaderValue::to_str);
        match (name.starts_with("x-amz-"), value) {
            (true, Some(Ok(value))) => check_value(name, value)?,
            // Metadata in other bytes than ASCII is the client's own matter.
            (true, Some(Err(_))) if !name.starts_with("x-amz-meta-") => {
                return Err(StoreError::request(format!("Value for {name} header is invalid.")));
            }
            _ => {}
        }
    }
    Ok(())
}

fn check_parameters(operation: &str, known: &Known, query: &str) -> Result<(), StoreError> {
    let mut seen = HashSet::new();
    for (name, _) in url::form_urlencoded::parse(query.as_bytes()) {
        let answers = matches!(operation, "GetObject" | "HeadObject") && ANSWER.contains(&name.as_ref());
        let signs = SIGNING.iter().any(|one| one.eq_ignore_ascii_case(&name));
        if !(known.parameters.contains(&name.as_ref()) || PLAIN.contains(&name.as_ref()) || signs || answers)
        {
            return Err(unknown("query parameter", &name));
        }
        if !seen.insert(name.clone()) {
            return Err(StoreError::argument(format!("The query parameter {name} may be there once only.")));
        }
    }
    Ok(())
}

fn is_known_header(operation: &str, known: &Known, name: &str) -> bool {
    EVERYWHERE.contains(&name)
        || known.headers.contains(&name)
        || known.body && (BODY.contains(&name) || Algorithm::of_header(name).is_some())
        || known.object && (NEW_OBJECT.contains(&name) || name.starts_with("x-amz-meta-"))
        || matches!(operation, "CopyObject" | "UploadPartCopy") && COPIED.contains(&name)
        || name.starts_with("x-amz-grant-") && (known.object || operation == "CreateBucket")
}

fn check_value(name: &str, value: &str) -> Result<(), StoreError> {
    let only = |allowed: &[&str]| {
        if allowed.iter().any(|one| one.eq_ignore_ascii_case(value)) {
            Ok(())
        } else {
            Err(unknown("value of the header", &format!("{name}: {value}")))
        }
    };
    match name {
        "x-amz-acl" if matches!(value, "private" | "bucket-owner-full-control") => Ok(()),
        "x-amz-acl" => Err(no_acls()),
        _ if name.starts_with("x-amz-grant-") => Err(no_acls()),
        "x-amz-server-side-encryption" => only(&["AES256"]),
        "x-amz-bucket-object-lock-enabled" => only(&["false"]),
        "x-amz-object-ownership" => only(&["BucketOwnerEnforced"]),
        "x-amz-expected-bucket-owner" | "x-amz-source-expected-bucket-owner" if value != ACCOUNT => {
            Err(StoreError::refused(S3ErrorCode::AccessDenied, "Access Denied"))
        }
        "x-amz-trailer" => {
            let mut names = value.split(',').map(str::trim).filter(|name| !name.is_empty());
            match names.find(|name| Algorithm::of_header(name).is_none()) {
                Some(name) => Err(unknown("trailer", name)),
                None => Ok(()),
            }
        }
        "x-amz-sdk-checksum-algorithm" if Algorithm::parse(value).is_none() => {
            Err(unknown("checksum algorithm", value))
        }
        _ => Ok(()),
    }
}

fn unknown(what: &str, name: &str) -> StoreError {
    let name: String = name.chars().take(100).collect();
    StoreError::refused(
        S3ErrorCode::NotImplemented,
        format!("A {what} you provided implies functionality that the local cloud does not have: {name}"),
    )
}

fn no_acls() -> StoreError {
    StoreError::named("AccessControlListNotSupported", "The bucket does not allow ACLs")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn answer(operation: &str, query: &str, headers: &[(&str, &str)]) -> String {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(http::HeaderName::try_from(*name).unwrap(), value.parse().unwrap());
        }
        match check(operation, Some(query), &map) {
            Ok(()) => "ok".into(),
            Err(StoreError::Refused(code, _)) => code.as_str().to_owned(),
            Err(other) => other.to_string(),
        }
    }

    #[test]
    fn what_would_change_the_meaning_and_is_not_done_is_refused() {
        for (operation, query, headers) in [
            ("PutObject", "renameObject", &[][..]),
            ("PutObject", "append&position=3", &[]),
            ("PutObject", "x-amz-checksum-crc32=AAAAAA%3D%3D", &[]),
            ("PutObject", "", &[("x-amz-write-offset-bytes", "0")]),
            ("PutObject", "", &[("x-amz-rename-source", "b/k")]),
            ("PutObject", "", &[("x-amz-checksum-sha512", "x")]),
            ("PutObject", "", &[("x-amz-checksum-xxhash64", "x")]),
            ("UploadPart", "partNumber=1&uploadId=u", &[("x-amz-checksum-md5", "x")]),
            ("PutObject", "", &[("x-amz-trailer", "x-amz-checksum-sha512")]),
            ("PutObject", "", &[("x-amz-sdk-checksum-algorithm", "SHA512")]),
            ("PutObject", "", &[("x-amz-server-side-encryption", "aws:kms")]),
            ("PutObject", "", &[("x-amz-server-side-encryption-customer-key", "x")]),
            ("PutObject", "", &[("x-amz-object-lock-mode", "COMPLIANCE")]),
            ("CopyObject", "", &[("x-amz-copy-source-server-side-encryption-customer-key", "x")]),
            ("DeleteObject", "", &[("x-amz-mfa", "x")]),
            ("GetObject", "torrent-like", &[]),
            ("ListObjects", "metadataConfiguration", &[]),
            ("CreateBucket", "", &[("x-amz-bucket-object-lock-enabled", "true")]),
        ] {
            assert_eq!(
                answer(operation, query, headers),
                "NotImplemented",
                "{operation} {query} {headers:?}"
            );
        }
    }

    #[test]
    fn what_is_done_is_let_through() {
        let signature = "X-Amz-Algorithm=A&X-Amz-Credential=C&X-Amz-Date=D&X-Amz-Expires=9&X-Amz-SignedHeaders=host&X-Amz-Signature=S";
        for (operation, query, headers) in [
            ("GetObject", "x-id=GetObject&response-content-type=a/b&partNumber=1", &[][..]),
            ("GetObject", signature, &[("x-amz-checksum-mode", "ENABLED")]),
            ("GetObject", "AWSAccessKeyId=A&Signature=S&Expires=1", &[]),
            ("PutObject", "", &[("x-amz-meta-any", "x"), ("x-amz-acl", "private")]),
            ("PutObject", "", &[("x-amz-trailer", "x-amz-checksum-crc64nvme"), ("x-amz-tagging", "a=b")]),
            ("ListObjectsV2", "list-type=2&encoding-type=url&prefix=", &[]),
        ] {
            assert_eq!(answer(operation, query, headers), "ok", "{operation} {query} {headers:?}");
        }
    }

    #[test]
    fn values_are_refused_in_aws_words() {
        let put = |headers| answer("PutObject", "", headers);
        assert_eq!(put(&[("x-amz-acl", "public-read")]), "AccessControlListNotSupported");
        assert_eq!(put(&[("x-amz-grant-read", "id=1")]), "AccessControlListNotSupported");
        assert_eq!(put(&[("x-amz-expected-bucket-owner", "999999999999")]), "AccessDenied");
        let twice = [("x-amz-checksum-crc32", "AAAAAA=="), ("x-amz-checksum-crc32", "BBBBBB==")];
        assert_eq!(put(&twice), "InvalidRequest");
        assert_eq!(answer("GetObject", "versionId=a&versionId=b", &[]), "InvalidArgument");
    }
}
