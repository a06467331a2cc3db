//! Why the store refuses, in AWS's codes and words.

use crate::db::DbError;
use crate::protocol::storage;
use s3s::{S3Error, S3ErrorCode};
use std::borrow::Cow;

/// A refusal or a failure of the store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// AWS would refuse it too: code and message.
    #[error("{code}: {message}", code = .0.as_str(), message = .1)]
    Refused(S3ErrorCode, Cow<'static, str>),
    /// The database failed.
    #[error("{0}")]
    Db(#[from] DbError),
    /// A file of the store failed.
    #[error("object store: {0}")]
    Io(#[from] std::io::Error),
    /// The bytes of an object cannot be read: their file is gone, shorter than it was, or shut.
    #[error("object store: the bytes of an object cannot be read: {0}")]
    Unreadable(#[source] std::io::Error),
    /// What is stored cannot be read.
    #[error("object store: record: {0}")]
    Record(#[from] serde_json::Error),
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Db(error.into())
    }
}

impl From<StoreError> for S3Error {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Refused(code, message) => {
                let status = code.status_code().unwrap_or(http::StatusCode::BAD_REQUEST);
                let mut error = Self::with_message(code, message);
                error.set_status_code(status);
                error
            }
            // Who stands in front of the services knows the folder, and names it.
            other if other.is_full() => {
                tracing::error!(error = %other, "object store");
                let code = S3ErrorCode::from_bytes(storage::CODE.as_bytes());
                let mut error =
                    Self::with_message(code.unwrap_or(S3ErrorCode::InternalError), storage::NO_SPACE);
                error.set_status_code(http::StatusCode::INSUFFICIENT_STORAGE);
                error
            }
            StoreError::Unreadable(why) => {
                tracing::error!(error = %why, "the bytes of an object cannot be read");
                let code = S3ErrorCode::from_bytes(storage::DAMAGED.as_bytes());
                let message = format!("the local cloud cannot read what it stored for this object: {why}");
                let mut error = Self::with_message(code.unwrap_or(S3ErrorCode::InternalError), message);
                error.set_status_code(http::StatusCode::INTERNAL_SERVER_ERROR);
                error
            }
            other => {
                tracing::error!(error = %other, "object store");
                Self::with_message(
                    S3ErrorCode::InternalError,
                    "We encountered an internal error. Please try again.",
                )
            }
        }
    }
}

impl StoreError {
    /// Whether the disk is full.
    #[must_use]
    pub fn is_full(&self) -> bool {
        match self {
            Self::Db(error) => matches!(error, DbError::Full),
            Self::Io(error) => storage::is_full(error),
            Self::Refused(..) | Self::Unreadable(_) | Self::Record(_) => false,
        }
    }

    /// A refusal in our own words.
    pub fn refused(code: S3ErrorCode, message: impl Into<Cow<'static, str>>) -> Self {
        Self::Refused(code, message.into())
    }

    /// A refusal with a code that the protocol crate has no name for; status 400.
    pub fn named(code: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        let code = S3ErrorCode::from_bytes(code.as_bytes()).unwrap_or(S3ErrorCode::InvalidRequest);
        Self::Refused(code, message.into())
    }

    /// `NoSuchBucket`
    pub fn no_bucket() -> Self {
        Self::refused(S3ErrorCode::NoSuchBucket, "The specified bucket does not exist")
    }

    /// `NoSuchKey`
    pub fn no_key() -> Self {
        Self::refused(S3ErrorCode::NoSuchKey, "The specified key does not exist.")
    }

    /// `NoSuchUpload`
    pub fn no_upload() -> Self {
        Self::refused(
            S3ErrorCode::NoSuchUpload,
            "The specified upload does not exist. The upload ID may be invalid, or the upload may have been \
             aborted or completed.",
        )
    }

    /// `PreconditionFailed`
    pub fn precondition() -> Self {
        Self::refused(
            S3ErrorCode::PreconditionFailed,
            "At least one of the pre-conditions you specified did not hold",
        )
    }

    /// `InvalidArgument`
    pub fn argument(message: impl Into<Cow<'static, str>>) -> Self {
        Self::refused(S3ErrorCode::InvalidArgument, message)
    }

    /// `InvalidRequest`
    pub fn request(message: impl Into<Cow<'static, str>>) -> Self {
        Self::refused(S3ErrorCode::InvalidRequest, message)
    }

    /// `InvalidPart`
    pub fn part() -> Self {
        Self::refused(
            S3ErrorCode::InvalidPart,
            "One or more of the specified parts could not be found.  The part may not have been uploaded, or the \
             specified entity tag may not match the part's entity tag.",
        )
    }
}
