//! A Runtime API and an S3 in this process, and the runtime as a child process.
//!
//! ```text
//! cloud     what the Runtime API, S3 and STS answer
//! http      requests and answers over a connection
//! printed   what the runtime prints
//! ```

mod cloud;
mod http;
mod printed;

pub use cloud::Answer;
pub use http::{Request, Response, decode, serve_over};

use cloud::{Object, State, answer};
use http::serve;
use printed::{Printed, drain};
use serde_json::Value;
use std::collections::BTreeMap;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use throng_contract::{AttemptRecord, Credentials, FunctionConfig, LogLine, OnFailure, OutputRule, versions};

/// How long a test waits for an answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// Both servers on one port.
pub struct Rig {
    state: Arc<(Mutex<State>, Condvar)>,
    _folder: tempfile::TempDir,
    pub tmp: PathBuf,
    command: Command,
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
        expect: None,
        providers: BTreeMap::new(),
        inputs: Vec::new(),
        provider_inputs: Vec::new(),
        selections: Vec::new(),
        grouping: None,
        credentials: Credentials::default(),
        secrets: Vec::new(),
        task_timeout: None,
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
        let mut command = Command::new(env!("CARGO_BIN_EXE_throng-runtime"));
        command
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
            .stdout(Stdio::piped());
        let (child, log) = environment(&mut command);
        Self { state, _folder: folder, tmp, command, child, log, next: 0 }
    }

    /// Waits until so many environments have died over an event, and gives it to the next, as Lambda repeats it.
    pub fn breaks_over(&mut self, event: &Value, deaths: u32) -> Answer {
        self.next += 1;
        for _ in 0..deaths {
            self.queue(event.to_string().as_bytes(), Duration::from_secs(20));
            let ended = self.child.wait().unwrap();
            assert!(!ended.success(), "{ended}");
            // Another environment finds nothing of this one.
            std::fs::remove_dir_all(&self.tmp).unwrap();
            std::fs::create_dir(&self.tmp).unwrap();
            (self.child, self.log) = environment(&mut self.command);
        }
        self.queue(event.to_string().as_bytes(), Duration::from_secs(20));
        self.answer()
    }

    /// Puts an event of the current request on the queue.
    fn queue(&self, payload: &[u8], limit: Duration) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let deadline = u64::try_from((now + limit).as_millis()).unwrap();
        let id = format!("request-{}", self.next);
        self.state.0.lock().unwrap().events.push_back((id, payload.to_vec(), deadline));
        self.state.1.notify_all();
    }

    /// Waits for the answer to the current request.
    fn answer(&self) -> Answer {
        let id = format!("request-{}", self.next);
        let (lock, changed) = &*self.state;
        let (mut state, wait) = changed
            .wait_timeout_while(lock.lock().unwrap(), PATIENCE, |state| !state.answers.contains_key(&id))
            .unwrap();
        assert!(!wait.timed_out(), "no answer to {id}");
        state.answers.remove(&id).unwrap()
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

    /// The content type that the object at `bucket/key` was stored with.
    pub fn kind(&self, path: &str) -> Option<String> {
        self.state.0.lock().unwrap().kinds.get(path).cloned()
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
        self.queue(payload, limit);
        self.answer()
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

/// Starts the runtime, and reads what it prints.
fn environment(command: &mut Command) -> (Child, Arc<Mutex<Printed>>) {
    let mut child = command.spawn().unwrap();
    let log = Arc::new(Mutex::new(Printed { bytes: Vec::new(), pipe: child.stdout.take().unwrap() }));
    let shared = Arc::clone(&log);
    std::thread::spawn(move || drain(&shared));
    (child, log)
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
