//! Text for the screen: neutralising what others wrote, fitting it into columns, and numbers for people.

use jiff::{Timestamp, tz::TimeZone};
use std::borrow::Cow;
pub use throng_core::words::{count, how_many, plural};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Stands for a character that must not reach the terminal.
const MARK: char = '·';
/// Columns of a tab.
const TAB: usize = 4;

/// One line of text without anything that a terminal would obey or that would lie about what it says: complete
/// escape sequences disappear, other control, bidirectional and invisible characters become `·`, tabs become spaces.
#[must_use]
pub fn clean(text: &str) -> Cow<'_, str> {
    if text.bytes().all(|byte| (0x20..0x7f).contains(&byte)) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(char) = rest.chars().next() {
        if matches!(char, '\x1b' | '\u{9b}' | '\u{9d}')
            && let Some(length) = escape(rest)
        {
            rest = &rest[length..];
            continue;
        }
        match char {
            '\t' => out.push_str(&" ".repeat(TAB - UnicodeWidthStr::width(out.as_str()) % TAB)),
            _ if hostile(char) => out.push(MARK),
            _ => out.push(char),
        }
        rest = &rest[char.len_utf8()..];
    }
    Cow::Owned(out)
}

/// Lines of text, each [`clean`].
#[must_use]
pub fn clean_lines(text: &str) -> Vec<String> {
    text.lines().map(|line| clean(line).into_owned()).collect()
}

fn hostile(char: char) -> bool {
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

/// Columns that a text takes.
#[must_use]
pub fn width(text: &str) -> usize {
    UnicodeWidthStr::width(text)
}

/// The beginning of a text in at most `columns`, with `…` where it was cut.
#[must_use]
pub fn clip(text: &str, columns: usize) -> Cow<'_, str> {
    if width(text) <= columns {
        return Cow::Borrowed(text);
    }
    let mut used = 0;
    let kept: String = text
        .chars()
        .take_while(|char| {
            used += char.width().unwrap_or(0);
            used < columns
        })
        .collect();
    Cow::Owned(if columns == 0 { kept } else { kept + "…" })
}

/// The end of a text in at most `columns`, with `…` where it was cut: for paths, whose end says most.
#[must_use]
pub fn clip_start(text: &str, columns: usize) -> Cow<'_, str> {
    if width(text) <= columns {
        return Cow::Borrowed(text);
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
    Cow::Owned(if columns == 0 { kept } else { format!("…{kept}") })
}

/// Splits a line into pieces of at most `columns`.
#[must_use]
pub fn wrap(text: &str, columns: usize) -> Vec<&str> {
    let columns = columns.max(1);
    let (mut pieces, mut start, mut used) = (Vec::new(), 0, 0);
    for (at, char) in text.char_indices() {
        let wide = char.width().unwrap_or(0);
        if used + wide > columns && at > start {
            pieces.push(&text[start..at]);
            (start, used) = (at, 0);
        }
        used += wide;
    }
    pieces.push(&text[start..]);
    pieces
}

/// Like [`wrap`], between words where there are any; the space between two pieces is left out.
#[must_use]
pub fn wrap_words(text: &str, columns: usize) -> Vec<&str> {
    let (mut pieces, mut rest) = (Vec::new(), text);
    while width(rest) > columns.max(1) {
        let first = wrap(rest, columns)[0];
        // A break that would leave next to nothing on a line is worse than one within a word.
        let end = if rest[first.len()..].starts_with(' ') { Some(first.len()) } else { first.rfind(' ') };
        let end = end.filter(|end| !rest[..*end].trim().is_empty() && *end * 3 > first.len());
        let (piece, after) = rest.split_at(end.unwrap_or(first.len()));
        pieces.push(piece);
        rest = if end.is_some() { after.trim_start_matches(' ') } else { after };
    }
    pieces.push(rest);
    pieces
}

/// `u16`, at most its largest.
#[must_use]
pub fn small(number: usize) -> u16 {
    u16::try_from(number).unwrap_or(u16::MAX)
}

/// `118 MB`: three digits, powers of 1000 as disks and networks count.
#[must_use]
pub fn bytes(number: u64) -> String {
    scaled(number as f64)
}

/// `3.2 MB/s`
#[must_use]
pub fn rate(per_second: f64) -> String {
    format!("{}/s", scaled(per_second))
}

fn scaled(number: f64) -> String {
    let (mut value, mut unit) = (number, 0);
    let units = ["B", "kB", "MB", "GB", "TB", "PB", "EB"];
    while value >= 999.5 && unit + 1 < units.len() {
        value /= 1000.0;
        unit += 1;
    }
    if unit == 0 || value >= 99.95 {
        format!("{value:.0} {}", units[unit])
    } else {
        format!("{value:.1} {}", units[unit])
    }
}

