//! Which objects of a place are inputs: what an `input` entry of a definition says beside the place.
//!
//! S3's notifications know a prefix and a suffix. The rest is obeyed by whoever launches and, for objects that arrive by
//! themselves, by the runtime.

use serde::{Deserialize, Serialize};
use std::fmt;

/// One `input` entry of a definition.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Selection {
    /// The storage provider, as `minio.lab`; the function's own storage when `None`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// The bucket.
    pub bucket: String,
    /// Folder within the bucket, without slashes at either end; may be empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub path: String,
    /// Names below the folder begin with any of these, or there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub prefix: Vec<String>,
    /// Names end with any of these, or there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub suffix: Vec<String>,
    /// Globs over names below the folder: what fits one is no input. One without a slash is for the last part of a name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exclude: Vec<String>,
    /// Smaller objects are no inputs; in bytes.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub min_size: u64,
    /// Older objects are no inputs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub newer: Option<Newer>,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
const fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// Since when an object must have been stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Newer {
    /// A moment, in milliseconds since 1970.
    Since(u64),
    /// At most so many milliseconds before it is looked at.
    Within(u64),
}

/// An object, or a file that would become one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Candidate<'a> {
    /// Its name below the entry's folder.
    pub name: &'a str,
    /// Its size in bytes, when known.
    pub size: Option<u64>,
    /// When it was stored or changed, in milliseconds since 1970, when known.
    pub modified_ms: Option<u64>,
}

/// Why something is no input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LeftOut {
    /// Its name begins with none of the prefixes.
    Prefix(Vec<String>),
    /// Its name ends with none of the suffixes.
    Suffix(Vec<String>),
    /// It fits this pattern of `exclude`.
    Excluded(String),
    /// It is smaller than so many bytes.
    Small(u64),
    /// It is older than `newer` allows.
    Old,
}

impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Prefix(list) => write!(f, "its name does not begin with {}", list.join(" or ")),
            Self::Suffix(list) => write!(f, "its name does not end with {}", list.join(" or ")),
            Self::Excluded(pattern) => write!(f, "it is excluded by {pattern}"),
            Self::Small(bytes) => write!(f, "it is smaller than {bytes} bytes"),
            Self::Old => f.write_str("it is older than `newer` allows"),
        }
    }
}

impl Selection {
    /// Whether everything at the place is an input.
    #[must_use]
    pub fn is_everything(&self) -> bool {
        let Self { prefix, suffix, exclude, min_size, newer, .. } = self;
        prefix.is_empty() && suffix.is_empty() && exclude.is_empty() && *min_size == 0 && newer.is_none()
    }

    /// Whether a notification of S3 says all of it: one prefix, any suffixes.
    #[must_use]
    pub fn is_for_notifications(&self) -> bool {
        self.prefix.len() < 2 && self.exclude.is_empty() && self.min_size == 0 && self.newer.is_none()
    }

    /// The name of an object below the entry's folder; `None` when it is elsewhere.
    #[must_use]
    pub fn name_of<'a>(&self, bucket: &str, key: &'a str) -> Option<&'a str> {
        let below = (bucket == self.bucket).then_some(key)?;
        if self.path.is_empty() {
            return Some(below);
        }
        below.strip_prefix(self.path.as_str())?.strip_prefix('/')
    }

    /// Why something is no input; `None` when it is one. What is not known of it keeps nothing out.
    #[must_use]
    pub fn leaves_out(&self, found: Candidate<'_>, now_ms: u64) -> Option<LeftOut> {
        let any = |list: &[String], test: &dyn Fn(&str) -> bool| {
            list.is_empty() || list.iter().any(|item| test(item))
        };
        if !any(&self.prefix, &|prefix| found.name.starts_with(prefix)) {
            return Some(LeftOut::Prefix(self.prefix.clone()));
        }
        if !any(&self.suffix, &|suffix| found.name.ends_with(suffix)) {
            return Some(LeftOut::Suffix(self.suffix.clone()));
        }
        if let Some(pattern) = self.exclude.iter().find(|pattern| fits(pattern, found.name)) {
            return Some(LeftOut::Excluded(pattern.clone()));
        }
        if found.size.is_some_and(|size| size < self.min_size) {
            return Some(LeftOut::Small(self.min_size));
        }
        let since = match self.newer? {
            Newer::Since(moment) => moment,
            Newer::Within(ms) => now_ms.saturating_sub(ms),
        };
        found.modified_ms.is_some_and(|modified| modified < since).then_some(LeftOut::Old)
    }
}

