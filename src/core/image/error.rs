//! What can go wrong with images.

use std::path::Path;

/// Why an image could not be read, made or pushed. Each text says what, where, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// The text names no image.
    #[error("{0}")]
    Spec(String),
    /// A file could not be read or written.
    #[error("{what}: {error}")]
    File {
        /// What was tried, with the path.
        what: String,
        /// Why it failed.
        error: std::io::Error,
    },
    /// The image's content is damaged, hostile or of a kind that we do not read.
    #[error("{0}")]
    Content(String),
    /// Lambda would refuse it.
    #[error("{0}")]
    Refused(String),
    /// A registry has no such image.
    #[error("{0}")]
    NotFound(String),
    /// A registry refused or did not answer.
    #[error("{0}")]
    Registry(String),
    /// A person ended it.
    #[error("interrupted")]
    Cancelled,
}

impl ImageError {
    /// An error about a path.
    pub(crate) fn file(what: &str, path: &Path, error: std::io::Error) -> Self {
        // Our own errors travel through `std::io` when they come out of a reader.
        match error.downcast::<Self>() {
            Ok(own) => own,
            Err(error) => Self::File { what: format!("{what} {}", path.display()), error },
        }
    }

    /// For use where only `std::io::Error` fits.
    pub(super) fn into_io(self) -> std::io::Error {
        std::io::Error::other(self)
    }
}
