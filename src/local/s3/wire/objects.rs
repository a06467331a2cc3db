//! Put, get, head and delete of objects.

use super::convert::{
    Claims, checksum_type, etag, given_checksums, ms_to_timestamp, put_checksums, tag, timestamp_to_ms,
    verify_md5,
};
use super::rights::limited;
use super::{S3Answer, ids};
use crate::s3::ObjectStore;
use crate::s3::checksum::{Algorithm, ChecksumKind, Checksums};
use crate::s3::error::StoreError;
use crate::s3::intake::{INLINE_MAX, receive};
use crate::s3::meta::{ObjectMeta, ObjectRecord, PartLayout};
use crate::s3::outflow;
use crate::s3::store::{Conditions, Content, DeleteConditions, NewObject, Tag};
use http::{HeaderMap, HeaderValue, StatusCode};
use s3s::dto::{
    Checksum, DeleteObjectInput, DeleteObjectOutput, DeleteObjectsInput, DeleteObjectsOutput, DeletedObject,
    GetObjectAttributesInput, GetObjectAttributesOutput, GetObjectAttributesParts, GetObjectInput,
    GetObjectOutput, HeadObjectInput, HeadObjectOutput, ObjectAttributes, ObjectPart, PutObjectInput,
    PutObjectOutput, Range, ServerSideEncryption, StorageClass, StreamingBlob,
};
use s3s::{S3Error, S3ErrorCode, S3Request, S3Response, S3Result};
use std::ops;

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

/// What is answered of an object that is encrypted where it lies.
fn encryption(meta: &ObjectMeta) -> Option<ServerSideEncryption> {
    meta.sealed.then(|| ServerSideEncryption::from_static(ServerSideEncryption::AES256))
}

/// `aws-chunked` describes the transfer, not the object.
pub fn strip_chunked(encoding: Option<&str>) -> Option<String> {
    let kept: Vec<_> = encoding?
        .split(',')
        .map(str::trim)
        .filter(|word| !word.is_empty() && !word.eq_ignore_ascii_case("aws-chunked"))
        .collect();
    (!kept.is_empty()).then(|| kept.join(","))
}

/// STANDARD goes without saying.
pub fn storage_class(class: Option<StorageClass>) -> Option<String> {
    class.map(|class| class.as_str().to_owned()).filter(|class| class != StorageClass::STANDARD)
}

/// The tags of an `x-amz-tagging` header.
pub fn parse_tags(header: Option<&str>) -> Result<std::collections::BTreeMap<String, String>, StoreError> {
    let tags: Vec<(String, String)> =
        url::form_urlencoded::parse(header.unwrap_or_default().as_bytes()).into_owned().collect();
    check_tags(tags)
}

/// AWS's limits on the tags of an object.
pub fn check_tags(
    tags: Vec<(String, String)>,
) -> Result<std::collections::BTreeMap<String, String>, StoreError> {
    let refused = |message: &'static str| StoreError::refused(S3ErrorCode::InvalidTag, message);
    if tags.len() > 10 {
        return Err(StoreError::named("BadRequest", "Object tags cannot be greater than 10"));
    }
    let count = tags.len();
    if tags.iter().any(|(key, _)| key.is_empty() || key.chars().count() > 128) {
        return Err(refused("The TagKey you have provided is invalid"));
    }
    if tags.iter().any(|(_, value)| value.chars().count() > 256) {
        return Err(refused("The TagValue you have provided is invalid"));
    }
    let map: std::collections::BTreeMap<_, _> = tags.into_iter().collect();
    if map.len() == count { Ok(map) } else { Err(refused("Cannot provide multiple Tags with the same key")) }
}

/// What a reader demands of the object.
pub struct ReadConditions {
    pub if_match: Option<Tag>,
    pub if_none_match: Option<Tag>,
    pub modified_since: Option<i64>,
    pub unmodified_since: Option<i64>,
}

/// What comes of them, in the order of RFC 9110.
pub enum Verdict {
    Go,
    NotModified,
    Failed,
}

impl ReadConditions {
    pub fn judge(&self, record: &ObjectRecord) -> Verdict {
        let matches = |tag: &Tag| match tag {
            Tag::Any => true,
            Tag::Is(value) => *value == record.etag,
        };
        let seconds = record.modified_ms.div_euclid(1000);
        match &self.if_match {
            Some(tag) if !matches(tag) => return Verdict::Failed,
            None if self.unmodified_since.is_some_and(|time| seconds > time.div_euclid(1000)) => {
                return Verdict::Failed;
            }
            _ => {}
        }
        match &self.if_none_match {
            Some(tag) if matches(tag) => Verdict::NotModified,
            None if self.modified_since.is_some_and(|time| seconds <= time.div_euclid(1000)) => {
                Verdict::NotModified
            }
            _ => Verdict::Go,
        }
    }

