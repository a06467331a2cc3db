//! The program: its prompt, contexts, notices, news, its end.

use crate::app::MessageKind;
use crate::fixtures::*;
use crate::input;
use crate::place::Route;
use std::sync::Arc;
use throng_core::engine::{Command, ContextInfo, Severity};

#[test]
fn the_name_that_is_typed_is_chosen_before_names_that_hold_it() {
    let mut snapshot = busy();
    let context = |name: &str| ContextInfo { name: name.into(), ..ContextInfo::default() };
    snapshot.contexts = ["old-lab", "lab-2", "lab"].map(context).into();
    let mut fake = Fake::new(snapshot);
    assert_eq!(fake.keys("clab<enter>").asked(), [Command::SwitchContext("lab".into())]);
    assert_eq!(fake.keys("clab-<enter>").asked(), [Command::SwitchContext("lab-2".into())]);
    assert_eq!(fake.keys("cLAB<down><down><enter>").asked(), [], "big letters match themselves only");
    assert_eq!(fake.keys("<esc>cla<down><down><enter>").asked(), [Command::SwitchContext("old-lab".into())]);
}

#[test]
fn the_prompt_completes_and_refuses() {
    let mut fake = Fake::new(busy());
    assert_eq!(fake.keys(":context lab<enter>").asked(), [Command::SwitchContext("lab".into())]);
    assert_eq!(
        fake.keys(":cont<tab>l<down><down><tab><enter>").asked(),
        [Command::SwitchContext("lab".into())]
    );
    fake.keys(":nonsense<enter>");
    assert!(
        matches!(&fake.app.message, Some(message) if message.kind == MessageKind::Refused && message.text.contains("nonsense"))
    );
    fake.keys(":buckets scans/raw<enter>");
    assert_eq!(fake.app.page().place, Route::Objects { bucket: "scans".into(), prefix: "raw/".into() });
    fake.keys(":q<enter>");
    assert!(fake.app.quit);
}

#[test]
fn a_read_only_context_refuses_changes_everywhere() {
    let mut snapshot = busy();
    snapshot.context.read_only = true;
    for keys in [
        "dgrayscale<enter>",
        "n<ctrl-s>",
        "i<ctrl-s>",
        ":delete<enter>grayscale<enter>",
        ":deploy x.yaml<enter>",
        "3xy",
        "2bnew<enter>",
    ] {
        let mut fake = Fake::new(snapshot.clone());
        let mut asked = fake.keys(keys).asked();
        // Letters of an answer nobody asked for are keys.
        asked.retain(|command| !matches!(command, Command::Refresh | Command::FollowLogs(_)));
        assert_eq!(asked, [], "{keys}");
    }
    let mut fake = Fake::new(snapshot);
    let folder = tempfile::tempdir().unwrap();
    input::paste(&mut fake.app, &folder.path().display().to_string());
    assert_eq!(fake.keys("<enter>").asked(), []);
}

#[test]
fn what_was_read_long_ago_is_not_told_as_news() {
    let mut snapshot = busy();
    assert!(crate::still_open(&snapshot, NOW)[0].contains("goes on: 12"), "now");
    let late = crate::still_open(&snapshot, NOW + 120_000);
    assert!(late[0].contains("had not ended 2m ago"), "{late:?}");
    let screen = |snapshot: &throng_core::engine::Snapshot| {
        let mut fake = Fake::new(snapshot.clone());
        let mut terminal = ratatui::Terminal::new(ratatui::backend::TestBackend::new(100, 24)).unwrap();
        crate::event_loop::frame(&mut terminal, &mut fake.app).unwrap();
        terminal.backend().to_string()
    };
    assert!(screen(&snapshot).contains("1 Functions (4)"));
    snapshot.functions.read_ms = Some(NOW - 120_000);
    assert!(screen(&snapshot).contains("1 Functions  "));
    // The list of what runs is old, the runs have ended.
    let runs = Arc::make_mut(&mut snapshot.runs.items);
    (runs[0].ended_ms, runs[0].counts.running) = (Some(NOW), 0);
    let text = screen(&snapshot);
    assert!(!text.contains("running") && text.contains("4 Running  "), "{text}");
    assert!(crate::still_open(&snapshot, NOW).is_empty());
}

#[test]
fn leaving_asks_while_something_is_sent() {
    let mut snapshot = busy();
    let mut fake = Fake::new(snapshot.clone());
    fake.keys("q");
    assert!(fake.app.quit);
    snapshot.progress = transfers().into();
    let mut fake = Fake::new(snapshot);
    fake.keys("<ctrl-c>");
    assert!(!fake.app.quit);
    fake.keys("y");
    assert!(fake.app.quit);
}

#[test]
fn notices_are_dismissed_one_by_one_or_together() {
    let mut snapshot = busy();
    snapshot.notices =
        vec![notice(1, Severity::Error), notice(2, Severity::Info), notice(3, Severity::Warning)].into();
    let mut fake = Fake::new(snapshot);
    assert_eq!(fake.keys("X").asked(), [Command::Dismiss(3)]);
    assert_eq!(fake.keys("!D").asked(), [Command::Dismiss(1), Command::Dismiss(2), Command::Dismiss(3)]);
}
