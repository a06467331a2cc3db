//! A function: the smallest runtime there is, in this test binary itself, run as a process by the plain launcher.

use crate::support::test_name;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// The command that runs it.
pub fn command() -> Vec<String> {
    let own = std::env::current_exe().expect("this binary").display().to_string();
    let test = test_name(module_path!(), "is_a_runtime_when_started_as_one");
    [&own, "--exact", &test, "--nocapture", "-q"].map(str::to_owned).to_vec()
}

#[test]
fn is_a_runtime_when_started_as_one() {
    if let Ok(api) = std::env::var("AWS_LAMBDA_RUNTIME_API") {
        run(&api);
    }
}

struct Connection {
    stream: BufReader<TcpStream>,
    host: String,
    base: String,
}

impl Connection {
    fn ask(&mut self, method: &str, path: &str, body: &[u8]) -> (Vec<(String, String)>, Vec<u8>) {
        let head = format!(
            "{method} {}/2018-06-01/runtime/{path} HTTP/1.1\r\nhost: {}\r\ncontent-length: {}\r\n\r\n",
            self.base,
            self.host,
            body.len()
        );
        let mut request = head.into_bytes();
        request.extend_from_slice(body);
        self.stream.get_mut().write_all(&request).expect("sent");
        let (mut headers, mut line) = (Vec::new(), String::new());
        loop {
            line.clear();
            if self.stream.read_line(&mut line).expect("a line") == 0 {
                std::process::exit(0);
            }
            let line = line.trim_end();
            if line.is_empty() {
                break;
            }
            let (name, value) = line.split_once(':').unwrap_or(("status", line));
            headers.push((name.to_lowercase(), value.trim().to_owned()));
        }
        let length = headers
            .iter()
            .find(|(name, _)| name == "content-length")
            .map_or(0, |(_, n)| n.parse().expect("n"));
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body).expect("a body");
        (headers, body)
    }
}

fn say(text: &str) {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes()).expect("written");
    out.flush().expect("flushed");
}

fn run(api: &str) -> ! {
    let (host, base) = api.split_once('/').expect("a path");
    let stream = TcpStream::connect(host).expect("connected");
    stream.set_nodelay(true).expect("no delay");
    let mut connection =
        Connection { stream: BufReader::new(stream), host: host.into(), base: format!("/{base}") };
    init(&mut connection);
    let mut count = 0;
    loop {
        count += 1;
        let (headers, body) = connection.ask("GET", "invocation/next", b"");
        let header =
            |name: &str| headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.clone()).unwrap_or_default();
        let id = header("lambda-runtime-aws-request-id");
        let event: Value = serde_json::from_slice(&body).expect("JSON");
        match handle(&event, &id, count) {
            Ok(mut answer) => {
                answer["deadline"] = json!(header("lambda-runtime-deadline-ms"));
                answer["arn"] = json!(header("lambda-runtime-invoked-function-arn"));
                connection.ask("POST", &format!("invocation/{id}/response"), answer.to_string().as_bytes());
            }
            Err(message) => {
                let error = json!({"errorType": "Test.Error", "errorMessage": message}).to_string();
                connection.ask("POST", &format!("invocation/{id}/error"), error.as_bytes());
            }
        }
    }
}

fn init(connection: &mut Connection) {
    if let Ok(file) = std::env::var("INIT_LOG") {
        append(&file, "init");
    }
    match std::env::var("INIT").as_deref() {
        Ok("exit") => {
            say("cannot start\n");
            std::process::exit(3);
        }
        Ok("error") => {
            let error = json!({"errorType": "Test.Init", "errorMessage": "no"}).to_string();
            connection.ask("POST", "init/error", error.as_bytes());
            std::process::exit(1);
        }
        Ok("slow") => std::thread::sleep(Duration::from_mins(1)),
        _ => {}
    }
}

fn append(file: &str, line: &str) -> usize {
    let mut opened = std::fs::OpenOptions::new().create(true).append(true).open(file).expect("opened");
    opened.write_all(format!("{line}\n").as_bytes()).expect("written");
    std::fs::read_to_string(file).expect("read").lines().count()
}

fn handle(event: &Value, id: &str, count: u32) -> Result<Value, String> {
    let text = |name: &str| event[name].as_str().unwrap_or_default();
    if let Some(lines) = event["print"].as_str() {
        say(lines);
    }
    let mut lines = 0;
    if let Some(file) = event["append"].as_str() {
        lines = append(file, id);
    }
    if let Some(ms) = event["sleep_ms"].as_u64() {
        std::thread::sleep(Duration::from_millis(ms));
    }
    if let Some(code) = event["exit"].as_i64() {
        std::process::exit(i32::try_from(code).expect("a code"));
    }
    if let Some(size) = event["big"].as_u64() {
        return Ok(json!({"big": "x".repeat(usize::try_from(size).expect("a size"))}));
    }
    if event["fail"].as_bool() == Some(true)
        || event["fail_until"].as_u64().is_some_and(|n| (lines as u64) < n)
    {
        return Err(format!("failed as asked, attempt {lines}"));
    }
    let variable = std::env::var(text("variable")).unwrap_or_default();
    Ok(json!({"pid": std::process::id(), "count": count, "event": event, "variable": variable, "id": id}))
}
