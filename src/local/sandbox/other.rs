//! Platforms without Linux namespaces: everything compiles, nothing runs.

use super::{Exit, Finding, Level, SandboxError, SandboxSpec, Sockets};
use std::path::PathBuf;

const REASON: &str =
    "functions run locally only on Linux; deploy to AWS, or run the local cloud in a Linux machine";

/// What a sandbox writes to standard output and error.
pub type Output = tokio::net::unix::pipe::Receiver;

/// A sandbox; there is none on this platform.
#[derive(Debug)]
pub struct Sandbox {
    never: std::convert::Infallible,
}

impl Sandbox {
    /// Always refuses.
    ///
    /// # Errors
    /// [`SandboxError::Unsupported`]
    #[allow(clippy::unused_async)]
    pub async fn spawn(_spec: SandboxSpec) -> Result<Self, SandboxError> {
        Err(SandboxError::Unsupported(REASON.into()))
    }

    /// See the Linux implementation.
    pub fn take_output(&mut self) -> Option<Output> {
        match self.never {}
    }

    /// See the Linux implementation.
    pub fn take_sockets(&mut self) -> Option<Sockets> {
        match self.never {}
    }

    /// See the Linux implementation.
    #[must_use]
    pub fn pid(&self) -> u32 {
        match self.never {}
    }

    /// See the Linux implementation.
    #[allow(clippy::unused_async)]
    pub async fn wait(&self) -> Exit {
        match self.never {}
    }

    /// See the Linux implementation.
    pub fn kill(&self) {
        match self.never {}
    }

    /// See the Linux implementation.
    #[must_use]
    pub fn out_of_memory(&self) -> bool {
        match self.never {}
    }

    /// See the Linux implementation.
    #[must_use]
    pub fn peak_memory(&self) -> u64 {
        match self.never {}
    }

    /// See the Linux implementation.
    pub fn reset_peak_memory(&self) {
        match self.never {}
    }
}

/// What `throng doctor` says.
#[must_use]
pub fn check() -> Vec<Finding> {
    vec![Finding {
        subject: "platform".into(),
        level: Level::Bad,
        detail: format!("{} has no namespaces", std::env::consts::OS),
        remedy: REASON.into(),
    }]
}

/// Does nothing here.
pub fn use_helper(_binary: PathBuf) {}

/// Never called here.
pub fn helper_main() -> ! {
    std::process::exit(2)
}
