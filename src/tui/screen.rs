//! The whole screen, from the state.
//!
//! ```text
//! throng  context  region  ● online                      what goes on
//! 1 Functions  2 Buckets  3 Runs …
//! ── where we are ──────────────────────────── how much, order, filter ──
//! facts or header of the place
//! table or log                                        │ facts (wide screens)
//! transfers under way
//! an error, until dismissed
//! keys that hold now
//! ```

use super::app::{App, Hits};
use super::list::Rows;
use super::place::{Route, RouteKind};
use super::views::{self, run, task};
use super::widgets::{footer, header, table};
use crate::paint::{Draw, Line, Span, small};
use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use throng_core::clean;
use throng_core::engine::{Connection, ListingState, Severity};
use throng_core::model::{ProgressState, TaskName};
use throng_core::words::{self, Clean};

/// The smallest usable screen.
const SMALLEST: (u16, u16) = (40, 10);
/// From this width on, facts stand beside the table.
const WIDE: u16 = 150;
/// Columns of the facts beside the table.
const SIDE: u16 = 56;

/// Draws everything and says where.
pub fn draw(frame: &mut Frame<'_>, app: &App) -> Hits {
    let area = frame.area();
    let mut hits = Hits::default();
    if area.width < SMALLEST.0 || area.height < SMALLEST.1 {
        let text = format!("throng needs {}x{}", SMALLEST.0, SMALLEST.1);
        frame.buffer_mut().put(0, area.height / 2, text, usize::from(area.width), Style::new());
        return hits;
    }
    let buffer = frame.buffer_mut();
    let line = |y: u16| Rect { y, height: 1, ..area };
    header::draw(buffer, line(0), app);
    hits.tabs = header::tabs(buffer, line(1), app);
    title(buffer, line(2), app);
    footer::draw(buffer, line(area.height - 1), app);
    let mut body = Rect { y: 3, height: area.height - 4, ..area };
    banner(buffer, &mut body, app);
    transfers(buffer, &mut body, app);
    place(buffer, body, app, &mut hits);
    for layer in &app.layers {
        layer.draw(frame, area, app);
    }
    hits
}

/// A line with the way here on the left, and on the right how much is shown and how.
fn title(buffer: &mut Buffer, area: Rect, app: &App) {
    let theme = &app.look.theme;
    let symbols = &theme.symbols;
    buffer.put(
        area.x,
        area.y,
        symbols.line.repeat(usize::from(area.width)),
        usize::from(area.width),
        theme.rule,
    );
    let right = Line::from(summary(app));
    let wide = small(right.width());
    let room = usize::from(area.width.saturating_sub(wide + 6));
    let names: Vec<String> =
        app.tabs[app.tab].iter().map(|page| Clean::new(&page.place.name()).into_string()).collect();
    let way = names.join(&format!(" {} ", symbols.crumb));
    let way = Clean::new(&way);
    let left = Span::styled(clean!(" {} ", words::clip_start(&way, room)), theme.title);
    buffer.put_span(area.x + 2, area.y, &left, area.width.saturating_sub(2));
    if wide > 0 && wide + 4 < area.width {
        buffer.put_line(area.right() - wide - 1, area.y, &right, wide);
    }
}

fn summary(app: &App) -> Vec<Span> {
    let theme = &app.look.theme;
    let page = app.page();
    let mut spans = vec![Span::raw(" ")];
    let dot = format!(" {} ", theme.symbols.dot);
    if page.place == Route::Logs {
        let view = app.logs.frozen.as_ref().or(app.snapshot.logs.as_ref());
        let total = view.map_or(0, throng_core::model::LogView::len);
        let shown = app.logs.len();
        let count = if app.logs.filter.is_empty() {
            words::plural(total as u64, "line")
        } else {
            format!("{} of {} lines", words::count(shown as u64), words::count(total as u64))
        };
        spans.push(Span::styled(count, theme.dim));
        for (name, pattern) in [("filter", &app.logs.filter), ("search", &app.logs.search)] {
            if !pattern.text().is_empty() {
                spans.push(Span::styled(clean!("{dot}{name} "), theme.dim));
                spans.push(Span::styled(Clean::new(pattern.text()), theme.warn));
            }
        }
        spans.push(Span::raw(" "));
        return spans;
    }
    let list = &page.list;
    let more =
        matches!((&page.place, &app.snapshot.objects), (Route::Objects { .. }, Some(view)) if view.more);
    let total = format!("{}{}", words::count(list.total().min(1 << 40) as u64), if more { "+" } else { "" });
    let count = if list.filter.is_empty() {
        total
    } else {
        format!("{} of {total}", words::count(list.len() as u64))
    };
    let state = views::state(&page.place, &app.snapshot);
    let read = !matches!(state, ListingState::Unread | ListingState::Reading) || list.total() > 0;
    if read {
        spans.push(Span::styled(count, theme.dim));
    }
    if !list.marks.is_empty() {
        spans.push(Span::styled(clean!("{dot}{} marked", list.marks.len()), theme.marked));
    }
    if list.filter.states != super::filter::States::All {
        spans.push(Span::styled(clean!("{dot}{}", list.filter.states.word()), theme.warn));
    }
    if !list.filter.pattern.text().is_empty() {
        spans.push(Span::styled(clean!("{dot}/"), theme.dim));
        spans.push(Span::styled(Clean::new(list.filter.pattern.text()), theme.warn));
    }
    if *state == ListingState::Reading && app.snapshot.connection.trouble().is_none() {
        let dot = if read { dot.as_str() } else { "" };
        spans.push(Span::styled(clean!("{dot}reading"), theme.active));
    }
    if spans.len() == 1 {
        return Vec::new();
    }
    spans.push(Span::raw(" "));
    spans
}

