//! All buckets.

use super::{identity, plain};
use crate::tui::filter::Filter;
use crate::tui::list::{Column, Identity, Look, RowKey, Rows};
use crate::tui::text;
use ratatui::text::{Line, Span};
use std::cmp::Ordering;
use std::sync::Arc;
use throng::core::model::BucketInfo;

const COLUMNS: [Column; 3] = [
    Column::text("NAME", 24, 2, 0),
    Column::text("STARTS", 16, 3, 2),
    Column { down: true, ..Column::text("CREATED", 19, 0, 1) },
];

/// Buckets as rows.
pub struct BucketRows<'a>(pub &'a Arc<Vec<BucketInfo>>);

impl Rows for BucketRows<'_> {
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
        RowKey::Text(self.0[row].name.clone())
    }
    fn cells(&self, row: usize, look: &Look) -> Vec<Line<'static>> {
        let bucket = &self.0[row];
        let triggers = if bucket.triggers.is_empty() {
            Line::raw("")
        } else {
            let names = text::clean(&bucket.triggers.join(", ")).into_owned();
            Line::from(vec![
                Span::styled(format!("{} ", look.theme.symbols.arrow), look.theme.dim),
                Span::raw(names),
            ])
        };
        let created = bucket.created_ms.map_or_else(String::new, |ms| text::date_time(ms, &look.zone));
        vec![plain(&bucket.name), triggers, Line::from(Span::styled(created, look.theme.dim))]
    }
    fn admits(&self, row: usize, filter: &Filter) -> bool {
        let bucket = &self.0[row];
        filter.pattern.matches(&format!("{} {}", bucket.name, bucket.triggers.join(" ")))
    }
    fn compare(&self, a: usize, b: usize, column: usize) -> Ordering {
        let (a, b) = (&self.0[a], &self.0[b]);
        match column {
            0 => a.name.cmp(&b.name),
            1 => a.triggers.cmp(&b.triggers),
            _ => a.created_ms.cmp(&b.created_ms),
        }
    }
}
