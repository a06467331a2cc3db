//! A cloud that does not exist, for tests and for looking at the screens.

use super::app::App;
use super::list::RenderContext;
use super::theme::{Depth, Theme};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use throng_contract::TaskRef;
use throng_core::deploy::Action;
use throng_core::engine::*;
use throng_core::model::*;
use tokio::sync::{mpsc, watch};

/// 2026-11-23 12:00:00 UTC
pub const NOW: u64 = 1_795_435_200_000;

pub fn look(depth: Depth, ascii: bool) -> RenderContext {
    RenderContext { theme: Theme::new("auto", depth, ascii), zone: jiff::tz::TimeZone::UTC, now: NOW }
}

thread_local! {
    /// Time since the program began: it passes when a test says so.
    static TIME: Cell<Duration> = const { Cell::new(Duration::ZERO) };
}

/// An app over a snapshot, and what it asks the engine for.
pub struct Fake {
    pub app: App,
    pub commands: mpsc::UnboundedReceiver<Command>,
    /// The engine's end must stay open.
    _snapshots: watch::Sender<Arc<Snapshot>>,
}

impl Fake {
    pub fn new(snapshot: Snapshot) -> Self {
        Self::with(snapshot, look(Depth::Ansi, false))
    }

    pub fn with(snapshot: Snapshot, look: RenderContext) -> Self {
        let (engine, commands, snapshots) = engine(snapshot);
        let mut app = App::new(engine, look, || NOW);
        app.typing.clock = || TIME.get();
        Self { app, commands, _snapshots: snapshots }
    }

    /// Types keys, as somebody does who looks at the screen before each.
    pub fn keys(&mut self, keys: &str) -> &mut Self {
        for key in super::keys::macro_keys(keys) {
            self.look_at_dialogs();
            self.passes(1_000);
            self.app.key(key);
        }
        self.look_at_dialogs();
        self
    }

    /// What lies above the view is drawn, and is on the screen from now on.
    pub fn look_at_dialogs(&mut self) {
        self.app.prepare();
        let app = &self.app;
        if !app.layers.is_empty() {
            let mut terminal = Terminal::new(TestBackend::new(80, 24)).unwrap();
            let draw = |frame: &mut ratatui::Frame<'_>| {
                let area = frame.area();
                for layer in &app.layers {
                    layer.draw(frame, area, app);
                }
            };
            terminal.draw(draw).unwrap();
            app.shown();
        }
    }

    /// Time passes: so many milliseconds.
    #[allow(clippy::unused_self, reason = "time passes for everybody; it reads better so")]
    pub fn passes(&self, ms: u64) {
        TIME.set(TIME.get() + Duration::from_millis(ms));
    }

    /// The engine has a newer snapshot.
    pub fn see(&mut self, snapshot: Snapshot) {
        self.app.take(Arc::new(snapshot));
    }

    /// What was asked for since the last time, without where the person looks.
    pub fn asked(&mut self) -> Vec<Command> {
        std::iter::from_fn(|| self.commands.try_recv().ok())
            .filter(|command| !matches!(command, Command::Look(_)))
            .collect()
    }
}

pub fn engine(
    snapshot: Snapshot,
) -> (Engine, mpsc::UnboundedReceiver<Command>, watch::Sender<Arc<Snapshot>>) {
    let (send, commands) = mpsc::unbounded_channel();
    let (snapshots, receive) = watch::channel(Arc::new(snapshot));
    (Engine::from_parts(send, receive), commands, snapshots)
}

pub fn listing<T>(items: Vec<T>) -> Listing<T> {
    Listing { items: Arc::new(items), state: ListingState::Ready, read_ms: Some(NOW) }
}

fn place(bucket: &str, prefix: &str) -> Place {
    Place { bucket: bucket.into(), prefix: prefix.into() }
}

pub fn function(name: &str, state: &str, memory_mb: u32, age: u64) -> FunctionInfo {
    FunctionInfo {
        name: name.into(),
        arn: format!("arn:aws:lambda:us-east-1:000000000000:function:{name}"),
        state: state.into(),
        state_reason: if state == "Failed" {
            "The image has no layer with the runtime.".into()
        } else {
            String::new()
        },
        image: format!(
            "127.0.0.1:4566/{name}@sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
        ),
        memory_mb,
        timeout_s: 300,
        tmp_mb: 512,
        architecture: "x86_64".into(),
        modified_ms: Some(NOW - age * 1000),
        log_group: format!("/aws/lambda/{name}"),
        description: if name == "mri-slices" {
            "Slices of brain scans as pictures".into()
        } else {
            String::new()
        },
        managed: true,
        inputs: vec![place("scans", &format!("{name}/in"))],
        outputs: vec![place("results", name)],
    }
}

