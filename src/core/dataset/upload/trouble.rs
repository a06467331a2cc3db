//! Why a file was not sent, and whether that concerns the others.

use super::{UploadError, patience};
use crate::cloud::{Cause, CloudError, ErrorKind};
use std::path::Path;

/// A file that cannot be sent, or something that concerns all.
pub(super) enum Trouble {
    File(String),
    Fatal(UploadError),
}

impl From<CloudError> for Trouble {
    fn from(error: CloudError) -> Self {
        match error.kind {
            // A forgotten upload in parts concerns one file.
            ErrorKind::NotFound if error.code.as_deref() == Some("NoSuchUpload") => {
                Self::File(error.to_string())
            }
            // A full disk is full for all of them.
            _ if error.cause == Cause::NoSpace => Self::Fatal(error.into()),
            // Only this object: too large, a bad name, a precondition.
            ErrorKind::Invalid | ErrorKind::Conflict | ErrorKind::Other => Self::File(error.to_string()),
            _ => Self::Fatal(error.into()),
        }
    }
}

impl From<std::io::Error> for Trouble {
    fn from(error: std::io::Error) -> Self {
        Self::Fatal(error.into())
    }
}

pub(super) fn unreadable(path: &Path, error: &std::io::Error) -> Trouble {
    if patience::is_out_of_files(error) {
        // It is this process that has no room, not the file that is at fault.
        let message = format!("cannot open `{}`: {error}", path.display());
        let error = CloudError::new(ErrorKind::Other, "open", "", message);
        return Trouble::Fatal(UploadError::Cloud(CloudError { cause: Cause::TooManyFiles, ..error }));
    }
    Trouble::File(format!("cannot read `{}`: {error}", path.display()))
}

pub(super) fn changed(path: &Path) -> Trouble {
    Trouble::File(format!("`{}` changed while it was being uploaded: upload it again", path.display()))
}
