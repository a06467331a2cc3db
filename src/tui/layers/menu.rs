//! Choosing one of several; typing narrows.

use crate::app::App;
use crate::filter::Pattern;
use crate::layer::{Layer, LayerOutcome};
use crate::paint::{Draw, Line, Span, small};
use crate::typing::Question;
use crate::widgets::input::Field;
use crate::widgets::popup;
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::Frame;
use ratatui::layout::Rect;
use std::rc::Rc;
use std::time::Duration;
use throng_core::words::{self, Clean};

/// A choice.
pub struct Item {
    name: String,
    detail: String,
    then: Rc<dyn Fn(&mut App)>,
}

impl Item {
    /// A name, a remark and what it does.
    pub fn new(
        name: impl Into<String>,
        detail: impl Into<String>,
        then: impl Fn(&mut App) + 'static,
    ) -> Self {
        Self { name: name.into(), detail: detail.into(), then: Rc::new(then) }
    }
}

/// A list of choices.
pub struct Menu {
    title: Clean,
    items: Vec<Item>,
    field: Field,
    position: usize,
    question: Question,
}

impl Menu {
    /// The first one is under the cursor.
    #[must_use]
    pub fn new(title: impl Into<Clean>, items: Vec<Item>) -> Self {
        Self {
            title: title.into(),
            items,
            field: Field::default(),
            position: 0,
            question: Question::default(),
        }
    }

    /// What matches, the likeliest first: the name that was typed, names that begin so, the others in their order.
    fn matching(&self) -> Vec<&Item> {
        let typed = self.field.text();
        let pattern = Pattern::new(typed);
        let matches = |item: &&Item| pattern.matches(&format!("{} {}", item.name, item.detail));
        let mut shown: Vec<_> = self.items.iter().filter(matches).collect();
        let typed = typed.trim().to_lowercase();
        if !typed.is_empty() {
            shown.sort_by_key(|item| {
                let name = item.name.to_lowercase();
                (name != typed, !name.starts_with(&typed))
            });
        }
        shown
    }
}

impl Layer for Menu {
    fn key(&mut self, key: KeyEvent, app: &mut App) -> LayerOutcome {
        let last = self.matching().len().saturating_sub(1);
        match key.code {
            KeyCode::Esc => return LayerOutcome::Close,
            KeyCode::Char('c') if key.modifiers.contains(KeyModifiers::CONTROL) => {
                return LayerOutcome::Close;
            }
            KeyCode::Up => self.position = self.position.saturating_sub(1),
            KeyCode::Down => self.position = (self.position + 1).min(last),
            KeyCode::PageUp | KeyCode::Home => self.position = 0,
            KeyCode::PageDown | KeyCode::End => self.position = last,
            KeyCode::Enter if self.question.is_read(app) => {
                let chosen = self.matching().get(self.position).map(|item| Rc::clone(&item.then));
                if let Some(then) = chosen {
                    then(app);
                    return LayerOutcome::Close;
                }
            }
            _ => {
                if self.field.key(key) {
                    self.position = 0;
                }
            }
        }
        LayerOutcome::Keep
    }

    fn paste(&mut self, text: &str, _: &mut App) -> LayerOutcome {
        self.field.paste(text);
        LayerOutcome::Keep
    }

    fn takes_text(&self) -> bool {
        true
    }

    fn shown(&self, at: Duration) {
        self.question.shown(at);
    }

    fn scroll(&mut self, by: isize) {
        self.position = self.position.saturating_add_signed(by).min(self.matching().len().saturating_sub(1));
    }

    fn draw(&self, frame: &mut Frame<'_>, area: Rect, app: &App) {
        self.question.drawn();
        let theme = &app.look.theme;
        let names = self.items.iter().map(|item| words::width(&item.name)).max().unwrap_or(0).min(40);
        let widest = self.items.iter().map(|item| names + words::width(&item.detail)).max().unwrap_or(0);
        let inner = popup::draw(
            frame,
            area,
            (widest.clamp(40, 96) + 8, self.items.len().min(16) + 5),
            &self.title,
            &app.look,
        );
        let x = frame.buffer_mut().put(inner.x, inner.y, "> ", 2, theme.accent);
        self.field.draw(
            frame,
            Rect { x, width: inner.right().saturating_sub(x), height: 1, ..inner },
            true,
            &app.look,
        );
        let shown = self.matching();
        let height = usize::from(inner.height.saturating_sub(3));
        let skip = (self.position + 1).saturating_sub(height);
        for (row, item) in shown.iter().enumerate().skip(skip).take(height) {
            let y = inner.y + 1 + small(row - skip);
            let name = Clean::new(&item.name);
            let name = words::clip(&name, names.max(8));
            let pad = " ".repeat(names.saturating_sub(words::width(&name)) + 2);
            let head = format!("{name}{pad}");
            let detail = Clean::new(&item.detail);
            let detail = words::clip(&detail, usize::from(inner.width).saturating_sub(words::width(&head)));
            let line = Line::from(vec![Span::raw(head), Span::styled(detail, theme.dim)]);
            let place = Rect { y, height: 1, ..inner };
            frame.buffer_mut().put_line(inner.x, y, &line, inner.width);
            if row == self.position {
                frame.buffer_mut().set_style(place, theme.selected);
            }
        }
        popup::hints(
            frame,
            inner,
            &[("enter", "choose"), ("type", "to narrow"), ("esc", "close")],
            &app.look,
        );
    }
}
