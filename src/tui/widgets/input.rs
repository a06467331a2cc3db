//! A line of text that is being typed.

use crate::list::RenderContext;
use crate::paint::{Draw, small};
use crossterm::event::{Event, KeyEvent};
use ratatui::Frame;
use ratatui::layout::{Position, Rect};
use ratatui::style::Style;
use throng_core::words::{self, Clean};
use tui_input::Input;
use tui_input::backend::crossterm::EventHandler;

/// A line of text with a cursor.
#[derive(Clone, Debug, Default)]
pub struct Field(Input);

impl Field {
    /// With a text, the cursor at its end.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(Input::new(text.to_owned()))
    }

    /// With a text, the cursor before its last character.
    #[must_use]
    pub fn inside(text: &str) -> Self {
        let end = text.chars().count().saturating_sub(1);
        Self(Input::new(text.to_owned()).with_cursor(end))
    }

    /// Keeps what is before the cursor, and gives the rest, with the cursor at its beginning.
    #[must_use]
    pub fn split(&mut self) -> Self {
        let text = self.text().to_owned();
        let at = text.char_indices().nth(self.0.cursor()).map_or(text.len(), |(at, _)| at);
        let (before, after) = text.split_at(at);
        self.set(before);
        Self(Input::new(after.to_owned()).with_cursor(0))
    }

    /// The text.
    #[must_use]
    pub fn text(&self) -> &str {
        self.0.value()
    }

    /// Another text, the cursor at its end.
    pub fn set(&mut self, text: &str) {
        self.0 = Input::new(text.to_owned());
    }

    /// Handles a key; `true` when the text changed.
    pub fn key(&mut self, key: KeyEvent) -> bool {
        self.0.handle_event(&Event::Key(key)).is_some_and(|change| change.value)
    }

    /// Inserts pasted text as one line.
    pub fn paste(&mut self, pasted: &str) {
        for char in pasted.trim_end_matches(['\r', '\n']).chars() {
            let char = if char.is_control() { ' ' } else { char };
            self.0.handle(tui_input::InputRequest::InsertChar(char));
        }
    }

    /// Draws the text, and the terminal's cursor when it has the focus.
    pub fn draw(&self, frame: &mut Frame<'_>, area: Rect, focus: bool, look: &RenderContext) {
        if area.is_empty() {
            return;
        }
        let room = usize::from(area.width.saturating_sub(1)).max(1);
        let before: String = self.0.value().chars().take(self.0.cursor()).collect();
        let scroll = words::width(&before).saturating_sub(room);
        let mut skipped = 0;
        let shown: String = self
            .0
            .value()
            .chars()
            .skip_while(|char| {
                let skip = skipped < scroll;
                skipped += unicode_width::UnicodeWidthChar::width(*char).unwrap_or(0);
                skip
            })
            .collect();
        let style = if focus { Style::new() } else { look.theme.dim };
        frame.buffer_mut().put(area.x, area.y, Clean::new(&shown), room, style);
        if focus {
            let column = words::width(&before) - scroll;
            frame.set_cursor_position(Position::new(area.x + small(column.min(room)), area.y));
        }
    }
}
