//! The part of an object that is asked for: a range, or one of its parts.

use crate::s3::error::StoreError;
use crate::s3::meta::{ObjectRecord, PartLayout};
use crate::s3::store::Content;
use http::{HeaderMap, HeaderValue, StatusCode};
use s3s::dto::Range;
use s3s::{S3Error, S3ErrorCode, S3Result};
use std::ops;

/// The stretch of the object that is asked for.
pub(super) struct Stretch {
    pub range: ops::Range<u64>,
    partial: bool,
    /// Checksums are of the whole object, so they are left out of an answer with a stretch of it.
    pub whole: bool,
    pub part: Option<PartLayout>,
}

pub(super) fn stretch(
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

pub(super) fn content_range(wanted: &Stretch, size: u64) -> Option<String> {
    (wanted.partial && !wanted.range.is_empty())
        .then(|| format!("bytes {}-{}/{size}", wanted.range.start, wanted.range.end - 1))
}
