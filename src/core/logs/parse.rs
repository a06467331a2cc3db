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
        "the platform dropped {} lines ({} bytes): {reason}",
        number("droppedRecords"),
        number("droppedBytes")
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
    use proptest::prelude::*;

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
    fn lines_of_every_age_are_told_from_a_programs() {
        let id = "79b4f56e-95b1-4643-9700-2807f4e68189";
        for (message, request, level, part) in [
            (
                "INIT_START Runtime Version: provided:al2023.v123\tRuntime Version ARN: arn:aws:lambda:us-east-1::runtime:07ab",
                "",
                "INFO",
                "INIT_START",
            ),
            (
                "INIT_REPORT Init Duration: 1236.04 ms\tPhase: init\tStatus: error\tError Type: Runtime.ExitError\n",
                "",
                "ERROR",
                "Runtime.ExitError",
            ),
            (
                "INIT_REPORT Init Duration: 10008.48 ms\tPhase: init\tStatus: timeout\n",
                "",
                "ERROR",
                "timeout",
            ),
            ("EXTENSION\tName: watcher\tState: Ready\tEvents: [INVOKE,SHUTDOWN]", "", "INFO", "watcher"),
            ("XRAY TraceId: 1-5e34a614-10bdf7f8\tSegmentId: 07eb54a4\tSampled: true", "", "INFO", "XRAY"),
            (
                "RequestId: 79b4f56e-95b1-4643-9700-2807f4e68189 Error: Runtime exited with error: signal: killed\nRuntime.ExitError\n",
                id,
                "ERROR",
                "signal: killed",
            ),
            (
                "RequestId: 79b4f56e-95b1-4643-9700-2807f4e68189 Process exited before completing request\n\n",
                id,
                "ERROR",
                "Process exited",
            ),
            (
                "REPORT RequestId: 79b4f56e-95b1-4643-9700-2807f4e68189\tDuration: 3000.00 ms\tBilled Duration: 3000 ms\tMemory Size: 128 MB\tMax Memory Used: 35 MB\tStatus: timeout\n",
                id,
                "ERROR",
                "timeout",
            ),
            (
                r#"{"time":"2026-08-20T12:31:32.123Z","type":"platform.initReport","record":{"initializationType":"on-demand","status":"timeout","phase":"init","metrics":{"durationMs":9999.1}}}"#,
                "",
                "ERROR",
                "initReport init timeout",
            ),
            (
                r#"{"time":"2026-08-20T12:31:32.123Z","type":"platform.initStart","record":{"initializationType":"on-demand","phase":"init","runtimeVersion":"provided:al2023"}}"#,
                "",
                "INFO",
                "initStart init",
            ),
            (
                r#"{"time":"2026-08-20T12:31:32.123Z","type":"platform.logsDropped","record":{"droppedBytes":12345,"droppedRecords":123,"reason":"Some logs were dropped because the downstream consumer is slower than the logs production rate"}}"#,
                "",
                "WARN",
                "dropped 123 lines (12345 bytes)",
            ),
            (
                r#"{"time":"2026-08-20T12:31:32.123Z","type":"platform.runtimeDone","record":{"requestId":"79b4f56e-95b1-4643-9700-2807f4e68189","status":"failure","errorType":"Runtime.ExitError","metrics":{"durationMs":140.0,"producedBytes":16}}}"#,
                id,
                "ERROR",
                "failure Runtime.ExitError",
            ),
        ] {
            let entry = parse(message);
            assert!(entry.platform, "{message}");
            assert_eq!(entry.request_id.as_deref().unwrap_or_default(), request, "{message}");
            assert_eq!(&*entry.level, level, "{message}");
            assert!(entry.message.contains(part), "{}", entry.message);
        }
    }

    #[test]
    fn a_report_stays_with_its_line_for_the_cost() {
        let json = r#"{"time":"2026-08-20T12:31:32.123Z","type":"platform.report","record":{"requestId":"abc","metrics":{"durationMs":1233.96,"billedDurationMs":1698,"memorySizeMB":128,"maxMemoryUsedMB":74,"initDurationMs":463.512},"status":"success"}}"#;
        let text = "REPORT RequestId: abc\tDuration: 1233.96 ms\tBilled Duration: 1698 ms\tMemory Size: 128 MB\tMax Memory Used: 74 MB\tInit Duration: 463.51 ms\t\n";
        for message in [json, text] {
            let report = parse(message).report.map(|report| (report.billed_ms, report.memory_mb));
            assert_eq!(report, Some((1698, 128)), "{message}");
        }
        assert_eq!(parse("hello").report, None);
    }

    #[test]
    fn programs_that_log_json_are_read_too() {
        let entry = parse(
            r#"{"timestamp":"2026-08-20T12:31:32.123Z","level":"WARN","requestId":"r","message":"careful\n"}"#,
        );
        assert_eq!(
            (&*entry.level, &*entry.message, entry.request_id.as_deref()),
            ("WARN", "careful", Some("r"))
        );
        let entry = parse(r#"{"timestamp":"t","level":"INFO","requestId":"r","message":{"a":1}}"#);
        assert_eq!(&*entry.message, r#"{"a":1}"#);
        let entry = parse(r#"{"errorMessage":"boom","errorType":"E","requestId":"r","stackTrace":[]}"#);
        assert_eq!(&*entry.message, "boom");
    }

    /// Pieces of which hostile and broken lines are made.
    fn piece() -> impl Strategy<Value = String> {
        let words = [
            "REPORT RequestId: ",
            "START RequestId: ",
            "RequestId: ",
            " Error: ",
            "\t",
            "\n",
            "Duration: ",
            " ms",
            "Status: timeout",
            "INIT_REPORT ",
            "XRAY TraceId: ",
            "Task timed out after ",
            "{",
            "}",
            "\"type\":",
            "\"platform.report\"",
            "\"platform.logsDropped\"",
            "\"record\":",
            "\"metrics\":",
            "null",
            "1e999",
            "-1",
            ",",
            "\"message\":",
            "\u{1b}[31m",
            "ä",
            "\u{0}",
            "79b4f56e-95b1-4643-9700-2807f4e68189",
        ];
        prop_oneof![prop::sample::select(words.to_vec()).prop_map(str::to_owned), ".{0,12}"]
    }

    proptest! {
        #[test]
        fn no_message_is_too_odd(pieces in prop::collection::vec(piece(), 0..24), bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let entry = parse(&pieces.concat());
            prop_assert!(entry.report.is_none() || entry.platform);
            let _ = entry.report.map(|report| report.to_string());
            let _ = parse(&String::from_utf8_lossy(&bytes));
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
