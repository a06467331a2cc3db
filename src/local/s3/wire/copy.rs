//! `CopyObject`.

use super::convert::{
    checksum_type, etag, ms_to_timestamp, parse_algorithm, put_checksums, tag, timestamp_to_ms,
};
use super::objects::{ReadConditions, Verdict, check_version, parse_tags, storage_class, strip_chunked};
use super::{S3Answer, ids};
use crate::s3::ObjectStore;
use crate::s3::checksum::{Algorithm, ChecksumKind, Checksums};
use crate::s3::error::StoreError;
use crate::s3::intake::{INLINE_MAX, PUT_MAX, receive};
use crate::s3::meta::{ObjectMeta, ObjectRecord, PartLayout, Piece};
use crate::s3::outflow;
use crate::s3::store::{Conditions, Content, NewObject};
use s3s::dto::{
    CopyObjectInput, CopyObjectOutput, CopyObjectResult, CopySource, ETagCondition, MetadataDirective,
    StreamingBlob, TaggingDirective,
};
use s3s::{S3Request, S3Response};

/// The object that is copied.
pub struct Source {
    pub record: ObjectRecord,
    pub content: Content,
}

impl Source {
    /// Finds it and checks what the copier demands of it.
    pub fn find(
        store: &ObjectStore,
        source: &CopySource,
        conditions: &ReadConditions,
    ) -> Result<Self, StoreError> {
        let CopySource::Bucket { bucket, key, version_id } = source else {
            return Err(StoreError::argument(
                "Copy Source must mention the source bucket and key: sourcebucket/sourcekey",
            ));
        };
        check_version(version_id.as_deref())?;
        let (record, content) = store.get(bucket, key)?;
        match conditions.judge(&record) {
            Verdict::Go => Ok(Self { record, content }),
            Verdict::Failed | Verdict::NotModified => Err(StoreError::precondition()),
        }
    }
}

/// The bytes of `range` of an object.
pub fn source_blob(
    store: &ObjectStore,
    content: &Content,
    range: std::ops::Range<u64>,
) -> Result<StreamingBlob, StoreError> {
    match content {
        Content::Inline(data) => {
            let at = |position: u64| usize::try_from(position).unwrap_or(usize::MAX).min(data.len());
            Ok(outflow::of_bytes(data.slice(at(range.start)..at(range.end))))
        }
        Content::Parts(_) => {
            outflow::of_files(&store.blobs, &content.pieces(), range).map_err(StoreError::Unreadable)
        }
    }
}

pub async fn copy(store: &ObjectStore, req: S3Request<CopyObjectInput>) -> S3Answer<CopyObjectOutput> {
    let ids = ids(&req);
    let input = req.input;
    let source = Source::find(
        store,
        &input.copy_source,
        &ReadConditions {
            if_match: tag(input.copy_source_if_match.clone()),
            if_none_match: tag(input.copy_source_if_none_match.clone()),
            modified_since: input.copy_source_if_modified_since.as_ref().map(timestamp_to_ms),
            unmodified_since: input.copy_source_if_unmodified_since.as_ref().map(timestamp_to_ms),
        },
    )?;
    if source.record.size > PUT_MAX {
        return Err(StoreError::request(
            "The specified copy source is larger than the maximum allowable size for a copy source: 5368709120",
        )
        .into());
    }
    refuse_copy_onto_itself(&input)?;
    let conditions = Conditions {
        if_match: header_tag(&req.headers, "if-match"),
        if_none_match: header_tag(&req.headers, "if-none-match"),
    };
    let meta = copied_meta(&input, &source.record)?;
    let asked = input.checksum_algorithm.as_ref().map(|word| parse_algorithm(word.as_str())).transpose()?;
    let new = match asked.filter(|algorithm| source.record.meta.checksums.get(*algorithm).is_none()) {
        Some(algorithm) => rehashed(store, &input, &source, meta, algorithm, ids).await?,
        None => linked(store, &input, source, meta, ids)?,
    };
    let stored = store.put(NewObject { conditions, event: Some("ObjectCreated:Copy"), ..new }).await?;
    let mut result = CopyObjectResult {
        e_tag: Some(etag(&stored.etag)),
        last_modified: Some(ms_to_timestamp(stored.modified_ms)),
        checksum_type: checksum_type(stored.meta.checksums.kind),
        ..Default::default()
    };
    put_checksums!(result, &stored.meta.checksums);
    Ok(S3Response::new(CopyObjectOutput { copy_object_result: Some(result), ..Default::default() }))
}

