//! Which objects of an input's place are inputs: `prefix`, `suffix`, `exclude`, `min_size`, `newer`.

use super::fields::{Fields, show};
use super::problem::Report;
use crate::words;
use jiff::Timestamp;
use jiff::civil::{Date, Time};
use jiff::tz::{Offset, TimeZone};
use std::fmt::Write as _;
use throng_contract::{Newer, Selection};

/// What all rules of a function have room for, in bytes of JSON: they travel in tags of the function, eight of 256 characters.
const BYTES: usize = 1500;

/// Reads the rules of an entry; its place is not filled in.
pub(super) fn read(fields: &Fields<'_>, report: &mut Report) -> Selection {
    let texts = |name: &str, report: &mut Report| -> Vec<String> {
        let all = fields.texts(name, report).into_iter().map(|text| text.value);
        all.filter(|text| !text.is_empty()).collect()
    };
    let mut rules = Selection {
        prefix: texts("prefix", report)
            .iter()
            .map(|prefix| prefix.trim_start_matches('/').to_owned())
            .collect(),
        suffix: texts("suffix", report),
        exclude: Vec::new(),
        ..Selection::default()
    };
    for pattern in fields.texts("exclude", report) {
        match globset::Glob::new(&pattern.value) {
            Ok(_) => rules.exclude.push(pattern.value),
            Err(error) => {
                let message = format!("{} is not a pattern: {}", show(&pattern.value), error.kind());
                report.error(pattern.at, &fields.key("exclude"), message);
            }
        }
    }
    if let Some(size) = fields.text("min_size", report) {
        match words::read_bytes(&size.value) {
            Ok(bytes) => rules.min_size = bytes,
            Err(why) => {
                let message = format!("{}: {why}", show(&size.value));
                report.error(size.at, &fields.key("min_size"), message);
            }
        }
    }
    if let Some(newer) = fields.text("newer", report) {
        rules.newer = read_newer(&newer.value);
        if rules.newer.is_none() {
            let message = format!(
                "{} is neither a time (2026-11-30, 2026-11-30T12:00:00Z) nor a duration (12h, 7d)",
                show(&newer.value)
            );
            report.error(newer.at, &fields.key("newer"), message);
        }
    }
    rules
}

fn read_newer(text: &str) -> Option<Newer> {
    let text = text.trim();
    let moment = text.parse::<Timestamp>().ok().or_else(|| {
        let day = text.parse::<Date>().ok()?;
        Offset::UTC.to_timestamp(day.to_datetime(Time::midnight())).ok()
    });
    if let Some(moment) = moment {
        return Some(Newer::Since(u64::try_from(moment.as_millisecond()).ok()?));
    }
    let within = words::read_duration(text).ok()?;
    Some(Newer::Within(u64::try_from(within.as_millis()).ok()?))
}

/// What a trigger can say of several prefixes: what all of them begin with.
pub(super) fn common_prefix(prefixes: &[String]) -> String {
    let Some((first, rest)) = prefixes.split_first() else { return String::new() };
    let mut common = first.as_str();
    while !rest.iter().all(|other| other.starts_with(common)) {
        let mut chars = common.chars();
        chars.next_back();
        common = chars.as_str();
    }
    common.to_owned()
}

/// Refuses rules that a function's tags have no room for: a launch would not know them.
pub(super) fn check_length(entries: &[Selection], lambda: &Fields<'_>, report: &mut Report) {
    let rules = entries.iter().any(|entry| !entry.is_everything());
    let length = serde_json::to_string(entries).map_or(0, |text| text.len());
    if let Some(node) = lambda.node("input").filter(|_| rules && length > BYTES) {
        let message = format!(
            "the rules of all entries have {length} bytes: {BYTES} are allowed; use fewer or shorter ones"
        );
        report.error(node.at, &lambda.key("input"), message);
    }
}

/// What an entry keeps out beside prefix and suffix, in words; empty when nothing.
pub(super) fn told(entry: &Selection) -> String {
    let any = |list: &[String]| list.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(" or ");
    let mut line = String::new();
    if !entry.prefix.is_empty() {
        let _ = write!(line, " beginning with {}", any(&entry.prefix));
    }
    if !entry.suffix.is_empty() {
        let and = if entry.prefix.is_empty() { "" } else { " and" };
        let _ = write!(line, "{and} ending with {}", any(&entry.suffix));
    }
    if !entry.exclude.is_empty() {
        let _ = write!(line, ", without {}", any(&entry.exclude));
    }
    if entry.min_size > 0 {
        let _ = write!(line, ", of at least {}", words::bytes(entry.min_size));
    }
    match entry.newer {
        None => {}
        Some(Newer::Since(ms)) => {
            let _ = write!(line, ", newer than {}", words::date_time(ms, &TimeZone::UTC));
        }
        Some(Newer::Within(ms)) => {
            let _ = write!(line, ", not older than {}", words::duration(ms));
        }
    }
    line
}

/// `newer` as it is written in a file.
pub(super) fn written(newer: Newer) -> String {
    match newer {
        Newer::Since(ms) => {
            Timestamp::from_millisecond(i64::try_from(ms).unwrap_or(0)).unwrap_or_default().to_string()
        }
        Newer::Within(ms) => format!("{}s", ms / 1000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_prefixes_have_what_they_share_as_their_trigger() {
        let common = |list: &[&str]| common_prefix(&list.iter().map(ToString::to_string).collect::<Vec<_>>());
        assert_eq!(common(&["sub-01", "sub-02"]), "sub-0");
        assert_eq!(common(&["é1", "è1"]), "");
        assert_eq!(common(&["only"]), "only");
        assert_eq!(common(&[]), "");
    }

    #[test]
    fn newer_is_a_time_or_a_duration() {
        assert_eq!(read_newer("7d"), Some(Newer::Within(7 * 86_400_000)));
        assert_eq!(read_newer("1970-01-02"), Some(Newer::Since(86_400_000)));
        assert_eq!(read_newer("1970-01-01T00:00:01Z"), Some(Newer::Since(1000)));
        assert_eq!(read_newer("yesterday"), None);
        for newer in [Newer::Since(86_400_000), Newer::Within(3_600_000)] {
            assert_eq!(read_newer(&written(newer)), Some(newer));
        }
    }
}
