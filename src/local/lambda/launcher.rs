//! What starts the processes of environments: the sandbox, or plain processes in tests.

use crate::sandbox::{Exit, SandboxError, SandboxSpec, Sockets};
use async_trait::async_trait;
use tokio::net::unix::pipe;

/// Starts the first process of an environment.
#[async_trait]
pub trait Launcher: Send + Sync + 'static {
    /// Starts it. The process runs when this returns.
    ///
    /// # Errors
    /// [`SandboxError`]
    async fn launch(&self, spec: SandboxSpec) -> Result<Box<dyn Process>, SandboxError>;
}

/// The processes of one environment. Dropping it ends them.
#[async_trait]
pub trait Process: Send + Sync {
    /// The read end of the pipe that is both standard output and standard error. There once.
    fn take_output(&mut self) -> Option<pipe::Receiver>;
    /// The sockets that listen in its network, when it has one of its own. There once.
    fn take_sockets(&mut self) -> Option<Sockets> {
        None
    }
    /// Waits for the first process's end. May be cancelled and called again; answers the same again.
    async fn wait(&mut self) -> Exit;
    /// Ends every process of the environment and waits until they are gone.
    async fn kill(&mut self);
    /// Peak memory of the whole environment in bytes, as far as known.
    fn peak_memory(&self) -> Option<u64>;
}
