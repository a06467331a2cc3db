//! All runs, or those of one function.

use super::items::Item;
use super::{by_float, plain};
use crate::list::{Column, Look, RowKey};
use crate::paint::{Line, Span};
use crate::widgets::bar;
use ratatui::style::Style;
use std::cmp::Ordering;
use throng_core::clean;
use throng_core::model::{RunSummary, TaskState};
use throng_core::words::{self, Clean};

/// Symbol, word and style for how a run stands.
#[must_use]
pub fn state(run: &RunSummary, look: &Look) -> (String, Style) {
    let theme = &look.theme;
    let bad = run.counts.unsuccessful();
    if run.ended_ms.is_none() && run.stalled_ms.is_some() {
        let (word, style) =
            if run.may_have_lost() { ("stalled", theme.warn) } else { ("waiting", theme.active) };
        return (format!("{} {word}", theme.symbols.state(TaskState::Pending)), style);
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

/// Tasks that failed in one way or another; what a person cancelled did not.
const fn failed(run: &RunSummary) -> u64 {
    run.counts.unsuccessful() - run.counts.cancelled
}

impl Item for RunSummary {
    const COLUMNS: &'static [Column] = &[
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

    fn key(&self) -> RowKey {
        RowKey::Text(self.id.clone())
    }
    fn cells(&self, look: &Look) -> Vec<Line> {
        let theme = &look.theme;
        let (word, style) = state(self, look);
        let bad = failed(self);
        let rate = if self.ended_ms.is_none() && self.rate > 0.0 {
            words::per_second(self.rate)
        } else {
            String::new()
        };
        let done = if self.settled { "" } else { "~" };
        let total = self.counts.total();
        vec![
            Line::from(Span::styled(words::day_time(self.started_ms, &look.zone), theme.dim)),
            plain(&self.function),
            Line::from(Span::styled(word, style)),
            bar::line(&self.counts, 10, theme),
            Line::raw(clean!("{done}{}/{}", words::count(self.counts.done()), words::count(total))),
            Line::from(Span::styled(words::count(bad), if bad > 0 { theme.bad } else { theme.dim })),
            Line::raw(rate),
            Line::raw(words::seconds(elapsed(self, look.now) as f64 / 1000.0)),
            Line::from(Span::styled(Clean::new(&self.id), theme.dim)),
        ]
    }
    fn words(&self) -> String {
        format!("{} {}", self.function, self.id)
    }
    fn compare(&self, other: &Self, column: usize) -> Ordering {
        let (a, b) = (self, other);
        let share = |run: &RunSummary| run.counts.done() as f64 / run.counts.total().max(1) as f64;
        match column {
            0 => a.started_ms.cmp(&b.started_ms),
            1 => a.function.cmp(&b.function),
            2 => (a.ended_ms.is_some(), a.counts.unsuccessful() > 0)
                .cmp(&(b.ended_ms.is_some(), b.counts.unsuccessful() > 0)),
            3 => by_float(share(a), share(b)),
            4 => a.counts.done().cmp(&b.counts.done()),
            5 => failed(a).cmp(&failed(b)),
            6 => by_float(a.rate, b.rate),
            7 => elapsed(a, u64::MAX).cmp(&elapsed(b, u64::MAX)),
            _ => a.id.cmp(&b.id),
        }
    }
}

/// A run in some lines, for the side of a wide screen.
#[must_use]
pub fn card(run: &RunSummary, width: usize, look: &Look) -> Vec<Line> {
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
