//! Real lines of every age and format, and hostile ones.

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
    assert_eq!((entry.run.as_deref(), entry.task), (Some("run1"), Some(3.into())));
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
        ("INIT_REPORT Init Duration: 10008.48 ms\tPhase: init\tStatus: timeout\n", "", "ERROR", "timeout"),
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
            "dropped 123 lines (12,345 bytes)",
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
    assert_eq!((&*entry.level, &*entry.message, entry.request_id.as_deref()), ("WARN", "careful", Some("r")));
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
    let query = LogQuery { run: Some("r".into()), task: Some(4.into()), ..LogQuery::default() };
    assert_eq!(pattern_for(&query), r#"{ ($.run = "r" && ($.task = 4 || $.task = "4")) }"#);
    let query = LogQuery { request_id: Some("id".into()), ..query };
    assert_eq!(
        pattern_for(&query),
        r#"{ $.requestId = "id" || $.record.requestId = "id" || ($.run = "r" && ($.task = 4 || $.task = "4")) }"#
    );
    assert_eq!(pattern_for(&LogQuery::default()), "");
}
