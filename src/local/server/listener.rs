//! Accepts connections until told to stop, then lets the open ones end.

use super::limits::Door;
use super::services::Services;
use crate::faults::Abort;
use crate::sandbox;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio_util::task::TaskTracker;

/// How long connections may go on after the listener has closed.
const DRAIN: Duration = Duration::from_secs(5);
/// How often it is seen whether a storm is over, and how many connections fewer that is.
const LOOK: Duration = Duration::from_secs(2);
const STORM: usize = 200;
/// How long to wait after an error of `accept`, such as too many open files.
const BACK_OFF: Duration = Duration::from_millis(50);

/// Serves until `stop` is done; then answers what is being asked, for a few seconds at most. `files`: descriptors that this
/// process may have open.
pub async fn serve(
    listener: TcpListener,
    services: Arc<Services>,
    files: u64,
    stop: impl Future<Output = ()>,
) {
    let door = Door::new(files);
    let (closing, closed) = watch::channel(());
    let connections = TaskTracker::new();
    let tidying = tokio::spawn(tidy(connections.clone()));
    tokio::pin!(stop);
    loop {
        tokio::select! {
            biased;
            () = &mut stop => break,
            (room, accepted) = enter(&door, &listener) => match accepted {
                Ok((stream, _)) => {
                    let (services, closed, patience) = (services.clone(), closed.clone(), door.patience());
                    connections.spawn(async move {
                        connection(stream, services, closed, patience).await;
                        drop(room);
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "accept");
                    tokio::time::sleep(BACK_OFF).await;
                }
            },
        }
    }
    tidying.abort();
    drop(listener);
    drop(closed);
    let _ = closing.send(());
    connections.close();
    if tokio::time::timeout(DRAIN, connections.wait()).await.is_err() {
        tracing::info!(open = connections.len(), "closing connections that are still open");
    }
}

/// After a storm the allocator would keep what its connections had.
async fn tidy(connections: TaskTracker) {
    let mut most = 0;
    loop {
        tokio::time::sleep(LOOK).await;
        let now = connections.len();
        most = most.max(now);
        if most > now + STORM {
            most = now;
            let _ = tokio::task::spawn_blocking(sandbox::give_back).await;
        }
    }
}

type Accepted = std::io::Result<(TcpStream, std::net::SocketAddr)>;

async fn enter(door: &Door, listener: &TcpListener) -> (Option<OwnedSemaphorePermit>, Accepted) {
    let room = door.room().await;
    (room, listener.accept().await)
}

async fn connection(
    stream: TcpStream,
    services: Arc<Services>,
    mut closed: watch::Receiver<()>,
    patience: Duration,
) {
    // Without it small answers wait for the client's delayed acknowledgements.
    let _ = stream.set_nodelay(true);
    let abort = if services.faults.is_on() { Abort::of(&stream) } else { None };
    let service = service_fn(move |request| {
        let (services, abort) = (services.clone(), abort.clone());
        async move { services.answer(request, abort).await }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(patience)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    tokio::pin!(connection);
    let outcome = tokio::select! {
        outcome = connection.as_mut() => outcome,
        _ = closed.changed() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = outcome {
        tracing::debug!(%error, "connection");
    }
}
