//! Bodies of requests that must go on arriving: a client that sends half of one and waits holds a connection, memory and a
//! descriptor, and need not have credentials for that.

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::{Instant, Sleep};

/// How long a body may stand still. AWS closes such connections after about 20 s; a stopped process (Ctrl-Z) that goes on
/// is nobody's attack.
pub const STANDSTILL: Duration = Duration::from_mins(1);

/// A body that fails when nothing of it arrives for [`STANDSTILL`].
#[derive(Debug)]
pub struct Timed<B> {
    body: B,
    sleep: Pin<Box<Sleep>>,
    limit: Duration,
}

impl<B> Timed<B> {
    /// With the usual limit.
    pub fn new(body: B) -> Self {
        Self::with_limit(body, STANDSTILL)
    }

    fn with_limit(body: B, limit: Duration) -> Self {
        Self { body, sleep: Box::pin(tokio::time::sleep(limit)), limit }
    }
}

type Failure = Box<dyn std::error::Error + Send + Sync>;

impl<B> Body for Timed<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<Failure>,
{
    type Data = Bytes;
    type Error = Failure;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(context) {
            let limit = self.limit;
            self.sleep.as_mut().reset(Instant::now() + limit);
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        if self.sleep.as_mut().poll(context).is_ready() {
            return Poll::Ready(Some(Err("the rest of the body did not arrive in time".into())));
        }
        Poll::Pending
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::{BodyExt as _, StreamBody};

    #[tokio::test]
    async fn a_body_that_stands_still_fails_and_one_that_arrives_does_not() {
        let frame =
            |text: &'static str| Ok::<_, std::io::Error>(Frame::data(Bytes::from_static(text.as_bytes())));
        let whole = StreamBody::new(futures::stream::iter([frame("a"), frame("b")]));
        let limit = Duration::from_millis(20);
        let read = Timed::with_limit(whole, limit).collect().await.map(http_body_util::Collected::to_bytes);
        assert_eq!(read.ok().as_deref(), Some(&b"ab"[..]));
        let half = futures::StreamExt::chain(futures::stream::iter([frame("a")]), futures::stream::pending());
        let failed = Timed::with_limit(StreamBody::new(half), limit).collect().await;
        assert!(failed.is_err_and(|error| error.to_string().contains("in time")));
    }
}
