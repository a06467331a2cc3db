//! Tasks of a run with sets of parameters: a column more for each variable, behind the others.

use super::plain;
use super::run::TaskRows;
use crate::filter::Filter;
use crate::list::{Heading, Identity, RenderContext, RowKey, Rows};
use crate::paint::{Line, small};
use std::cmp::Ordering;
use throng_core::model::Sets;
use throng_core::words::{self, Clean};

/// So many variables have a column.
const MOST: usize = 8;
/// Sets that are looked at for how wide a column is.
const LOOKED_AT: usize = 200;
/// Widest column.
const WIDEST: usize = 16;
/// Narrow screens drop the sizes, memory and times before.
const DROP: u8 = 2;

/// Tasks with their values.
pub struct Valued<'a> {
    tasks: TaskRows<'a>,
    sets: &'a Sets,
}

impl<'a> Valued<'a> {
    /// Tasks, and what their sets are.
    #[must_use]
    pub const fn new(tasks: TaskRows<'a>, sets: &'a Sets) -> Self {
        Self { tasks, sets }
    }

    fn names(&self) -> &'a [String] {
        &self.sets.names[..self.sets.names.len().min(MOST)]
    }

    /// A column of ours, by its number among all.
    fn own(&self, column: usize) -> Option<usize> {
        column.checked_sub(Rows::headings(&self.tasks).len())
    }

    fn value(&self, row: usize, column: usize) -> &'a str {
        let number = self.tasks.task(row).and_then(|task| task.task.number());
        let set = number.and_then(|number| self.sets.of_task(number).1);
        let values = set.into_iter().flat_map(|set| self.sets.variables(set));
        values.map(|(_, value)| value).nth(column).unwrap_or_default()
    }

    fn heading(&self, column: usize, name: &str) -> Heading {
        let rows = self.sets.rows.iter().take(LOOKED_AT).filter_map(|row| row.get(column));
        let width = rows.map(|value| words::width(&Clean::new(value))).max().unwrap_or(0);
        let width = small(width.max(words::width(&Clean::new(name)) + 1).min(WIDEST));
        Heading { title: "", width, grow: 0, drop: DROP, right: false, down: false, end: false }
    }
}

impl Rows for Valued<'_> {
    fn headings(&self) -> Vec<Heading> {
        let own = self.names().iter().enumerate().map(|(column, name)| self.heading(column, name));
        Rows::headings(&self.tasks).into_iter().chain(own).collect()
    }
    fn title(&self, column: usize, heading: &Heading) -> Clean {
        match self.own(column).and_then(|column| self.names().get(column)) {
            Some(name) => Clean::new(name),
            None => Clean::literal(heading.title),
        }
    }
    fn len(&self) -> usize {
        Rows::len(&self.tasks)
    }
    fn identities(&self) -> Vec<Identity> {
        Rows::identities(&self.tasks)
    }
    fn chunk(&self) -> usize {
        Rows::chunk(&self.tasks)
    }
    fn key(&self, row: usize) -> RowKey {
        Rows::key(&self.tasks, row)
    }
    fn cell(&self, row: usize, column: usize, look: &RenderContext) -> Line {
        match self.own(column) {
            Some(column) => plain(self.value(row, column)),
            None => self.tasks.cell(row, column, look),
        }
    }
    fn admits(&self, row: usize, filter: &Filter) -> bool {
        Rows::admits(&self.tasks, row, filter) || self.has_value(row, filter)
    }
    fn compare(&self, a: usize, b: usize, column: usize) -> Ordering {
        match self.own(column) {
            Some(column) => by_value(self.value(a, column), self.value(b, column)),
            None => self.tasks.compare(a, b, column),
        }
    }
}

impl Valued<'_> {
    /// Whether a filter means one of its values: `ALPHA=0.1`.
    fn has_value(&self, row: usize, filter: &Filter) -> bool {
        let Some(task) = self.tasks.task(row).filter(|task| filter.states.admits(task.state)) else {
            return false;
        };
        let set = task.task.number().and_then(|number| self.sets.of_task(number).1);
        let mut values = set.into_iter().flat_map(|set| self.sets.variables(set));
        values.any(|(name, value)| format!("{name}={value}") == filter.pattern.text())
    }
}

/// Numbers by their value, before texts.
fn by_value(a: &str, b: &str) -> Ordering {
    match (a.parse::<f64>(), b.parse::<f64>()) {
        (Ok(first), Ok(second)) => first.total_cmp(&second).then_with(|| a.cmp(b)),
        (Ok(_), Err(_)) => Ordering::Less,
        (Err(_), Ok(_)) => Ordering::Greater,
        _ => a.cmp(b),
    }
}
