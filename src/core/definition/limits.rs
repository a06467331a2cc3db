//! What Lambda, S3 and `CloudWatch` Logs allow. Sources: the API references of the three services.

use super::fields::{Spanned, show};
use super::problem::{Position, Report};
use crate::model::is_reserved;
use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use throng_contract::FunctionConfig;

/// Memory in MiB.
pub(crate) const MEMORY_MB: RangeInclusive<u32> = 128..=10_240;
/// Time limit in seconds.
pub(crate) const TIMEOUT_S: RangeInclusive<u32> = 1..=900;
/// /tmp in MiB.
pub(super) const TMP_MB: RangeInclusive<u32> = 512..=10_240;
/// Lambda's own retries of asynchronous invocations.
pub(super) const RETRIES: RangeInclusive<u32> = 0..=2;
/// Reserved concurrency. 0 would stop the function altogether.
pub(crate) const CONCURRENCY: RangeInclusive<u32> = 1..=100_000;
/// Files that a task can be expected to leave.
pub(super) const EXPECTED_FILES: RangeInclusive<u32> = 1..=1_000_000;
/// The longest script. Our own limit: larger things belong into the image.
pub(crate) const SCRIPT_BYTES: u64 = 16 * 1024 * 1024;
/// The longest working folder, in bytes; what the local cloud takes of an image.
const WORKDIR_BYTES: usize = 1000;
/// All variables of a function together.
const VARIABLES_BYTES: usize = 4096;
/// Days that `CloudWatch` Logs accepts.
const RETENTION: [u32; 22] =
    [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653];

pub(super) const NAME_RULE: &str = "a name has 1 to 64 of the letters a-z A-Z 0-9 _ -";

const REPOSITORY_RULE: &str = "its image's repository has the same name, in which _ and - stand between letters or digits, one at a time";

/// Whether a function's name, in lower case, can be that of its repository in Amazon ECR (`CreateRepository`:
/// `[a-z0-9]+(?:[._-][a-z0-9]+)*`).
fn names_a_repository(name: &str) -> bool {
    name.split(['_', '-']).all(|part| !part.is_empty())
}

/// Checks a function's name.
pub(super) fn name(name: Spanned<String>, key: &str, report: &mut Report) -> String {
    let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    if name.value.is_empty() || name.value.len() > 64 || !name.value.chars().all(good) {
        report.error(name.at, key, format!("{} is not allowed: {NAME_RULE}", show(&name.value)));
    } else if !names_a_repository(&name.value) {
        let message = format!("{} is not allowed: {REPOSITORY_RULE}", show(&name.value));
        report.error(name.at, key, message);
    }
    name.value
}

/// Checks a description.
pub(super) fn description(text: Spanned<String>, key: &str, report: &mut Report) -> String {
    if text.value.chars().count() > 256 {
        report.error(text.at, key, "is longer than 256 characters");
    }
    text.value
}

/// Checks where scripts start: an absolute path without `..`, or `task`.
pub(super) fn workdir(folder: &Spanned<String>, key: &str, report: &mut Report) -> Option<String> {
    let value = folder.value.trim();
    let good = value == FunctionConfig::TASK_FOLDER
        || (value.starts_with('/')
            && value.len() <= WORKDIR_BYTES
            && !value.split('/').any(|part| part == "..")
            && !value.contains('\0'));
    if !good {
        let message = format!(
            "{} is not a working folder: an absolute path in the image, or `task` for a fresh folder for each task",
            show(&folder.value)
        );
        report.error(folder.at, key, message);
    }
    good.then(|| value.to_owned())
}

/// The time kept back when the definition does not say: SCAR's 10 seconds, half of it all for short functions.
pub(super) const fn default_threshold(timeout_s: u32) -> u32 {
    if timeout_s / 2 < 10 { timeout_s / 2 } else { 10 }
}

/// Checks a variable's name.
pub(super) fn variable_name(name: &str, at: Position, key: &str, report: &mut Report) -> bool {
    let mut chars = name.chars();
    let begins = chars.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_');
    let good = begins && chars.all(|c| c.is_ascii_alphanumeric() || c == '_');
    if !good {
        let message = "is not a variable name: a letter or _, then letters, digits and _";
        report.error(at, key, message);
    }
    good
}

/// Why a variable cannot be set on a function.
pub(super) fn reserved(name: &str) -> Option<String> {
    let ours = name.starts_with("THRONG_");
    if ours {
        return Some("is a name that throng sets itself; choose another".into());
    }
    if is_reserved(name) {
        return Some("is a name that Lambda sets itself and refuses; choose another".into());
    }
    let good = name.len() > 1 && name.starts_with(|c: char| c.is_ascii_alphabetic());
    (!good).then(|| "is not allowed: Lambda wants two characters or more, the first a letter".into())
}

