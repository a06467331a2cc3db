//! Checksums of objects and parts: which are asked for, computing them in one pass, combining those of parts.

use super::error::StoreError;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use s3s::S3ErrorCode;
use s3s::checksum::ChecksumHasher;
use s3s::crypto::{Checksum as _, Crc32, Crc32c, Crc64Nvme, Sha1, Sha256};
use serde::{Deserialize, Serialize};

/// An algorithm that S3 knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Algorithm {
    /// CRC-32 (ISO-HDLC)
    #[serde(rename = "CRC32")]
    Crc32,
    /// CRC-32C (Castagnoli)
    #[serde(rename = "CRC32C")]
    Crc32c,
    /// CRC-64/NVME
    #[serde(rename = "CRC64NVME")]
    Crc64Nvme,
    /// SHA-1
    #[serde(rename = "SHA1")]
    Sha1,
    /// SHA-256
    #[serde(rename = "SHA256")]
    Sha256,
}

impl Algorithm {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Crc32, Self::Crc32c, Self::Crc64Nvme, Self::Sha1, Self::Sha256];

    /// The word in headers and XML.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Crc32 => "CRC32",
            Self::Crc32c => "CRC32C",
            Self::Crc64Nvme => "CRC64NVME",
            Self::Sha1 => "SHA1",
            Self::Sha256 => "SHA256",
        }
    }

    /// The header that carries its value.
    #[must_use]
    pub const fn header(self) -> &'static str {
        match self {
            Self::Crc32 => "x-amz-checksum-crc32",
            Self::Crc32c => "x-amz-checksum-crc32c",
            Self::Crc64Nvme => "x-amz-checksum-crc64nvme",
            Self::Sha1 => "x-amz-checksum-sha1",
            Self::Sha256 => "x-amz-checksum-sha256",
        }
    }

    /// By its word, in any case.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.word().eq_ignore_ascii_case(word))
    }

    /// By its header, in any case.
    #[must_use]
    pub fn of_header(header: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.header().eq_ignore_ascii_case(header.trim()))
    }

    const fn length(self) -> usize {
        match self {
            Self::Crc32 | Self::Crc32c => 4,
            Self::Crc64Nvme => 8,
            Self::Sha1 => 20,
            Self::Sha256 => 32,
        }
    }

    const fn crc(self) -> Option<crc_fast::CrcAlgorithm> {
        match self {
            Self::Crc32 => Some(crc_fast::CrcAlgorithm::Crc32IsoHdlc),
            Self::Crc32c => Some(crc_fast::CrcAlgorithm::Crc32Iscsi),
            Self::Crc64Nvme => Some(crc_fast::CrcAlgorithm::Crc64Nvme),
            Self::Sha1 | Self::Sha256 => None,
        }
    }
}

/// How the checksum of an object in parts was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ChecksumKind {
    /// Of all its bytes.
    #[default]
    #[serde(rename = "FULL_OBJECT")]
    Full,
    /// Of the parts' checksums.
    #[serde(rename = "COMPOSITE")]
    Composite,
}

impl ChecksumKind {
    /// The word in headers and XML.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Full => "FULL_OBJECT",
            Self::Composite => "COMPOSITE",
        }
    }
}

/// Values by algorithm, in base64.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Checksums {
    /// CRC32
    #[serde(skip_serializing_if = "Option::is_none")]
    pub crc32: Option<String>,
    /// CRC32C
    #[serde(skip_serializing_if = "Option::is_none")]
    pub crc32c: Option<String>,
    /// CRC64NVME
    #[serde(skip_serializing_if = "Option::is_none")]
    pub crc64nvme: Option<String>,
    /// SHA1
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha1: Option<String>,
    /// SHA256
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// Of all bytes, or of the parts' checksums.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<ChecksumKind>,
}

impl Checksums {
    /// Whether there is no value.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        Algorithm::ALL.into_iter().all(|algorithm| self.get(algorithm).is_none())
    }

    /// The value for an algorithm.
    #[must_use]
    pub fn get(&self, algorithm: Algorithm) -> Option<&str> {
        match algorithm {
            Algorithm::Crc32 => self.crc32.as_deref(),
            Algorithm::Crc32c => self.crc32c.as_deref(),
            Algorithm::Crc64Nvme => self.crc64nvme.as_deref(),
            Algorithm::Sha1 => self.sha1.as_deref(),
            Algorithm::Sha256 => self.sha256.as_deref(),
        }
    }

    /// Sets the value for an algorithm.
    pub fn set(&mut self, algorithm: Algorithm, value: Option<String>) {
        match algorithm {
            Algorithm::Crc32 => self.crc32 = value,
            Algorithm::Crc32c => self.crc32c = value,
            Algorithm::Crc64Nvme => self.crc64nvme = value,
            Algorithm::Sha1 => self.sha1 = value,
            Algorithm::Sha256 => self.sha256 = value,
        }
    }

    /// Algorithms that have a value.
    pub fn algorithms(&self) -> impl Iterator<Item = Algorithm> + '_ {
        Algorithm::ALL.into_iter().filter(|algorithm| self.get(*algorithm).is_some())
    }

    /// Compares what the client said with what arrived.
    ///
    /// # Errors
    /// `InvalidRequest` when a value is malformed, `BadDigest` when one differs.
    pub fn verify(&self, computed: &Self) -> Result<(), StoreError> {
        for algorithm in self.algorithms() {
            let said = self.get(algorithm).unwrap_or_default();
            let well_formed = BASE64.decode(said).is_ok_and(|raw| raw.len() == algorithm.length());
            if !well_formed {
                return Err(StoreError::request(format!(
                    "Value for {} header is invalid.",
                    algorithm.header()
                )));
            }
            if computed.get(algorithm) != Some(said) {
                return Err(StoreError::refused(
                    S3ErrorCode::BadDigest,
                    format!("The {} you specified did not match the calculated checksum.", algorithm.word()),
                ));
            }
        }
        Ok(())
    }
}

