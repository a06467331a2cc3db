//! Log messages to entries: our own lines, the platform's, and other programs'.

use super::client::RawEvent;
use super::report::Report;
use crate::core::engine::LogQuery;
use crate::core::model::{LogEntry, Source};
use serde_json::Value;
use std::collections::HashSet;
use std::sync::Arc;
use throng_runtime::contract::LogLine;

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
            time_ms: event.time_ms,
            level: self.word(""),
            function: self.word(function),
            stream: self.word(&event.stream),
            request_id: None,
            run: None,
            task: None,
            source: None,
            platform: false,
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
        let Some(message) = string("message").or_else(|| string("errorMessage")) else { return false };
        entry.level = self.word(string("level").unwrap_or_default());
        entry.request_id = string("requestId").map(|id| self.word(id));
        entry.message = Arc::from(message.trim_end_matches('\n'));
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
        entry.task = line.task;
        entry.source = Some(line.stream);
        entry.message = Arc::from(line.message.as_str());
    }

    fn platform_json(&mut self, entry: &mut LogEntry, kind: &str, record: &Value) {
        let string = |name: &str| record.get(name).and_then(Value::as_str).unwrap_or_default();
        entry.platform = true;
        entry.request_id = Some(string("requestId")).filter(|id| !id.is_empty()).map(|id| self.word(id));
        let report = Report::from_json(record).filter(|_| kind == "platform.report");
        let bad = !matches!(string("status"), "" | "success");
        entry.level = self.word(if bad { "ERROR" } else { "INFO" });
        entry.message = match (kind, report) {
            (_, Some(report)) => report.to_string().into(),
            ("platform.start", _) => "START".into(),
            ("platform.runtimeDone", _) if !bad => "END".into(),
            (kind, _) => {
                let name = kind.trim_start_matches("platform.");
                let words = [name, string("phase"), string("status"), string("errorType")];
                words.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ").into()
            }
        };
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
                None if text.starts_with("INIT_") => (String::new(), text.contains("Error Type")),
                None => return false,
            },
        };
        entry.platform = true;
        entry.request_id = (!id.is_empty()).then(|| self.word(&id));
        entry.level = self.word(if bad { "ERROR" } else { "INFO" });
        entry.message = match (report, text.split(' ').next()) {
            (Some(report), _) => report.to_string().into(),
            (None, Some(word @ ("START" | "END"))) => word.into(),
            _ => text.into(),
        };
        true
    }
}

/// `<time> <id> Task timed out after …` and `RequestId: <id> Error: …`, as functions of the old log format write.
fn old_failure(text: &str) -> Option<&str> {
    if let Some(rest) = text.strip_prefix("RequestId: ") {
        return rest.split_once(" Error: ").map(|(id, _)| id);
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
    let by_run = query.run.as_deref().map(quoted).map(|run| match query.task {
        Some(task) => format!(r#"($.run = "{run}" && $.task = {task})"#),
        None => format!(r#"$.run = "{run}""#),
    });
    match (by_request, by_run) {
        (None, None) => String::new(),
        (Some(test), None) | (None, Some(test)) => format!("{{ {test} }}"),
        (Some(request), Some(run)) => format!("{{ {request} || {run} }}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(message: &str) -> LogEntry {
        let event = RawEvent { time_ms: 5, stream: "s".into(), message: message.into(), id: None };
        Parser::default().entry("f", &event)
    }

    #[test]
    fn our_own_lines() {
        let entry = parse(
            r#"{"timestamp":"2026-01-01T00:00:00.000Z","level":"INFO","requestId":"r","run":"run1","task":3,"stream":"stderr","message":"hello"}"#,
        );
        assert_eq!((entry.run.as_deref(), entry.task), (Some("run1"), Some(3)));
        assert_eq!((entry.source, &*entry.message), (Some(Source::Stderr), "hello"));
        assert!(!entry.platform);
    }

    #[test]
    fn the_platforms_lines_in_both_formats() {
        for (message, id, level, shown) in [
            ("START RequestId: abc Version: $LATEST\n", "abc", "INFO", "START"),
            ("END RequestId: abc", "abc", "INFO", "END"),
            (r#"{"time":"t","type":"platform.start","record":{"requestId":"abc"}}"#, "abc", "INFO", "START"),
            (
                r#"{"time":"t","type":"platform.report","record":{"requestId":"abc","status":"timeout","metrics":{"durationMs":3000.0,"billedDurationMs":3000,"memorySizeMB":128,"maxMemoryUsedMB":9}}}"#,
                "abc",
                "ERROR",
                "REPORT 3000.0 ms, billed 3000 ms, memory 9 of 128 MB, timeout",
            ),
            (
                "2026-01-01T00:00:00.000Z 5ca4a8d2-0000-4000-8000-1234567890ab Task timed out after 3.00 seconds",
                "5ca4a8d2-0000-4000-8000-1234567890ab",
                "ERROR",
                "2026-01-01T00:00:00.000Z 5ca4a8d2-0000-4000-8000-1234567890ab Task timed out after 3.00 seconds",
            ),
        ] {
            let entry = parse(message);
            assert!(entry.platform, "{message}");
            assert_eq!(entry.request_id.as_deref(), Some(id), "{message}");
            assert_eq!((&*entry.level, &*entry.message), (level, shown));
        }
    }

    #[test]
    fn other_lines_stay_as_they_are() {
        let entry = parse("convert: Warning: odd\tfile\r\n");
        assert_eq!(
            (&*entry.message, &*entry.level, entry.platform),
            ("convert: Warning: odd\tfile", "WARN", false)
        );
        assert_eq!(&*parse("{broken json").message, "{broken json");
        assert_eq!(&*parse(r#"{"a":1}"#).message, r#"{"a":1}"#);
    }

    #[test]
    fn patterns_ask_for_what_the_query_wants() {
        let query = LogQuery { run: Some("r".into()), task: Some(4), ..LogQuery::default() };
        assert_eq!(pattern_for(&query), r#"{ ($.run = "r" && $.task = 4) }"#);
        let query = LogQuery { request_id: Some("id".into()), ..query };
        assert_eq!(
            pattern_for(&query),
            r#"{ $.requestId = "id" || $.record.requestId = "id" || ($.run = "r" && $.task = 4) }"#
        );
        assert_eq!(pattern_for(&LogQuery::default()), "");
    }
}
