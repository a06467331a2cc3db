//! The log: every line as one JSON object on the runtime's standard output.

use crate::clock;
use serde::Serialize;
use std::collections::VecDeque;
use std::io::Write;
use std::time::{Duration, Instant};
use throng_contract::{Source, TaskRef, layout};

/// Longest line that is one event; a longer one is several.
pub const LONGEST_LINE: usize = 64 * 1024;
/// Longest time that a line waits for others to be written with.
const WAIT: Duration = Duration::from_millis(4);
/// Bytes that are written without waiting.
const BATCH: usize = 128 * 1024;
/// How much of the standard output is kept for the answer.
pub const KEPT: usize = 4 << 20;

/// [`LogLine`](throng_contract::LogLine) without copies of what all lines share.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Line<'a> {
    timestamp: &'a str,
    level: &'a str,
    request_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    run: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    task: Option<&'a str>,
    stream: Source,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    partial: bool,
    message: &'a str,
}

/// The log of one task.
pub struct Log<'a> {
    request_id: &'a str,
    task: Option<TaskRef>,
    batch: Vec<u8>,
    since: Option<Instant>,
    stamp: (u64, String),
    pending: [Vec<u8>; 2],
    /// The beginning of the standard output, as bytes.
    kept: Vec<u8>,
    tail: VecDeque<String>,
    /// Bytes that were written.
    written: u64,
}

impl<'a> Log<'a> {
    /// For one task of an invocation.
    pub const fn new(request_id: &'a str, task: Option<TaskRef>) -> Self {
        Self {
            request_id,
            task,
            batch: Vec::new(),
            since: None,
            stamp: (0, String::new()),
            pending: [Vec::new(), Vec::new()],
            kept: Vec::new(),
            tail: VecDeque::new(),
            written: 0,
        }
    }

    /// The task, when it becomes known later than the log.
    pub fn set_task(&mut self, task: Option<TaskRef>) {
        self.task = task;
    }

    /// A line of the runtime's own. Written at once.
    pub fn note(&mut self, level: &str, message: &str) {
        self.line(level, Source::Runtime, false, message);
        self.flush();
    }

    /// Bytes that the script wrote.
    pub fn take(&mut self, source: Source, bytes: &[u8]) {
        if source == Source::Stdout {
            let room = KEPT - self.kept.len();
            self.kept.extend_from_slice(&bytes[..bytes.len().min(room)]);
        }
        let mut pending = std::mem::take(self.pending_of(source));
        let mut rest = bytes;
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            let (line, after) = (&rest[..end], &rest[end + 1..]);
            if pending.is_empty() {
                self.whole_line(source, line);
            } else {
                pending.extend_from_slice(line);
                self.whole_line(source, &pending);
                pending.clear();
            }
            rest = after;
        }
        pending.extend_from_slice(rest);
        let mut start = 0;
        while pending.len() - start > LONGEST_LINE {
            let length = cut(&pending[start..]);
            self.part(source, true, &pending[start..start + length]);
            start += length;
        }
        pending.drain(..start);
        *self.pending_of(source) = pending;
    }

    /// The script has ended: what has no line end is a line too.
    pub fn finish(&mut self) {
        for source in [Source::Stdout, Source::Stderr] {
            let pending = std::mem::take(self.pending_of(source));
            if !pending.is_empty() {
                self.whole_line(source, &pending);
            }
        }
        self.flush();
    }

    /// When the waiting lines are to be written.
    pub fn due(&self) -> Option<Instant> {
        self.since.map(|since| since + WAIT)
    }

    /// Writes what waits.
    pub fn flush(&mut self) {
        if !self.batch.is_empty() {
            let mut out = std::io::stdout().lock();
            // Nobody is left to tell when this fails.
            let _ = out.write_all(&self.batch).and_then(|()| out.flush());
            self.written += self.batch.len() as u64;
            self.batch.clear();
            self.batch.shrink_to(BATCH);
        }
        self.since = None;
    }

    /// The last lines of standard error.
    pub fn tail(&self) -> impl Iterator<Item = &str> {
        self.tail.iter().map(String::as_str)
    }

    /// Bytes that were written to the log.
    pub const fn written(&self) -> u64 {
        self.written
    }

    /// Ends the log; gives the beginning of the standard output.
    pub fn into_kept(self) -> Vec<u8> {
        self.kept
    }

    const fn pending_of(&mut self, source: Source) -> &mut Vec<u8> {
        match source {
            Source::Stderr => &mut self.pending[1],
            _ => &mut self.pending[0],
        }
    }

    fn whole_line(&mut self, source: Source, line: &[u8]) {
        let mut rest = line.strip_suffix(b"\r").unwrap_or(line);
        while rest.len() > LONGEST_LINE {
            let (part, after) = rest.split_at(cut(rest));
            self.part(source, true, part);
            rest = after;
        }
        self.part(source, false, rest);
    }

    fn part(&mut self, source: Source, partial: bool, bytes: &[u8]) {
        let text = String::from_utf8_lossy(bytes);
        if source == Source::Stderr {
            self.remember(&text);
        }
        self.line("INFO", source, partial, &text);
    }

    fn remember(&mut self, text: &str) {
        if self.tail.len() == layout::STDERR_TAIL_LINES {
            self.tail.pop_front();
        }
        let mut start = text.len().saturating_sub(layout::STDERR_TAIL_LINE_BYTES);
        while !text.is_char_boundary(start) {
            start += 1;
        }
        self.tail.push_back(text[start..].to_owned());
    }

    fn line(&mut self, level: &str, stream: Source, partial: bool, message: &str) {
        let now = clock::now_ms();
        if self.stamp.0 != now {
            self.stamp = (now, clock::rfc3339(now));
        }
        let line = Line {
            timestamp: &self.stamp.1,
            level,
            request_id: self.request_id,
            run: self.task.as_ref().map(|task| task.run.as_str()),
            task: self.task.as_ref().map(|task| task.task.as_str()),
            stream,
            partial,
            message,
        };
        if serde_json::to_writer(&mut self.batch, &line).is_ok() {
            self.batch.push(b'\n');
        }
        self.since.get_or_insert_with(Instant::now);
        if self.batch.len() >= BATCH {
            self.flush();
        }
    }
}

