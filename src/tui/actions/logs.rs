//! Reading logs.

use super::navigate;
use crate::app::App;
use crate::layers::line::{LineInput, Purpose};
use crate::layers::pager::Pager;
use crate::views::logs as view;
use throng_core::clean;
use throng_core::model::LogQuery;
use throng_core::words::Clean;

/// Columns per step to the side.
const PAN: usize = 16;

pub fn pause(app: &mut App, _: &str) {
    let snapshot = app.snapshot.clone();
    if app.logs.frozen.is_some() {
        app.logs.follow();
    } else {
        app.logs.pause(snapshot.logs.as_ref());
    }
}

pub fn search(app: &mut App, _: &str) {
    let now = app.logs.search.text().to_owned();
    app.push(LineInput::new(Purpose::Search, &now));
}

pub fn filter(app: &mut App, _: &str) {
    let now = app.logs.filter.text().to_owned();
    app.push(LineInput::new(Purpose::LogFilter, &now));
}

pub fn next_match(app: &mut App, _: &str) {
    to_match(app, true);
}

pub fn previous_match(app: &mut App, _: &str) {
    to_match(app, false);
}

/// Goes to a match; says so when there is none.
pub fn to_match(app: &mut App, forward: bool) {
    if app.logs.search.is_empty() {
        return search(app, "");
    }
    let pattern = app.logs.search.clone();
    let holds = |entry: &throng_core::model::LogEntry| pattern.matches(&Clean::new(&entry.message));
    let snapshot = app.snapshot.clone();
    if !app.logs.seek(forward, snapshot.logs.as_ref(), holds) {
        if !(0..app.logs.len()).any(|at| app.logs.get(at).is_some_and(holds)) {
            return app.refuse(clean!("Nothing in the log matches {}.", pattern.text()));
        }
        app.refuse(clean!("No {} match of {}.", if forward { "further" } else { "earlier" }, pattern.text()));
    }
}

pub fn next_error(app: &mut App, _: &str) {
    to_error(app, true);
}

pub fn previous_error(app: &mut App, _: &str) {
    to_error(app, false);
}

fn to_error(app: &mut App, forward: bool) {
    let snapshot = app.snapshot.clone();
    if !app.logs.seek(forward, snapshot.logs.as_ref(), view::is_error) {
        app.refuse(if forward { "No further error." } else { "No earlier error." });
    }
}

pub fn wrap(app: &mut App, _: &str) {
    app.logs.wrap = !app.logs.wrap;
    app.logs.pan = 0;
}

pub fn times(app: &mut App, _: &str) {
    app.logs.times = !app.logs.times;
}

pub fn pan_left(app: &mut App, _: &str) {
    app.logs.pan = app.logs.pan.saturating_sub(PAN);
}

pub fn pan_right(app: &mut App, _: &str) {
    if !app.logs.wrap {
        app.logs.pan += PAN;
    }
}

pub fn zoom(app: &mut App, _: &str) {
    if let Some(entry) = app.logs.current() {
        let lines = view::zoom(entry, &app.look);
        app.push(Pager::new("Log line", lines));
    }
}

pub fn follow_all(app: &mut App, _: &str) {
    navigate::follow(app, LogQuery { since_s: navigate::SINCE, ..LogQuery::default() });
}
