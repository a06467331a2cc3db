//! The runtime under AWS's Runtime Interface Emulator, with a small S3 in this process.

use std::collections::HashMap;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

type Objects = Arc<Mutex<HashMap<String, Vec<u8>>>>;

/// A store on loopback: GET, PUT and nothing else.
pub struct TinyS3 {
    pub endpoint: String,
    objects: Objects,
}

impl TinyS3 {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let objects = Objects::default();
        let shared = Arc::clone(&objects);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = Arc::clone(&shared);
                std::thread::spawn(move || serve(&stream, &shared));
            }
        });
        Self { endpoint, objects }
    }

    pub fn put(&self, path: &str, bytes: &[u8]) {
        self.objects.lock().unwrap().insert(path.into(), bytes.to_vec());
    }

    pub fn get(&self, path: &str) -> Option<Vec<u8>> {
        self.objects.lock().unwrap().get(path).cloned()
    }

    /// Keys that begin with `prefix`, in order.
    pub fn list(&self, prefix: &str) -> Vec<String> {
        let objects = self.objects.lock().unwrap();
        let mut keys: Vec<_> = objects.keys().filter(|key| key.starts_with(prefix)).cloned().collect();
        keys.sort();
        keys
    }
}

fn serve(stream: &TcpStream, objects: &Mutex<HashMap<String, Vec<u8>>>) {
    stream.set_nodelay(true).unwrap();
    let mut reader = BufReader::new(stream);
    while let Some((method, path, body)) = request(&mut reader) {
        let key = path.split('?').next().unwrap_or("").trim_start_matches('/').to_owned();
        let (status, body) = match method.as_str() {
            "PUT" => {
                objects.lock().unwrap().insert(key, body);
                (200, Vec::new())
            }
            _ => match objects.lock().unwrap().get(&key) {
                Some(bytes) => (200, bytes.clone()),
                None => (404, b"<Error><Code>NoSuchKey</Code></Error>".to_vec()),
            },
        };
        let head = format!("HTTP/1.1 {status} X\r\nETag: \"e\"\r\nContent-Length: {}\r\n\r\n", body.len());
        let mut out = stream;
        if out.write_all(&[head.as_bytes(), &body].concat()).is_err() {
            return;
        }
    }
}

/// Method, path and body of the next request.
fn request(reader: &mut BufReader<&TcpStream>) -> Option<(String, String, Vec<u8>)> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
    let mut words = line.split_whitespace();
    let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().ok()?;
        }
        if name.eq_ignore_ascii_case("expect") {
            let mut out: &TcpStream = reader.get_ref();
            out.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").ok()?;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some((method, path, body))
}

/// AWS's emulator, out of the wheel of AWS's SAM CLI; fetched once.
pub fn emulator() -> PathBuf {
    // Tests run beside each other, and the first one fetches it.
    static FETCHING: Mutex<()> = Mutex::new(());
    let _one_at_a_time = FETCHING.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/interop/rie");
    let program = folder.join("aws-lambda-rie");
    if !program.exists() {
        fs::create_dir_all(&folder).unwrap();
        let script = "pip download -q --no-deps -d . aws-sam-cli && python3 -c \"\n\
                      import glob, zipfile\n\
                      wheel = zipfile.ZipFile(glob.glob('aws_sam_cli-*.whl')[0])\n\
                      name = 'samcli/local/rapid/aws-lambda-rie-x86_64'\n\
                      open('part', 'wb').write(wheel.read(name))\"";
        let done = Command::new("sh").args(["-c", script]).current_dir(&folder).status().unwrap();
        assert!(done.success(), "the emulator could not be fetched from PyPI");
        fs::set_permissions(folder.join("part"), fs::Permissions::from_mode(0o755)).unwrap();
        fs::rename(folder.join("part"), &program).unwrap();
    }
    program
}

/// The emulator with a program as its bootstrap.
pub struct Emulated {
    child: Child,
    address: String,
}

