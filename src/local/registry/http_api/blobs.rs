//! Blobs are read, whole or in part.

use super::answer::{DIGEST, RegistryResult, missing, respond, wrong};
use super::{PIECE, Registry};
use crate::protocol::body::empty;
use crate::registry::names::hex_of;
use futures::TryStreamExt;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use std::io;
use tokio::io::{AsyncReadExt, AsyncSeekExt};

impl Registry {
    pub(super) async fn get_blob(&self, digest: &str, headers: &HeaderMap) -> RegistryResult {
        hex_of(digest)
            .ok_or_else(|| wrong("DIGEST_INVALID", format!("{digest:?} is not a sha256 digest")))?;
        let (path, size) = self.content.blob(digest).ok_or_else(|| missing("BLOB_UNKNOWN", digest))?;
        // Somebody will skip the upload because of this answer.
        self.content.touch(digest);
        let range = headers.get(header::RANGE).and_then(|range| range.to_str().ok());
        let (first, last, status) = match range.and_then(|range| parse_range(range, size)) {
            Some(Ok((first, last))) => (first, last, StatusCode::PARTIAL_CONTENT),
            Some(Err(())) => {
                let all = format!("bytes */{size}");
                return Ok(respond(
                    StatusCode::RANGE_NOT_SATISFIABLE,
                    empty(),
                    &[(header::CONTENT_RANGE, &all)],
                ));
            }
            None => (0, size.saturating_sub(1), StatusCode::OK),
        };
        let length = if size == 0 { 0 } else { last - first + 1 };
        let mut file = tokio::fs::File::open(path).await?;
        file.seek(io::SeekFrom::Start(first)).await?;
        let stream = tokio_util::io::ReaderStream::with_capacity(file.take(length), PIECE);
        let body = BodyExt::boxed_unsync(StreamBody::new(stream.map_ok(Frame::data)));
        let content_range = format!("bytes {first}-{last}/{size}");
        let mut response = respond(
            status,
            body,
            &[
                (header::CONTENT_TYPE, "application/octet-stream"),
                (header::CONTENT_LENGTH, &length.to_string()),
                (header::ACCEPT_RANGES, "bytes"),
                (header::ETAG, &format!("\"{digest}\"")),
                (DIGEST, digest),
            ],
        );
        if status == StatusCode::PARTIAL_CONTENT
            && let Ok(value) = HeaderValue::from_str(&content_range)
        {
            response.headers_mut().insert(header::CONTENT_RANGE, value);
        }
        Ok(response)
    }
}

/// The first and the last byte that are asked for; `Err` when they are not there; `None` when it is not a range that we
/// know.
fn parse_range(range: &str, size: u64) -> Option<Result<(u64, u64), ()>> {
    let (first, last) = range.strip_prefix("bytes=")?.split_once('-')?;
    if first.is_empty() {
        let length: u64 = last.parse().ok()?;
        return Some(if length > 0 && size > 0 {
            Ok((size.saturating_sub(length), size - 1))
        } else {
            Err(())
        });
    }
    let first: u64 = first.parse().ok()?;
    let last = if last.is_empty() { u64::MAX } else { last.parse().ok()? };
    Some(if first < size && first <= last { Ok((first, last.min(size - 1))) } else { Err(()) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_as_http_has_them() {
        assert_eq!(parse_range("bytes=0-4", 10), Some(Ok((0, 4))));
        assert_eq!(parse_range("bytes=3-", 10), Some(Ok((3, 9))));
        assert_eq!(parse_range("bytes=3-99", 10), Some(Ok((3, 9))));
        assert_eq!(parse_range("bytes=-4", 10), Some(Ok((6, 9))));
        assert_eq!(parse_range("bytes=-40", 10), Some(Ok((0, 9))));
        for absent in ["bytes=10-", "bytes=5-4", "bytes=-0"] {
            assert_eq!(parse_range(absent, 10), Some(Err(())), "{absent}");
        }
        assert_eq!(parse_range("bytes=0-", 0), Some(Err(())));
        assert_eq!(parse_range("lines=1-2", 10), None);
    }
}
