//! Ids of tasks and attempts.

use super::hash;
use serde::{Deserialize, Deserializer, Serialize};
use std::fmt;
use std::str::FromStr;

/// Longest id of a task.
const LONGEST: usize = 48;
/// How ids of joins begin. No number and no hash does.
const JOIN: &str = "join";

/// Names a task within a stage of a run: letters `[0-9a-z.-]`, at most 48. A launched task has its number in the
/// manifest; what an output starts in the next stage is `<task>.<ordinal>`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct TaskId(String);

impl TaskId {
    /// A launched task.
    #[must_use]
    pub fn number(number: u64) -> Self {
        Self(number.to_string())
    }

    /// Of what belongs to no launch: the same thing gives the same id.
    #[must_use]
    pub fn of_event(parts: &[&[u8]]) -> Self {
        Self(format!("{:016x}", hash::of(parts)))
    }

    /// The task that an output of this one starts in the next stage; `ordinal` counts this one's outputs from 0, sorted by
    /// provider, bucket and key. `None` when the id would be too long.
    #[must_use]
    pub fn child(&self, ordinal: u32) -> Option<Self> {
        format!("{}.{ordinal}", self.0).parse().ok()
    }

    /// The only task of the n-th join of a run, counted from 0: `join`, `join-2` and so on.
    #[must_use]
    pub fn join(number: usize) -> Self {
        Self(if number == 0 { JOIN.to_owned() } else { format!("{JOIN}-{}", number.saturating_add(1)) })
    }

    /// The task of a join (`self`) for one group of launched tasks: `join-g7`, `join-2-g7`.
    #[must_use]
    pub fn of_group(&self, group: u64) -> Self {
        Self(format!("{}-g{group}", self.0))
    }

    /// The join that this task is of, or came of; for all groups the same.
    #[must_use]
    pub fn of_join(&self) -> Option<Self> {
        self.join_and_group().map(|(join, _)| join)
    }

    /// The group that a join's task is for, where the task is that of a group or came of one.
    #[must_use]
    pub fn group(&self) -> Option<u64> {
        self.join_and_group()?.1
    }

    fn join_and_group(&self) -> Option<(Self, Option<u64>)> {
        let root = self.0.split('.').next()?;
        let (join, group) = match root.rsplit_once("-g") {
            Some((join, group)) => (join, Some(plain_number(group)?)),
            None => (root, None),
        };
        let number = join.strip_prefix(JOIN)?;
        let is_join = number.is_empty() || number.strip_prefix('-').and_then(plain_number).is_some();
        is_join.then(|| (Self(join.to_owned()), group))
    }

    /// The block of the ledger that its records are in, where it came of a launched task or a join.
    #[must_use]
    pub fn block(&self) -> Option<u64> {
        let join = || self.join_and_group().map(|(_, group)| group.unwrap_or(0));
        Some(self.root().or_else(join)? / crate::keys::BLOCK)
    }

    /// The task whose output started this one, if one did.
    #[must_use]
    pub fn parent(&self) -> Option<Self> {
        self.0.rsplit_once('.').map(|(parent, _)| Self(parent.to_owned()))
    }

    /// How many outputs lead to it from a task that none did.
    #[must_use]
    pub fn outputs(&self) -> u32 {
        u32::try_from(self.0.matches('.').count()).unwrap_or(u32::MAX)
    }

    /// As it stands in keys.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The number of a launched task.
    #[must_use]
    pub fn as_number(&self) -> Option<u64> {
        plain_number(&self.0)
    }

    /// The number of the launched task that this one came of: its own, or that of the first stage.
    #[must_use]
    pub fn root(&self) -> Option<u64> {
        plain_number(self.0.split('.').next()?)
    }
}

/// A number as this program writes it: `007` would be a second name of the same task.
fn plain_number(text: &str) -> Option<u64> {
    let number: u64 = text.parse().ok()?;
    (number.to_string() == text).then_some(number)
}

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// A text that is not an id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseIdError;

impl fmt::Display for ParseIdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an id has 1 to {LONGEST} of the letters 0-9, a-z, `.` and `-`")
    }
}

impl std::error::Error for ParseIdError {}

impl FromStr for TaskId {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        let good = |b: u8| b.is_ascii_digit() || b.is_ascii_lowercase() || matches!(b, b'.' | b'-');
        let fits = (1..=LONGEST).contains(&text.len()) && text.bytes().all(good);
        if fits { Ok(Self(text.to_owned())) } else { Err(ParseIdError) }
    }
}

impl<'de> Deserialize<'de> for TaskId {
    /// The first contract wrote numbers.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Either {
            Number(u64),
            Text(String),
        }
        match Either::deserialize(deserializer)? {
            Either::Number(number) => Ok(Self::number(number)),
            Either::Text(text) => text.parse().map_err(serde::de::Error::custom),
        }
    }
}

