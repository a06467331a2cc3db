//! Transfers, deployments and whatever else takes a while.

use super::by_float;
use crate::filter::Filter;
use crate::list::{Column, Identity, Look, RowKey, Rows};
use crate::paint::{Line, Span};
use crate::widgets::bar;
use ratatui::style::Style;
use std::cmp::Ordering;
use std::sync::Arc;
use throng_core::clean;
use throng_core::model::{Progress, ProgressState, TaskState};
use throng_core::words::{self, Clean};

const COLUMNS: [Column; 7] = [
    Column::text("WHAT", 22, 3, 0),
    Column::text("STATE", 11, 0, 0),
    Column::text("PROGRESS", 20, 0, 1),
    Column::number("ITEMS", 13, 2),
    Column::number("BYTES", 17, 4),
    Column::number("RATE", 9, 3),
    Column::number("ETA", 7, 1),
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
pub fn state(progress: &Progress, look: &Look) -> (String, Style) {
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

impl Rows for ProgressRows<'_> {
    fn columns(&self) -> &'static [Column] {
        &COLUMNS
    }
    fn len(&self) -> usize {
        self.0.len()
    }
    fn identities(&self) -> Vec<Identity> {
        vec![Arc::new(Arc::clone(self.0)) as Identity]
    }
    fn key(&self, row: usize) -> RowKey {
        RowKey::Number(self.0[row].id)
    }
    fn cells(&self, row: usize, look: &Look) -> Vec<Line> {
        let progress = &self.0[row];
        let (word, style) = state(progress, look);
        let active = progress.state == ProgressState::Active;
        let mut label = vec![Span::raw(Clean::new(&progress.label))];
        if let ProgressState::Failed(why) = &progress.state {
            label.push(Span::styled(clean!(": {}", Clean::new(why)), look.theme.bad));
        }
        let mut items = of(words::count(progress.items), progress.items_total.map(words::count));
        if progress.failed > 0 {
            items = format!("{} failed {items}", words::count(progress.failed));
        }
        let bytes = if progress.bytes == 0 && progress.bytes_total.is_none() {
            String::new()
        } else {
            of(words::bytes(progress.bytes), progress.bytes_total.map(words::bytes))
        };
        vec![
            Line::from(label),
            Line::from(Span::styled(word, style)),
            bar::progress(share(progress), 20, style, &look.theme),
            Line::raw(items),
            Line::raw(bytes),
            Line::raw(if active && progress.rate > 0.0 {
                words::bytes_per_second(progress.rate)
            } else {
                String::new()
            }),
            Line::raw(progress.eta_s.filter(|_| active).map_or_else(String::new, words::seconds)),
        ]
    }
    fn admits(&self, row: usize, filter: &Filter) -> bool {
        filter.pattern.matches(&self.0[row].label)
    }
    fn compare(&self, a: usize, b: usize, column: usize) -> Ordering {
        let (a, b) = (&self.0[a], &self.0[b]);
        let rank = |progress: &Progress| match progress.state {
            ProgressState::Active => 0,
            ProgressState::Failed(_) => 1,
            ProgressState::Cancelled => 2,
            ProgressState::Done => 3,
        };
        match column {
            0 => a.label.cmp(&b.label),
            1 => rank(a).cmp(&rank(b)),
            2 => by_float(share(a).unwrap_or(0.0), share(b).unwrap_or(0.0)),
            3 => a.items.cmp(&b.items),
            4 => a.bytes.cmp(&b.bytes),
            5 => by_float(a.rate, b.rate),
            _ => by_float(a.eta_s.unwrap_or(0.0), b.eta_s.unwrap_or(0.0)),
        }
    }
}

/// A line of a transfer for the panel below other views.
#[must_use]
pub fn panel_line(progress: &Progress, width: usize, look: &Look) -> Line {
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
