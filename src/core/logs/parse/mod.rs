//! Log messages to entries: our own lines, the platform's, and other programs'.

use super::client::RawEvent;
use crate::model::{LineId, LogEntry, LogQuery, Report, Source, TaskName};
use crate::words::plural;
use serde_json::Value;
use std::collections::HashSet;
use std::sync::Arc;
use throng_contract::LogLine;

/// Words kept for sharing; when there are more, the set begins anew.
const WORDS: usize = 4096;

/// Turns messages into entries. Keeps one copy of names that repeat on every line.
#[derive(Debug, Default)]
pub struct Parser {
    words: HashSet<Arc<str>>,
}

impl Parser {
    /// Reads an event of a function's log.
    #[must_use]
    pub fn entry(&mut self, function: &str, event: &RawEvent) -> LogEntry {
        let mut entry = LogEntry {
            id: LineId::default(),
            time_ms: event.time_ms,
            level: self.word(""),
            function: self.word(function),
            stream: self.word(&event.stream),
            request_id: None,
            run: None,
            task: None,
            source: None,
            platform: false,
            report: None,
            message: Arc::from(""),
        };
        let text = event.message.trim_end_matches(['\n', '\r']);
        let known = text.starts_with('{') && self.json(&mut entry, text);
        if !known && !self.platform_text(&mut entry, text) {
            entry.level = self.word(guess_level(text));
            entry.message = Arc::from(text);
        }
        entry
    }

    fn word(&mut self, word: &str) -> Arc<str> {
        if let Some(known) = self.words.get(word) {
            return known.clone();
        }
        if self.words.len() >= WORDS {
            self.words.clear();
        }
        let new: Arc<str> = Arc::from(word);
        self.words.insert(new.clone());
        new
    }

    fn json(&mut self, entry: &mut LogEntry, text: &str) -> bool {
        if let Ok(line) = serde_json::from_str::<LogLine>(text) {
            self.our_line(entry, &line);
            return true;
        }
        let Ok(value) = serde_json::from_str::<Value>(text) else { return false };
        let string = |name: &str| value.get(name).and_then(Value::as_str);
        if let Some(kind) = string("type").filter(|kind| kind.starts_with("platform.")) {
            self.platform_json(entry, kind, value.get("record").unwrap_or(&Value::Null));
            return true;
        }
        let Some(message) = value.get("message").or_else(|| value.get("errorMessage")) else { return false };
        entry.level = self.word(string("level").or_else(|| string("log_level")).unwrap_or_default());
        let id = string("requestId").or_else(|| string("AWSRequestId"));
        entry.request_id = id.map(|id| self.word(id));
        entry.message = match message {
            Value::String(text) => text.trim_end_matches('\n').into(),
            // Node.js writes an object where the program logged one.
            other => other.to_string().into(),
        };
        true
    }

    fn our_line(&mut self, entry: &mut LogEntry, line: &LogLine) {
        entry.level = self.word(match (line.stream, line.level.as_str()) {
            (Source::Runtime, level) => level,
            // Which stream it was says little about how bad it is; the words of the line say more.
            (_, level) => match guess_level(&line.message) {
                "" => level,
                guessed => guessed,
            },
        });
        entry.request_id = Some(self.word(&line.request_id));
        entry.run = line.run.as_deref().map(|run| self.word(run));
        entry.task = line.task.as_ref().map(TaskName::from);
        entry.source = Some(line.stream);
        entry.message = Arc::from(line.message.as_str());
    }

    fn platform_json(&mut self, entry: &mut LogEntry, kind: &str, record: &Value) {
        let string = |name: &str| record.get(name).and_then(Value::as_str).unwrap_or_default();
        entry.platform = true;
        entry.request_id = Some(string("requestId")).filter(|id| !id.is_empty()).map(|id| self.word(id));
        let report = Report::from_json(record).filter(|_| kind == "platform.report");
        let bad = !matches!(string("status"), "" | "success");
        let level = match kind {
            "platform.logsDropped" => "WARN",
            _ if bad => "ERROR",
            _ => "INFO",
        };
        entry.level = self.word(level);
        entry.message = match (kind, &report) {
            (_, Some(report)) => report.to_string().into(),
            ("platform.start", _) => "START".into(),
            ("platform.runtimeDone", _) if !bad => "END".into(),
            ("platform.logsDropped", _) => dropped(record).into(),
            (kind, _) => {
                let name = kind.trim_start_matches("platform.");
                let words = [name, string("phase"), string("status"), string("errorType")];
                words.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ").into()
            }
        };
        entry.report = report.map(Arc::new);
    }

