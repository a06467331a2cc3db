//! What happens to one request.

use super::abort::Abort;
use super::decide::{Faults, Ruling};
use super::kind::RequestFault;
use super::operation::{Operation, caller, of_request};
use super::{answers, bodies};
use crate::access::Access;
use crate::protocol::Body;
use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::BodyExt as _;

/// The connection is to end without an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a fault: no answer")]
pub struct Hangup;

/// Answers a request with `handle`, unless the plan has a fault for it.
///
/// # Errors
/// [`Hangup`]: the connection is to be ended.
pub async fn around<B, F>(
    faults: &Faults,
    access: &Access,
    abort: Option<Abort>,
    request: Request<B>,
    handle: impl FnOnce(Request<B>) -> F,
) -> Result<Response<Body>, Hangup>
where
    B: http_body::Body<Data = Bytes> + Unpin,
    F: Future<Output = Response<Body>>,
{
    let (parts, body) = request.into_parts();
    let Some(operation) = of_request(&parts) else {
        return Ok(handle(Request::from_parts(parts, body)).await);
    };
    let path = percent_encoding::percent_decode_str(parts.uri.path()).decode_utf8_lossy().into_owned();
    let ruling = faults.request(operation, caller(&parts, access), &path);
    let request = Request::from_parts(parts, body);
    let response = match ruling {
        None => Ok(handle(request).await),
        Some(ruling) => {
            tracing::info!(%operation, path, rule = ruling.rule + 1, nth = ruling.nth, "a fault");
            let injection = Injection { faults, operation, abort, ruling };
            injection.run(request, handle).await
        }
    };
    faults.answered(operation);
    response
}

struct Injection<'a> {
    faults: &'a Faults,
    operation: Operation,
    abort: Option<Abort>,
    ruling: Ruling<RequestFault>,
}

impl Injection<'_> {
    async fn run<B, F>(
        self,
        request: Request<B>,
        handle: impl FnOnce(Request<B>) -> F,
    ) -> Result<Response<Body>, Hangup>
    where
        B: http_body::Body<Data = Bytes> + Unpin,
        F: Future<Output = Response<Body>>,
    {
        let head = *request.method() == Method::HEAD;
        match self.ruling.fault {
            RequestFault::ResetRequest(bytes) => {
                receive(request.into_body(), bytes).await;
                self.hang_up()
            }
            RequestFault::ResetResponse(bytes) => {
                let response = handle(request).await;
                if bytes == 0 || head { self.hang_up() } else { Ok(bodies::cut(response, bytes, self.abort)) }
            }
            RequestFault::Truncate(bytes) => {
                let response = handle(request).await;
                if bytes == 0 || head { Err(Hangup) } else { Ok(bodies::cut(response, bytes, None)) }
            }
            RequestFault::Slow(rate) => Ok(bodies::slow(handle(request).await, rate)),
            RequestFault::Delay(wait) => {
                tokio::time::sleep(wait).await;
                Ok(handle(request).await)
            }
            RequestFault::Hold(_, times) => {
                self.faults.hold(self.ruling.rule, times).await;
                Ok(handle(request).await)
            }
            RequestFault::Untagged => Ok(answers::without_tags(handle(request).await).await),
            RequestFault::Hang => std::future::pending().await,
            RequestFault::HangAfter => {
                let _ = handle(request).await;
                std::future::pending().await
            }
            ref told => {
                let date = request.headers().get("x-amz-date").and_then(|date| date.to_str().ok());
                let date = date.unwrap_or_default().to_owned();
                let method = request.method().clone();
                match answers::refusal(told, self.operation, &method, &date) {
                    Some(refusal) => {
                        // A client that is still sending would see a reset instead of the answer.
                        receive(request.into_body(), u64::MAX).await;
                        Ok(refusal)
                    }
                    None => Ok(handle(request).await),
                }
            }
        }
    }

    fn hang_up(&self) -> Result<Response<Body>, Hangup> {
        if let Some(abort) = &self.abort {
            abort.arm();
        }
        Err(Hangup)
    }
}

/// Reads a body and drops it: so many bytes, or all.
async fn receive<B: http_body::Body<Data = Bytes> + Unpin>(mut body: B, most: u64) {
    let mut seen = 0;
    while seen < most
        && let Some(Ok(frame)) = body.frame().await
    {
        seen += frame.data_ref().map_or(0, |data| data.len() as u64);
    }
}