/// Letters of a number in base 36.
const DIGITS: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";

/// An attempt: the request that it is part of, and when it began. A repetition by Lambda may have the same request id, so
/// that alone does not name an attempt. In Batch the request is `<job id>.<attempt>`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AttemptId {
    /// Lambda's request id.
    pub request_id: String,
    /// When it began, in milliseconds since 1970.
    pub started_ms: u64,
}

impl AttemptId {
    /// An attempt of a request.
    #[must_use]
    pub fn new(request_id: &str, started_ms: u64) -> Self {
        let good = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-');
        Self { request_id: request_id.chars().filter(good).take(128).collect(), started_ms }
    }
}

impl fmt::Display for AttemptId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut digits = Vec::new();
        let mut rest = self.started_ms;
        loop {
            digits.push(DIGITS[usize::try_from(rest % 36).unwrap_or(0)]);
            rest /= 36;
            if rest == 0 {
                break;
            }
        }
        digits.reverse();
        write!(f, "{}.{}", self.request_id, String::from_utf8_lossy(&digits))
    }
}

impl FromStr for AttemptId {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        let (request_id, started) = text.rsplit_once('.').ok_or(ParseIdError)?;
        let started_ms = u64::from_str_radix(started, 36).map_err(|_| ParseIdError)?;
        let attempt = Self::new(request_id, started_ms);
        // Only what this program would write.
        if !request_id.is_empty() && attempt.to_string() == text { Ok(attempt) } else { Err(ParseIdError) }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::expect_used)]
    use super::*;

    #[test]
    fn launched_tasks_keep_their_number_and_children_their_root() {
        let task = TaskId::number(1_234);
        let child = task.child(2).expect("short enough");
        assert_eq!((task.as_number(), child.as_number(), child.root()), (Some(1_234), None, Some(1_234)));
        assert_eq!(child.to_string(), "1234.2");
        let mut deep = task;
        for _ in 0..40 {
            match deep.child(0) {
                Some(next) => deep = next,
                None => break,
            }
        }
        assert!(deep.as_str().len() <= LONGEST && deep.child(0).is_none());
        for bad in ["", "A", "a/b", "a_b", "1 2", &"1".repeat(49)] {
            assert_eq!(bad.parse::<TaskId>(), Err(ParseIdError), "{bad}");
        }
        assert_eq!("007".parse::<TaskId>().expect("an id").as_number(), None, "not a second name of task 7");
    }

    #[test]
    fn joins_have_names_that_no_other_task_has() {
        let names: Vec<_> = (0..3).map(|number| TaskId::join(number).to_string()).collect();
        assert_eq!(names, ["join", "join-2", "join-3"]);
        let child = TaskId::join(1).child(7).expect("short enough");
        assert_eq!((child.of_join(), child.outputs()), (Some(TaskId::join(1)), 1));
        assert_eq!((child.parent(), TaskId::join(1).parent()), (Some(TaskId::join(1)), None));
        let group = TaskId::join(1).of_group(1_234);
        assert_eq!(
            (group.as_str(), group.of_join(), group.group()),
            ("join-2-g1234", Some(TaskId::join(1)), Some(1_234))
        );
        let child = group.child(3).expect("short enough");
        assert_eq!(
            (child.of_join(), child.group(), child.block()),
            (Some(TaskId::join(1)), Some(1_234), Some(1))
        );
        assert_eq!((TaskId::join(0).group(), TaskId::join(0).block()), (None, Some(0)));
        for other in [
            "join-g",
            "join-g01",
            "join-gx",
            "x-g1",
            "7",
            "7.1",
            "joiner",
            "join-x",
            "join-02",
            "0123456789abcdef",
        ] {
            assert_eq!(other.parse::<TaskId>().expect("an id").of_join(), None, "{other}");
        }
    }

    #[test]
    fn ids_of_both_contracts_are_read() {
        let read = |text: &str| serde_json::from_str::<TaskId>(text).ok().map(|id| id.to_string());
        assert_eq!(read("7").as_deref(), Some("7"));
        assert_eq!(read("\"7.1\"").as_deref(), Some("7.1"));
        assert_eq!(read("\"../x\""), None);
    }

    #[test]
    fn attempts_come_back() {
        for (request, at) in [("5ca4a8d2-0000-4000-8000-1234567890ab", 1_795_470_300_123), ("job.2", 0)] {
            let attempt = AttemptId::new(request, at);
            assert_eq!(attempt.to_string().parse(), Ok(attempt));
        }
        for bad in ["", "x", ".1", "a.", "a.0_1", "a.01", "a/b.1", "a.A"] {
            assert_eq!(bad.parse::<AttemptId>(), Err(ParseIdError), "{bad}");
        }
    }
}
