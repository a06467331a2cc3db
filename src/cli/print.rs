//! Tables for people, JSON for programs, both on standard output; progress on standard error.

use super::args::Format;
use serde::Serialize;
use std::io::{IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use unicode_width::UnicodeWidthStr;

/// Makes text from elsewhere harmless for a terminal: control characters become visible.
pub fn clean(text: &str) -> String {
    text.chars()
        .map(|char| match char {
            '\t' => ' ',
            '\u{7f}' => '\u{2421}',
            control if (control as u32) < 0x20 => {
                char::from_u32(0x2400 + control as u32).unwrap_or('\u{fffd}')
            }
            // C1 controls, line breaks, and marks that reorder what follows.
            '\u{80}'..='\u{9f}'
            | '\u{61c}'
            | '\u{200e}'
            | '\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}' => '\u{fffd}',
            other => other,
        })
        .collect()
}

/// A table: a heading, rows, columns as wide as their widest cell. Columns whose heading begins with `>` are aligned
/// to the right.
#[derive(Debug, Default)]
pub struct Table {
    headings: Vec<&'static str>,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub fn new(headings: &[&'static str]) -> Self {
        Self { headings: headings.to_vec(), rows: Vec::new() }
    }

    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().map(|cell| clean(&cell)).collect());
    }

    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The text, with a line end after each row.
    pub fn render(&self) -> String {
        let heading: Vec<_> =
            self.headings.iter().map(|text| text.trim_start_matches('>').to_owned()).collect();
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells.chain(heading.get(column)).map(|cell| cell.width()).max().unwrap_or(0)
        };
        let widths: Vec<_> = (0..heading.len()).map(width).collect();
        let mut text = String::new();
        for row in std::iter::once(&heading).chain(&self.rows) {
            let mut line = String::new();
            for (column, cell) in row.iter().enumerate().take(widths.len()) {
                let pad = " ".repeat(widths[column].saturating_sub(cell.width()));
                let right = self.headings[column].starts_with('>');
                let (before, after) = if right { (pad.as_str(), "") } else { ("", pad.as_str()) };
                line.push_str(before);
                line.push_str(cell);
                line.push_str(after);
                line.push_str("  ");
            }
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }
}

/// Prints to standard output. A reader that has gone away is no error.
pub fn out(text: &str) {
    let mut stdout = std::io::stdout().lock();
    if stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()).is_err() {
        std::process::exit(0);
    }
}

/// Prints the JSON or the table, as was asked.
pub fn result<T: Serialize>(format: Format, value: &T, table: impl FnOnce() -> String) {
    match format {
        Format::Json => match serde_json::to_string_pretty(value) {
            Ok(json) => out(&(json + "\n")),
            Err(error) => note(&format!("not JSON: {error}")),
        },
        Format::Table => out(&table()),
    }
}

/// A line on standard error.
pub fn note(text: &str) {
    let _ = writeln!(std::io::stderr(), "{}", text.lines().map(clean).collect::<Vec<_>>().join("\n"));
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
        Self { terminal: std::io::stderr().is_terminal(), shown: false }
    }

    pub fn show(&mut self, text: &str) {
        if self.terminal {
            let columns = crossterm::terminal::size().map_or(80, |(columns, _)| usize::from(columns));
            let text: String = clean(text).chars().take(columns.saturating_sub(1)).collect();
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
        assert_eq!(table.render(), "NAME   SIZE\né漢字     1\na      1000\n");
    }

    #[test]
    fn escapes_do_not_reach_the_terminal() {
        let hostile = "\x1b]0;owned\x07\u{9b}31m\u{202e}abc\r";
        assert!(clean(hostile).chars().all(|c| !c.is_control() && c != '\u{202e}'));
        assert_eq!(clean("plain ü 漢"), "plain ü 漢");
        assert_eq!(clean("a\u{61c}b\u{2028}c\u{2029}d"), "a\u{fffd}b\u{fffd}c\u{fffd}d");
    }
}