/// The newest error or warning stands at the bottom until it is dismissed.
fn banner(buffer: &mut Buffer, body: &mut Rect, app: &App) {
    let theme = &app.look.theme;
    let width = usize::from(body.width.saturating_sub(4));
    let Some(notice) = app
        .snapshot
        .notices
        .iter()
        .rev()
        .find(|notice| notice.severity != Severity::Info)
        .or_else(|| app.snapshot.notices.last())
    else {
        return;
    };
    let (word, style) = super::layers::notices::word(notice, app);
    let title = Clean::new(&notice.title);
    let mut lines =
        vec![Line::from(vec![Span::styled(clean!("{word}  "), style), Span::styled(title, theme.title)])];
    let detail = Clean::lines(&notice.detail);
    let wrapped: Vec<Clean> = detail.iter().flat_map(|line| words::wrap_words(line, width)).collect();
    let room = if body.height > 26 { 6 } else { 3 };
    let room = if notice.severity == Severity::Info { 1 } else { room };
    lines.extend(wrapped.iter().take(room).map(Line::raw));
    let others = app.snapshot.notices.len() - 1;
    let hidden = wrapped.len().saturating_sub(room);
    if notice.severity != Severity::Info {
        let mut hint = vec![
            Span::styled("X", theme.key),
            Span::styled(" dismiss   ", theme.dim),
            Span::styled("!", theme.key),
            Span::styled(" read", theme.dim),
        ];
        if hidden > 0 {
            hint.push(Span::styled(clean!(" {}", words::how_many(hidden, "more line")), theme.dim));
        }
        if others > 0 {
            hint.push(Span::styled(clean!("   {} more", words::plural(others as u64, "notice")), theme.dim));
        }
        lines.push(Line::from(hint));
    }
    let height = small(lines.len() + 1).min(body.height / 2);
    let area = Rect { y: body.bottom() - height, height, ..*body };
    body.height -= height;
    buffer.put(
        area.x,
        area.y,
        theme.symbols.line.repeat(usize::from(area.width)),
        usize::from(area.width),
        theme.rule,
    );
    for (row, line) in lines.iter().take(usize::from(height) - 1).enumerate() {
        buffer.put_line(area.x + 2, area.y + 1 + small(row), line, area.width - 3);
    }
}

/// Transfers under way, below every view but their own.
fn transfers(buffer: &mut Buffer, body: &mut Rect, app: &App) {
    if app.kind() == RouteKind::Transfers {
        return;
    }
    let active: Vec<_> =
        app.snapshot.progress.iter().filter(|progress| progress.state == ProgressState::Active).collect();
    let room = usize::from(body.height / 6).clamp(1, 4);
    let shown = active.len().min(room);
    if shown == 0 || body.height < 8 {
        return;
    }
    body.height -= small(shown);
    for (row, progress) in active.iter().take(shown).enumerate() {
        let line =
            views::transfers::panel_line(progress, usize::from(body.width).saturating_sub(1), &app.look);
        buffer.put_line(body.x + 1, body.bottom() + small(row), &line, body.width - 1);
    }
}

