//! Accepts connections, on the cloud's own port and on those in the networks of environments, until told to stop; then
//! lets the open ones end.

use super::limits::Admission;
use super::services::Services;
use crate::faults::{Abort, Hangup};
use crate::protocol::{Door, Speaker};
use crate::sandbox;
use http::{HeaderValue, Request, header};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio_util::task::TaskTracker;

/// How long connections may go on after the listener has closed.
const DRAIN: Duration = Duration::from_secs(5);
/// How often it is seen whether a storm is over, and how many connections fewer that is.
const LOOK: Duration = Duration::from_secs(2);
const STORM: usize = 200;
/// How long to wait after an error of `accept`, such as too many open files.
const BACK_OFF: Duration = Duration::from_millis(50);

/// Most connections of one environment at a time; more wait to be accepted.
const MOST_OF_ONE: usize = 256;

/// Serves until `stop` is done; then answers what is being asked, for a few seconds at most. `files`: descriptors that this
/// process may have open.
pub async fn serve(
    listener: TcpListener,
    mut doors: mpsc::UnboundedReceiver<Door>,
    services: Arc<Services>,
    files: u64,
    stop: impl Future<Output = ()>,
) {
    let admission = Admission::new(files);
    let (closing, closed) = watch::channel(());
    let connections = TaskTracker::new();
    let tidying = tokio::spawn(tidy(connections.clone()));
    tokio::pin!(stop);
    loop {
        tokio::select! {
            biased;
            () = &mut stop => break,
            Some(door) = doors.recv() => {
                connections.spawn(attend(door, services.clone(), closed.clone(), connections.clone()));
            }
            (room, accepted) = enter(&admission, &listener) => match accepted {
                Ok((stream, _)) => {
                    let patience = Some(admission.patience());
                    let served = connection(stream, Speaker::Machine, services.clone(), closed.clone(), patience);
                    connections.spawn(async move {
                        served.await;
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

async fn enter(admission: &Admission, listener: &TcpListener) -> (Option<OwnedSemaphorePermit>, Accepted) {
    let room = admission.room().await;
    (room, listener.accept().await)
}

/// Serves one environment until it has ended. It may keep a connection idle as long as it lives: it has few.
async fn attend(
    door: Door,
    services: Arc<Services>,
    mut closed: watch::Receiver<()>,
    connections: TaskTracker,
) {
    let Door { listener, speaker, shut } = door;
    let room = Arc::new(Semaphore::new(MOST_OF_ONE));
    loop {
        let permit = tokio::select! {
            () = shut.cancelled() => return,
            _ = closed.changed() => return,
            permit = room.clone().acquire_owned() => permit,
        };
        let accepted = tokio::select! {
            () = shut.cancelled() => return,
            _ = closed.changed() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) => {
                let served = connection(stream, speaker.clone(), services.clone(), closed.clone(), None);
                connections.spawn(async move {
                    served.await;
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

/// Whether a client waits for leave to send a body that has no bytes, as boto3 does. None is sent for it, and botocore then takes
/// the next answer on the connection for that one.
fn waits_for_nothing(request: &Request<Incoming>) -> bool {
    let is = |name, value: &str| {
        request.headers().get(name).is_some_and(|is| is.as_bytes().eq_ignore_ascii_case(value.as_bytes()))
    };
    is(header::EXPECT, "100-continue") && is(header::CONTENT_LENGTH, "0")
}

async fn connection(
    stream: TcpStream,
    speaker: Speaker,
    services: Arc<Services>,
    mut closed: watch::Receiver<()>,
    patience: Option<Duration>,
) {
    // Without it small answers wait for the client's delayed acknowledgements.
    let _ = stream.set_nodelay(true);
    let abort = if services.faults.is_on() { Abort::of(&stream) } else { None };
    let service = service_fn(move |mut request: Request<Incoming>| {
        let (services, abort) = (services.clone(), abort.clone());
        request.extensions_mut().insert(speaker.clone());
        let waits = waits_for_nothing(&request);
        async move {
            let mut answer = services.answer(request, abort).await?;
            if waits {
                answer.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
            }
            Ok::<_, Hangup>(answer)
        }
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
