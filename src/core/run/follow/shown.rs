//! What is shown of a run that is followed: what the chain knows, and how long nothing has been heard.

use super::Follower;
use crate::cloud::{duration_ms, now_ms};
use crate::model::{RunSummary, RunView, Sets};
use std::sync::Arc;
use std::time::Duration;

impl Follower {
    /// How long nothing has been heard of the run, when tasks are open: they may be lost.
    #[must_use]
    pub fn quiet_for(&self) -> Option<Duration> {
        let quiet = now_ms().saturating_sub(self.quiet_since_ms);
        (!self.chain.is_complete() && self.unsent() == 0).then(|| Duration::from_millis(quiet))
    }

    /// How long nothing has been heard, when that is long enough to think that the tasks which have not begun are lost.
    /// Then [`send_again`](crate::run::send_again) sends them again.
    #[must_use]
    pub fn stalled_for(&self) -> Option<Duration> {
        let counts = self.chain.counts();
        // What waits to be tried again is not lost.
        let waiting = counts.pending > self.chain.waiting() && counts.running == 0 && self.has_read_all();
        let waiting = waiting && self.held_back() == 0;
        self.quiet_for().filter(|quiet| waiting && *quiet >= self.options.stalled_after)
    }

    /// Launched tasks that were not sent, so that none grows too old in the function's queue: by this process, or by another as
    /// the run's folder says. They count as pending, and are not lost.
    #[must_use]
    pub fn held_back(&self) -> u64 {
        let told = self.meter.as_ref().map_or(self.held.tasks, |meter| meter.held());
        let pending = self.chain.stages().next().map_or(0, |first| first.counts().pending);
        told.min(pending)
    }

    /// As an open run is shown.
    #[must_use]
    pub fn view(&self) -> RunView {
        let mut view = self.chain.view(now_ms(), self.unsent(), self.settled);
        self.complete(&mut view.summary);
        view.sets = Arc::clone(&self.sets);
        view
    }

    /// Values of its launched tasks, once its inputs have been read.
    #[must_use]
    pub fn sets(&self) -> &Sets {
        &self.sets
    }

    /// As lists show it.
    #[must_use]
    pub fn summary(&self) -> RunSummary {
        let mut summary = self.chain.summary(now_ms(), self.unsent(), self.settled);
        self.complete(&mut summary);
        summary
    }

    /// Adds what the chain does not know.
    fn complete(&self, summary: &mut RunSummary) {
        summary.held = self.held_back();
        summary.stalled_ms = self.stalled_ms();
        summary.reading = !self.has_read_all();
        summary.resent = self.resent();
        (summary.collisions, summary.collided) = self.collisions();
    }

    fn stalled_ms(&self) -> Option<u64> {
        self.stalled_for().map(duration_ms)
    }
}
