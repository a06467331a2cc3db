//! Log lines: what of them is shown, and where the reader is.

use crate::filter::Pattern;
use crate::list::RenderContext;
use crate::paint::{Line, Span};
use crate::theme::Theme;
use ratatui::style::{Modifier, Style};
use std::cell::Cell;
use std::sync::Arc;
use throng_core::clean;
use throng_core::model::{Arrival, LogMode, LogView};
use throng_core::model::{LogEntry, Source};
use throng_core::words::{self, Clean};

/// Characters of one line that are drawn at most; Enter shows all.
const LONGEST: usize = 8192;

/// Where the reader is.
#[derive(Debug)]
pub struct LogState {
    /// Lines at the moment of the pause; `None` while following.
    pub frozen: Option<LogView>,
    /// Only lines that match are shown.
    pub filter: Pattern,
    /// What `n` and `N` go to.
    pub search: Pattern,
    /// Long lines go on below.
    pub wrap: bool,
    /// Times are shown.
    pub times: bool,
    /// Columns that are scrolled past on the left.
    pub pan: usize,
    /// Lines are of several functions: each says of which.
    several: bool,
    parts: Vec<(Arc<Vec<LogEntry>>, Vec<u16>)>,
    filtered_by: Pattern,
    cursor: usize,
    offset: Cell<usize>,
    height: Cell<usize>,
}

impl Default for LogState {
    fn default() -> Self {
        Self {
            frozen: None,
            filter: Pattern::default(),
            search: Pattern::default(),
            wrap: false,
            times: true,
            pan: 0,
            several: false,
            parts: Vec::new(),
            filtered_by: Pattern::default(),
            cursor: 0,
            offset: Cell::new(0),
            height: Cell::new(0),
        }
    }
}

impl LogState {
    /// Brings the index up to date; parts that are the same as last time are not looked at again.
    pub fn refresh(&mut self, live: Option<&LogView>) {
        let Some(view) = self.frozen.as_ref().or(live) else {
            self.parts.clear();
            return;
        };
        self.several = view.query.functions.len() != 1 && view.query.run.is_none();
        if self.filter != self.filtered_by {
            self.parts.clear();
            self.filtered_by = self.filter.clone();
        }
        // Parts fall out at the beginning: the known ones may begin later than ours did.
        if let Some(first) = view.chunks.first() {
            let gone = self
                .parts
                .iter()
                .position(|(known, _)| Arc::ptr_eq(known, first))
                .unwrap_or(self.parts.len());
            self.parts.drain(..gone);
        }
        let same = self
            .parts
            .iter()
            .zip(view.chunks.iter())
            .take_while(|((known, _), new)| Arc::ptr_eq(known, new))
            .count();
        self.parts.truncate(same);
        for chunk in &view.chunks[same..] {
            let passes =
                |entry: &LogEntry| self.filter.is_empty() || self.filter.matches(&Clean::new(&entry.message));
            let kept =
                (0u16..).zip(chunk.iter()).filter(|(_, entry)| passes(entry)).map(|(row, _)| row).collect();
            self.parts.push((Arc::clone(chunk), kept));
        }
        if self.frozen.is_none() {
            self.cursor = self.len().saturating_sub(1);
        }
        self.cursor = self.cursor.min(self.len().saturating_sub(1));
    }

    /// Lines that pass the filter.
    #[must_use]
    pub fn len(&self) -> usize {
        self.parts.iter().map(|(_, passed)| passed.len()).sum()
    }

    /// A line that passes the filter.
    #[must_use]
    pub fn get(&self, mut index: usize) -> Option<&LogEntry> {
        for (chunk, passed) in &self.parts {
            match passed.get(index) {
                Some(row) => return chunk.get(usize::from(*row)),
                None => index -= passed.len(),
            }
        }
        None
    }

    /// The line under the cursor.
    #[must_use]
    pub fn current(&self) -> Option<&LogEntry> {
        self.get(self.cursor)
    }

    /// Place of the cursor.
    #[must_use]
    pub const fn cursor(&self) -> usize {
        self.cursor
    }

    /// Lines on a page, as last drawn.
    #[must_use]
    pub fn page(&self) -> usize {
        self.height.get().saturating_sub(1).max(1)
    }

    /// Stops following; what is seen stays.
    pub fn pause(&mut self, live: Option<&LogView>) {
        if self.frozen.is_none() {
            self.frozen = live.cloned();
        }
    }

    /// Follows again.
    pub fn follow(&mut self) {
        self.frozen = None;
    }

    /// Moves the cursor; moving away from the end pauses.
    pub fn go(&mut self, to: usize, live: Option<&LogView>) {
        let last = self.len().saturating_sub(1);
        if to < last {
            self.pause(live);
        }
        self.cursor = to.min(last);
    }

