//! The way out of sandboxes with a network of their own: what is accepted there is connected on from here.
//!
//! In such a network every address leads to sockets of ours ([`crate::sandbox::Listens`]). A connection's own address
//! says where it was meant to go; [`Reach`] says whether it may. Functions on Lambda (without a VPC) have the internet
//! and nothing of the machine that they are on; so it is here: no loopback, no link-local address, none of this
//! machine's own.
//!
//! ```text
//! names   a name server that asks those of this machine
//! reach   where connections may go
//! relay   connections: from inside to outside
//! ```

mod names;
mod reach;
mod relay;

pub use reach::Reach;

use std::io;
use std::net::{TcpListener, UdpSocket};
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// Serves the sockets of one sandbox until `shut`, in the background. Must be called within a tokio runtime.
///
/// # Errors
/// The sockets cannot be watched.
pub fn serve(
    names: Option<(UdpSocket, TcpListener)>,
    everywhere: Vec<TcpListener>,
    reach: Reach,
    shut: &CancellationToken,
) -> io::Result<()> {
    let relays = Arc::new(relay::Relays::new(reach));
    if let Some((questions, connections)) = names {
        let questions = tokio::net::UdpSocket::from_std(questions)?;
        tokio::spawn(names::serve(questions, shut.clone()));
        let connections = tokio::net::TcpListener::from_std(connections)?;
        tokio::spawn(relay::serve(connections, relay::To::Names, relays.clone(), shut.clone()));
    }
    for listener in everywhere {
        let listener = tokio::net::TcpListener::from_std(listener)?;
        tokio::spawn(relay::serve(listener, relay::To::Meant, relays.clone(), shut.clone()));
    }
    Ok(())
}
