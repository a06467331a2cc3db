//! Pictures of every view, at the two sizes that matter.

#![allow(clippy::needless_for_each)]

use crate::event_loop::frame;
use crate::fixtures::*;
use crate::theme::Depth;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use std::collections::BTreeMap;
use std::sync::Arc;
use throng_core::cloud::Slowed;
use throng_core::engine::{
    Command, Connection, Listing, ListingState, PlanView, Preview, Severity, Snapshot, StartsView, TaskView,
};
use throng_core::model::{Arrival, Facts, LogMode, LogView, ObjectPlace, TaskRow, TaskState, Told};

const SIZES: [(u16, u16); 2] = [(80, 24), (200, 50)];

fn picture(fake: &mut Fake, (width, height): (u16, u16)) -> String {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    fake.app.prepare();
    frame(&mut terminal, &mut fake.app).unwrap();
    // Snapshots are easier to read without the quotes and the blanks at the ends of lines.
    terminal
        .backend()
        .to_string()
        .lines()
        .map(|line| line.trim_matches('"').trim_end())
        .collect::<Vec<_>>()
        .join("\n")
}

fn pictures(name: &str, snapshot: &Snapshot, keys: &str) {
    for size in SIZES {
        let mut fake = Fake::new(snapshot.clone());
        fake.keys(keys);
        insta::assert_snapshot!(format!("{name}_{}x{}", size.0, size.1), picture(&mut fake, size));
    }
}

#[test]
fn functions() {
    pictures("functions", &busy(), "j");
}

#[test]
fn function() {
    pictures("function", &busy(), "j<enter>");
}

#[test]
fn buckets() {
    pictures("buckets", &busy(), "2");
}

#[test]
fn objects() {
    pictures("objects", &busy(), "2j<enter><down><down><space>");
}

#[test]
fn runs() {
    pictures("runs", &busy(), "3");
}

#[test]
fn run() {
    pictures("run", &busy(), "3<enter>");
}

#[test]
fn a_stalled_run_says_what_to_do() {
    pictures("run_stalled", &stalled(), "3<enter>");
    pictures("run_stalled_asks", &stalled(), "3<enter>R");
    pictures("runs_stalled", &stalled(), "3");
}

#[test]
fn what_is_held_back_is_told_also_before_leaving() {
    pictures("run_held", &held(true), "3<enter>");
    pictures("runs_held", &held(true), "3");
    pictures("run_held_leaves", &held(true), "3<enter>q");
    pictures("run_held_elsewhere_asks", &held(false), "3<enter>R");
}

#[test]
fn a_run_that_is_read() {
    let snapshot = crate::tests::said::opened(None);
    pictures("run_reading", &snapshot, "3<enter>");
    pictures("runs_reading", &snapshot, "3");
}

#[test]
fn failed_tasks_by_time() {
    pictures("run_failed", &busy(), "3<enter>fssssss");
}

/// A chain: the strip of its stages, the tasks of the one that is open.
#[test]
fn run_chained() {
    let mut snapshot = busy();
    let view = chained();
    Arc::make_mut(&mut snapshot.runs.items)[0] = view.summary.clone();
    snapshot.run = Some(view);
    pictures("run_chained", &snapshot, "3<enter>}");
    pictures("runs_chained", &snapshot, "3");
}

/// A sweep: a column for each variable, and what succeeded with nothing to show for it.
#[test]
fn run_swept() {
    let mut snapshot = busy();
    let mut view = swept();
    let chunk = Arc::make_mut(&mut Arc::make_mut(&mut view.stages[0].tasks)[0]);
    let nothing = "l/00/r/0/0/1_id.1_succeeded_-_737_900_0123abcd_00000000.json".into();
    chunk[1].told =
        Told::from(Facts { record_key: Some(nothing), duration_ms: Some(737), ..Facts::default() });
    snapshot.run = Some(view);
    pictures("run_swept", &snapshot, "3<enter>");
    let task = snapshot.task.as_mut().unwrap();
    task.variables =
        [("ALPHA", "0.25"), ("MODE", "exact")].map(|(name, value)| (name.into(), value.into())).into();
    pictures("task_swept", &snapshot, "3<enter>jj<enter>");
}

#[test]
fn task_succeeded() {
    pictures("task", &busy(), "3<enter>jj<enter>");
}

#[test]
fn task_failed() {
    let mut snapshot = busy();
    let records = Listing {
        items: Arc::new(vec![record(7, TaskState::Failed), record(7, TaskState::Failed)]),
        state: ListingState::Ready,
        read_ms: Some(NOW),
    };
    snapshot.task = Some(TaskView {
        run: "20261123-115800-k3xq".into(),
        row: Some(task(7)),
        files: None,
        children: Vec::new(),
        generation: 0,
        variables: BTreeMap::new(),
        records,
    });
    pictures("task_failed", &snapshot, "3<enter>jjjjjjj<enter>");
}

#[test]
fn running() {
    pictures("running", &busy(), "4");
}

#[test]
fn logs() {
    pictures("logs", &busy(), "5");
}

