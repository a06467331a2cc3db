//! The words for what became of a task.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// What a task is doing, or how it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
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
}

impl FailureClass {
    /// Every class.
    pub const ALL: [Self; 9] = [
        Self::Script,
        Self::Timeout,
        Self::Memory,
        Self::Storage,
        Self::Input,
        Self::Output,
        Self::Init,
        Self::Throttled,
        Self::Lost,
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
    ($type:ty) => {
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

words!(TaskState);
words!(FailureClass);
