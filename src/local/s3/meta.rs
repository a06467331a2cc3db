//! What is known of an object beside its bytes.

use super::checksum::Checksums;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Headers, user metadata and checksums of an object, kept as JSON in its record.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ObjectMeta {
    /// `Content-Type`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    /// `Cache-Control`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_control: Option<String>,
    /// `Content-Disposition`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_disposition: Option<String>,
    /// `Content-Encoding`, without `aws-chunked`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_encoding: Option<String>,
    /// `Content-Language`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_language: Option<String>,
    /// `Expires`, in milliseconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_ms: Option<i64>,
    /// `x-amz-website-redirect-location`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub redirect: Option<String>,
    /// `x-amz-storage-class`, when it is not STANDARD.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub storage_class: Option<String>,
    /// `x-amz-meta-…`
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub user: BTreeMap<String, String>,
    /// The object's tags.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
    /// Checksums, in base64.
    pub checksums: Checksums,
    /// Its bytes are encrypted where they lie: it was stored with `x-amz-server-side-encryption`, and is small enough to
    /// be in the database.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub sealed: bool,
    /// Number of parts, when it was uploaded in parts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parts: Option<u32>,
}

/// An object's record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectRecord {
    /// Size in bytes.
    pub size: u64,
    /// When it was written, in milliseconds since 1970.
    pub modified_ms: i64,
    /// Without quotes.
    pub etag: String,
    /// Key of its body.
    pub body: i64,
    /// The rest.
    pub meta: ObjectMeta,
}

/// A stretch of a file of the store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Piece {
    /// The file's id.
    #[serde(rename = "f")]
    pub file: String,
    /// Where the stretch begins.
    #[serde(rename = "o", default, skip_serializing_if = "is_zero")]
    pub offset: u64,
    /// How long it is.
    #[serde(rename = "n")]
    pub size: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
const fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// A part of a body that is in files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartLayout {
    /// Size in bytes.
    pub size: u64,
    /// Where its bytes are, in order.
    pub pieces: Vec<Piece>,
    /// Its checksums, when the object was uploaded in parts.
    #[serde(default, skip_serializing_if = "Checksums::is_empty")]
    pub checksums: Checksums,
    /// Its number, when the object was uploaded in parts.
    #[serde(default)]
    pub number: u32,
}