    fn platform_text(&mut self, entry: &mut LogEntry, text: &str) -> bool {
        let report = Report::from_text(text);
        let start =
            ["START RequestId: ", "END RequestId: "].iter().find_map(|begin| text.strip_prefix(begin));
        let (id, bad) = match (&report, start) {
            (Some(report), _) => (report.request_id.clone(), report.failed()),
            (None, Some(rest)) => (rest.split(' ').next().unwrap_or_default().to_owned(), false),
            (None, None) => match old_failure(text) {
                Some(id) => (id.to_owned(), true),
                None if is_of_the_platform(text) => {
                    let bad = ["Error Type: ", "Status: timeout", "Status: error"]
                        .iter()
                        .any(|word| text.contains(word));
                    (String::new(), bad)
                }
                None => return false,
            },
        };
        entry.platform = true;
        entry.request_id = (!id.is_empty()).then(|| self.word(&id));
        entry.level = self.word(if bad { "ERROR" } else { "INFO" });
        entry.message = match (&report, text.split(' ').next()) {
            (Some(report), _) => report.to_string().into(),
            (None, Some(word @ ("START" | "END"))) => word.into(),
            _ => text.into(),
        };
        entry.report = report.map(Arc::new);
        true
    }
}

/// What `platform.logsDropped` says: the log's own way to tell of a loss.
fn dropped(record: &Value) -> String {
    let number = |name: &str| record.get(name).and_then(Value::as_u64).unwrap_or(0);
    let reason = record.get("reason").and_then(Value::as_str).unwrap_or("no reason given");
    format!(
        "the platform dropped {} ({}): {reason}",
        plural(number("droppedRecords"), "line"),
        plural(number("droppedBytes"), "byte")
    )
}

/// Lines about an environment rather than an invocation.
fn is_of_the_platform(text: &str) -> bool {
    let begins = ["INIT_START ", "INIT_REPORT ", "RESTORE_START ", "RESTORE_REPORT ", "XRAY TraceId: "];
    let tabbed = ["EXTENSION\tName: ", "TELEMETRY\tName: ", "LOGS\tName: "];
    begins.iter().chain(&tabbed).any(|begin| text.starts_with(begin))
}

/// `<time> <id> Task timed out after …` and `RequestId: <id> Error: …`, as functions of the old log format write.
fn old_failure(text: &str) -> Option<&str> {
    if let Some(rest) = text.strip_prefix("RequestId: ") {
        let died = [" Error: ", " Process exited before completing request"];
        return died.iter().find_map(|words| rest.split_once(words)).map(|(id, _)| id);
    }
    let (_, rest) = text.split_once(' ')?;
    let (id, rest) = rest.split_once(' ')?;
    (id.len() == 36 && rest.starts_with("Task timed out after ")).then_some(id)
}

/// The level that a line's own words say, or nothing.
fn guess_level(text: &str) -> &'static str {
    let begin = text.get(..text.floor_char_boundary(120)).unwrap_or(text);
    let is_word = |word: &str| begin.split(|c: char| !c.is_ascii_alphabetic()).any(|part| part == word);
    if ["ERROR", "FATAL", "CRITICAL", "Error", "error", "panicked", "Traceback"].into_iter().any(is_word) {
        "ERROR"
    } else if ["WARN", "WARNING", "Warning", "warning"].into_iter().any(is_word) {
        "WARN"
    } else {
        ""
    }
}

/// The filter pattern that asks the cloud for a query's lines and few others; empty when it is for all.
#[must_use]
pub fn pattern_for(query: &LogQuery) -> String {
    let quoted = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"");
    let by_request = query
        .request_id
        .as_deref()
        .map(quoted)
        .map(|id| format!(r#"$.requestId = "{id}" || $.record.requestId = "{id}""#));
    let by_run = query.run.as_deref().map(quoted).map(|run| match &query.task {
        // A number in lines of the first contract, a text in those of today.
        Some(TaskName::Number(task)) => {
            format!(r#"($.run = "{run}" && ($.task = {task} || $.task = "{task}"))"#)
        }
        Some(task) => format!(r#"($.run = "{run}" && $.task = "{task}")"#),
        None => format!(r#"$.run = "{run}""#),
    });
    match (by_request, by_run) {
        (None, None) => String::new(),
        (Some(test), None) | (None, Some(test)) => format!("{{ {test} }}"),
        (Some(request), Some(run)) => format!("{{ {request} || {run} }}"),
    }
}

#[cfg(test)]
mod tests;
