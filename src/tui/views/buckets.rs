//! All buckets.

use super::items::Item;
use super::plain;
use crate::list::{Column, Look, RowKey};
use crate::paint::{Line, Span};
use std::cmp::Ordering;
use throng_core::clean;
use throng_core::model::BucketInfo;
use throng_core::words::{self, Clean};

impl Item for BucketInfo {
    const COLUMNS: &'static [Column] = &[
        Column::text("NAME", 24, 2, 0),
        Column::text("STARTS", 16, 3, 2),
        Column { down: true, ..Column::text("CREATED", 19, 0, 1) },
    ];

    fn key(&self) -> RowKey {
        RowKey::Text(self.name.clone())
    }
    fn cells(&self, look: &Look) -> Vec<Line> {
        let triggers = if self.triggers.is_empty() {
            Line::raw("")
        } else {
            let names = Clean::new(&self.triggers.join(", "));
            Line::from(vec![
                Span::styled(clean!("{} ", look.theme.symbols.arrow), look.theme.dim),
                Span::raw(names),
            ])
        };
        let created = self.created_ms.map_or_else(String::new, |ms| words::date_time(ms, &look.zone));
        vec![plain(&self.name), triggers, Line::from(Span::styled(created, look.theme.dim))]
    }
    fn words(&self) -> String {
        format!("{} {}", self.name, self.triggers.join(" "))
    }
    fn compare(&self, other: &Self, column: usize) -> Ordering {
        let (a, b) = (self, other);
        match column {
            0 => a.name.cmp(&b.name),
            1 => a.triggers.cmp(&b.triggers),
            _ => a.created_ms.cmp(&b.created_ms),
        }
    }
}
