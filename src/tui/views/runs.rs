//! All runs, or those of one function.

use super::items::Item;
use super::{NOT_KNOWN, by_float, dim, plain};
use crate::list::{Column, RenderContext, RowKey};
use crate::paint::{Line, Span};
use crate::widgets::bar;
use ratatui::style::Style;
use throng_core::clean;
use throng_core::model::{Counts, RunSummary, TaskState};
use throng_core::words::{self, Clean};

/// Symbol, word and style for how a run stands.
#[must_use]
pub fn state(run: &RunSummary, look: &RenderContext) -> (String, Style) {
    let theme = &look.theme;
    let bad = run.counts.unsuccessful();
    if let Some(trouble) = run.trouble.as_ref().filter(|_| run.ended_ms.is_none()) {
        let (word, style) = if trouble.damaged { ("damaged", theme.bad) } else { ("not read", theme.warn) };
        return (format!("{} {word}", theme.symbols.state(TaskState::Failed)), style);
    }
    if run.reading && run.ended_ms.is_none() {
        return (format!("{} reading", theme.symbols.state(TaskState::Pending)), theme.active);
    }
    if run.ended_ms.is_none() && run.stalled_ms.is_some() {
        let (word, style) =
            if run.may_have_lost() { ("stalled", theme.warn) } else { ("waiting", theme.active) };
        return (format!("{} {word}", theme.symbols.state(TaskState::Pending)), style);
    }
    let (state, word) = match () {
        () if run.ended_ms.is_none() && run.held > 0 && !run.cancelled => (TaskState::Running, "held back"),
        () if run.ended_ms.is_none() && run.unsent > 0 => (TaskState::Running, "sending"),
        () if run.ended_ms.is_none() && run.cancelled => (TaskState::Running, "cancelling"),
        () if run.ended_ms.is_none() && run.is_quiet() => (TaskState::Pending, "standing"),
        () if run.ended_ms.is_none() => (TaskState::Running, "running"),
        () if run.cancelled => (TaskState::Cancelled, "cancelled"),
        () if bad == 0 => (TaskState::Succeeded, "succeeded"),
        () if run.counts.succeeded == 0 => (TaskState::Failed, "failed"),
        () => (TaskState::Failed, "part failed"),
    };
    (format!("{} {word}", theme.symbols.state(state)), theme.state(state))
}

/// From the launch to the end, or to now.
#[must_use]
pub fn elapsed(run: &RunSummary, now: u64) -> u64 {
    run.ended_ms.unwrap_or(now).saturating_sub(run.started_ms)
}

/// Tasks that failed in one way or another; what a person cancelled did not.
const fn failed(run: &RunSummary) -> u64 {
    run.counts.unsuccessful() - run.counts.cancelled
}

impl Item for RunSummary {
    const COLUMNS: &'static [Column<Self>] = &[
        Column::<Self>::text(
            "STARTED",
            (11, 0, 0),
            |run, look| dim(words::day_time(run.started_ms, &look.zone), look),
            |a, b| a.started_ms.cmp(&b.started_ms),
        )
        .down(true),
        Column::text(
            "FUNCTION",
            (12, 2, 0),
            |run, _| plain(&run.title()),
            |a, b| a.function.cmp(&b.function),
        ),
        Column::text(
            "STATE",
            (13, 0, 0),
            |run, look| {
                let (word, style) = state(run, look);
                Span::styled(word, style).into()
            },
            |a, b| ended_badly(a).cmp(&ended_badly(b)),
        ),
        Column::text(
            "PROGRESS",
            (10, 1, 1),
            |run, look| {
                let unknown = Counts::default();
                bar::line(if run.is_counted() { &run.counts } else { &unknown }, 10, &look.theme)
            },
            |a, b| by_float(share(a), share(b)),
        ),
        Column::number("DONE", (15, 0), done, |a, b| a.counts.done().cmp(&b.counts.done())),
        Column::number(
            "FAILED",
            (6, 0),
            |run, look| {
                if !run.is_counted() {
                    return dim(NOT_KNOWN, look);
                }
                let style = if failed(run) > 0 { look.theme.bad } else { look.theme.dim };
                Span::styled(words::count(failed(run)), style).into()
            },
            |a, b| failed(a).cmp(&failed(b)),
        ),
        Column::number("RATE", (8, 4), rate, |a, b| by_float(a.rate, b.rate)),
        Column::number(
            "TIME",
            (8, 3),
            |run, look| Line::raw(words::seconds(elapsed(run, look.now) as f64 / 1000.0)),
            |a, b| elapsed(a, u64::MAX).cmp(&elapsed(b, u64::MAX)),
        ),
        Column::text("RUN", (22, 0, 5), |run, look| dim(Clean::new(&run.id), look), |a, b| a.id.cmp(&b.id)),
    ];

    fn key(&self) -> RowKey {
        RowKey::Text(self.id.clone())
    }
    fn words(&self) -> String {
        format!("{} {}", self.function, self.id)
    }
}

const fn ended_badly(run: &RunSummary) -> (bool, bool) {
    (run.ended_ms.is_some(), run.counts.unsuccessful() > 0)
}

fn share(run: &RunSummary) -> f64 {
    run.counts.done() as f64 / run.counts.total().max(1) as f64
}

fn done(run: &RunSummary, look: &RenderContext) -> Line {
    let total = run.counts.total();
    if !run.is_counted() {
        // Of what has not been read nothing is known.
        return dim(
            if total > 0 { format!("{NOT_KNOWN}/{}", words::count(total)) } else { String::new() },
            look,
        );
    }
    let about = if run.settled { "" } else { "~" };
    Line::raw(clean!("{about}{}/{}", words::count(run.counts.done()), words::count(total)))
}

fn rate(run: &RunSummary, _: &RenderContext) -> Line {
    let known = run.ended_ms.is_none() && run.rate > 0.0;
    Line::raw(if known { words::per_second(run.rate) } else { String::new() })
}

/// A run in some lines, for the side of a wide screen.
#[must_use]
pub fn card(run: &RunSummary, width: usize, look: &RenderContext) -> Vec<Line> {
    let theme = &look.theme;
    let (word, style) = state(run, look);
    let mut counts = run.counts;
    let mut lines = vec![
        Line::styled(Clean::new(&run.function), theme.title),
        Line::styled(Clean::new(&run.id), theme.dim),
        Line::raw(""),
        bar::line(&run.counts, width, theme),
        Line::styled(word, style),
        Line::raw(""),
    ];
    if let Some(trouble) = &run.trouble {
        lines.push(Line::styled(Clean::new(&trouble.why), theme.warn));
        lines.push(Line::raw(""));
    }
    if !run.is_counted() {
        lines.remove(3);
        return lines;
    }
    for state in TaskState::ALL {
        let number = *counts.of(state);
        let style = if number > 0 { theme.state(state) } else { theme.dim };
        let text =
            format!("{} {:<10} {:>9}", theme.symbols.state(state), state.as_str(), words::count(number));
        lines.push(Line::styled(text, style));
    }
    lines.push(Line::raw(""));
    for (class, number) in &run.classes {
        lines.push(Line::styled(clean!("{:<12} {:>9}", class.as_str(), words::count(*number)), theme.bad));
    }
    if let Some(eta) = run.eta_s.filter(|_| run.ended_ms.is_none()) {
        lines.push(Line::raw(clean!("{}, {} left", words::per_second(run.rate), words::seconds(eta))));
    }
    lines
}
