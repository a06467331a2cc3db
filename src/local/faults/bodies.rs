//! Bodies that break off or dribble.

use super::abort::Abort;
use crate::protocol::Body;
use bytes::Bytes;
use futures::StreamExt as _;
use http::{HeaderValue, Response, header};
use http_body::{Body as _, Frame};
use http_body_util::{BodyExt as _, BodyStream, StreamBody};
use std::time::Duration;

/// Pieces of a slow body in a second.
const PIECES: u64 = 10;

type Item = Result<Frame<Bytes>, std::io::Error>;

/// The answer with its body cut after so many bytes, in any case before its end. With `abort` the connection is reset
/// then, else closed.
pub(super) fn cut(mut response: Response<Body>, bytes: u64, abort: Option<Abort>) -> Response<Body> {
    let length = announce(&mut response);
    let left = length.map_or(bytes, |length| bytes.min(length.saturating_sub(1)));
    response.map(|body| {
        let frames = futures::stream::unfold(Some((BodyStream::new(body), left, abort)), |state| async {
            let (mut body, left, abort) = state?;
            if left > 0
                && let Some(Ok(frame)) = body.next().await
                && let Ok(data) = frame.into_data()
            {
                let most = usize::try_from(left).unwrap_or(usize::MAX).min(data.len());
                let left = left - most as u64;
                return Some((Ok(Frame::data(data.slice(..most))), Some((body, left, abort))));
            }
            if let Some(abort) = abort {
                abort.arm();
            }
            Some((Err(std::io::Error::other("a fault: the answer breaks off")), None))
        });
        StreamBody::new(frames).boxed_unsync()
    })
}

/// The answer with a body that comes at so many bytes per second.
pub(super) fn slow(mut response: Response<Body>, rate: u64) -> Response<Body> {
    announce(&mut response);
    let piece = usize::try_from(rate.div_ceil(PIECES)).unwrap_or(usize::MAX).max(1);
    response.map(|body| {
        let frames =
            futures::stream::unfold((BodyStream::new(body), Bytes::new()), move |state| async move {
                let (mut body, mut rest) = state;
                if rest.is_empty() {
                    match body.next().await? {
                        Ok(frame) => rest = frame.into_data().unwrap_or_default(),
                        Err(error) => return Some((Err(error), (body, rest))),
                    }
                }
                tokio::time::sleep(Duration::from_millis(1000 / PIECES)).await;
                let now = rest.split_to(piece.min(rest.len()));
                let item: Item = Ok(Frame::data(now));
                Some((item, (body, rest)))
            });
        StreamBody::new(frames).boxed_unsync()
    })
}

/// Says the length of a body before it becomes a stream, which knows none.
fn announce(response: &mut Response<Body>) -> Option<u64> {
    let length = response.body().size_hint().exact();
    if let Some(length) = length
        && !response.headers().contains_key(header::CONTENT_LENGTH)
    {
        response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    }
    length.or_else(|| super::operation::content_length(response.headers()))
}
