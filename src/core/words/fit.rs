//! Text in columns: how wide it is, cutting it, breaking it into lines.

use super::Clean;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Columns that a text takes.
#[must_use]
pub fn width(text: &str) -> usize {
    UnicodeWidthStr::width(text)
}

/// The beginning of a text in at most `columns`, with `…` where it was cut.
#[must_use]
pub fn clip(text: &Clean, columns: usize) -> Clean {
    if width(text) <= columns {
        return text.clone();
    }
    let mut used = 0;
    let kept: String = text
        .chars()
        .take_while(|char| {
            used += char.width().unwrap_or(0);
            used < columns
        })
        .collect();
    Clean::made(if columns == 0 { kept } else { kept + "…" })
}

/// The end of a text in at most `columns`, with `…` where it was cut: for paths, whose end says most.
#[must_use]
pub fn clip_start(text: &Clean, columns: usize) -> Clean {
    if width(text) <= columns {
        return text.clone();
    }
    let mut used = 0;
    let mut kept: Vec<char> = text
        .chars()
        .rev()
        .take_while(|char| {
            used += char.width().unwrap_or(0);
            used < columns
        })
        .collect();
    kept.reverse();
    let kept: String = kept.into_iter().collect();
    Clean::made(if columns == 0 { kept } else { format!("…{kept}") })
}

/// Splits a line into pieces of at most `columns`.
#[must_use]
pub fn wrap(text: &Clean, columns: usize) -> Vec<Clean> {
    pieces(text, columns).into_iter().map(Clean::made).collect()
}

/// Like [`wrap`], between words where there are any; the space between two pieces is left out.
#[must_use]
pub fn wrap_words(text: &Clean, columns: usize) -> Vec<Clean> {
    let (mut lines, mut rest) = (Vec::new(), text.as_str());
    while width(rest) > columns.max(1) {
        let first = first_piece(rest, columns);
        // A break that would leave next to nothing on a line is worse than one within a word.
        let end = if rest[first.len()..].starts_with(' ') { Some(first.len()) } else { first.rfind(' ') };
        let end = end.filter(|end| !rest[..*end].trim().is_empty() && *end * 3 > first.len());
        let (piece, after) = rest.split_at(end.unwrap_or(first.len()));
        lines.push(Clean::made(piece));
        rest = if end.is_some() { after.trim_start_matches(' ') } else { after };
    }
    lines.push(Clean::made(rest));
    lines
}

fn pieces(text: &str, columns: usize) -> Vec<&str> {
    let (mut pieces, mut rest) = (Vec::new(), text);
    loop {
        let first = first_piece(rest, columns);
        pieces.push(first);
        rest = &rest[first.len()..];
        if rest.is_empty() {
            return pieces;
        }
    }
}

/// As much as fits, one character at least.
fn first_piece(text: &str, columns: usize) -> &str {
    let (columns, mut used) = (columns.max(1), 0);
    for (at, char) in text.char_indices() {
        used += char.width().unwrap_or(0);
        if used > columns && at > 0 {
            return &text[..at];
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &'static str) -> Clean {
        Clean::literal(text)
    }

    #[test]
    fn texts_fit_their_columns() {
        assert_eq!(clip(&text("grayscale"), 5), "gray…");
        assert_eq!(clip_start(&text("in/patient/a.nii"), 6), "…a.nii");
        assert_eq!(clip(&text("日本語"), 4), "日…");
        assert_eq!(clip(&text("abc"), 0), "");
        assert_eq!(wrap(&text("abcdef"), 4), ["abcd", "ef"]);
        assert_eq!(wrap(&text(""), 4), [""]);
        assert_eq!(wrap_words(&text("shows the whole log"), 10), ["shows the", "whole log"]);
        assert_eq!(wrap_words(&text("a verylongword"), 6), ["a very", "longwo", "rd"]);
        assert_eq!(wrap_words(&text("/a/long/path"), 5), ["/a/lo", "ng/pa", "th"]);
        assert_eq!(wrap(&text("日本"), 3), ["日", "本"]);
    }
}
