//! What the screen says, and what it does not.

use crate::event_loop::frame;
use crate::fixtures::*;
use crate::input;
use crate::place::{Route, RouteKind};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use throng_contract::AttemptRecord;
use throng_core::engine::{Command, DeployRequest, Listing, ListingState, Severity, Snapshot, TaskView};
use throng_core::model::{Counts, Facts, FailureClass, RunSummary, RunTrouble, TaskState};

fn screen(fake: &mut Fake, width: u16) -> String {
    let mut terminal = Terminal::new(TestBackend::new(width, 24)).unwrap();
    fake.app.prepare();
    frame(&mut terminal, &mut fake.app).unwrap();
    terminal.backend().to_string()
}

fn said(fake: &Fake) -> &str {
    fake.app.message.as_ref().map_or("", |message| &message.text)
}

#[test]
fn a_kill_for_want_of_memory_is_explained_and_what_is_unknown_is_not_zero() {
    let mut snapshot = busy();
    let row = task(7);
    let request = row.request_id().unwrap().into_owned();
    let record = AttemptRecord {
        state: TaskState::Failed,
        class: Some(FailureClass::Memory),
        error: Some("RequestId: 2ea Error: Runtime exited with error: signal: killed".into()),
        ..AttemptRecord::begun("mri-slices", &request, NOW - 58_000)
    };
    let facts = Facts {
        ended_ms: row.ended_ms(),
        request_id: Some(request.as_str().into()),
        record_key: Some("runs/r/records/7".into()),
        ..Facts::default()
    };
    let row = throng_core::model::TaskRow { told: facts.into(), ..row };
    let view = TaskView {
        run: "20261123-115800-k3xq".into(),
        row: Some(row),
        files: None,
        children: Vec::new(),
        generation: 0,
        variables: BTreeMap::new(),
        records: listing(vec![record]),
    };
    snapshot.task = Some(view);
    let text = screen(Fake::new(snapshot).keys("3<enter>jjjjjjj<enter>"), 80);
    assert!(text.contains("ran out of its 1024 MiB of memory: raise `memory`"), "{text}");
    assert!(text.contains("time      –, peak memory –"), "{text}");
    assert!(
        !text.contains("0 ms") && !text.contains("0.0 MiB") && !text.contains("signal: killed"),
        "{text}"
    );
}

#[test]
fn before_the_first_end_there_are_no_statistics() {
    let mut snapshot = busy();
    snapshot.run.as_mut().unwrap().statistics = throng_core::model::RunStatistics::default();
    let text = screen(Fake::new(snapshot).keys("3<enter>"), 80);
    assert!(text.contains("p50 –   p95 –   max –   memory –   worked –"), "{text}");
}

#[test]
fn a_long_error_of_a_task_can_be_read() {
    let mut snapshot = busy();
    let words = "a reason that goes on ".repeat(7);
    let record = AttemptRecord { error: Some(format!("{words}to its end")), ..record(7, TaskState::Failed) };
    snapshot.task = Some(TaskView {
        run: "20261123-115800-k3xq".into(),
        row: Some(task(7)),
        files: None,
        children: Vec::new(),
        generation: 0,
        variables: BTreeMap::new(),
        records: listing(vec![record]),
    });
    let text = screen(Fake::new(snapshot).keys("3<enter>jjjjjjj<enter>"), 80);
    assert!(text.contains("to its end"), "{text}");
}

#[test]
fn a_task_of_several_files_says_which() {
    use throng_contract::{TaskFile, TaskFiles};
    let mut snapshot = busy();
    let file = |number: u32, with: Option<&str>| TaskFile {
        name: format!("func/run-{number}.nii"),
        size: 2048,
        with: with.map(str::to_owned),
    };
    let list = (0..9).map(|number| file(number, (number == 1).then_some("mask"))).collect();
    let files = TaskFiles { root: "study/".into(), folder: "sub-01".into(), list };
    snapshot.task = Some(TaskView {
        run: "20261123-115800-k3xq".into(),
        row: Some(throng_core::model::TaskRow { files: 9, ..task(7) }),
        files: Some(Arc::new(files)),
        variables: BTreeMap::new(),
        children: Vec::new(),
        generation: 0,
        records: listing(vec![record(7, TaskState::Succeeded)]),
    });
    let text = screen(Fake::new(snapshot).keys("3<enter>jjjjjjj<enter>"), 80);
    assert!(text.contains("files     9 files in sub-01/"), "{text}");
    assert!(text.contains("func/run-0.nii  (2.0 KiB)") && text.contains("mask: func/run-1.nii"), "{text}");
    assert!(text.contains("and 3 more: `throng tasks") && !text.contains("run-8"), "{text}");
}

