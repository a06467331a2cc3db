//! Connections to the local cloud whose other end has proved that it is ours, before anything else is sent over them: after
//! an unclean end another program may have its port.
//!
//! The daemon and its clients share a key that only their owner can read
//! ([`IDENTITY_FILE`](throng_contract::local::IDENTITY_FILE)). A client sends a number that it has never used, the daemon
//! answers with its HMAC-SHA256 over that number, its port and its process id. Whoever passes the question on to the real
//! daemon gets an answer for another port.

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use futures::future::BoxFuture;
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use ring::hmac;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use throng_contract::local::{LocalEndpoint, PROOF_PATH, proof_text, registry_text, whole_body};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// How long a connection may take to be made.
pub(super) const CONNECT_WITHIN: Duration = Duration::from_secs(5);
/// How long the other end may take to prove who it is.
const PROOF_WITHIN: Duration = Duration::from_secs(3);
/// An answer is some hundred bytes.
const LONGEST_ANSWER: usize = 4096;
/// As the pool of the other clients.
const IDLE: Duration = Duration::from_secs(20);

/// The other end is not our local cloud.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("another program answers at {0}, where the local cloud was; nothing was sent to it")]
pub struct Stranger(pub String);

/// Which daemon is to be at the other end.
#[derive(Clone)]
pub struct LocalIdentity {
    key: Arc<hmac::Key>,
    address: String,
    port: u16,
    pid: u32,
    /// The endpoint file: another daemon of ours may have taken the port over.
    file: PathBuf,
    revival: Option<Arc<Revival>>,
}

/// Starts the daemon.
pub(super) type Start = Box<dyn Fn() -> BoxFuture<'static, Result<(), String>> + Send + Sync>;

/// How a daemon that died comes back.
struct Revival {
    start: Start,
    /// One at a time, and not again and again where it dies each time.
    last: tokio::sync::Mutex<Option<Instant>>,
}

/// Time after a revival before the next.
const REVIVED_FOR: Duration = Duration::from_secs(3);

impl fmt::Debug for LocalIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalIdentity")
            .field("address", &self.address)
            .field("pid", &self.pid)
            .finish_non_exhaustive()
    }
}

impl LocalIdentity {
    /// The daemon at `endpoint`, which was read from `file`, by the key as it stands in its own. `None` when either is
    /// malformed.
    #[must_use]
    pub fn read(file: &Path, endpoint: &LocalEndpoint, key: &str) -> Option<Self> {
        let key = hex::decode(key.trim()).ok().filter(|key| key.len() == 32)?;
        let port = endpoint.port()?;
        Some(Self {
            key: Arc::new(hmac::Key::new(hmac::HMAC_SHA256, &key)),
            address: format!("127.0.0.1:{port}"),
            port,
            pid: endpoint.pid,
            file: file.to_owned(),
            revival: None,
        })
    }

    /// With `start`, which is asked when the daemon turns out to have died.
    #[must_use]
    pub(super) fn reviving(self, start: Start) -> Self {
        Self { revival: Some(Arc::new(Revival { start, last: tokio::sync::Mutex::default() })), ..self }
    }

    /// Whether the daemon died: nobody listens, and it did not take its endpoint file away, as it does when it is stopped or has
    /// nothing to do.
    fn has_died(&self, error: &io::Error) -> bool {
        error.kind() == io::ErrorKind::ConnectionRefused && self.file.exists()
    }

    /// Brings a daemon back that has died.
    async fn revive(&self, revival: &Revival, refused: io::Error) -> io::Result<TcpStream> {
        let mut last = revival.last.lock().await;
        // Somebody else may have done it meanwhile.
        match self.connect_once().await {
            Err(error) if self.has_died(&error) => {}
            ended => return ended,
        }
        if last.is_some_and(|last| last.elapsed() < REVIVED_FOR) {
            return Err(refused);
        }
        *last = Some(Instant::now());
        tracing::info!(address = self.address, "the local cloud has died; it is started again");
        (revival.start)().await.map_err(io::Error::other)?;
        self.connect_once().await
    }

    /// The password for the image registry of this daemon alone: of no use to whoever has its port after it.
    #[must_use]
    pub fn registry_password(&self) -> String {
        hex::encode(hmac::sign(&self.key, registry_text(self.port, self.pid_now()).as_bytes()))
    }

    /// The process that is to be at the port now.
    fn pid_now(&self) -> u32 {
        let text = std::fs::read(&self.file).unwrap_or_default();
        let there = serde_json::from_slice::<LocalEndpoint>(&text).ok();
        there.filter(|there| there.port() == Some(self.port)).map_or(self.pid, |there| there.pid)
    }

    /// A connection whose other end has proved that it is this daemon, or the next one of ours at its port.
    ///
    /// # Errors
    /// Nobody listens; or somebody else does ([`Stranger`]).
    pub async fn connect(&self) -> io::Result<TcpStream> {
        match (self.connect_once().await, &self.revival) {
            (Err(error), Some(revival)) if self.has_died(&error) => self.revive(revival, error).await,
            (ended, _) => ended,
        }
    }

    async fn connect_once(&self) -> io::Result<TcpStream> {
        match self.prove().await {
            // A daemon that is killed while it is asked breaks off as a stranger may, but then nobody listens any more.
            Err(error) if is_broken(&error) => self.prove().await,
            ended => ended,
        }
        .map_err(|error| if is_broken(&error) { self.stranger() } else { error })
    }