fn run(id: &str, function: &str, age: u64, ended: Option<u64>, counts: Counts) -> RunSummary {
    RunSummary {
        id: id.into(),
        function: function.into(),
        image: "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08".into(),
        started_ms: NOW - age * 1000,
        ended_ms: ended.map(|age| NOW - age * 1000),
        counts,
        classes: BTreeMap::new(),
        cancelled: false,
        rate: if ended.is_none() { 18.4 } else { 0.0 },
        eta_s: if ended.is_none() { Some(31.0) } else { None },
        unsent: 0,
        stalled_ms: None,
        settled: true,
        waiting: 0,
        reading: false,
        trouble: None,
    }
}

pub fn task(number: u64) -> TaskRow {
    let state = match number {
        n if n % 97 == 13 => TaskState::TimedOut,
        n if n % 41 == 7 => TaskState::Failed,
        n if n < 1200 => TaskState::Succeeded,
        n if n < 1212 => TaskState::Running,
        _ => TaskState::Pending,
    };
    let done = state.is_final();
    TaskRow {
        task: number,
        bucket: "scans".into(),
        key: format!("mri-slices/in/patient-{:03}/scan-{number:05}.nii.gz", number % 40).into(),
        size: 2_400_000 + number * 977 % 900_000,
        state,
        class: match state {
            TaskState::Failed => Some(FailureClass::Script),
            TaskState::TimedOut => Some(FailureClass::Timeout),
            _ => None,
        },
        attempts: u32::from(state != TaskState::Pending),
        duration_ms: done.then_some(700 + number * 37 % 900),
        peak_memory: done.then_some((60 + number % 40) << 20),
        ended_ms: done.then_some(NOW - 60_000 + number * 40),
        request_id: done.then(|| format!("5ca4a8d2-0000-4000-8000-{number:012}").into()),
        record_key: done.then(|| format!("runs/r/records/{number}").into()),
        waiting: None,
    }
}

/// A run's tasks, counted.
pub fn run_view(total: u64) -> RunView {
    let tasks: Vec<TaskRow> = (0..total).map(task).collect();
    let mut counts = Counts::default();
    let mut classes = BTreeMap::new();
    for task in &tasks {
        *counts.of(task.state) += 1;
        if let Some(class) = task.class {
            *classes.entry(class).or_insert(0) += 1;
        }
    }
    let chunks = tasks.chunks(RunView::CHUNK).map(|chunk| Arc::new(chunk.to_vec())).collect();
    RunView {
        summary: RunSummary { classes, ..run("20261123-115800-k3xq", "mri-slices", 120, None, counts) },
        tasks: Arc::new(chunks),
        statistics: RunStatistics {
            p50_ms: 1130,
            p95_ms: 1540,
            max_ms: 1599,
            max_memory: 99 << 20,
            total_ms: 1_380_000,
        },
        history: (0..60).map(|second| (second * 7) % 23).collect::<Vec<u64>>().into(),
        loading: false,
    }
}

pub fn record(number: u64, state: TaskState) -> AttemptRecord {
    AttemptRecord {
        task: Some(TaskRef::launched("20261123-115800-k3xq", number)),
        bucket: "scans".into(),
        key: format!("mri-slices/in/scan-{number:05}.nii.gz"),
        provider: None,
        state,
        class: (state == TaskState::Failed).then_some(FailureClass::Script),
        exit_code: Some(i32::from(state == TaskState::Failed) * 3),
        signal: None,
        error: (state == TaskState::Failed).then(|| "The script ended with exit code 3.".into()),
        ended_ms: NOW - 58_870,
        phases: Phases { init_ms: 14.0, stage_in_ms: 86.0, run_ms: 940.0, stage_out_ms: 90.0 },
        cold: true,
        bytes_in: 2_406_839,
        bytes_out: 412_117,
        outputs: if state == TaskState::Failed {
            Vec::new()
        } else {
            vec![
                OutputObject {
                    bucket: "results".into(),
                    key: format!("mri-slices/scan-{number:05}.png"),
                    size: 411_204,
                    sha256: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08".into(),
                    provider: None,
                },
                OutputObject {
                    bucket: "results".into(),
                    key: format!("mri-slices/scan-{number:05}.json"),
                    size: 913,
                    sha256: "60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752".into(),
                    provider: None,
                },
            ]
        },
        peak_memory: 87 << 20,
        log_group: "/aws/lambda/mri-slices".into(),
        log_stream: "2026/11/23/[$LATEST]4b825dc642cb6eb9a060e54bf8d69288".into(),
        stderr_tail: if state == TaskState::Failed {
            vec![
                "reading header".into(),
                "error: not a NIfTI file: bad magic at byte 344".into(),
                "\x1b[31mgiving up\x1b[0m".into(),
            ]
        } else {
            Vec::new()
        },
        ..AttemptRecord::begun("mri-slices", &format!("5ca4a8d2-0000-4000-8000-{number:012}"), NOW - 60_000)
    }
}