#[test]
fn a_cloud_that_is_busy_has_not_lost_anything_yet() {
    let mut snapshot = stalled();
    let quiet = |snapshot: &mut Snapshot, ms| {
        snapshot.run.as_mut().unwrap().summary.stalled_ms = Some(ms);
        Arc::make_mut(&mut snapshot.runs.items)[0].stalled_ms = Some(ms);
    };
    quiet(&mut snapshot, 12_000);
    let text = screen(Fake::new(snapshot.clone()).keys("3<enter>"), 80);
    assert!(
        text.contains("waiting 12s: 3 tasks; the cloud is busy or lost them; R sends them again"),
        "{text}"
    );
    let text = screen(Fake::new(snapshot.clone()).keys("3"), 80);
    assert!(text.contains("waiting") && !text.contains("stalled"), "{text}");
    quiet(&mut snapshot, 61_000);
    let text = screen(Fake::new(snapshot).keys("3<enter>"), 80);
    assert!(text.contains("not begun for 1m: their events may be lost; R sends them again"), "{text}");
}

#[test]
fn what_was_cancelled_did_not_fail() {
    let mut snapshot = busy();
    let runs = Arc::make_mut(&mut snapshot.runs.items);
    let counts = Counts { succeeded: 10, failed: 2, cancelled: 88, ..Counts::default() };
    runs[1] = RunSummary { counts, cancelled: true, ..runs[1].clone() };
    let text = screen(Fake::new(snapshot).keys("3"), 100);
    let line = text.lines().find(|line| line.contains("100/100")).unwrap().to_owned();
    assert!(line.contains(" 2 ") && !line.contains("90"), "{line}");
}

#[test]
fn cancelling_says_what_becomes_of_the_tasks() {
    let mut snapshot = busy();
    let mut ask = |pending, running| {
        let counts = Counts { pending, running, succeeded: 1, ..Counts::default() };
        Arc::make_mut(&mut snapshot.runs.items)[0].counts = counts;
        screen(Fake::new(snapshot.clone()).keys("3x"), 100)
    };
    assert!(ask(0, 1).contains("Every task has begun; 1 that is running goes on to its end."));
    assert!(ask(1, 0).contains("1 task that has not begun will not be; what has just begun ends by itself."));
    assert!(
        ask(5, 2).contains("5 tasks that have not begun will not be; 2 that are running go on to their end.")
    );
}

#[test]
fn a_name_that_nothing_has_is_said() {
    let mut fake = Fake::new(busy());
    let text = screen(fake.keys(":functions nosuch<enter>"), 80);
    assert!(text.contains("There is no function nosuch.") && !text.contains("has no runs"), "{text}");
    let mut snapshot = busy();
    let why = "there is no run `nosuch`".to_owned();
    snapshot.unreadable = Some(("nosuch".into(), ListingState::Failed(why)));
    let text = screen(Fake::new(snapshot).keys(":runs nosuch<enter>"), 80);
    assert!(text.contains("there is no run `nosuch`") && !text.contains("reading"), "{text}");
    let mut fake = Fake::new(busy());
    fake.keys("3<enter>:states foo<enter>");
    assert!(said(&fake).contains("timed-out") && said(&fake).contains("unsuccessful"), "{}", said(&fake));
}

#[test]
fn the_last_run_is_opened_as_soon_as_it_is_known() {
    let mut fake = Fake::new(busy());
    fake.keys(":runs last<enter>");
    assert_eq!(fake.app.page().place, Route::Run("20261123-115800-k3xq".into()));
    let mut snapshot = busy();
    snapshot.runs = Listing::default();
    let mut fake = Fake::new(snapshot);
    fake.keys(":runs last<enter>");
    assert_eq!(fake.app.kind(), RouteKind::Runs, "they are being read");
    fake.see(busy());
    fake.keys("");
    assert_eq!(fake.app.page().place, Route::Run("20261123-115800-k3xq".into()));
}

#[test]
fn lines_of_several_functions_say_of_which_they_are() {
    let mut snapshot = busy();
    assert!(!screen(Fake::new(snapshot.clone()).keys("5"), 80).contains("mri-slices   #"), "there is one");
    snapshot.logs.as_mut().unwrap().query.functions.clear();
    let text = screen(Fake::new(snapshot).keys("5"), 80);
    assert!(text.contains("mri-slices   #"), "{text}");
}

#[test]
fn a_search_that_finds_nothing_says_so() {
    let mut fake = Fake::new(busy());
    fake.keys("5/zzz<enter>");
    assert_eq!(said(&fake), "Nothing in the log matches zzz.");
    fake.keys("<esc>/slice<enter>gN");
    assert!(said(&fake).starts_with("No earlier match"), "{}", said(&fake));
}

