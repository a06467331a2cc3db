//! Tasks of several files: folders that are one input (`group`), and inputs with partners (`with`).
//!
//! Names are keys below the dataset's root: the input place, or what a person gave to a launch.

use super::Template;
use serde::{Deserialize, Serialize};

/// The longest event that names the files of its task itself, in bytes; a longer one says where the manifest does.
pub const INLINE: usize = 128 << 10;

/// How a function's inputs become tasks, where a task has several files: a folder each, or an input with its partners.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grouping {
    /// A glob of folders below the root, without slashes at either end: each that fits is a task.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub folder: Option<String>,
    /// What belongs to each input, by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub with: Vec<Partner>,
    /// The end of the name of the file that completes a group: its arrival starts the function. Nothing does without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trigger_on: Option<String>,
}

/// A file that belongs to an input.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Partner {
    /// What it is called: `mask` is the variable `INPUT_MASK`.
    pub name: String,
    /// Where it is below the root, with the words `{dir}`, `{name}`, `{stem}`, `{ext}` of the input.
    pub path: String,
    /// Whether the input is a task without it, too.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub optional: bool,
}

impl Partner {
    /// The variable that names its file for the script.
    #[must_use]
    pub fn variable(&self) -> String {
        format!("INPUT_{}", self.name.to_ascii_uppercase())
    }

    /// Its name below the root, for an input of this name below the root.
    #[must_use]
    pub fn of(&self, input: &str) -> Option<String> {
        let (dir, name) = input.rsplit_once('/').unwrap_or(("", input));
        Template::parse(&self.path).ok()?.plain(dir, name)
    }
}

impl Grouping {
    /// The folder of the group that a file belongs to; `None` when it fits none.
    #[must_use]
    pub fn folder_of<'n>(&self, name: &'n str) -> Option<&'n str> {
        let mut length = 0;
        let mut rest = name;
        for pattern in self.folder.as_deref()?.split('/') {
            let (part, below) = rest.split_once('/')?;
            if !fast_glob::glob_match(pattern, part) {
                return None;
            }
            length += part.len() + 1;
            rest = below;
        }
        (!rest.is_empty()).then(|| &name[..length - 1])
    }

    /// Whether the arrival of an object completes a group.
    #[must_use]
    pub fn is_completed_by(&self, key: &str) -> bool {
        self.trigger_on.as_deref().is_some_and(|end| key.ends_with(end))
    }
}

/// The files of a task that has several, in order: the input is the first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskFiles {
    /// What the keys begin with before the root's names: empty, or with a slash at its end.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub root: String,
    /// The group's folder below the root, without slashes at either end; empty for an input with partners.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub folder: String,
    /// The files.
    pub list: Vec<TaskFile>,
}

/// A file of a task. Written as a list, because there may be a million: name, size, and what a partner is called.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Written", into = "Written")]
pub struct TaskFile {
    /// Below the group's folder.
    pub name: String,
    /// Size in bytes when it was listed.
    pub size: u64,
    /// What it is called as a partner.
    pub with: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Written {
    Partner(String, u64, String),
    Plain(String, u64),
}

impl From<Written> for TaskFile {
    fn from(written: Written) -> Self {
        match written {
            Written::Plain(name, size) => Self { name, size, with: None },
            Written::Partner(name, size, with) => Self { name, size, with: Some(with) },
        }
    }
}

impl From<TaskFile> for Written {
    fn from(TaskFile { name, size, with }: TaskFile) -> Self {
        match with {
            None => Self::Plain(name, size),
            Some(with) => Self::Partner(name, size, with),
        }
    }
}

impl TaskFiles {
    /// Bytes of all files.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.list.iter().fold(0, |sum, file| sum.saturating_add(file.size))
    }

    /// The key of a file.
    #[must_use]
    pub fn key(&self, file: &TaskFile) -> String {
        format!("{}{}", self.root, self.below_root(file))
    }

    /// A file's name below the root.
    #[must_use]
    pub fn below_root(&self, file: &TaskFile) -> String {
        if self.folder.is_empty() { file.name.clone() } else { format!("{}/{}", self.folder, file.name) }
    }