/// Checks the size of all variables of a function. Leaves room for those that throng adds.
pub(super) fn variables_size(
    variables: &BTreeMap<String, String>,
    at: Position,
    key: &str,
    report: &mut Report,
) {
    let size: usize = variables.iter().map(|(name, value)| name.len() + value.len() + 6).sum();
    let limit = VARIABLES_BYTES - 256;
    if size > limit {
        let message =
            format!("{size} bytes of variables: Lambda takes {VARIABLES_BYTES} in all; shorten them");
        report.error(at, key, message);
    }
}

/// Checks the days for which logs are kept.
pub(super) fn retention(days: &Spanned<u32>, key: &str, report: &mut Report) -> u32 {
    if !RETENTION.contains(&days.value) {
        let allowed: Vec<String> = RETENTION.iter().map(u32::to_string).collect();
        let message = format!("{} is not allowed: one of {}", days.value, allowed.join(", "));
        report.error(days.at, key, message);
    }
    days.value
}

/// Checks a role's ARN. SCAR's placeholder reads as none. The message has it as `written`, `${NAME}` and all.
pub(super) fn role(role: &Spanned<String>, written: &str, key: &str, report: &mut Report) -> Option<String> {
    let value = role.value.trim();
    if value.is_empty() {
        return None;
    }
    let parts: Vec<&str> = value.split(':').collect();
    let good = matches!(parts[..], ["arn", partition, "iam", "", account, path]
        if partition.starts_with("aws")
            && account.len() == 12
            && account.bytes().all(|b| b.is_ascii_digit())
            && path.strip_prefix("role/").is_some_and(|name| !name.is_empty()));
    if !good {
        let message = format!("{} is not a role: arn:aws:iam::<12 digits>:role/<name>", show(written));
        report.error(role.at, key, message);
    }
    Some(value.to_owned())
}

/// Checks a region's name. The message has the text as `written`.
pub(super) fn region(region: &Spanned<String>, written: &str, key: &str, report: &mut Report) -> String {
    let value = region.value.trim();
    let good = value.split('-').count() >= 3
        && value.ends_with(|c: char| c.is_ascii_digit())
        && value.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if !good {
        report.error(region.at, key, format!("{} is not a region: such as us-east-1", show(written)));
    }
    value.to_owned()
}

/// Checks a tag.
pub(super) fn tag(name: &str, value: &Spanned<String>, key: &str, report: &mut Report) {
    if name.is_empty() || name.chars().count() > 128 || value.value.chars().count() > 256 {
        report.error(value.at, key, "a tag's name has 1 to 128 characters, its value at most 256");
    } else if name.starts_with("aws:") || name.starts_with("throng:") {
        report.error(value.at, key, format!("tag {}: this beginning is reserved", show(name)));
    }
}

/// Checks a bucket's name.
///
/// # Errors
/// What is wrong with it.
pub fn bucket(name: &str) -> Result<(), &'static str> {
    let good = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'-');
    let edge = |b: Option<&u8>| b.is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    let bytes = name.as_bytes();
    if !(3..=63).contains(&bytes.len()) {
        return Err("it must have 3 to 63 characters");
    }
    if !bytes.iter().all(|b| good(*b)) {
        return Err("only a-z, 0-9, . and - are allowed");
    }
    if !edge(bytes.first()) || !edge(bytes.last()) {
        return Err("it must begin and end with a letter or digit");
    }
    if name.contains("..") {
        return Err("two dots cannot follow each other");
    }
    if name.parse::<std::net::Ipv4Addr>().is_ok() {
        return Err("it must not look like an IP address");
    }
    let begin = ["xn--", "sthree-"].iter().any(|begin| name.starts_with(begin));
    let end = ["-s3alias", "--ol-s3", ".mrap", "--x-s3"].iter().any(|end| name.ends_with(end));
    if begin || end {
        return Err("this beginning or end is reserved by S3");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_functions_are_those_of_repositories_too() {
        for good in ["f", "Gray", "a-b_c", "throng-demo-slices"] {
            assert!(names_a_repository(good), "{good}");
        }
        for bad in ["-f", "f_", "a--b", "a_-b"] {
            assert!(!names_a_repository(bad), "{bad}");
        }
    }

    #[test]
    fn bucket_names_are_those_of_s3() {
        for good in ["abc", "my-bucket.data", "0x0", "a".repeat(63).as_str()] {
            assert_eq!(bucket(good), Ok(()), "{good}");
        }
        for bad in ["", "ab", "Abc", "a_b", "-ab", "ab-", "a..b", "10.0.0.1", "xn--abc", "abc-s3alias"] {
            assert!(bucket(bad).is_err(), "{bad}");
        }
        assert!(bucket(&"a".repeat(64)).is_err());
    }

    #[test]
    fn short_functions_keep_back_half_of_their_time() {
        assert_eq!(default_threshold(300), 10);
        assert_eq!(default_threshold(10), 5);
        assert_eq!(default_threshold(1), 0);
    }
}
