//! How people and documents name a task of a run.

use serde::{Deserialize, Serialize};
use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use throng_contract::TaskId;

/// Names a task within its run: a launched one by its number, one that an output started by `<task>.<ordinal>`, one that
/// nobody launched by a word. Sorts as people count: `9` before `10`, `7.2` before `7.10`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum TaskName {
    /// A launched task, by its number in the manifest.
    Number(u64),
    /// Any other.
    Text(Arc<str>),
}

impl TaskName {
    /// The number of a launched task.
    #[must_use]
    pub const fn number(&self) -> Option<u64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Text(_) => None,
        }
    }

    /// As it stands in keys and events.
    #[must_use]
    pub fn id(&self) -> Option<TaskId> {
        match self {
            Self::Number(number) => Some(TaskId::number(*number)),
            Self::Text(text) => text.parse().ok(),
        }
    }

    /// The name of the task whose output started this one, if one did.
    #[must_use]
    pub fn parent(&self) -> Option<Self> {
        match self {
            Self::Number(_) => None,
            Self::Text(text) => Some(text.rsplit_once('.')?.0.parse().ok()?),
        }
    }

    /// The launched task that it came of, by its number.
    #[must_use]
    pub fn root(&self) -> Option<u64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Text(text) => text.parse::<TaskId>().ok()?.root(),
        }
    }
}

impl From<u64> for TaskName {
    fn from(number: u64) -> Self {
        Self::Number(number)
    }
}

impl From<&TaskId> for TaskName {
    fn from(id: &TaskId) -> Self {
        id.as_number().map_or_else(|| Self::Text(id.as_str().into()), Self::Number)
    }
}

impl fmt::Display for TaskName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Text(text) => f.pad(text),
        }
    }
}

/// A text that names no task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a task is a number from 0, or `7.2` for what its outputs started; `throng tasks RUN` lists them")]
pub struct NoTaskName;

impl FromStr for TaskName {
    type Err = NoTaskName;

    fn from_str(text: &str) -> Result<Self, NoTaskName> {
        // People may write `#7`, as logs do.
        let text = text.strip_prefix('#').unwrap_or(text);
        let counts = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        let id = text.parse().ok().filter(|_| !text.starts_with('.') && text.split('.').skip(1).all(counts));
        id.as_ref().map(Self::from).ok_or(NoTaskName)
    }
}

/// A part of a name as it is compared: numbers by value, before words.
fn rank(part: &str) -> (bool, u64, &str) {
    part.parse::<u64>().map_or((true, 0, part), |number| (false, number, part))
}

impl Ord for TaskName {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Number(a), Self::Number(b)) => a.cmp(b),
            (Self::Text(a), Self::Text(b)) => a.split('.').map(rank).cmp(b.split('.').map(rank)),
            (Self::Number(a), Self::Text(b)) => [(false, *a, "")].into_iter().cmp(b.split('.').map(bare)),
            (Self::Text(a), Self::Number(b)) => a.split('.').map(bare).cmp([(false, *b, "")]),
        }
    }
}

/// As [`rank`], without the spelling of numbers.
fn bare(part: &str) -> (bool, u64, &str) {
    let (word, number, text) = rank(part);
    (word, number, if word { text } else { "" })
}

impl PartialOrd for TaskName {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// A number where it is one, else a text.
impl Serialize for TaskName {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Number(number) => serializer.serialize_u64(*number),
            Self::Text(text) => serializer.serialize_str(text),
        }
    }
}

impl<'de> Deserialize<'de> for TaskName {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        TaskId::deserialize(deserializer).map(|id| Self::from(&id))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn name(text: &str) -> TaskName {
        text.parse().unwrap()
    }

    #[test]
    fn names_sort_as_people_count() {
        let sorted = ["0", "7", "7.2", "7.2.0", "7.10", "9", "10", "10.0", "day"].map(name);
        let mut mixed = sorted.clone();
        mixed.reverse();
        mixed.sort();
        assert_eq!(mixed, sorted);
    }

    #[test]
    fn a_name_tells_what_it_came_of() {
        let deep = name("7.2.0");
        assert_eq!((deep.parent(), deep.root()), (Some(name("7.2")), Some(7)));
        assert_eq!((name("7.2").parent(), name("7").parent()), (Some(name("7")), None));
        assert_eq!(name("#7"), TaskName::Number(7), "as logs have it");
        for bad in ["a/b", "bad.txt", "7.", ".7", ""] {
            assert!(bad.parse::<TaskName>().is_err(), "{bad}");
        }
    }

    #[test]
    fn documents_have_numbers_where_they_had() {
        let json = |text: &str| serde_json::to_string(&name(text)).unwrap();
        assert_eq!((json("7"), json("7.2")), ("7".to_owned(), "\"7.2\"".to_owned()));
        assert_eq!(serde_json::from_str::<TaskName>("\"7.2\"").unwrap(), name("7.2"));
        assert_eq!(serde_json::from_str::<TaskName>("7").unwrap(), name("7"));
    }
}
