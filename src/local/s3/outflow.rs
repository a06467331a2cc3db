//! Bodies on their way out: from memory, or from files a block at a time with one block read ahead.

use super::blobs::Blobs;
use super::meta::Piece;
use bytes::Bytes;
use s3s::Body;
use s3s::dto::StreamingBlob;
use s3s::stream::{ByteStream, RemainingLength};
use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt as _;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tokio::task::JoinHandle;

const BLOCK: u64 = 512 * 1024;
/// Files up to this number are opened before the answer begins, so that a deletion cannot take them away.
const OPEN_AHEAD: usize = 256;

/// A body from memory.
#[must_use]
pub fn of_bytes(data: Bytes) -> StreamingBlob {
    StreamingBlob::from(Body::from(data))
}

/// The bytes of `range` of a body that is made of `pieces`.
///
/// # Errors
/// When a file is gone (it was overwritten since its record was read), or shorter than it was.
pub fn of_files(blobs: &Blobs, pieces: &[Piece], range: Range<u64>) -> io::Result<StreamingBlob> {
    let stretches = cut(pieces, range.clone());
    let eager = stretches.len() <= OPEN_AHEAD;
    let mut plan = VecDeque::with_capacity(stretches.len());
    for stretch in stretches {
        let source = if eager {
            Source::Open(Arc::new(whole(blobs.read(&stretch.file)?, &stretch)?))
        } else {
            Source::Named(blobs.clone(), stretch.file)
        };
        plan.push_back(Stretch { source, offset: stretch.offset, left: stretch.size });
    }
    Ok(StreamingBlob::new(FileStream { plan, reading: None, left: range.end - range.start }))
}

/// The file, unless it ends before a stretch of it does: its client is told so before it is promised the bytes.
fn whole(file: File, stretch: &Piece) -> io::Result<File> {
    if file.metadata()?.len() < stretch.offset + stretch.size {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "its file is shorter than it was"));
    }
    Ok(file)
}

/// The stretches of files that make up `range`.
#[must_use]
pub fn cut(pieces: &[Piece], range: Range<u64>) -> Vec<Piece> {
    let mut start = 0;
    let mut stretches = Vec::new();
    for piece in pieces {
        let end = start + piece.size;
        let (from, to) = (range.start.max(start), range.end.min(end));
        if from < to {
            stretches.push(Piece {
                file: piece.file.clone(),
                offset: piece.offset + (from - start),
                size: to - from,
            });
        }
        start = end;
    }
    stretches
}

enum Source {
    Open(Arc<File>),
    Named(Blobs, String),
}

struct Stretch {
    source: Source,
    offset: u64,
    left: u64,
}

struct FileStream {
    plan: VecDeque<Stretch>,
    reading: Option<JoinHandle<io::Result<Bytes>>>,
    left: u64,
}

impl FileStream {
    fn read_ahead(&mut self) -> io::Result<()> {
        let Some(stretch) = self.plan.front_mut() else { return Ok(()) };
        if let Source::Named(blobs, id) = &stretch.source {
            stretch.source = Source::Open(Arc::new(blobs.read(id)?));
        }
        let Source::Open(file) = &stretch.source else { return Ok(()) };
        let (file, offset, size) = (file.clone(), stretch.offset, stretch.left.min(BLOCK));
        stretch.offset += size;
        stretch.left -= size;
        if stretch.left == 0 {
            self.plan.pop_front();
        }
        self.reading = Some(tokio::task::spawn_blocking(move || {
            let mut block = vec![0; usize::try_from(size).unwrap_or_default()];
            file.read_exact_at(&mut block, offset)?;
            Ok(block.into())
        }));
        Ok(())
    }
}

impl futures::Stream for FileStream {
    type Item = Result<Bytes, s3s::StdError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.reading.is_none() {
            self.read_ahead()?;
        }
        let Some(reading) = self.reading.as_mut() else { return Poll::Ready(None) };
        let block = ready!(Pin::new(reading).poll(cx));
        self.reading = None;
        let block = block.map_err(io::Error::other)??;
        self.left = self.left.saturating_sub(block.len() as u64);
        self.read_ahead()?;
        Poll::Ready(Some(Ok(block)))
    }
}

impl ByteStream for FileStream {
    fn remaining_length(&self) -> RemainingLength {
        RemainingLength::new_exact(usize::try_from(self.left).unwrap_or(usize::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_cut_out_of_its_pieces() {
        let piece = |file: &str, offset, size| Piece { file: file.into(), offset, size };
        let pieces = [piece("a", 0, 10), piece("b", 5, 10), piece("c", 0, 10)];
        assert_eq!(cut(&pieces, 8..22), [piece("a", 8, 2), piece("b", 5, 10), piece("c", 0, 2)]);
        assert_eq!(cut(&pieces, 12..13), [piece("b", 7, 1)]);
        assert_eq!(cut(&pieces, 0..30), pieces);
        assert_eq!(cut(&pieces, 4..4), []);
    }
}
