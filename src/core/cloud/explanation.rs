//! Why something is not there, and whether its text says already what to do.

use std::fmt;

/// What is known of an error beside its kind, for its advice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Cause {
    /// Nothing that is recognised.
    #[default]
    Unknown,
    /// The message says what to do.
    Explained,
    /// AWS has no host of this name, which depends on the region.
    UnknownHost,
    /// The disk of the cloud is full.
    NoSpace,
    /// What arrived contradicts its checksum.
    Damaged,
    /// This process may not open more files.
    TooManyFiles,
    /// Nothing listens at an address of this machine.
    NobodyHere,
    /// The local cloud does not know the keys that its folder has.
    LocalKeys,
}

/// Why there are no credentials.
#[derive(Debug)]
pub(super) struct Explanation {
    pub text: String,
    /// Whether the text says what to do.
    pub cause: Cause,
}

impl Explanation {
    pub const fn with_advice(text: String) -> Self {
        Self { text, cause: Cause::Explained }
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for Explanation {}
