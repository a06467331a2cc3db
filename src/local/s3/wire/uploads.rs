//! Uploads in parts.

use super::convert::{
    Claims, checksum_algorithm, checksum_type, etag, given_checksums, ms_to_timestamp, owner,
    parse_algorithm, put_checksums, tag, timestamp_to_ms, verify_md5,
};
use super::copy::{Source, source_blob};
use super::listing::{KeyEncoding, after_marker};
use super::objects::{parse_tags, storage_class, strip_chunked};
use super::{S3Answer, ids};
use crate::s3::ObjectStore;
use crate::s3::checksum::{Algorithm, ChecksumKind};
use crate::s3::error::StoreError;
use crate::s3::intake::{Received, receive};
use crate::s3::meta::ObjectMeta;
use crate::s3::multipart::{
    Completion, ListedPart, PARTS_MAX, Upload, UploadMeta, UploadName, UploadsQuery, list_uploads,
};
use crate::s3::store::Conditions;
use http::StatusCode;
use s3s::dto::{
    AbortMultipartUploadInput, AbortMultipartUploadOutput, ChecksumType, CompleteMultipartUploadInput,
    CompleteMultipartUploadOutput, CopyPartResult, CreateMultipartUploadInput, CreateMultipartUploadOutput,
    Initiator, ListMultipartUploadsInput, ListMultipartUploadsOutput, ListPartsInput, ListPartsOutput,
    MultipartUpload, Part, Range, StorageClass, UploadPartCopyInput, UploadPartCopyOutput, UploadPartInput,
    UploadPartOutput,
};
use s3s::{S3Error, S3ErrorCode, S3Request, S3Response};

const PAGE_MAX: i32 = 1000;

pub async fn create(
    store: &ObjectStore,
    req: S3Request<CreateMultipartUploadInput>,
) -> S3Answer<CreateMultipartUploadOutput> {
    let input = req.input;
    let algorithm =
        input.checksum_algorithm.as_ref().map(|word| parse_algorithm(word.as_str())).transpose()?;
    let kind = kind_for(algorithm, input.checksum_type.as_ref())?;
    let meta = UploadMeta {
        object: ObjectMeta {
            content_type: input.content_type,
            cache_control: input.cache_control,
            content_disposition: input.content_disposition,
            content_encoding: strip_chunked(input.content_encoding.as_deref()),
            content_language: input.content_language,
            expires_ms: input.expires.as_ref().map(timestamp_to_ms),
            redirect: input.website_redirect_location,
            storage_class: storage_class(input.storage_class),
            user: input.metadata.unwrap_or_default().into_iter().collect(),
            tags: parse_tags(input.tagging.as_deref())?,
            ..ObjectMeta::default()
        },
        algorithm,
        kind,
    };
    let id = store.create_upload(&input.bucket, &input.key, meta).await?;
    Ok(S3Response::new(CreateMultipartUploadOutput {
        bucket: Some(input.bucket),
        key: Some(input.key),
        upload_id: Some(id),
        checksum_algorithm: algorithm.map(checksum_algorithm),
        checksum_type: algorithm.and(checksum_type(Some(kind))),
        ..Default::default()
    }))
}

/// The kind asked for, or the algorithm's own; combinations that S3 lacks are refused.
fn kind_for(algorithm: Option<Algorithm>, asked: Option<&ChecksumType>) -> Result<ChecksumKind, StoreError> {
    let own = match algorithm {
        None | Some(Algorithm::Crc64Nvme) => ChecksumKind::Full,
        Some(_) => ChecksumKind::Composite,
    };
    let kind = match asked.map(ChecksumType::as_str) {
        None => return Ok(own),
        Some("FULL_OBJECT") => ChecksumKind::Full,
        Some("COMPOSITE") => ChecksumKind::Composite,
        Some(_) => return Err(StoreError::request("Value for x-amz-checksum-type header is invalid.")),
    };
    let Some(algorithm) = algorithm else {
        return Err(StoreError::request(
            "The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm header.",
        ));
    };
    let impossible = match kind {
        ChecksumKind::Full => matches!(algorithm, Algorithm::Sha1 | Algorithm::Sha256),
        ChecksumKind::Composite => algorithm == Algorithm::Crc64Nvme,
    };
    if impossible {
        return Err(StoreError::request(format!(
            "The {} checksum type cannot be used with the {} checksum algorithm.",
            kind.word(),
            algorithm.word().to_ascii_lowercase()
        )));
    }
    Ok(kind)
}

