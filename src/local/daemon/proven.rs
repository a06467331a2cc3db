//! A connection to the daemon, which has proved that it is ours before anything else is sent.

use super::files::Files;
use crate::identity::Identity;
use base64::Engine as _;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};
use throng_contract::local::{LocalEndpoint, PROOF_PATH, whole_body};

/// How long an answer may take, unless more is to be done for it.
const ANSWER: Duration = Duration::from_secs(5);
/// The longest answer that is read.
const LONGEST: usize = 1 << 20;

/// Who listens at the daemon's port.
pub(super) enum Listening {
    /// The daemon.
    Ours(Connection),
    /// Another program, or a daemon of a version that could not prove who it is.
    Stranger,
    /// Nobody.
    Nobody,
}

/// A connection to the daemon.
pub(super) struct Connection {
    stream: TcpStream,
    address: SocketAddr,
    /// How long an answer may take, all of it.
    patience: Duration,
}

/// Finds out who listens where the endpoint file says.
pub(super) fn connect(files: &Files, endpoint: &LocalEndpoint) -> Listening {
    let Some(port) = endpoint.port() else { return Listening::Nobody };
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let Ok(stream) = TcpStream::connect_timeout(&address, ANSWER) else { return Listening::Nobody };
    let mut connection = Connection { stream, address, patience: ANSWER };
    // One that has no key yet is of an older version.
    let Ok(key) = files.read_identity() else { return Listening::Stranger };
    let identity = Identity::new(&key, port, endpoint.pid);
    let nonce = hex::encode(rand::random::<[u8; 32]>());
    match connection.ask("GET", &format!("{PROOF_PATH}?{nonce}"), "") {
        Some(proof) if identity.is_proof(&nonce, &proof) => Listening::Ours(connection),
        _ => Listening::Stranger,
    }
}

impl Connection {
    /// The next answers may take so long.
    pub const fn wait_for(&mut self, patience: Duration) {
        self.patience = patience;
    }

    /// One small request with the person's keys: the answer's JSON.
    pub fn json(&mut self, files: &Files, method: &str, path: &str) -> Option<serde_json::Value> {
        let user = files.credentials_or_new().ok()?.user;
        let pair = format!("{}:{}", user.access_key_id, user.secret_access_key);
        let encoded = base64::engine::general_purpose::STANDARD.encode(pair);
        let body = self.ask(method, path, &format!("authorization: Basic {encoded}\r\n"))?;
        serde_json::from_str(&body).ok()
    }

    /// One small request, without a client library: the answer's body.
    fn ask(&mut self, method: &str, path: &str, headers: &str) -> Option<String> {
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: {}\r\n{headers}content-length: 0\r\n\r\n",
            self.address
        );
        self.stream.set_write_timeout(Some(ANSWER)).ok()?;
        self.stream.write_all(request.as_bytes()).ok()?;
        let until = Instant::now() + self.patience;
        let (mut answer, mut piece) = (Vec::new(), [0; 4096]);
        while answer.len() < LONGEST {
            let left = until.checked_duration_since(Instant::now()).filter(|left| !left.is_zero())?;
            self.stream.set_read_timeout(Some(left)).ok()?;
            let length = self.stream.read(&mut piece).ok().filter(|length| *length > 0)?;
            answer.extend_from_slice(piece.get(..length)?);
            if let Some(body) = whole_body(&answer) {
                return Some(body.to_owned());
            }
        }
        None
    }
}
