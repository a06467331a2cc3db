//! Errors and warnings, to be read and dismissed.

use super::pager::scroll_key;
use crate::app::App;
use crate::layer::{Layer, LayerOutcome};
use crate::paint::{Line, Span};
use crate::widgets::popup;
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::Frame;
use ratatui::layout::Rect;
use throng_core::clean;
use throng_core::engine::{Command, Notice, Severity};
use throng_core::words::{self, Clean};

/// All notices, newest first.
#[derive(Debug, Default)]
pub struct Notices {
    top: usize,
}

/// Word and style of a severity.
#[must_use]
pub fn word(notice: &Notice, app: &App) -> (&'static str, ratatui::style::Style) {
    match notice.severity {
        Severity::Error => ("ERROR", app.look.theme.bad),
        Severity::Warning => ("WARNING", app.look.theme.warn),
        Severity::Info => ("NOTE", app.look.theme.good),
    }
}

impl Layer for Notices {
    fn key(&mut self, key: KeyEvent, app: &mut App) -> LayerOutcome {
        match key.code {
            KeyCode::Char('d') => {
                let Some(notice) = app.snapshot.notices.last() else { return LayerOutcome::Close };
                app.send(Command::Dismiss(notice.id));
                if app.snapshot.notices.len() == 1 { LayerOutcome::Close } else { LayerOutcome::Keep }
            }
            KeyCode::Char('D') => {
                for notice in app.snapshot.notices.iter() {
                    app.send(Command::Dismiss(notice.id));
                }
                LayerOutcome::Close
            }
            KeyCode::Char('y') => {
                let all: Vec<String> = app
                    .snapshot
                    .notices
                    .iter()
                    .map(|notice| format!("{}\n{}", notice.title, notice.detail))
                    .collect();
                crate::actions::program::copy_text(app, &all.join("\n\n"));
                LayerOutcome::Keep
            }
            KeyCode::Esc | KeyCode::Char('q' | '!') | KeyCode::Enter => LayerOutcome::Close,
            KeyCode::Char('c') if key.modifiers.contains(KeyModifiers::CONTROL) => LayerOutcome::Close,
            _ => {
                if let Some(by) = scroll_key(key, 10) {
                    self.scroll(by);
                }
                LayerOutcome::Keep
            }
        }
    }

    fn scroll(&mut self, by: isize) {
        self.top = self.top.saturating_add_signed(by).min(10_000);
    }

    fn draw(&self, frame: &mut Frame<'_>, area: Rect, app: &App) {
        let width = usize::from(area.width.saturating_sub(8)).min(100);
        let mut lines = Vec::new();
        for notice in app.snapshot.notices.iter().rev() {
            let (word, style) = word(notice, app);
            if !lines.is_empty() {
                lines.push(Line::raw(""));
            }
            lines.push(Line::from(vec![
                Span::styled(word, style),
                Span::styled(
                    clean!("  {}  ", words::clock(notice.time_ms, &app.look.zone)),
                    app.look.theme.dim,
                ),
                Span::styled(Clean::new(&notice.title), app.look.theme.title),
            ]));
            lines.extend(Clean::lines(&notice.detail).into_iter().map(Line::raw));
        }
        let lines = super::pager::wrapped(&lines, width);
        let inner =
            popup::draw(frame, area, (width + 4, lines.len() + 4), "Errors, warnings, notes", &app.look);
        let height = usize::from(inner.height.saturating_sub(2));
        let top = self.top.min(lines.len().saturating_sub(height));
        popup::lines(frame, inner, &lines, top, 2);
        popup::hints(
            frame,
            inner,
            &[("d", "dismiss newest"), ("D", "dismiss all"), ("y", "copy"), ("esc", "close")],
            &app.look,
        );
    }
}