/// Whether a name fits a glob: `*` and `?` stay within a folder, `**` does not, `[…]` and `{a,b}` are known.
fn fits(pattern: &str, name: &str) -> bool {
    let name = if pattern.contains('/') { name } else { name.rsplit('/').next().unwrap_or(name) };
    fast_glob::glob_match(pattern.trim_start_matches('/'), name)
}

/// Why an object is no input of a function with these entries; `None` when one of them takes it, or it is at none of their
/// places: what was sent by hand counts.
#[must_use]
pub fn leaves_out(
    entries: &[Selection],
    at: (Option<&str>, &str),
    key: &str,
    found: Candidate<'_>,
    now_ms: u64,
) -> Option<LeftOut> {
    let (provider, bucket) = at;
    let mut reason = None;
    for entry in entries.iter().filter(|entry| entry.provider.as_deref() == provider) {
        let Some(name) = entry.name_of(bucket, key) else { continue };
        match entry.leaves_out(Candidate { name, ..found }, now_ms) {
            None => return None,
            why => reason = reason.or(why),
        }
    }
    reason
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(path: &str) -> Selection {
        Selection { bucket: "b".into(), path: path.into(), ..Selection::default() }
    }

    fn named(name: &str) -> Candidate<'_> {
        Candidate { name, size: Some(10), modified_ms: Some(5_000) }
    }

    #[test]
    fn every_rule_keeps_out_what_it_says() {
        let own = |list: &[&str]| list.iter().map(ToString::to_string).collect::<Vec<_>>();
        let rules = Selection {
            prefix: own(&["sub-", "x/"]),
            suffix: own(&[".nii", ".nii.gz"]),
            exclude: own(&["*_mask.*", "x/old/**"]),
            ..entry("in")
        };
        let out = |name: &str| rules.leaves_out(named(name), 0);
        assert_eq!(out("sub-01/a.nii.gz"), None);
        assert_eq!(out("x/a.nii"), None);
        assert!(matches!(out("other.nii"), Some(LeftOut::Prefix(_))));
        assert!(matches!(out("sub-01.txt"), Some(LeftOut::Suffix(_))));
        assert_eq!(out("sub-01/a_mask.nii"), Some(LeftOut::Excluded("*_mask.*".into())), "in any folder");
        assert_eq!(out("x/old/deep/a.nii"), Some(LeftOut::Excluded("x/old/**".into())));
        assert_eq!(out("x/older/a.nii"), None);
    }

    #[test]
    fn sizes_and_times_count_as_far_as_they_are_known() {
        let small = Selection { min_size: 11, ..entry("") };
        assert_eq!(small.leaves_out(named("a"), 0), Some(LeftOut::Small(11)));
        assert_eq!(small.leaves_out(Candidate { size: None, ..named("a") }, 0), None);
        let since = |newer| Selection { newer: Some(newer), ..entry("") };
        assert_eq!(since(Newer::Since(5_001)).leaves_out(named("a"), 0), Some(LeftOut::Old));
        assert_eq!(since(Newer::Since(5_000)).leaves_out(named("a"), 0), None);
        assert_eq!(since(Newer::Within(1_000)).leaves_out(named("a"), 6_001), Some(LeftOut::Old));
        assert_eq!(since(Newer::Within(1_000)).leaves_out(named("a"), 6_000), None);
    }

    #[test]
    fn one_entry_that_takes_it_is_enough_and_other_places_have_no_rules() {
        let text = Selection { suffix: vec![".txt".into()], ..entry("in") };
        let all = [text, Selection { suffix: vec![".md".into()], ..entry("in/notes") }];
        let out = |bucket: &str, key: &str| leaves_out(&all, (None, bucket), key, Candidate::default(), 0);
        assert_eq!(out("b", "in/a.txt"), None);
        assert_eq!(out("b", "in/notes/a.md"), None);
        assert!(out("b", "in/a.md").is_some());
        assert_eq!(out("b", "inner/a.md"), None, "another folder");
        assert_eq!(out("c", "in/a.md"), None, "another bucket");
        assert_eq!(leaves_out(&all, (Some("minio.lab"), "b"), "in/a.md", Candidate::default(), 0), None);
    }

    #[test]
    fn it_reads_back_and_says_no_more_than_it_must() {
        let rules = Selection { newer: Some(Newer::Within(7)), min_size: 3, ..entry("in") };
        let text = serde_json::to_string(&rules).unwrap_or_default();
        assert_eq!(text, r#"{"bucket":"b","path":"in","min_size":3,"newer":{"within":7}}"#);
        assert_eq!(serde_json::from_str::<Selection>(&text).ok(), Some(rules));
    }
}
