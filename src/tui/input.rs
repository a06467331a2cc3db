//! What the person does: keys, pastes, the mouse, the window.

use super::actions::{items, navigate};
use super::app::App;
use super::drop::{Dropped, parse};
use super::event_loop::matters;
use super::layers::pager::Pager;
use super::place::RouteKind;
use crate::paint::Line;
use crossterm::event::{
    Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers, MouseButton, MouseEvent, MouseEventKind,
};
use ratatui::layout::Position;
use throng_core::clean;
use throng_core::words::Clean;

/// Characters that arrive at once and look like a path are a paste by a terminal without bracketed paste.
const BURST: usize = 8;
/// Lines per turn of the wheel.
const WHEEL: isize = 3;

/// Handles what arrived at once. `true` when the screen may have changed.
pub fn handle(app: &mut App, batch: Vec<Event>) -> bool {
    let mut changed = false;
    app.typing.arrived(&batch);
    if let Some(pasted) = burst(app, &batch) {
        paste(app, &pasted);
        app.typing.handled();
        return true;
    }
    // Pastes that arrive together are one drop: some terminals paste every file on its own.
    let mut pasted: Vec<String> = Vec::new();
    for event in batch {
        changed |= matters(&event);
        if let Event::Paste(text) = event {
            pasted.push(text);
            continue;
        }
        flush(app, &mut pasted);
        match event {
            Event::Key(key) => {
                // Keys that come together act on what the newest snapshot has, not on rows that are gone.
                app.prepare();
                app.key(key);
            }
            Event::Mouse(mouse) => self::mouse(app, mouse),
            _ => {}
        }
    }
    flush(app, &mut pasted);
    app.typing.handled();
    changed
}

fn flush(app: &mut App, pasted: &mut Vec<String>) {
    match pasted.len() {
        0 => {}
        1 => paste(app, &pasted[0]),
        _ => {
            let paths: Option<Vec<_>> = pasted
                .iter()
                .map(|text| if let Dropped::Here(paths) = parse(text) { Some(paths) } else { None })
                .collect();
            match paths {
                Some(paths) if !takes_text(app) => items::dropped(app, paths.concat()),
                _ => pasted.iter().for_each(|text| paste(app, text)),
            }
        }
    }
    pasted.clear();
}

fn takes_text(app: &App) -> bool {
    app.layers.last().is_some_and(|layer| layer.takes_text())
}

fn burst(app: &App, batch: &[Event]) -> Option<String> {
    if batch.len() < BURST || takes_text(app) {
        return None;
    }
    let text: Option<String> = batch
        .iter()
        .map(|event| match event {
            Event::Key(KeyEvent {
                code: KeyCode::Char(char), modifiers, kind: KeyEventKind::Press, ..
            }) if !modifiers.intersects(KeyModifiers::CONTROL | KeyModifiers::ALT) => Some(*char),
            Event::Key(KeyEvent { code: KeyCode::Enter, .. }) => Some('\n'),
            _ => None,
        })
        .collect();
    text.filter(|text| matches!(parse(text), Dropped::Here(_)))
}

/// Handles pasted text: into a text field when there is one, else as files.
pub fn paste(app: &mut App, pasted: &str) {
    app.message = None;
    app.typing.interrupted();
    if !app.layers.is_empty() && takes_text(app) {
        return app.with_top(&mut |layer, app| layer.paste(pasted, app));
    }
    match parse(pasted) {
        Dropped::Here(paths) => {
            app.layers.clear();
            items::dropped(app, paths);
        }
        Dropped::Elsewhere(missing) => {
            let lines = elsewhere(&missing);
            app.push(Pager::new("These files are not on this machine", lines));
        }
        Dropped::Text => app.refuse("The pasted text is not a path. Press / or : to type."),
    }
}

fn elsewhere(missing: &[String]) -> Vec<Line> {
    let mut lines: Vec<Line> =
        missing.iter().take(6).map(|path| Line::raw(clean!("  {}", Clean::new(path)))).collect();
    if missing.len() > 6 {
        lines.push(Line::raw(clean!("  and {} more", missing.len() - 6)));
    }
    let host =
        std::env::var("SSH_CONNECTION").ok().and_then(|ends| ends.split(' ').nth(2).map(str::to_owned));
    let here = host.clone().unwrap_or_else(|| "this-host".into());
    lines.push(Line::raw(""));
    if host.is_some() {
        lines.push(Line::raw(
            "You are connected by SSH: the terminal told the path on your own machine, and throng",
        ));
        lines.push(Line::raw("runs here, where there is no such file. Copy it first, on your machine:"));
    } else {
        lines.push(Line::raw(
            "There is no such file here. If it is on another machine, copy it first, there:",
        ));
    }
    let first = missing.first().map_or("", String::as_str);
    let quoted =
        shlex::try_quote(first).map_or_else(|_| Clean::literal("FILE"), |quoted| Clean::new(&quoted));
    lines.push(Line::raw(clean!("  scp {quoted} {here}:")));
    lines.push(Line::raw("Then press u and choose it, or drop it on a terminal of this machine."));
    lines
}

fn mouse(app: &mut App, mouse: MouseEvent) {
    let by = match mouse.kind {
        MouseEventKind::ScrollDown => WHEEL,
        MouseEventKind::ScrollUp => -WHEEL,
        MouseEventKind::Down(MouseButton::Left) => return click(app, Position::new(mouse.column, mouse.row)),
        _ => return,
    };
    if let Some(layer) = app.layers.last_mut() {
        return layer.scroll(by);
    }
    for _ in 0..by.unsigned_abs() {
        if by > 0 { navigate::down(app, "") } else { navigate::up(app, "") }
    }
}

fn click(app: &mut App, at: Position) {
    if !app.layers.is_empty() {
        return;
    }
    if let Some((_, tab)) = app.hits.tabs.iter().find(|(area, _)| area.contains(at)).copied() {
        return navigate::switch(app, tab);
    }
    if app.kind() == RouteKind::Logs {
        let Some((area, lines)) = app.hits.log.clone().filter(|(area, _)| area.contains(at)) else { return };
        if let Some(line) = lines.get(usize::from(at.y - area.y)) {
            let snapshot = app.snapshot.clone();
            app.logs.pause(snapshot.logs.as_ref());
            app.logs.go(*line, snapshot.logs.as_ref());
        }
        return;
    }
    let Some((area, columns)) = app.hits.table.clone().filter(|(area, _)| area.contains(at)) else { return };
    if at.y == area.y {
        let column =
            columns.iter().find(|(x, width, _)| (*x..x + width).contains(&at.x)).map(|place| place.2);
        if let Some(column) = column {
            app.with_list(|list, rows| list.sort_by(column, &rows.headings()));
        }
        return;
    }
    let line = usize::from(at.y - area.y - 1);
    let again = app.with_list(|list, rows| {
        let position = list.window(usize::from(area.height - 1)) + line;
        let again = position == list.position();
        if position < list.len() {
            list.go(position, rows);
        }
        again && position < list.len()
    });
    if again {
        items::enter(app, "");
    }
}
