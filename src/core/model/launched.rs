//! What a launch left out, and the limits that it chose.

use serde::{Deserialize, Serialize};

/// Inputs that a launch left out, because earlier runs had done the same to them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Reuse {
    /// How many tasks they would have been.
    pub tasks: u64,
    /// The runs that have done them, newest first.
    pub runs: Vec<String>,
}

impl Reuse {
    /// Whether there are none.
    #[must_use]
    pub const fn is_none(&self) -> bool {
        self.tasks == 0
    }

    /// The runs in words: `run ID`, or the newest of them and how many more there are.
    #[must_use]
    pub fn of_runs(&self) -> String {
        match self.runs.as_slice() {
            [] => "earlier runs".to_owned(),
            [run] => format!("run {run}"),
            [newest, older @ ..] => format!("run {newest} and {} before it", older.len()),
        }
    }
}

/// Limits that a run has instead of the function's own. They hold for the launched function, not for later stages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Overrides {
    /// Seconds after which an attempt's script is ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_s: Option<u32>,
    /// Most tasks under way at a time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concurrency: Option<u32>,
    /// Memory in MiB: the run has a function of its own for it ([`variant_of`](super::variant_of)).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_mb: Option<u32>,
}

impl Overrides {
    /// Whether the function's own hold.
    #[must_use]
    pub const fn is_none(&self) -> bool {
        self.timeout_s.is_none() && self.concurrency.is_none() && self.memory_mb.is_none()
    }

    /// In words: `ended after 30 s, at most 4 at a time, with 2048 MiB`; empty when there are none.
    #[must_use]
    pub fn words(&self) -> String {
        let timeout = self.timeout_s.map(|seconds| format!("ended after {seconds} s"));
        let concurrency = self.concurrency.map(|most| format!("at most {most} at a time"));
        let memory = self.memory_mb.map(|mb| format!("with {mb} MiB"));
        timeout.into_iter().chain(concurrency).chain(memory).collect::<Vec<_>>().join(", ")
    }
}
