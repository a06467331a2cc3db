//! Clean text of several lines, as a command prints it.

use super::clean::{Breaks, Clean, add, is_hostile, neutral};
use serde::Serialize;
use std::fmt::{self, Write};
use std::ops::Deref;

/// Text of several lines of which a terminal obeys nothing but the ends of lines. Written with [`write!`], which cleans
/// what it writes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lines(String);

impl Lines {
    /// Text from outside; the ends of its lines stay.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(neutral(text, Breaks::Kept))
    }

    /// What [`lines!`](crate::lines) expands to; as with [`Clean::formatted`], each argument is cleaned by itself.
    #[must_use]
    pub fn formatted(arguments: fmt::Arguments<'_>) -> Self {
        let mut text = Self::default();
        // Only a value that cannot be shown fails; what it has shown stays.
        let _ = text.write_fmt(arguments);
        text
    }

    /// A document for programs, set out for people; what a terminal would obey is escaped in its strings.
    ///
    /// # Errors
    /// When the value has no form in JSON.
    pub fn json(value: &impl Serialize) -> serde_json::Result<Self> {
        serde_json::to_string_pretty(value).map(|json| Self(escaped(&json)))
    }

    /// As [`Lines::json`], in one line.
    ///
    /// # Errors
    /// When the value has no form in JSON.
    pub fn json_line(value: &impl Serialize) -> serde_json::Result<Self> {
        serde_json::to_string(value).map(|json| Self(escaped(&json)))
    }

    /// Adds a line with its end.
    pub fn line(&mut self, line: &Clean) {
        self.0.push_str(line);
        self.0.push('\n');
    }

    /// Adds lines.
    pub fn push(&mut self, other: &Self) {
        self.0.push_str(&other.0);
    }

    /// Ends the last line.
    #[must_use]
    pub fn ended(mut self) -> Self {
        if !self.0.ends_with('\n') {
            self.0.push('\n');
        }
        self
    }
}

/// [`format!`] of text that may have several lines, with every argument cleaned by itself.
#[macro_export]
macro_rules! lines {
    ($($argument:tt)*) => { $crate::words::Lines::formatted(format_args!($($argument)*)) };
}

/// JSON of the same value. Hostile characters are found in its strings only, and may be escaped there.
fn escaped(json: &str) -> String {
    let hostile = |char: char| char != '\n' && is_hostile(char);
    if !json.contains(hostile) {
        return json.to_owned();
    }
    let mut out = String::with_capacity(json.len() + 16);
    for char in json.chars() {
        if hostile(char) {
            for unit in char.encode_utf16(&mut [0; 2]) {
                let _ = write!(out, "\\u{unit:04x}");
            }
        } else {
            out.push(char);
        }
    }
    out
}

impl Write for Lines {
    fn write_str(&mut self, piece: &str) -> fmt::Result {
        add(&mut self.0, piece, Breaks::Kept);
        Ok(())
    }
}

impl fmt::Display for Lines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Deref for Lines {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl From<Clean> for Lines {
    fn from(line: Clean) -> Self {
        Self(line.into_string())
    }
}

impl From<&'static str> for Lines {
    fn from(text: &'static str) -> Self {
        Self(text.to_owned())
    }
}

/// A string may hold anything, so it is cleaned.
impl From<String> for Lines {
    fn from(text: String) -> Self {
        Self::new(&text)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn lines_end_and_nothing_else_is_obeyed() {
        let mut text = Lines::default();
        let outside = "x\x1b]0;t\x07\ny\r";
        let _ = writeln!(text, "run {outside}");
        text.line(&Clean::new("a\nb"));
        assert_eq!(&*text, "run x\ny·\na·b\n");
        assert_eq!(&*Lines::new("a\tb\n\tc"), "a   b\n    c");
        assert_eq!(&*lines!("{}\nmore", "x").ended(), "x\nmore\n");
    }

    #[test]
    fn json_says_the_same_and_a_terminal_obeys_nothing_of_it() {
        let value = serde_json::json!({"a\u{9b}": "\u{1b}]0;x\u{7}\u{202e}\u{7f}\u{e0001}ü"});
        for json in [Lines::json(&value).unwrap(), Lines::json_line(&value).unwrap()] {
            assert!(!json.contains(|char| char != '\n' && is_hostile(char)), "{json}");
            assert_eq!(serde_json::from_str::<serde_json::Value>(&json).unwrap(), value);
        }
    }
}
