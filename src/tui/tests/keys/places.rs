//! Where keys lead: tabs, ways back, the cursor on what was begun.

use crate::fixtures::*;
use crate::input;
use crate::place::{Route, RouteKind};
use crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers};
use throng_core::engine::{Command, ContextInfo, Scope};
use throng_core::model::RunSummary;

#[test]
fn tabs_tell_the_engine_what_is_looked_at() {
    let mut fake = Fake::new(busy());
    fake.keys("2j<enter><enter><esc>3<enter>j<enter>");
    let looks: Vec<Scope> = std::iter::from_fn(|| fake.commands.try_recv().ok())
        .filter_map(|command| if let Command::Look(scope) = command { Some(scope) } else { None })
        .collect();
    let run = "20261123-115800-k3xq".to_owned();
    let folder = |prefix: &str| Scope::Objects { bucket: "scans".into(), prefix: prefix.into() };
    assert_eq!(
        looks,
        [
            Scope::Buckets,
            folder(""),
            folder("mri-slices/"),
            folder(""),
            Scope::Runs,
            Scope::Run { run: run.clone() },
            Scope::Task { run, task: 1.into() }
        ]
    );
}

#[test]
fn every_tab_remembers_where_it_was() {
    let mut fake = Fake::new(busy());
    fake.keys("3<enter>1<tab><tab>");
    assert_eq!(fake.app.kind(), RouteKind::Run);
    fake.keys("3");
    assert_eq!(fake.app.kind(), RouteKind::Runs, "once more goes to the top");
}

#[test]
fn keys_that_come_together_act_on_what_is_there_now() {
    let mut snapshot = busy();
    let mut fake = Fake::new(snapshot.clone());
    fake.keys("12");
    // Another context meanwhile, with other functions.
    snapshot.functions = listing(vec![function("elsewhere", "Active", 512, 1)]);
    fake.see(snapshot);
    let key = |char| Event::Key(KeyEvent::new(KeyCode::Char(char), KeyModifiers::NONE));
    input::handle(&mut fake.app, vec![key('1'), key('d')]);
    assert_eq!(fake.keys("elsewhere<enter>").asked(), [Command::DeleteFunction("elsewhere".into())]);
}

#[test]
fn the_cursor_goes_to_the_run_that_was_started() {
    let mut snapshot = busy();
    let mut fake = Fake::new(snapshot.clone());
    let dropped = |fake: &mut Fake| {
        fake.keys("1");
        input::handle(&mut fake.app, vec![Event::Paste("/etc/hostname".into())]);
        assert!(matches!(fake.keys("<enter>").asked()[..], [Command::RunFiles { .. }]));
    };
    let here = |fake: &mut Fake| fake.keys("").app.page().list.row().unwrap();
    dropped(&mut fake);
    // The engine tells the launch before the list has the run.
    let new = RunSummary { id: "20261123T120001Z-new".into(), ..snapshot.runs.items[0].clone() };
    snapshot.launched = Some(new.id.clone());
    fake.see(snapshot.clone());
    assert_eq!(here(&mut fake), 0);
    let mut runs = snapshot.runs.items.to_vec();
    runs.insert(1, new);
    snapshot.runs = listing(runs);
    fake.see(snapshot.clone());
    assert_eq!(here(&mut fake), 1);
    // Who has gone elsewhere meanwhile is not fetched back.
    dropped(&mut fake);
    fake.keys("gg");
    snapshot.launched = Some("another".into());
    fake.see(snapshot);
    assert_eq!(here(&mut fake), 0);
}

#[test]
fn a_change_of_context_closes_what_belongs_to_the_cloud_before() {
    let mut snapshot = busy();
    let context = |name: &str| ContextInfo { name: name.into(), ..ContextInfo::default() };
    snapshot.contexts = ["local", "lab"].map(context).into();
    let mut fake = Fake::new(snapshot.clone());
    // Typed faster than the engine changes: `d` has no row any more.
    let asked = fake.keys("3<enter>1d<esc>:context lab<enter>d").asked();
    assert_eq!(asked, [Command::SwitchContext("lab".into())]);
    assert_eq!(fake.keys("3").app.kind(), RouteKind::Runs, "the run that was open is of the other cloud");
    fake.keys("1");
    assert!(fake.app.layers.is_empty());
    assert_eq!(fake.app.snapshot.context.name, "lab", "the header says at once where one is");
    // A snapshot of the context before, that was under way.
    fake.see(snapshot.clone());
    assert_eq!(fake.keys("d").app.layers.len(), 0);
    snapshot.switches = 1;
    snapshot.functions = listing(vec![function("elsewhere", "Active", 512, 1)]);
    fake.see(snapshot);
    assert_eq!(fake.keys("delsewhere<enter>").asked(), [Command::DeleteFunction("elsewhere".into())]);
}

#[test]
fn going_back_from_a_log_leads_to_where_it_was_opened() {
    let mut fake = Fake::new(busy());
    fake.keys("3<enter>j<enter>");
    let task = fake.app.page().place.clone();
    assert!(matches!(task, Route::Task { .. }));
    fake.keys("l");
    assert_eq!(fake.app.kind(), RouteKind::Logs);
    fake.keys("k/slice<enter><esc><esc>");
    assert_eq!(
        fake.app.kind(),
        RouteKind::Logs,
        "what narrows the log is cleared first, then it is followed"
    );
    fake.keys("<esc>");
    assert_eq!(fake.app.page().place, task);
    fake.keys("<esc>");
    assert_eq!(fake.app.kind(), RouteKind::Run);
    fake.keys("l5<esc>");
    assert_eq!(fake.app.kind(), RouteKind::Logs, "who went there by the tab is not led elsewhere");
}
