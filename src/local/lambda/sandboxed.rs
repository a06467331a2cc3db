//! Environments in sandboxes.

use super::launcher::{Launcher, Process};
use crate::sandbox::{Exit, Sandbox, SandboxError, SandboxSpec, Sockets};
use async_trait::async_trait;
use tokio::net::unix::pipe;

/// Starts environments in sandboxes.
#[derive(Clone, Copy, Debug, Default)]
pub struct SandboxLauncher;

#[async_trait]
impl Launcher for SandboxLauncher {
    async fn launch(&self, spec: SandboxSpec) -> Result<Box<dyn Process>, SandboxError> {
        Ok(Box::new(Sandbox::spawn(spec).await?))
    }
}

#[async_trait]
impl Process for Sandbox {
    fn take_output(&mut self) -> Option<pipe::Receiver> {
        Self::take_output(self)
    }

    fn take_sockets(&mut self) -> Option<Sockets> {
        Self::take_sockets(self)
    }

    async fn wait(&mut self) -> Exit {
        Self::wait(self).await
    }

    async fn kill(&mut self) {
        Self::kill(self);
        Self::wait(self).await;
    }

    fn peak_memory(&self) -> Option<u64> {
        Some(Self::peak_memory(self))
    }
}
