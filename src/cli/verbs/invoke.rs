//! `invoke`.

use super::{deploy, logs};
use crate::args::{self, Format};
use crate::fail::{CliResult, Fail, SOME_FAILED};
use crate::print;
use crate::session::Session;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::IgnoredAny;
use serde_json::{Map, Value, json};
use std::borrow::Cow;
use std::io::Read;
use std::path::Path;
use throng_core::jobs::{self, Job, JobContext, Observer};
use throng_core::lines;
use throng_core::logs::{Parser, RawEvent};

/// The largest event of a synchronous invocation, in bytes (Lambda quotas: 6 MB).
const PAYLOAD: u64 = 6 << 20;

pub async fn invoke(session: &Session, args: args::Invoke) -> CliResult {
    let payload = payload(&args)?;
    let function = deploy::only_name(&args.function)?;
    let job = session.job(Job::Invoke).await?;
    let answer = AnswerOptions { asynchronous: args.asynchronous, to: args.to.as_deref() };
    send(session, &job, &function, payload, answer).await
}

/// What is done with the answer.
#[derive(Clone, Copy)]
pub struct AnswerOptions<'a> {
    /// There is none: nobody waits for it.
    pub asynchronous: bool,
    /// Where it is written; standard output when `None`.
    pub to: Option<&'a Path>,
}

/// Invokes a function once.
pub async fn send(
    session: &Session,
    job: &JobContext,
    function: &str,
    payload: Vec<u8>,
    AnswerOptions { asynchronous, to }: AnswerOptions<'_>,
) -> CliResult {
    if asynchronous {
        let id = jobs::invoke_async(job, function, payload).await?;
        print::result(session.format, &json!({ "request_id": id }), || lines!("request {id}\n"));
        return Ok(());
    }
    let observer = Observer::silent(session.interrupt.clone());
    let answer = jobs::invoke(job, function, payload, &observer).await?;
    let failed = answer.function_error.is_some();
    let body = answer.body();
    if let Some(path) = to {
        std::fs::write(path, &body).map_err(|error| Fail::usage(format!("{}: {error}", path.display())))?;
    }
    match session.format {
        Format::Json => print::document(&json!({
            "request_id": answer.request_id,
            "function_error": answer.function_error,
            "payload": serde_json::from_slice::<Value>(&answer.payload)
                .unwrap_or_else(|_| String::from_utf8_lossy(&answer.payload).into()),
            "log_tail": answer.log_tail,
        })),
        Format::Table if to.is_none() && !failed => {
            print::data(&body);
        }
        Format::Table => {}
    }
    if failed {
        let log = tail(function, &answer.log_tail);
        return Err(Fail::new(SOME_FAILED, format!("the function failed: {}{log}", reason(&answer.payload))));
    }
    Ok(())
}

/// Why a function failed, from what it answered: the error's message and its type.
pub(crate) fn reason(payload: &[u8]) -> String {
    let error: Value = serde_json::from_slice(payload).unwrap_or_default();
    let text = |name: &str| error.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    match (text("errorMessage"), text("errorType")) {
        (Some(message), Some(kind)) => format!("{message} ({kind})"),
        (Some(one), None) | (None, Some(one)) => one.to_owned(),
        (None, None) => String::from_utf8_lossy(payload).into_owned(),
    }
}

/// The end of a log as `logs` prints its lines, each behind a line end. Its lines come without their times.
pub(crate) fn tail(function: &str, log: &str) -> String {
    let mut parser = Parser::default();
    let mut entry = |line: &str| {
        let event = RawEvent { time_ms: 0, stream: String::new(), message: line.to_owned(), id: None };
        format!("\n{}", logs::words(&parser.entry(function, &event)))
    };
    log.lines().filter(|line| !line.trim().is_empty()).map(&mut entry).collect()
}

