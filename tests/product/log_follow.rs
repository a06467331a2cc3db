//! Following logs of a cloud that refuses, throttles, ends sessions, stalls and forgets its tokens.

use aws_smithy_eventstream::frame::write_message_to;
use aws_smithy_types::event_stream::{Header, HeaderValue, Message};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use throng_contract::local::{AccessKey, LocalCredentials, LocalEndpoint};
use throng_core::cloud::{Cloud, local, now_ms};
use throng_core::config::ContextConfig;
use throng_core::logs::{Bound, Follow, LogClient, LogGroup};
use throng_core::model::{LogQuery, LogView};

/// What the cloud answers.
enum Answer {
    Json(u16, Vec<(&'static str, &'static str)>, Value),
    /// Frames of an event stream; then the connection ends, or stays open and silent.
    Stream(Vec<u8>, bool),
}

fn ok(body: Value) -> Answer {
    Answer::Json(200, Vec::new(), body)
}

fn refused(code: &str) -> Answer {
    Answer::Json(400, Vec::new(), json!({"__type": code, "message": "no"}))
}

/// Calls so far, as operation and body.
type Calls = Arc<Mutex<Vec<(String, Value)>>>;

struct FakeCloud {
    cloud: Cloud,
    calls: Calls,
}

impl FakeCloud {
    /// A cloud whose answer to a call follows from the operation, its number (from 0) and its body.
    fn new(answer: impl Fn(&str, usize, &Value) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let calls = Calls::default();
        let (answer, seen) = (Arc::new(answer), calls.clone());
        std::thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let (answer, seen) = (answer.clone(), seen.clone());
                std::thread::spawn(move || serve(&connection, answer.as_ref(), &seen));
            }
        });
        let key = AccessKey { access_key_id: "id".into(), secret_access_key: "secret".into() };
        let found = local::Found {
            endpoint: LocalEndpoint { endpoint, pid: 0, version: String::new(), started_ms: 0 },
            credentials: LocalCredentials { user: key.clone(), function: key },
            identity: None,
            stranger: None,
        };
        Self { cloud: Cloud::at(&ContextConfig::local(), found), calls }
    }

    fn follow(&self, groups: usize) -> Follow {
        let arn = |index: usize| Some(format!("arn:aws:logs:us-east-1:000000000000:log-group:g{index}"));
        let groups = (0..groups)
            .map(|index| LogGroup { arn: arn(index), ..LogGroup::named("f", &format!("g{index}")) });
        let query = LogQuery { since_s: 60, ..LogQuery::default() };
        Follow::start(LogClient::new(self.cloud.clone()), groups.collect(), query, Bound::default())
    }

    fn count(&self, operation: &str) -> usize {
        self.calls.lock().unwrap().iter().filter(|(name, _)| name == operation).count()
    }
}

