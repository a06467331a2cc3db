//! Which tasks and which attempt are shown.

use crate::app::App;
use crate::filter::States;
use crate::place::Route;
use crate::views::task;
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

pub fn newer_attempt(app: &mut App, _: &str) {
    let page = app.page_mut();
    page.attempt = page.attempt.saturating_sub(1);
}

pub fn older_attempt(app: &mut App, _: &str) {
    let Route::Task { run, task } = &app.page().place else { return };
    let attempts = task::view(&app.snapshot, run, *task).map_or(0, |view| view.records.items.len());
    let page = app.page_mut();
    page.attempt = (page.attempt + 1).min(attempts.saturating_sub(1));
}