#[test]
fn logs_paused_searched_wrapped() {
    let mut snapshot = busy();
    if let Some(logs) = &mut snapshot.logs {
        logs.sampled = true;
        logs.dropped = 12_345;
    }
    pictures("logs_search", &snapshot, "5w/magic<enter>N");
}

#[test]
fn logs_say_how_they_come_and_what_is_missing() {
    let mut snapshot = busy();
    let slowed = Slowed { what: "logs", rate: 2.1, ceiling: 4.0, throttled: 3 };
    snapshot.slowed = vec![slowed].into();
    if let Some(logs) = &mut snapshot.logs {
        logs.mode =
            LogMode { arrival: Arrival::Polling, why: "live tail refused: LimitExceededException".into() };
        logs.sampled = true;
        logs.dropped = 512;
        logs.missed = 56;
    }
    pictures("logs_polling", &snapshot, "5");
    snapshot.slowed = Arc::default();
    if let Some(logs) = &mut snapshot.logs {
        *logs = LogView { settled_ms: u64::MAX, missed: 3, ..crate::fixtures::logs(40) };
    }
    pictures("logs_settled", &snapshot, "5");
}

#[test]
fn an_end_that_only_the_log_tells_is_marked() {
    let mut snapshot = busy();
    if let Some(run) = &mut snapshot.run {
        let row = task(13);
        let told = Facts {
            duration_ms: row.duration_ms(),
            peak_memory: row.peak_memory(),
            ended_ms: row.ended_ms(),
            request_id: row.request_id().map(Into::into),
            ..Facts::default()
        };
        let row = TaskRow { told: told.into(), ..row };
        let tasks = Arc::make_mut(&mut run.stages[0].tasks);
        Arc::make_mut(&mut tasks[0])[13] = row;
    }
    pictures("run_reported", &snapshot, "3<enter>");
}

#[test]
fn log_zoom() {
    pictures("logs_zoom", &busy(), "5&event<enter>k<enter>");
}

#[test]
fn transfers_and_their_panel() {
    let mut snapshot = busy();
    snapshot.progress = transfers().into();
    pictures("transfers", &snapshot, "6");
    pictures("transfers_panel", &snapshot, "2");
}

#[test]
fn an_error_stays() {
    let mut snapshot = busy();
    snapshot.notices = vec![notice(1, Severity::Warning), notice(2, Severity::Error)].into();
    pictures("error", &snapshot, "");
    pictures("notices", &snapshot, "!");
}

#[test]
fn beginnings() {
    pictures("first_frame", &Snapshot::default(), "");
    let mut snapshot = Snapshot {
        connection: Connection::Offline(
            "Connection refused by 127.0.0.1:4566.\nStart the local cloud with `throng local start`.".into(),
        ),
        ..Snapshot::default()
    };
    snapshot.context.name = "local".into();
    pictures("offline", &snapshot, "");
    snapshot.functions.state = ListingState::Reading;
    snapshot.context.region = "eu-west-1".into();
    snapshot.connection = Connection::NotSignedIn(
        "The SSO session of profile lab has ended. Type `aws sso login --profile lab`.".into(),
    );
    pictures("not_signed_in", &snapshot, "");
    snapshot.context.region = String::new();
    snapshot.connection = Connection::Online;
    snapshot.functions.state = ListingState::Ready;
    pictures("empty", &snapshot, "");
}

#[test]
fn plans() {
    let failed = PlanView::Failed("bucket pictures belongs to somebody else: choose another name".into());
    for (name, plan) in [("plan", planned()), ("plan_failed", failed)] {
        for size in SIZES {
            let mut fake = Fake::new(busy());
            fake.keys("nresize<tab>debian:12<ctrl-d>");
            fake.see(Snapshot { plan: Some(plan.clone()), ..busy() });
            insta::assert_snapshot!(format!("{name}_{}x{}", size.0, size.1), picture(&mut fake, size));
        }
    }
}

#[test]
fn dialogs() {
    let snapshot = busy();
    pictures("help", &snapshot, "?");
    pictures("prompt", &snapshot, ":f");
    pictures("palette", &snapshot, "<ctrl-p>log");
    pictures("launch", &snapshot, "nresize<tab>debian:12<tab><tab>64");
    pictures("launch_wrong", &snapshot, "nbad name<ctrl-s>");
    pictures("invoke", &snapshot, "i");
    pictures("delete_function", &snapshot, "dgray");
    pictures("delete_objects", &snapshot, "2j<enter>Ad");
    pictures("contexts", &snapshot, "c");
    pictures("copy", &snapshot, "y");
    pictures("filter", &snapshot, "/gray");
    pictures("nothing_matches", &snapshot, "/zzz<enter>");
}