fn part_number(number: i32) -> Result<i32, StoreError> {
    if (1..=PARTS_MAX).contains(&number) {
        Ok(number)
    } else {
        Err(StoreError::argument("Part number must be an integer between 1 and 10000, inclusive"))
    }
}

/// What to compute for a part: what the client names, and what the object's checksum is made of.
fn part_algorithms(upload: &Upload, claimed: &[Algorithm]) -> Result<Vec<Algorithm>, StoreError> {
    let effective = upload.meta.effective();
    let other = claimed.iter().find(|algorithm| **algorithm != effective);
    if let (Some(expected), Some(actual)) = (upload.meta.algorithm, other) {
        return Err(StoreError::request(format!(
            "Checksum Type mismatch occurred, expected checksum Type: {}, actual checksum Type: {}",
            expected.word().to_ascii_lowercase(),
            actual.word().to_ascii_lowercase()
        )));
    }
    let mut algorithms = claimed.to_vec();
    if !algorithms.contains(&effective) {
        algorithms.push(effective);
    }
    Ok(algorithms)
}

pub async fn put_part(
    store: &ObjectStore,
    mut req: S3Request<UploadPartInput>,
) -> S3Answer<UploadPartOutput> {
    let input = &mut req.input;
    let number = part_number(input.part_number)?;
    let name =
        UploadName { bucket: input.bucket.clone(), key: input.key.clone(), id: input.upload_id.clone() };
    let upload = store.upload(&name)?;
    let claims = Claims::read(&req.headers, given_checksums!(input), None);
    let algorithms = part_algorithms(&upload, &claims.algorithms)?;
    let received = receive(&store.blobs, input.body.take(), &algorithms, None).await?;
    received.expect(claims.size)?;
    verify_md5(input.content_md5.as_deref(), &received.md5)?;
    claims.verify(&received.checksums, req.trailing_headers.as_ref())?;
    let (md5, checksums) = (received.md5, received.checksums.clone());
    store.put_part(name, number, received).await?;
    let mut output = UploadPartOutput { e_tag: Some(etag(&hex::encode(md5))), ..Default::default() };
    put_checksums!(output, &checksums);
    Ok(S3Response::new(output))
}

pub async fn copy_part(
    store: &ObjectStore,
    req: S3Request<UploadPartCopyInput>,
) -> S3Answer<UploadPartCopyOutput> {
    let input = req.input;
    let number = part_number(input.part_number)?;
    let name =
        UploadName { bucket: input.bucket.clone(), key: input.key.clone(), id: input.upload_id.clone() };
    let upload = store.upload(&name)?;
    let source = Source::find(
        store,
        &input.copy_source,
        &super::objects::ReadConditions {
            if_match: tag(input.copy_source_if_match),
            if_none_match: tag(input.copy_source_if_none_match),
            modified_since: input.copy_source_if_modified_since.as_ref().map(timestamp_to_ms),
            unmodified_since: input.copy_source_if_unmodified_since.as_ref().map(timestamp_to_ms),
        },
    )?;
    let range = copied_range(input.copy_source_range.as_deref(), source.record.size)?;
    let blob = source_blob(store, &source.content, range)?;
    let received: Received = receive(&store.blobs, Some(blob), &part_algorithms(&upload, &[])?, None).await?;
    let (md5, checksums) = (received.md5, received.checksums.clone());
    let modified_ms = store.put_part(name, number, received).await?;
    let mut result = CopyPartResult {
        e_tag: Some(etag(&hex::encode(md5))),
        last_modified: Some(ms_to_timestamp(modified_ms)),
        ..Default::default()
    };
    if upload.meta.algorithm.is_some() {
        put_checksums!(result, &checksums);
    }
    Ok(S3Response::new(UploadPartCopyOutput { copy_part_result: Some(result), ..Default::default() }))
}

fn copied_range(header: Option<&str>, size: u64) -> Result<std::ops::Range<u64>, StoreError> {
    let Some(header) = header else { return Ok(0..size) };
    let malformed = || {
        StoreError::argument(
            "The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the zero-based offsets of the first and last bytes to copy",
        )
    };
    match Range::parse(header).map_err(|_| malformed())? {
        Range::Int { first, last: Some(last) } if last < size => Ok(first..last + 1),
        Range::Int { last: Some(_), .. } => Err(StoreError::argument(format!(
            "Range specified is not valid for source object of size: {size}"
        ))),
        _ => Err(malformed()),
    }
}

