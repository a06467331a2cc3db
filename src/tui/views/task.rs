//! One task: its attempts, and the outputs of the one that is chosen.

use super::{NOT_KNOWN, dim, identity};
use crate::filter::Filter;
use crate::list::{Column, Identity, RenderContext, RowKey, Source};
use crate::paint::{Line, Span};
use crate::widgets::bar;
use crate::widgets::facts::Facts;
use throng_core::clean;
use throng_core::engine::{Snapshot, TaskView};
use throng_core::model::{AttemptRecord, OutputObject, TaskName, TaskRow};
use throng_core::run;
use throng_core::words::{self, Clean};

const COLUMNS: [Column<OutputObject>; 3] = [
    Column::<OutputObject>::text("OUTPUT", (30, 1, 0), |output, _| place(output), |a, b| a.key.cmp(&b.key))
        .end(),
    Column::number(
        "SIZE",
        (9, 0),
        |output, _| Line::raw(words::bytes(output.size)),
        |a, b| a.size.cmp(&b.size),
    ),
    Column::text(
        "SHA-256",
        (16, 0, 1),
        |output, look| dim(Clean::new(&output.sha256).characters(0, 16), look),
        |a, b| a.sha256.cmp(&b.sha256),
    ),
];

fn place(output: &OutputObject) -> Line {
    let OutputObject { bucket, key, .. } = output;
    Line::raw(match &output.provider {
        Some(provider) => clean!("{provider}://{bucket}/{key}"),
        None => clean!("{bucket}/{key}"),
    })
}

/// A task, if the snapshot holds it.
#[must_use]
pub fn view<'a>(snapshot: &'a Snapshot, run: &str, task: &TaskName) -> Option<&'a TaskView> {
    snapshot
        .task
        .as_ref()
        .filter(|view| view.run == run && view.row.as_ref().is_none_or(|row| row.task == *task))
}

/// The chosen attempt; 0 is the newest.
#[must_use]
pub fn record<'a>(
    snapshot: &'a Snapshot,
    run: &str,
    task: &TaskName,
    attempt: usize,
) -> Option<&'a AttemptRecord> {
    let records = &view(snapshot, run, task)?.records.items;
    records.get(attempt.min(records.len().saturating_sub(1)))
}

/// Outputs as rows.
pub struct OutputRows<'a> {
    view: Option<&'a TaskView>,
    outputs: &'a [OutputObject],
    attempt: usize,
}

impl<'a> OutputRows<'a> {
    /// The outputs of an attempt.
    #[must_use]
    pub fn new(snapshot: &'a Snapshot, run: &str, task: &TaskName, attempt: usize) -> Self {
        let outputs = record(snapshot, run, task, attempt).map_or(&[][..], |record| &record.outputs);
        Self { view: view(snapshot, run, task), outputs, attempt }
    }
}

impl Source for OutputRows<'_> {
    type Row = OutputObject;
    fn columns(&self) -> &'static [Column<OutputObject>] {
        &COLUMNS
    }
    fn row(&self, row: usize) -> Option<&OutputObject> {
        self.outputs.get(row)
    }
    fn len(&self) -> usize {
        self.outputs.len()
    }
    fn identities(&self) -> Vec<Identity> {
        let mut identities: Vec<Identity> =
            self.view.iter().map(|view| identity(&view.records.items)).collect();
        // Another attempt of the same task is other data.
        if self.attempt > 0 {
            identities.push(std::sync::Arc::new(self.attempt));
        }
        identities
    }
    fn key(row: &OutputObject) -> RowKey {
        RowKey::Text(row.key.clone())
    }
    fn admits(row: &OutputObject, filter: &Filter) -> bool {
        filter.pattern.matches(&row.key)
    }
}

