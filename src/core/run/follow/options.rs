//! How to follow: how often it is looked, and when tasks are thought lost.

use crate::run::RunContext;
use std::time::Duration;

/// How to follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FollowOptions {
    /// Pause while records flow.
    pub fast: Duration,
    /// Longest pause while nothing happens.
    pub slow: Duration,
    /// A task without a sign of life for this long after the last one of the run is lost. Longer than Lambda
    /// keeps an event (6 hours unless configured) and runs a function.
    pub lost_after: Duration,
    /// Whether the platform's log is asked for the ends of attempts that the ledger does not tell (yet).
    pub reports: bool,
    /// Whether what tasks have stored is read while the run goes on.
    pub outputs: bool,
    /// Without a word for so long, and with nothing running, tasks that have not begun may be lost already.
    pub stalled_after: Duration,
    /// Tasks whose events are provably lost are sent once more after so long without a word; `None`: that is left to people.
    pub resend_after: Option<Duration>,
}

impl FollowOptions {
    /// For a context.
    #[must_use]
    pub const fn of(context: &RunContext) -> Self {
        let (fast, slow, stalled) = if context.local { (100, 1_000, 10) } else { (1_000, 5_000, 120) };
        Self {
            fast: Duration::from_millis(fast),
            slow: Duration::from_millis(slow),
            lost_after: Duration::from_hours(7),
            reports: true,
            outputs: true,
            stalled_after: Duration::from_secs(stalled),
            resend_after: None,
        }
    }
}