    fn enforce(&self, record: &ObjectRecord) -> S3Result<()> {
        match self.judge(record) {
            Verdict::Go => Ok(()),
            Verdict::Failed => Err(StoreError::precondition().into()),
            Verdict::NotModified => {
                let mut error = S3Error::with_message(S3ErrorCode::NotModified, "Not Modified");
                error.set_status_code(StatusCode::NOT_MODIFIED);
                let mut headers = HeaderMap::new();
                if let Ok(value) = HeaderValue::from_str(&format!("\"{}\"", record.etag)) {
                    headers.insert(http::header::ETAG, value);
                }
                error.set_headers(headers);
                Err(error)
            }
        }
    }
}

/// The stretch of the object that is asked for.
struct Stretch {
    range: ops::Range<u64>,
    partial: bool,
    /// Checksums are of the whole object, so they are left out of an answer with a stretch of it.
    whole: bool,
    part: Option<PartLayout>,
}

fn stretch(
    record: &ObjectRecord,
    content: Option<&Content>,
    range: Option<Range>,
    part_number: Option<i32>,
) -> S3Result<Stretch> {
    let all = || Stretch { range: 0..record.size, partial: false, whole: true, part: None };
    if let Some(number) = part_number {
        if range.is_some() {
            let message = "Cannot specify both Range header and partNumber query parameter.";
            return Err(StoreError::request(message).into());
        }
        return part_of(record, content, number);
    }
    let Some(range) = range else { return Ok(all()) };
    let refused = || {
        let mut error =
            S3Error::with_message(S3ErrorCode::InvalidRange, "The requested range is not satisfiable");
        let mut headers = HeaderMap::new();
        if let Ok(value) = HeaderValue::from_str(&format!("bytes */{}", record.size)) {
            headers.insert(http::header::CONTENT_RANGE, value);
        }
        error.set_headers(headers);
        error
    };
    let range = range.check(record.size).map_err(|_| refused())?;
    Ok(Stretch { whole: range == (0..record.size), range, partial: true, part: None })
}

fn part_of(record: &ObjectRecord, content: Option<&Content>, number: i32) -> S3Result<Stretch> {
    let refused = || -> S3Error {
        let mut error: S3Error =
            StoreError::named("InvalidPartNumber", "The requested partnumber is not satisfiable").into();
        error.set_status_code(StatusCode::RANGE_NOT_SATISFIABLE);
        error
    };
    let mut start = 0;
    if record.meta.parts.is_some()
        && let Some(Content::Parts(parts)) = content
    {
        // Numbers given by the client may have gaps; S3 counts the parts that there are.
        for (at, part) in parts.iter().enumerate() {
            if i32::try_from(at + 1) == Ok(number) {
                let range = start..start + part.size;
                return Ok(Stretch { range, partial: true, whole: false, part: Some(part.clone()) });
            }
            start += part.size;
        }
        return Err(refused());
    }
    if number == 1 {
        let partial = record.size > 0;
        Ok(Stretch { range: 0..record.size, partial, whole: true, part: None })
    } else {
        Err(refused())
    }
}

fn content_range(wanted: &Stretch, size: u64) -> Option<String> {
    (wanted.partial && !wanted.range.is_empty())
        .then(|| format!("bytes {}-{}/{size}", wanted.range.start, wanted.range.end - 1))
}

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

/// Buckets here have no versions: only `null` names one.
pub fn check_version(version: Option<&str>) -> Result<(), StoreError> {
    match version {
        None | Some("null" | "") => Ok(()),
        Some(_) => Err(StoreError::argument("Invalid version id specified")),
    }
}

pub async fn delete(store: &ObjectStore, req: S3Request<DeleteObjectInput>) -> S3Answer<DeleteObjectOutput> {
    let ids = ids(&req);
    let input = req.input;
    check_version(input.version_id.as_deref())?;
    let conditions = DeleteConditions {
        if_match: tag(input.if_match),
        size: input.if_match_size,
        modified_s: input
            .if_match_last_modified_time
            .as_ref()
            .map(|time| timestamp_to_ms(time).div_euclid(1000)),
    };
    store.delete(&input.bucket, &input.key, conditions, ids).await?;
    Ok(S3Response::with_status(DeleteObjectOutput::default(), StatusCode::NO_CONTENT))
}

/// Most keys of one `DeleteObjects`.
const DELETE_MAX: usize = 1000;

