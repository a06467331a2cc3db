//! What keys ask the engine for.

use crate::app::MessageKind;
use crate::fixtures::*;
use crate::input;
use crate::place::{Route, RouteKind};
use crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use std::path::PathBuf;
use std::sync::Arc;
use throng_core::engine::{Command, ContextInfo, DeployRequest, Scope, Severity};
use throng_core::model::LogQuery;
use throng_core::model::{ObjectPlace, ProviderOf, RunSummary};

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
            Scope::Task { run, task: 1 }
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
fn deleting_a_function_needs_its_name() {
    let mut fake = Fake::new(busy());
    assert_eq!(fake.keys("dy<enter>grayscal<enter>").asked(), []);
    assert_eq!(fake.keys("<ctrl-u>grayscale<enter>").asked(), [Command::DeleteFunction("grayscale".into())]);
}

#[test]
fn deleting_objects_asks_once_and_takes_the_marked() {
    let mut fake = Fake::new(busy());
    assert_eq!(fake.keys("2j<enter>jj<space><space>d<esc>").asked(), []);
    let keys = vec!["README.txt".into(), "atlas.nii.gz".into()];
    assert_eq!(fake.keys("d2<enter>").asked(), [Command::DeleteObjects { bucket: "scans".into(), keys }]);
    assert!(fake.app.page().list.marks.is_empty());
}

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
fn a_payload_that_is_no_json_stays_in_its_editor() {
    let mut fake = Fake::new(busy());
    assert_eq!(fake.keys("i<ctrl-u>hello<ctrl-s>").asked(), []);
    assert!(
        matches!(&fake.app.message, Some(message) if message.kind == MessageKind::Refused && message.text.contains("not JSON"))
    );
    let asked = fake.keys("\"<home>\"<ctrl-s>").asked();
    assert!(matches!(&asked[..], [Command::Invoke { payload, .. }] if payload == b"\"hello\""), "{asked:?}");
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
fn launching_fills_a_form() {
    let mut fake = Fake::new(busy());
    let asked =
        fake.keys("nresize<tab>debian:12<tab><tab><ctrl-u>256<tab><tab>in<tab>out/small<enter>").asked();
    let [Command::DeployForm(form)] = &asked[..] else { panic!("{asked:?}") };
    assert_eq!(
        (&*form.name, &*form.image, form.memory_mb, form.timeout_s),
        ("resize", "debian:12", 256, 300)
    );
    assert_eq!((&*form.input, &*form.output), ("in", "out/small"));
}

#[test]
fn where_it_costs_money_the_plan_is_shown_before_anything_is_done() {
    let mut snapshot = busy();
    snapshot.context =
        ContextInfo { name: "aws".into(), region: "eu-west-1".into(), ..ContextInfo::default() };
    let mut fake = Fake::new(snapshot.clone());
    let asked = fake.keys("nresize<tab>debian:12<ctrl-s>").asked();
    let [Command::Plan(DeployRequest::Form(form))] = &asked[..] else { panic!("{asked:?}") };
    let form = form.clone();
    assert_eq!(fake.keys("<enter>").asked(), [], "there is nothing to agree to yet");
    snapshot.plan = Some(planned());
    fake.see(snapshot.clone());
    assert_eq!(fake.keys("<esc>").asked(), [Command::ClosePlan]);
    assert_eq!(fake.app.layers.len(), 1, "back in the form");
    fake.keys("<ctrl-s>").asked();
    assert_eq!(fake.keys("<enter>").asked(), [], "the plan of the last time is not agreed to");
    snapshot.plan = Some(planned());
    fake.see(snapshot);
    assert_eq!(fake.keys("<enter>").asked(), [Command::DeployForm(form), Command::ClosePlan]);
    assert!(fake.app.layers.is_empty(), "both are gone");
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
fn a_dry_run_can_be_had_where_nothing_costs_money() {
    let mut fake = Fake::new(busy());
    let asked = fake.keys("nresize<tab>debian:12<ctrl-d>").asked();
    assert!(matches!(&asked[..], [Command::Plan(DeployRequest::Form(_))]), "{asked:?}");
}

#[test]
fn a_form_that_would_loop_is_refused() {
    let mut fake = Fake::new(busy());
    assert_eq!(fake.keys("nresize<tab>debian:12<tab><tab><tab><tab>data/x<tab>data/x/<ctrl-s>").asked(), []);
    assert_eq!(fake.app.layers.len(), 1, "the form stays");
}

#[test]
fn invoking_sends_the_payload_as_it_is() {
    let mut fake = Fake::new(busy());
    let asked = fake.keys("i<ctrl-u>{<enter>\"a\": 1}<ctrl-s>").asked();
    assert_eq!(asked, [Command::Invoke { function: "grayscale".into(), payload: b"{\n\"a\": 1}".to_vec() }]);
}

#[test]
fn dropped_files_become_a_run_or_an_upload() {
    let folder = tempfile::tempdir().unwrap();
    let files: Vec<PathBuf> = ["a b.png", "c.png"].iter().map(|name| folder.path().join(name)).collect();
    for file in &files {
        std::fs::write(file, "x").unwrap();
    }
    let mut fake = Fake::new(busy());
    fake.keys("j");
    // One paste per file, at once.
    let batch = files.iter().map(|file| Event::Paste(format!("{} ", file.display()))).collect();
    input::handle(&mut fake.app, batch);
    assert_eq!(
        fake.keys("<enter>").asked(),
        [Command::RunFiles { function: "mri-slices".into(), paths: files.clone() }]
    );
    assert_eq!(fake.app.kind(), RouteKind::Runs);
    fake.keys("2j<enter>");
    input::paste(&mut fake.app, &files[0].display().to_string());
    let upload =
        Command::Upload { paths: vec![files[0].clone()], bucket: "scans".into(), prefix: String::new() };
    assert_eq!(fake.keys("<enter>").asked(), [upload]);
}

#[test]
fn a_paste_goes_into_the_open_field_and_a_burst_of_keys_is_a_paste() {
    let mut fake = Fake::new(busy());
    fake.keys("/");
    input::paste(&mut fake.app, "ocr\n");
    assert_eq!(fake.app.page().list.filter.pattern.text(), "ocr");
    fake.keys("<esc>");
    let folder = tempfile::tempdir().unwrap();
    let typed = folder.path().display().to_string();
    let batch = typed
        .chars()
        .map(|char| Event::Key(KeyEvent::new(KeyCode::Char(char), KeyModifiers::NONE)))
        .collect();
    input::handle(&mut fake.app, batch);
    let asked = fake.keys("<enter>").asked();
    assert_eq!(
        asked,
        [Command::RunFiles { function: "ocr-pages".into(), paths: vec![folder.path().into()] }]
    );
}

#[test]
fn marked_objects_are_run_and_fetched() {
    let mut fake = Fake::new(busy());
    fake.app.downloads = "/tmp/results".into();
    let asked = fake.keys("2j<enter><space>Rslic<enter>").asked();
    assert_eq!(
        asked,
        [Command::RunObjects {
            function: "mri-slices".into(),
            bucket: "scans".into(),
            keys: vec!["mri-slices/".into()]
        }]
    );
    let asked = fake.keys("22G<up>w").asked();
    assert!(asked.is_empty(), "no bucket is fetched as a whole");
}

#[test]
fn opening_a_result_fetches_and_forgets_it() {
    let mut fake = Fake::new(busy());
    let asked = fake.keys("3<enter>jj<enter>o").asked();
    let key = "mri-slices/scan-00002.png".to_owned();
    let place = ObjectPlace { from: None, bucket: "results".into(), key: key.clone() };
    assert_eq!(asked, [Command::Preview(place)]);
    fake.app.downloads = "/tmp/results".into();
    let fetch = |from, bucket: &str, key: String| Command::Download {
        from,
        bucket: bucket.into(),
        keys: vec![key],
        to: "/tmp/results".into(),
    };
    assert_eq!(fake.keys("w<esc>").asked(), [fetch(None, "results", key), Command::ClosePreview]);
}

#[test]
fn outputs_at_a_storage_provider_are_shown_and_fetched_from_there() {
    let mut snapshot = busy();
    let view = snapshot.task.as_mut().unwrap();
    let mut record = view.records.items[0].clone();
    record.outputs[0].provider = Some("minio.lab".into());
    let (bucket, key) = (record.outputs[0].bucket.clone(), record.outputs[0].key.clone());
    let from = Some(ProviderOf { function: record.function.clone(), provider: "minio.lab".into() });
    view.records = listing(vec![record]);
    let mut fake = Fake::new(snapshot);
    fake.app.downloads = "/tmp/results".into();
    let asked = fake.keys("3<enter>jj<enter>gow").asked();
    let place = ObjectPlace { from: from.clone(), bucket: bucket.clone(), key: key.clone() };
    let to = "/tmp/results".into();
    assert_eq!(asked, [Command::Preview(place), Command::Download { from, bucket, keys: vec![key], to }]);
}

#[test]
fn logs_are_followed_of_what_is_under_the_cursor() {
    let mut fake = Fake::new(busy());
    let asked = fake.keys("3<enter>jl").asked();
    let [Command::FollowLogs(query)] = &asked[..] else { panic!("{asked:?}") };
    assert_eq!((query.run.as_deref(), query.task), (Some("20261123-115800-k3xq"), Some(1)));
    assert_eq!(fake.app.kind(), RouteKind::Logs);
    let asked = fake.keys("1l").asked();
    assert_eq!(
        asked,
        [Command::FollowLogs(LogQuery {
            functions: vec!["grayscale".into()],
            since_s: 3600,
            ..LogQuery::default()
        })]
    );
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

#[test]
fn scrolling_up_pauses_and_the_end_follows() {
    let mut fake = Fake::new(busy());
    fake.keys("5kk");
    assert!(fake.app.logs.frozen.is_some());
    let mut newer = busy();
    newer.logs = Some(logs(900));
    fake.app.take(Arc::new(newer));
    fake.app.prepare();
    assert_eq!((fake.app.logs.len(), fake.app.logs.cursor()), (400, 397), "what is read stays");
    fake.keys("G");
    assert_eq!((fake.app.logs.len(), fake.app.logs.cursor()), (900, 899));
}

#[test]
fn errors_and_matches_are_found() {
    let mut fake = Fake::new(busy());
    fake.keys("5EE");
    let entry = fake.app.logs.current().unwrap();
    assert_eq!((&*entry.level, fake.app.logs.cursor()), ("ERROR", 383));
    fake.keys("/slice 1<enter>");
    assert!(fake.app.logs.current().unwrap().message.contains("slice 1"));
    fake.keys("&nifti<enter>");
    assert_eq!(fake.app.logs.len(), 44, "one line of nine");
    fake.keys("<esc><esc>");
    assert_eq!(fake.app.logs.len(), 400);
}

#[test]
fn lines_that_fall_out_of_the_log_are_not_confused() {
    let mut fake = Fake::new(busy());
    let mut snapshot = busy();
    snapshot.logs = Some(logs(2000));
    fake.app.take(Arc::new(snapshot.clone()));
    fake.keys("5");
    let all = snapshot.logs.as_mut().unwrap();
    all.chunks = Arc::new(all.chunks[1..].to_vec());
    all.dropped = 512;
    fake.app.take(Arc::new(snapshot));
    fake.app.prepare();
    assert_eq!(fake.app.logs.len(), 1488);
    assert_eq!(fake.app.logs.get(0).unwrap().message, log(512).message);
}

#[test]
fn runs_are_cancelled_after_asking() {
    let mut fake = Fake::new(busy());
    assert_eq!(fake.keys("3x<esc>").asked(), []);
    assert_eq!(fake.keys("xk3xq<enter>").asked(), [Command::CancelRun("20261123-115800-k3xq".into())]);
    assert_eq!(fake.keys("jxy").asked(), [], "it has ended");
}

#[test]
fn runs_are_sent_again_after_asking() {
    let id = "20261123-115800-k3xq";
    let again = [Command::ResumeRun(id.into())];
    let mut fake = Fake::new(stalled());
    assert_eq!(fake.keys("3<enter>Rn").asked(), []);
    assert_eq!(fake.keys("Ry").asked(), again);
    assert_eq!(fake.keys(":resume<enter>y").asked(), again);
    assert_eq!(fake.keys("3Ry").asked(), again, "from the list as well");
    let mut read_only = stalled();
    read_only.context.read_only = true;
    assert_eq!(Fake::new(read_only).keys("3<enter>Ry").asked(), []);
    let mut sending = stalled();
    sending.run.as_mut().unwrap().summary.unsent = 5;
    assert_eq!(Fake::new(sending).keys("3<enter>Ry").asked(), []);
}

#[test]
fn what_did_not_succeed_is_run_again_after_asking() {
    let mut fake = Fake::new(busy());
    assert_eq!(fake.keys("3jRn").asked(), []);
    let again = Command::RunAgain { function: "grayscale".into(), run: "20261123-104455-p0aa".into() };
    assert_eq!(fake.keys("Ry").asked(), [again]);
    let mut snapshot = busy();
    snapshot.launched = Some("20261123-090012-77fd".into());
    fake.see(snapshot);
    assert_eq!(fake.keys("").app.page().list.row(), Some(2), "the cursor goes to the new run");
    assert_eq!(fake.keys("Ry").asked(), [], "every task of that one has succeeded");
    let mut read_only = busy();
    read_only.context.read_only = true;
    assert_eq!(Fake::new(read_only).keys("3jRy").asked(), []);
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