    /// Goes to the next line (or the one before) for which something holds. `false` when there is none.
    pub fn seek(&mut self, forward: bool, live: Option<&LogView>, holds: impl Fn(&LogEntry) -> bool) -> bool {
        let found = if forward {
            (self.cursor + 1..self.len()).find(|at| self.get(*at).is_some_and(&holds))
        } else {
            (0..self.cursor).rev().find(|at| self.get(*at).is_some_and(&holds))
        };
        if let Some(at) = found {
            self.pause(live);
            self.cursor = at;
        }
        found.is_some()
    }

    /// Lines that match the search.
    #[must_use]
    pub fn matches(&self, entry: &LogEntry) -> bool {
        !self.search.is_empty() && self.search.matches(&Clean::new(&entry.message))
    }

    /// The screen lines for a window, each with the index of its log line.
    #[must_use]
    pub fn window(&self, width: usize, height: usize, look: &RenderContext) -> Vec<(usize, Line)> {
        self.height.set(height);
        if self.len() == 0 || height == 0 {
            return Vec::new();
        }
        // From the cursor upwards until the window is full, or from the old beginning if the cursor is below it.
        let mut first = self.offset.get().min(self.cursor);
        if self.cursor - first > height {
            first = self.cursor - height;
        }
        if self.frozen.is_none() {
            first = self.cursor.saturating_sub(height - 1);
        }
        let mut lines: Vec<(usize, Line)> = Vec::new();
        for at in first..self.len() {
            if let Some(entry) = self.get(at) {
                lines.extend(self.draw(entry, width, look).into_iter().map(|line| (at, line)));
            }
            if lines.len() >= height && at >= self.cursor {
                break;
            }
        }
        // The cursor's last screen line must be inside.
        let end = lines.iter().rposition(|(at, _)| *at == self.cursor).map_or(0, |last| last + 1);
        lines.drain(..end.saturating_sub(height));
        lines.truncate(height);
        self.offset.set(lines.first().map_or(first, |(at, _)| *at));
        lines
    }

    fn draw(&self, entry: &LogEntry, width: usize, look: &RenderContext) -> Vec<Line> {
        let theme = &look.theme;
        let mut head = Vec::new();
        if self.times {
            head.push(Span::styled(clean!("{} ", words::clock(entry.time_ms, &look.zone)), theme.dim));
        }
        if width >= 120 || self.several {
            let name = Clean::new(&entry.function);
            let columns = if width >= 120 { 16 } else { 12 };
            head.push(Span::styled(clean!("{:<columns$} ", words::clip(&name, columns)), theme.dim));
        }
        head.push(whose(entry, theme));
        let (mark, style) = severity(entry, look);
        head.push(Span::styled(clean!("{mark:<5} "), style));
        let indent: usize = head.iter().map(Span::width).sum();
        let room = width.saturating_sub(indent + 1).max(8);

        let message = Clean::new(&entry.message);
        let body_style = if entry.platform { theme.dim } else { Style::new() };
        if !self.wrap {
            let shown = words::clip(&message.characters(self.pan, room * 2 + 8), room);
            head.extend(self.highlight(&shown, body_style, theme.found));
            return vec![Line::from(head)];
        }
        let long = message.characters(0, LONGEST);
        let mut lines = Vec::new();
        for piece in words::wrap(&long, room) {
            let mut spans = if lines.is_empty() {
                std::mem::take(&mut head)
            } else {
                vec![Span::raw(" ".repeat(indent))]
            };
            spans.extend(self.highlight(&piece, body_style, theme.found));
            lines.push(Line::from(spans));
        }
        lines
    }

    fn highlight(&self, text: &Clean, style: Style, found: Style) -> Vec<Span> {
        let (mut spans, mut from) = (Vec::new(), 0);
        for hit in self.search.hits(text) {
            spans.push(Span::styled(text.part(from..hit.start), style));
            spans.push(Span::styled(text.part(hit.clone()), found));
            from = hit.end;
        }
        spans.push(Span::styled(text.part(from..text.len()), style));
        spans
    }
}

/// Whose line it is, in a column of its own: the task, or for the platform's lines the beginning of the request's id.
fn whose(entry: &LogEntry, theme: &Theme) -> Span {
    match (&entry.task, entry.request_id.as_deref()) {
        (Some(task), _) => Span::styled(clean!("{:<6} ", format!("#{task}")), theme.key),
        (None, Some(id)) => {
            Span::styled(clean!("{:<6} ", Clean::new(&id.chars().take(6).collect::<String>())), theme.dim)
        }
        (None, None) => Span::raw("       "),
    }
}

