//! What is said about an object besides its bytes: encoding, class, tags, encryption.

use crate::s3::error::StoreError;
use crate::s3::meta::ObjectMeta;
use s3s::S3ErrorCode;
use s3s::dto::{ServerSideEncryption, StorageClass};

/// `aws-chunked` describes the transfer, not the object.
pub fn strip_chunked(encoding: Option<&str>) -> Option<String> {
    let kept: Vec<_> = encoding?
        .split(',')
        .map(str::trim)
        .filter(|word| !word.is_empty() && !word.eq_ignore_ascii_case("aws-chunked"))
        .collect();
    (!kept.is_empty()).then(|| kept.join(","))
}

/// STANDARD goes without saying.
pub fn storage_class(class: Option<StorageClass>) -> Option<String> {
    class.map(|class| class.as_str().to_owned()).filter(|class| class != StorageClass::STANDARD)
}

/// The tags of an `x-amz-tagging` header.
pub fn parse_tags(header: Option<&str>) -> Result<std::collections::BTreeMap<String, String>, StoreError> {
    let tags: Vec<(String, String)> =
        url::form_urlencoded::parse(header.unwrap_or_default().as_bytes()).into_owned().collect();
    check_tags(tags)
}

/// AWS's limits on the tags of an object.
pub fn check_tags(
    tags: Vec<(String, String)>,
) -> Result<std::collections::BTreeMap<String, String>, StoreError> {
    let refused = |message: &'static str| StoreError::refused(S3ErrorCode::InvalidTag, message);
    if tags.len() > 10 {
        return Err(StoreError::named("BadRequest", "Object tags cannot be greater than 10"));
    }
    let count = tags.len();
    if tags.iter().any(|(key, _)| key.is_empty() || key.chars().count() > 128) {
        return Err(refused("The TagKey you have provided is invalid"));
    }
    if tags.iter().any(|(_, value)| value.chars().count() > 256) {
        return Err(refused("The TagValue you have provided is invalid"));
    }
    let map: std::collections::BTreeMap<_, _> = tags.into_iter().collect();
    if map.len() == count { Ok(map) } else { Err(refused("Cannot provide multiple Tags with the same key")) }
}

/// What is answered of an object that is encrypted where it lies.
pub(super) fn encryption(meta: &ObjectMeta) -> Option<ServerSideEncryption> {
    meta.sealed.then(|| ServerSideEncryption::from_static(ServerSideEncryption::AES256))
}
