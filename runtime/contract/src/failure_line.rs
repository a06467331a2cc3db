//! Failures that are alike have one digest, so that they group by listing alone.

use super::hash;

/// Characters of a line that count.
const LONGEST: usize = 300;

/// The digest of a failure's line: 8 hexadecimal digits. What differs from task to task is folded first (numbers, hexadecimal
/// ids, paths and quoted names), so that `cannot open /tmp/a/b1.nii: 17 bytes` and the same of another file are one failure.
#[must_use]
pub fn digest(line: &str) -> String {
    hash::short(&[fold(line).as_bytes()])
}

/// The line with what differs from task to task replaced: numbers and ids by `#`, paths by `/…`, spaces by one.
#[must_use]
pub fn fold(line: &str) -> String {
    let line: String = line.chars().take(LONGEST).collect();
    let words = line.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty());
    let mut folded = String::new();
    for word in words {
        if !folded.is_empty() {
            folded.push(' ');
        }
        folded.push_str(&fold_word(word));
    }
    folded
}

fn fold_word(word: &str) -> String {
    let edge = |c: char| !(c.is_alphanumeric() || matches!(c, '/' | '.' | '_' | '-' | '~' | '%' | '+'));
    let inner = word.trim_matches(edge);
    let Some(at) = word.find(inner).filter(|_| !inner.is_empty()) else { return word.to_owned() };
    let (before, after) = (&word[..at], &word[at + inner.len()..]);
    let inner = if inner.contains('/') {
        "/…".to_owned()
    } else if is_id(inner) {
        "#".to_owned()
    } else {
        fold_digits(inner)
    };
    format!("{before}{inner}{after}")
}

/// At least eight characters of a hexadecimal number or UUID, with a digit among them.
fn is_id(word: &str) -> bool {
    word.len() >= 8
        && word.bytes().any(|b| b.is_ascii_digit())
        && word.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-')
}

fn fold_digits(word: &str) -> String {
    let mut out = String::new();
    for c in word.chars() {
        if !c.is_ascii_digit() {
            out.push(c);
        } else if !out.ends_with('#') {
            out.push('#');
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_from_task_to_task_is_folded() {
        for (a, b) in [
            ("cannot open '/tmp/a/b1.nii': 17 bytes", "cannot open '/tmp/x/y.nii': 9 bytes"),
            ("slice 12 of 30 is empty", "slice  3 of 31 is empty"),
            (
                "request 5ca4a8d2-0000-4000-8000-1234567890ab failed",
                "request 11111111-2222-4333-8444-abcdefabcdef failed",
            ),
            ("sub-01_T1w.nii: bad header", "sub-17_T2w.nii: bad header"),
        ] {
            assert_eq!(digest(a), digest(b), "{} | {}", fold(a), fold(b));
        }
        assert_ne!(digest("the script ended with exit code 1"), digest("the script was ended by signal 9"));
        assert_eq!(fold("a\u{1b}[31m b"), "a [#m b");
        assert_eq!((digest("").len(), digest("é/é\u{0}").len()), (8, 8));
    }
}
