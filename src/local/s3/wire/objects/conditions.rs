//! What a request demands of the object that it names: its version, its tag, its age.

use crate::s3::error::StoreError;
use crate::s3::meta::ObjectRecord;
use crate::s3::store::Tag;
use http::{HeaderMap, HeaderValue, StatusCode};
use s3s::{S3Error, S3ErrorCode, S3Result};

/// Buckets here have no versions: only `null` names one.
pub fn check_version(version: Option<&str>) -> Result<(), StoreError> {
    match version {
        None | Some("null" | "") => Ok(()),
        Some(_) => Err(StoreError::argument("Invalid version id specified")),
    }
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

    pub(super) fn enforce(&self, record: &ObjectRecord) -> S3Result<()> {
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
