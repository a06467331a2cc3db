//! A recorder between a client and a server: passes every byte on as it is and writes it down, a file per connection and
//! direction (`0001.up`, `0001.down`). `tests/support/models/wire.py` reads the exchanges out of them.

use base64::Engine as _;
use std::fs::File;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use throng_contract::local::{ENDPOINT_FILE, IDENTITY_FILE, LocalEndpoint};
use throng_local::identity::Identity;

pub struct Recorder {
    address: SocketAddr,
    folder: Arc<tempfile::TempDir>,
    sent: Arc<AtomicU64>,
}

impl Recorder {
    /// Stands before `server`, an address of this machine.
    pub fn before(server: &str) -> Self {
        Self::disguised(server, |_| None)
    }

    /// Stands before the daemon of a local cloud and passes for it: who has the key of its folder can. Questions for a proof
    /// are answered here, and the registry's password is that of the daemon when it arrives there.
    pub fn before_daemon(folder: &Path) -> Self {
        let read = |name: &str| std::fs::read(folder.join(name)).expect(name);
        let endpoint: LocalEndpoint = serde_json::from_slice(&read(ENDPOINT_FILE)).expect("an endpoint");
        let key = hex::decode(String::from_utf8_lossy(&read(IDENTITY_FILE)).trim()).expect("a key");
        let key: [u8; 32] = key.try_into().expect("32 bytes");
        let user = throng_local::daemon::read_credentials(folder).expect("keys").user.access_key_id;
        let server = endpoint.endpoint.strip_prefix("http://").expect("an address").to_owned();
        let port_of_daemon = endpoint.port().expect("a port");
        Self::disguised(&server, move |port| {
            let basic = |port| {
                let password = Identity::new(&key, port, endpoint.pid).registry_password();
                base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}")).into_bytes()
            };
            let identity = Identity::new(&key, port, endpoint.pid);
            Some(Disguise { identity, mine: basic(port), theirs: basic(port_of_daemon) })
        })
    }

    fn disguised(server: &str, disguise: impl FnOnce(u16) -> Option<Disguise>) -> Self {
        let server: SocketAddr = server.parse().expect("an address");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let folder = Arc::new(tempfile::tempdir().expect("a folder"));
        let sent = Arc::new(AtomicU64::new(0));
        let recorder = Self { address, folder: folder.clone(), sent: sent.clone() };
        let disguise = Arc::new(disguise(address.port()));
        std::thread::spawn(move || {
            for (number, client) in listener.incoming().flatten().enumerate() {
                let (folder, sent, disguise) = (folder.clone(), sent.clone(), disguise.clone());
                std::thread::spawn(move || {
                    let first = match &*disguise {
                        Some(disguise) => disguise.greet(&client),
                        None => Some(Vec::new()),
                    };
                    let Some(first) = first else { return };
                    // A server that went away closes the client's connection, as it would itself.
                    let Ok(server) = TcpStream::connect(server) else { return };
                    let file = |way| File::create(folder.path().join(format!("{number:05}.{way}"))).ok();
                    connect(&client, &server, file("up"), sent, (first, disguise));
                    connect(&server, &client, file("down"), Arc::default(), Default::default());
                });
            }
        });
        recorder
    }

    /// Host and port to use in the server's place.
    pub fn host(&self) -> String {
        self.address.to_string()
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Bytes that clients have sent.
    pub fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }
}

/// What makes a recorder pass for a daemon.
struct Disguise {
    identity: Identity,
    /// Basic credentials of the registry: for the recorder's port, and for the daemon's. They are as long as each other.
    mine: Vec<u8>,
    theirs: Vec<u8>,
}

impl Disguise {
    /// Answers questions for a proof; gives what else comes first. `None` when the client has left.
    fn greet(&self, client: &TcpStream) -> Option<Vec<u8>> {
        const QUESTION: &str = "GET /_throng/proof?";
        let (mut from, mut got) = (client, Vec::new());
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let length = from.read(&mut buffer).ok().filter(|length| *length > 0)?;
            got.extend_from_slice(&buffer[..length]);
            let asks = |got: &[u8]| QUESTION.as_bytes().starts_with(&got[..got.len().min(QUESTION.len())]);
            while let Some(end) = got.windows(4).position(|bytes| bytes == b"\r\n\r\n").filter(|_| asks(&got))
            {
                let head = String::from_utf8_lossy(&got[QUESTION.len()..end]).into_owned();
                let proof = self.identity.prove(head.split(' ').next()?)?;
                let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{proof}", proof.len());
                from.write_all(answer.as_bytes()).ok()?;
                got.drain(..end + 4);
            }
            if !got.is_empty() && !asks(&got) {
                return Some(got);
            }
        }
    }

    fn translate(&self, bytes: &mut [u8]) {
        let places: Vec<_> =
            bytes.windows(self.mine.len()).enumerate().filter(|(_, seen)| *seen == self.mine).collect();
        let places: Vec<_> = places.into_iter().map(|(at, _)| at).collect();
        for at in places {
            bytes[at..at + self.theirs.len()].copy_from_slice(&self.theirs);
        }
    }
}

/// Copies one direction in a thread, until the sender has ended or the receiver is gone.
fn connect(
    from: &TcpStream,
    to: &TcpStream,
    mut file: Option<File>,
    count: Arc<AtomicU64>,
    (first, disguise): (Vec<u8>, Arc<Option<Disguise>>),
) {
    from.set_nodelay(true).expect("a socket");
    let (mut from, mut to) = (from.try_clone().expect("a socket"), to.try_clone().expect("a socket"));
    std::thread::spawn(move || {
        let mut buffer = vec![0; 256 * 1024];
        let mut first = Some(first).filter(|first| !first.is_empty());
        let mut copy = || -> io::Result<()> {
            loop {
                let length = match first.take() {
                    Some(first) => {
                        buffer[..first.len()].copy_from_slice(&first);
                        first.len()
                    }
                    None => from.read(&mut buffer)?,
                };
                if let Some(disguise) = &*disguise {
                    disguise.translate(&mut buffer[..length]);
                }
                if length == 0 {
                    return to.shutdown(Shutdown::Write);
                }
                if let Some(file) = &mut file {
                    file.write_all(&buffer[..length])?;
                }
                count.fetch_add(length as u64, Ordering::Relaxed);
                to.write_all(&buffer[..length])?;
            }
        };
        if copy().is_err() {
            let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
        }
    });
}
