//! Rows that are the items of one list of the snapshot, all of them or some.

use super::identity;
use crate::filter::Filter;
use crate::list::{Column, Identity, RowKey, Source};
use std::sync::Arc;

/// What is a row by itself.
pub trait Item: Send + Sync + Sized + 'static {
    /// Columns, from left to right.
    const COLUMNS: &'static [Column<Self>];
    /// What it is.
    fn key(&self) -> RowKey;
    /// The text that a filter looks at.
    fn words(&self) -> String;
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
}

impl<T: Item> Source for Items<'_, T> {
    type Row = T;
    fn columns(&self) -> &'static [Column<T>] {
        T::COLUMNS
    }
    fn row(&self, row: usize) -> Option<&T> {
        match &self.chosen {
            Some(chosen) => self.items.get(*chosen.get(row)?),
            None => self.items.get(row),
        }
    }
    fn len(&self) -> usize {
        self.chosen.as_ref().map_or(self.items.len(), Vec::len)
    }
    fn identities(&self) -> Vec<Identity> {
        vec![identity(self.items)]
    }
    fn key(row: &T) -> RowKey {
        row.key()
    }
    fn admits(row: &T, filter: &Filter) -> bool {
        filter.pattern.matches(&row.words())
    }
}