/// Everything about the chosen attempt but its outputs and its standard error.
#[must_use]
pub fn facts(
    view: &TaskView,
    attempt: usize,
    memory_mb: Option<u32>,
    width: usize,
    look: &RenderContext,
) -> Facts {
    let theme = &look.theme;
    let mut facts = Facts::default();
    if let Some(row) = &view.row {
        match row.group() {
            Some(group) => facts.add("group", &clean!("{}", Clean::new(group))),
            None => facts.add("input", &clean!("{}  ({})", place_of(row), words::bytes(row.size))),
        }
    }
    let variables = view.variables.iter().map(|(name, value)| format!("{name}={value}"));
    facts.add("values", &variables.collect::<Vec<_>>().join("  "));
    files(&mut facts, view);
    lineage(&mut facts, view);
    let records = &view.records.items;
    let Some(record) = records.get(attempt.min(records.len().saturating_sub(1))) else {
        if let Some(row) = &view.row {
            facts.styled("state", super::run::state_word(row, look), theme.state(row.state));
            if row.is_reported() {
                let class = row.class.map_or("", |class| class.as_str());
                facts.add("why", &clean!("{class}, as the platform's log says; the record is not there yet"));
            }
        }
        return facts;
    };
    facts.styled("state", outcome(record, look), theme.state(record.state));
    if let Some(waiting) = view.row.as_ref().and_then(throng_core::model::TaskRow::waiting) {
        facts.styled("then", words::waiting(&waiting, look.now), theme.active);
    }
    if records.len() > 1 {
        let shown = records.len() - attempt.min(records.len() - 1);
        facts.add("attempt", &clean!("{shown} of {}   ([ and ] show others)", records.len()));
    }
    facts.add("error", &run::reason(record, memory_mb).unwrap_or_default());
    if run::is_measured(record) {
        measured(&mut facts, record, width, look);
    } else {
        // It could not write its own record; the platform's log may have told how long it took.
        let row = view.row.as_ref().filter(|row| row.request_id().as_deref() == Some(&record.request_id));
        let told = |value: Option<u64>, show: fn(u64) -> String| {
            value.filter(|value| *value > 0).map_or_else(|| NOT_KNOWN.to_owned(), show)
        };
        let time = told(row.and_then(throng_core::model::TaskRow::duration_ms), words::duration);
        let peak = told(row.and_then(throng_core::model::TaskRow::peak_memory), words::bytes);
        facts.add("time", &clean!("{time}, peak memory {peak}"));
        facts.add("ended", &words::date_time(record.ended_ms, &look.zone));
    }
    facts.add("request", &record.request_id);
    facts.add("log", &clean!("{} {}", record.log_group, record.log_stream));
    facts
}

/// Files that are named.
const FILES: usize = 6;

/// Of a task of several files: how many, and which.
fn files(facts: &mut Facts, view: &TaskView) {
    let Some(files) = &view.files else { return };
    let folder = if files.folder.is_empty() { clean!("") } else { clean!(" in {}/", files.folder) };
    let count = words::plural(files.list.len() as u64, "file");
    facts.add("files", &clean!("{count}{folder}"));
    for file in files.list.iter().take(FILES) {
        let with = file.with.as_deref().map(|with| format!("{with}: ")).unwrap_or_default();
        facts.add("", &clean!("{with}{}  ({})", file.name, words::bytes(file.size)));
    }
    if let Some(more) = files.list.len().checked_sub(FILES).filter(|more| *more > 0) {
        facts.add("", &clean!("and {more} more: `throng tasks {} TASK` lists them", view.run));
    }
}

/// Where the input is; of what a launch keeps beside the run, what it was launched as.
fn place_of(row: &TaskRow) -> String {
    let input = row.input();
    if row.launched_as().is_some() || input.is_empty() { input } else { format!("{}/{input}", row.bucket) }
}

/// Children that are named.
const CHILDREN: usize = 4;

