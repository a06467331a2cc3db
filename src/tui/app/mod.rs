//! The state of the program, apart from how it looks.
//!
//! ```text
//! parts   what it is made of: pages, messages, effects, where things were drawn
//! ways    where the person goes, and what happens on arrival
//! ```

mod parts;
mod ways;

pub use parts::{Effect, Hits, Message, MessageKind, OutputAction, Page};

use super::layer::{Layer, LayerOutcome};
use super::list::{ListState, RenderContext, RowKey, Rows};
use super::place::{Route, RouteKind, TABS};
use super::registry::{self, Action};
use super::views::{self, logs::LogState};
use crossterm::event::{KeyEvent, KeyEventKind};
use parts::NextStop;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use throng_core::clean;
use throng_core::engine::{Command, Engine, Scope, Snapshot};
use throng_core::jobs;
use throng_core::words::Clean;
use tokio::sync::Notify;

/// Everything that the program knows.
pub struct App {
    engine: Engine,
    /// What the engine said last.
    pub snapshot: Arc<Snapshot>,
    /// How things look.
    pub look: RenderContext,
    /// The way to where the person is, per tab.
    pub tabs: Vec<Vec<Page>>,
    /// The open tab.
    pub tab: usize,
    /// Where the reader of the log is.
    pub logs: LogState,
    /// The tab from which the log was opened that is followed; going back from it leads there.
    pub log_from: Option<usize>,
    /// Dialogs; the last is on top.
    pub layers: Vec<Box<dyn Layer>>,
    /// One line about what was just done, until the next key.
    pub message: Option<Message>,
    /// For the terminal to do.
    pub effects: Vec<Effect>,
    /// Whether it is over.
    pub quit: bool,
    /// Where things were drawn.
    pub hits: Hits,
    /// Whether the mouse is reported.
    pub mouse: bool,
    /// Where downloads go.
    pub downloads: PathBuf,
    /// How images are drawn.
    pub images: super::images::Images,
    /// The ways to the person's clipboard.
    pub clipboard: super::clipboard::Clipboard,
    /// A text that is being copied.
    pub copying: Option<(String, Job<super::clipboard::Copied>)>,
    /// When keys came, and whether they answer questions.
    pub typing: super::typing::Typing,
    /// Rung when a [`Job`] has ended.
    pub bell: Arc<Notify>,
    awaited: Option<(Route, OutputAction)>,
    scope: Option<Scope>,
    waits: Option<NextStop>,
    /// Changes of context that were asked for.
    switches: u64,
    more_asked: Option<(String, String, usize)>,
    clock: fn() -> u64,
}

/// The answer of something slow, once it is there.
pub type Job<T> = Arc<OnceLock<T>>;

impl App {
    /// At the first tab. `clock` gives milliseconds since 1970.
    #[must_use]
    pub fn new(engine: Engine, look: RenderContext, clock: fn() -> u64) -> Self {
        let snapshot = Arc::clone(&engine.snapshots().borrow());
        Self {
            engine,
            snapshot,
            look: RenderContext { now: clock(), ..look },
            tabs: TABS.iter().map(|(_, place)| vec![Page::new(place.clone())]).collect(),
            tab: 0,
            logs: LogState::default(),
            log_from: None,
            layers: Vec::new(),
            message: None,
            effects: Vec::new(),
            quit: false,
            hits: Hits::default(),
            mouse: false,
            downloads: PathBuf::from("."),
            images: super::images::Images::default(),
            clipboard: super::clipboard::Clipboard::default(),
            copying: None,
            typing: super::typing::Typing::default(),
            bell: Arc::default(),
            awaited: None,
            scope: None,
            waits: None,
            switches: 0,
            more_asked: None,
            clock,
        }
    }

    /// Asks the engine for something.
    pub fn send(&self, command: Command) {
        self.engine.send(command);
    }

    /// Takes the engine's newest snapshot, unless it is of a context that the person has left.
    pub fn take(&mut self, snapshot: Arc<Snapshot>) {
        if snapshot.switches < self.switches {
            return;
        }
        if self.waits == Some(NextStop::Started)
            && snapshot.launched != self.snapshot.launched
            && let Some(run) = &snapshot.launched
        {
            self.waits = None;
            self.page_mut().list.seek(RowKey::Text(run.clone()));
        }
        let known = |id: u64| self.snapshot.notices.iter().any(|notice| notice.id == id);
        let told = snapshot.notices.iter().any(|notice| !known(notice.id));
        // What was said to be under way has come to something.
        if told && self.message.as_ref().is_some_and(|message| message.kind == MessageKind::UnderWay) {
            self.message = None;
        }
        self.snapshot = snapshot;
    }

    /// The open page.
    #[must_use]
    pub fn page(&self) -> &Page {
        // A tab always has its first page.
        let pages = &self.tabs[self.tab];
        &pages[pages.len() - 1]
    }

