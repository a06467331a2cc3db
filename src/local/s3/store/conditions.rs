//! What must hold for an object to be stored or removed.

use crate::s3::error::StoreError;

/// An `If-Match` or `If-None-Match` value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tag {
    /// `*`
    Any,
    /// An `ETag` without quotes.
    Is(String),
}

impl Tag {
    fn matches(&self, etag: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Is(tag) => tag == etag,
        }
    }
}

/// What must hold of the object that is there, for a change to be made.
#[derive(Clone, Debug, Default)]
pub struct Conditions {
    /// It is there and has this tag.
    pub if_match: Option<Tag>,
    /// It is not there, or has another tag.
    pub if_none_match: Option<Tag>,
}

impl Conditions {
    pub(super) fn check(&self, etag: Option<&str>) -> Result<(), StoreError> {
        match (&self.if_match, etag) {
            (Some(_), None) => return Err(StoreError::no_key()),
            (Some(tag), Some(etag)) if !tag.matches(etag) => return Err(StoreError::precondition()),
            _ => {}
        }
        match (&self.if_none_match, etag) {
            (Some(tag), Some(etag)) if tag.matches(etag) => Err(StoreError::precondition()),
            _ => Ok(()),
        }
    }
}

/// What must hold of an object for it to be removed.
#[derive(Clone, Debug, Default)]
pub struct DeleteConditions {
    /// Its tag.
    pub if_match: Option<Tag>,
    /// Its size.
    pub size: Option<i64>,
    /// When it was written, in seconds since 1970.
    pub modified_s: Option<i64>,
}

impl DeleteConditions {
    pub(super) fn check(&self, etag: &str, size: i64, modified_ms: i64) -> Result<(), StoreError> {
        let holds = self.if_match.as_ref().is_none_or(|tag| tag.matches(etag))
            && self.size.is_none_or(|wanted| wanted == size)
            && self.modified_s.is_none_or(|wanted| wanted == modified_ms.div_euclid(1000));
        if holds { Ok(()) } else { Err(StoreError::precondition()) }
    }
}