/// The protocol crate does not carry conditions on the destination, which S3 has since 2025.
fn header_tag(headers: &http::HeaderMap, name: &str) -> Option<crate::s3::store::Tag> {
    let value = headers.get(name)?;
    tag(ETagCondition::parse_http_header(value.as_bytes()).ok())
}

fn refuse_copy_onto_itself(input: &CopyObjectInput) -> Result<(), StoreError> {
    let CopySource::Bucket { bucket, key, .. } = &input.copy_source else { return Ok(()) };
    let same = **bucket == *input.bucket && **key == *input.key;
    let replaces =
        input.metadata_directive.as_ref().is_some_and(|word| word.as_str() == MetadataDirective::REPLACE);
    let changes = replaces
        || input.storage_class.is_some()
        || input.website_redirect_location.is_some()
        || input.checksum_algorithm.is_some()
        || input.server_side_encryption.is_some();
    if same && !changes {
        return Err(StoreError::request(
            "This copy request is illegal because it is trying to copy an object to itself without changing the \
             object's metadata, storage class, website redirect location or encryption attributes.",
        ));
    }
    Ok(())
}

fn copied_meta(input: &CopyObjectInput, record: &ObjectRecord) -> Result<ObjectMeta, StoreError> {
    let replaces = |word: Option<&str>| word == Some("REPLACE");
    let old = &record.meta;
    let mut meta = if replaces(input.metadata_directive.as_ref().map(MetadataDirective::as_str)) {
        ObjectMeta {
            content_type: input.content_type.clone(),
            cache_control: input.cache_control.clone(),
            content_disposition: input.content_disposition.clone(),
            content_encoding: strip_chunked(input.content_encoding.as_deref()),
            content_language: input.content_language.clone(),
            expires_ms: input.expires.as_ref().map(timestamp_to_ms),
            user: input.metadata.clone().unwrap_or_default().into_iter().collect(),
            ..ObjectMeta::default()
        }
    } else {
        ObjectMeta { redirect: None, storage_class: None, ..old.clone() }
    };
    meta.tags = if replaces(input.tagging_directive.as_ref().map(TaggingDirective::as_str)) {
        parse_tags(input.tagging.as_deref())?
    } else {
        old.tags.clone()
    };
    meta.redirect.clone_from(&input.website_redirect_location);
    meta.storage_class = storage_class(input.storage_class.clone());
    meta.checksums = old.checksums.clone();
    meta.parts = old.parts;
    meta.sealed = old.sealed || input.server_side_encryption.is_some();
    Ok(meta)
}

/// The same bytes under a new name: inline bytes are copied, files get a second name.
fn linked(
    store: &ObjectStore,
    input: &CopyObjectInput,
    source: Source,
    meta: ObjectMeta,
    ids: crate::protocol::RequestIds,
) -> Result<NewObject, StoreError> {
    let mut drafts = Vec::new();
    let content = match source.content {
        Content::Inline(data) => Content::Inline(data),
        Content::Parts(parts) => {
            let mut link = |piece: Piece| -> Result<Piece, StoreError> {
                let draft = store.blobs.link(&piece.file)?;
                let piece = Piece { file: draft.id().to_owned(), ..piece };
                drafts.push(draft);
                Ok(piece)
            };
            let mut relink = |part: PartLayout| -> Result<PartLayout, StoreError> {
                let pieces = part.pieces.into_iter().map(&mut link).collect::<Result<_, _>>()?;
                Ok(PartLayout { pieces, ..part })
            };
            Content::Parts(parts.into_iter().map(&mut relink).collect::<Result<_, _>>()?)
        }
    };
    Ok(NewObject {
        bucket: input.bucket.clone(),
        key: input.key.clone(),
        size: source.record.size,
        etag: source.record.etag,
        meta,
        content,
        drafts,
        conditions: Conditions::default(),
        event: None,
        ids,
    })
}

/// Reads the source to compute a checksum that it has not.
async fn rehashed(
    store: &ObjectStore,
    input: &CopyObjectInput,
    source: &Source,
    meta: ObjectMeta,
    algorithm: Algorithm,
    ids: crate::protocol::RequestIds,
) -> Result<NewObject, StoreError> {
    let blob = source_blob(store, &source.content, 0..source.record.size)?;
    let received = receive(&store.blobs, Some(blob), &[algorithm], Some(INLINE_MAX)).await?;
    let checksums = Checksums { kind: Some(ChecksumKind::Full), ..received.checksums.clone() };
    let meta = ObjectMeta { checksums, parts: None, ..meta };
    Ok(NewObject::received(&input.bucket, &input.key, received, meta, ids))
}
