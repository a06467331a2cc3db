//! What the words of a template stand for, as it stands in paths.

use super::Word;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// What the words stand for, for one attempt of a task.
#[derive(Clone, Debug)]
pub struct Values<'a> {
    /// The run's id.
    pub run: &'a str,
    /// The stage.
    pub stage: u32,
    /// The task's id.
    pub task: &'a str,
    /// The attempt.
    pub attempt: &'a str,
    /// The invocation's id.
    pub request_id: &'a str,
    /// The input's folder below the input place, without slashes at either end; may be empty.
    pub dir: &'a str,
    /// The input's name.
    pub name: &'a str,
    /// The name of the group that a join starts for, as it stands in paths; `.` is no folder.
    pub group: Option<&'a str>,
    /// Variables of the task.
    pub variables: &'a BTreeMap<String, String>,
}

impl Values<'_> {
    fn of(&self, word: &Word) -> Result<String, String> {
        let (stem, ext) = stem_and_ext(self.name);
        Ok(match word {
            Word::Run => self.run.to_owned(),
            Word::Stage => self.stage.to_string(),
            Word::Task => self.task.to_owned(),
            Word::Attempt => self.attempt.to_owned(),
            Word::RequestId => self.request_id.to_owned(),
            Word::Dir => self.dir.to_owned(),
            Word::Name => self.name.to_owned(),
            Word::Stem => stem.to_owned(),
            Word::Ext => ext.to_owned(),
            Word::Group => self.group.ok_or(NO_GROUP)?.to_owned(),
            Word::Variable(name) => {
                let value = self.variables.get(name).cloned();
                value.ok_or_else(|| format!("the task has no variable {name}, which `{word}` stands for"))?
            }
        })
    }

    /// A word's value as it stands in a path.
    pub(super) fn encoded(&self, word: &Word) -> Result<String, String> {
        let value = self.of(word)?;
        part(&value).map_err(|why| format!("`{word}` {why} for the input `{}`", self.name))
    }
}

/// What is said where `{group}` stands for nothing.
const NO_GROUP: &str = "the task is not that of a join for a group, which `{group}` stands for";

impl Values<'_> {
    /// The folders that `{group}` stands for.
    pub(super) fn group_folders(&self) -> Result<Vec<String>, String> {
        let folders = self.group.ok_or(NO_GROUP)?.split('/').filter(|folder| *folder != ".");
        let folder = |folder: &str| part(folder).map(|_| folder.to_owned());
        folders.map(|text| folder(text).map_err(|why| format!("a part of `{{group}}` {why}"))).collect()
    }
}

/// One part of a path, or why the text cannot be one.
pub(super) fn part(value: &str) -> Result<String, &'static str> {
    match value {
        "" => Err("is empty"),
        "." => Err("is `.`, which is no name,"),
        ".." => Err("is `..`, which is no name,"),
        _ => Ok(encode(value)),
    }
}

fn encode(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    for c in value.chars() {
        if c.is_alphanumeric() || matches!(c, '-' | '_' | '.') {
            out.push(c);
        } else {
            for byte in c.encode_utf8(&mut [0; 4]).bytes() {
                let _ = write!(out, "%{byte:02X}");
            }
        }
    }
    out
}

/// Endings of compressed files: the one before them says what the file is.
const COMPRESSED: [&str; 6] = ["gz", "bz2", "xz", "zst", "Z", "lz4"];
/// Longest ending before one of [`COMPRESSED`].
const LONGEST_INNER: usize = 8;

/// A file's name without its ending, and the ending without the dot: `brain.nii.gz` is `brain` and `nii.gz`, `.profile`
/// and `notes` have none.
#[must_use]
pub fn stem_and_ext(name: &str) -> (&str, &str) {
    let split = |text: &str| text.rfind('.').filter(|at| *at > 0 && at + 1 < text.len());
    let Some(mut at) = split(name) else { return (name, "") };
    if COMPRESSED.contains(&&name[at + 1..])
        && let Some(inner) = split(&name[..at])
    {
        let ending = &name[inner + 1..at];
        let kind = ending.len() <= LONGEST_INNER
            && ending.bytes().all(|b| b.is_ascii_alphanumeric())
            && ending.bytes().any(|b| b.is_ascii_alphabetic());
        if kind {
            at = inner;
        }
    }
    (&name[..at], &name[at + 1..])
}
