//! Who speaks: a process of this machine, or one environment through a socket in its own network.

use std::sync::Arc;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// Who sends a request, as the socket that accepted it tells; nothing that a request says can change it. It is among the
/// extensions of every request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Speaker {
    /// A process of this machine; with the host's network that may be a function.
    Machine,
    /// The processes of one environment.
    Environment(Arc<EnvironmentId>),
}

/// Which environment.
#[derive(Debug, PartialEq, Eq)]
pub struct EnvironmentId {
    /// The function's name.
    pub function: String,
    /// The environment's number, unique in the daemon's life.
    pub id: u64,
    /// What its runtime names it by in the Runtime API.
    pub token: String,
}

/// The cloud's port in an environment's own network: whoever serves it serves it as the cloud's own port.
#[derive(Debug)]
pub struct Door {
    /// The listener.
    pub listener: TcpListener,
    /// Who is behind it.
    pub speaker: Speaker,
    /// Cancelled when the environment has ended. The listener is to be dropped then: the network lives as long.
    pub shut: CancellationToken,
}