pub fn log(number: u64) -> LogEntry {
    let message: Arc<str> = match number % 9 {
        0 => format!("START RequestId: 5ca4a8d2-0000-4000-8000-{number:012} Version: $LATEST").into(),
        3 => r#"{"event":"slice","index":42,"mean":113.7,"labels":["T1","axial"]}"#.into(),
        5 => "error: not a NIfTI file: bad magic at byte 344".into(),
        7 => format!("a long line {}", "with many words that go on and on ".repeat(8)).into(),
        _ => format!("wrote slice {number} of 181").into(),
    };
    let error = number % 9 == 5;
    let platform = number.is_multiple_of(9);
    LogEntry {
        id: LineId(number),
        time_ms: NOW - 60_000 + number * 137,
        level: if error { "ERROR" } else { "INFO" }.into(),
        function: "mri-slices".into(),
        stream: "2026/11/23/[$LATEST]4b825dc6".into(),
        request_id: Some(format!("5ca4a8d2-0000-4000-8000-{:012}", number / 9).into()),
        run: Some("20261123-115800-k3xq".into()),
        task: Some(number / 9),
        source: (!platform).then_some(if error { Source::Stderr } else { Source::Stdout }),
        platform,
        report: None,
        message,
    }
}

pub fn logs(total: u64) -> LogView {
    let entries: Vec<LogEntry> = (0..total).map(log).collect();
    LogView {
        query: LogQuery { functions: vec!["mri-slices".into()], since_s: 3600, ..LogQuery::default() },
        chunks: Arc::new(entries.chunks(LogView::CHUNK).map(|chunk| Arc::new(chunk.to_vec())).collect()),
        dropped: 0,
        missed: 0,
        sampled: false,
        settled_ms: 0,
        mode: LogMode { arrival: Arrival::Live, why: String::new() },
    }
}

/// A plan that a form of an AWS context would show.
pub fn planned() -> PlanView {
    let step =
        |action, what: &str, detail: &str| PlannedStep { action, what: what.into(), detail: detail.into() };
    PlanView::Ready(Arc::new([PlannedFunction {
        function: "resize".into(),
        steps: vec![
            step(Action::Keep, "bucket throng-home-123456789012-eu-west-1", "home: manifests, records, failed events"),
            step(Action::Create, "bucket pictures", ""),
            step(Action::Create, "repository throng/resize", "keeps 10 images"),
            step(Action::Create, "image throng/resize", "push sha256:0123456789ab, 31 MiB or less"),
            step(Action::Create, "role throng-eu-west-1-resize", "may read its inputs, write its outputs, records and log, and nothing else"),
            step(Action::Create, "log group /aws/lambda/resize", "kept 30 days"),
            step(Action::Create, "function resize", "512 MiB, 300 s, /tmp 512 MiB, x86_64"),
            step(Action::Create, "asynchronous events", "0 retries, failed ones go to throng-home-123456789012-eu-west-1"),
            step(Action::Create, "trigger of bucket pictures", "in/*"),
        ],
        cost: Some("1,000 invocations: $0.021 (1 s each), $0.10 (10 s each), at most $2.51 (300 s each); list prices of us-east-1 on 2026-09-30, without transfer".into()),
        warnings: vec!["the manifest has 26000 bytes and 90 layers: above 25400 bytes Lambda starts it slowly".into()],
    }]))
}

