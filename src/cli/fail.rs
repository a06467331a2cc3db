//! How a verb can end badly, and the exit code for each.

use std::fmt;
use throng_core::cloud::{CloudError, ErrorKind};
use throng_core::run::RunError;

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
        Self::not_found(RunError::NoFunction(name.to_owned()).to_string())
    }

    /// The verb has said what there is to say.
    pub fn silent(code: u8) -> Self {
        Self::new(code, "")
    }
}

impl From<CloudError> for Fail {
    fn from(error: CloudError) -> Self {
        let code = match error.kind {
            ErrorKind::Unreachable => UNREACHABLE,
            ErrorKind::NotFound => SOME_FAILED,
            ErrorKind::Cancelled => INTERRUPTED,
            // It has no region: no cloud was asked.
            ErrorKind::Invalid if error.action == "context" => USAGE,
            _ => REFUSED,
        };
        let advice = error.advice();
        let message = if advice.is_empty() { error.to_string() } else { format!("{error}\n{advice}") };
        Self::new(code, message)
    }
}

impl From<std::io::Error> for Fail {
    fn from(error: std::io::Error) -> Self {
        Self::new(SOME_FAILED, error.to_string())
    }
}

pub type Outcome = Result<(), Fail>;
