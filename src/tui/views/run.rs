//! One run: how it stands, and its tasks.

use super::{NOT_KNOWN, dim, plain, runs, stages};
use crate::filter::Filter;
use crate::list::{Column, Identity, RenderContext, RowKey, Source};
use crate::paint::{Line, Span};
use crate::widgets::bar;
use std::sync::Arc;
use throng_core::clean;
use throng_core::engine::Snapshot;
use throng_core::model::{RunView, StageView, TaskRow, TaskState};
use throng_core::run;
use throng_core::words::{self, Clean};

const COLUMNS: [Column<TaskRow>; 9] = [
    Column::<TaskRow>::number(
        "TASK",
        (7, 0),
        |task, look| dim(task.task.to_string(), look),
        |a, b| a.task.cmp(&b.task),
    )
    .down(false),
    Column::text(
        "STATE",
        (12, 0, 0),
        |task, look| Span::styled(state_word(task, look), look.theme.state(task.state)).into(),
        |a, b| rank(a.state).cmp(&rank(b.state)),
    ),
    Column::<TaskRow>::text("INPUT", (22, 1, 0), |task, _| plain(&task.input()), |a, b| a.key.cmp(&b.key))
        .end(),
    Column::number("SIZE", (8, 3), |task, _| Line::raw(words::bytes(task.size)), |a, b| a.size.cmp(&b.size)),
    Column::text(
        "CLASS",
        (9, 0, 2),
        |task, look| {
            if task.stored_nothing() {
                return Span::styled(run::NO_OUTPUTS, look.theme.warn).into();
            }
            let class = task.class.map_or("", |class| class.as_str());
            Span::styled(class, look.theme.state(task.state)).into()
        },
        |a, b| a.class.cmp(&b.class),
    ),
    Column::number(
        "TIME",
        (8, 1),
        |task, _| Line::raw(task.duration_ms().map_or_else(String::new, words::duration)),
        |a, b| a.duration_ms().cmp(&b.duration_ms()),
    ),
    Column::number(
        "MEMORY",
        (9, 4),
        |task, _| {
            let peak = task.peak_memory().filter(|peak| *peak > 0);
            Line::raw(peak.map_or_else(String::new, words::bytes))
        },
        |a, b| a.peak_memory().cmp(&b.peak_memory()),
    ),
    Column::number(
        "TRIES",
        (5, 5),
        |task, look| dim(if task.attempts > 0 { task.attempts.to_string() } else { String::new() }, look),
        |a, b| a.attempts.cmp(&b.attempts),
    ),
    Column::<TaskRow>::text(
        "ENDED",
        (12, 0, 6),
        |task, look| dim(task.ended_ms().map_or_else(String::new, |ms| words::clock(ms, &look.zone)), look),
        |a, b| a.ended_ms().cmp(&b.ended_ms()),
    )
    .down(true),
];

/// Tasks as rows.
pub struct TaskRows<'a>(Option<(&'a RunView, &'a StageView)>);

impl<'a> TaskRows<'a> {
    /// The tasks of a stage of a run, if the snapshot holds it.
    #[must_use]
    pub fn new(snapshot: &'a Snapshot, run: &str, stage: usize) -> Self {
        Self(view(snapshot, run).and_then(|view| Some((view, view.stages.get(stage)?))))
    }

    /// A task by its place in the data.
    #[must_use]
    pub fn task(&self, row: usize) -> Option<&'a TaskRow> {
        self.0?.1.task(row)
    }
}

/// A run, if the snapshot holds it.
#[must_use]
pub fn view<'a>(snapshot: &'a Snapshot, run: &str) -> Option<&'a RunView> {
    snapshot.run.as_ref().filter(|view| view.summary.id == run)
}

impl Source for TaskRows<'_> {
    type Row = TaskRow;
    fn columns(&self) -> &'static [Column<TaskRow>] {
        &COLUMNS
    }
    fn row(&self, row: usize) -> Option<&TaskRow> {
        self.task(row)
    }
    fn len(&self) -> usize {
        // Of tasks whose records are still being read nothing can be said.
        self.0.filter(|(view, _)| !view.summary.reading).map_or(0, |(_, stage)| stage.len())
    }
    fn identities(&self) -> Vec<Identity> {
        self.0.map_or_else(Vec::new, |(_, stage)| {
            stage.tasks.iter().map(|chunk| Arc::clone(chunk) as Identity).collect()
        })
    }
    fn chunk(&self) -> usize {
        RunView::CHUNK
    }
    fn key(row: &TaskRow) -> RowKey {
        match row.task.number() {
            Some(number) => RowKey::Number(number),
            None => RowKey::Text(row.task.to_string()),
        }
    }
    fn admits(row: &TaskRow, filter: &Filter) -> bool {
        filter.states.admits(row.state)
            && (filter.pattern.is_empty()
                || filter.pattern.matches(&row.key)
                || row.class.is_some_and(|class| class.as_str() == filter.pattern.text()))
    }
}

