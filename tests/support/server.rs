//! Servers that others wrote, each on a free port and in a folder of its own, ended when dropped.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

pub struct Server {
    child: Child,
    /// Host and port.
    pub host: String,
    folder: TempDir,
}

pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address").port()
}

impl Server {
    /// Starts what `command` makes of a port and a folder, which it is run in; its output goes to the folder's `log`.
    pub fn start(command: impl FnOnce(u16, &Path) -> Command) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let port = free_port();
        let log = fs::File::create(folder.path().join("log")).expect("a log");
        let mut command = command(port, folder.path());
        command
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stderr(log.try_clone().expect("a log"))
            .stdout(log);
        // What it starts itself is ended with it.
        let child = command.process_group(0).spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let server = Self { child, host: format!("127.0.0.1:{port}"), folder };
        let begin = Instant::now();
        while TcpStream::connect(&server.host).is_err() {
            assert!(
                begin.elapsed() < Duration::from_secs(30),
                "{command:?} does not listen: {}",
                server.log()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
        server
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.host)
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// What it has said.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(self.folder.path().join("log")).unwrap_or_default()).into_owned()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let group = nix::unistd::Pid::from_raw(-self.child.id().cast_signed());
        let _ = nix::sys::signal::kill(group, nix::sys::signal::Signal::SIGKILL);
        let _ = self.child.wait();
    }
}

/// Debian's registry; `auth` is the part of its configuration about logins.
pub fn docker_registry(auth: impl FnOnce(&Path) -> String) -> Server {
    Server::start(|port, folder| {
        let store = folder.join("store");
        let config = format!(
            "version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: {}}}, delete: {{enabled: true}}}}\n\
             http: {{addr: '127.0.0.1:{port}'}}\n{}",
            store.display(),
            auth(folder)
        );
        fs::write(folder.join("registry.yml"), config).expect("writes the configuration");
        let mut command = Command::new("docker-registry");
        command.args(["serve", "registry.yml"]);
        command
    })
}

/// moto's server; `programs` is where it is installed. Its functions answer with their event.
pub fn moto(programs: &Path) -> Server {
    let server = Server::start(|port, _| {
        let mut command = Command::new(programs.join("moto_server"));
        command.args(["-H", "127.0.0.1", "-p", &port.to_string()]);
        command
    });
    let body = r#"{"lambda": {"use_docker": false}}"#;
    let mut stream = TcpStream::connect(&server.host).expect("it listens");
    let head = format!("POST /moto-api/config HTTP/1.0\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    stream.write_all(head.as_bytes()).expect("sends");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("answers");
    assert!(answer.split(' ').nth(1).is_some_and(|status| status.starts_with('2')), "{answer}");
    server
}

/// ministack; `programs` is where it is installed.
pub fn ministack(programs: &Path) -> Server {
    Server::start(|port, _| {
        let mut command = Command::new(programs.join("ministack"));
        command
            .env("BIND_HOST", "127.0.0.1")
            .env("GATEWAY_PORT", port.to_string())
            .env("AWS_ENDPOINT_URL", format!("http://127.0.0.1:{port}"))
            .env("LOG_LEVEL", "WARNING");
        command
    })
}
