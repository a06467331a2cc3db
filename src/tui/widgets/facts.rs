//! Names and values, one per line.

use crate::list::RenderContext;
use crate::paint::{Line, Span};
use ratatui::style::Style;
use throng_core::clean;
use throng_core::words::{self, Clean};

/// Columns of the names.
const NAMES: usize = 10;

/// Names with values. Empty values are left out.
#[derive(Clone, Debug, Default)]
pub struct Facts(Vec<(&'static str, Line)>);

impl Facts {
    /// Adds a value that may hold anything.
    pub fn add(&mut self, name: &'static str, value: &str) {
        if !value.trim().is_empty() {
            self.0.push((name, Line::raw(Clean::new(value.trim()))));
        }
    }

    /// Adds a value of our own with a style.
    pub fn styled(&mut self, name: &'static str, value: impl Into<Clean>, style: Style) {
        self.0.push((name, Line::from(Span::styled(value, style))));
    }

    /// Adds a made line.
    pub fn line(&mut self, name: &'static str, line: Line) {
        self.0.push((name, line));
    }

    /// As lines of at most `width` columns: values that are longer go on below.
    #[must_use]
    pub fn wrapped(&self, width: usize, look: &RenderContext) -> Vec<Line> {
        let room = width.saturating_sub(NAMES).max(20);
        let mut lines = Vec::new();
        for ((_, value), line) in self.0.iter().zip(self.lines(look)) {
            if value.width() <= room {
                lines.push(line);
                continue;
            }
            let style = value.spans.first().map_or(value.style, |span| span.style);
            let text = value.text();
            let mut name = line.spans.into_iter().next();
            for piece in words::wrap_words(&text, room) {
                let name = name.take().unwrap_or_else(|| Span::raw(" ".repeat(NAMES)));
                lines.push(Line::from(vec![name, Span::styled(piece, style)]));
            }
        }
        lines
    }

    /// As lines for the screen.
    #[must_use]
    pub fn lines(&self, look: &RenderContext) -> Vec<Line> {
        self.0
            .iter()
            .map(|(name, value)| {
                let mut spans = vec![Span::styled(clean!("{name:<NAMES$}"), look.theme.label_text())];
                spans.extend(value.spans.iter().cloned());
                Line::from(spans)
            })
            .collect()
    }
}
