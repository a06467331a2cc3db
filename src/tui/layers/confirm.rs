//! Asking before something is ended or deleted.

use crate::app::App;
use crate::layer::{Layer, LayerOutcome};
use crate::paint::{Draw, Line, Span, small};
use crate::typing::{Question, is_text};
use crate::widgets::input::Field;
use crate::widgets::popup;
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::Frame;
use ratatui::layout::Rect;
use std::time::Duration;
use throng_core::clean;
use throng_core::words::{self, Clean};

type Then = Box<dyn FnOnce(&mut App)>;

/// A question.
pub struct Confirm {
    title: Clean,
    lines: Vec<String>,
    word: Option<String>,
    field: Field,
    question: Question,
    /// The word is being typed by somebody who has read the question.
    begun: bool,
    then: Option<Then>,
    /// Another answer: its key, what it means, and what is done.
    other: Option<(char, &'static str, Then)>,
}

impl Confirm {
    /// Answered by `y`.
    pub fn yes(title: impl Into<Clean>, lines: Vec<String>, then: impl FnOnce(&mut App) + 'static) -> Self {
        Self {
            title: title.into(),
            lines,
            word: None,
            field: Field::default(),
            question: Question::default(),
            begun: false,
            then: Some(Box::new(then)),
            other: None,
        }
    }

    /// With another answer beside yes and no.
    #[must_use]
    pub fn or(mut self, key: char, words: &'static str, then: impl FnOnce(&mut App) + 'static) -> Self {
        self.other = Some((key, words, Box::new(then)));
        self
    }

    /// Answered by typing a name.
    pub fn typed(
        title: impl Into<Clean>,
        lines: Vec<String>,
        word: &str,
        then: impl FnOnce(&mut App) + 'static,
    ) -> Self {
        Self { word: Some(word.to_owned()), ..Self::yes(title, lines, then) }
    }

    /// Whether what is typed or pasted now is meant for this question.
    fn is_meant(&mut self, app: &mut App) -> bool {
        if self.word.is_none() {
            return self.question.takes_answer(app);
        }
        // Who has begun to type the word may type it as fast as they can.
        self.begun = self.begun || self.question.takes_word(app);
        self.begun
    }

    fn go(&mut self, app: &mut App) -> LayerOutcome {
        if let Some(then) = self.then.take() {
            then(app);
        }
        LayerOutcome::Close
    }
}

impl Layer for Confirm {
    fn key(&mut self, key: KeyEvent, app: &mut App) -> LayerOutcome {
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        if key.code == KeyCode::Esc || key.code == KeyCode::Char('c') && control {
            return LayerOutcome::Close;
        }
        if is_text(key) && !self.is_meant(app) {
            return LayerOutcome::Keep;
        }
        match (key.code, &self.word) {
            (KeyCode::Char('n' | 'N' | 'q'), None) => LayerOutcome::Close,
            (KeyCode::Char('y' | 'Y'), None) => self.go(app),
            (KeyCode::Char(key), None) if self.other.as_ref().is_some_and(|(other, ..)| *other == key) => {
                self.then = self.other.take().map(|(.., then)| then);
                self.go(app)
            }
            (KeyCode::Enter, Some(word)) if self.field.text() == word => self.go(app),
            (KeyCode::Enter, Some(word)) => {
                app.refuse(if self.field.text().is_empty() {
                    clean!("Type {word} by hand; what comes all at once does not count. Nothing is done.")
                } else {
                    clean!("That is not {word}: nothing is done.")
                });
                LayerOutcome::Keep
            }
            (_, Some(_)) => {
                self.field.key(key);
                LayerOutcome::Keep
            }
            _ => LayerOutcome::Keep,
        }
    }

    fn paste(&mut self, text: &str, app: &mut App) -> LayerOutcome {
        if self.is_meant(app) {
            self.field.paste(text);
        }
        LayerOutcome::Keep
    }

    fn takes_text(&self) -> bool {
        self.word.is_some()
    }

    fn shown(&self, at: Duration) {
        self.question.shown(at);
    }

    fn draw(&self, frame: &mut Frame<'_>, area: Rect, app: &App) {
        self.question.drawn();
        let extra = if self.word.is_some() { 5 } else { 4 };
        let width = self.lines.iter().map(|line| words::width(line)).max().unwrap_or(0).clamp(46, 90) + 4;
        let inner = popup::draw(frame, area, (width, self.lines.len() + extra + 1), &self.title, &app.look);
        let lines: Vec<Line> = self.lines.iter().map(|line| Line::raw(Clean::new(line))).collect();
        popup::lines(frame, inner, &lines, 0, small(extra) - 1);
        let Some(word) = &self.word else {
            let key = self.other.as_ref().map(|(key, words, _)| (key.to_string(), *words));
            let other = key.as_ref().map(|(key, words)| (key.as_str(), *words));
            let hints: Vec<_> = [("y", "yes")].into_iter().chain(other).chain([("n", "no")]).collect();
            return popup::hints(frame, inner, &hints, &app.look);
        };
        let y = inner.bottom().saturating_sub(3);
        let label = Line::from(vec![
            Span::styled("type ", app.look.theme.dim),
            Span::styled(Clean::new(word), app.look.theme.title),
            Span::styled(": ", app.look.theme.dim),
        ]);
        let x = frame.buffer_mut().put_line(inner.x, y, &label, inner.width);
        self.field.draw(
            frame,
            Rect { x, y, width: inner.right().saturating_sub(x), height: 1 },
            true,
            &app.look,
        );
        popup::hints(frame, inner, &[("enter", "do it"), ("esc", "no")], &app.look);
    }
}