pub async fn delete_many(
    store: &ObjectStore,
    req: S3Request<DeleteObjectsInput>,
) -> S3Answer<DeleteObjectsOutput> {
    let (ids, limited) = (ids(&req), limited(&req).cloned());
    let (bucket, delete) = (req.input.bucket, req.input.delete);
    store.bucket(&bucket)?;
    if delete.objects.is_empty() || delete.objects.len() > DELETE_MAX {
        return Err(S3Error::with_message(
            S3ErrorCode::MalformedXML,
            "The XML you provided was not well-formed or did not validate against our published schema",
        ));
    }
    let quiet = delete.quiet.unwrap_or(false);
    let removals = delete.objects.into_iter().map(|object| {
        let (store, bucket, ids) = (store.clone(), bucket.clone(), ids.clone());
        let may = limited.as_ref().map_or(Ok(()), |limited| limited.may_delete(&bucket, &object.key));
        async move {
            if let Err(denied) = may {
                return (object.key, Err(denied));
            }
            let conditions = DeleteConditions {
                if_match: object.e_tag.map(|etag| tag_of_listed(etag.value())),
                size: object.size,
                modified_s: object
                    .last_modified_time
                    .as_ref()
                    .map(|time| timestamp_to_ms(time).div_euclid(1000)),
            };
            let outcome = match check_version(object.version_id.as_deref()) {
                Ok(()) => store.delete(&bucket, &object.key, conditions, ids).await,
                Err(error) => Err(error),
            };
            (object.key, outcome.map_err(S3Error::from))
        }
    });
    let outcomes = futures::future::join_all(removals).await;
    let (mut deleted, mut errors) = (Vec::new(), Vec::new());
    for (key, outcome) in outcomes {
        match outcome {
            Ok(()) if quiet => {}
            Ok(()) => deleted.push(DeletedObject { key: Some(key), ..Default::default() }),
            Err(error) => {
                errors.push(s3s::dto::Error {
                    key: Some(key),
                    code: Some(error.code().as_str().to_owned()),
                    message: error.message().map(str::to_owned),
                    version_id: None,
                });
            }
        }
    }
    Ok(S3Response::new(DeleteObjectsOutput {
        deleted: (!deleted.is_empty()).then_some(deleted),
        errors: (!errors.is_empty()).then_some(errors),
        ..Default::default()
    }))
}

fn tag_of_listed(value: &str) -> Tag {
    if value == "*" { Tag::Any } else { Tag::Is(value.to_owned()) }
}

/// Most parts per page of `GetObjectAttributes`.
const PARTS_PAGE: i32 = 1000;

pub fn attributes(
    store: &ObjectStore,
    input: &GetObjectAttributesInput,
) -> S3Answer<GetObjectAttributesOutput> {
    check_version(input.version_id.as_deref())?;
    let (record, content) = store.get(&input.bucket, &input.key)?;
    let wants = |word: &str| input.object_attributes.iter().any(|attribute| attribute.as_str() == word);
    let meta = &record.meta;
    let checksum = (wants(ObjectAttributes::CHECKSUM) && !meta.checksums.is_empty()).then(|| {
        let mut checksum =
            Checksum { checksum_type: checksum_type(meta.checksums.kind), ..Default::default() };
        put_checksums!(checksum, &meta.checksums);
        checksum
    });
    let class = meta.storage_class.clone().unwrap_or_else(|| StorageClass::STANDARD.to_owned());
    let object_parts = match (&content, meta.parts) {
        (Content::Parts(parts), Some(_)) if wants(ObjectAttributes::OBJECT_PARTS) => {
            Some(parts_page(parts, input))
        }
        _ => None,
    };
    Ok(S3Response::new(GetObjectAttributesOutput {
        checksum,
        e_tag: wants(ObjectAttributes::ETAG).then(|| etag(&record.etag)),
        last_modified: Some(ms_to_timestamp(record.modified_ms)),
        object_parts,
        object_size: wants(ObjectAttributes::OBJECT_SIZE)
            .then(|| i64::try_from(record.size).unwrap_or(i64::MAX)),
        storage_class: wants(ObjectAttributes::STORAGE_CLASS).then(|| StorageClass::from(class)),
        ..Default::default()
    }))
}

fn parts_page(parts: &[PartLayout], input: &GetObjectAttributesInput) -> GetObjectAttributesParts {
    let max = input.max_parts.unwrap_or(PARTS_PAGE).clamp(0, PARTS_PAGE);
    let after = input.part_number_marker.unwrap_or(0);
    let number = |part: &PartLayout| i32::try_from(part.number).unwrap_or(i32::MAX);
    let mut rest = parts.iter().filter(|part| number(part) > after);
    let page: Vec<_> = rest.by_ref().take(usize::try_from(max).unwrap_or_default()).collect();
    let listed = |part: &&PartLayout| {
        let mut listed = ObjectPart {
            part_number: Some(number(part)),
            size: i64::try_from(part.size).ok(),
            ..Default::default()
        };
        put_checksums!(listed, &part.checksums);
        listed
    };
    GetObjectAttributesParts {
        is_truncated: Some(rest.next().is_some()),
        max_parts: Some(max),
        part_number_marker: Some(after),
        next_part_number_marker: page.last().map(|part| number(part)),
        parts: Some(page.iter().map(listed).collect()),
        total_parts_count: i32::try_from(parts.len()).ok(),
    }
}
