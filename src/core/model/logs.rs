//! Lines of logs, and what is followed of them.

use super::{Millis, Report, Source, TaskName};
use std::sync::Arc;

/// Tells the lines of one buffer apart, also those of the same time and text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LineId(pub u64);

/// A line of a log.
#[derive(Clone, Debug, PartialEq)]
pub struct LogEntry {
    /// Which line of its buffer it is; the same for all until one keeps it.
    pub id: LineId,
    /// When it happened.
    pub time_ms: Millis,
    /// `INFO`, `WARN`, `ERROR` … or empty.
    pub level: Arc<str>,
    /// The function whose log it is.
    pub function: Arc<str>,
    /// Log stream
    pub stream: Arc<str>,
    /// Request id, when the line says it.
    pub request_id: Option<Arc<str>>,
    /// Run, when the line says it.
    pub run: Option<Arc<str>>,
    /// Task, when the line says it.
    pub task: Option<TaskName>,
    /// Who wrote it; `None` for the platform (START, END, REPORT) and for lines of other programs.
    pub source: Option<Source>,
    /// Whether the platform wrote it.
    pub platform: bool,
    /// The platform's account of an invocation, when the line is one.
    pub report: Option<Arc<Report>>,
    /// The text. Not neutralised: escape sequences are still in it.
    pub message: Arc<str>,
}

/// Which log lines to follow.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogQuery {
    /// Functions; all that are known when empty.
    pub functions: Vec<String>,
    /// Only lines of this run.
    pub run: Option<String>,
    /// Only lines of this task (with `run`).
    pub task: Option<TaskName>,
    /// Only lines of this invocation.
    pub request_id: Option<String>,
    /// Begin this far back, in seconds.
    pub since_s: u64,
}

/// Log lines that are followed. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct LogView {
    /// What is followed.
    pub query: LogQuery,
    /// Lines in chunks, by time. All but the last have [`LogView::CHUNK`] lines.
    pub chunks: Arc<Vec<Arc<Vec<LogEntry>>>>,
    /// Lines that fell out of the buffer at its beginning.
    pub dropped: u64,
    /// Lines that the live tail lost and that were found later.
    pub missed: u64,
    /// Whether the cloud sends only a sample at the moment.
    pub sampled: bool,
    /// Everything that happened before this time is known; lines of later times may still come late. 0 at first.
    pub settled_ms: Millis,
    /// How lines arrive.
    pub mode: LogMode,
}

/// How the lines of a [`LogView`] arrive.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogMode {
    /// The way.
    pub arrival: Arrival,
    /// Why it is so and what fails, for people; empty when there is nothing to say.
    pub why: String,
}

/// The way in which lines of logs arrive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Arrival {
    /// It is just being begun.
    #[default]
    Starting,
    /// Nothing can be read at the moment.
    Waiting,
    /// They are asked for again and again.
    Polling,
    /// They are sent as they are written, at least those of some groups.
    Live,
}

impl Arrival {
    /// In one word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Waiting => "waiting",
            Self::Polling => "polling",
            Self::Live => "live",
        }
    }
}

/// `live`, `polling (throttled)` …
impl std::fmt::Display for LogMode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { arrival, why } = self;
        f.write_str(arrival.as_str())?;
        if why.is_empty() { Ok(()) } else { write!(f, " ({why})") }
    }
}

impl LogView {
    /// Lines per chunk.
    pub const CHUNK: usize = 512;

    /// How many lines there are.
    #[must_use]
    pub fn len(&self) -> usize {
        match self.chunks.split_last() {
            Some((last, full)) => full.len() * Self::CHUNK + last.len(),
            None => 0,
        }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether no line can come any more between those that are there, nor after them for what has happened so far.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        let last = self.chunks.last().and_then(|chunk| chunk.last());
        self.settled_ms > 0 && last.is_some_and(|last| last.time_ms < self.settled_ms)
    }

    /// A line by its index; 0 is the oldest that is kept.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<&LogEntry> {
        self.chunks.get(index / Self::CHUNK)?.get(index % Self::CHUNK)
    }
}
