//! Transfers, deployments and whatever else takes a while.

use super::by_float;
use crate::filter::Filter;
use crate::list::{Column, Identity, RenderContext, RowKey, Source};
use crate::paint::{Line, Span};
use crate::widgets::bar;
use ratatui::style::Style;
use std::sync::Arc;
use throng_core::clean;
use throng_core::model::{Progress, ProgressState, TaskState};
use throng_core::words::{self, Clean};

const COLUMNS: [Column<Progress>; 7] = [
    Column::text("WHAT", (22, 3, 0), what, |a, b| a.label.cmp(&b.label)),
    Column::text(
        "STATE",
        (11, 0, 0),
        |progress, look| {
            let (word, style) = state(progress, look);
            Span::styled(word, style).into()
        },
        |a, b| rank(a).cmp(&rank(b)),
    ),
    Column::text(
        "PROGRESS",
        (20, 0, 1),
        |progress, look| bar::progress(share(progress), 20, state(progress, look).1, &look.theme),
        |a, b| by_float(share(a).unwrap_or(0.0), share(b).unwrap_or(0.0)),
    ),
    Column::number("ITEMS", (13, 2), items, |a, b| a.items.cmp(&b.items)),
    Column::number("BYTES", (17, 4), bytes, |a, b| a.bytes.cmp(&b.bytes)),
    Column::number("RATE", (9, 3), rate, |a, b| by_float(a.rate, b.rate)),
    Column::number("ETA", (7, 1), eta, |a, b| by_float(a.eta_s.unwrap_or(0.0), b.eta_s.unwrap_or(0.0))),
];

/// Transfers as rows.
pub struct ProgressRows<'a>(pub &'a Arc<[Progress]>);

/// Share that is done, 0 to 1, when it can be told.
#[must_use]
pub fn share(progress: &Progress) -> Option<f64> {
    if progress.state == ProgressState::Done {
        return Some(1.0);
    }
    let (done, total) = match (progress.bytes_total, progress.items_total) {
        (Some(total), _) if total > 0 => (progress.bytes, total),
        (_, Some(total)) if total > 0 => (progress.items, total),
        _ => return None,
    };
    Some((done as f64 / total as f64).clamp(0.0, 1.0))
}

/// Symbol, word and style.
#[must_use]
pub fn state(progress: &Progress, look: &RenderContext) -> (String, Style) {
    let (state, word) = match progress.state {
        ProgressState::Active => (TaskState::Running, "active"),
        ProgressState::Done => (TaskState::Succeeded, "done"),
        ProgressState::Failed(_) => (TaskState::Failed, "failed"),
        ProgressState::Cancelled => (TaskState::Cancelled, "cancelled"),
    };
    (format!("{} {word}", look.theme.symbols.state(state)), look.theme.state(state))
}

fn of(done: String, total: Option<String>) -> String {
    match total {
        Some(total) => format!("{done}/{total}"),
        None => done,
    }
}

impl Source for ProgressRows<'_> {
    type Row = Progress;
    fn columns(&self) -> &'static [Column<Progress>] {
        &COLUMNS
    }
    fn row(&self, row: usize) -> Option<&Progress> {
        self.0.get(row)
    }
    fn len(&self) -> usize {
        self.0.len()
    }
    fn identities(&self) -> Vec<Identity> {
        vec![Arc::new(Arc::clone(self.0)) as Identity]
    }
    fn key(row: &Progress) -> RowKey {
        RowKey::Number(row.id)
    }
    fn admits(row: &Progress, filter: &Filter) -> bool {
        filter.pattern.matches(&row.label)
    }
}

/// What is under way first.
const fn rank(progress: &Progress) -> u8 {
    match progress.state {
        ProgressState::Active => 0,
        ProgressState::Failed(_) => 1,
        ProgressState::Cancelled => 2,
        ProgressState::Done => 3,
    }
}

fn what(progress: &Progress, look: &RenderContext) -> Line {
    let mut label = vec![Span::raw(Clean::new(&progress.label))];
    if let ProgressState::Failed(why) = &progress.state {
        label.push(Span::styled(clean!(": {why}"), look.theme.bad));
    }
    label.into()
}

fn items(progress: &Progress, _: &RenderContext) -> Line {
    let items = of(words::count(progress.items), progress.items_total.map(words::count));
    Line::raw(match progress.failed {
        0 => items,
        failed => format!("{} failed {items}", words::count(failed)),
    })
}

fn bytes(progress: &Progress, _: &RenderContext) -> Line {
    if progress.bytes == 0 && progress.bytes_total.is_none() {
        return Line::default();
    }
    Line::raw(of(words::bytes(progress.bytes), progress.bytes_total.map(words::bytes)))
}

fn rate(progress: &Progress, _: &RenderContext) -> Line {
    let known = progress.state == ProgressState::Active && progress.rate > 0.0;
    Line::raw(if known { words::bytes_per_second(progress.rate) } else { String::new() })
}

fn eta(progress: &Progress, _: &RenderContext) -> Line {
    let eta = progress.eta_s.filter(|_| progress.state == ProgressState::Active);
    Line::raw(eta.map_or_else(String::new, words::seconds))
}

/// A line of a transfer for the panel below other views.
#[must_use]
pub fn panel_line(progress: &Progress, width: usize, look: &RenderContext) -> Line {
    let share_text = share(progress).map_or_else(String::new, |share| format!(" {:>3.0}%", share * 100.0));
    let mut tail = share_text;
    if progress.rate > 0.0 {
        tail = format!("{tail}  {}", words::bytes_per_second(progress.rate));
    }
    if let Some(eta) = progress.eta_s {
        tail = format!("{tail}  {} left", words::seconds(eta));
    }
    let bar_width = (width / 4).clamp(8, 30);
    let room = width.saturating_sub(bar_width + words::width(&tail) + 3);
    let label = Clean::new(&progress.label);
    let label = words::clip(&label, room);
    let pad = " ".repeat(room.saturating_sub(words::width(&label)));
    let mut spans = vec![Span::raw(clean!(" {label}{pad} "))];
    spans.extend(bar::progress(share(progress), bar_width, look.theme.active, &look.theme).spans);
    spans.push(Span::styled(tail, look.theme.dim));
    Line::from(spans)
}
