//! A list is a window over an index: which rows pass the filter, in which order. Cells are made for visible rows only.

use super::filter::Filter;
pub use super::rows::{Column, Heading, Identity, RowKey, Rows, Source};
use super::theme::Theme;
use std::cell::Cell;
use std::collections::BTreeSet;
use std::sync::Arc;

/// What is needed to turn data into cells.
#[derive(Clone, Debug)]
pub struct RenderContext {
    /// Styles and symbols.
    pub theme: Theme,
    /// Time zone of the person.
    pub zone: jiff::tz::TimeZone,
    /// Milliseconds since 1970.
    pub now: u64,
}

/// Order of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sort {
    /// The column it goes by, counted from 0.
    pub column: usize,
    /// Largest first.
    pub descending: bool,
}

/// Everything that a list remembers.
#[derive(Debug, Default)]
pub struct ListState {
    /// Which rows are shown.
    pub filter: Filter,
    /// Order; the data's own when `None`.
    pub sort: Option<Sort>,
    /// Marked rows.
    pub marks: BTreeSet<RowKey>,
    position: usize,
    key: Option<RowKey>,
    /// Where the cursor goes as soon as it is there.
    sought: Option<RowKey>,
    index: Vec<u32>,
    total: usize,
    parts: Vec<(Identity, Vec<u32>)>,
    indexed: (Filter, Option<Sort>),
    offset: Cell<usize>,
    height: Cell<usize>,
}

impl ListState {
    /// Brings the index up to date. Parts of the data that are the same as last time are not looked at again.
    pub fn refresh(&mut self, rows: &dyn Rows) {
        let identities = rows.identities();
        let settings = (self.filter.clone(), self.sort);
        let same = settings == self.indexed
            && self.total == rows.len()
            && self.parts.len() == identities.len()
            && self.parts.iter().zip(&identities).all(|((known, _), new)| Arc::ptr_eq(known, new));
        if same && self.sought.is_none() {
            return;
        }
        if settings.0 != self.indexed.0 {
            self.parts.clear();
        }
        self.indexed = settings;
        self.filter_parts(rows, identities);
        self.total = rows.len();
        self.index = self.parts.iter().flat_map(|(_, passed)| passed.iter().copied()).collect();
        if let Some(sort) = self.sort {
            let compare = |a: &u32, b: &u32| {
                let order = rows.compare(*a as usize, *b as usize, sort.column);
                if sort.descending { order.reverse() } else { order }
            };
            self.index.sort_by(compare);
        }
        self.find_again(rows);
    }

    fn filter_parts(&mut self, rows: &dyn Rows, identities: Vec<Identity>) {
        let (chunk, total) = (rows.chunk(), rows.len());
        let mut old = std::mem::take(&mut self.parts).into_iter();
        for (number, identity) in identities.into_iter().enumerate() {
            let known = old.next().filter(|(known, _)| Arc::ptr_eq(known, &identity));
            // A known part is complete: a part that grows is another allocation.
            if let Some(known) = known {
                self.parts.push(known);
                continue;
            }
            let start = number.saturating_mul(chunk);
            let end = start.saturating_add(chunk).min(total);
            let passed = (start..end)
                .filter(|row| self.filter.is_empty() || rows.admits(*row, &self.filter))
                .filter_map(|row| u32::try_from(row).ok())
                .collect();
            self.parts.push((identity, passed));
        }
    }

    /// The cursor stays on what it was on, wherever that is now.
    fn find_again(&mut self, rows: &dyn Rows) {
        if let Some(sought) = &self.sought
            && self.index.iter().any(|row| rows.key(*row as usize) == *sought)
        {
            self.key = self.sought.take();
        }
        if let Some(key) = &self.key {
            let here = self.index.get(self.position).is_some_and(|row| rows.key(*row as usize) == *key);
            if !here && let Some(found) = self.index.iter().position(|row| rows.key(*row as usize) == *key) {
                self.position = found;
            }
        }
        self.position = self.position.min(self.index.len().saturating_sub(1));
        if self.key.is_none() || !self.index.is_empty() {
            self.key = self.row().map(|row| rows.key(row));
        }
    }

    /// The data's row under the cursor.
    #[must_use]
    pub fn row(&self) -> Option<usize> {
        self.index.get(self.position).map(|row| *row as usize)
    }

    /// The data's row at a position of the list.
    #[must_use]
    pub fn at(&self, position: usize) -> Option<usize> {
        self.index.get(position).map(|row| *row as usize)
    }

    /// Place of the cursor in the list.
    #[must_use]
    pub const fn position(&self) -> usize {
        self.position
    }

    /// Rows that pass the filter.
    #[must_use]
    pub fn len(&self) -> usize {
        self.index.len()
    }

    /// Rows in all.
    #[must_use]
    pub const fn total(&self) -> usize {
        self.total
    }

    /// Moves the cursor to a row as soon as it is there, unless it is moved elsewhere before.
    pub fn seek(&mut self, key: RowKey) {
        self.sought = Some(key);
    }

    /// Moves the cursor.
    pub fn go(&mut self, position: usize, rows: &dyn Rows) {
        self.sought = None;
        self.position = position.min(self.index.len().saturating_sub(1));
        self.key = self.row().map(|row| rows.key(row));
    }

    /// Moves the cursor by some rows.
    pub fn step(&mut self, by: isize, rows: &dyn Rows) {
        self.go(self.position.saturating_add_signed(by), rows);
    }

    /// Rows on a page, as last drawn.
    #[must_use]
    pub fn page(&self) -> usize {
        self.height.get().saturating_sub(1).max(1)
    }

