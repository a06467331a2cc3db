//! The tag that an object will have, before it is sent: a file that was sent before can be compared without fetching anything.

use super::UploadOptions;
use super::parts::{part_size, whole_etag};
use md5::{Digest as _, Md5};
use std::io::{self, Read};
use std::path::Path;

/// Bytes that are read at a time.
const CHUNK: usize = 1 << 20;

/// The `ETag` (without quotes) that S3 gives to a file of this size that is sent as `options` say, where it is a checksum:
/// buckets that encrypt with keys of KMS give others ([`is_checksum`]). Reads the whole file.
///
/// # Errors
/// The file cannot be read, or has another size by now.
pub fn etag_of(path: &Path, size: u64, options: &UploadOptions) -> io::Result<String> {
    let mut file = super::patience::open(path)?;
    let part = if size >= options.multipart { part_size(size, options.part) } else { size.max(1) };
    let mut tags = Vec::new();
    let mut rest = size;
    while rest > 0 || tags.is_empty() {
        let length = rest.min(part);
        tags.push((0, digest(&mut file, length)?));
        rest -= length;
    }
    if file.read(&mut [0])? > 0 {
        return Err(io::Error::other("it has grown"));
    }
    let whole = if size >= options.multipart { whole_etag(&tags) } else { tags.pop().map(|(_, tag)| tag) };
    whole.ok_or_else(|| io::Error::other("it has no tag"))
}

/// Whether a tag looks like a checksum of the object's bytes.
#[must_use]
pub fn is_checksum(etag: &str) -> bool {
    let (digest, parts) = etag.split_once('-').unwrap_or((etag, "1"));
    digest.len() == 32 && digest.bytes().all(|b| b.is_ascii_hexdigit()) && parts.parse::<u32>().is_ok()
}

/// MD5 of the next bytes, in hexadecimal.
fn digest(file: &mut impl Read, length: u64) -> io::Result<String> {
    let mut hash = Md5::new();
    let mut chunk = vec![0; CHUNK.min(usize::try_from(length).unwrap_or(CHUNK)).max(1)];
    let mut rest = length;
    while rest > 0 {
        let most = usize::try_from(rest).unwrap_or(CHUNK).min(chunk.len());
        let read = file.read(&mut chunk[..most])?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        hash.update(&chunk[..read]);
        rest -= read as u64;
    }
    Ok(hex::encode(hash.finalize()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn tags_are_those_that_s3_gives() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x");
        let options = UploadOptions { multipart: 6 << 20, part: 5 << 20, ..UploadOptions::default() };
        let tag = |bytes: &[u8]| {
            std::fs::write(&path, bytes).unwrap();
            etag_of(&path, bytes.len() as u64, &options).unwrap()
        };
        // printf abc | md5sum
        assert_eq!(tag(b"abc"), "900150983cd24fb0d6963f7d28e17f72");
        assert_eq!(tag(b""), "d41d8cd98f00b204e9800998ecf8427e");
        let large = vec![7; 11 << 20];
        let parts = [&large[..5 << 20], &large[5 << 20..10 << 20], &large[10 << 20..]];
        let parts: Vec<_> = parts.iter().map(|part| (0, hex::encode(Md5::digest(part)))).collect();
        assert_eq!(Some(tag(&large)), whole_etag(&parts));
        assert!(tag(&large).ends_with("-3") && is_checksum(&tag(&large)) && is_checksum(&tag(b"")));
        assert!(etag_of(&path, 3, &options).is_err() && etag_of(&path, 12 << 20, &options).is_err());
        for other in ["", "0xabc", "opaque-1", "d41d8cd98f00b204e9800998ecf8427e-x"] {
            assert!(!is_checksum(other), "{other}");
        }
    }
}
