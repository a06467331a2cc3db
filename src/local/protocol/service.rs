//! What answers requests, as the listener knows it.

use super::Body;
use bytes::Bytes;
use http::{Request, Response};
use hyper::body::Incoming;

/// A service behind `SigV4`. Its body was read to check the signature.
#[async_trait::async_trait]
pub trait SignedService: Send + Sync + 'static {
    /// Answers a request whose signature was good.
    async fn handle(&self, request: Request<Bytes>) -> Response<Body>;

    /// Whether something is queued or running, so that the daemon must not end.
    fn busy(&self) -> bool {
        false
    }

    /// What `/_throng/status` shows of the service.
    async fn status(&self) -> Option<serde_json::Value> {
        None
    }
}

/// A service that knows its callers by other means: a token in the path, or Basic credentials checked before.
#[async_trait::async_trait]
pub trait UnsignedService: Send + Sync + 'static {
    /// Answers a request.
    async fn handle(&self, request: Request<Incoming>) -> Response<Body>;
}
