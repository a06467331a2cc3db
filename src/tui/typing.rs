//! Whether a key answers a question: not when it was typed before the question could be read, and not when it is part of
//! other text that is being typed or pasted into the wrong window.

use super::app::App;
use crossterm::event::{Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use std::cell::Cell;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

/// A question takes no answer before it was on the screen for so long, nor so soon after other text: nobody reads and
/// answers faster, and pastes leave no such gaps.
const READING: Duration = Duration::from_millis(300);

/// Time since the program began. Unlike the time of day it never jumps.
fn since_start() -> Duration {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    START.elapsed()
}

/// When text was typed.
#[derive(Debug)]
pub struct Typing {
    /// Tells the time; tests have their own.
    pub clock: fn() -> Duration,
    /// When the key that is being handled came.
    now: Duration,
    /// When the text before it came.
    before: Option<Duration>,
    /// The newest text.
    last: Option<Duration>,
    /// Several keys of text came at once: what no person types.
    burst: bool,
}

impl Default for Typing {
    fn default() -> Self {
        Self { clock: since_start, now: Duration::ZERO, before: None, last: None, burst: false }
    }
}

impl Typing {
    /// Everything that is about to be handled arrived at once.
    pub fn arrived(&mut self, batch: &[Event]) {
        let keys = batch.iter().filter(|event| match event {
            Event::Key(key) => key.kind != KeyEventKind::Release && is_text(*key),
            Event::Paste(_) => true,
            _ => false,
        });
        self.burst = keys.count() > 1;
    }

    /// All of it has been handled.
    pub const fn handled(&mut self) {
        self.burst = false;
    }

    /// A key is about to be handled.
    pub fn pressed(&mut self, key: KeyEvent) {
        self.now = (self.clock)();
        self.before = self.last;
        if is_text(key) {
            self.last = Some(self.now);
        }
    }

    /// Text was pasted, or the terminal was somebody else's: what comes now may belong to that.
    pub fn interrupted(&mut self) {
        self.now = (self.clock)();
        (self.before, self.last) = (self.last, Some(self.now));
    }

    fn is_amid_text(&self) -> bool {
        self.burst || self.follows_text()
    }

    fn follows_text(&self) -> bool {
        self.before.is_some_and(|before| self.now.saturating_sub(before) < READING)
    }
}

/// Whether a key can be part of a text that is typed or pasted. Arrows and the like cannot.
pub const fn is_text(key: KeyEvent) -> bool {
    let command = KeyModifiers::CONTROL.union(KeyModifiers::ALT);
    match key.code {
        KeyCode::Char(_) => !key.modifiers.intersects(command),
        KeyCode::Enter | KeyCode::Tab => true,
        _ => false,
    }
}

/// Since when a question has been on the screen.
#[derive(Clone, Copy, Debug, Default)]
enum Seen {
    /// It was not drawn yet, or asks something else since.
    #[default]
    Never,
    /// It is in a frame that has not reached the terminal yet.
    Drawn,
    /// It is on the screen.
    Since(Duration),
}

/// What every question has: since when it is on the screen.
#[derive(Debug, Default)]
pub struct Question(Cell<Seen>);

impl Question {
    /// It is being drawn.
    pub fn drawn(&self) {
        if matches!(self.0.get(), Seen::Never) {
            self.0.set(Seen::Drawn);
        }
    }

    /// What was drawn has reached the terminal.
    pub fn shown(&self, at: Duration) {
        if matches!(self.0.get(), Seen::Drawn) {
            self.0.set(Seen::Since(at));
        }
    }

    /// It asks something else from now on.
    pub fn changed(&self) {
        self.0.set(Seen::Never);
    }

    /// Whether the key that is being handled, part of a text or not, came when it had been on the screen for long enough;
    /// says so when it had not.
    #[must_use]
    pub fn is_read(&self, app: &mut App) -> bool {
        said(app, self.was_read(app))
    }

    /// The same of a key that is an answer by itself, and therefore no part of other text.
    #[must_use]
    pub fn takes_answer(&self, app: &mut App) -> bool {
        said(app, self.was_read(app) && !app.typing.is_amid_text())
    }

    /// Whether the key that is being handled begins the word that it asks for: that may be pasted, but not follow other text.
    #[must_use]
    pub fn takes_word(&self, app: &mut App) -> bool {
        said(app, self.was_read(app) && !app.typing.follows_text())
    }

    fn was_read(&self, app: &App) -> bool {
        matches!(self.0.get(), Seen::Since(at) if app.typing.now.saturating_sub(at) >= READING)
    }
}

/// Says why a key does nothing, when it does nothing.
fn said(app: &mut App, answers: bool) -> bool {
    if !answers {
        app.refuse("Too fast to be an answer: read the question, then press the key again.");
    }
    answers
}