    /// The open page.
    pub fn page_mut(&mut self) -> &mut Page {
        let pages = &mut self.tabs[self.tab];
        let last = pages.len() - 1;
        &mut pages[last]
    }

    /// Where the person is.
    #[must_use]
    pub fn kind(&self) -> RouteKind {
        self.page().place.kind()
    }

    /// Does something with the open list and its rows.
    pub fn with_list<T>(&mut self, act: impl FnOnce(&mut ListState, &dyn Rows) -> T) -> T {
        let snapshot = Arc::clone(&self.snapshot);
        let page = self.page_mut();
        let rows = views::rows(&page.place, &snapshot, (page.attempt, page.stage));
        page.list.refresh(&*rows);
        act(&mut page.list, &*rows)
    }

    /// Before drawing: indexes and clocks.
    pub fn prepare(&mut self) {
        self.look.now = (self.clock)();
        if self.kind() == RouteKind::Logs {
            let snapshot = Arc::clone(&self.snapshot);
            self.logs.refresh(snapshot.logs.as_ref());
        } else {
            self.with_list(|_, _| ());
        }
        self.more_objects();
        self.outputs_arrived();
        if self.waits == Some(NextStop::Newest) {
            self.open_newest();
        }
    }

    /// A frame has reached the terminal: what it asks can be answered some time later.
    pub fn shown(&self) {
        let at = (self.typing.clock)();
        for layer in &self.layers {
            layer.shown(at);
        }
    }

    /// Puts a layer on top.
    pub fn push(&mut self, layer: impl Layer + 'static) {
        self.layers.push(Box::new(layer));
    }

    /// Says something in the last line.
    pub fn say(&mut self, text: impl Into<Clean>) {
        self.message = Some(Message { text: text.into(), kind: MessageKind::Done });
    }

    /// Says in the last line what is under way, until the engine has news of it.
    pub fn begin(&mut self, text: impl Into<Clean>) {
        self.message = Some(Message { text: text.into(), kind: MessageKind::UnderWay });
    }

    /// Whether the context permits a job.
    #[must_use]
    pub fn permits(&self, job: jobs::Job) -> bool {
        jobs::permit(&self.snapshot.context, job).is_ok()
    }

    /// Says in the last line why something is not done.
    pub fn refuse(&mut self, text: impl Into<Clean>) {
        self.message = Some(Message { text: text.into(), kind: MessageKind::Refused });
    }

    /// Does something slow elsewhere; rings the bell when it is done. Without a runtime it is done here.
    pub fn job<T: Send + Sync + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Job<T> {
        let slot: Job<T> = Arc::default();
        let (answer, bell) = (Arc::clone(&slot), Arc::clone(&self.bell));
        let work = move || {
            let _ = answer.set(work());
            bell.notify_one();
        };
        if tokio::runtime::Handle::try_current().is_ok() {
            tokio::task::spawn_blocking(work);
        } else {
            work();
        }
        slot
    }

    /// Handles a key.
    pub fn key(&mut self, key: KeyEvent) {
        if key.kind == KeyEventKind::Release {
            return;
        }
        self.typing.pressed(key);
        self.message = None;
        self.waits = None;
        if self.layers.is_empty() {
            if let Some(action) = registry::by_key(key, self.kind()) {
                self.perform(action, "");
            }
            return;
        }
        self.with_top(&mut |layer, app| layer.key(key, app));
    }

    /// Does something with the topmost layer and what it says to the one below.
    pub fn with_top(&mut self, act: &mut dyn FnMut(&mut dyn Layer, &mut Self) -> LayerOutcome) {
        let Some(mut layer) = self.layers.pop() else { return };
        let depth = self.layers.len();
        match act(&mut *layer, self) {
            // Layers that it opened stay above it.
            LayerOutcome::Keep => self.layers.insert(depth.min(self.layers.len()), layer),
            LayerOutcome::Close => layer.closed(self),
            LayerOutcome::LayerAnswer(answer) => {
                layer.closed(self);
                self.with_top(&mut |below, app| below.answer(answer.clone(), app));
            }
        }
    }

    /// Does what an action says, unless the context is read-only and the action changes something.
    pub fn perform(&mut self, action: &Action, argument: &str) {
        if !action.is_permitted(&self.snapshot.context) {
            let name = &self.snapshot.context.name;
            self.refuse(clean!("Context {name} is read-only: {} is refused.", action.name));
            return;
        }
        (action.run)(self, argument);
    }

    /// Whether something visible changes by itself, so that drawing once a second is due.
    #[must_use]
    pub fn animates(&self) -> bool {
        if self.layers.iter().any(|layer| layer.animates()) {
            return true;
        }
        let open = |run: &throng_core::model::RunSummary| run.ended_ms.is_none();
        match &self.page().place {
            Route::Running => !self.snapshot.running.items.is_empty(),
            Route::Runs | Route::Function(_) => self.snapshot.runs.items.iter().any(open),
            _ => false,
        }
    }
}
