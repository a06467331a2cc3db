//! What answers requests, as the listener knows it.

use super::Body;
use crate::access::Needs;
use bytes::Bytes;
use http::request::Parts;
use http::{Request, Response};
use hyper::body::Incoming;

/// A service behind `SigV4`. Its body was read to check the signature.
#[async_trait::async_trait]
pub trait SignedService: Send + Sync + 'static {
    /// Answers a request whose signature was good, and whose caller may do what it needs. The caller
    /// ([`Caller`](crate::access::Caller)) is among its extensions.
    async fn handle(&self, request: Request<Bytes>) -> Response<Body>;

    /// What a request needs to be allowed; nothing when anybody who signs may do it.
    fn needs(&self, parts: &Parts, body: &[u8]) -> Vec<Needs>;

    /// Whether something is queued or running, so that the daemon must not end.
    fn busy(&self) -> bool {
        false
    }

    /// What `/_throng/status` shows of the service.
    async fn status(&self) -> Option<serde_json::Value> {
        None
    }
}

/// What keeps things that can become of no use.
#[async_trait::async_trait]
pub trait Collected: Send + Sync + 'static {
    /// Removes what nobody needs any more, at once; gives the bytes. The error is a sentence.
    async fn collect(&self) -> Result<u64, String>;
}

/// A service that knows its callers by other means: a token in the path, or Basic credentials checked before.
#[async_trait::async_trait]
pub trait UnsignedService: Send + Sync + 'static {
    /// Answers a request.
    async fn handle(&self, request: Request<Incoming>) -> Response<Body>;
}