pub async fn complete(
    store: &ObjectStore,
    mut req: S3Request<CompleteMultipartUploadInput>,
) -> S3Answer<CompleteMultipartUploadOutput> {
    let ids = ids(&req);
    let input = &mut req.input;
    let kind = input.checksum_type.take();
    let listed = input.multipart_upload.take().and_then(|upload| upload.parts).unwrap_or_default();
    if listed.is_empty() {
        return Err(S3Error::with_message(
            S3ErrorCode::MalformedXML,
            "The XML you provided was not well-formed or did not validate against our published schema",
        ));
    }
    let parts = listed.into_iter().map(|mut part| ListedPart {
        number: part.part_number.unwrap_or_default(),
        etag: part.e_tag.take().map(|etag| etag.value().to_owned()),
        checksums: given_checksums!(part),
    });
    let completion = Completion {
        upload: UploadName {
            bucket: input.bucket.clone(),
            key: input.key.clone(),
            id: input.upload_id.clone(),
        },
        parts: parts.collect(),
        checksums: given_checksums!(input),
        kind: kind.map(|kind| kind.as_str().to_owned()),
        size: input.mpu_object_size.and_then(|size| u64::try_from(size).ok()),
        conditions: Conditions {
            if_match: tag(input.if_match.take()),
            if_none_match: tag(input.if_none_match.take()),
        },
        ids,
    };
    let stored = store.complete_upload(completion).await?;
    let host = req.headers.get(http::header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let location = format!("http://{host}{}", req.uri.path());
    let input = req.input;
    let mut output = CompleteMultipartUploadOutput {
        location: Some(location),
        bucket: Some(input.bucket),
        key: Some(input.key),
        e_tag: Some(etag(&stored.etag)),
        checksum_type: checksum_type(stored.meta.checksums.kind),
        ..Default::default()
    };
    put_checksums!(output, &stored.meta.checksums);
    Ok(S3Response::new(output))
}

pub async fn abort(
    store: &ObjectStore,
    req: S3Request<AbortMultipartUploadInput>,
) -> S3Answer<AbortMultipartUploadOutput> {
    let name = UploadName { bucket: req.input.bucket, key: req.input.key, id: req.input.upload_id };
    store.abort_upload(name).await?;
    Ok(S3Response::with_status(AbortMultipartUploadOutput::default(), StatusCode::NO_CONTENT))
}

fn initiator() -> Initiator {
    Initiator { display_name: None, id: owner().id }
}

pub fn list_parts(store: &ObjectStore, input: ListPartsInput) -> S3Answer<ListPartsOutput> {
    let max = input.max_parts.unwrap_or(PAGE_MAX).clamp(0, PAGE_MAX);
    let after = input.part_number_marker.unwrap_or(0);
    let name =
        UploadName { bucket: input.bucket.clone(), key: input.key.clone(), id: input.upload_id.clone() };
    let wanted = usize::try_from(max).unwrap_or_default();
    let (upload, mut parts) = store.upload_parts(&name, after, wanted + 1)?;
    let truncated = parts.len() > wanted;
    parts.truncate(wanted);
    let next = parts.last().map(|part| part.number);
    let show = upload.meta.algorithm.is_some();
    let parts = parts.into_iter().map(|part| {
        let mut listed = Part {
            part_number: Some(part.number),
            size: i64::try_from(part.size).ok(),
            e_tag: Some(etag(&hex::encode(&part.md5))),
            last_modified: Some(ms_to_timestamp(part.modified_ms)),
            ..Default::default()
        };
        if show {
            put_checksums!(listed, &part.checksums);
        }
        listed
    });
    let storage_class = upload.meta.object.storage_class.unwrap_or_else(|| StorageClass::STANDARD.to_owned());
    Ok(S3Response::new(ListPartsOutput {
        bucket: Some(input.bucket),
        key: Some(input.key),
        upload_id: Some(input.upload_id),
        part_number_marker: Some(after),
        next_part_number_marker: next,
        max_parts: Some(max),
        is_truncated: Some(truncated && max > 0),
        parts: Some(parts.collect()),
        initiator: Some(initiator()),
        owner: Some(owner()),
        storage_class: Some(StorageClass::from(storage_class)),
        checksum_algorithm: upload.meta.algorithm.map(checksum_algorithm),
        checksum_type: upload.meta.algorithm.and(checksum_type(Some(upload.meta.kind))),
        ..Default::default()
    }))
}

pub async fn list(
    store: &ObjectStore,
    input: ListMultipartUploadsInput,
) -> S3Answer<ListMultipartUploadsOutput> {
    let writing = KeyEncoding::new(input.encoding_type.as_ref())?;
    let max = input.max_uploads.unwrap_or(PAGE_MAX).clamp(0, PAGE_MAX);
    let prefix = input.prefix.clone().unwrap_or_default();
    let delimiter = input.delimiter.clone().unwrap_or_default();
    let query = UploadsQuery {
        after: after_marker(input.key_marker.clone(), &prefix, &delimiter),
        after_id: input.upload_id_marker.clone().filter(|id| !id.is_empty()),
        max: usize::try_from(max).unwrap_or_default(),
        prefix,
        delimiter,
    };
    let bucket = input.bucket.clone();
    let page = store.db.read(move |connection| list_uploads(connection, &bucket, &query)).await?;
    let last = page.uploads.last();
    let (next_key, next_id) = match (last, page.prefixes.last()) {
        (Some(upload), Some(prefix)) if upload.key > *prefix => (upload.key.clone(), Some(upload.id.clone())),
        (Some(upload), None) => (upload.key.clone(), Some(upload.id.clone())),
        (_, Some(prefix)) => (prefix.clone(), None),
        (None, None) => (String::new(), None),
    };
    let uploads = page.uploads.into_iter().map(|upload| MultipartUpload {
        upload_id: Some(upload.id),
        key: Some(writing.write(upload.key)),
        initiated: Some(ms_to_timestamp(upload.created_ms)),
        initiator: Some(initiator()),
        owner: Some(owner()),
        storage_class: Some(StorageClass::from_static(StorageClass::STANDARD)),
        checksum_algorithm: upload.meta.algorithm.map(checksum_algorithm),
        checksum_type: upload.meta.algorithm.and(checksum_type(Some(upload.meta.kind))),
    });
    Ok(S3Response::new(ListMultipartUploadsOutput {
        bucket: Some(input.bucket),
        prefix: Some(writing.write(input.prefix.unwrap_or_default())),
        delimiter: input.delimiter.filter(|text| !text.is_empty()).map(|text| writing.write(text)),
        key_marker: Some(writing.write(input.key_marker.unwrap_or_default())),
        upload_id_marker: Some(input.upload_id_marker.unwrap_or_default()),
        next_key_marker: page.truncated.then(|| writing.write(next_key)),
        next_upload_id_marker: next_id.filter(|_| page.truncated),
        max_uploads: Some(max),
        is_truncated: Some(page.truncated),
        uploads: Some(uploads.collect()),
        common_prefixes: writing.prefixes(page.prefixes),
        encoding_type: input.encoding_type,
        ..Default::default()
    }))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn kinds_that_s3_lacks_are_refused() {
        let full = ChecksumType::from_static(ChecksumType::FULL_OBJECT);
        let composite = ChecksumType::from_static(ChecksumType::COMPOSITE);
        assert_eq!(kind_for(Some(Algorithm::Crc32), None).unwrap(), ChecksumKind::Composite);
        assert_eq!(kind_for(Some(Algorithm::Crc32), Some(&full)).unwrap(), ChecksumKind::Full);
        assert_eq!(kind_for(None, None).unwrap(), ChecksumKind::Full);
        assert!(kind_for(Some(Algorithm::Sha256), Some(&full)).is_err());
        assert!(kind_for(Some(Algorithm::Crc64Nvme), Some(&composite)).is_err());
    }

    #[test]
    fn a_copied_range_lies_within_the_source() {
        assert_eq!(copied_range(Some("bytes=1-3"), 4).unwrap(), 1..4);
        assert_eq!(copied_range(None, 4).unwrap(), 0..4);
        assert!(copied_range(Some("bytes=1-4"), 4).is_err());
        assert!(copied_range(Some("bytes=1-"), 4).is_err());
        assert!(copied_range(Some("1-2"), 4).is_err());
    }
}