    /// A connection whose other end has proved who it is. The error is of a kind of [`is_broken`] when it broke off.
    async fn prove(&self) -> io::Result<TcpStream> {
        let mut stream = timeout(CONNECT_WITHIN, TcpStream::connect(&self.address)).await??;
        stream.set_nodelay(true)?;
        match timeout(PROOF_WITHIN, self.ask(&mut stream)).await {
            Ok(Ok(true)) => Ok(stream),
            Ok(Err(error)) => Err(error),
            // One of ours has the port before it can answer, and writes its endpoint file then.
            Err(_) if !self.file.exists() => Err(io::ErrorKind::TimedOut.into()),
            Ok(Ok(false)) | Err(_) => Err(self.stranger()),
        }
    }

    fn stranger(&self) -> io::Error {
        io::Error::other(Stranger(self.address.clone()))
    }

    /// Whether the other end of a new connection knows the key. Nothing secret is sent.
    async fn ask(&self, stream: &mut TcpStream) -> io::Result<bool> {
        let nonce = hex::encode(rand::random::<[u8; 32]>());
        let request = format!("GET {PROOF_PATH}?{nonce} HTTP/1.1\r\nHost: {}\r\n\r\n", self.address);
        stream.write_all(request.as_bytes()).await?;
        let mut answer = Vec::new();
        while answer.len() < LONGEST_ANSWER {
            if stream.read_buf(&mut answer).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if let Some(body) = whole_body(&answer) {
                let Ok(proof) = hex::decode(body) else { return Ok(false) };
                let text = proof_text(&nonce, self.port, self.pid_now());
                return Ok(hmac::verify(&self.key, text.as_bytes(), &proof).is_ok());
            }
        }
        Ok(false)
    }
}

/// Whether the other end went away in the middle.
fn is_broken(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    matches!(error.kind(), BrokenPipe | ConnectionAborted | ConnectionReset | UnexpectedEof)
}

/// HTTP over such connections, for the SDK's clients.
#[derive(Clone)]
pub(super) struct Proven {
    client: Client<Connecting, SdkBody>,
    read: Option<Duration>,
}

impl fmt::Debug for Proven {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proven").finish_non_exhaustive()
    }
}

impl Proven {
    pub fn new(identity: LocalIdentity) -> Self {
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .build(Connecting(identity));
        Self { client, read: None }
    }

    async fn send(self, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
        let request =
            request.try_into_http1x().map_err(|error| ConnectorError::user(error.to_string().into()))?;
        let answer = self.client.request(request);
        let answer = match self.read {
            Some(within) => {
                timeout(within, answer).await.map_err(|elapsed| ConnectorError::timeout(elapsed.into()))?
            }
            None => answer.await,
        };
        let answer = answer.map_err(|error| ConnectorError::io(error.into()))?;
        HttpResponse::try_from(answer.map(SdkBody::from_body_1_x))
            .map_err(|error| ConnectorError::other(error.into(), None))
    }
}

impl HttpConnector for Proven {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        HttpConnectorFuture::new(self.clone().send(request))
    }
}

impl HttpClient for Proven {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        _components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(Self { client: self.client.clone(), read: settings.read_timeout() })
    }
}

/// Makes the pool's connections. Every request of the pool is for the daemon, whatever its address says.
#[derive(Clone)]
struct Connecting(LocalIdentity);

impl tower_service::Service<http::Uri> for Connecting {
    type Response = TokioIo<TcpStream>;
    type Error = io::Error;
    type Future = BoxFuture<'static, io::Result<TokioIo<TcpStream>>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _address: http::Uri) -> Self::Future {
        let identity = self.0.clone();
        Box::pin(async move { identity.connect().await.map(TokioIo::new) })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use tokio::net::TcpListener;

    async fn identity(folder: &Path) -> (LocalIdentity, TcpListener) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let endpoint = LocalEndpoint { endpoint, pid: 1, version: "0".into(), started_ms: 0 };
        let file = folder.join("endpoint.json");
        std::fs::write(&file, serde_json::to_vec(&endpoint).unwrap()).unwrap();
        (LocalIdentity::read(&file, &endpoint, &"07".repeat(32)).unwrap(), listener)
    }

    /// Takes so many connections, and breaks each off when it was asked.
    async fn break_off(listener: TcpListener, most: usize) {
        for _ in 0..most {
            let (mut stream, _) = listener.accept().await.unwrap();
            let _ = stream.read(&mut [0; 16]).await;
        }
    }

    #[tokio::test]
    async fn a_daemon_that_is_killed_while_it_is_asked_is_no_stranger() {
        let folder = tempfile::tempdir().unwrap();
        let (one, listener) = identity(folder.path()).await;
        tokio::spawn(break_off(listener, 1));
        let error = one.connect().await.unwrap_err();
        assert!(one.has_died(&error), "{error}");
        let (one, listener) = identity(folder.path()).await;
        let stranger = tokio::spawn(break_off(listener, 100));
        let error = one.connect().await.unwrap_err();
        assert!(
            error.get_ref().is_some_and(<dyn std::error::Error + Send + Sync>::is::<Stranger>),
            "{error}"
        );
        stranger.abort();
    }
}