#[test]
fn dropped_files() {
    let mut fake = Fake::new(busy());
    let folder = tempfile::tempdir().unwrap();
    for number in 0..42 {
        std::fs::write(folder.path().join(format!("scan {number:02}.nii")), vec![0u8; 2_800]).unwrap();
    }
    crate::input::paste(&mut fake.app, &format!("{} ", folder.path().display()));
    let text = picture(&mut fake, (80, 24));
    assert!(text.contains("42 files, 115 KiB"), "{text}");
    assert!(text.contains("process each with  grayscale"), "{text}");
    fake.keys("<esc>2");
    crate::input::paste(&mut fake.app, &format!("{} ", folder.path().display()));
    picture(&mut fake, (80, 24));
    let asked = fake.asked();
    let [.., Command::WhatStarts { paths, to }] = &asked[..] else { panic!("{asked:?}") };
    let mut snapshot = busy();
    let functions = [("mri-slices".to_owned(), 42)].into();
    snapshot.starts = Some(StartsView { paths: paths.clone(), to: to.clone(), functions });
    fake.app.take(Arc::new(snapshot));
    let text = picture(&mut fake, (80, 24));
    assert!(text.contains("→ starts mri-slices on 42 files"), "{text}");
    fake.keys("<esc>");
    crate::input::paste(&mut fake.app, "/Users/me/scan.nii.gz");
    let text = picture(&mut fake, (80, 24));
    assert!(
        text.contains("These files are not on this machine") && text.contains("scp /Users/me/scan.nii.gz"),
        "{text}"
    );
}

fn preview(body: &[u8], kind: &str) -> Snapshot {
    let mut snapshot = busy();
    snapshot.preview = Some(Preview {
        place: ObjectPlace { from: None, bucket: "scans".into(), key: "README.txt".into() },
        size: body.len() as u64,
        content_type: kind.into(),
        body: Some(body.into()),
        error: None,
    });
    snapshot
}

#[test]
fn results() {
    let open = "2j<enter><down><down>o";
    pictures(
        "result_json",
        &preview(br#"{"slices":181,"mean":113.7,"labels":["T1","axial"]}"#, "application/json"),
        open,
    );
    let gradient =
        image::GrayImage::from_fn(64, 64, |x, y| image::Luma([u8::try_from((x + y) * 2).unwrap()]));
    let mut png = std::io::Cursor::new(Vec::new());
    gradient.write_to(&mut png, image::ImageFormat::Png).unwrap();
    let snapshot = preview(png.get_ref(), "image/png");
    let mut fake = Fake::with(snapshot.clone(), look(Depth::True, false));
    fake.keys(open);
    let text = picture(&mut fake, (80, 24));
    assert!(text.matches(['▀', '▄', '█']).count() > 200, "half blocks: {text}");
    let mut fake = Fake::with(snapshot, look(Depth::Mono, true));
    fake.keys(open);
    insta::assert_snapshot!("result_image_ascii", picture(&mut fake, (80, 24)));
}

#[test]
fn any_size_is_survived() {
    let mut snapshot = busy();
    snapshot.progress = transfers().into();
    snapshot.notices = vec![notice(1, Severity::Error)].into();
    for keys in [
        "",
        "1j<enter>",
        "2j<enter>",
        "3",
        "3<enter>",
        "3<enter>j<enter>",
        "4",
        "5w",
        "6",
        "?",
        "n",
        ":",
        "i",
        "d",
        "y",
        "!",
        "5<enter>",
        "2j<enter>Ad",
    ] {
        let mut fake = Fake::new(snapshot.clone());
        fake.keys(keys);
        for width in [1, 5, 20, 39, 40, 41, 57, 80, 149, 150, 300] {
            for height in [1, 2, 9, 10, 11, 14, 24, 80] {
                picture(&mut fake, (width, height));
            }
        }
    }
}

#[test]
fn hostile_text_shows_as_text() {
    let evil = "\x1b]0;owned\x07\x1b[2Jevil\u{202e}gpj\r\n\x07";
    let mut snapshot = busy();
    let hurt = |text: &mut String| *text = format!("{text}{evil}");
    Arc::make_mut(&mut snapshot.functions.items).iter_mut().for_each(|item| {
        hurt(&mut item.name);
        hurt(&mut item.state);
        hurt(&mut item.image);
        hurt(&mut item.description);
        hurt(&mut item.state_reason);
    });
    Arc::make_mut(&mut snapshot.buckets.items).iter_mut().for_each(|item| hurt(&mut item.name));
    Arc::make_mut(&mut snapshot.runs.items).iter_mut().for_each(|item| {
        hurt(&mut item.function);
        hurt(&mut item.image);
    });
    let mut error = notice(1, Severity::Error);
    hurt(&mut error.title);
    hurt(&mut error.detail);
    snapshot.notices = vec![error].into();
    let mut moving = transfers();
    moving.iter_mut().for_each(|item| hurt(&mut item.label));
    snapshot.progress = moving.into();
    for keys in ["", "<enter>", "2", "2<enter>", "3", "6", "!", "y", "d", "i", "l", "c", "/", ":functions "] {
        let mut fake = Fake::new(snapshot.clone());
        fake.keys(keys);
        for size in SIZES {
            let mut terminal = Terminal::new(TestBackend::new(size.0, size.1)).unwrap();
            frame(&mut terminal, &mut fake.app).unwrap();
            for cell in terminal.backend().buffer().content() {
                let bad = |char: char| char.is_control() || char == '\u{202e}';
                assert!(!cell.symbol().contains(bad), "{keys:?}: {:?}", cell.symbol());
            }
        }
    }
}
