//! Names and values, one per line.

use crate::tui::list::Look;
use crate::tui::text;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

/// Columns of the names.
const NAMES: usize = 10;

/// Names with values. Empty values are left out.
#[derive(Clone, Debug, Default)]
pub struct Facts(Vec<(&'static str, Line<'static>)>);

impl Facts {
    /// Adds a value that may hold anything.
    pub fn add(&mut self, name: &'static str, value: &str) {
        if !value.trim().is_empty() {
            self.0.push((name, Line::raw(text::clean(value.trim()).into_owned())));
        }
    }

    /// Adds a value of our own with a style.
    pub fn styled(&mut self, name: &'static str, value: String, style: Style) {
        self.0.push((name, Line::from(Span::styled(value, style))));
    }

    /// Adds a made line.
    pub fn line(&mut self, name: &'static str, line: Line<'static>) {
        self.0.push((name, line));
    }

    /// As lines for the screen.
    #[must_use]
    pub fn lines(&self, look: &Look) -> Vec<Line<'static>> {
        self.0
            .iter()
            .map(|(name, value)| {
                let mut spans = vec![Span::styled(format!("{name:<NAMES$}"), look.theme.label_text())];
                spans.extend(value.spans.iter().cloned());
                Line::from(spans)
            })
            .collect()
    }
}
