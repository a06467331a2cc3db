//! A Runtime API and an S3 in this process, and the runtime as a child process.

use serde_json::Value;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use throng_contract::{AttemptRecord, Credentials, FunctionConfig, LogLine, OnFailure, OutputRule, versions};

/// How long a test waits for an answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// An object with its user metadata.
#[derive(Clone, Default)]
pub struct Object {
    pub bytes: Vec<u8>,
    pub metadata: Vec<(String, String)>,
}

/// What the runtime answered to an event.
#[derive(Debug)]
pub struct Answer {
    pub ok: bool,
    pub error_type: String,
    pub body: Value,
}

#[derive(Default)]
struct State {
    objects: BTreeMap<String, Object>,
    /// Answers of S3 that come before the real one: path, status.
    faults: VecDeque<(String, u16)>,
    events: VecDeque<(String, Vec<u8>, u64)>,
    answers: HashMap<String, Answer>,
    parts: BTreeMap<u32, Vec<u8>>,
    requests: Vec<String>,
    closed: bool,
}

/// What the runtime printed, and the pipe that it comes by.
struct Printed {
    bytes: Vec<u8>,
    pipe: ChildStdout,
}

impl Printed {
    /// Reads what waits in the pipe. `false` when the other side has closed.
    fn take_waiting(&mut self) -> bool {
        while rustix::io::ioctl_fionread(&self.pipe).is_ok_and(|waiting| waiting > 0) {
            let mut buffer = vec![0; 65536];
            match self.pipe.read(&mut buffer) {
                Ok(read @ 1..) => self.bytes.extend_from_slice(&buffer[..read]),
                _ => return false,
            }
        }
        true
    }
}

/// Empties the pipe, so that the runtime never waits for us.
fn drain(log: &Mutex<Printed>) {
    use rustix::event::{PollFd, PollFlags, poll};
    let pipe = log.lock().unwrap().pipe.as_fd().try_clone_to_owned().unwrap();
    loop {
        let mut waits = [PollFd::new(&pipe, PollFlags::IN)];
        if poll(&mut waits, None).is_err() {
            return;
        }
        let closed = !waits[0].revents().contains(PollFlags::IN);
        if !log.lock().unwrap().take_waiting() || closed {
            return;
        }
    }
}

/// Both servers on one port.
pub struct Rig {
    state: Arc<(Mutex<State>, Condvar)>,
    _folder: tempfile::TempDir,
    pub tmp: PathBuf,
    child: Child,
    log: Arc<Mutex<Printed>>,
    next: u32,
}

/// A function with a script, or without one.
pub fn function(script: bool) -> FunctionConfig {
    FunctionConfig {
        version: versions::CONFIG,
        name: "f".into(),
        script,
        entrypoint: Vec::new(),
        cmd: Vec::new(),
        workdir: String::new(),
        env: BTreeMap::new(),
        outputs: vec![OutputRule {
            provider: None,
            bucket: "out".into(),
            path: "results".into(),
            prefix: Vec::new(),
            suffix: Vec::new(),
        }],
        timeout_threshold: 1,
        on_failure: OnFailure::Discard,
        providers: BTreeMap::new(),
        provider_inputs: Vec::new(),
        credentials: Credentials::default(),
        fingerprint: "function".into(),
    }
}

impl Rig {
    /// Starts the runtime with a script.
    pub fn with_script(script: &str) -> Self {
        Self::start(&function(true), Some(script), &[])
    }