fn serve(connection: &TcpStream, answer: &(impl Fn(&str, usize, &Value) -> Answer + ?Sized), calls: &Calls) {
    let mut reader = BufReader::new(connection);
    let mut writer = connection;
    loop {
        let (mut operation, mut length, mut line) = (String::new(), 0, String::new());
        loop {
            line.clear();
            if reader.read_line(&mut line).unwrap_or(0) == 0 {
                return;
            }
            let lower = line.trim().to_ascii_lowercase();
            if lower.is_empty() {
                break;
            }
            if let Some(value) = lower.strip_prefix("content-length: ") {
                length = value.parse().unwrap();
            }
            if lower.starts_with("x-amz-target: ") {
                line.trim().rsplit('.').next().unwrap().clone_into(&mut operation);
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).unwrap();
        let body: Value = serde_json::from_slice(&body).unwrap_or_default();
        let number = {
            let mut calls = calls.lock().unwrap();
            let number = calls.iter().filter(|(name, _)| *name == operation).count();
            calls.push((operation.clone(), body.clone()));
            number
        };
        match answer(&operation, number, &body) {
            Answer::Json(status, headers, body) => {
                let body = body.to_string();
                let headers: String =
                    headers.iter().flat_map(|(name, value)| [*name, ": ", *value, "\r\n"]).collect();
                let head = format!(
                    "HTTP/1.1 {status} x\r\ncontent-type: application/x-amz-json-1.1\r\n{headers}content-length: {}\r\n\r\n",
                    body.len()
                );
                if writer.write_all((head + &body).as_bytes()).is_err() {
                    return;
                }
            }
            Answer::Stream(frames, stays) => {
                let head = "HTTP/1.1 200 OK\r\ncontent-type: application/vnd.amazon.eventstream\r\nconnection: close\r\n\r\n";
                let _ = writer.write_all(head.as_bytes()).and_then(|()| writer.write_all(&frames));
                if stays {
                    // Until the client gives up.
                    let _ = reader.read(&mut [0; 1]);
                }
                let _ = connection.shutdown(std::net::Shutdown::Both);
                return;
            }
        }
    }
}

fn frame(kind: &'static str, name: &'static str, payload: &Value) -> Vec<u8> {
    let header = |key: String, value: &'static str| Header::new(key, HeaderValue::String(value.into()));
    let message = Message::new(payload.to_string())
        .add_header(header(format!(":{kind}-type"), name))
        .add_header(header(":content-type".into(), "application/json"))
        .add_header(header(":message-type".into(), kind));
    let mut buffer = Vec::new();
    write_message_to(&message, &mut buffer).unwrap();
    buffer
}

/// A session that shows one line.
fn session(text: &str, ends: Option<&'static str>) -> Answer {
    let event = json!({"logStreamName": "s", "logGroupIdentifier": "000000000000:g0", "message": text,
        "timestamp": now_ms(), "ingestionTime": now_ms()});
    let mut frames = frame("event", "initial-response", &json!({}));
    frames.extend(frame("event", "sessionStart", &json!({"requestId": "r", "sessionId": "s"})));
    frames.extend(frame(
        "event",
        "sessionUpdate",
        &json!({"sessionMetadata": {"sampled": false}, "sessionResults": [event]}),
    ));
    if let Some(exception) = ends {
        frames.extend(frame("exception", exception, &json!({"message": "Session timed out."})));
    }
    Answer::Stream(frames, ends.is_none())
}

fn event(id: &str, text: &str) -> Value {
    json!({"eventId": id, "logStreamName": "s", "message": text, "timestamp": now_ms()})
}

async fn wait(follow: &Follow, what: &str, holds: impl FnMut(&LogView) -> bool) -> LogView {
    let mut views = follow.views();
    let within = Duration::from_secs(40);
    let found = tokio::time::timeout(within, views.wait_for(holds)).await;
    found.unwrap_or_else(|_| panic!("waited in vain: {what}")).unwrap().clone()
}

fn has(view: &LogView, text: &str) -> bool {
    (0..view.len()).any(|index| &*view.get(index).unwrap().message == text)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_is_over_is_followed_by_the_next() {
    let fake = FakeCloud::new(|operation, number, _| match (operation, number) {
        ("StartLiveTail", 0) => session("before", Some("SessionTimeoutException")),
        ("StartLiveTail", _) => session("after", None),
        _ => ok(json!({"events": []})),
    });
    let follow = fake.follow(1);
    let view =
        wait(&follow, "lines of both sessions", |view| has(view, "before") && has(view, "after")).await;
    assert_eq!(view.mode.to_string(), "live");
    assert_eq!(fake.count("StartLiveTail"), 2);
    assert_eq!(fake.count("DescribeLogGroups"), 0, "the ARN was known");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_stalls_is_opened_again() {
    let fake = FakeCloud::new(|operation, number, _| match (operation, number) {
        ("StartLiveTail", 0) => session("before the silence", None),
        ("StartLiveTail", _) => session("after the silence", None),
        _ => ok(json!({"events": []})),
    });
    let follow = fake.follow(1);
    wait(&follow, "a line of the second session", |view| has(view, "after the silence")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_live_tail_is_refused_the_log_is_polled_and_the_reason_shown() {
    let fake = FakeCloud::new(|operation, _, _| match operation {
        "StartLiveTail" => refused("LimitExceededException"),
        _ => ok(json!({"events": [event("1", "polled")]})),
    });
    let follow = fake.follow(1);
    let mode = "polling (live tail refused: LimitExceededException)";
    wait(&follow, mode, |view| view.mode.to_string() == mode && has(view, "polled")).await;
    let denied = FakeCloud::new(|operation, _, _| match operation {
        "StartLiveTail" => refused("AccessDeniedException"),
        _ => ok(json!({"events": []})),
    });
    let follow = denied.follow(1);
    let mode = "polling (live tail refused: no permission logs:StartLiveTail)";
    wait(&follow, mode, |view| view.mode.to_string() == mode).await;
    assert_eq!(denied.count("StartLiveTail"), 1, "it is not asked again and again");
}

#[tokio::test(flavor = "multi_thread")]
async fn groups_that_do_not_exist_yet_do_not_hold_up_those_that_do() {
    let fake = FakeCloud::new(|operation, _, body| match operation {
        "StartLiveTail" => {
            let groups = body["logGroupIdentifiers"].as_array().unwrap();
            if groups.iter().any(|arn| arn.as_str().unwrap().ends_with(":g1")) {
                refused("ResourceNotFoundException")
            } else {
                session("from the group that exists", None)
            }
        }
        "DescribeLogGroups" => {
            let name = body["logGroupNamePrefix"].as_str().unwrap();
            let arn = format!("arn:aws:logs:us-east-1:000000000000:log-group:{name}:*");
            let groups = if name == "g1" { vec![] } else { vec![json!({"logGroupName": name, "arn": arn})] };
            ok(json!({"logGroups": groups}))
        }
        _ => ok(json!({"events": []})),
    });
    let follow = fake.follow(2);
    wait(&follow, "the line", |view| {
        has(view, "from the group that exists") && view.mode.to_string() == "live"
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn more_than_ten_groups_take_several_sessions() {
    let fake = FakeCloud::new(|operation, _, _| match operation {
        "StartLiveTail" => session("x", None),
        _ => ok(json!({"events": []})),
    });
    let follow = fake.follow(23);
    wait(&follow, "all sessions", |view| view.mode.to_string() == "live").await;
    let calls = fake.calls.lock().unwrap().clone();
    let mut sizes: Vec<_> = calls
        .iter()
        .filter(|(name, _)| name == "StartLiveTail")
        .map(|(_, body)| body["logGroupIdentifiers"].as_array().unwrap().len())
        .collect();
    sizes.sort_unstable();
    assert_eq!(sizes, [3, 10, 10]);
}

#[tokio::test(flavor = "multi_thread")]
async fn throttled_reads_are_slowed_and_lose_nothing() {
    let fake = FakeCloud::new(|operation, number, body| match operation {
        "FilterLogEvents" => match (number, body["nextToken"].as_str()) {
            (0 | 3, _) => refused("ThrottlingException"),
            (1, _) => Answer::Json(429, vec![("retry-after", "1")], json!({"message": "slower"})),
            (_, None) => ok(json!({"events": [event("1", "first page")], "nextToken": "t"})),
            (_, Some("t")) => ok(json!({"events": [], "nextToken": "empty"})),
            (_, Some(_)) => ok(json!({"events": [event("2", "last page")]})),
        },
        _ => refused("AccessDeniedException"),
    });
    let follow = fake.follow(1);
    let view = wait(&follow, "both pages", |view| has(view, "first page") && has(view, "last page")).await;
    assert_eq!(view.len(), 2);
    let slowed = fake.cloud.limits().slowed();
    let names: Vec<_> = slowed.iter().map(|one| (one.what, one.throttled)).collect();
    assert_eq!(names, [("logs", 3)]);
    let calls = fake.cloud.calls();
    let filter = calls.iter().find(|one| one.operation == "FilterLogEvents").unwrap();
    assert_eq!(filter.throttled, 3);
    assert!(filter.total >= 6, "{filter:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_forgotten_begins_the_window_anew() {
    let fake = FakeCloud::new(|operation, number, body| match operation {
        "FilterLogEvents" => match (number, body["nextToken"].as_str()) {
            (_, None) => ok(json!({"events": [event("1", "first")], "nextToken": format!("t{number}")})),
            (_, Some("t0")) => refused("InvalidParameterException"),
            (_, Some(_)) => ok(json!({"events": [event("2", "second")]})),
        },
        _ => refused("AccessDeniedException"),
    });
    let follow = fake.follow(1);
    let view = wait(&follow, "both lines", |view| has(view, "first") && has(view, "second")).await;
    assert_eq!(view.len(), 2, "no line twice");
}
