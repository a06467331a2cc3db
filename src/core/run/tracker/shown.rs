//! What is shown of a stage: its end, its statistics, its speed, its tasks.

use super::RunTracker;
use crate::model::{FailureClass, Millis, RunStatistics, StageView};
use crate::run::statistics::Histogram;
use std::collections::BTreeMap;

/// Seconds of history that a view has.
const HISTORY: u64 = 60;
/// Seconds over which the rate is taken.
const RATE_OVER: u64 = 10;

impl RunTracker {
    /// When the last task ended, when all have.
    #[must_use]
    pub fn ended_ms(&self) -> Option<Millis> {
        let last = self.last_ended_ms.max(self.cancelled_ms.unwrap_or(0)).max(self.lost_ms.unwrap_or(0));
        self.is_complete().then(|| last.max(self.header.started_ms))
    }

    /// Durations and memory of all attempts.
    #[must_use]
    pub fn statistics(&self) -> RunStatistics {
        statistics_of(&self.durations, self.statistics)
    }

    /// What statistics are made of: durations, and all but the quantiles.
    pub(in crate::run) const fn measured(&self) -> (&Histogram, &RunStatistics) {
        (&self.durations, &self.statistics)
    }

    /// Failures by class.
    pub(in crate::run) const fn classes(&self) -> &BTreeMap<FailureClass, u64> {
        &self.classes
    }

    /// Tasks ended in each of the 60 seconds until then, oldest first.
    #[must_use]
    pub fn history(&self, until_ms: Millis) -> Vec<u64> {
        let now = until_ms / 1000;
        let first = (now + 1).saturating_sub(HISTORY);
        (first..=now).map(|second| self.ended.get(&second).copied().unwrap_or(0)).collect()
    }

    /// Tasks ended per second over the last moments.
    #[must_use]
    pub fn rate(&self, now_ms: Millis) -> f64 {
        if self.is_complete() {
            return 0.0;
        }
        // The second that has begun is not whole yet: the ones before it are taken.
        let now = now_ms / 1000;
        // Clocks differ: the run may have begun in our future.
        let first = now.saturating_sub(RATE_OVER).max(self.header.started_ms / 1000).min(now);
        let ended: u64 = self.ended.range(first..now).map(|(_, count)| count).sum();
        float(ended) / float((now.saturating_sub(first)).max(1))
    }

    /// As an open run is shown. Cheap: the tasks are shared.
    #[must_use]
    pub fn view(&self) -> StageView {
        let function = self.header.function.clone();
        StageView { function, tasks: self.chunks.clone(), statistics: self.statistics() }
    }
}

/// Statistics of durations and of what is not a quantile.
pub(in crate::run) fn statistics_of(durations: &Histogram, statistics: RunStatistics) -> RunStatistics {
    RunStatistics {
        p50_ms: durations.quantile(50),
        // Quantiles are right to one percent; none is above the longest.
        p95_ms: durations.quantile(95).min(statistics.max_ms),
        ..statistics
    }
}

#[allow(clippy::cast_precision_loss, reason = "rates are approximate")]
pub(in crate::run) const fn float(n: u64) -> f64 {
    n as f64
}
