//! Invocations that are under way.

use super::items::Item;
use super::plain;
use crate::list::{Column, Look, RowKey};
use crate::paint::{Line, Span};
use std::cmp::Ordering;
use throng_core::model::InvocationInfo;
use throng_core::words::{self, Clean};

impl Item for InvocationInfo {
    const COLUMNS: &'static [Column] = &[
        Column { down: false, ..Column::number("TIME", 8, 0) },
        Column::text("FUNCTION", 14, 1, 0),
        Column::number("TASK", 7, 2),
        Column { end: true, ..Column::text("INPUT", 24, 3, 1) },
        Column::text("RUN", 22, 0, 4),
        Column::text("REQUEST", 36, 0, 3),
    ];

    fn key(&self) -> RowKey {
        RowKey::Text(self.request_id.clone())
    }
    fn cells(&self, look: &Look) -> Vec<Line> {
        let time = words::seconds(look.now.saturating_sub(self.started_ms) as f64 / 1000.0);
        let dim =
            |text: Option<&str>| Line::from(Span::styled(Clean::new(text.unwrap_or("")), look.theme.dim));
        vec![
            Line::from(Span::styled(time, look.theme.active)),
            plain(&self.function),
            Line::raw(self.task.map_or_else(String::new, |task| task.to_string())),
            plain(self.input.as_deref().unwrap_or("")),
            dim(self.run.as_deref()),
            dim(Some(&self.request_id)),
        ]
    }
    fn words(&self) -> String {
        let text = [&self.function, &self.request_id].into_iter().chain(&self.input).chain(&self.run);
        text.map(String::as_str).collect::<Vec<_>>().join(" ")
    }
    fn compare(&self, other: &Self, column: usize) -> Ordering {
        let (a, b) = (self, other);
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
