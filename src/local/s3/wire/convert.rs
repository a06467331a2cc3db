//! Between the protocol's types and the store's.

use crate::s3::checksum::{Algorithm, ChecksumKind, Checksums};
use crate::s3::error::StoreError;
use crate::s3::store::Tag;
use http::HeaderMap;
use s3s::dto::{ChecksumAlgorithm, ChecksumType, ETag, ETagCondition, Owner, Timestamp};
use s3s::{S3ErrorCode, TrailingHeaders};
use std::time::{Duration, UNIX_EPOCH};
use throng_contract::local::ACCOUNT;

/// Milliseconds since 1970 as the protocol's time.
pub fn ms_to_timestamp(ms: i64) -> Timestamp {
    Timestamp::from(UNIX_EPOCH + Duration::from_millis(u64::try_from(ms).unwrap_or_default()))
}

/// The protocol's time as milliseconds since 1970.
pub fn timestamp_to_ms(timestamp: &Timestamp) -> i64 {
    let mut text = Vec::new();
    let format = s3s::dto::TimestampFormat::DateTime;
    let parsed = timestamp
        .format(format, &mut text)
        .ok()
        .and_then(|()| String::from_utf8(text).ok())
        .and_then(|text| text.parse::<jiff::Timestamp>().ok());
    parsed.map_or(0, jiff::Timestamp::as_millisecond)
}

/// The owner of everything.
pub fn owner() -> Owner {
    Owner { display_name: None, id: Some(ACCOUNT.to_owned()) }
}

/// With quotes on the wire.
pub fn etag(value: &str) -> ETag {
    ETag::Strong(value.to_owned())
}

/// The store's form of a condition.
pub fn tag(condition: Option<ETagCondition>) -> Option<Tag> {
    condition.map(|condition| match condition {
        ETagCondition::Any => Tag::Any,
        ETagCondition::ETag(etag) => Tag::Is(etag.value().to_owned()),
    })
}

/// The checksum type on the wire.
pub fn checksum_type(kind: Option<ChecksumKind>) -> Option<ChecksumType> {
    kind.map(|kind| ChecksumType::from(kind.word().to_owned()))
}

/// The algorithm on the wire.
pub fn checksum_algorithm(algorithm: Algorithm) -> ChecksumAlgorithm {
    ChecksumAlgorithm::from(algorithm.word().to_owned())
}

/// What the client says about its body's checksums.
pub struct Claims {
    /// Values known before the body.
    pub given: Checksums,
    /// What is to be computed.
    pub algorithms: Vec<Algorithm>,
    /// What trailers will bring.
    trailing: Vec<Algorithm>,
    /// Size of the object or part as the client gave it.
    pub size: Option<u64>,
}

impl Claims {
    /// From the request's headers. `fallback` is computed when the client names nothing.
    pub fn read(headers: &HeaderMap, given: Checksums, fallback: Option<Algorithm>) -> Self {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let trailing: Vec<_> = text("x-amz-trailer").split(',').filter_map(Algorithm::of_header).collect();
        let mut algorithms: Vec<_> = given.algorithms().chain(trailing.iter().copied()).collect();
        if algorithms.is_empty() {
            algorithms.extend(Algorithm::parse(text("x-amz-sdk-checksum-algorithm")).or(fallback));
        }
        let number = |name: &str| text(name).trim().parse().ok();
        let size = number("x-amz-decoded-content-length").or_else(|| number("content-length"));
        Self { given, algorithms, trailing, size }
    }

    /// Compares with what arrived, now that the trailers are there.
    pub fn verify(&self, computed: &Checksums, trailers: Option<&TrailingHeaders>) -> Result<(), StoreError> {
        self.given.verify(computed)?;
        let mut said = Checksums::default();
        let mut stray = false;
        let read = |headers: &HeaderMap| {
            for algorithm in &self.trailing {
                let value = headers.get(algorithm.header()).and_then(|value| value.to_str().ok());
                said.set(*algorithm, value.map(|value| value.trim().to_owned()));
            }
            let announced = |name: &str| self.trailing.iter().any(|one| one.header() == name);
            stray = headers.keys().any(|name| !announced(name.as_str()));
        };
        trailers.and_then(|trailers| trailers.read(read));
        if stray || self.trailing.iter().any(|algorithm| said.get(*algorithm).is_none()) {
            return Err(StoreError::named(
                "MalformedTrailerError",
                "The request contained trailing data that was not well-formed or did not conform to our published \
                 schema.",
            ));
        }
        said.verify(computed)
    }
}

/// Compares a `Content-MD5` with what arrived.
pub fn verify_md5(said: Option<&str>, computed: &[u8; 16]) -> Result<(), StoreError> {
    use base64::Engine as _;
    let Some(said) = said else { return Ok(()) };
    match base64::engine::general_purpose::STANDARD.decode(said) {
        Ok(raw) if raw == computed => Ok(()),
        Ok(raw) if raw.len() == computed.len() => Err(StoreError::refused(
            S3ErrorCode::BadDigest,
            "The Content-MD5 you specified did not match what we received.",
        )),
        _ => {
            Err(StoreError::refused(S3ErrorCode::InvalidDigest, "The Content-MD5 you specified was invalid."))
        }
    }
}

/// Takes the five values out of a protocol structure.
macro_rules! given_checksums {
    ($input:expr) => {
        $crate::s3::checksum::Checksums {
            crc32: $input.checksum_crc32.take(),
            crc32c: $input.checksum_crc32c.take(),
            crc64nvme: $input.checksum_crc64nvme.take(),
            sha1: $input.checksum_sha1.take(),
            sha256: $input.checksum_sha256.take(),
            kind: None,
        }
    };
}

/// Puts the values into a protocol structure.
macro_rules! put_checksums {
    ($output:expr, $checksums:expr) => {{
        let checksums: &$crate::s3::checksum::Checksums = $checksums;
        $output.checksum_crc32 = checksums.crc32.clone();
        $output.checksum_crc32c = checksums.crc32c.clone();
        $output.checksum_crc64nvme = checksums.crc64nvme.clone();
        $output.checksum_sha1 = checksums.sha1.clone();
        $output.checksum_sha256 = checksums.sha256.clone();
    }};
}

pub(super) use {given_checksums, put_checksums};

/// A checksum algorithm by its name in a request.
pub fn parse_algorithm(word: &str) -> Result<Algorithm, StoreError> {
    Algorithm::parse(word)
        .ok_or_else(|| StoreError::request("Checksum algorithm provided is unsupported. Please try again with any of the valid types: [CRC32, CRC32C, CRC64NVME, SHA1, SHA256]"))
}