impl Emulated {
    /// Starts it and waits until it listens.
    pub fn start(command: &[&str], env: &[(&str, &str)], log: Stdio) -> Self {
        let port = || TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
        let (address, api) = (port(), port());
        let child = Command::new(emulator())
            .args(["--log-level", "error", "--runtime-interface-emulator-address", &address])
            .args(["--runtime-api-address", &api])
            .args(command)
            .envs(env.iter().copied())
            .env("AWS_LAMBDA_FUNCTION_NAME", "f")
            .env("AWS_LAMBDA_FUNCTION_TIMEOUT", "10")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256")
            .stdout(log)
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .unwrap();
        let until = Instant::now() + Duration::from_secs(20);
        while TcpStream::connect(&address).is_err() {
            assert!(Instant::now() < until, "the emulator does not listen");
            std::thread::sleep(Duration::from_millis(5));
        }
        Self { child, address }
    }

    /// Invokes the function; the answer's body and how long it took.
    pub fn invoke(&self, event: &str) -> (String, Duration) {
        let begin = Instant::now();
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_nodelay(true).unwrap();
        let head = format!(
            "POST /2015-03-31/functions/function/invocations HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\
             Content-Length: {}\r\n\r\n{event}",
            event.len()
        );
        stream.write_all(head.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
        (body.to_owned(), begin.elapsed())
    }

    /// Peak resident memory of the emulator's child, in KiB.
    pub fn peak_kib(&self) -> Option<u64> {
        let tasks = format!("/proc/{0}/task/{0}/children", self.child.id());
        let children = fs::read_to_string(tasks).ok()?;
        let by_thread = || {
            let threads = fs::read_dir(format!("/proc/{}/task", self.child.id())).ok()?;
            threads.flatten().find_map(|thread| {
                let text = fs::read_to_string(thread.path().join("children")).ok()?;
                text.split_whitespace().next().map(str::to_owned)
            })
        };
        let pid = children.split_whitespace().next().map(str::to_owned).or_else(by_thread)?;
        let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        line.split_whitespace().next()?.parse().ok()
    }
}

impl Drop for Emulated {
    fn drop(&mut self) {
        // The emulator does not end its bootstrap: both are in a group of their own.
        let _ = Command::new("kill").args(["-KILL", "--", &format!("-{}", self.child.id())]).status();
        let _ = self.child.wait();
    }
}

/// The runtime and its configuration in a folder, as a plain bootstrap.
pub struct Bootstrap {
    pub folder: tempfile::TempDir,
    config: String,
    tmp: String,
    endpoint: String,
}

impl Bootstrap {
    pub fn new(script: &str, endpoint: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let runtime = throng_embedded::RUNTIME.x86_64;
        let program = folder.path().join("bootstrap");
        fs::write(&program, runtime.expect("an embedded runtime")).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        fs::write(folder.path().join("script"), script).unwrap();
        let config = folder.path().join("function.json");
        let text = r#"{"version": 1, "name": "f", "script": true, "outputs": [{"bucket": "out"}]}"#;
        fs::write(&config, text).unwrap();
        let tmp = folder.path().join("tmp");
        fs::create_dir(&tmp).unwrap();
        let text = |path: PathBuf| path.to_str().unwrap().to_owned();
        Self { config: text(config), tmp: text(tmp), endpoint: endpoint.into(), folder }
    }

    pub fn program(&self) -> PathBuf {
        self.folder.path().join("bootstrap")
    }

    pub fn start(&self, log: Stdio) -> Emulated {
        let env = [
            ("THRONG_CONFIG", self.config.as_str()),
            ("THRONG_TMP", &self.tmp),
            ("THRONG_HOME_BUCKET", "home"),
            ("AWS_ENDPOINT_URL", &self.endpoint),
            ("AWS_ACCESS_KEY_ID", "test"),
            ("AWS_SECRET_ACCESS_KEY", "test"),
            ("AWS_REGION", "us-east-1"),
        ];
        Emulated::start(&[self.program().to_str().unwrap()], &env, log)
    }
}

/// An S3 notification for one object.
pub fn notification(key: &str) -> String {
    format!(
        r#"{{"Records": [{{"eventSource": "aws:s3", "eventTime": "2026-01-01T00:00:00.000Z", "eventName": "ObjectCreated:Put",
        "s3": {{"bucket": {{"name": "in", "arn": "arn:aws:s3:::in"}}, "object": {{"key": "{key}"}}}}}}]}}"#
    )
}