/// Memory in MiB, as Lambda counts it: `87 MiB`.
#[must_use]
pub fn mebibytes(number: u64) -> String {
    let value = number as f64 / 1_048_576.0;
    if value >= 9.95 { format!("{value:.0} MiB") } else { format!("{value:.1} MiB") }
}

/// `12 ms`, `3.4 s`, `2m05s`, `1h02m`, `3d04h`
#[must_use]
pub fn duration(ms: u64) -> String {
    let seconds = ms / 1000;
    match seconds {
        _ if ms < 1000 => format!("{ms} ms"),
        0..60 => format!("{:.1} s", ms as f64 / 1000.0),
        60..3600 => format!("{}m{:02}s", seconds / 60, seconds % 60),
        3600..86_400 => format!("{}h{:02}m", seconds / 3600, seconds / 60 % 60),
        _ => format!("{}d{:02}h", seconds / 86_400, seconds / 3600 % 24),
    }
}

/// Like [`duration`], in whole seconds.
#[must_use]
pub fn seconds(seconds: f64) -> String {
    if !seconds.is_finite() || seconds < 0.0 {
        return "?".to_owned();
    }
    let ms = std::time::Duration::try_from_secs_f64(seconds).map_or(0, |time| time.as_secs() * 1000);
    if ms < 60_000 { format!("{} s", ms / 1000) } else { duration(ms) }
}

/// How long ago, in one unit: `5s`, `3m`, `2h`, `9d`.
#[must_use]
pub fn ago(then: u64, now: u64) -> String {
    let seconds = now.saturating_sub(then) / 1000;
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m", seconds / 60),
        3600..86_400 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86_400),
    }
}

/// `2026-11-23 21:43:44`
#[must_use]
pub fn date_time(ms: u64, zone: &TimeZone) -> String {
    format_time(ms, zone, "%Y-%m-%d %H:%M:%S")
}

/// `21:43:44.123`
#[must_use]
pub fn clock(ms: u64, zone: &TimeZone) -> String {
    format_time(ms, zone, "%H:%M:%S%.3f")
}

/// Day and minute, without the year: `11-27 23:41`.
#[must_use]
pub fn day_time(ms: u64, zone: &TimeZone) -> String {
    format_time(ms, zone, "%m-%d %H:%M")
}

fn format_time(ms: u64, zone: &TimeZone, format: &str) -> String {
    i64::try_from(ms)
        .ok()
        .and_then(|ms| Timestamp::from_millisecond(ms).ok())
        .map_or_else(String::new, |time| time.to_zoned_datetime(zone.clone()).strftime(format).to_string())
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
            ("\u{9b}31mx", "x"),
            ("\u{85}", "·"),
            ("rev\u{202e}exe.txt", "rev·exe.txt"),
            ("a\tb", "a   b"),
            ("\x1bc", ""),
            ("\x1b(Bx", "x"),
            ("zürich 日本", "zürich 日本"),
        ] {
            assert_eq!(clean(dirty), shown, "{dirty:?}");
        }
    }

    #[test]
    fn texts_fit_their_columns() {
        assert_eq!(clip("grayscale", 5), "gray…");
        assert_eq!(clip_start("in/patient/a.nii", 6), "…a.nii");
        assert_eq!(clip("日本語", 4), "日…");
        assert_eq!(clip("abc", 0), "");
        assert_eq!(wrap("abcdef", 4), ["abcd", "ef"]);
        assert_eq!(wrap("", 4), [""]);
        assert_eq!(wrap_words("shows the whole log", 10), ["shows the", "whole log"]);
        assert_eq!(wrap_words("a verylongword", 6), ["a very", "longwo", "rd"]);
        assert_eq!(wrap_words("/a/long/path", 5), ["/a/lo", "ng/pa", "th"]);
        assert_eq!(wrap("日本", 3), ["日", "本"]);
    }

    #[test]
    fn numbers_are_for_people() {
        assert_eq!(count(1_234_567), "1,234,567");
        assert_eq!(count(999), "999");
        assert_eq!(bytes(999), "999 B");
        assert_eq!(bytes(1500), "1.5 kB");
        assert_eq!(bytes(118_000_000), "118 MB");
        assert_eq!(bytes(999_960), "1.0 MB");
        assert_eq!(duration(999), "999 ms");
        assert_eq!(duration(125_000), "2m05s");
        assert_eq!(duration(100_000_000), "1d03h");
        assert_eq!(seconds(f64::NAN), "?");
        assert_eq!(ago(0, 7_200_000), "2h");
        assert_eq!(date_time(1_700_000_000_000, &TimeZone::UTC), "2023-11-14 22:13:20");
    }
}