fn payload(args: &args::Invoke) -> Result<Vec<u8>, Fail> {
    if let Some(data) = &args.data {
        if !data.trim().is_empty() {
            serde_json::from_str::<IgnoredAny>(data).map_err(|error| not_json(data, &error))?;
        }
        return Ok(data.clone().into_bytes());
    }
    match &args.payload {
        Some(path) if path.as_os_str() == "-" => {
            let mut bytes = Vec::new();
            std::io::stdin().lock().read_to_end(&mut bytes)?;
            return Ok(bytes);
        }
        Some(path) => return read(path),
        None => {}
    }
    if args.script.is_some() || !args.arguments.is_empty() {
        return overrides(args.script.as_deref(), &args.arguments);
    }
    if args.data_binary.is_some() || args.json_data.is_some() || args.parameters.is_some() {
        let body = match (&args.data_binary, &args.json_data) {
            (Some(path), _) => Body::Bytes(read(path)?),
            (None, Some(json)) => Body::Json(json),
            (None, None) => Body::None,
        };
        return http(&body, args.parameters.as_deref());
    }
    Ok(Vec::new())
}

fn not_json(data: &str, error: &serde_json::Error) -> Fail {
    // A line that can be pasted; long texts are better in a file anyway.
    let quoted = Some(json!(data).to_string()).filter(|text| text.len() < 60);
    let quoted = quoted.and_then(|text| shlex::try_quote(&text).ok().map(Cow::into_owned));
    let text = quoted.map_or_else(String::new, |word| format!("-d {word} sends it as a JSON text, "));
    Fail::usage(format!("--data is not JSON: {error}; {text}--data-binary FILE sends a file as it is"))
}

fn read(path: &Path) -> Result<Vec<u8>, Fail> {
    let told = |error| Fail::usage(format!("{}: {error}", path.display()));
    // A pipe is as good as a file; one without an end is not.
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(told)?;
    file.take(PAYLOAD + 1).read_to_end(&mut bytes).map_err(told)?;
    if bytes.len() as u64 > PAYLOAD {
        return Err(told(std::io::Error::other(format!(
            "more than {PAYLOAD} bytes, which is what an invocation takes"
        ))));
    }
    Ok(bytes)
}

/// An event that says what is executed.
fn overrides(script: Option<&Path>, arguments: &[String]) -> Result<Vec<u8>, Fail> {
    let mut event = Map::new();
    if let Some(script) = script {
        event.insert("script".into(), STANDARD.encode(read(script)?).into());
    }
    if !arguments.is_empty() {
        event.insert("cmd_args".into(), json!(arguments).to_string().into());
    }
    Ok(Value::Object(event).to_string().into_bytes())
}

/// The body of a request.
enum Body<'a> {
    None,
    Bytes(Vec<u8>),
    Json(&'a str),
}

/// The event that API Gateway makes of a request (Lambda proxy integration): GET without a body, POST with one.
fn http(body: &Body<'_>, parameters: Option<&str>) -> Result<Vec<u8>, Fail> {
    let (method, kind, text, encoded) = match body {
        Body::None => ("GET", None, Value::Null, false),
        Body::Bytes(bytes) => ("POST", Some("application/octet-stream"), STANDARD.encode(bytes).into(), true),
        Body::Json(text) => {
            serde_json::from_str::<Value>(text)
                .map_err(|error| Fail::usage(format!("--json-data is not JSON: {error}")))?;
            ("POST", Some("application/json"), (*text).into(), false)
        }
    };
    let (mut single, mut multiple) = (Map::new(), Map::new());
    for (name, value) in query(parameters)? {
        let all = match value {
            Value::Array(items) => items.iter().map(text_of).collect(),
            one => vec![text_of(&one)],
        };
        // Of several values for one name API Gateway gives the last.
        single.insert(name.clone(), all.last().cloned().unwrap_or_default().into());
        multiple.insert(name, all.into());
    }
    let event = json!({
        "resource": "/{proxy+}",
        "path": "/launch",
        "httpMethod": method,
        "headers": kind.map(|kind| json!({"Content-Type": kind})),
        "queryStringParameters": (!single.is_empty()).then_some(single),
        "multiValueQueryStringParameters": (!multiple.is_empty()).then_some(multiple),
        "body": text,
        "isBase64Encoded": encoded,
    });
    Ok(event.to_string().into_bytes())
}

