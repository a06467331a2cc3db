//! What an environment writes to its log stream.

use super::clock::{now_ms, rfc3339};
use super::lines::Lines;
use super::model::Function;
use crate::logs::{LogStore, NewEvent};
use serde_json::{Value, json};
use std::fmt::Write as _;

/// How much of the log `X-Amz-Log-Result` shows.
const TAIL_BYTES: usize = 4096;
/// Buffered bytes after which the buffer is handed on at once.
const BUFFER_BYTES: usize = 64 * 1024;

/// What REPORT says.
#[derive(Clone, Debug)]
pub(super) struct Report {
    pub duration_ms: f64,
    pub init_ms: Option<f64>,
    pub memory_mb: u32,
    pub peak_mb: u64,
    pub status: Status,
}

/// How an invocation ended, for the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Status {
    Success,
    /// The runtime reported an error itself.
    Failure,
    /// The environment failed: its error type.
    Error(String),
    Timeout,
}

/// Writer of one stream.
pub(super) struct LogWriter {
    store: LogStore,
    group: String,
    stream: String,
    arn: String,
    json: bool,
    /// `SystemLogLevel` is `WARN`: platform lines vanish.
    quiet: bool,
    buffer: Vec<NewEvent>,
    bytes: usize,
    lines: Lines,
    tail: Option<String>,
}

impl LogWriter {
    /// A writer for a new environment of `function`.
    pub fn new(store: LogStore, function: &Function, id: &str) -> Self {
        let logging = &function.settings.logging;
        Self {
            store,
            group: logging.log_group.clone(),
            stream: stream_name(function, id, now_ms()),
            arn: format!("{}:$LATEST", function.arn()),
            json: logging.log_format == "JSON",
            quiet: logging.log_format == "JSON" && logging.system_log_level.as_deref() == Some("WARN"),
            buffer: Vec::new(),
            bytes: 0,
            lines: Lines::default(),
            tail: None,
        }
    }

    pub fn group(&self) -> &str {
        &self.group
    }

    pub fn stream(&self) -> &str {
        &self.stream
    }

    /// Waits until the store has room for more.
    pub async fn room(&self) {
        self.store.room().await;
    }

    /// Whether something waits to be handed on.
    pub fn is_dirty(&self) -> bool {
        !self.buffer.is_empty()
    }

    /// Takes what processes wrote.
    pub fn output(&mut self, bytes: &[u8]) {
        let mut lines = std::mem::take(&mut self.lines);
        lines.push(bytes, |line| self.event(line));
        self.lines = lines;
    }

    /// Takes what processes wrote without a line end.
    pub fn end_output(&mut self) {
        let mut lines = std::mem::take(&mut self.lines);
        lines.flush(|line| self.event(line));
        self.lines = lines;
    }

    fn event(&mut self, message: String) {
        if let Some(tail) = &mut self.tail {
            tail.push_str(&message);
            tail.push('\n');
            if tail.len() > 4 * TAIL_BYTES {
                *tail = last(tail);
            }
        }
        self.bytes += message.len();
        self.buffer.push(NewEvent { timestamp_ms: now_ms(), message });
        if self.bytes > BUFFER_BYTES {
            self.flush();
        }
    }

    /// Hands the buffer on to the store.
    pub fn flush(&mut self) {
        self.bytes = 0;
        if !self.buffer.is_empty() {
            self.store.append(&self.group, &self.stream, std::mem::take(&mut self.buffer));
        }
    }

    /// The invocation begins. `tail`: its caller wants to see the log's end.
    pub fn start(&mut self, request_id: &str, tail: bool) {
        self.tail = tail.then(String::new);
        if self.json {
            self.platform(
                "platform.start",
                &json!({"requestId": request_id, "functionArn": self.arn, "version": "$LATEST"}),
            );
        } else {
            self.event(format!("START RequestId: {request_id} Version: $LATEST"));
        }
    }

    /// A line of the platform about an invocation, such as that it timed out.
    pub fn note(&mut self, request_id: &str, message: &str) {
        if !self.json {
            self.event(format!("{} {request_id} {message}", rfc3339(now_ms())));
        }
    }

    /// The environment failed during an invocation.
    pub fn error_line(&mut self, request_id: &str, kind: &str, message: &str) {
        if !self.json {
            self.event(format!("RequestId: {request_id} Error: {message}"));
            self.event(kind.to_owned());
        }
    }

    /// The invocation has ended. Gives back the log's end, when it was asked for.
    pub fn end(&mut self, request_id: &str, report: &Report) -> Option<String> {
        self.end_output();
        if self.json {
            self.json_report(request_id, report);
        } else {
            self.event(format!("END RequestId: {request_id}"));
            self.event(text_report(request_id, report));
        }
        self.flush();
        self.tail.take().map(|tail| last(&tail))
    }

