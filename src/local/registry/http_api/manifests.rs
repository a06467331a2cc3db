//! Manifests are read, stored and removed.

use super::Registry;
use super::answer::{DIGEST, RegistryResult, missing, problem, respond, unsupported, wrong};
use crate::protocol::body::{empty, full};
use crate::registry::manifest::Manifest;
use crate::registry::names::Reference;
use http::{Method, Request, StatusCode, header};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use sha2::{Digest, Sha256};

/// The largest manifest that is taken; what distribution takes.
const MAX_MANIFEST: usize = 4 << 20;

impl Registry {
    pub(super) async fn manifest(
        &self,
        request: Request<Incoming>,
        name: &str,
        text: &str,
    ) -> RegistryResult {
        let reference = Reference::parse(text).ok_or_else(|| {
            wrong("MANIFEST_INVALID", format!("{text:?} is neither a tag nor a sha256 digest"))
        })?;
        match *request.method() {
            Method::GET | Method::HEAD => {
                let unknown = || missing("MANIFEST_UNKNOWN", &format!("{name}:{text}"));
                let digest = self.content.find(name, &reference).ok_or_else(unknown)?;
                let bytes = self.content.read(&digest)?.ok_or_else(unknown)?;
                let kind = self.content.media_type(name, &digest).unwrap_or_default();
                let headers = [
                    (header::CONTENT_TYPE, kind.as_str()),
                    (DIGEST, &digest),
                    (header::ETAG, &format!("\"{digest}\"")),
                    (header::CONTENT_LENGTH, &bytes.len().to_string()),
                ];
                Ok(respond(StatusCode::OK, full(bytes), &headers))
            }
            Method::PUT => self.put_manifest(request, name, &reference).await,
            Method::DELETE => {
                let removed = match &reference {
                    Reference::Tag(tag) => self.content.remove_tag(name, tag)?,
                    Reference::Digest(digest) => self.content.remove_manifest(name, digest)?,
                };
                if !removed {
                    return Err(missing("MANIFEST_UNKNOWN", &format!("{name}:{text}")));
                }
                Ok(respond(StatusCode::ACCEPTED, empty(), &[]))
            }
            _ => Err(unsupported(request.method())),
        }
    }

    async fn put_manifest(
        &self,
        request: Request<Incoming>,
        name: &str,
        reference: &Reference,
    ) -> RegistryResult {
        let claimed = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        let claimed = claimed.map(|kind| kind.split(';').next().unwrap_or_default().trim().to_owned());
        let body = Limited::new(request.into_body(), MAX_MANIFEST).collect().await;
        let bytes =
            body.map_err(|error| wrong("MANIFEST_INVALID", format!("reading it: {error}")))?.to_bytes();
        let manifest: Manifest = serde_json::from_slice(&bytes)
            .map_err(|error| wrong("MANIFEST_INVALID", format!("not a manifest: {error}")))?;
        let digest = format!("sha256:{}", hex::encode(Sha256::digest(&bytes)));
        if let Reference::Digest(named) = reference
            && *named != digest
        {
            return Err(wrong("DIGEST_INVALID", format!("the manifest's digest is {digest}, not {named}")));
        }
        if let (Some(inner), Some(outer)) = (&manifest.media_type, &claimed)
            && inner != outer
        {
            return Err(wrong("MANIFEST_INVALID", format!("it says {inner}, the request {outer}")));
        }
        let needed = manifest.blobs().map(|blob| (blob, "MANIFEST_BLOB_UNKNOWN"));
        for (blob, code) in needed.chain(manifest.children().map(|child| (child, "MANIFEST_UNKNOWN"))) {
            if self.content.blob(blob).is_none() {
                return Err(problem(StatusCode::NOT_FOUND, code, format!("{blob} was not pushed")));
            }
        }
        let kind = claimed.unwrap_or_else(|| manifest.kind().to_owned());
        self.content.store(&bytes)?;
        self.content.put_manifest(name, reference, &digest, &kind)?;
        let location = format!("/v2/{name}/manifests/{digest}");
        Ok(respond(StatusCode::CREATED, empty(), &[(header::LOCATION, &location), (DIGEST, &digest)]))
    }
}