#[test]
fn results_of_a_task_or_of_the_whole_run_are_fetched() {
    let mut fake = Fake::new(busy());
    fake.app.downloads = "/tmp/results".into();
    let text = screen(fake.keys("3<enter>jjw"), 80);
    assert!(text.contains("the outputs of task 2") && text.contains("all results of the run"), "{text}");
    let run = "20261123-115800-k3xq".to_owned();
    let to = PathBuf::from("/tmp/results").join(&run);
    assert_eq!(fake.keys("<down><enter>").asked(), [Command::DownloadRun { run: run.clone(), to }]);
    let asked = fake.keys("w<enter>").asked();
    assert!(matches!(&asked[..], [Command::Download { keys, .. }] if keys.len() == 2), "{asked:?}");
    let asked = fake.keys("<esc>:download /tmp/elsewhere<enter>").asked();
    assert_eq!(asked, [Command::DownloadRun { run, to: "/tmp/elsewhere".into() }]);
}

#[test]
fn a_definition_that_is_dropped_can_be_deployed() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let definition = file("f.yaml", "functions:\n  aws: []\n");
    let mut fake = Fake::new(busy());
    input::paste(&mut fake.app, &definition.display().to_string());
    let text = screen(&mut fake, 80);
    assert!(text.contains("deploy definition  f.yaml") && text.contains("process each with"), "{text}");
    assert!(!text.contains("throng-home"), "files do not belong into throng's own bucket: {text}");
    let plan = Command::Plan(DeployRequest::File(definition));
    assert_eq!(fake.keys("<enter>").asked(), [plan], "the plan comes before the deed");
    fake.keys("<esc>");
    let data = file("data.yaml", "a: 1\n");
    input::paste(&mut fake.app, &data.display().to_string());
    assert!(!screen(&mut fake, 80).contains("deploy definition"));
}

#[test]
fn a_chosen_definition_shows_its_plan() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("f.yaml");
    std::fs::write(&path, "functions:\n  aws: []\n").unwrap();
    let mut fake = Fake::new(busy());
    fake.keys("n<ctrl-y>");
    input::paste(&mut fake.app, &path.display().to_string());
    assert_eq!(fake.keys("").asked(), [Command::Plan(DeployRequest::File(path.clone()))]);
    let mut fake = Fake::new(busy());
    let asked = fake.keys(&format!(":deploy {}<enter>", path.display())).asked();
    assert_eq!(asked, [Command::Plan(DeployRequest::File(path))]);
}

#[test]
fn a_file_that_is_dropped_twice_is_counted_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.txt");
    std::fs::write(&path, "x").unwrap();
    let mut fake = Fake::new(busy());
    let (file, folder) = (path.display().to_string(), folder.path().display().to_string());
    let pastes = [&file, &file, &folder].map(|text| crossterm::event::Event::Paste(format!("{text} ")));
    input::handle(&mut fake.app, pastes.into());
    let text = screen(&mut fake, 80);
    assert!(text.contains("1 file, 1 B"), "{text}");
}

#[test]
fn read_only_is_said_before_anything_is_chosen() {
    let mut snapshot = busy();
    snapshot.context.read_only = true;
    let mut fake = Fake::new(snapshot);
    input::paste(&mut fake.app, "/etc/hostname");
    assert!(fake.app.layers.is_empty() && said(&fake).contains("read-only"), "{}", said(&fake));
}

#[test]
fn what_was_typed_is_not_lost_by_one_key() {
    let mut fake = Fake::new(busy());
    fake.keys("n<esc>");
    assert!(fake.app.layers.is_empty(), "nothing was filled in");
    fake.keys("nresize<esc>");
    assert_eq!(fake.app.layers.len(), 1);
    assert!(said(&fake).contains("esc once more"));
    fake.keys("<esc>");
    assert!(fake.app.layers.is_empty());
    fake.keys("dwrong<enter>");
    assert!(said(&fake).contains("That is not grayscale"), "{}", said(&fake));
}

#[test]
fn a_payload_begins_between_its_braces() {
    let mut fake = Fake::new(busy());
    let asked = fake.keys("i\"a\": 1<ctrl-s>").asked();
    assert!(matches!(&asked[..], [Command::Invoke { payload, .. }] if payload == b"{\"a\": 1}"), "{asked:?}");
    let asked = fake.keys("i<enter>\"a\": 1<enter><ctrl-s>").asked();
    assert!(
        matches!(&asked[..], [Command::Invoke { payload, .. }] if payload == b"{\n\"a\": 1\n}"),
        "{asked:?}"
    );
}

#[test]
fn what_was_under_way_is_not_said_beside_its_end() {
    let mut fake = Fake::new(busy());
    fake.app.begin("Deploying gray …");
    let mut snapshot = busy();
    snapshot.notices = vec![notice(1, Severity::Info)].into();
    fake.see(snapshot);
    assert_eq!(said(&fake), "");
}