/// A cloud in the middle of its work.
pub fn busy() -> Snapshot {
    let view = run_view(1800);
    let open = view.summary.clone();
    let local = ContextInfo {
        name: "local".into(),
        local: true,
        region: "us-east-1".into(),
        home: Some("throng-home-000000000000".into()),
        ..ContextInfo::default()
    };
    let lab = ContextInfo {
        name: "lab".into(),
        region: "eu-west-1".into(),
        read_only: true,
        ..ContextInfo::default()
    };
    let all = |succeeded, failed| Counts { succeeded, failed, ..Counts::default() };
    Snapshot {
        version: 1,
        switches: 0,
        launched: None,
        context: local.clone(),
        contexts: vec![local, lab].into(),
        connection: Connection::Online,
        slowed: Arc::default(),
        scope: Scope::Functions,
        functions: listing(vec![
            function("grayscale", "Active", 512, 7200),
            function("mri-slices", "Active", 1024, 600),
            function("ocr-pages", "Pending", 2048, 4),
            function("old-thing", "Failed", 128, 864_000),
        ]),
        buckets: listing(vec![
            BucketInfo { name: "results".into(), created_ms: Some(NOW - 900_000_000), triggers: Vec::new() },
            BucketInfo {
                name: "scans".into(),
                created_ms: Some(NOW - 900_000_000),
                triggers: vec!["mri-slices".into(), "grayscale".into()],
            },
            BucketInfo {
                name: "throng-home-000000000000".into(),
                created_ms: Some(NOW - 950_000_000),
                triggers: Vec::new(),
            },
        ]),
        objects: Some(ObjectsView {
            bucket: "scans".into(),
            prefix: String::new(),
            listing: listing(vec![
                object("mri-slices/", 0),
                object("raw/", 0),
                object("README.txt", 1320),
                object("atlas.nii.gz", 24_118_002),
            ]),
            more: false,
        }),
        runs: listing(vec![
            open,
            run("20261123-104455-p0aa", "grayscale", 4500, Some(4380), all(199, 1)),
            run("20261123-090012-77fd", "grayscale", 10_800, Some(10_440), all(10_000, 0)),
            run("20261122-170000-b1nc", "old-thing", 68_400, Some(68_390), all(0, 12)),
        ]),
        run: Some(view),
        unreadable: None,
        task: Some(TaskView {
            run: "20261123-115800-k3xq".into(),
            row: Some(task(2)),
            records: listing(vec![record(2, TaskState::Succeeded)]),
        }),
        running: listing((1200..1212).map(invocation).collect()),
        logs: Some(logs(400)),
        preview: None,
        plan: None,
        progress: Vec::new().into(),
        notices: Vec::new().into(),
    }
}

fn invocation(number: u64) -> InvocationInfo {
    InvocationInfo {
        function: "mri-slices".into(),
        request_id: format!("5ca4a8d2-0000-4000-8000-{number:012}"),
        run: Some("20261123-115800-k3xq".into()),
        task: Some(number),
        input: Some(format!("scans/mri-slices/in/patient-{:03}/scan-{number:05}.nii.gz", number % 40)),
        started_ms: NOW - (number - 1195) * 310,
        log_stream: None,
        marker_key: None,
    }
}

pub fn object(key: &str, size: u64) -> ObjectInfo {
    ObjectInfo {
        key: key.into(),
        folder: key.ends_with('/'),
        size,
        modified_ms: Some(NOW - 86_400_000),
        etag: "9e107d9d372bb6826bd81d3542a419d6".into(),
    }
}

pub fn transfers() -> Vec<Progress> {
    let progress = |id, label: &str, bytes, bytes_total, items, items_total, state| Progress {
        id,
        label: label.into(),
        bytes,
        bytes_total,
        items,
        items_total,
        failed: 0,
        rate: 48_200_000.0,
        eta_s: Some(14.0),
        state,
    };
    vec![
        progress(
            3,
            "upload 1,800 files to scans/mri-slices/in",
            3_100_000_000,
            Some(4_200_000_000),
            1311,
            Some(1800),
            ProgressState::Active,
        ),
        progress(
            2,
            "deploy ocr-pages: push layer 3 of 5",
            40_000_000,
            Some(180_000_000),
            3,
            Some(5),
            ProgressState::Active,
        ),
        progress(
            1,
            "download 2 objects to ~/results",
            412_117,
            Some(412_117),
            2,
            Some(2),
            ProgressState::Done,
        ),
    ]
}

pub fn notice(id: u64, severity: Severity) -> Notice {
    Notice {
        id,
        severity,
        title: "Function old-thing could not be deployed".into(),
        detail: "The image debian:12 has no platform linux/amd64: it offers linux/s390x.\nIn functions.yaml, line 4, `image`.\nChoose another image, or set `architecture`.".into(),
        time_ms: NOW - 5000,
    }
}

/// As [`busy`], but for two minutes nothing was heard of the run: the events of its last three tasks are lost.
pub fn stalled() -> Snapshot {
    let mut view = run_view(1215);
    for row in Arc::make_mut(&mut view.tasks).iter_mut().flat_map(Arc::make_mut) {
        if row.state == TaskState::Running {
            *row = TaskRow { task: row.task, key: row.key.clone(), ..task(8) };
        }
    }
    let counts = &mut view.summary.counts;
    counts.succeeded += std::mem::take(&mut counts.running);
    view.summary = RunSummary { rate: 0.0, eta_s: None, stalled_ms: Some(125_000), ..view.summary };
    let mut snapshot = busy();
    Arc::make_mut(&mut snapshot.runs.items)[0] = view.summary.clone();
    snapshot.run = Some(view);
    snapshot
}
