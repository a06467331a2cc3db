//! Which tasks and which attempt are shown.

use crate::app::App;
use crate::filter::States;
use crate::list::ListState;
use crate::place::Route;
use crate::views::{self, task};
use throng_core::clean;
use throng_core::model::TaskState;

/// Goes through the states, or to the one that is named.
pub fn states(app: &mut App, word: &str) {
    let now = app.page().list.filter.states;
    let next = match word {
        "" => now.next(),
        "all" => States::All,
        "unsuccessful" => States::Unsuccessful,
        word => {
            let Ok(state) = word.parse() else {
                let states = TaskState::ALL.map(TaskState::as_str).join(", ");
                return app.refuse(clean!("No state {word}: all, unsuccessful, {states}."));
            };
            States::Only(state)
        }
    };
    app.page_mut().list.filter.states = next;
    app.say(clean!("Showing {} tasks.", next.word()));
}

pub fn next_stage(app: &mut App, _: &str) {
    go_to_stage(app, 1);
}

pub fn previous_stage(app: &mut App, _: &str) {
    go_to_stage(app, -1);
}

/// Goes on or back in the stages of the open run.
fn go_to_stage(app: &mut App, by: isize) {
    let Route::Run(run) = &app.page().place else { return };
    let names: Vec<String> = views::run::view(&app.snapshot, run)
        .map_or_else(Vec::new, |view| view.stages.iter().map(|stage| stage.function.clone()).collect());
    if names.len() < 2 {
        return app.refuse("This run has no other stage.");
    }
    let stage = app.page().stage.saturating_add_signed(by).min(names.len() - 1);
    let page = app.page_mut();
    if stage == page.stage {
        let end = if by > 0 { "last" } else { "first" };
        return app.refuse(clean!("{} is the {end} stage.", names[stage]));
    }
    // The list is another one: marks and the cursor are of the one before.
    let filter = page.list.filter.clone();
    (page.stage, page.list) = (stage, ListState::default());
    page.list.filter = filter;
    app.say(clean!("Stage {} of {}: {}.", stage + 1, names.len(), names[stage]));
}

pub fn newer_attempt(app: &mut App, _: &str) {
    let page = app.page_mut();
    page.attempt = page.attempt.saturating_sub(1);
}

pub fn older_attempt(app: &mut App, _: &str) {
    let Route::Task { run, task } = &app.page().place else { return };
    let attempts = task::view(&app.snapshot, run, task).map_or(0, |view| view.records.items.len());
    let page = app.page_mut();
    page.attempt = (page.attempt + 1).min(attempts.saturating_sub(1));
}
