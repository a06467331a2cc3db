//! Lambda behind the cloud's one port.

use super::{Lambda, api};
use crate::access::Needs;
use crate::protocol::{Body, SignedService, UnsignedService};
use async_trait::async_trait;
use bytes::Bytes;
use http::request::Parts;
use http::{Request, Response};
use hyper::body::Incoming;

#[async_trait]
impl SignedService for Lambda {
    async fn handle(&self, request: Request<Bytes>) -> Response<Body> {
        Self::handle(self, request.map(http_body_util::Full::new)).await
    }

    fn needs(&self, parts: &Parts, body: &[u8]) -> Vec<Needs> {
        api::needs(parts, body)
    }

    fn busy(&self) -> bool {
        self.is_busy()
    }

    async fn status(&self) -> Option<serde_json::Value> {
        serde_json::to_value(Self::status(self).await).ok()
    }
}

/// The Runtime API of all environments: paths `/_env/<token>/…`.
#[derive(Clone, Debug)]
pub struct RuntimeApi(pub Lambda);

#[async_trait]
impl UnsignedService for RuntimeApi {
    async fn handle(&self, request: Request<Incoming>) -> Response<Body> {
        self.0.runtime_api(request).await
    }
}
