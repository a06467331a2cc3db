//! The engine for people: a terminal user interface.
//!
//! State (`app`, `list`, `views::logs`) is apart from drawing (`screen`, `views`, `widgets`): drawing reads a snapshot and
//! the state and never waits. `registry` lists every command once; `actions` do them; `layers` are dialogs above the
//! views; `event_loop` and `terminal` are the only parts that know a real terminal.
//!
//! ```text
//! actions      what the commands do
//! app          the state of the program, apart from how it looks
//! clipboard    how a text gets to the person's clipboard
//! drop         what a terminal pastes when files are dropped on it
//! event_loop   input, snapshots, time: one loop
//! filter       what a person types to see fewer lines
//! fuzzing      readers of outside input, for the fuzz targets
//! images       how images reach the screen
//! input        what the person does: keys, pastes, the mouse, the window
//! keys         keys as people write them: d, ctrl-d, enter, f5
//! layer        what lies above the views; only the topmost gets keys
//! layers       dialogs, prompts, pagers: a file each
//! list         a window over an index: which rows pass the filter, in which order
//! memory       what is remembered from one time to the next
//! paint        text on the screen: spans and lines of clean text, and what draws them
//! place        where a person can be
//! registry     every command, once: name, keys, help, where it holds, how risky it is
//! rows         which rows a list has, and its columns
//! screen       the whole screen, from the state
//! terminal     taken over, and given back as it was, whatever happens
//! theme        colours and symbols
//! typing       whether a key answers a question, or is part of other text
//! views        a file per view: which rows it has, what stands above them
//! widgets      parts of the screen
//! ```

#![allow(clippy::cast_precision_loss, reason = "shares and rates for people")]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]
#![cfg_attr(
    test,
    allow(clippy::disallowed_macros, clippy::disallowed_methods, reason = "what is drawn is looked at")
)]

mod actions;
mod app;
mod clipboard;
mod drop;
mod event_loop;
mod filter;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod images;
mod input;
mod keys;
mod layer;
mod layers;
mod list;
mod memory;
mod paint;
mod place;
mod registry;
mod rows;
mod screen;
mod terminal;
mod theme;
mod typing;
mod views;
mod widgets;

#[cfg(test)]
mod fixtures;
#[cfg(test)]
mod tests;

use color_eyre::eyre::{Result, WrapErr};
use list::RenderContext;
use std::path::PathBuf;
use theme::{Depth, Theme};
use throng_core::clean;
use throng_core::config::{ImageProtocol, TuiConfig};
use throng_core::engine::{Engine, Snapshot};
use throng_core::model::RunSummary;
use throng_core::words::{self, Clean};

/// How the program begins and looks.
#[allow(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
#[derive(Clone, Debug)]
pub struct TuiOptions {
    /// `auto`, `dark`, `light` or `mono`.
    pub theme: String,
    /// Whether the mouse is used from the start; it can be switched on and off with `m`.
    pub mouse: bool,
    /// What is opened first, as at the `:` prompt: `functions`, `runs`, `runs <id>`, `logs <function>` …; where the
    /// person was last when `None`.
    pub start_view: Option<String>,
    /// No colours. `NO_COLOR` in the environment does the same.
    pub no_color: bool,
    /// ASCII characters only.
    pub ascii: bool,
    /// Images as half blocks, without asking the terminal for better.
    pub halfblocks: bool,
    /// Where downloads go.
    pub downloads: PathBuf,
    /// Where the last view is remembered (`<state>/tui.json`); nowhere when `None`.
    pub state_file: Option<PathBuf>,
}

impl TuiOptions {
    /// With a person's settings.
    #[must_use]
    pub fn new(settings: &TuiConfig) -> Self {
        Self {
            theme: settings.theme.clone(),
            mouse: settings.mouse,
            no_color: !settings.color,
            ascii: settings.ascii,
            halfblocks: settings.images == ImageProtocol::Halfblocks,
            ..Self::default()
        }
    }
}

impl Default for TuiOptions {
    fn default() -> Self {
        Self {
            theme: "auto".to_owned(),
            mouse: false,
            start_view: None,
            no_color: false,
            ascii: false,
            halfblocks: false,
            downloads: PathBuf::from("."),
            state_file: None,
        }
    }
}

/// Shows the engine until the person leaves. The terminal is as it was afterwards, also after a panic or a signal.
///
/// # Errors
/// When there is no terminal, or it cannot be written to.
pub async fn run(engine: Engine, options: TuiOptions) -> Result<()> {
    let theme = Theme::new(&options.theme, Depth::detect(options.no_color), options.ascii);
    let look = RenderContext { theme, zone: jiff::tz::TimeZone::system(), now: 0 };
    let snapshots = engine.snapshots();
    let mut app = app::App::new(engine, look, now);
    app.clipboard = clipboard::Clipboard::of_session();
    app.mouse = options.mouse;
    app.downloads.clone_from(&options.downloads);
    let remembered = options.state_file.as_deref().map(memory::SavedView::read).unwrap_or_default();
    remembered.apply(&mut app);
    if let Some(view) = &options.start_view {
        let (name, argument) = view.split_once(' ').unwrap_or((view, ""));
        if let Some(action) = registry::by_name(name) {
            app.perform(action, argument);
        }
    }
    let guard = terminal::Guard::take(options.mouse)
        .wrap_err("throng needs a terminal; see `throng --help` for commands that do not")?;
    app.images = images::Images::detect(options.halfblocks);
    let ended = event_loop::run(&mut app, &guard, snapshots).await;
    drop(guard);
    if let Some(path) = &options.state_file {
        memory::SavedView::of(&app).write(path);
    }
    ended?;
    farewell(&app);
    Ok(())
}

/// What goes on without us, said where it stays readable.
fn farewell(app: &app::App) {
    for line in still_open(&app.snapshot, app.look.now) {
        terminal::say(&line);
    }
}

/// Runs that were open when they were read last, and how old that news is.
fn still_open(snapshot: &Snapshot, now: u64) -> Vec<Clean> {
    let age = snapshot.runs.read_ms.map_or(0, |read| now.saturating_sub(read));
    let open = snapshot.runs.items.iter().filter(|run| run.ended_ms.is_none() && run.is_counted()).take(5);
    let line = |run: &RunSummary| {
        let (done, total) = (run.counts.done(), run.counts.total());
        let id = &run.id;
        if age < OLD_MS {
            clean!("Run {id} goes on: {done} of {total} tasks have ended. `throng` shows it again.")
        } else {
            clean!("Run {id} had not ended {} ago: `throng runs {id}` shows it.", words::ago(0, age))
        }
    };
    open.map(line).collect()
}

/// From this age on, in milliseconds, it is said how old the news of a run is.
const OLD_MS: u64 = 30_000;

fn now() -> u64 {
    u64::try_from(jiff::Timestamp::now().as_millisecond()).unwrap_or(0)
}
