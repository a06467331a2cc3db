//! The words for what became of a task.

use serde::{Deserialize, Deserializer, Serialize};
use std::fmt;
use std::str::FromStr;

/// What a task is doing, or how it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum TaskState {
    /// Nothing is known of it yet but that it is in the manifest.
    Pending,
    /// An attempt has started and not ended.
    Running,
    /// The script ended with 0 and its outputs are at their final names.
    Succeeded,
    /// It ended otherwise; the [`FailureClass`] says how.
    Failed,
    /// It ran past its time budget.
    TimedOut,
    /// Its event grew too old before an attempt could start.
    Expired,
    /// A person ended the run before the task could.
    Cancelled,
}

impl TaskState {
    /// Every state, in the order in which people expect to read them.
    pub const ALL: [Self; 7] = [
        Self::Pending,
        Self::Running,
        Self::Succeeded,
        Self::Failed,
        Self::TimedOut,
        Self::Expired,
        Self::Cancelled,
    ];

    /// The word used in keys, tables and JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::TimedOut => "timed-out",
            Self::Expired => "expired",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether no further change is expected.
    #[must_use]
    pub const fn is_final(self) -> bool {
        !matches!(self, Self::Pending | Self::Running)
    }
}

/// Why a task did not succeed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailureClass {
    /// The script ended with something other than 0.
    Script,
    /// The time budget was used up.
    Timeout,
    /// The memory limit was reached.
    Memory,
    /// No space left in /tmp.
    Storage,
    /// The input could not be fetched.
    Input,
    /// An output could not be stored.
    Output,
    /// The environment could not start.
    Init,
    /// The cloud refused the invocation for lack of concurrency until its event expired.
    Throttled,
    /// No sign of the task within the time in which one was due.
    Lost,
    /// The machine was taken away (spot capacity), or the environment of a pack died while the task ran.
    Interrupted,
    /// A join whose inputs did not all succeed.
    Upstream,
    /// A word that this throng does not know: a newer one wrote it.
    Other,
}

impl FailureClass {
    /// Every class.
    pub const ALL: [Self; 12] = [
        Self::Script,
        Self::Timeout,
        Self::Memory,
        Self::Storage,
        Self::Input,
        Self::Output,
        Self::Init,
        Self::Throttled,
        Self::Lost,
        Self::Interrupted,
        Self::Upstream,
        Self::Other,
    ];

    /// The word used in keys, tables and JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Script => "script",
            Self::Timeout => "timeout",
            Self::Memory => "memory",
            Self::Storage => "storage",
            Self::Input => "input",
            Self::Output => "output",
            Self::Init => "init",
            Self::Throttled => "throttled",
            Self::Lost => "lost",
            Self::Interrupted => "interrupted",
            Self::Upstream => "upstream",
            Self::Other => "other",
        }
    }
}

/// A word that is neither a task state nor a failure class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseWordError(pub String);

impl fmt::Display for ParseWordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is not a known state or failure class", self.0)
    }
}

impl std::error::Error for ParseWordError {}

macro_rules! words {
    ($type:ty, $other:expr) => {
        impl<'de> Deserialize<'de> for $type {
            /// A word that a newer throng wrote is kept as one that is known: a record is never dropped.
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Ok(String::deserialize(deserializer)?.parse().unwrap_or($other))
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl FromStr for $type {
            type Err = ParseWordError;

            fn from_str(word: &str) -> Result<Self, Self::Err> {
                Self::ALL
                    .into_iter()
                    .find(|known| known.as_str() == word)
                    .ok_or_else(|| ParseWordError(word.to_owned()))
            }
        }
    };
}

words!(TaskState, TaskState::Failed);
words!(FailureClass, FailureClass::Other);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_as_they_are_written_and_unknown_ones_are_kept() {
        for state in TaskState::ALL {
            assert_eq!(serde_json::from_str(&format!("\"{state}\"")).ok(), Some(state));
        }
        for class in FailureClass::ALL {
            assert_eq!(serde_json::from_str(&format!("\"{class}\"")).ok(), Some(class));
        }
        assert_eq!(serde_json::from_str("\"paused\"").ok(), Some(TaskState::Failed));
        assert_eq!(serde_json::from_str("\"sleepy\"").ok(), Some(FailureClass::Other));
    }
}
