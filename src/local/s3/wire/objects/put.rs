//! `PutObject`.

use super::super::convert::{
    Claims, checksum_type, etag, given_checksums, put_checksums, tag, timestamp_to_ms, verify_md5,
};
use super::super::{S3Answer, ids};
use super::meta::{encryption, parse_tags, storage_class, strip_chunked};
use crate::s3::ObjectStore;
use crate::s3::checksum::{Algorithm, ChecksumKind, Checksums};
use crate::s3::intake::{INLINE_MAX, receive};
use crate::s3::meta::ObjectMeta;
use crate::s3::store::{Conditions, NewObject};
use s3s::dto::{PutObjectInput, PutObjectOutput};
use s3s::{S3Request, S3Response};

pub async fn put(store: &ObjectStore, mut req: S3Request<PutObjectInput>) -> S3Answer<PutObjectOutput> {
    let ids = ids(&req);
    let input = &mut req.input;
    let claims = Claims::read(&req.headers, given_checksums!(input), Some(Algorithm::Crc64Nvme));
    let mut meta = ObjectMeta {
        content_type: input.content_type.take(),
        cache_control: input.cache_control.take(),
        content_disposition: input.content_disposition.take(),
        content_encoding: strip_chunked(input.content_encoding.take().as_deref()),
        content_language: input.content_language.take(),
        expires_ms: input.expires.take().as_ref().map(timestamp_to_ms),
        redirect: input.website_redirect_location.take(),
        storage_class: storage_class(input.storage_class.take()),
        user: input.metadata.take().unwrap_or_default().into_iter().collect(),
        tags: parse_tags(input.tagging.take().as_deref())?,
        sealed: input.server_side_encryption.is_some(),
        ..ObjectMeta::default()
    };
    let received = receive(&store.blobs, input.body.take(), &claims.algorithms, Some(INLINE_MAX)).await?;
    received.expect(claims.size)?;
    verify_md5(input.content_md5.as_deref(), &received.md5)?;
    claims.verify(&received.checksums, req.trailing_headers.as_ref())?;
    meta.checksums = Checksums { kind: Some(ChecksumKind::Full), ..received.checksums.clone() };
    let mut new = NewObject::received(&input.bucket, &input.key, received, meta, ids);
    new.conditions =
        Conditions { if_match: tag(input.if_match.take()), if_none_match: tag(input.if_none_match.take()) };
    let stored = store.put(new).await?;
    let mut output = PutObjectOutput {
        e_tag: Some(etag(&stored.etag)),
        checksum_type: checksum_type(stored.meta.checksums.kind),
        server_side_encryption: encryption(&stored.meta),
        ..Default::default()
    };
    put_checksums!(output, &stored.meta.checksums);
    Ok(S3Response::new(output))
}