    /// How many folders of their keys, from the beginning, are the group's; 0 when they are no group.
    #[must_use]
    pub fn depth(&self) -> usize {
        if self.folder.is_empty() {
            return 0;
        }
        self.root.matches('/').count() + self.folder.split('/').count()
    }

    /// The keys of all files.
    pub fn keys(&self) -> impl Iterator<Item = String> {
        self.list.iter().map(|file| self.key(file))
    }
}

/// The files of a task, as an event says them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum EventFiles {
    /// Themselves.
    Inline(TaskFiles),
    /// Where the run's manifest says them: the event has no room for them.
    Stored(ManifestSlice),
}

/// A line of a manifest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestSlice {
    /// The manifest's part.
    pub part: usize,
    /// Where the line begins in it, in bytes.
    pub offset: u64,
    /// How many bytes it has.
    pub length: u64,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn folders_that_fit_are_groups() {
        let of = |pattern: &str, name: &str| {
            let grouping = Grouping { folder: Some(pattern.into()), ..Grouping::default() };
            grouping.folder_of(name).map(str::to_owned)
        };
        assert_eq!(of("sub-*", "sub-01/anat/t1.nii").as_deref(), Some("sub-01"));
        assert_eq!(of("sub-*", "sub-01/t1.nii").as_deref(), Some("sub-01"));
        assert_eq!(of("*/ses-*", "sub-01/ses-1/x").as_deref(), Some("sub-01/ses-1"));
        assert_eq!(of("{sub,x}-?", "x-1/a").as_deref(), Some("x-1"));
        for other in ["participants.tsv", "sub-01", "sub-01/", "derivatives/sub-01/x", "", "/sub-01/x"] {
            assert_eq!(of("sub-*", other), None, "{other}");
        }
        assert_eq!(of("*/ses-*", "sub-01/anat/x"), None);
        assert_eq!(Grouping::default().folder_of("a/b"), None);
    }

    #[test]
    fn partners_are_named_after_their_input() {
        let of = |path: &str, input: &str| Partner { path: path.into(), ..Partner::default() }.of(input);
        assert_eq!(of("{dir}/{stem}_mask.nii.gz", "s 1/é a.nii.gz").as_deref(), Some("s 1/é a_mask.nii.gz"));
        assert_eq!(of("{dir}/{stem}_mask.{ext}", "a.nii").as_deref(), Some("a_mask.nii"));
        assert_eq!(of("masks/{dir}/{name}", "x/y/a").as_deref(), Some("masks/x/y/a"));
        assert_eq!(of("atlas.nii", "x/a").as_deref(), Some("atlas.nii"));
        assert_eq!(of("{run}/{name}", "x/a"), None, "a run's id is no name of a file");
        assert_eq!(Partner { name: "mask".into(), ..Partner::default() }.variable(), "INPUT_MASK");
    }

    #[test]
    fn files_are_written_short_and_read_back() {
        let file = |name: &str, with: Option<&str>| TaskFile {
            name: name.into(),
            size: 7,
            with: with.map(str::to_owned),
        };
        let files = TaskFiles {
            root: "in/".into(),
            folder: "sub-01".into(),
            list: vec![file("a", None), file("b", Some("mask"))],
        };
        let text = serde_json::to_string(&files).unwrap();
        assert_eq!(text, r#"{"root":"in/","folder":"sub-01","list":[["a",7],["b",7,"mask"]]}"#);
        assert_eq!(serde_json::from_str::<EventFiles>(&text).unwrap(), EventFiles::Inline(files.clone()));
        assert_eq!((files.bytes(), files.keys().nth(1).unwrap().as_str()), (14, "in/sub-01/b"));
        let slice = EventFiles::Stored(ManifestSlice { part: 1, offset: 2, length: 3 });
        let text = serde_json::to_string(&slice).unwrap();
        assert_eq!(serde_json::from_str::<EventFiles>(&text).unwrap(), slice);
    }
}
