//! `GetObject` and `HeadObject`.

use super::super::S3Answer;
use super::super::convert::{checksum_type, etag, ms_to_timestamp, put_checksums, tag, timestamp_to_ms};
use super::conditions::{ReadConditions, check_version};
use super::meta::encryption;
use super::stretch::{Stretch, content_range, stretch};
use crate::s3::ObjectStore;
use crate::s3::error::StoreError;
use crate::s3::meta::ObjectRecord;
use crate::s3::outflow;
use crate::s3::store::Content;
use http::StatusCode;
use s3s::dto::{
    GetObjectInput, GetObjectOutput, HeadObjectInput, HeadObjectOutput, StorageClass, StreamingBlob,
};
use s3s::{S3Request, S3Response};

/// How often a reader looks again when the object it read about was replaced before its file was open.
const TRIES: usize = 5;

pub fn get(store: &ObjectStore, req: &S3Request<GetObjectInput>) -> S3Answer<GetObjectOutput> {
    let mut tries = 0;
    loop {
        tries += 1;
        let (record, content) = store.get(&req.input.bucket, &req.input.key)?;
        check_version(req.input.version_id.as_deref())?;
        let conditions = ReadConditions {
            if_match: tag(req.input.if_match.clone()),
            if_none_match: tag(req.input.if_none_match.clone()),
            modified_since: req.input.if_modified_since.as_ref().map(timestamp_to_ms),
            unmodified_since: req.input.if_unmodified_since.as_ref().map(timestamp_to_ms),
        };
        conditions.enforce(&record)?;
        let wanted = stretch(&record, Some(&content), req.input.range, req.input.part_number)?;
        let body = match &content {
            Content::Inline(data) => {
                let at = |position: u64| usize::try_from(position).unwrap_or(usize::MAX).min(data.len());
                outflow::of_bytes(data.slice(at(wanted.range.start)..at(wanted.range.end)))
            }
            Content::Parts(_) => {
                match outflow::of_files(&store.blobs, &content.pieces(), wanted.range.clone()) {
                    Err(error) if error.kind() == std::io::ErrorKind::NotFound && tries < TRIES => continue,
                    outcome => outcome.map_err(StoreError::Unreadable)?,
                }
            }
        };
        return Ok(S3Response::new(get_output(&req.input, record, &wanted, body)));
    }
}

fn get_output(
    input: &GetObjectInput,
    record: ObjectRecord,
    wanted: &Stretch,
    body: StreamingBlob,
) -> GetObjectOutput {
    let meta = record.meta;
    let mut output = GetObjectOutput {
        server_side_encryption: encryption(&meta),
        accept_ranges: Some("bytes".to_owned()),
        body: Some(body),
        cache_control: meta.cache_control,
        content_disposition: meta.content_disposition,
        content_encoding: meta.content_encoding,
        content_language: meta.content_language,
        content_length: i64::try_from(wanted.range.end - wanted.range.start).ok(),
        content_range: content_range(wanted, record.size),
        content_type: Some(meta.content_type.unwrap_or_else(|| DEFAULT_TYPE.to_owned())),
        e_tag: Some(etag(&record.etag)),
        expires: meta.expires_ms.map(ms_to_timestamp),
        last_modified: Some(ms_to_timestamp(record.modified_ms)),
        metadata: (!meta.user.is_empty()).then(|| meta.user.into_iter().collect()),
        parts_count: input.part_number.and(meta.parts).and_then(|count| i32::try_from(count).ok()),
        storage_class: meta.storage_class.map(StorageClass::from),
        tag_count: (!meta.tags.is_empty()).then(|| i32::try_from(meta.tags.len()).unwrap_or(i32::MAX)),
        website_redirect_location: meta.redirect,
        ..Default::default()
    };
    if input.checksum_mode.is_some() {
        if let Some(part) = &wanted.part {
            put_checksums!(output, &part.checksums);
            output.checksum_type = checksum_type(meta.checksums.kind);
        } else if wanted.whole {
            put_checksums!(output, &meta.checksums);
            output.checksum_type = checksum_type(meta.checksums.kind);
        }
    }
    output
}

/// What S3 answers for objects that were stored without a type.
const DEFAULT_TYPE: &str = "binary/octet-stream";

pub fn head(store: &ObjectStore, req: S3Request<HeadObjectInput>) -> S3Answer<HeadObjectOutput> {
    let input = req.input;
    let (record, content) = if input.part_number.is_some() {
        store.get(&input.bucket, &input.key).map(|(record, content)| (record, Some(content)))?
    } else {
        (store.head(&input.bucket, &input.key)?, None)
    };
    check_version(input.version_id.as_deref())?;
    let conditions = ReadConditions {
        if_match: tag(input.if_match),
        if_none_match: tag(input.if_none_match),
        modified_since: input.if_modified_since.as_ref().map(timestamp_to_ms),
        unmodified_since: input.if_unmodified_since.as_ref().map(timestamp_to_ms),
    };
    conditions.enforce(&record)?;
    let wanted = stretch(&record, content.as_ref(), input.range, input.part_number)?;
    let partial = content_range(&wanted, record.size);
    let meta = record.meta;
    let mut output = HeadObjectOutput {
        server_side_encryption: encryption(&meta),
        accept_ranges: Some("bytes".to_owned()),
        cache_control: meta.cache_control,
        content_disposition: meta.content_disposition,
        content_encoding: meta.content_encoding,
        content_language: meta.content_language,
        content_length: i64::try_from(wanted.range.end - wanted.range.start).ok(),
        content_type: Some(meta.content_type.unwrap_or_else(|| DEFAULT_TYPE.to_owned())),
        e_tag: Some(etag(&record.etag)),
        expires: meta.expires_ms.map(ms_to_timestamp),
        last_modified: Some(ms_to_timestamp(record.modified_ms)),
        metadata: (!meta.user.is_empty()).then(|| meta.user.into_iter().collect()),
        parts_count: input.part_number.and(meta.parts).and_then(|count| i32::try_from(count).ok()),
        storage_class: meta.storage_class.map(StorageClass::from),
        website_redirect_location: meta.redirect,
        content_range: partial.clone(),
        ..Default::default()
    };
    if input.checksum_mode.is_some() && wanted.whole {
        put_checksums!(output, &meta.checksums);
        output.checksum_type = checksum_type(meta.checksums.kind);
    }
    let status = if partial.is_some() { StatusCode::PARTIAL_CONTENT } else { StatusCode::OK };
    Ok(S3Response::with_status(output, status))
}
