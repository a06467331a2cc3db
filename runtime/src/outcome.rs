//! What became of a task.

use crate::stage;
use std::time::Duration;
use throng_contract::{FailureClass, TaskState};

/// Why a task did not succeed.
pub struct Failure {
    /// What to call it.
    pub class: FailureClass,
    /// A sentence.
    pub message: String,
}

impl Failure {
    pub(crate) fn new(class: FailureClass, message: impl Into<String>) -> Self {
        Self { class, message: message.into() }
    }

    pub(crate) fn of_stage(error: stage::StageError) -> Self {
        Self::new(error.class, error.message)
    }
}

/// What became of a task.
pub struct TaskOutcome {
    /// `None` when it succeeded.
    pub failure: Option<Failure>,
    /// For the answer.
    pub body: Vec<u8>,
    /// When it ended, in milliseconds since 1970.
    pub ended_ms: u64,
    /// How it ended, as its record says.
    pub state: TaskState,
    /// How long all of it took.
    pub took: Duration,
    /// Whether its record is stored.
    pub stored: bool,
    /// Whether it was ended only because its pack had no time left.
    pub cut: bool,
}

impl TaskOutcome {
    /// Of a join that needs nothing more.
    pub(crate) fn nothing_done(ended_ms: u64) -> Self {
        let (state, took, body) = (TaskState::Succeeded, Duration::ZERO, Vec::new());
        Self { failure: None, body, ended_ms, state, took, stored: true, cut: false }
    }
}

/// A name for the part of an error type after `Throng.`.
pub const fn error_type(class: FailureClass) -> &'static str {
    match class {
        FailureClass::Script => "Throng.Script",
        FailureClass::Timeout => "Throng.Timeout",
        FailureClass::Memory => "Throng.Memory",
        FailureClass::Storage => "Throng.Storage",
        FailureClass::Input => "Throng.Input",
        FailureClass::Output => "Throng.Output",
        FailureClass::Init => "Throng.Init",
        FailureClass::Throttled => "Throng.Throttled",
        FailureClass::Lost => "Throng.Lost",
        FailureClass::Interrupted => "Throng.Interrupted",
        FailureClass::Upstream => "Throng.Upstream",
        FailureClass::Other => "Throng.Other",
    }
}
