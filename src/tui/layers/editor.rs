//! A payload of several lines, for one invocation.

use crate::app::App;
use crate::layer::{Layer, LayerOutcome};
use crate::paint::{Draw, Line, small};
use crate::widgets::input::Field;
use crate::widgets::popup;
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::Frame;
use ratatui::layout::Rect;
use throng_core::clean;
use throng_core::engine::Command;

/// Invoke a function once.
#[derive(Debug)]
pub struct Payload {
    function: String,
    lines: Vec<Field>,
    row: usize,
}

impl Payload {
    /// An empty object, the cursor between its braces.
    #[must_use]
    pub fn new(function: &str) -> Self {
        Self { function: function.to_owned(), lines: vec![Field::inside("{}")], row: 0 }
    }

    fn text(&self) -> String {
        self.lines.iter().map(Field::text).collect::<Vec<_>>().join("\n")
    }

    /// What is wrong with it as JSON, which is all that Lambda takes.
    fn verdict(&self) -> Result<&'static str, String> {
        let text = self.text();
        if text.trim().is_empty() {
            return Ok("empty payload");
        }
        serde_json::from_str::<serde_json::Value>(&text)
            .map(|_| "JSON")
            .map_err(|error| format!("not JSON: {error}; a text stands in quotes"))
    }
}

impl Layer for Payload {
    fn key(&mut self, key: KeyEvent, app: &mut App) -> LayerOutcome {
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        match key.code {
            KeyCode::Esc => return LayerOutcome::Close,
            KeyCode::Char('c') if control => return LayerOutcome::Close,
            KeyCode::Char('s') if control => {
                if let Err(bad) = self.verdict() {
                    app.refuse(bad);
                    return LayerOutcome::Keep;
                }
                app.begin(clean!("Invoking {} …", self.function));
                app.send(Command::Invoke {
                    function: self.function.clone(),
                    payload: self.text().into_bytes(),
                });
                return LayerOutcome::Close;
            }
            KeyCode::Enter => {
                let rest = self.lines[self.row].split();
                self.row += 1;
                self.lines.insert(self.row, rest);
            }
            KeyCode::Backspace if self.lines[self.row].text().is_empty() && self.lines.len() > 1 => {
                self.lines.remove(self.row);
                self.row = self.row.saturating_sub(1);
            }
            KeyCode::Up => self.row = self.row.saturating_sub(1),
            KeyCode::Down => self.row = (self.row + 1).min(self.lines.len() - 1),
            _ => {
                self.lines[self.row].key(key);
            }
        }
        LayerOutcome::Keep
    }

    fn paste(&mut self, pasted: &str, _: &mut App) -> LayerOutcome {
        for (number, line) in pasted.lines().enumerate() {
            if number > 0 {
                self.row += 1;
                self.lines.insert(self.row, Field::default());
            }
            self.lines[self.row].paste(line);
        }
        LayerOutcome::Keep
    }

    fn takes_text(&self) -> bool {
        true
    }

    fn draw(&self, frame: &mut Frame<'_>, area: Rect, app: &App) {
        let look = &app.look;
        let title = clean!("Invoke {} once", self.function);
        let inner = popup::draw(frame, area, (84, self.lines.len().max(6) + 6), title, look);
        let height = usize::from(inner.height.saturating_sub(4)).max(1);
        let skip = (self.row + 1).saturating_sub(height);
        for (row, field) in self.lines.iter().enumerate().skip(skip).take(height) {
            let y = inner.y + small(row - skip);
            field.draw(frame, Rect { y, height: 1, ..inner }, row == self.row, look);
        }
        let verdict = match self.verdict() {
            Ok(good) => Line::styled(good, look.theme.good),
            Err(bad) => Line::styled(bad, look.theme.warn),
        };
        frame.buffer_mut().put_line(inner.x, inner.bottom().saturating_sub(3), &verdict, inner.width);
        popup::hints(frame, inner, &[("ctrl-s", "invoke"), ("enter", "new line"), ("esc", "close")], look);
    }
}
