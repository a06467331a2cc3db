//! What a service says when it refuses, or that its answer cannot be read.

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_types::error::metadata::{ErrorMetadata, ProvideErrorMetadata};
use std::error::Error;
use std::fmt;

/// The name that the SDK gives the request's id among an error's extras.
const REQUEST_ID: &str = "aws_request_id";

/// A refusal.
#[derive(Debug, Default)]
pub struct ServiceError {
    meta: ErrorMetadata,
    unreadable: Option<BoxError>,
}

impl ServiceError {
    /// A service's own words, as far as it found any.
    pub fn new(code: Option<&str>, message: Option<String>, request_id: Option<String>) -> Self {
        let mut meta = ErrorMetadata::builder();
        if let Some(code) = code {
            meta = meta.code(bare(code));
        }
        if let Some(message) = message {
            meta = meta.message(message);
        }
        if let Some(id) = request_id {
            meta = meta.custom(REQUEST_ID, id);
        }
        Self { meta: meta.build(), unreadable: None }
    }

    /// An answer that is not in the service's protocol.
    pub fn unreadable(why: impl Into<BoxError>) -> Self {
        Self { meta: ErrorMetadata::default(), unreadable: Some(why.into()) }
    }
}

/// The error code without the namespace before it and the address behind it, which the JSON protocols may add.
fn bare(code: &str) -> &str {
    let code = code.split(':').next().unwrap_or(code);
    code.split_once('#').map_or(code, |(_, name)| name)
}

impl ProvideErrorMetadata for ServiceError {
    fn meta(&self) -> &ErrorMetadata {
        &self.meta
    }
}

impl fmt::Display for ServiceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.unreadable {
            Some(why) => write!(f, "unreadable answer: {why}"),
            None => self.meta.fmt(f),
        }
    }
}

impl Error for ServiceError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.unreadable.as_ref().map(|why| &**why as &(dyn Error + 'static))
    }
}
