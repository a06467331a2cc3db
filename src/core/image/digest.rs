//! SHA-256 of what passes by.

use sha2::{Digest as _, Sha256};
use std::io::{Read, Write};

/// `sha256:<hex>` of some bytes.
pub(super) fn sha256(bytes: &[u8]) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(bytes)))
}

/// Whether it is `sha256:` and 64 lower-case hexadecimal digits: safe as a file name.
pub(super) fn is_sha256(digest: &str) -> bool {
    digest.strip_prefix("sha256:").is_some_and(|hex| {
        hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    })
}

/// Hashes and counts what is written or read through it.
pub(super) struct Metered<T> {
    inner: T,
    hash: Sha256,
    bytes: u64,
}

impl<T> Metered<T> {
    pub fn new(inner: T) -> Self {
        Self { inner, hash: Sha256::new(), bytes: 0 }
    }

    /// The inner writer or reader, the digest and the number of bytes.
    pub fn finish(self) -> (T, String, u64) {
        (self.inner, format!("sha256:{}", hex::encode(self.hash.finalize())), self.bytes)
    }

    pub const fn bytes(&self) -> u64 {
        self.bytes
    }
}

impl<W: Write> Write for Metered<W> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.hash.update(&bytes[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.inner.flush()
    }
}

impl<R: Read> Read for Metered<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.hash.update(&buffer[..read]);
        self.bytes += read as u64;
        Ok(read)
    }
}