    /// Starts the runtime.
    pub fn start(function: &FunctionConfig, script: Option<&str>, env: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("function.json");
        std::fs::write(&config, serde_json::to_vec(function).unwrap()).unwrap();
        if let Some(script) = script {
            std::fs::write(folder.path().join("script"), script).unwrap();
        }
        let tmp = folder.path().join("tmp");
        std::fs::create_dir(&tmp).unwrap();
        let state = Arc::new((Mutex::new(State::default()), Condvar::new()));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = Arc::clone(&shared);
                std::thread::spawn(move || serve(&stream, |request| answer(request, &shared)));
            }
        });
        let mut child = Command::new(env!("CARGO_BIN_EXE_throng-runtime"))
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("AWS_LAMBDA_RUNTIME_API", format!("{address}/_env/token"))
            .env("AWS_ENDPOINT_URL", format!("http://{address}"))
            .env("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
            .env("AWS_SECRET_ACCESS_KEY", "secret")
            .env("AWS_SESSION_TOKEN", "session")
            .env("AWS_REGION", "us-east-1")
            .env("AWS_LAMBDA_LOG_STREAM_NAME", "stream")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256")
            .env("THRONG_CONFIG", &config)
            .env("THRONG_TMP", &tmp)
            .env("THRONG_HOME_BUCKET", "home")
            .envs(env.iter().copied())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let log = Arc::new(Mutex::new(Printed { bytes: Vec::new(), pipe: child.stdout.take().unwrap() }));
        let shared = Arc::clone(&log);
        std::thread::spawn(move || drain(&shared));
        Self { state, _folder: folder, tmp, child, log, next: 0 }
    }

    /// Process id of the runtime.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn put(&self, path: &str, bytes: &[u8]) {
        self.put_with(path, bytes, &[]);
    }

    pub fn put_with(&self, path: &str, bytes: &[u8], metadata: &[(&str, &str)]) {
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let object = Object { bytes: bytes.to_vec(), metadata: metadata.iter().map(own).collect() };
        self.state.0.lock().unwrap().objects.insert(path.to_owned(), object);
    }

    /// The object at `bucket/key`.
    pub fn get(&self, path: &str) -> Option<Vec<u8>> {
        self.state.0.lock().unwrap().objects.get(path).map(|object| object.bytes.clone())
    }

    /// Everything at or below `prefix`.
    pub fn list(&self, prefix: &str) -> Vec<String> {
        let state = self.state.0.lock().unwrap();
        state.objects.keys().filter(|key| key.starts_with(prefix)).cloned().collect()
    }

    pub fn fault(&self, path: &str, status: u16) {
        self.state.0.lock().unwrap().faults.push_back((path.to_owned(), status));
    }

    pub fn requests(&self) -> Vec<String> {
        self.state.0.lock().unwrap().requests.clone()
    }

    /// Sends an event with a time limit and waits for the answer.
    pub fn invoke_raw(&mut self, payload: &[u8], limit: Duration) -> Answer {
        self.next += 1;
        let id = format!("request-{}", self.next);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let deadline = u64::try_from((now + limit).as_millis()).unwrap();
        let (lock, changed) = &*self.state;
        let mut state = lock.lock().unwrap();
        state.events.push_back((id.clone(), payload.to_vec(), deadline));
        changed.notify_all();
        let (mut state, wait) =
            changed.wait_timeout_while(state, PATIENCE, |state| !state.answers.contains_key(&id)).unwrap();
        assert!(!wait.timed_out(), "no answer to {id}");
        state.answers.remove(&id).unwrap()
    }

    /// Waits for the runtime to say that it cannot start.
    pub fn init_error(&mut self) -> Answer {
        let (lock, changed) = &*self.state;
        let (mut state, wait) = changed
            .wait_timeout_while(lock.lock().unwrap(), PATIENCE, |state| !state.answers.contains_key("init"))
            .unwrap();
        assert!(!wait.timed_out(), "no init error");
        state.answers.remove("init").unwrap()
    }

    pub fn invoke(&mut self, event: &Value) -> Answer {
        self.invoke_raw(event.to_string().as_bytes(), Duration::from_secs(20))
    }

    /// One S3 notification for `keys` of bucket `in`; keys are given as they stand in events.
    pub fn notify(&mut self, keys: &[&str]) -> Answer {
        self.invoke(&notification(keys))
    }

    /// Every record so far, in the order in which they ended.
    pub fn records(&self) -> Vec<AttemptRecord> {
        let is_record = |path: &&String| path.contains("/records/") || path.starts_with("home/l/");
        let paths = self.list("home/");
        let records = paths.iter().filter(is_record).filter(|path| !path.ends_with("_running"));
        let read = |path: &String| serde_json::from_slice(&self.get(path).unwrap()).unwrap();
        let mut records: Vec<AttemptRecord> = records.map(read).collect();
        records.sort_by_key(|record| record.ended_ms);
        records
    }

    /// Metadata of the object at `bucket/key`.
    pub fn metadata(&self, path: &str) -> Vec<(String, String)> {
        self.state
            .0
            .lock()
            .unwrap()
            .objects
            .get(path)
            .map(|object| object.metadata.clone())
            .unwrap_or_default()
    }

    pub fn record(&self) -> AttemptRecord {
        self.records().pop().expect("a record")
    }

    /// Every line of the log so far: what was written before an answer came is there.
    pub fn log(&self) -> Vec<LogLine> {
        let bytes = {
            let mut printed = self.log.lock().unwrap();
            printed.take_waiting();
            printed.bytes.clone()
        };
        let text = String::from_utf8(bytes).expect("a log in UTF-8");
        text.lines().map(|line| serde_json::from_str(line).expect(line)).collect()
    }

    /// What the script of the last invocations printed.
    pub fn printed(&self) -> Vec<String> {
        self.log().into_iter().map(|line| line.message).collect()
    }

    /// Waits until the temporary folder is empty, as it must be before the next event.
    pub fn assert_clean(&mut self) {
        let folder = self.tmp.clone();
        // The runtime asks for the next event only when it has cleaned.
        let answer = self.invoke(&serde_json::json!({"Event": "s3:TestEvent"}));
        assert!(answer.ok);
        let left: Vec<_> = std::fs::read_dir(&folder).unwrap().flatten().map(|entry| entry.path()).collect();
        assert!(left.is_empty(), "left: {left:?}");
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        self.state.0.lock().unwrap().closed = true;
        self.state.1.notify_all();
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub fn notification(keys: &[&str]) -> Value {
    let record = |key: &&str| {
        serde_json::json!({"eventSource": "aws:s3", "eventTime": "2026-01-02T03:04:05.000Z",
            "s3": {"bucket": {"name": "in", "arn": "arn:aws:s3:::in"}, "object": {"key": key}}})
    };
    serde_json::json!({"Records": keys.iter().map(record).collect::<Vec<_>>()})
}

pub struct Request {
    pub method: String,
    pub path: String,
    pub headers: HashMap<String, String>,
    pub body: Vec<u8>,
}

/// Answers requests until the other side closes.
fn serve(stream: &TcpStream, answer: impl Fn(&Request) -> Response) {
    stream.set_nodelay(true).unwrap();
    serve_over(stream, answer);
}

/// The same over any connection.
pub fn serve_over(stream: impl Read + Write, answer: impl Fn(&Request) -> Response) {
    let mut reader = BufReader::new(stream);
    while let Some(request) = read_request(&mut reader) {
        let (status, headers, body) = answer(&request);
        let mut head = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n", body.len());
        for (name, value) in headers {
            head.extend([name.as_str(), ": ", value.as_str(), "\r\n"]);
        }
        head.push_str("\r\n");
        let out = reader.get_mut();
        if out.write_all(&[head.as_bytes(), &body].concat()).and_then(|()| out.flush()).is_err() {
            return;
        }
    }
}

fn read_request(reader: &mut impl BufRead) -> Option<Request> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
    let mut words = line.split_whitespace();
    let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = HashMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.insert(name.to_lowercase(), value.trim().to_owned());
    }
    let length = headers.get("content-length").and_then(|value| value.parse().ok()).unwrap_or(0);
    assert_ne!(headers.get("transfer-encoding").map(String::as_str), Some("chunked"), "S3 takes no chunks");
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Request { method, path, headers, body })
}

