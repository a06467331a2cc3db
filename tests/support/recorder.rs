//! A recorder between a client and a server: passes every byte on as it is and writes it down, a file per connection and
//! direction (`0001.up`, `0001.down`). `tests/support/models/wire.py` reads the exchanges out of them.

use std::fs::File;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

pub struct Recorder {
    address: SocketAddr,
    folder: Arc<tempfile::TempDir>,
    sent: Arc<AtomicU64>,
}

impl Recorder {
    /// Stands before `server`, an address of this machine.
    pub fn before(server: &str) -> Self {
        let server: SocketAddr = server.parse().expect("an address");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let folder = Arc::new(tempfile::tempdir().expect("a folder"));
        let sent = Arc::new(AtomicU64::new(0));
        let recorder = Self { address, folder: folder.clone(), sent: sent.clone() };
        std::thread::spawn(move || {
            for (number, client) in listener.incoming().flatten().enumerate() {
                // A server that went away closes the client's connection, as it would itself.
                let Ok(server) = TcpStream::connect(server) else { continue };
                let file = |way| File::create(folder.path().join(format!("{number:05}.{way}"))).ok();
                connect(&client, &server, file("up"), sent.clone());
                connect(&server, &client, file("down"), Arc::default());
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

/// Copies one direction in a thread, until the sender has ended or the receiver is gone.
fn connect(from: &TcpStream, to: &TcpStream, mut file: Option<File>, count: Arc<AtomicU64>) {
    from.set_nodelay(true).expect("a socket");
    let (mut from, mut to) = (from.try_clone().expect("a socket"), to.try_clone().expect("a socket"));
    std::thread::spawn(move || {
        let mut buffer = vec![0; 64 * 1024];
        let mut copy = || -> io::Result<()> {
            loop {
                let length = from.read(&mut buffer)?;
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
