//! Rows that are the items of one list of the snapshot, all of them or some.

use super::identity;
use crate::filter::Filter;
use crate::list::{Column, Identity, Look, RowKey, Rows};
use crate::paint::Line;
use std::cmp::Ordering;
use std::sync::Arc;

/// What is a row by itself.
pub trait Item: Send + Sync + Sized + 'static {
    /// Columns
    const COLUMNS: &'static [Column];
    /// What it is.
    fn key(&self) -> RowKey;
    /// Its text by column, for the screen.
    fn cells(&self, look: &Look) -> Vec<Line>;
    /// The text that a filter looks at.
    fn words(&self) -> String;
    /// Order by a column.
    fn compare(&self, other: &Self, column: usize) -> Ordering;
}

/// Items as rows.
pub struct Items<'a, T> {
    items: &'a Arc<Vec<T>>,
    /// All when `None`.
    chosen: Option<Vec<usize>>,
}

impl<'a, T> Items<'a, T> {
    /// All items.
    #[must_use]
    pub const fn all(items: &'a Arc<Vec<T>>) -> Self {
        Self { items, chosen: None }
    }

    /// The items that `wanted` accepts.
    #[must_use]
    pub fn those(items: &'a Arc<Vec<T>>, wanted: impl Fn(&T) -> bool) -> Self {
        let chosen = (0..items.len()).filter(|row| wanted(&items[*row])).collect();
        Self { items, chosen: Some(chosen) }
    }

    fn at(&self, row: usize) -> &T {
        &self.items[self.chosen.as_ref().map_or(row, |chosen| chosen[row])]
    }
}

impl<T: Item> Rows for Items<'_, T> {
    fn columns(&self) -> &'static [Column] {
        T::COLUMNS
    }
    fn len(&self) -> usize {
        self.chosen.as_ref().map_or(self.items.len(), Vec::len)
    }
    fn identities(&self) -> Vec<Identity> {
        vec![identity(self.items)]
    }
    fn key(&self, row: usize) -> RowKey {
        self.at(row).key()
    }
    fn cells(&self, row: usize, look: &Look) -> Vec<Line> {
        self.at(row).cells(look)
    }
    fn admits(&self, row: usize, filter: &Filter) -> bool {
        filter.pattern.matches(&self.at(row).words())
    }
    fn compare(&self, a: usize, b: usize, column: usize) -> Ordering {
        self.at(a).compare(self.at(b), column)
    }
}
