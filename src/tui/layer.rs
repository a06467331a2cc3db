//! What lies above the views: dialogs, prompts, pagers. Only the topmost one gets keys.

use super::app::App;
use crossterm::event::KeyEvent;
use ratatui::Frame;
use ratatui::layout::Rect;
use std::path::PathBuf;
use std::time::Duration;

/// What becomes of a layer after it handled something.
pub enum LayerOutcome {
    /// It stays.
    Keep,
    /// It goes.
    Close,
    /// It goes and tells the layer below.
    LayerAnswer(LayerAnswer),
}

/// What a layer tells the one below it.
#[derive(Clone, Debug)]
pub enum LayerAnswer {
    /// Files and folders that were picked.
    Paths(Vec<PathBuf>),
    /// What the layer below asked for is being done.
    Done,
}

/// Something above the views.
pub trait Layer {
    /// Handles a key.
    fn key(&mut self, key: KeyEvent, app: &mut App) -> LayerOutcome;
    /// Handles pasted text; layers without a text field ignore it.
    fn paste(&mut self, _text: &str, _app: &mut App) -> LayerOutcome {
        LayerOutcome::Keep
    }
    /// Hears from a layer that was above it.
    fn answer(&mut self, _answer: LayerAnswer, _app: &mut App) -> LayerOutcome {
        LayerOutcome::Keep
    }
    /// The mouse wheel: negative is up.
    fn scroll(&mut self, _by: isize) {}
    /// Draws it. `area` is the whole screen.
    fn draw(&self, frame: &mut Frame<'_>, area: Rect, app: &App);
    /// What was drawn has reached the terminal, so much time after the program's begin. Questions take answers some time
    /// later.
    fn shown(&self, _at: Duration) {}
    /// Whether a pasted path belongs into its text field.
    fn takes_text(&self) -> bool {
        false
    }
    /// Whether it shows something that moves by itself.
    fn animates(&self) -> bool {
        false
    }
    /// It closes without having been asked: the last chance to tidy up.
    fn closed(&mut self, _app: &mut App) {}
}
