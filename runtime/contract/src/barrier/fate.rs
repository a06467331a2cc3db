//! Whether a task is final, by the names of its records.

use crate::TaskState;
use crate::keys::RecordName;
use std::collections::HashMap;

/// What became of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It has not ended, or will be tried again.
    Open,
    /// It has succeeded.
    Succeeded,
    /// It has not, and nobody will try it again by himself.
    Failed,
}

/// What became of a task whose records have these names. A success wins for ever. A failure is final when its event has failed
/// once more than Lambda repeats it: an attempt that left no record is not seen here, and waits for whoever follows the run.
pub fn fate<'a>(names: impl Iterator<Item = &'a RecordName>, retries: u32) -> Fate {
    let mut failures = HashMap::<&str, u32>::new();
    let mut fate = Fate::Open;
    for name in names {
        match name.state {
            TaskState::Succeeded => return Fate::Succeeded,
            TaskState::Pending | TaskState::Running => {}
            // Nobody repeats what was cancelled or has expired.
            TaskState::Cancelled | TaskState::Expired => fate = Fate::Failed,
            TaskState::Failed | TaskState::TimedOut => {
                let count = failures.entry(name.event.as_deref().unwrap_or_default()).or_default();
                *count += 1;
                if *count > retries {
                    fate = Fate::Failed;
                }
            }
        }
    }
    fate
}

/// Of several successes the first: what it stored counts. `names` come with their keys.
pub fn first_success<'a>(names: impl Iterator<Item = (&'a RecordName, &'a str)>) -> Option<&'a str> {
    let successes = names.filter(|(name, _)| name.state == TaskState::Succeeded);
    successes.min_by_key(|(name, key)| (name.ended_ms(), *key)).map(|(_, key)| key)
}
