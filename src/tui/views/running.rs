//! Invocations that are under way.

use super::{identity, plain};
use crate::tui::filter::Filter;
use crate::tui::list::{Column, Identity, Look, RowKey, Rows};
use crate::tui::text;
use ratatui::text::{Line, Span};
use std::cmp::Ordering;
use std::sync::Arc;
use throng::core::model::InvocationInfo;

const COLUMNS: [Column; 6] = [
    Column { down: false, ..Column::number("TIME", 8, 0) },
    Column::text("FUNCTION", 14, 1, 0),
    Column::number("TASK", 7, 2),
    Column { end: true, ..Column::text("INPUT", 24, 3, 1) },
    Column::text("RUN", 22, 0, 4),
    Column::text("REQUEST", 36, 0, 3),
];

/// Invocations as rows.
pub struct InvocationRows<'a>(pub &'a Arc<Vec<InvocationInfo>>);

impl Rows for InvocationRows<'_> {
    fn columns(&self) -> &'static [Column] {
        &COLUMNS
    }
    fn len(&self) -> usize {
        self.0.len()
    }
    fn identities(&self) -> Vec<Identity> {
        vec![identity(self.0)]
    }
    fn key(&self, row: usize) -> RowKey {
        RowKey::Text(self.0[row].request_id.clone())
    }
    fn cells(&self, row: usize, look: &Look) -> Vec<Line<'static>> {
        let invocation = &self.0[row];
        let time = text::seconds(look.now.saturating_sub(invocation.started_ms) as f64 / 1000.0);
        let dim = |text: Option<&str>| {
            Line::from(Span::styled(text::clean(text.unwrap_or("")).into_owned(), look.theme.dim))
        };
        vec![
            Line::from(Span::styled(time, look.theme.active)),
            plain(&invocation.function),
            Line::raw(invocation.task.map_or_else(String::new, |task| task.to_string())),
            plain(invocation.input.as_deref().unwrap_or("")),
            dim(invocation.run.as_deref()),
            dim(Some(&invocation.request_id)),
        ]
    }
    fn admits(&self, row: usize, filter: &Filter) -> bool {
        let invocation = &self.0[row];
        let text = [&invocation.function, &invocation.request_id]
            .into_iter()
            .chain(&invocation.input)
            .chain(&invocation.run);
        filter.pattern.matches(&text.map(String::as_str).collect::<Vec<_>>().join(" "))
    }
    fn compare(&self, a: usize, b: usize, column: usize) -> Ordering {
        let (a, b) = (&self.0[a], &self.0[b]);
        match column {
            0 => a.started_ms.cmp(&b.started_ms),
            1 => a.function.cmp(&b.function),
            2 => a.task.cmp(&b.task),
            3 => a.input.cmp(&b.input),
            4 => a.run.cmp(&b.run),
            _ => a.request_id.cmp(&b.request_id),
        }
    }
}
