//! What a function runs on.

/// CPU architecture of a function.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Architecture {
    /// `x86_64`
    #[default]
    X86_64,
    /// `arm64`
    Arm64,
}

impl Architecture {
    /// As AWS writes it.
    #[must_use]
    pub const fn as_aws(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64",
            Self::Arm64 => "arm64",
        }
    }

    /// As image configurations write it.
    #[must_use]
    pub const fn as_oci(self) -> &'static str {
        match self {
            Self::X86_64 => "amd64",
            Self::Arm64 => "arm64",
        }
    }

    /// This machine's.
    #[must_use]
    pub const fn host() -> Self {
        if cfg!(target_arch = "aarch64") { Self::Arm64 } else { Self::X86_64 }
    }
}
