//! `expect`: what a task must have left to have succeeded.

use super::fields::Fields;
use super::limits;
use super::problem::Report;
use crate::words;
use throng_contract::Expect;

const KEYS: &[&str] = &["files", "suffix", "min_bytes"];

/// Reads it.
pub(super) fn read(lambda: &Fields<'_>, report: &mut Report) -> Option<Expect> {
    lambda.node("expect")?;
    let expect = lambda.map("expect", KEYS, report);
    let files = expect.number("files", limits::EXPECTED_FILES, "", report);
    let suffix = expect.texts("suffix", report).into_iter().map(|text| text.value);
    let min_bytes = expect.number("min_bytes", 0..=u32::MAX, "bytes", report);
    Some(Expect {
        files: files.map_or(1, |number| number.value),
        suffix: suffix.filter(|text| !text.is_empty()).collect(),
        min_bytes: min_bytes.map_or(0, |number| number.value.into()),
    })
}

/// For people.
pub(super) fn in_words(expect: &Expect) -> String {
    let files = words::plural(expect.files.into(), "file");
    let endings: Vec<_> = expect.suffix.iter().map(|suffix| format!("`{suffix}`")).collect();
    let endings =
        if endings.is_empty() { String::new() } else { format!(" ending with {}", endings.join(" or ")) };
    let bytes = match expect.min_bytes {
        0 => String::new(),
        bytes => format!(" of {} or more", words::bytes(bytes)),
    };
    format!("a task that leaves less than {files}{endings}{bytes} has failed")
}

/// As lines of a definition.
pub(super) fn yaml(expect: &Expect, quote: impl Fn(&str) -> String) -> Vec<String> {
    let mut lines = vec!["expect:".to_owned(), format!("  files: {}", expect.files)];
    if !expect.suffix.is_empty() {
        let list: Vec<_> = expect.suffix.iter().map(|word| quote(word)).collect();
        lines.push(format!("  suffix: [{}]", list.join(", ")));
    }
    lines.push(format!("  min_bytes: {}", expect.min_bytes));
    lines
}
