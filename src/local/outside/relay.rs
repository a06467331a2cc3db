//! Connections: from inside to outside.

use super::{Reach, names};
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

/// Most connections of a sandbox at a time; each is two descriptors of the daemon. More wait to be accepted.
const MOST: usize = 256;
/// How long connecting may take: what most clients wait themselves.
const CONNECT: Duration = Duration::from_secs(30);
/// How long to wait after an error of `accept`, such as too many open files.
const BACK_OFF: Duration = Duration::from_millis(50);

/// What the connections of a sandbox share.
pub struct Relays {
    reach: Reach,
    room: Arc<Semaphore>,
}

impl Relays {
    pub fn new(reach: Reach) -> Self {
        Self { reach, room: Arc::new(Semaphore::new(MOST)) }
    }
}

/// Where a listener's connections go.
#[derive(Clone, Copy, Debug)]
pub enum To {
    /// Where they were meant to go.
    Meant,
    /// To a name server of this machine.
    Names,
}

/// Accepts until `shut`.
pub async fn serve(listener: TcpListener, to: To, relays: Arc<Relays>, shut: CancellationToken) {
    loop {
        let accepted = tokio::select! {
            () = shut.cancelled() => return,
            accepted = accept(&listener, &relays.room) => accepted,
        };
        match accepted {
            Ok((stream, permit)) => {
                let (relays, shut) = (relays.clone(), shut.clone());
                tokio::spawn(async move {
                    tokio::select! {
                        () = shut.cancelled() => {}
                        () = relay(stream, to, &relays.reach) => {}
                    }
                    drop(permit);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "accept in a function's network");
                tokio::time::sleep(BACK_OFF).await;
            }
        }
    }
}

async fn accept(
    listener: &TcpListener,
    room: &Arc<Semaphore>,
) -> io::Result<(TcpStream, OwnedSemaphorePermit)> {
    let permit = room.clone().acquire_owned().await.map_err(io::Error::other)?;
    let (stream, _) = listener.accept().await?;
    Ok((stream, permit))
}

async fn relay(mut near: TcpStream, to: To, reach: &Reach) {
    match connect(&near, to, reach).await {
        Ok(mut far) => {
            let _ = (near.set_nodelay(true), far.set_nodelay(true));
            // However it ends, both ends see it.
            let _ = tokio::io::copy_bidirectional(&mut near, &mut far).await;
        }
        Err(error) => {
            tracing::debug!(%error, "a function's connection");
            // It is reset, as nothing can be refused that was accepted.
            let _ = near.set_zero_linger();
        }
    }
}

async fn connect(near: &TcpStream, to: To, reach: &Reach) -> io::Result<TcpStream> {
    let addresses = match to {
        To::Meant => reach.addresses(near.local_addr()?).await?,
        To::Names => names::servers(),
    };
    tokio::time::timeout(CONNECT, TcpStream::connect(&addresses[..])).await?
}
