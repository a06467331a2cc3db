//! Errors, in AWS's codes and words.

use super::xml;
use crate::db::DbError;
use crate::protocol::Body;
use http::{Response, StatusCode};

/// What the caller is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct IamError {
    status: u16,
    code: &'static str,
    message: String,
}

impl IamError {
    pub fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into() }
    }

    pub fn no_entity(message: impl Into<String>) -> Self {
        Self::new(404, "NoSuchEntity", message)
    }

    pub fn validation(message: impl Into<String>) -> Self {
        Self::new(400, "ValidationError", message)
    }

    pub fn response(&self) -> Response<Body> {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        xml::error(status, self.code, &self.message)
    }
}

impl From<DbError> for IamError {
    fn from(error: DbError) -> Self {
        Self::new(500, "ServiceFailure", error.to_string())
    }
}