fn place(buffer: &mut Buffer, body: Rect, app: &App, hits: &mut Hits) {
    let page = app.page();
    match &page.place {
        Route::Logs => log(buffer, body, app, hits),
        Route::Run(id) => {
            let lines = run::view(&app.snapshot, id).map_or_else(Vec::new, |view| {
                let width = usize::from(body.width).saturating_sub(4);
                run::header(view, page.stage, width, body.height > 26, &app.look)
            });
            let body = above(buffer, body, &lines);
            rows(buffer, body, app, hits);
        }
        Route::Task { run, task } => one_task(buffer, body, app, hits, run, task),
        Route::Function(name) => {
            let function = app.snapshot.functions.items.iter().find(|function| function.name == *name);
            let lines = function.map_or_else(Vec::new, |function| {
                views::function::facts(function, &app.look).lines(&app.look)
            });
            let body = above(buffer, body, &lines);
            rows(buffer, body, app, hits);
        }
        Route::Functions | Route::Runs if body.width >= WIDE => {
            let side = Rect { x: body.right() - SIDE, width: SIDE, ..body };
            let main = Rect { width: body.width - SIDE - 1, ..body };
            rows(buffer, main, app, hits);
            beside(buffer, side, app);
        }
        _ => rows(buffer, body, app, hits),
    }
}

/// Lines above the table, with an empty one below them; gives what is left.
fn above(buffer: &mut Buffer, body: Rect, lines: &[Line]) -> Rect {
    let most = usize::from(body.height.saturating_sub(5));
    let height = small(lines.len().min(most));
    for (row, line) in lines.iter().take(usize::from(height)).enumerate() {
        buffer.put_line(body.x + 2, body.y + small(row), line, body.width.saturating_sub(3));
    }
    let taken = if height == 0 { 0 } else { height + 1 };
    Rect { y: body.y + taken, height: body.height - taken, ..body }
}

/// The table of a place, or why there is none.
fn rows(buffer: &mut Buffer, body: Rect, app: &App, hits: &mut Hits) {
    let page = app.page();
    let rows = views::rows(&page.place, &app.snapshot, (page.attempt, page.stage));
    let columns = table::draw(buffer, body, &*rows, &page.list, &app.look);
    hits.table = Some((body, columns));
    if page.list.len() == 0 {
        nothing(buffer, body, app, &*rows);
    }
}

fn nothing(buffer: &mut Buffer, body: Rect, app: &App, rows: &dyn Rows) {
    let theme = &app.look.theme;
    let page = app.page();
    let (first, second, style): (Clean, _, _) =
        match (views::state(&page.place, &app.snapshot), &app.snapshot.connection) {
            (ListingState::Failed(why), _) => ("This could not be read:".into(), why.clone(), theme.bad),
            (_, Connection::Offline(why)) if rows.len() == 0 => {
                ("The cloud does not answer.".into(), why.clone(), theme.bad)
            }
            (_, Connection::NotSignedIn(why)) if rows.len() == 0 => {
                ("You are not signed in to this cloud.".into(), why.clone(), theme.bad)
            }
            (_, Connection::Unusable(why)) if rows.len() == 0 => {
                ("This context cannot be used as it is configured.".into(), why.clone(), theme.bad)
            }
            _ if rows.len() > 0 => {
                ("Nothing matches.".into(), "esc clears the filter.".to_owned(), theme.dim)
            }
            (ListingState::Unread | ListingState::Reading, _) => {
                ("reading …".into(), String::new(), theme.dim)
            }
            _ if no_function(app).is_some() => {
                let first = clean!("There is no function {}.", no_function(app).unwrap_or_default());
                (first, "Press 1 for those there are.".to_owned(), theme.dim)
            }
            (ListingState::Ready, _) => {
                let [first, second] = views::empty(&page.place);
                (first.into(), second.to_owned(), theme.dim)
            }
        };
    let width = usize::from(body.width.saturating_sub(6));
    let mut lines = vec![Line::raw(first)];
    for line in Clean::lines(&second) {
        lines.extend(words::wrap_words(&line, width).into_iter().map(|piece| Line::styled(piece, style)));
    }
    for (row, line) in lines.iter().take(usize::from(body.height.saturating_sub(2))).enumerate() {
        buffer.put_line(body.x + 4, body.y + 2 + small(row), line, body.width.saturating_sub(5));
    }
}

/// The name of the open function when there is none of that name.
fn no_function(app: &App) -> Option<Clean> {
    let Route::Function(name) = &app.page().place else { return None };
    let functions = &app.snapshot.functions;
    let known = functions.items.iter().any(|function| function.name == *name);
    (functions.read_ms.is_some() && !known).then(|| Clean::new(name))
}

