//! How tasks ended, in words.

use throng_core::model::{AttemptRecord, FailureClass, TaskRow, TaskState};
use throng_core::run::{self, RunContext};

/// The memory of the function in MiB, asked for only when an attempt ran out of it.
pub(super) async fn memory_of<'a>(
    context: &RunContext,
    mut records: impl Iterator<Item = &'a AttemptRecord>,
) -> Option<u32> {
    let record = records.find(|record| record.class == Some(FailureClass::Memory))?;
    context.functions.facts(&record.function).await.ok().flatten().map(|facts| facts.memory_mb)
}

/// Why an attempt failed, in one line.
pub(crate) fn reason(record: &AttemptRecord, memory_mb: Option<u32>) -> String {
    let tail = record.stderr_tail.last().map(String::as_str).unwrap_or_default();
    match (run::reason(record, memory_mb), tail) {
        (Some(error), "") => error,
        (Some(error), tail) => format!("{error}: {tail}"),
        (None, tail) => tail.to_owned(),
    }
}

/// Why a task failed of which nothing was ever heard.
pub(crate) fn unheard(row: &TaskRow) -> Option<&'static str> {
    match row.class.filter(|_| row.attempts == 0)? {
        FailureClass::Upstream if row.state == TaskState::Cancelled => Some(
            "what it waits for did not all succeed: when that is done again (`throng run --resume RUN --failed`), it begins",
        ),
        FailureClass::Upstream => {
            Some("its input was replaced before it began: another task or run stored under the same key")
        }
        FailureClass::Lost => Some("its event was lost"),
        _ => None,
    }
}

/// How a task ended, with the class of its failure.
pub(super) fn ending(row: &TaskRow) -> String {
    match row.class {
        Some(class) if class.as_str() != row.state.as_str() => format!("{} ({class})", row.state),
        _ => row.state.to_string(),
    }
}