    /// Initialisation failed or took too long.
    pub fn init_report(&mut self, init_ms: f64, phase: &str, status: &str, error_type: Option<&str>) {
        self.end_output();
        if self.json {
            let mut record = json!({"initializationType": "on-demand", "phase": phase, "status": status,
                "metrics": {"durationMs": round(init_ms)}});
            if let Some(error_type) = error_type {
                record["errorType"] = json!(error_type);
            }
            self.platform("platform.initReport", &record);
        } else {
            let error = error_type.map(|error| format!("\tError Type: {error}")).unwrap_or_default();
            self.event(format!(
                "INIT_REPORT Init Duration: {init_ms:.2} ms\tPhase: {phase}\tStatus: {status}{error}"
            ));
        }
        self.flush();
    }

    fn json_report(&mut self, request_id: &str, report: &Report) {
        let (status, error_type) = match &report.status {
            Status::Success => ("success", None),
            Status::Failure => ("failure", None),
            Status::Error(error) => ("error", Some(error.as_str())),
            Status::Timeout => ("timeout", None),
        };
        let mut metrics = json!({
            "durationMs": round(report.duration_ms),
            "billedDurationMs": billed(report),
            "memorySizeMB": report.memory_mb,
            "maxMemoryUsedMB": report.peak_mb,
        });
        if let Some(init) = report.init_ms {
            metrics["initDurationMs"] = json!(round(init));
        }
        let mut record = json!({"requestId": request_id, "status": status, "metrics": metrics});
        if let Some(error) = error_type {
            record["errorType"] = json!(error);
        }
        self.platform("platform.report", &record);
    }

    fn platform(&mut self, kind: &str, record: &Value) {
        if !self.quiet {
            self.event(json!({"time": rfc3339(now_ms()), "type": kind, "record": record}).to_string());
        }
    }
}

/// `YYYY/MM/DD/[$LATEST]<id>`; in a group of another name with the function's name before the bracket.
fn stream_name(function: &Function, id: &str, now: i64) -> String {
    let day = jiff::Timestamp::from_millisecond(now)
        .map(|time| time.strftime("%Y/%m/%d").to_string())
        .unwrap_or_default();
    let own = function.settings.logging.log_group == format!("/aws/lambda/{}", function.name);
    let name = if own { "" } else { function.name.as_str() };
    format!("{day}/{name}[$LATEST]{id}")
}

fn text_report(request_id: &str, report: &Report) -> String {
    let mut line = format!(
        "REPORT RequestId: {request_id}\tDuration: {:.2} ms\tBilled Duration: {} ms\tMemory Size: {} MB\tMax Memory Used: {} MB\t",
        report.duration_ms,
        billed(report),
        report.memory_mb,
        report.peak_mb
    );
    if let Some(init) = report.init_ms {
        let _ = write!(line, "Init Duration: {init:.2} ms\t");
    }
    match &report.status {
        Status::Success | Status::Failure => {}
        Status::Timeout => line.push_str("Status: timeout"),
        Status::Error(error) => {
            let _ = write!(line, "Status: error\tError Type: {error}");
        }
    }
    line
}

/// Milliseconds that AWS would bill: initialisation included, rounded up.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "bounded by the time limit")]
fn billed(report: &Report) -> u64 {
    (report.duration_ms + report.init_ms.unwrap_or(0.0)).ceil() as u64
}

fn round(ms: f64) -> f64 {
    (ms * 1000.0).round() / 1000.0
}

/// The last bytes of a text, from a character's beginning.
fn last(text: &str) -> String {
    let mut from = text.len().saturating_sub(TAIL_BYTES);
    while !text.is_char_boundary(from) {
        from += 1;
    }
    text[from..].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_read_as_awss() {
        let report = Report {
            duration_ms: 15.744,
            init_ms: Some(130.491),
            memory_mb: 128,
            peak_mb: 56,
            status: Status::Error("Runtime.ExitError".into()),
        };
        assert_eq!(
            text_report("id", &report),
            "REPORT RequestId: id\tDuration: 15.74 ms\tBilled Duration: 147 ms\tMemory Size: 128 MB\tMax Memory \
             Used: 56 MB\tInit Duration: 130.49 ms\tStatus: error\tError Type: Runtime.ExitError"
        );
    }

    #[test]
    fn the_tail_is_cut_between_characters() {
        let tail = last(&"é".repeat(3000));
        assert!(tail.len() <= TAIL_BYTES && tail.chars().all(|c| c == 'é'));
    }
}