/// What is under the cursor, beside the table.
fn beside(buffer: &mut Buffer, area: Rect, app: &App) {
    let theme = &app.look.theme;
    let page = app.page();
    let bar = if theme.symbols.ascii { "|" } else { "│" };
    for y in area.top()..area.bottom() {
        buffer.put(area.x, y, bar, 1, theme.rule);
    }
    let inner = Rect { x: area.x + 2, width: area.width - 3, ..area };
    let Some(row) = page.list.row() else { return };
    let lines = if page.place == Route::Functions {
        let Some(function) = app.snapshot.functions.items.get(row) else { return };
        let mut lines = vec![Line::styled(Clean::new(&function.name), theme.title), Line::raw("")];
        lines.extend(views::function::facts(function, &app.look).lines(&app.look));
        lines
    } else {
        let Some(run) = app.snapshot.runs.items.get(row) else { return };
        views::runs::card(run, usize::from(inner.width), &app.look)
    };
    let lines = super::layers::pager::wrapped(&lines, usize::from(inner.width));
    for (row, line) in lines.iter().take(usize::from(inner.height)).enumerate() {
        buffer.put_line(inner.x, inner.y + small(row), line, inner.width);
    }
}

fn one_task(buffer: &mut Buffer, body: Rect, app: &App, hits: &mut Hits, run: &str, name: &TaskName) {
    let theme = &app.look.theme;
    let page = app.page();
    let Some(view) = task::view(&app.snapshot, run, name) else { return rows(buffer, body, app, hits) };
    let width = usize::from(body.width).saturating_sub(4);
    let memory = task::record(&app.snapshot, run, name, page.attempt).and_then(|record| {
        let mut functions = app.snapshot.functions.items.iter();
        functions.find(|function| function.name == record.function).map(|function| function.memory_mb)
    });
    let lines = task::facts(view, page.attempt, memory, width, &app.look).wrapped(width, &app.look);
    let rest = above(buffer, body, &lines);
    let record = task::record(&app.snapshot, run, name, page.attempt);
    let tail: Vec<Clean> = record
        .map_or_else(Vec::new, |record| record.stderr_tail.iter().map(|line| Clean::new(line)).collect());
    if tail.is_empty() || rest.height < 6 {
        return rows(buffer, rest, app, hits);
    }
    let outputs = small(page.list.len().max(2) + 1).min(rest.height / 2);
    rows(buffer, Rect { height: outputs, ..rest }, app, hits);
    let area = Rect { y: rest.y + outputs, height: rest.height - outputs, ..rest };
    let heading = Line::from(vec![
        Span::styled("STDERR", theme.label),
        Span::styled("  last lines; l shows the whole log", theme.dim),
    ]);
    buffer.put_line(area.x + 2, area.y, &heading, area.width.saturating_sub(3));
    let width = usize::from(area.width.saturating_sub(4));
    let wrapped: Vec<Clean> = tail.iter().flat_map(|line| words::wrap(line, width)).collect();
    let room = usize::from(area.height - 1);
    for (row, line) in wrapped.iter().skip(wrapped.len().saturating_sub(room)).enumerate() {
        buffer.put(area.x + 2, area.y + 1 + small(row), line, width, Style::new());
    }
}

fn log(buffer: &mut Buffer, body: Rect, app: &App, hits: &mut Hits) {
    let theme = &app.look.theme;
    let live = app.snapshot.logs.as_ref();
    buffer.put_line(
        body.x + 2,
        body.y,
        &views::logs::title(&app.logs, live, &app.look),
        body.width.saturating_sub(3),
    );
    let area =
        Rect { x: body.x + 1, y: body.y + 1, width: body.width - 1, height: body.height.saturating_sub(1) };
    let lines = app.logs.window(usize::from(area.width), usize::from(area.height), &app.look);
    for (row, (at, line)) in lines.iter().enumerate() {
        let y = area.y + small(row);
        buffer.put_line(area.x, y, line, area.width);
        if app.logs.frozen.is_some() && *at == app.logs.cursor() {
            buffer.set_style(Rect { y, height: 1, ..area }, theme.selected);
            buffer.put(body.x, y, theme.symbols.cursor, 1, theme.accent);
        }
    }
    hits.log = Some((area, lines.iter().map(|(at, _)| *at).collect()));
    if lines.is_empty() {
        let [first, second] = views::empty(&Route::Logs);
        let filtered = !app.logs.filter.is_empty();
        let lines = if filtered { ["No line matches.", "esc clears the filter."] } else { [first, second] };
        for (row, line) in lines.iter().enumerate() {
            buffer.put(
                body.x + 4,
                body.y + 2 + small(row),
                *line,
                usize::from(body.width.saturating_sub(5)),
                theme.dim,
            );
        }
    }
}