fn query(parameters: Option<&str>) -> Result<Map<String, Value>, Fail> {
    let Some(text) = parameters else { return Ok(Map::new()) };
    match serde_json::from_str(text) {
        Ok(Value::Object(map)) => Ok(map),
        Ok(_) => Err(Fail::usage("--parameters must be a JSON object: {\"name\": \"value\"}")),
        Err(error) => Err(Fail::usage(format!("--parameters is not JSON: {error}"))),
    }
}

fn text_of(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn event(body: &Body<'_>, parameters: Option<&str>) -> Value {
        serde_json::from_slice(&http(body, parameters).unwrap()).unwrap()
    }

    #[test]
    fn requests_are_events_of_api_gateway() {
        let get = event(&Body::None, Some(r#"{"a": "1", "b": ["x", "y"], "c": 2}"#));
        assert_eq!((get["httpMethod"].as_str(), &get["body"]), (Some("GET"), &Value::Null));
        assert_eq!(get["queryStringParameters"], json!({"a": "1", "b": "y", "c": "2"}));
        assert_eq!(get["multiValueQueryStringParameters"]["b"], json!(["x", "y"]));
        let post = event(&Body::Bytes(b"\xff".to_vec()), None);
        assert_eq!((post["body"].as_str(), post["isBase64Encoded"].as_bool()), (Some("/w=="), Some(true)));
        let json = event(&Body::Json(r#"{"k": 1}"#), None);
        assert_eq!(
            (json["body"].as_str(), json["isBase64Encoded"].as_bool()),
            (Some(r#"{"k": 1}"#), Some(false))
        );
        assert!(http(&Body::Json("k=v"), None).unwrap_err().message.contains("not JSON"));
        assert!(http(&Body::None, Some("[]")).unwrap_err().message.contains("object"));
    }

    #[test]
    fn what_is_executed_comes_as_scar_sends_it() {
        let arguments = ["a b".to_owned(), "-c".to_owned()];
        let event: Value = serde_json::from_slice(&overrides(None, &arguments).unwrap()).unwrap();
        assert_eq!(event, json!({"cmd_args": "[\"a b\",\"-c\"]"}));
    }

    #[test]
    fn a_failure_is_a_sentence() {
        let answer = br#"{"errorMessage": "the script ended with code 3", "errorType": "Throng.Exit"}"#;
        assert_eq!(reason(answer), "the script ended with code 3 (Throng.Exit)");
        assert_eq!((reason(b"oops"), reason(br#"{"a": 1}"#)), ("oops".into(), r#"{"a": 1}"#.into()));
        let log = "START RequestId: 01234567-89ab Version: $LATEST\nhello \u{1b}[31m\n";
        assert_eq!(tail("f", log), "\nf 01234567 INFO  START\nf -              hello ");
    }

    #[test]
    fn text_that_is_no_json_is_not_sent() {
        let data = |text: &str| {
            let words = ["throng", "invoke", "f", "-d", text];
            let cli = <args::Cli as clap::Parser>::parse_from(words);
            let Some(args::Verb::Invoke(args)) = cli.verb else { unreachable!("it is `invoke`") };
            payload(&args)
        };
        let message = data("hello").unwrap_err().message;
        assert!(message.contains(r#"-d '"hello"'"#) && message.contains("--data-binary"), "{message}");
        assert_eq!(data(r#""hello""#).unwrap(), br#""hello""#);
        assert_eq!(data("").unwrap(), b"");
    }
}