/// A task's state; with a `?` when only the platform's log tells it and the ledger may still say otherwise.
#[must_use]
pub fn state_word(task: &TaskRow, look: &RenderContext) -> String {
    let mark = if task.is_reported() { "?" } else { "" };
    let word = if task.waiting().is_some() { "waiting" } else { task.state.as_str() };
    format!("{} {word}{mark}", look.theme.symbols.state(task.state))
}

/// What wants attention first.
const fn rank(state: TaskState) -> u8 {
    match state {
        TaskState::Failed => 0,
        TaskState::TimedOut => 1,
        TaskState::Expired => 2,
        TaskState::Cancelled => 3,
        TaskState::Running => 4,
        TaskState::Pending => 5,
        TaskState::Succeeded => 6,
    }
}

/// The lines above the tasks: the stages, bar, counts, speed, statistics, failures by class. `stage` is the open one.
#[must_use]
pub fn header(view: &RunView, stage: usize, width: usize, tall: bool, look: &RenderContext) -> Vec<Line> {
    let mut lines: Vec<_> = stages::strip(&view.summary.stages, stage, width, look).into_iter().collect();
    lines.extend([progress(view, width, look), counts(view, look)]);
    lines.extend(collisions(view, look));
    lines.extend(limits(view, look));
    lines.extend(held(view, look));
    lines.extend(reused(view, look));
    lines.extend(stalled(view, look));
    let statistics = statistics(view, look);
    if tall {
        lines.insert(0, launched(view, look));
        lines.push(statistics);
        lines.push(history(view, width, look));
    } else {
        lines.push(statistics);
    }
    if let Some(classes) = classes(view, look) {
        lines.push(classes);
    }
    lines
}

fn launched(view: &RunView, look: &RenderContext) -> Line {
    let run = &view.summary;
    let (word, style) = runs::state(run, look);
    let dim = look.theme.dim;
    Line::from(vec![
        Span::styled(word, style),
        Span::styled("   function ", dim),
        Span::raw(Clean::new(&run.title())),
        Span::styled("   launched ", dim),
        Span::raw(words::date_time(run.started_ms, &look.zone)),
        Span::styled("   image ", dim),
        Span::raw(runs_image(&run.image)),
    ])
}

fn runs_image(image: &str) -> String {
    super::functions::short_image(image).trim_start_matches("sha256:").chars().take(40).collect()
}

fn progress(view: &RunView, width: usize, look: &RenderContext) -> Line {
    let run = &view.summary;
    if !run.is_counted() {
        return Line::styled(
            clean!("reading {} …", words::plural(run.counts.total(), "task")),
            look.theme.active,
        );
    }
    let counts = &run.counts;
    let share = counts.done() as f64 / counts.total().max(1) as f64 * 100.0;
    let about = if run.reading && run.ended_ms.is_none() { "~" } else { "" };
    let mut tail =
        format!("  {about}{}/{}  {share:.0}%", words::count(counts.done()), words::count(counts.total()));
    if run.ended_ms.is_none() {
        if run.rate > 0.0 {
            tail = format!("{tail}  {}", words::per_second(run.rate));
        }
        if let Some(eta) = run.eta_s {
            tail = format!("{tail}  {} left", words::seconds(eta));
        }
    } else {
        tail = format!("{tail}  in {}", words::duration(runs::elapsed(run, look.now)));
    }
    let bar_width = width.saturating_sub(words::width(&tail)).clamp(8, 100);
    let mut line = bar::line(counts, bar_width, &look.theme);
    line.spans.push(Span::raw(tail));
    line
}

fn counts(view: &RunView, look: &RenderContext) -> Line {
    let theme = &look.theme;
    if !view.summary.is_counted() {
        return Line::styled("what has not been read is not counted", theme.dim);
    }
    let mut counts = view.summary.counts;
    let mut spans = Vec::new();
    for state in [
        TaskState::Succeeded,
        TaskState::Failed,
        TaskState::TimedOut,
        TaskState::Expired,
        TaskState::Cancelled,
        TaskState::Running,
        TaskState::Pending,
    ] {
        // What has not been read is not pending for that.
        if state == TaskState::Pending && view.summary.reading && view.summary.ended_ms.is_none() {
            continue;
        }
        let number = *counts.of(state);
        let always = matches!(state, TaskState::Succeeded | TaskState::Failed | TaskState::Running);
        if number > 0 || always {
            let style = if number > 0 { theme.state(state) } else { theme.dim };
            spans.push(Span::styled(
                clean!("{} {} {}  ", theme.symbols.state(state), words::count(number), state.as_str()),
                style,
            ));
        }
    }
    if view.summary.unsent > 0 && view.summary.held == 0 {
        spans.push(Span::styled(clean!("{} still to send", words::count(view.summary.unsent)), theme.dim));
    }
    if view.summary.waiting > 0 {
        let waiting = words::count(view.summary.waiting);
        spans.push(Span::styled(clean!("{waiting} to be tried again  "), theme.active));
    }
    if view.summary.reading {
        let tasks = words::plural(view.summary.counts.total(), "task");
        spans.push(Span::styled(clean!("reading {tasks} …"), theme.active));
    } else if !view.summary.settled {
        spans.push(Span::styled("counting", theme.dim));
    }
    Line::from(spans)
}

