//! Where the person goes, and what happens on arrival.

use super::App;
use super::parts::{NextStop, OutputAction, Page};
use crate::place::{Route, TABS, tab};
use crate::views::{self, logs::LogState};
use std::sync::Arc;
use throng_core::clean;
use throng_core::engine::{Command, ContextInfo, Snapshot};

impl App {
    /// Starts a run and goes to the runs, with the cursor on it once it is there.
    pub fn start_run(&mut self, function: &str, command: Command) {
        self.begin(clean!("Starting a run of {function} …"));
        self.send(command);
        self.open(tab::RUNS, Vec::new());
        self.waits = Some(NextStop::Started);
    }

    /// Goes to another context. What is open belongs to the cloud before and goes at once: keys that come before the
    /// engine has changed must not reach its rows, for what they ask for is done in the new context.
    pub fn switch_context(&mut self, context: ContextInfo) {
        self.switches += 1;
        self.send(Command::SwitchContext(context.name.clone()));
        self.tabs = TABS.iter().map(|(_, place)| vec![Page::new(place.clone())]).collect();
        self.logs = LogState::default();
        self.log_from = None;
        (self.awaited, self.more_asked) = (None, None);
        while let Some(mut layer) = self.layers.pop() {
            layer.closed(self);
        }
        let old = &self.snapshot;
        self.snapshot = Arc::new(Snapshot {
            version: old.version,
            switches: self.switches,
            context,
            contexts: old.contexts.clone(),
            progress: old.progress.clone(),
            notices: old.notices.clone(),
            ..Snapshot::default()
        });
        self.scope = None;
        self.look_at();
    }

    /// Opens the newest run, at once or when the runs have been read.
    pub fn open_newest(&mut self) {
        let runs = &self.snapshot.runs;
        self.waits = None;
        match (runs.items.first(), runs.read_ms) {
            (Some(run), _) => {
                let id = run.id.clone();
                self.enter(Route::Run(id));
            }
            (None, Some(_)) => self.refuse("There is no run yet."),
            (None, None) => self.waits = Some(NextStop::Newest),
        }
    }

    /// Goes to a task, and does something with its outputs once they are known.
    pub fn enter_for(&mut self, task: Route, what: OutputAction) {
        self.awaited = Some((task.clone(), what));
        self.enter(task);
        self.outputs_arrived();
    }

    /// Does what was asked for, unless the person went elsewhere meanwhile.
    pub(super) fn outputs_arrived(&mut self) {
        let Some((place, what)) = &self.awaited else { return };
        let (Route::Task { run, task }, true) = (place, *place == self.page().place) else {
            self.awaited = None;
            return;
        };
        if views::task::record(&self.snapshot, run, task, 0).is_none() {
            return;
        }
        let what = *what;
        self.awaited = None;
        match what {
            OutputAction::Show => crate::actions::items::show_first(self),
            OutputAction::Download => crate::actions::items::download_all(self),
        }
    }

    /// The next page of a folder is fetched when its end comes near; asked for once per page.
    pub(super) fn more_objects(&mut self) {
        let page = self.page();
        if let (Route::Objects { bucket, prefix }, Some(view)) = (&page.place, &self.snapshot.objects)
            && view.more
            && view.bucket == *bucket
            && view.prefix == *prefix
            && view.listing.state == throng_core::engine::ListingState::Ready
            && (page.list.position() + 2 * page.list.page() >= page.list.len()
                || !page.list.filter.is_empty())
        {
            let here = (bucket.clone(), prefix.clone(), view.listing.items.len());
            if self.more_asked.as_ref() != Some(&here) {
                self.more_asked = Some(here);
                self.send(Command::MoreObjects);
            }
        }
    }

    /// Tells the engine where the person is, when that changed.
    pub fn look_at(&mut self) {
        let scope = self.page().place.scope();
        if scope.is_some() && scope != self.scope {
            self.scope.clone_from(&scope);
            self.send(Command::Look(scope.unwrap_or_default()));
        }
    }

    /// Goes to a place below the open one.
    pub fn enter(&mut self, place: Route) {
        self.tabs[self.tab].push(Page::new(place));
        self.look_at();
    }

    /// Goes to a tab.
    pub fn open_tab(&mut self, tab: usize) {
        self.tab = tab.min(self.tabs.len() - 1);
        self.look_at();
    }

    /// Goes to a place of a tab, leaving where that tab was.
    pub fn open(&mut self, tab: usize, way: Vec<Route>) {
        self.tabs[tab].truncate(1);
        self.tabs[tab].extend(way.into_iter().map(Page::new));
        self.open_tab(tab);
    }
}
