//! All runs, or those of one function.

use super::{by_float, identity, plain};
use crate::tui::filter::Filter;
use crate::tui::list::{Column, Identity, Look, RowKey, Rows};
use crate::tui::text;
use crate::tui::widgets::bar;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use std::cmp::Ordering;
use std::sync::Arc;
use throng::core::model::{RunSummary, TaskState};

const COLUMNS: [Column; 9] = [
    Column { down: true, ..Column::text("STARTED", 11, 0, 0) },
    Column::text("FUNCTION", 12, 2, 0),
    Column::text("STATE", 13, 0, 0),
    Column::text("PROGRESS", 10, 1, 1),
    Column::number("DONE", 15, 0),
    Column::number("FAILED", 6, 0),
    Column::number("RATE", 8, 4),
    Column::number("TIME", 8, 3),
    Column::text("RUN", 22, 0, 5),
];

/// Runs as rows.
pub struct RunRows<'a> {
    items: &'a Arc<Vec<RunSummary>>,
    chosen: Vec<usize>,
}

impl<'a> RunRows<'a> {
    /// All runs.
    #[must_use]
    pub fn all(items: &'a Arc<Vec<RunSummary>>) -> Self {
        Self { items, chosen: (0..items.len()).collect() }
    }

    /// The runs of a function.
    #[must_use]
    pub fn of_function(items: &'a Arc<Vec<RunSummary>>, name: &str) -> Self {
        let chosen = (0..items.len()).filter(|row| items[*row].function == name).collect();
        Self { items, chosen }
    }

    fn run(&self, row: usize) -> &RunSummary {
        &self.items[self.chosen[row]]
    }
}

/// Symbol, word and style for how a run stands.
#[must_use]
pub fn state(run: &RunSummary, look: &Look) -> (String, Style) {
    let theme = &look.theme;
    let bad = run.counts.unsuccessful();
    if run.ended_ms.is_none() && run.stalled_ms.is_some() {
        return (format!("{} stalled", theme.symbols.state(TaskState::Pending)), theme.warn);
    }
    let (state, word) = match () {
        () if run.ended_ms.is_none() && run.unsent > 0 => (TaskState::Running, "sending"),
        () if run.ended_ms.is_none() && run.cancelled => (TaskState::Running, "cancelling"),
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

impl Rows for RunRows<'_> {
    fn columns(&self) -> &'static [Column] {
        &COLUMNS
    }
    fn len(&self) -> usize {
        self.chosen.len()
    }
    fn identities(&self) -> Vec<Identity> {
        vec![identity(self.items)]
    }
    fn key(&self, row: usize) -> RowKey {
        RowKey::Text(self.run(row).id.clone())
    }
    fn cells(&self, row: usize, look: &Look) -> Vec<Line<'static>> {
        let run = self.run(row);
        let theme = &look.theme;
        let (word, style) = state(run, look);
        let bad = run.counts.unsuccessful();
        let rate = if run.ended_ms.is_none() && run.rate > 0.0 {
            format!("{:.1}/s", run.rate)
        } else {
            String::new()
        };
        let done = if run.settled { "" } else { "~" };
        let total = run.counts.total();
        vec![
            Line::from(Span::styled(text::day_time(run.started_ms, &look.zone), theme.dim)),
            plain(&run.function),
            Line::from(Span::styled(word, style)),
            bar::line(&run.counts, 10, theme),
            Line::raw(format!("{done}{}/{}", text::count(run.counts.done()), text::count(total))),
            Line::from(Span::styled(text::count(bad), if bad > 0 { theme.bad } else { theme.dim })),
            Line::raw(rate),
            Line::raw(text::seconds(elapsed(run, look.now) as f64 / 1000.0)),
            Line::from(Span::styled(text::clean(&run.id).into_owned(), theme.dim)),
        ]
    }
    fn admits(&self, row: usize, filter: &Filter) -> bool {
        let run = self.run(row);
        filter.pattern.matches(&format!("{} {}", run.function, run.id))
    }
    fn compare(&self, a: usize, b: usize, column: usize) -> Ordering {
        let (a, b) = (self.run(a), self.run(b));
        let share = |run: &RunSummary| run.counts.done() as f64 / run.counts.total().max(1) as f64;
        match column {
            0 => a.started_ms.cmp(&b.started_ms),
            1 => a.function.cmp(&b.function),
            2 => (a.ended_ms.is_some(), a.counts.unsuccessful() > 0)
                .cmp(&(b.ended_ms.is_some(), b.counts.unsuccessful() > 0)),
            3 => by_float(share(a), share(b)),
            4 => a.counts.done().cmp(&b.counts.done()),
            5 => a.counts.unsuccessful().cmp(&b.counts.unsuccessful()),
            6 => by_float(a.rate, b.rate),
            7 => elapsed(a, u64::MAX).cmp(&elapsed(b, u64::MAX)),
            _ => a.id.cmp(&b.id),
        }
    }
}

/// A run in some lines, for the side of a wide screen.
#[must_use]
pub fn card(run: &RunSummary, width: usize, look: &Look) -> Vec<Line<'static>> {
    let theme = &look.theme;
    let (word, style) = state(run, look);
    let mut counts = run.counts;
    let mut lines = vec![
        Line::styled(text::clean(&run.function).into_owned(), theme.title),
        Line::styled(text::clean(&run.id).into_owned(), theme.dim),
        Line::raw(""),
        bar::line(&run.counts, width, theme),
        Line::styled(word, style),
        Line::raw(""),
    ];
    for state in TaskState::ALL {
        let number = *counts.of(state);
        let style = if number > 0 { theme.state(state) } else { theme.dim };
        let text =
            format!("{} {:<10} {:>9}", theme.symbols.state(state), state.as_str(), text::count(number));
        lines.push(Line::styled(text, style));
    }
    lines.push(Line::raw(""));
    for (class, number) in &run.classes {
        lines.push(Line::styled(format!("{:<12} {:>9}", class.as_str(), text::count(*number)), theme.bad));
    }
    if let Some(eta) = run.eta_s.filter(|_| run.ended_ms.is_none()) {
        lines.push(Line::raw(format!("{:.1} per second, {} left", run.rate, text::seconds(eta))));
    }
    lines
}
