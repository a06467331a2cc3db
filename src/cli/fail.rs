//! How a verb can end badly, and the exit code for each.

use std::fmt;
use throng_core::jobs::{JobError, JobErrorKind};

/// Some tasks failed, or what was named does not exist.
pub const SOME_FAILED: u8 = 1;
/// The command line or a definition is wrong.
pub const USAGE: u8 = 2;
/// The cloud cannot be reached.
pub const UNREACHABLE: u8 = 3;
/// The cloud refused.
pub const REFUSED: u8 = 4;
/// Interrupted by the person.
pub const INTERRUPTED: u8 = 130;

/// Why a verb ended badly.
#[derive(Debug)]
pub struct Fail {
    pub code: u8,
    pub message: String,
}

impl Fail {
    pub fn new(code: u8, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    pub fn usage(message: impl fmt::Display) -> Self {
        Self::new(USAGE, message.to_string())
    }

    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(SOME_FAILED, message)
    }

    /// Every verb says it in these words.
    pub fn no_function(name: &str) -> Self {
        JobError::no_function(name).into()
    }

    /// The verb has said what there is to say.
    pub fn silent(code: u8) -> Self {
        Self::new(code, "")
    }
}

impl<E: Into<JobError>> From<E> for Fail {
    fn from(error: E) -> Self {
        let error = error.into();
        Self::new(code_of(error.kind()), error.with_advice())
    }
}

const fn code_of(kind: JobErrorKind) -> u8 {
    match kind {
        JobErrorKind::Usage | JobErrorKind::ReadOnly => USAGE,
        JobErrorKind::NotFound | JobErrorKind::Failed | JobErrorKind::SomeFailed => SOME_FAILED,
        JobErrorKind::Unreachable => UNREACHABLE,
        JobErrorKind::Refused => REFUSED,
        JobErrorKind::Interrupted => INTERRUPTED,
    }
}

pub type CliResult = Result<(), Fail>;
