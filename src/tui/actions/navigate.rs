//! Moving about.

use crate::app::App;
use crate::filter::{Filter, Pattern};
use crate::layers::line::{LineInput, Purpose};
use crate::place::{Route, RouteKind, tab};
use throng_core::engine::Command;
use throng_core::model::LogQuery;

/// How far back a log begins that is followed by itself, in seconds.
pub const SINCE: u64 = 3600;

fn step(app: &mut App, by: isize) {
    if app.kind() == RouteKind::Logs {
        let to = app.logs.cursor().saturating_add_signed(by);
        let snapshot = app.snapshot.clone();
        app.logs.go(to, snapshot.logs.as_ref());
    } else {
        app.with_list(|list, rows| list.step(by, rows));
    }
}

fn page(app: &App) -> isize {
    let lines = if app.kind() == RouteKind::Logs { app.logs.page() } else { app.page().list.page() };
    isize::try_from(lines).unwrap_or(1)
}

pub fn down(app: &mut App, _: &str) {
    step(app, 1);
}

pub fn up(app: &mut App, _: &str) {
    step(app, -1);
}

pub fn page_down(app: &mut App, _: &str) {
    let page = page(app);
    step(app, page);
}

pub fn page_up(app: &mut App, _: &str) {
    let page = page(app);
    step(app, -page);
}

pub fn first(app: &mut App, _: &str) {
    step(app, isize::MIN);
}

pub fn last(app: &mut App, _: &str) {
    if app.kind() == RouteKind::Logs {
        app.logs.follow();
    } else {
        app.with_list(|list, rows| list.go(usize::MAX, rows));
    }
}

/// One step back: first what narrows the list, then the way up.
pub fn back(app: &mut App, _: &str) {
    if app.kind() == RouteKind::Logs {
        let logs = &mut app.logs;
        if !logs.search.is_empty() {
            logs.search = Pattern::default();
        } else if !logs.filter.is_empty() {
            logs.filter = Pattern::default();
        } else if logs.frozen.is_some() {
            logs.follow();
        } else if let Some(tab) = app.log_from.take() {
            app.open_tab(tab);
        }
        return;
    }
    let list = &mut app.page_mut().list;
    if !list.marks.is_empty() {
        list.marks.clear();
    } else if !list.filter.is_empty() {
        list.filter = Filter::default();
    } else if app.tabs[app.tab].len() > 1 {
        app.tabs[app.tab].pop();
        app.look_at();
    }
}

pub fn sort(app: &mut App, _: &str) {
    app.with_list(|list, rows| list.next_sort(&rows.headings()));
}

pub fn reverse(app: &mut App, _: &str) {
    if let Some(sort) = &mut app.page_mut().list.sort {
        sort.descending = !sort.descending;
    } else {
        app.with_list(|list, rows| list.sort_by(0, &rows.headings()));
    }
}

pub fn mark(app: &mut App, _: &str) {
    app.with_list(|list, rows| {
        list.toggle_mark(rows);
        list.step(1, rows);
    });
}

pub fn mark_all(app: &mut App, _: &str) {
    app.with_list(|list, rows| list.toggle_all(rows));
}

pub fn filter(app: &mut App, argument: &str) {
    if argument.is_empty() {
        let now = app.page().list.filter.pattern.text().to_owned();
        app.push(LineInput::new(Purpose::Filter, &now));
    } else {
        app.page_mut().list.filter.pattern = Pattern::new(argument);
    }
}

pub fn functions(app: &mut App, name: &str) {
    go(app, 0, name, |name| Route::Function(name.to_owned()));
}

pub fn buckets(app: &mut App, name: &str) {
    go(app, 1, name, |place| {
        let (bucket, prefix) = place.split_once('/').unwrap_or((place, ""));
        let prefix =
            if prefix.is_empty() || prefix.ends_with('/') { prefix.to_owned() } else { format!("{prefix}/") };
        Route::Objects { bucket: bucket.to_owned(), prefix }
    });
}

pub fn runs(app: &mut App, id: &str) {
    if id == "last" {
        app.open(tab::RUNS, Vec::new());
        return app.open_newest();
    }
    go(app, 2, id, |id| Route::Run(id.to_owned()));
}

pub fn running(app: &mut App, _: &str) {
    app.open_tab(tab::RUNNING);
}

pub fn logs(app: &mut App, function: &str) {
    app.log_from = None;
    if !function.is_empty() {
        let query = LogQuery { functions: vec![function.to_owned()], since_s: SINCE, ..LogQuery::default() };
        follow(app, query);
    } else if app.tab != 4 && app.snapshot.logs.is_none() {
        follow(app, LogQuery { since_s: SINCE, ..LogQuery::default() });
    } else {
        app.open_tab(tab::LOGS);
    }
}

pub fn transfers(app: &mut App, _: &str) {
    app.open_tab(tab::TRANSFERS);
}

/// Shows other log lines.
pub fn follow(app: &mut App, query: LogQuery) {
    let logs = &mut app.logs;
    logs.follow();
    logs.search = Pattern::default();
    logs.filter = Pattern::default();
    logs.pan = 0;
    app.send(Command::FollowLogs(query));
    app.open_tab(tab::LOGS);
}

fn go(app: &mut App, tab: usize, argument: &str, place: impl Fn(&str) -> Route) {
    if argument.is_empty() {
        // Once more goes to the top of the tab.
        if app.tab == tab {
            app.tabs[tab].truncate(1);
        }
        app.open_tab(tab);
    } else {
        app.open(tab, vec![place(argument)]);
    }
}

pub fn next_tab(app: &mut App, _: &str) {
    switch(app, (app.tab + 1) % app.tabs.len());
}

pub fn previous_tab(app: &mut App, _: &str) {
    switch(app, (app.tab + app.tabs.len() - 1) % app.tabs.len());
}

/// Opens a tab as its key does.
pub fn switch(app: &mut App, tab: usize) {
    if tab == tab::LOGS { logs(app, "") } else { app.open_tab(tab) }
}