#[test]
fn deleting_names_everything_that_goes() {
    let mut snapshot = busy();
    assert!(screen(Fake::new(snapshot.clone()).keys("d"), 80).contains("its image and the keys"));
    snapshot.context.local = false;
    let text = screen(Fake::new(snapshot).keys("d"), 80);
    assert!(text.contains("its image repository, its role"), "{text}");
}

#[test]
fn a_narrow_form_keeps_the_way_out() {
    let mut fake = Fake::new(busy());
    let text = screen(fake.keys("n<tab><tab>"), 60);
    assert!(text.contains("ctrl-s launch") && text.contains("esc close"), "{text}");
}

#[test]
fn copying_says_what_it_does_not_know() {
    let mut fake = Fake::new(busy());
    fake.keys("y<enter>");
    assert!(said(&fake).contains("it may ignore it: grayscale"), "{}", said(&fake));
    assert_eq!(fake.app.effects, [crate::app::Effect::Copy("grayscale".into())]);
}

/// An ended run of 3,000 that is opened: until it has been read nothing is said of its tasks but what the list knew.
pub fn opened(listed_end: Option<u64>) -> Snapshot {
    let mut snapshot = busy();
    let counts = Counts { pending: 3_000, ..Counts::default() };
    let view = snapshot.run.as_mut().unwrap();
    view.summary = RunSummary {
        counts,
        classes: std::collections::BTreeMap::new(),
        rate: 0.0,
        eta_s: None,
        reading: true,
        settled: false,
        stalled_ms: Some(3_600_000),
        ..view.summary.clone()
    };
    view.stages = run_view(3_000).stages;
    view.statistics = throng_core::model::RunStatistics::default();
    if listed_end.is_some() {
        let counts = Counts { succeeded: 2_999, failed: 1, ..Counts::default() };
        view.summary = RunSummary { counts, ended_ms: listed_end, ..view.summary.clone() };
    }
    Arc::make_mut(&mut snapshot.runs.items)[0] = view.summary.clone();
    snapshot
}

#[test]
fn a_run_that_is_being_read_is_neither_pending_nor_stalled() {
    for width in [80, 200] {
        let text = screen(Fake::new(opened(None)).keys("3<enter>"), width);
        assert!(text.contains("reading 3,000 tasks …"), "{text}");
        for wrong in ["0/3,000", "pending", "stalled", "waiting", "not begun", "sends them again", "0%"] {
            assert!(!text.contains(wrong), "{wrong}: {text}");
        }
        let mut fake = Fake::new(opened(None));
        assert_eq!(fake.keys("3<enter>Ry").asked(), []);
        fake.keys("R");
        assert!(said(&fake).contains("still being read"), "{}", said(&fake));
        let text = screen(Fake::new(opened(None)).keys("3"), width);
        let line = text.lines().find(|line| line.contains("–/3,000")).unwrap().to_owned();
        assert!(
            line.contains("reading") && line.contains("mri-slices") && !line.contains("stalled"),
            "{line}"
        );
    }
}

#[test]
fn an_ended_run_keeps_the_counts_of_the_list_while_it_is_read_and_is_never_stalled() {
    for width in [80, 200] {
        let text = screen(Fake::new(opened(Some(NOW - 60_000))).keys("3<enter>"), width);
        assert!(text.contains("3,000/3,000") && text.contains("2,999 succeeded"), "{text}");
        assert!(text.contains("reading 3,000 tasks …"), "{text}");
        assert!(!text.contains("stalled") && !text.contains("sends them again"), "{text}");
        let text = screen(Fake::new(opened(Some(NOW - 60_000))).keys("3"), width);
        assert!(text.contains("part failed") && !text.contains("stalled"), "{text}");
    }
    assert!(crate::still_open(&opened(None), NOW).is_empty(), "whether it goes on is not known");
}

#[test]
fn a_run_that_cannot_be_read_says_so_among_the_others() {
    let mut snapshot = busy();
    let runs = Arc::make_mut(&mut snapshot.runs.items);
    let trouble = |damaged, why: &str| Some(RunTrouble { damaged, why: why.into() });
    let unread = RunSummary { ended_ms: None, counts: Counts::default(), reading: true, ..runs[1].clone() };
    runs[1] = RunSummary { trouble: trouble(true, "its run.json cannot be read"), ..unread.clone() };
    runs[2] = RunSummary { trouble: trouble(false, "no permission s3:GetObject"), ..unread };
    let text = screen(Fake::new(snapshot.clone()).keys("3j"), 200);
    assert!(text.contains("damaged") && text.contains("its run.json cannot be read"), "{text}");
    assert!(text.contains("not read") && text.contains("mri-slices"), "{text}");
    assert_eq!(Fake::new(snapshot).keys("3jRy").asked(), []);
}