/// Whether a line tells of a failure.
#[must_use]
pub fn is_error(entry: &LogEntry) -> bool {
    matches!(&*entry.level, "ERROR" | "FATAL" | "CRITICAL") || entry.message.contains("Task timed out")
}

/// The word beside a line, and its style.
fn severity(entry: &LogEntry, look: &RenderContext) -> (&'static str, Style) {
    let theme = &look.theme;
    match &*entry.level {
        _ if is_error(entry) => ("ERROR", theme.bad),
        "WARN" | "WARNING" => ("WARN", theme.warn),
        "DEBUG" | "TRACE" => ("DEBUG", theme.dim),
        _ if entry.platform => ("aws", theme.dim),
        _ => match entry.source {
            Some(Source::Stderr) => ("err", theme.warn),
            Some(Source::Runtime) => ("run", theme.dim),
            Some(Source::Stdout) => ("out", theme.dim),
            None => ("", theme.dim),
        },
    }
}

/// One line with everything about it, its message pretty when it is JSON.
#[must_use]
pub fn zoom(entry: &LogEntry, look: &RenderContext) -> Vec<Line> {
    let mut facts = crate::widgets::facts::Facts::default();
    facts.add("time", &words::date_time(entry.time_ms, &look.zone));
    facts.add("level", &entry.level);
    facts.add("function", &entry.function);
    facts.add("stream", &entry.stream);
    facts.add("request", entry.request_id.as_deref().unwrap_or(""));
    facts.add("run", entry.run.as_deref().unwrap_or(""));
    facts.add("task", &entry.task.as_ref().map_or_else(String::new, ToString::to_string));
    let mut lines = facts.lines(look);
    lines.push(Line::raw(""));
    let message = pretty(&entry.message).unwrap_or_else(|| entry.message.to_string());
    lines.extend(Clean::lines(&message).into_iter().map(Line::raw));
    lines
}

/// JSON with line breaks; `None` when it is not an object or a list.
#[must_use]
pub fn pretty(text: &str) -> Option<String> {
    let text = text.trim();
    if !text.starts_with(['{', '[']) {
        return None;
    }
    let value: serde_json::Value = serde_json::from_str(text).ok()?;
    serde_json::to_string_pretty(&value).ok()
}

/// The line above the log: what is followed, how, and what is missing.
#[must_use]
pub fn title(state: &LogState, live: Option<&LogView>, look: &RenderContext) -> Line {
    let theme = &look.theme;
    let Some(view) = state.frozen.as_ref().or(live) else {
        return Line::from(Span::styled("Nothing is followed.", theme.dim));
    };
    let query = &view.query;
    let mut spans = Vec::new();
    let subject: Clean = match (&query.request_id, &query.run, &query.task) {
        (Some(request), ..) => clean!("invocation {request}"),
        (_, Some(run), Some(task)) => clean!("task {task} of {run}"),
        (_, Some(run), None) => clean!("run {run}"),
        _ if query.functions.is_empty() => "all functions".into(),
        _ => Clean::join(query.functions.iter().map(|name| Clean::new(name)), ", "),
    };
    spans.push(Span::raw(subject));
    // The word first; why it is so comes last, where a narrow screen may cut it.
    let LogMode { arrival, why } = &view.mode;
    let badge = theme.badge;
    if let Some(frozen) = &state.frozen {
        let newer = live.map_or(0, |live| {
            (live.dropped + live.len() as u64).saturating_sub(frozen.dropped + frozen.len() as u64)
        });
        spans.push(Span::raw("  "));
        spans.push(Span::styled(" PAUSED ", badge));
        if newer > 0 {
            spans.push(Span::styled(clean!(" {} newer", words::count(newer)), theme.warn));
        }
    } else {
        let style = if *arrival == Arrival::Live { theme.good } else { theme.warn };
        spans.push(Span::styled(clean!("  {}", arrival.as_str()), style));
    }
    if state.frozen.is_none() && view.is_settled() {
        spans.push(Span::styled("  settled", theme.dim));
    }
    if view.sampled {
        spans.push(Span::raw("  "));
        spans.push(Span::styled(" SAMPLED ", badge.add_modifier(Modifier::BOLD)));
    }
    if view.dropped > 0 {
        spans.push(Span::styled(clean!("  dropped {}", words::count(view.dropped)), theme.warn));
    }
    if view.missed > 0 {
        spans.push(Span::styled(clean!("  late {}", words::count(view.missed)), theme.warn));
    }
    if state.frozen.is_none() && !why.is_empty() {
        spans.push(Span::styled(clean!("  ({why})"), theme.dim));
    }
    Line::from(spans)
}
