//! Which network a sandbox has.

use serde::{Deserialize, Serialize};
use std::net::{TcpListener, UdpSocket};

/// Most ports that are heard at every address: each is a descriptor of the daemon for every sandbox.
pub const MOST_PORTS: usize = 32;

/// Which network a sandbox has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Network {
    /// The host's, with every service on its loopback device and its abstract Unix sockets.
    Host,
    /// One of its own. Nothing is in it but what listens there for the daemon.
    Own(Listens),
}

/// What listens in a sandbox's own network. The daemon accepts, and so knows which sandbox speaks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listens {
    /// Port on 127.0.0.1 of the local cloud.
    pub cloud: u16,
    /// Whether names can be looked up: a name server on 127.0.0.1, which is the only one in `/etc/resolv.conf`.
    pub names: bool,
    /// Ports of TCP at every address of version 4, inside or outside: whoever accepts learns from the connection where
    /// it was meant to go. At most [`MOST_PORTS`]; the cloud's own port has no place here.
    pub everywhere: Vec<u16>,
}

/// The sockets of [`Listens`], set not to block. The sandbox's network lives as long as they do.
#[derive(Debug)]
pub struct Sockets {
    /// The local cloud.
    pub cloud: TcpListener,
    /// The name server.
    pub names: Option<(UdpSocket, TcpListener)>,
    /// Ports at every address, in the order of [`Listens::everywhere`].
    pub everywhere: Vec<TcpListener>,
}
