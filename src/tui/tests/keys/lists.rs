//! What narrows, orders and continues a list.

use crate::fixtures::*;
use crate::input;
use crate::place::RouteKind;
use crossterm::event::{Event, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use throng_core::engine::Command;

#[test]
fn a_filter_is_live_and_escape_takes_it_back() {
    let mut fake = Fake::new(busy());
    fake.keys("/slic");
    assert_eq!(fake.app.page().list.len(), 1);
    fake.keys("<esc>");
    assert_eq!(fake.app.page().list.len(), 4);
    fake.keys("/(<enter>");
    assert_eq!(fake.app.page().list.len(), 0, "no expression: the text itself");
    fake.keys("<esc>/!gray<enter>");
    assert_eq!(fake.app.page().list.len(), 3);
}

#[test]
fn states_and_orders_narrow_the_tasks() {
    let mut fake = Fake::new(busy());
    fake.keys("3<enter>f");
    let shown = fake.app.page().list.len();
    let counts = fake.app.snapshot.run.as_ref().unwrap().summary.counts;
    assert_eq!(shown as u64, counts.unsuccessful());
    fake.keys("/timeout<enter>");
    assert_eq!(fake.app.page().list.len() as u64, counts.timed_out, "a class can be filtered by");
    fake.keys(":states running<enter><esc>:states running<enter>");
    assert_eq!(fake.app.page().list.len() as u64, counts.running);
}

#[test]
fn the_mouse_selects_scrolls_and_sorts() {
    let mut fake = Fake::new(busy());
    let mut terminal = ratatui::Terminal::new(ratatui::backend::TestBackend::new(80, 24)).unwrap();
    crate::event_loop::frame(&mut terminal, &mut fake.app).unwrap();
    fake.app.prepare();
    crate::event_loop::frame(&mut terminal, &mut fake.app).unwrap();
    let event =
        |kind, column, row| Event::Mouse(MouseEvent { kind, column, row, modifiers: KeyModifiers::NONE });
    let click = MouseEventKind::Down(MouseButton::Left);
    input::handle(&mut fake.app, vec![event(click, 5, 6)]);
    assert_eq!(fake.app.page().list.position(), 2);
    input::handle(&mut fake.app, vec![event(MouseEventKind::ScrollUp, 5, 6)]);
    assert_eq!(fake.app.page().list.position(), 0);
    input::handle(&mut fake.app, vec![event(click, 5, 3)]);
    assert_eq!(fake.app.page().list.sort.unwrap().column, 0);
    input::handle(&mut fake.app, vec![event(click, 5, 4)]);
    assert_eq!(fake.app.kind(), RouteKind::Function, "a second click opens");
    input::handle(&mut fake.app, vec![event(click, 17, 1)]);
    assert_eq!(fake.app.kind(), RouteKind::Buckets);
}

#[test]
fn the_end_of_a_folder_brings_its_next_page() {
    let mut snapshot = busy();
    snapshot.objects.as_mut().unwrap().more = true;
    let mut fake = Fake::new(snapshot);
    assert!(fake.keys("2j<enter>G").asked() == [Command::MoreObjects]);
}
