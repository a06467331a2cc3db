//! One line of text at the bottom, with effect while it is typed.

use crate::app::App;
use crate::filter::Pattern;
use crate::layer::{Layer, LayerOutcome};
use crate::paint;
use crate::paint::Draw;
use crate::typing::Question;
use crate::widgets::input::Field;
use crossterm::event::{KeyCode, KeyEvent};
use ratatui::Frame;
use ratatui::layout::Rect;
use std::time::Duration;
use throng_core::engine::Command;

/// What the line is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Narrow the open list.
    Filter,
    /// Search the log.
    Search,
    /// Narrow the log.
    LogFilter,
    /// Name a new bucket.
    NewBucket,
}

/// A line that is being typed.
#[derive(Debug)]
pub struct LineInput {
    purpose: Purpose,
    field: Field,
    before: String,
    question: Question,
}

impl LineInput {
    /// Begins with a text.
    #[must_use]
    pub fn new(purpose: Purpose, text: &str) -> Self {
        Self { purpose, field: Field::new(text), before: text.to_owned(), question: Question::default() }
    }

    fn apply(&self, app: &mut App, text: &str) {
        let pattern = Pattern::new(text);
        match self.purpose {
            Purpose::Filter => app.page_mut().list.filter.pattern = pattern,
            Purpose::Search => app.logs.search = pattern,
            Purpose::LogFilter => app.logs.filter = pattern,
            Purpose::NewBucket => {}
        }
    }

    fn finish(&self, app: &mut App) {
        match self.purpose {
            Purpose::NewBucket if !self.field.text().trim().is_empty() => {
                app.send(Command::CreateBucket(self.field.text().trim().to_owned()));
            }
            Purpose::Search if !app.logs.search.is_empty() => {
                let here = app.logs.current().is_some_and(|entry| app.logs.matches(entry));
                if !here {
                    // The newest match is the one that is looked for.
                    crate::actions::logs::to_match(app, false);
                }
            }
            _ => {}
        }
    }
}

impl Layer for LineInput {
    fn key(&mut self, key: KeyEvent, app: &mut App) -> LayerOutcome {
        match key.code {
            KeyCode::Enter if self.purpose == Purpose::NewBucket && !self.question.is_read(app) => {
                LayerOutcome::Keep
            }
            KeyCode::Enter => {
                self.finish(app);
                LayerOutcome::Close
            }
            KeyCode::Esc => {
                let before = std::mem::take(&mut self.before);
                self.apply(app, &before);
                LayerOutcome::Close
            }
            KeyCode::Up | KeyCode::Down if self.purpose == Purpose::Filter => {
                let by = if key.code == KeyCode::Up { -1 } else { 1 };
                app.with_list(|list, rows| list.step(by, rows));
                LayerOutcome::Keep
            }
            KeyCode::Char('c') if key.modifiers.contains(crossterm::event::KeyModifiers::CONTROL) => {
                LayerOutcome::Close
            }
            KeyCode::Backspace if self.field.text().is_empty() => LayerOutcome::Close,
            _ => {
                if self.field.key(key) {
                    self.apply(app, self.field.text());
                }
                LayerOutcome::Keep
            }
        }
    }

    fn paste(&mut self, text: &str, app: &mut App) -> LayerOutcome {
        self.field.paste(text);
        self.apply(app, self.field.text());
        LayerOutcome::Keep
    }

    fn shown(&self, at: Duration) {
        self.question.shown(at);
    }

    fn takes_text(&self) -> bool {
        true
    }

    fn draw(&self, frame: &mut Frame<'_>, area: Rect, app: &App) {
        self.question.drawn();
        let name = match self.purpose {
            Purpose::Filter | Purpose::LogFilter => " filter ",
            Purpose::Search => " search ",
            Purpose::NewBucket => " name of the new bucket ",
        };
        let y = area.bottom().saturating_sub(1);
        let line = Rect { y, height: 1, ..area };
        paint::clear(frame, line);
        let x = frame.buffer_mut().put(area.x, y, name, usize::from(area.width), app.look.theme.accent);
        self.field.draw(frame, Rect { x, width: area.right().saturating_sub(x), ..line }, true, &app.look);
    }
}
