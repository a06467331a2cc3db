//! One file per view: which rows it has, what stands above them.
//!
//! ```text
//! buckets     all buckets
//! function    one function: what it is; its runs stand below
//! functions   all functions
//! items       rows that are the items of one list of the snapshot, all of them or some
//! logs        log lines: what of them is shown, and where the reader is
//! objects     A folder of a bucket
//! run         one run: how it stands, and its tasks
//! running     invocations that are under way
//! runs        all runs, or those of one function
//! stages      the stages of a chained run in one line
//! task        one task: its attempts, and the outputs of the one that is chosen
//! transfers   transfers, deployments and whatever else takes a while
//! values      tasks of a run with sets of parameters: a column more for each variable
//! ```

pub mod buckets;
pub mod function;
pub mod functions;
pub mod items;
pub mod logs;
pub mod objects;
pub mod run;
pub mod running;
pub mod runs;
pub mod stages;
pub mod task;
pub mod transfers;
pub mod values;

use super::filter::Filter;
use super::list::{Column, Identity, RenderContext, RowKey, Rows, Source};
use super::place::Route;
use crate::paint::{Line, Span};
use items::Items;
use std::cmp::Ordering;
use std::sync::Arc;
use throng_core::engine::{ListingState, Snapshot};
use throng_core::words::{self, Clean};

/// The rows of a place. `attempt` chooses among a task's attempts, `stage` among a run's stages.
#[must_use]
pub fn rows<'a>(
    place: &'a Route,
    snapshot: &'a Snapshot,
    (attempt, stage): (usize, usize),
) -> Box<dyn Rows + 'a> {
    match place {
        Route::Functions => Box::new(Items::all(&snapshot.functions.items)),
        Route::Function(name) => Box::new(Items::those(&snapshot.runs.items, |run| run.is_of(name))),
        Route::Buckets => Box::new(Items::all(&snapshot.buckets.items)),
        Route::Objects { bucket, prefix } => Box::new(objects::ObjectRows::new(snapshot, bucket, prefix)),
        Route::Runs => Box::new(Items::all(&snapshot.runs.items)),
        Route::Run(run) => {
            let tasks = run::TaskRows::new(snapshot, run, stage);
            match run::view(snapshot, run).filter(|view| stage == 0 && !view.sets.is_empty()) {
                Some(view) => Box::new(values::Valued::new(tasks, &view.sets)),
                None => Box::new(tasks),
            }
        }
        Route::Task { run, task } => Box::new(task::OutputRows::new(snapshot, run, task, attempt)),
        Route::Running => Box::new(Items::all(&snapshot.running.items)),
        Route::Transfers => Box::new(transfers::ProgressRows(&snapshot.progress)),
        Route::Logs => Box::new(Nothing),
    }
}

/// How current the rows of a place are.
#[must_use]
pub fn state<'a>(place: &Route, snapshot: &'a Snapshot) -> &'a ListingState {
    match place {
        Route::Functions => &snapshot.functions.state,
        Route::Buckets => &snapshot.buckets.state,
        Route::Objects { bucket, prefix } => snapshot
            .objects
            .as_ref()
            .filter(|view| view.bucket == *bucket && view.prefix == *prefix)
            .map_or(&ListingState::Reading, |view| &view.listing.state),
        Route::Runs | Route::Function(_) => &snapshot.runs.state,
        Route::Run(run) if snapshot.unreadable.as_ref().is_some_and(|(id, _)| id == run) => {
            snapshot.unreadable.as_ref().map_or(&ListingState::Reading, |(_, state)| state)
        }
        Route::Run(run) => match snapshot.run.as_ref().filter(|view| view.summary.id == *run) {
            Some(view) if !view.loading && !view.summary.reading => &ListingState::Ready,
            _ => &ListingState::Reading,
        },
        Route::Task { run, task } => {
            task::view(snapshot, run, task).map_or(&ListingState::Reading, |view| &view.records.state)
        }
        Route::Running => &snapshot.running.state,
        Route::Logs | Route::Transfers => &ListingState::Ready,
    }
}

/// What an empty place says: what would be here, and the key that brings it.
#[must_use]
pub const fn empty(place: &Route) -> [&'static str; 2] {
    match place {
        Route::Functions => ["No functions yet.", "Press n to launch one from a container image."],
        Route::Function(_) => [
            "This function has no runs yet.",
            "Press u to choose files for it, or drop files on the terminal.",
        ],
        Route::Buckets => {
            ["No buckets yet.", "Press b to make one; launching a function makes those it needs."]
        }
        Route::Objects { .. } => {
            ["Nothing in this folder.", "Press u to upload files, or drop files on the terminal."]
        }
        Route::Runs => ["No runs yet.", "Go to a function (1) and press u, or drop files on the terminal."],
        Route::Run(_) => ["No tasks.", ""],
        Route::Task { .. } => ["No outputs.", ""],
        Route::Running => ["Nothing is running.", ""],
        Route::Logs => ["No log lines yet.", "New lines appear as they are written."],
        Route::Transfers => ["No transfers.", "Uploads, downloads and deployments appear here."],
    }
}

/// Stands for a number that is not known.
const NOT_KNOWN: &str = "–";

/// No rows.
struct Nothing;

impl Source for Nothing {
    type Row = ();
    fn columns(&self) -> &'static [Column<()>] {
        &[]
    }
    fn row(&self, _: usize) -> Option<&()> {
        None
    }
    fn len(&self) -> usize {
        0
    }
    fn identities(&self) -> Vec<Identity> {
        Vec::new()
    }
    fn key((): &()) -> RowKey {
        RowKey::Number(0)
    }
    fn admits((): &(), _: &Filter) -> bool {
        false
    }
}

/// A shared list as an identity.
fn identity<T: Send + Sync + 'static>(items: &Arc<Vec<T>>) -> Identity {
    Arc::clone(items) as Identity
}

/// A cell of clean text.
fn plain(text: &str) -> Line {
    Line::raw(Clean::new(text))
}

/// A cell of what matters less.
fn dim(text: impl Into<Clean>, look: &RenderContext) -> Line {
    Span::styled(text, look.theme.dim).into()
}

/// A cell with a moment, if there is one.
fn moment(ms: Option<u64>, look: &RenderContext) -> Line {
    dim(ms.map_or_else(String::new, |ms| words::date_time(ms, &look.zone)), look)
}

/// Order of numbers that may be absent; absent ones first.
fn by_float(a: f64, b: f64) -> Ordering {
    a.partial_cmp(&b).unwrap_or(Ordering::Equal)
}