pub type Response = (u16, Vec<(String, String)>, Vec<u8>);

fn answer(request: &Request, shared: &(Mutex<State>, Condvar)) -> Response {
    if request.method == "POST" && request.path == "/" {
        return sts(request, &mut shared.0.lock().unwrap());
    }
    match request.path.strip_prefix("/_env/token/2018-06-01/runtime/") {
        Some(call) => runtime_api(call, request, shared),
        None => s3(request, &mut shared.0.lock().unwrap()),
    }
}

/// Narrowed credentials, or a refusal when a fault for `/` is planned.
fn sts(request: &Request, state: &mut State) -> Response {
    assert!(request.headers["authorization"].contains("/us-east-1/sts/aws4_request"));
    state.requests.push(String::from_utf8_lossy(&request.body).into_owned());
    if state.faults.front().is_some_and(|(path, _)| path == "/") {
        let (_, status) = state.faults.pop_front().unwrap();
        let body = b"<ErrorResponse><Error><Code>AccessDenied</Code><Message>not you</Message></Error></ErrorResponse>";
        return (status, Vec::new(), body.to_vec());
    }
    let body = b"<X><Credentials><AccessKeyId>ASIANARROW</AccessKeyId><SecretAccessKey>s</SecretAccessKey>\
        <SessionToken>t</SessionToken><Expiration>2026-11-23T22:45:00Z</Expiration></Credentials></X>";
    (200, Vec::new(), body.to_vec())
}

