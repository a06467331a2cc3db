//! Where an object came from: one metadata header, `x-amz-meta-throng`, that travels with it.
//!
//! ```text
//! 2;<run>;<stage>;<task>;<attempt>;<ordinal>;<group>;<at>
//! ```
//!
//! An input that a launch uploads names the task that it is for and has no attempt and no ordinal. An output names the task
//! and attempt that stored it, and which of their outputs it is. `at` is a hash of the bucket and key it was written to:
//! metadata survives a copy, and a copy is nobody's output.

use super::{AttemptId, TaskId, TaskRef, hash};
use std::fmt;

/// First field.
const VERSION: &str = "2";
/// Longest header.
const LONGEST: usize = 512;
/// Longest id of a run or group.
const LONGEST_ID: usize = 64;

/// What the header says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lineage {
    /// The run's id.
    pub run: String,
    /// The stage, counted from 0: of the task that an input is for, or that stored an output.
    pub stage: u32,
    /// The task that an input is for, or that stored an output.
    pub task: TaskId,
    /// For an output: who stored it and which of its outputs it is, counted from 0 by provider, bucket and key.
    pub output: Option<(AttemptId, u32)>,
    /// The group that the task belongs to.
    pub group: Option<String>,
}

impl Lineage {
    /// The header of an object that is written to this place.
    #[must_use]
    pub fn header(&self, bucket: &str, key: &str) -> String {
        let Self { run, stage, task, output, group } = self;
        let (attempt, ordinal) = match output {
            Some((attempt, ordinal)) => (attempt.to_string(), ordinal.to_string()),
            None => (String::new(), String::new()),
        };
        let group = group.as_deref().unwrap_or_default();
        let at = place(bucket, key);
        format!("{VERSION};{run};{stage};{task};{attempt};{ordinal};{group};{at}")
    }

    /// Reads the header of an object that was found at this place. `None` when it is none, or of another place.
    #[must_use]
    pub fn parse(header: &str, bucket: &str, key: &str) -> Option<Self> {
        if header.len() > LONGEST {
            return None;
        }
        let fields: Vec<&str> = header.split(';').collect();
        let [VERSION, run, stage, task, attempt, ordinal, group, at] = fields[..] else { return None };
        if at != place(bucket, key) || !is_id(run) {
            return None;
        }
        let output = match (attempt, ordinal) {
            ("", "") => None,
            (attempt, ordinal) => Some((attempt.parse().ok()?, ordinal.parse().ok()?)),
        };
        let group = match group {
            "" => None,
            group if is_id(group) => Some(group.to_owned()),
            _ => return None,
        };
        Some(Self {
            run: run.to_owned(),
            stage: stage.parse().ok()?,
            task: task.parse().ok()?,
            output,
            group,
        })
    }

    /// The task that an object with this header starts: the one that it is for, or a task of the next stage.
    #[must_use]
    pub fn starts(&self) -> Option<TaskRef> {
        let (stage, task) = match &self.output {
            None => (self.stage, self.task.clone()),
            Some((_, ordinal)) => (self.stage.checked_add(1)?, self.task.child(*ordinal)?),
        };
        Some(TaskRef { version: super::versions::LEDGER, run: self.run.clone(), stage, task })
    }
}

/// Whether a text can be the id of a run or a group. Anybody may write metadata.
#[must_use]
pub fn is_id(text: &str) -> bool {
    (1..=LONGEST_ID).contains(&text.len())
        && !text.starts_with('-')
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

fn place(bucket: &str, key: &str) -> String {
    format!("{:016x}", hash::of(&[bucket.as_bytes(), key.as_bytes()]))
}

impl fmt::Display for Lineage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} stage {} task {}", self.run, self.stage, self.task)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn output() -> Lineage {
        Lineage {
            run: "20261123-214500123-k3x9".into(),
            stage: 1,
            task: "7.2".parse().unwrap(),
            output: Some((AttemptId::new("5ca4a8d2-0000-4000-8000-1234567890ab", 1_795_470_300_123), 3)),
            group: Some("sub-01".into()),
        }
    }

    #[test]
    fn a_header_is_believed_where_it_was_written() {
        let input = Lineage { output: None, group: None, ..output() };
        for lineage in [output(), input] {
            let header = lineage.header("b", "out/x");
            assert!(header.len() < LONGEST && header.is_ascii(), "{header}");
            assert_eq!(Lineage::parse(&header, "b", "out/x"), Some(lineage));
            assert_eq!(Lineage::parse(&header, "b", "out/y"), None, "a copy is a new root");
            assert_eq!(Lineage::parse(&header, "c", "out/x"), None);
        }
    }

    #[test]
    fn an_input_starts_its_task_and_an_output_one_of_the_next_stage() {
        let next = output().starts().unwrap();
        assert_eq!((next.stage, next.task.as_str()), (2, "7.2.3"));
        let own = Lineage { output: None, ..output() }.starts().unwrap();
        assert_eq!((own.stage, own.task.as_str()), (1, "7.2"));
    }

    #[test]
    fn other_headers_are_nobodys() {
        let at = place("b", "k");
        for header in [
            String::new(),
            format!("3;r;0;1;;;;{at}"),
            format!("2;../r;0;1;;;;{at}"),
            format!("2;r;0;1;;0;;{at}"),
            format!("2;r;0;1_2;;;;{at}"),
            format!("2;r;-1;1;;;;{at}"),
            format!("2;r;0;1;;;G;{at}"),
            format!("2;r;0;1;;;;{at};"),
        ] {
            assert_eq!(Lineage::parse(&header, "b", "k"), None, "{header}");
        }
        let last = Lineage { stage: u32::MAX, ..output() };
        assert_eq!(last.starts(), None);
    }
}
