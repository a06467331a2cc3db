//! What a list shows: columns, each with its heading, its cells and its order, and rows of one type.

use super::filter::Filter;
use super::list::RenderContext;
use super::paint::Line;
use std::any::Any;
use std::cmp::Ordering;
use std::sync::Arc;
use throng_core::words::Clean;

/// Part of the data: while it is the same allocation, it has not changed.
pub type Identity = Arc<dyn Any + Send + Sync>;

/// What a row is, whatever its place in the list.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RowKey {
    /// A name or key.
    Text(String),
    /// A number.
    Number(u64),
}

/// How a column of a table stands.
#[derive(Clone, Copy, Debug)]
pub struct Heading {
    /// Its text.
    pub title: &'static str,
    /// Least width.
    pub width: u16,
    /// Share of the space that is left over; 0 for none.
    pub grow: u16,
    /// Narrow screens drop the highest number first; 0 stays always.
    pub drop: u8,
    /// Whether its text stands on the right.
    pub right: bool,
    /// Whether the first order is descending: numbers and times.
    pub down: bool,
    /// Whether a text that is too long loses its beginning: of a key, the end tells most.
    pub end: bool,
}

/// A column of a table of `T`.
pub struct Column<T> {
    /// How it stands.
    pub heading: Heading,
    /// What of a row stands in it.
    pub cell: fn(&T, &RenderContext) -> Line,
    /// The order of rows by it.
    pub order: fn(&T, &T) -> Ordering,
}

impl<T> Column<T> {
    /// A column of text.
    #[must_use]
    pub const fn text(
        title: &'static str,
        (width, grow, drop): (u16, u16, u8),
        cell: fn(&T, &RenderContext) -> Line,
        order: fn(&T, &T) -> Ordering,
    ) -> Self {
        let heading = Heading { title, width, grow, drop, right: false, down: false, end: false };
        Self { heading, cell, order }
    }

    /// A column of numbers.
    #[must_use]
    pub const fn number(
        title: &'static str,
        (width, drop): (u16, u8),
        cell: fn(&T, &RenderContext) -> Line,
        order: fn(&T, &T) -> Ordering,
    ) -> Self {
        let heading = Heading { title, width, grow: 0, drop, right: true, down: true, end: false };
        Self { heading, cell, order }
    }

    /// The same, with the largest first at first, or last.
    #[must_use]
    pub const fn down(self, down: bool) -> Self {
        let heading = Heading { down, ..self.heading };
        Self { heading, cell: self.cell, order: self.order }
    }

    /// The same, of texts whose ends tell most.
    #[must_use]
    pub const fn end(self) -> Self {
        let heading = Heading { end: true, ..self.heading };
        Self { heading, cell: self.cell, order: self.order }
    }
}

/// The rows of one kind of list, whatever they are.
pub trait Rows {
    /// How the columns stand.
    fn headings(&self) -> Vec<Heading>;
    /// What stands above a column.
    fn title(&self, _column: usize, heading: &Heading) -> Clean {
        Clean::literal(heading.title)
    }
    /// How many rows there are.
    fn len(&self) -> usize;
    /// The data in parts of [`Rows::chunk`] rows.
    fn identities(&self) -> Vec<Identity>;
    /// Rows per part.
    fn chunk(&self) -> usize;
    /// What a row is.
    fn key(&self, row: usize) -> RowKey;
    /// What stands in a column of a row.
    fn cell(&self, row: usize, column: usize, look: &RenderContext) -> Line;
    /// Whether a row passes.
    fn admits(&self, row: usize, filter: &Filter) -> bool;
    /// Order by a column.
    fn compare(&self, a: usize, b: usize, column: usize) -> Ordering;
}

/// Rows of one type.
pub trait Source {
    /// What is a row.
    type Row: 'static;
    /// Columns, from left to right.
    fn columns(&self) -> &'static [Column<Self::Row>];
    /// A row.
    fn row(&self, row: usize) -> Option<&Self::Row>;
    /// See [`Rows::len`].
    fn len(&self) -> usize;
    /// See [`Rows::identities`].
    fn identities(&self) -> Vec<Identity>;
    /// See [`Rows::chunk`].
    fn chunk(&self) -> usize {
        usize::MAX
    }
    /// What a row is.
    fn key(row: &Self::Row) -> RowKey;
    /// Whether a row passes.
    fn admits(row: &Self::Row, filter: &Filter) -> bool;
}

impl<S: Source> Rows for S {
    fn headings(&self) -> Vec<Heading> {
        self.columns().iter().map(|column| column.heading).collect()
    }
    fn len(&self) -> usize {
        Source::len(self)
    }
    fn identities(&self) -> Vec<Identity> {
        Source::identities(self)
    }
    fn chunk(&self) -> usize {
        Source::chunk(self)
    }
    fn key(&self, row: usize) -> RowKey {
        self.row(row).map_or(RowKey::Number(u64::MAX), S::key)
    }
    fn cell(&self, row: usize, column: usize, look: &RenderContext) -> Line {
        match (self.columns().get(column), self.row(row)) {
            (Some(column), Some(row)) => (column.cell)(row, look),
            _ => Line::default(),
        }
    }
    fn admits(&self, row: usize, filter: &Filter) -> bool {
        self.row(row).is_some_and(|row| S::admits(row, filter))
    }
    fn compare(&self, a: usize, b: usize, column: usize) -> Ordering {
        match (self.columns().get(column), self.row(a), self.row(b)) {
            (Some(column), Some(a), Some(b)) => (column.order)(a, b),
            _ => Ordering::Equal,
        }
    }
}