/// Where to cut a line that is longer than one event: not inside a character.
fn cut(bytes: &[u8]) -> usize {
    let is_inside = |at: usize| bytes.get(at).is_some_and(|byte| byte & 0xc0 == 0x80);
    (LONGEST_LINE - 3..=LONGEST_LINE).rev().find(|at| !is_inside(*at)).unwrap_or(LONGEST_LINE)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use throng_contract::LogLine;

    fn lines(log: &Log<'_>) -> Vec<LogLine> {
        let text = String::from_utf8(log.batch.clone()).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    fn log() -> Log<'static> {
        Log::new("id", Some(throng_contract::keys::first::task("r", 3)))
    }

    #[test]
    fn lines_are_put_together_from_pieces() {
        let mut log = log();
        log.take(Source::Stdout, b"a");
        log.take(Source::Stderr, b"warn\r\n");
        log.take(Source::Stdout, b"b\n\nla\xff");
        let pending = std::mem::take(&mut log.pending[0]);
        log.whole_line(Source::Stdout, &pending);
        let seen: Vec<_> = lines(&log).into_iter().map(|line| (line.stream, line.message)).collect();
        let expected = [
            (Source::Stderr, "warn"),
            (Source::Stdout, "ab"),
            (Source::Stdout, ""),
            (Source::Stdout, "la\u{fffd}"),
        ];
        assert_eq!(seen, expected.map(|(source, text)| (source, text.to_owned())));
        assert_eq!(lines(&log)[0].run.as_deref(), Some("r"));
        assert_eq!(log.tail().collect::<Vec<_>>(), ["warn"]);
    }

    #[test]
    fn long_lines_are_split_between_characters_and_nothing_is_lost() {
        let mut log = log();
        let text = format!("x{}", "é".repeat(60_000));
        for chunk in text.as_bytes().chunks(7_777) {
            log.take(Source::Stdout, chunk);
        }
        log.take(Source::Stdout, b"\n");
        let parts = lines(&log);
        assert_eq!(parts.iter().map(|part| part.message.as_str()).collect::<String>(), text);
        assert_eq!(parts.iter().map(|part| part.partial).collect::<Vec<_>>(), [true, false]);
    }

    #[test]
    fn the_tail_is_bounded() {
        let mut log = log();
        for number in 0..100 {
            log.take(Source::Stderr, format!("{}{number}\n", "é".repeat(300)).as_bytes());
        }
        let tail: Vec<_> = log.tail().collect();
        assert_eq!(tail.len(), layout::STDERR_TAIL_LINES);
        assert!(tail[19].ends_with("99") && tail[19].len() <= layout::STDERR_TAIL_LINE_BYTES);
    }
}
