//! Bodies on their way in: hashed once while they arrive, small ones kept in memory, larger ones written to a file.

use super::blobs::{Blobs, Draft};
use super::checksum::{self, Algorithm, Checksums};
use super::error::StoreError;
use super::meta::Piece;
use bytes::{Bytes, BytesMut};
use futures::StreamExt as _;
use md5::{Digest as _, Md5};
use s3s::S3ErrorCode;
use s3s::checksum::ChecksumHasher;
use s3s::dto::StreamingBlob;
use std::fs::File;
use std::io::Write as _;

/// Bodies up to this size live in the database.
pub const INLINE_MAX: u64 = 64 * 1024;
/// The largest body of one PUT or part: 5 GiB.
pub const PUT_MAX: u64 = 5 * 1024 * 1024 * 1024;
/// How much is collected before it goes to the file.
const BLOCK: usize = 1024 * 1024;

/// Where the bytes are.
#[derive(Debug)]
pub enum Payload {
    /// In memory, to be stored in the database.
    Inline(Bytes),
    /// In files, synced, that no record names yet.
    Files(Vec<(Draft, Piece)>),
}

/// A body that has arrived.
#[derive(Debug)]
pub struct Received {
    /// Where it is.
    pub payload: Payload,
    /// Its size.
    pub size: u64,
    /// Its MD5.
    pub md5: [u8; 16],
    /// The checksums asked for.
    pub checksums: Checksums,
}

impl Received {
    /// Compares what arrived with how much the client said it would be: a body in chunks that is cut at the end of one
    /// is well-formed.
    ///
    /// # Errors
    /// `IncompleteBody`, `MissingContentLength`
    pub fn expect(&self, said: Option<u64>) -> Result<(), StoreError> {
        match said {
            None if self.size > 0 => Err(StoreError::refused(
                S3ErrorCode::MissingContentLength,
                "You must provide the Content-Length HTTP header.",
            )),
            Some(said) if said != self.size => Err(StoreError::refused(
                S3ErrorCode::IncompleteBody,
                format!(
                    "You did not provide the number of bytes specified by the x-amz-decoded-content-length HTTP header \
                     ({} of {said} arrived)",
                    self.size
                ),
            )),
            _ => Ok(()),
        }
    }
}

struct Hashers {
    md5: Md5,
    checksums: ChecksumHasher,
}

impl Hashers {
    fn new(algorithms: &[Algorithm]) -> Self {
        Self { md5: Md5::new(), checksums: checksum::hasher(algorithms.iter().copied()) }
    }

    fn update(&mut self, data: &[u8]) {
        self.md5.update(data);
        self.checksums.update(data);
    }

    fn finish(self) -> ([u8; 16], Checksums) {
        (self.md5.finalize().into(), checksum::finish(self.checksums))
    }
}

/// Takes a body that is in memory already.
#[must_use]
pub fn of_bytes(data: Bytes, algorithms: &[Algorithm]) -> Received {
    let mut hashers = Hashers::new(algorithms);
    hashers.update(&data);
    let (md5, checksums) = hashers.finish();
    Received { size: data.len() as u64, payload: Payload::Inline(data), md5, checksums }
}

/// Reads `body` to its end. `inline` is the most that may stay in memory; `None` for always a file.
///
/// # Errors
/// When the client stops, sends more than 5 GiB, its signature or chunk framing is wrong, or the disk fails.
pub async fn receive(
    blobs: &Blobs,
    body: Option<StreamingBlob>,
    algorithms: &[Algorithm],
    inline: Option<u64>,
) -> Result<Received, StoreError> {
    let mut body = body.unwrap_or_else(|| StreamingBlob::from(s3s::Body::empty()));
    let mut chunks = Chunks::default();
    let Some(inline) = inline else { return spill(blobs, body, chunks, algorithms).await };
    while let Some(chunk) = body.next().await {
        chunks.push(chunk.map_err(|error| client_error(&error))?);
        if chunks.size as u64 > inline {
            return spill(blobs, body, chunks, algorithms).await;
        }
    }
    Ok(of_bytes(chunks.join(), algorithms))
}