/// In a chain: whose output the input is, and what its own outputs have started.
fn lineage(facts: &mut Facts, view: &TaskView) {
    if let Some(parent) = view.row.as_ref().and_then(|row| row.task.parent()) {
        facts.add("from", &clean!("an output of task {parent}"));
    }
    if let Some(generation) = words::generation(view.generation) {
        facts.add("generation", &clean!("{generation}"));
    }
    if let Some((function, _)) = view.children.first() {
        let functions: std::collections::BTreeSet<_> =
            view.children.iter().map(|(function, _)| function.as_str()).collect();
        let functions = functions.into_iter().collect::<Vec<_>>().join(", ");
        let names: Vec<_> = view.children.iter().take(CHILDREN).map(|(_, task)| task.to_string()).collect();
        let more = if view.children.len() > CHILDREN { ", …" } else { "" };
        let tasks = words::plural(view.children.len() as u64, "task");
        let functions = if functions.is_empty() { function.clone() } else { functions };
        facts.add("started", &clean!("{tasks} of {}: {}{more}", Clean::new(&functions), names.join(", ")));
    }
}

/// What the runtime measured.
fn measured(facts: &mut Facts, record: &AttemptRecord, width: usize, look: &RenderContext) {
    facts.line("time", phases(record, width.saturating_sub(12), look));
    let cold = if record.cold { ", cold start" } else { "" };
    let peak = if record.peak_memory > 0 { words::bytes(record.peak_memory) } else { NOT_KNOWN.to_owned() };
    let (bytes_in, bytes_out) = (words::bytes(record.bytes_in), words::bytes(record.bytes_out));
    facts.add("data", &clean!("{bytes_in} in, {bytes_out} out, peak memory {peak}{cold}"));
    facts.add("began", &words::date_time(record.started_ms, &look.zone));
}

fn outcome(record: &AttemptRecord, look: &RenderContext) -> String {
    let mut text = format!("{} {}", look.theme.symbols.state(record.state), record.state.as_str());
    if let Some(class) = record.class {
        text = format!("{text} ({})", class.as_str());
    }
    if let Some(code) = record.exit_code {
        text = format!("{text}, exit code {code}");
    }
    if let Some(signal) = record.signal {
        text = format!("{text}, signal {signal}");
    }
    if let Some(nothing) = run::nothing_left(record) {
        text = format!("{text}, {nothing}");
    }
    text
}

/// The phases as one bar of four parts, with their times.
fn phases(record: &AttemptRecord, width: usize, look: &RenderContext) -> Line {
    let theme = &look.theme;
    let phases = &record.phases;
    let parts = [
        ("init", phases.init_ms, theme.dim),
        ("fetch", phases.stage_in_ms, theme.active),
        ("run", phases.run_ms, theme.good),
        ("store", phases.stage_out_ms, theme.warn),
    ];
    let total: f64 = parts.iter().map(|part| part.1).sum();
    let mut spans =
        vec![Span::raw(clean!("{}  ", words::duration(record.ended_ms.saturating_sub(record.started_ms))))];
    let glyphs = if theme.symbols.ascii { ["i", "f", "r", "s"] } else { ["░", "▒", "█", "▓"] };
    let legend: usize =
        2 + parts.iter().map(|(name, ms, _)| format!("{ms:.0}{name} ms").len() + 5).sum::<usize>();
    let used = spans.iter().map(Span::width).sum::<usize>() + legend;
    // A narrow screen has the times in numbers; the bar needs room to say something.
    let room = width.saturating_sub(used).min(40);
    let room = if room < 8 { 0 } else { room };
    for ((_, ms, style), glyph) in parts.iter().zip(glyphs) {
        let cells = bar::cells(*ms, total, room);
        spans.push(Span::styled(glyph.repeat(cells), *style));
    }
    if room > 0 {
        spans.push(Span::raw("  "));
    }
    for (((name, ms, style), glyph), last) in parts.iter().zip(glyphs).zip([false, false, false, true]) {
        spans.push(Span::styled(glyph.to_owned(), *style));
        spans.push(Span::styled(clean!(" {name} "), theme.dim));
        spans.push(Span::raw(clean!("{ms:.0} ms{}", if last { "" } else { "  " })));
    }
    Line::from(spans)
}
