//! Text to read.

use crate::app::App;
use crate::layer::{Layer, LayerOutcome};
use crate::paint::{Line, Span};
use crate::widgets::popup;
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::Frame;
use ratatui::layout::Rect;
use std::cell::Cell;
use throng_core::words::{self, Clean};

/// Lines that can be scrolled.
#[derive(Debug)]
pub struct Pager {
    title: Clean,
    lines: Vec<Line>,
    hanging: bool,
    top: Cell<usize>,
    height: Cell<usize>,
}

impl Pager {
    /// From the first line.
    #[must_use]
    pub fn new(title: impl Into<Clean>, lines: Vec<Line>) -> Self {
        Self { title: title.into(), lines, hanging: false, top: Cell::new(0), height: Cell::new(1) }
    }

    /// The first two parts of a line are columns: what is too long goes on below the third.
    #[must_use]
    pub fn hanging(self) -> Self {
        Self { hanging: true, ..self }
    }

    fn text(&self) -> String {
        self.lines.iter().map(Line::to_string).collect::<Vec<_>>().join("\n")
    }
}

/// What a key does to a position in a text: the change, or `None`.
#[must_use]
pub fn scroll_key(key: KeyEvent, page: usize) -> Option<isize> {
    let page = isize::try_from(page.saturating_sub(1).max(1)).unwrap_or(1);
    Some(match key.code {
        KeyCode::Down | KeyCode::Char('j') => 1,
        KeyCode::Up | KeyCode::Char('k') => -1,
        KeyCode::PageDown | KeyCode::Char(' ') => page,
        KeyCode::PageUp => -page,
        KeyCode::Home | KeyCode::Char('g') => isize::MIN,
        KeyCode::End | KeyCode::Char('G') => isize::MAX,
        _ => return None,
    })
}

impl Layer for Pager {
    fn key(&mut self, key: KeyEvent, app: &mut App) -> LayerOutcome {
        if let Some(by) = scroll_key(key, self.height.get()) {
            self.scroll(by);
            return LayerOutcome::Keep;
        }
        match key.code {
            KeyCode::Char('y') => {
                let text = self.text();
                crate::actions::program::copy_text(app, &text);
                LayerOutcome::Keep
            }
            KeyCode::Esc | KeyCode::Enter | KeyCode::Char('q' | '?') | KeyCode::Backspace => {
                LayerOutcome::Close
            }
            KeyCode::Char('c') if key.modifiers.contains(KeyModifiers::CONTROL) => LayerOutcome::Close,
            _ => LayerOutcome::Keep,
        }
    }

    fn scroll(&mut self, by: isize) {
        self.top.set(self.top.get().saturating_add_signed(by).min(self.lines.len()));
    }

    fn draw(&self, frame: &mut Frame<'_>, area: Rect, app: &App) {
        let room = usize::from(area.width.saturating_sub(8)).max(10);
        let widest = self.lines.iter().map(Line::width).max().unwrap_or(0).clamp(50.min(room), room);
        let lines =
            if self.hanging { wrapped_below(&self.lines, widest) } else { wrapped(&self.lines, widest) };
        let inner = popup::draw(frame, area, (widest + 4, lines.len() + 4), &self.title, &app.look);
        let height = usize::from(inner.height.saturating_sub(2));
        self.height.set(height);
        let top = self.top.get().min(lines.len().saturating_sub(height));
        self.top.set(top);
        popup::lines(frame, inner, &lines, top, 2);
        let below = lines.len().saturating_sub(top + height);
        let more = if below > 0 { format!("{below} more below") } else { String::new() };
        popup::hints(frame, inner, &[("esc", "close"), ("y", "copy"), ("", &more)], &app.look);
    }
}

/// Lines that are too long go on below; styles of such lines are those of their first part.
#[must_use]
pub fn wrapped(lines: &[Line], width: usize) -> Vec<Line> {
    let mut out = Vec::with_capacity(lines.len());
    for line in lines {
        if line.width() <= width {
            out.push(line.clone());
            continue;
        }
        let style = line.spans.last().map_or(line.style, |span| span.style);
        out.extend(
            words::wrap_words(&line.text(), width).into_iter().map(|piece| Line::styled(piece, style)),
        );
    }
    out
}

/// Like [`wrapped`]; the first two spans of a line of more than two stay alone in their columns.
fn wrapped_below(lines: &[Line], width: usize) -> Vec<Line> {
    let mut out = Vec::with_capacity(lines.len());
    for line in lines {
        let columns: usize = line.spans.iter().take(2).map(Span::width).sum();
        if line.width() <= width || line.spans.len() < 3 || columns + 20 > width {
            out.extend(wrapped(std::slice::from_ref(line), width));
            continue;
        }
        let text = Clean::join(line.spans[2..].iter().map(|span| span.content.clone()), "");
        for (row, piece) in words::wrap_words(&text, width - columns).into_iter().enumerate() {
            let mut spans =
                if row == 0 { line.spans[..2].to_vec() } else { vec![Span::raw(" ".repeat(columns))] };
            spans.push(Span::raw(piece));
            out.push(Line::from(spans));
        }
    }
    out
}