#[derive(Default)]
struct Chunks {
    list: Vec<Bytes>,
    size: usize,
}

impl Chunks {
    fn push(&mut self, chunk: Bytes) {
        self.size += chunk.len();
        self.list.push(chunk);
    }

    fn join(mut self) -> Bytes {
        if self.list.len() == 1 {
            return self.list.swap_remove(0);
        }
        let mut all = BytesMut::with_capacity(self.size);
        self.list.iter().for_each(|chunk| all.extend_from_slice(chunk));
        all.freeze()
    }
}

/// Writing happens on a blocking thread, a block at a time, while the next block arrives.
async fn spill(
    blobs: &Blobs,
    mut body: StreamingBlob,
    mut chunks: Chunks,
    algorithms: &[Algorithm],
) -> Result<Received, StoreError> {
    let (hashers, blobs) = (Hashers::new(algorithms), blobs.clone());
    let mut writing = tokio::task::spawn_blocking(move || {
        let (draft, file) = blobs.create()?;
        Ok(Spilled { draft, file, hashers, size: 0 })
    });
    while let Some(chunk) = body.next().await {
        chunks.push(chunk.map_err(|error| client_error(&error))?);
        if chunks.size >= BLOCK {
            let spilled = joined(writing.await)?;
            writing = write(spilled, std::mem::take(&mut chunks));
        }
    }
    let spilled = joined(writing.await)?;
    let spilled = joined(write(spilled, chunks).await)?;
    let Spilled { draft, file, hashers, size } = spilled;
    tokio::task::spawn_blocking(move || file.sync_data()).await.map_err(std::io::Error::other)??;
    let (md5, checksums) = hashers.finish();
    let piece = Piece { file: draft.id().to_owned(), offset: 0, size };
    Ok(Received { payload: Payload::Files(vec![(draft, piece)]), size, md5, checksums })
}

struct Spilled {
    draft: Draft,
    file: File,
    hashers: Hashers,
    size: u64,
}

fn write(mut spilled: Spilled, chunks: Chunks) -> tokio::task::JoinHandle<Result<Spilled, StoreError>> {
    tokio::task::spawn_blocking(move || {
        spilled.size += chunks.size as u64;
        if spilled.size > PUT_MAX {
            return Err(StoreError::refused(
                S3ErrorCode::EntityTooLarge,
                "Your proposed upload exceeds the maximum allowed size",
            ));
        }
        for chunk in &chunks.list {
            spilled.hashers.update(chunk);
            spilled.file.write_all(chunk)?;
        }
        Ok(spilled)
    })
}

fn joined(
    outcome: Result<Result<Spilled, StoreError>, tokio::task::JoinError>,
) -> Result<Spilled, StoreError> {
    outcome.map_err(|error| StoreError::Io(std::io::Error::other(error)))?
}

/// The stream fails when the client hangs up, and when the body contradicts its signature.
fn client_error(error: &s3s::StdError) -> StoreError {
    let text = error.to_string();
    let lower = text.to_ascii_lowercase();
    if lower.contains("checksum") || lower.contains("sha256") {
        StoreError::named(
            "XAmzContentSHA256Mismatch",
            "The provided 'x-amz-content-sha256' header does not match what was computed.",
        )
    } else if lower.contains("signature") {
        StoreError::refused(
            S3ErrorCode::SignatureDoesNotMatch,
            "The request signature we calculated does not match the signature you provided. Check your key and \
             signing method.",
        )
    } else {
        StoreError::refused(
            S3ErrorCode::IncompleteBody,
            format!(
                "You did not provide the number of bytes specified by the Content-Length HTTP header ({text})"
            ),
        )
    }
}
