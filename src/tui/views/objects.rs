//! A folder of a bucket.

use super::identity;
use crate::filter::Filter;
use crate::list::{Column, Identity, Look, RowKey, Rows};
use crate::paint::{Line, Span};
use ratatui::style::Modifier;
use std::cmp::Ordering;
use std::sync::{Arc, LazyLock};
use throng_core::engine::Snapshot;
use throng_core::model::ObjectInfo;
use throng_core::words::{self, Clean};

const COLUMNS: [Column; 4] = [
    Column::text("NAME", 30, 1, 0),
    Column::number("SIZE", 9, 0),
    Column { down: true, ..Column::text("CHANGED", 19, 0, 1) },
    Column::text("ETAG", 34, 0, 2),
];

/// Objects and folders as rows.
pub struct ObjectRows<'a> {
    items: &'a Arc<Vec<ObjectInfo>>,
    prefix: &'a str,
}

static NONE: LazyLock<Arc<Vec<ObjectInfo>>> = LazyLock::new(Arc::default);

impl<'a> ObjectRows<'a> {
    /// The folder, if the snapshot holds it.
    #[must_use]
    pub fn new(snapshot: &'a Snapshot, bucket: &str, prefix: &'a str) -> Self {
        let view = snapshot.objects.as_ref().filter(|view| view.bucket == bucket && view.prefix == prefix);
        Self { items: view.map_or(&*NONE, |view| &view.listing.items), prefix }
    }

    fn name(&self, row: usize) -> &str {
        let key = &self.items[row].key;
        key.strip_prefix(self.prefix).unwrap_or(key)
    }
}

impl Rows for ObjectRows<'_> {
    fn columns(&self) -> &'static [Column] {
        &COLUMNS
    }
    fn len(&self) -> usize {
        self.items.len()
    }
    fn identities(&self) -> Vec<Identity> {
        vec![identity(self.items)]
    }
    fn key(&self, row: usize) -> RowKey {
        RowKey::Text(self.items[row].key.clone())
    }
    fn cells(&self, row: usize, look: &Look) -> Vec<Line> {
        let object = &self.items[row];
        let name = Clean::new(self.name(row));
        if object.folder {
            let style = look.theme.key.add_modifier(Modifier::BOLD);
            return vec![
                Line::from(Span::styled(name, style)),
                Line::from(Span::styled("folder", look.theme.dim)),
            ];
        }
        let changed = object.modified_ms.map_or_else(String::new, |ms| words::date_time(ms, &look.zone));
        vec![
            Line::raw(if name.is_empty() { "(this folder)".into() } else { name }),
            Line::raw(words::bytes(object.size)),
            Line::from(Span::styled(changed, look.theme.dim)),
            Line::from(Span::styled(Clean::new(&object.etag), look.theme.dim)),
        ]
    }
    fn admits(&self, row: usize, filter: &Filter) -> bool {
        filter.pattern.matches(self.name(row))
    }
    fn compare(&self, a: usize, b: usize, column: usize) -> Ordering {
        let (a, b) = (&self.items[a], &self.items[b]);
        match column {
            0 => a.key.cmp(&b.key),
            1 => a.size.cmp(&b.size),
            2 => a.modified_ms.cmp(&b.modified_ms),
            _ => a.etag.cmp(&b.etag),
        }
    }
}