fn runtime_api(call: &str, request: &Request, (lock, changed): &(Mutex<State>, Condvar)) -> Response {
    let mut state = lock.lock().unwrap();
    if call == "invocation/next" {
        state = changed.wait_while(state, |state| state.events.is_empty() && !state.closed).unwrap();
        let Some((id, payload, deadline)) = state.events.pop_front() else {
            return (500, Vec::new(), Vec::new());
        };
        let headers = vec![
            ("Lambda-Runtime-Aws-Request-Id".into(), id),
            ("Lambda-Runtime-Deadline-Ms".into(), deadline.to_string()),
        ];
        return (200, headers, payload);
    }
    let parts: Vec<_> = call.split('/').collect();
    let (id, ok) = match parts[..] {
        ["invocation", id, kind] => (id, kind == "response"),
        _ => ("init", false),
    };
    let error_type = request.headers.get("lambda-runtime-function-error-type").cloned().unwrap_or_default();
    let body = serde_json::from_slice(&request.body).expect("a JSON answer");
    state.answers.insert(id.to_owned(), Answer { ok, error_type, body });
    changed.notify_all();
    (202, Vec::new(), Vec::new())
}

fn s3(request: &Request, state: &mut State) -> Response {
    let (path, query) = request.path.split_once('?').unwrap_or((&request.path, ""));
    let key = decode(path.trim_start_matches('/'));
    state.requests.push(format!("{} {key} {query}", request.method));
    assert!(request.headers["authorization"].starts_with("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/"));
    assert_eq!(request.headers["x-amz-security-token"], "session");
    if let Some(at) = state.faults.iter().position(|(path, _)| *path == key) {
        let status = state.faults.remove(at).unwrap().1;
        let code = if status == 403 { "AccessDenied" } else { "SlowDown" };
        return (status, Vec::new(), format!("<Error><Code>{code}</Code></Error>").into_bytes());
    }
    match (request.method.as_str(), query) {
        ("GET", _) => match state.objects.get(&key) {
            Some(object) => {
                let headers = object.metadata.iter();
                let headers = headers.map(|(name, value)| (format!("x-amz-meta-{name}"), value.clone()));
                (200, headers.chain([("etag".into(), "\"e\"".into())]).collect(), object.bytes.clone())
            }
            None => {
                (404, Vec::new(), b"<Error><Code>NoSuchKey</Code><Message>gone</Message></Error>".to_vec())
            }
        },
        ("PUT", "") if request.headers.contains_key("if-none-match") && state.objects.contains_key(&key) => {
            (412, Vec::new(), b"<Error><Code>PreconditionFailed</Code></Error>".to_vec())
        }
        ("PUT", "") => {
            let own = |(name, value): (&String, &String)| {
                Some((name.strip_prefix("x-amz-meta-")?.to_owned(), value.clone()))
            };
            let metadata = request.headers.iter().filter_map(own).collect();
            state.objects.insert(key, Object { bytes: request.body.clone(), metadata });
            (200, vec![("etag".into(), "\"e\"".into())], Vec::new())
        }
        ("POST", "uploads=") => (200, Vec::new(), b"<X><UploadId>u&amp;1</UploadId></X>".to_vec()),
        ("PUT", query) => {
            let number = query.strip_prefix("partNumber=").unwrap().strip_suffix("&uploadId=u%261").unwrap();
            state.parts.insert(number.parse().unwrap(), request.body.clone());
            (200, vec![("etag".into(), format!("\"{number}\""))], Vec::new())
        }
        ("POST", _) => {
            let parts = std::mem::take(&mut state.parts);
            let list = String::from_utf8_lossy(&request.body).into_owned();
            assert_eq!(list.matches("<Part>").count(), parts.len());
            let bytes = parts.into_values().flatten().collect();
            state.objects.insert(key, Object { bytes, metadata: Vec::new() });
            (200, Vec::new(), b"<X><ETag>e</ETag></X>".to_vec())
        }
        _ => (204, Vec::new(), Vec::new()),
    }
}

pub fn decode(path: &str) -> String {
    let mut out = Vec::new();
    let mut bytes = path.bytes();
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let pair = [bytes.next().unwrap(), bytes.next().unwrap()];
            out.push(u8::from_str_radix(std::str::from_utf8(&pair).unwrap(), 16).unwrap());
        } else {
            out.push(byte);
        }
    }
    String::from_utf8(out).unwrap()
}

/// Every process whose parent is `pid`.
pub fn children(pid: u32) -> Vec<String> {
    let stat = |path: &Path| std::fs::read_to_string(path.join("stat")).ok();
    std::fs::read_dir("/proc")
        .unwrap()
        .flatten()
        .filter_map(|entry| stat(&entry.path()))
        .filter(|stat| stat.rsplit_once(')').unwrap().1.split_whitespace().nth(1) == Some(&pid.to_string()))
        .collect()
}