/// Computes the checksums of `algorithms` in one pass.
#[must_use]
pub fn hasher(algorithms: impl IntoIterator<Item = Algorithm>) -> ChecksumHasher {
    let mut hasher = ChecksumHasher::default();
    for algorithm in algorithms {
        match algorithm {
            Algorithm::Crc32 => hasher.crc32 = Some(Crc32::new()),
            Algorithm::Crc32c => hasher.crc32c = Some(Crc32c::new()),
            Algorithm::Crc64Nvme => hasher.crc64nvme = Some(Crc64Nvme::new()),
            Algorithm::Sha1 => hasher.sha1 = Some(Sha1::new()),
            Algorithm::Sha256 => hasher.sha256 = Some(Sha256::new()),
        }
    }
    hasher
}

/// What [`hasher`] computed.
#[must_use]
pub fn finish(hasher: ChecksumHasher) -> Checksums {
    let done = hasher.finalize();
    Checksums {
        crc32: done.checksum_crc32,
        crc32c: done.checksum_crc32c,
        crc64nvme: done.checksum_crc64nvme,
        sha1: done.checksum_sha1,
        sha256: done.checksum_sha256,
        kind: None,
    }
}

/// The checksum of an object from those of its parts: value in base64 and size of each part, in order.
/// `None` when a part's value is malformed, or the kind is impossible for the algorithm.
#[must_use]
pub fn combine<'a>(
    algorithm: Algorithm,
    kind: ChecksumKind,
    parts: impl IntoIterator<Item = (&'a str, u64)>,
) -> Option<String> {
    match kind {
        ChecksumKind::Composite => composite(algorithm, parts),
        ChecksumKind::Full => full(algorithm, parts),
    }
}

fn composite<'a>(algorithm: Algorithm, parts: impl IntoIterator<Item = (&'a str, u64)>) -> Option<String> {
    let mut all = hasher([algorithm]);
    let mut count = 0_u32;
    for (value, _) in parts {
        all.update(&BASE64.decode(value).ok()?);
        count += 1;
    }
    finish(all).get(algorithm).map(|value| format!("{value}-{count}"))
}

fn full<'a>(algorithm: Algorithm, parts: impl IntoIterator<Item = (&'a str, u64)>) -> Option<String> {
    let crc = algorithm.crc()?;
    let width = algorithm.length();
    let mut total: Option<u64> = None;
    for (value, size) in parts {
        let raw = BASE64.decode(value).ok().filter(|raw| raw.len() == width)?;
        let part = raw.iter().fold(0_u64, |sum, byte| (sum << 8) | u64::from(*byte));
        total = Some(total.map_or(part, |sum| crc_fast::checksum_combine(crc, sum, part, size)));
    }
    Some(BASE64.encode(total?.to_be_bytes().get(8 - width..)?))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn of(algorithm: Algorithm, data: &[u8]) -> String {
        let mut hasher = hasher([algorithm]);
        hasher.update(data);
        finish(hasher).get(algorithm).unwrap().to_owned()
    }

    #[test]
    fn a_full_checksum_of_parts_is_that_of_the_whole() {
        let data: Vec<u8> = (0..100_000_u32).map(|n| n.to_le_bytes()[1]).collect();
        for algorithm in [Algorithm::Crc32, Algorithm::Crc32c, Algorithm::Crc64Nvme] {
            let parts: Vec<_> =
                data.chunks(33_333).map(|part| (of(algorithm, part), part.len() as u64)).collect();
            let combined = combine(
                algorithm,
                ChecksumKind::Full,
                parts.iter().map(|(value, size)| (value.as_str(), *size)),
            );
            assert_eq!(combined, Some(of(algorithm, &data)), "{algorithm:?}");
        }
        assert_eq!(combine(Algorithm::Sha256, ChecksumKind::Full, [("", 0)]), None);
    }

    #[test]
    fn known_values() {
        // The check values of the CRC catalogue for "123456789".
        assert_eq!(of(Algorithm::Crc32, b"123456789"), BASE64.encode(0xcbf4_3926_u32.to_be_bytes()));
        assert_eq!(of(Algorithm::Crc32c, b"123456789"), BASE64.encode(0xe306_9283_u32.to_be_bytes()));
        assert_eq!(
            of(Algorithm::Crc64Nvme, b"123456789"),
            BASE64.encode(0xae8b_1486_0a79_9888_u64.to_be_bytes())
        );
    }
}
