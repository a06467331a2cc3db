//! Tables for people, JSON for programs, both on standard output; progress on standard error.
//!
//! The only way from text to standard output and standard error: everything here takes clean text, and `clippy.toml`
//! forbids other ways elsewhere.

#![allow(
    clippy::disallowed_methods,
    reason = "everything here takes clean text and hands it to what is forbidden elsewhere"
)]

use super::args::Format;
use serde::Serialize;
use std::io::{IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use throng_core::lines;
use throng_core::words::{Clean, Lines, clip};

/// A table: a heading, rows, columns as wide as their widest cell. Columns whose heading begins with `>` are aligned
/// to the right.
#[derive(Debug, Default)]
pub struct Table {
    headings: Vec<(Clean, bool)>,
    rows: Vec<Vec<Clean>>,
}

impl Table {
    pub fn new(headings: &[&'static str]) -> Self {
        let heading =
            |text: &&'static str| (Clean::literal(text.trim_start_matches('>')), text.starts_with('>'));
        Self { headings: headings.iter().map(heading).collect(), rows: Vec::new() }
    }

    /// One more column, whose heading was given by a person.
    pub fn column(&mut self, heading: &str) {
        self.headings.push((Clean::new(heading), false));
    }

    pub fn row(&mut self, cells: impl IntoIterator<Item = impl Into<Clean>>) {
        self.rows.push(cells.into_iter().map(Into::into).collect());
    }

    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The text, with a line end after each row.
    pub fn render(&self) -> Lines {
        let heading: Vec<_> = self.headings.iter().map(|(text, _)| text.clone()).collect();
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells.chain(heading.get(column)).map(Clean::width).max().unwrap_or(0)
        };
        let widths: Vec<_> = (0..heading.len()).map(width).collect();
        let mut text = Lines::default();
        for row in std::iter::once(&heading).chain(&self.rows) {
            let mut line = Clean::default();
            for (column, cell) in row.iter().enumerate().take(widths.len()) {
                let pad: Clean = " ".repeat(widths[column].saturating_sub(cell.width())).into();
                let right = self.headings[column].1;
                for part in if right { [&pad, cell] } else { [cell, &pad] } {
                    line.push(part);
                }
                line.push(&"  ".into());
            }
            text.line(&line.part(0..line.trim_end().len()));
        }
        text
    }
}

/// Whether standard output is a terminal.
pub fn out_is_seen() -> bool {
    std::io::stdout().is_terminal()
}

/// Whether standard error is a terminal.
pub fn notes_are_seen() -> bool {
    std::io::stderr().is_terminal()
}

/// Prints to standard output. A reader that has gone away is not an error.
pub fn out(text: impl Into<Lines>) {
    write_out(text.into().as_bytes());
}

/// Prints what a function answered or a file says: as it is for a file or a program, and for people what a terminal
/// may be given of it.
pub fn data(bytes: &[u8]) {
    if out_is_seen() {
        out(Lines::new(&String::from_utf8_lossy(bytes)));
    } else {
        write_out(bytes);
    }
}

fn write_out(bytes: &[u8]) {
    let mut stdout = std::io::stdout().lock();
    if stdout.write_all(bytes).and_then(|()| stdout.flush()).is_err() {
        std::process::exit(0);
    }
}

/// Prints the JSON or the table, as was asked.
pub fn result<T: Serialize, L: Into<Lines>>(format: Format, value: &T, table: impl FnOnce() -> L) {
    match format {
        Format::Json => printed(Lines::json(value)),
        Format::Table => out(table()),
    }
}

/// Prints JSON in one line.
pub fn document(value: &impl Serialize) {
    printed(Lines::json_line(value));
}

fn printed(json: serde_json::Result<Lines>) {
    match json {
        Ok(json) => out(json.ended()),
        Err(error) => note(lines!("not JSON: {error}")),
    }
}

/// Lines on standard error.
pub fn note(text: impl Into<Lines>) {
    let _ = std::io::stderr().write_all(text.into().ended().as_bytes());
}

/// A question on standard error; the answer comes behind it.
pub fn ask(question: impl Into<Clean>) -> std::io::Result<()> {
    std::io::stderr().write_all(question.into().as_bytes())
}

/// Where throng's own log goes: standard error, neutralised, for it may quote what others wrote. What cannot be written is
/// lost: a full disk under the log must not end the daemon.
#[derive(Clone, Copy, Debug)]
pub struct LogWriter;

impl Write for LogWriter {
    fn write(&mut self, event: &[u8]) -> std::io::Result<usize> {
        let _ = std::io::stderr().write_all(Lines::new(&String::from_utf8_lossy(event)).as_bytes());
        Ok(event.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        let _ = std::io::stderr().flush();
        Ok(())
    }
}

/// Whether a [`StatusLine`] is shown.
static STATUS: AtomicBool = AtomicBool::new(false);

/// Whether a [`StatusLine`] says what goes on.
pub fn has_status() -> bool {
    STATUS.load(Ordering::Relaxed)
}

/// One line on standard error that is written over, when standard error is a terminal; nothing otherwise.
#[derive(Debug)]
pub struct StatusLine {
    terminal: bool,
    shown: bool,
}

impl StatusLine {
    pub fn new() -> Self {
        Self { terminal: notes_are_seen(), shown: false }
    }

    pub fn show(&mut self, text: impl Into<Clean>) {
        if self.terminal {
            let columns = crossterm::terminal::size().map_or(80, |(columns, _)| usize::from(columns));
            let text = clip(&text.into(), columns.saturating_sub(1));
            let _ = write!(std::io::stderr(), "\r\x1b[2K{text}");
            self.shown = true;
            STATUS.store(true, Ordering::Relaxed);
        }
    }

    pub fn clear(&mut self) {
        if self.shown {
            let _ = write!(std::io::stderr(), "\r\x1b[2K");
            self.shown = false;
            STATUS.store(false, Ordering::Relaxed);
        }
    }
}

impl Drop for StatusLine {
    fn drop(&mut self) {
        self.clear();
    }
}

/// `[#####-----]`
pub fn bar(done: u64, total: u64, width: usize) -> String {
    let filled = (done.min(total) * width as u64).checked_div(total).unwrap_or(0);
    let filled = usize::try_from(filled).unwrap_or(0);
    format!("[{}{}]", "#".repeat(filled), "-".repeat(width - filled))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_by_display_width() {
        let mut table = Table::new(&["NAME", ">SIZE"]);
        table.row(["é漢字".to_owned(), "1".to_owned()]);
        table.row(["a".to_owned(), "1000".to_owned()]);
        assert_eq!(&*table.render(), "NAME   SIZE\né漢字     1\na      1000\n");
    }
}
