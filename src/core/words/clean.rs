//! Text that a terminal may be given: nothing in it is obeyed, and nothing lies about what it says.

use super::fit;
use std::borrow::Cow;
use std::fmt::{self, Write};
use std::ops::{Deref, Range};
use unicode_width::UnicodeWidthChar;

/// Stands for a character that must not reach the terminal.
const MARK: char = '·';
/// Columns of a tab.
const TAB: usize = 4;

/// One line of text that a terminal obeys nothing of: complete escape sequences are gone, other control, bidirectional
/// and invisible characters are `·`, tabs are spaces.
///
/// Whatever prints or draws takes this and no `str`. It is made of literals ([`Clean::literal`]), of text from outside
/// ([`Clean::new`]), or of both ([`clean!`](crate::clean)).
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Clean(Cow<'static, str>);

impl Clean {
    /// Text of our own, as it stands in the source.
    #[must_use]
    pub const fn literal(text: &'static str) -> Self {
        Self(Cow::Borrowed(text))
    }

    /// Text from outside.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(Cow::Owned(if is_harmless(text) { text.to_owned() } else { neutral(text, Breaks::Marked) }))
    }

    /// Text from outside, line by line.
    #[must_use]
    pub fn lines(text: &str) -> Vec<Self> {
        text.lines().map(Self::new).collect()
    }

    /// What [`clean!`](crate::clean) expands to. Each argument is cleaned by itself: an escape sequence that one begins
    /// and another ends cannot hide what stands between them.
    #[must_use]
    pub fn formatted(arguments: fmt::Arguments<'_>) -> Self {
        if let Some(literal) = arguments.as_str() {
            return Self::literal(literal);
        }
        let mut text = Self::default();
        // Only a value that cannot be shown fails; what it has shown stays.
        let _ = text.write_fmt(arguments);
        text
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The text as a string.
    #[must_use]
    pub fn into_string(self) -> String {
        self.0.into_owned()
    }

    /// Adds a text at the end.
    pub fn push(&mut self, other: &Self) {
        self.0.to_mut().push_str(&other.0);
    }

    /// The texts with another one between them.
    #[must_use]
    pub fn join(texts: impl IntoIterator<Item = Self>, between: &'static str) -> Self {
        let texts: Vec<String> = texts.into_iter().map(Self::into_string).collect();
        Self(Cow::Owned(texts.join(between)))
    }

    /// Some bytes of it; nothing when they are not whole characters of it.
    #[must_use]
    pub fn part(&self, bytes: Range<usize>) -> Self {
        Self::made(self.0.get(bytes).unwrap_or(""))
    }

    /// Some characters of it.
    #[must_use]
    pub fn characters(&self, skip: usize, most: usize) -> Self {
        Self(Cow::Owned(self.0.chars().skip(skip).take(most).collect()))
    }

    /// Columns that it takes.
    #[must_use]
    pub fn width(&self) -> usize {
        fit::width(&self.0)
    }

    /// A part of clean text, which is clean too, perhaps with our own signs at its ends.
    pub(super) fn made(text: impl Into<String>) -> Self {
        Self(Cow::Owned(text.into()))
    }
}

impl Write for Clean {
    fn write_str(&mut self, piece: &str) -> fmt::Result {
        add(self.0.to_mut(), piece, Breaks::Marked);
        Ok(())
    }
}

impl fmt::Display for Clean {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl Deref for Clean {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl From<&'static str> for Clean {
    fn from(text: &'static str) -> Self {
        Self::literal(text)
    }
}

/// A string may hold anything, so it is cleaned.
impl From<String> for Clean {
    fn from(text: String) -> Self {
        Self(Cow::Owned(if is_harmless(&text) { text } else { neutral(&text, Breaks::Marked) }))
    }
}

impl From<&Self> for Clean {
    fn from(text: &Self) -> Self {
        text.clone()
    }
}

impl PartialEq<str> for Clean {
    fn eq(&self, other: &str) -> bool {
        self.0 == other
    }
}

impl PartialEq<&str> for Clean {
    fn eq(&self, other: &&str) -> bool {
        self.0 == *other
    }
}

/// [`format!`], with every argument cleaned by itself: `clean!("run {id} of {function}")`.
#[macro_export]
macro_rules! clean {
    ($($argument:tt)*) => { $crate::words::Clean::formatted(format_args!($($argument)*)) };
}

/// What becomes of the end of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Breaks {
    /// It is a character like others that must not reach the terminal.
    Marked,
    /// It stays.
    Kept,
}

/// Adds a text to a clean one.
pub(super) fn add(out: &mut String, piece: &str, breaks: Breaks) {
    if is_harmless(piece) {
        out.push_str(piece);
        return;
    }
    let line = out.rfind('\n').map_or(0, |end| end + 1);
    // Where tabs count from.
    let mut column = if piece.contains('\t') { fit::width(&out[line..]) } else { 0 };
    let mut rest = piece;
    while let Some(char) = rest.chars().next() {
        if matches!(char, '\x1b' | '\u{9b}' | '\u{9d}')
            && let Some(length) = escape(rest)
        {
            rest = &rest[length..];
            continue;
        }
        match char {
            '\n' if breaks == Breaks::Kept => {
                out.push('\n');
                column = 0;
            }
            '\t' => {
                let columns = TAB - column % TAB;
                out.extend(std::iter::repeat_n(' ', columns));
                column += columns;
            }
            _ => {
                let shown = if is_hostile(char) { MARK } else { char };
                out.push(shown);
                column += shown.width().unwrap_or(0);
            }
        }
        rest = &rest[char.len_utf8()..];
    }
}

/// A text with nothing in it that is obeyed.
pub(super) fn neutral(text: &str, breaks: Breaks) -> String {
    let mut out = String::with_capacity(text.len());
    add(&mut out, text, breaks);
    out
}

/// Whether a text is clean as it is; told at once of nearly all.
fn is_harmless(text: &str) -> bool {
    text.bytes().all(|byte| (0x20..0x7f).contains(&byte)) || !text.contains(is_hostile)
}

/// Whether a character must not reach a terminal: it is obeyed, or changes what the text around it seems to say.
#[must_use]
pub fn is_hostile(char: char) -> bool {
    char.is_control()
        || matches!(char,
            '\u{ad}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{180e}' | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}' | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

/// Bytes of the complete escape sequence at the beginning. `None` when it is cut short: then its text is shown, so
/// that an unfinished sequence cannot hide the rest of a line.
fn escape(text: &str) -> Option<usize> {
    let mut chars = text.char_indices();
    let kind = match chars.next()?.1 {
        '\u{9b}' => '[',
        '\u{9d}' => ']',
        _ => chars.next()?.1,
    };
    match kind {
        '[' => chars
            .find(|(_, char)| !matches!(char, '\x20'..='\x3f'))
            .and_then(|(at, char)| matches!(char, '\x40'..='\x7e').then_some(at + 1)),
        ']' | 'P' | '_' | '^' | 'X' => {
            let body = chars.as_str();
            let start = text.len() - body.len();
            let end = body.find(['\x07', '\u{9c}', '\x1b'])?;
            let last = &body[end..];
            match last.strip_prefix('\x1b') {
                Some(after) => after.starts_with('\\').then_some(start + end + 2),
                None => Some(start + end + last.chars().next()?.len_utf8()),
            }
        }
        '\x20'..='\x2f' => chars.next().map(|(at, char)| at + char.len_utf8()),
        '0'..='~' => Some(text.len() - chars.as_str().len()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_neutralised() {
        for (dirty, shown) in [
            ("plain", "plain"),
            ("\x1b[31mred\x1b[0m", "red"),
            ("\x1b]0;title\x07x", "x"),
            ("\x1b]52;c;aGk=\x1b\\x", "x"),
            ("\x1b]0;never ended", "·]0;never ended"),
            ("\x1b[2", "·[2"),
            ("a\rb\x08\x7f\0", "a·b···"),
            ("two\nlines", "two·lines"),
            ("\u{9b}31mx", "x"),
            ("\u{85}", "·"),
            ("rev\u{202e}exe.txt", "rev·exe.txt"),
            ("a\tb", "a   b"),
            ("\x1bc", ""),
            ("\x1b(Bx", "x"),
            ("zürich 日本", "zürich 日本"),
        ] {
            assert_eq!(Clean::new(dirty), shown, "{dirty:?}");
            assert_eq!(Clean::from(dirty.to_owned()), shown, "{dirty:?}");
        }
    }

    #[test]
    fn each_argument_is_cleaned_by_itself() {
        let (begins, ends) = ("a\x1b]0;", "b\x07c");
        assert_eq!(clean!("{begins} deleted? {ends}"), "a·]0; deleted? b·c");
        assert_eq!(clean!("{:>4}|{}", "\x1b[1m7", 8), "7|8", "padding counts what was there before");
        assert_eq!(clean!("{:<6}|", Clean::new("\x1b[1m7")), "7     |");
        assert_eq!(clean!("no argument"), "no argument");
    }

    #[test]
    fn parts_stay_clean() {
        let text = Clean::new("zü\x1b[1mrich");
        assert_eq!(text.part(0..3), "zü");
        assert_eq!(text.part(0..2), "", "half a character");
        assert_eq!(text.characters(1, 2), "ür");
        assert_eq!(Clean::join(["a".into(), "b".into()], ", "), "a, b");
    }
}