/// Why nothing happens any more, and what to do.
fn stalled(view: &RunView, look: &RenderContext) -> Option<Line> {
    let run = &view.summary;
    let quiet = run.stalled_ms.filter(|_| !run.reading && run.ended_ms.is_none())?;
    let pending = view.summary.counts.pending;
    let for_long = words::ago(0, quiet);
    let (events, them) = if pending == 1 { ("its event", "it") } else { ("their events", "them") };
    let text = if view.summary.may_have_lost() {
        let tasks = if pending == 1 { "task has" } else { "tasks have" };
        format!("{} {tasks} not begun for {for_long}: {events} may be lost; ", words::count(pending))
    } else {
        let tasks = words::plural(pending, "task");
        format!("waiting {for_long}: {tasks}; the cloud is busy or lost {them}; ")
    };
    Some(Line::from(vec![
        Span::styled(text, look.theme.warn),
        Span::styled("R", look.theme.key),
        Span::styled(clean!(" sends {them} again"), look.theme.warn),
    ]))
}

fn statistics(view: &RunView, look: &RenderContext) -> Line {
    let dim = look.theme.dim;
    let numbers = &view.statistics;
    // Before the first attempt has ended nothing is known: 0 ms would be a lie.
    let measured = numbers.total_ms > 0 || numbers.max_memory > 0;
    let time = |ms: u64| if measured { words::duration(ms) } else { NOT_KNOWN.to_owned() };
    let memory = if numbers.max_memory > 0 { words::bytes(numbers.max_memory) } else { NOT_KNOWN.to_owned() };
    let mut spans = Vec::new();
    for (name, value) in [
        ("p50 ", time(numbers.p50_ms)),
        ("p95 ", time(numbers.p95_ms)),
        ("max ", time(numbers.max_ms)),
        ("memory ", memory),
        ("worked ", time(numbers.total_ms)),
    ] {
        spans.push(Span::styled(name, dim));
        spans.push(Span::raw(clean!("{value}   ")));
    }
    Line::from(spans)
}

fn history(view: &RunView, width: usize, look: &RenderContext) -> Line {
    let spark = bar::sparkline(&view.history, width.saturating_sub(24), &look.theme);
    let most = view.history.iter().max().copied().unwrap_or(0);
    Line::from(vec![
        Span::styled("ended per second ", look.theme.dim),
        Span::styled(spark, look.theme.active),
        Span::styled(clean!(" {most}"), look.theme.dim),
    ])
}

/// Objects that were stored more than once: results that are gone.
fn collisions(view: &RunView, look: &RenderContext) -> Option<Line> {
    let run = &view.summary;
    let first = run.collided.first()?;
    let tasks: Vec<_> = first.tasks.iter().take(2).map(ToString::to_string).collect();
    let more = if first.tasks.len() > tasks.len() { ", …" } else { "" };
    let objects = words::plural(run.collisions, "output");
    Some(Line::styled(
        clean!("{objects} overwritten: {} of tasks {}{more}", Clean::new(&first.key), tasks.join(", ")),
        look.theme.warn,
    ))
}

/// What holds for this run instead of its function's own limits.
fn limits(view: &RunView, look: &RenderContext) -> Option<Line> {
    let overrides = view.summary.overrides;
    (!overrides.is_none()).then(|| Line::styled(clean!("tasks: {}", overrides.words()), look.theme.dim))
}

/// Tasks that are not sent yet, so that none grows too old in the queue.
fn held(view: &RunView, look: &RenderContext) -> Option<Line> {
    let run = &view.summary;
    let held = Some(run.held).filter(|held| *held > 0 && run.ended_ms.is_none())?;
    let tasks = words::plural(held, "task");
    // Only who sends goes on by itself.
    let how = if run.unsent > 0 { "sent as the queue drains" } else { "sent where the run was launched" };
    Some(Line::styled(clean!("held back: {tasks}, {how}"), look.theme.active))
}

/// Inputs that are no tasks, because earlier runs have done them.
fn reused(view: &RunView, look: &RenderContext) -> Option<Line> {
    let reused = Some(&view.summary.reused).filter(|reused| !reused.is_none())?;
    let tasks = words::plural(reused.tasks, "task");
    Some(Line::styled(clean!("{tasks} reused of {}", reused.of_runs()), look.theme.dim))
}

fn classes(view: &RunView, look: &RenderContext) -> Option<Line> {
    if view.summary.classes.is_empty() {
        return None;
    }
    let mut spans = vec![Span::styled("failures  ", look.theme.dim)];
    for (class, number) in &view.summary.classes {
        spans.push(Span::styled(clean!("{} {}  ", class.as_str(), words::count(*number)), look.theme.bad));
    }
    Some(Line::from(spans))
}