    /// First position to draw for a window of `height` rows.
    #[must_use]
    pub fn window(&self, height: usize) -> usize {
        self.height.set(height);
        let last_start = self.index.len().saturating_sub(height);
        let lowest = (self.position + 1).saturating_sub(height);
        let offset = self.offset.get().clamp(lowest, self.position.max(lowest)).min(last_start);
        self.offset.set(offset);
        offset
    }

    /// Marks or unmarks the row under the cursor.
    pub fn toggle_mark(&mut self, rows: &dyn Rows) {
        if let Some(row) = self.row() {
            let key = rows.key(row);
            if !self.marks.remove(&key) {
                self.marks.insert(key);
            }
        }
    }

    /// Marks everything that passes the filter, or nothing when that is marked already.
    pub fn toggle_all(&mut self, rows: &dyn Rows) {
        let keys: BTreeSet<RowKey> = self.index.iter().map(|row| rows.key(*row as usize)).collect();
        if keys.is_subset(&self.marks) {
            self.marks.clear();
        } else {
            self.marks.extend(keys);
        }
    }

    /// The marked rows; the one under the cursor when none is.
    #[must_use]
    pub fn chosen(&self, rows: &dyn Rows) -> Vec<usize> {
        if self.marks.is_empty() {
            return self.row().into_iter().collect();
        }
        (0..rows.len()).filter(|row| self.marks.contains(&rows.key(*row))).collect()
    }

    /// Sorts by the column after the one that is sorted by, after the last by none.
    pub fn next_sort(&mut self, columns: &[Heading]) {
        let column = self.sort.map_or(0, |sort| sort.column + 1);
        self.sort = columns.get(column).map(|found| Sort { column, descending: found.down });
    }

    /// Sorts by a column; once more turns the order round.
    pub fn sort_by(&mut self, column: usize, columns: &[Heading]) {
        self.sort = match self.sort {
            Some(sort) if sort.column == column => Some(Sort { column, descending: !sort.descending }),
            _ => columns.get(column).map(|found| Sort { column, descending: found.down }),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::Pattern;
    use crate::paint::Line;

    struct Words(Vec<Arc<Vec<&'static str>>>);

    thread_local! {
        /// Rows that were held against the filter.
        static ASKED: Cell<usize> = const { Cell::new(0) };
    }

    const COLUMNS: [Column<&'static str>; 1] =
        [Column::text("WORD", (5, 1, 0), |word, _| Line::raw(*word), Ord::cmp)];

    impl Words {
        fn word(&self, row: usize) -> &'static str {
            self.0[row / 2][row % 2]
        }
    }

    impl Source for Words {
        type Row = &'static str;
        fn columns(&self) -> &'static [Column<Self::Row>] {
            &COLUMNS
        }
        fn row(&self, row: usize) -> Option<&Self::Row> {
            self.0.get(row / 2)?.get(row % 2)
        }
        fn len(&self) -> usize {
            self.0.iter().map(|part| part.len()).sum()
        }
        fn identities(&self) -> Vec<Identity> {
            self.0.iter().map(|part| Arc::clone(part) as Identity).collect()
        }
        fn chunk(&self) -> usize {
            2
        }
        fn key(row: &Self::Row) -> RowKey {
            RowKey::Text((*row).to_owned())
        }
        fn admits(row: &Self::Row, filter: &Filter) -> bool {
            ASKED.set(ASKED.get() + 1);
            filter.pattern.matches(row)
        }
    }

    fn shown(list: &ListState, words: &Words) -> Vec<&'static str> {
        list.index.iter().map(|row| words.word(*row as usize)).collect()
    }

    #[test]
    fn the_cursor_follows_its_row() {
        let mut words = Words(vec![Arc::new(vec!["pear", "fig"])]);
        let mut list = ListState::default();
        list.refresh(&words);
        list.go(1, &words);
        words.0.insert(0, Arc::new(vec!["kiwi", "plum"]));
        list.refresh(&words);
        assert_eq!((list.position(), list.row().map(|row| words.word(row))), (3, Some("fig")));
        list.sort_by(0, &words.headings());
        list.refresh(&words);
        assert_eq!(shown(&list, &words), ["fig", "kiwi", "pear", "plum"]);
        assert_eq!(list.position(), 0);
    }

    #[test]
    fn unchanged_parts_are_not_filtered_again() {
        let mut words = Words(vec![Arc::new(vec!["pear", "fig"]), Arc::new(vec!["plum"])]);
        let mut list = ListState {
            filter: Filter { pattern: Pattern::new("^p"), ..Filter::default() },
            ..Default::default()
        };
        list.refresh(&words);
        assert_eq!((shown(&list, &words), ASKED.take()), (vec!["pear", "plum"], 3));
        list.refresh(&words);
        assert_eq!(ASKED.take(), 0);
        words.0[1] = Arc::new(vec!["plum", "peach"]);
        list.refresh(&words);
        assert_eq!((shown(&list, &words), ASKED.take()), (vec!["pear", "plum", "peach"], 2));
    }

    #[test]
    fn the_window_holds_the_cursor() {
        let words = Words((0..50).map(|_| Arc::new(vec!["a", "b"])).collect());
        let mut list = ListState::default();
        list.refresh(&words);
        assert_eq!(list.window(10), 0);
        list.go(99, &words);
        assert_eq!(list.window(10), 90);
        list.go(95, &words);
        assert_eq!(list.window(10), 90);
        list.go(3, &words);
        assert_eq!(list.window(10), 3);
        assert_eq!(list.window(200), 0);
    }
}
