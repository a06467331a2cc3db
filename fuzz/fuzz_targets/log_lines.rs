//! Lines of logs: ours, the platform's in text and JSON, other programs'. What our runtime wrote comes back; what is
//! kept stays within its bound.
#![cfg_attr(feature = "libfuzzer", no_main)]

use throng_contract::{LogLine, Source, TaskId};
use throng_core::clean;
use throng_core::logs::{Bound, LogBuffer, Origin, Parser, RawEvent};
use throng_core::model::{LogEntry, LogView, Report, TaskName};
use throng_core::run::fuzzing::end_in_log;
use throng_fuzz::fuzz_target;
use throng_fuzz::is_obeyed;

fuzz_target!(|text: &str| {
    let (mut parser, bound) = (Parser::default(), Bound { lines: 8, bytes: 256 });
    let mut buffer = LogBuffer::new(bound);
    for (at, message) in std::iter::once(text).chain(text.split('\n').take(600)).enumerate() {
        let time_ms = (message.len() as u64) << (at % 40);
        let event = RawEvent { time_ms, stream: "stream".into(), message: message.into(), id: None };
        let entry = parser.entry("function", &event);
        assert!(!entry.message.ends_with('\n') && &*entry.function == "function");
        assert!(matches!(&*entry.level, "" | "INFO" | "WARN" | "ERROR") || message.starts_with('{'));
        neutral_on_a_terminal(&entry);
        if let Some(report) = Report::from_text(message) {
            assert!(
                report.to_string().starts_with("REPORT ")
                    && !report.to_string().contains("NaN ms, billed NaN")
            );
        }
        if let Some(end) = end_in_log(&event) {
            assert!(end.state.is_final() && end.at_ms == time_ms);
        }
        let origin = if at % 2 == 0 { Origin::Tail } else { Origin::Sweep };
        buffer.add(entry, origin);
        let view = buffer.view(LogView::default());
        assert!(view.len() <= bound.lines + 2 * LogView::CHUNK);
    }
    let times: Vec<_> = buffer
        .view(LogView::default())
        .chunks
        .iter()
        .flat_map(|chunk| chunk.iter().map(|entry| entry.time_ms))
        .collect();
    assert!(times.is_sorted(), "{times:?}");
    buffer.settle(u64::MAX);
    ours_come_back(&mut parser, text);
});

/// Whatever of a line is shown, nothing of it is obeyed: a client may write any JSON into a function's group.
fn neutral_on_a_terminal(entry: &LogEntry) {
    let id = entry.request_id.as_deref().unwrap_or_default();
    let shown = clean!("{} {} {id} {:<5} {}", entry.function, entry.stream, entry.level, entry.message);
    assert!(!shown.contains(is_obeyed), "{shown:?}");
}

/// A line as the runtime writes it.
fn ours_come_back(parser: &mut Parser, text: &str) {
    let line = LogLine {
        timestamp: "2026-11-23T21:45:00.123Z".into(),
        level: "INFO".into(),
        request_id: text.chars().take(36).collect(),
        run: None,
        task: Some(TaskId::number(text.len() as u64)),
        stream: Source::Stderr,
        partial: false,
        message: text.into(),
    };
    let message = serde_json::to_string(&line).expect("JSON") + "\n";
    let event = RawEvent { time_ms: 1, stream: String::new(), message, id: None };
    let entry = parser.entry("function", &event);
    assert_eq!((&*entry.message, entry.request_id.as_deref()), (text, Some(line.request_id.as_str())));
    assert_eq!(
        (entry.task, entry.source, entry.platform),
        (line.task.as_ref().map(TaskName::from), Some(Source::Stderr), false)
    );
}
