//! What is shown of a run: its end, its statistics, its summary and view.

use super::{RunTracker, digest_of};
use crate::model::RunView;
use crate::model::{Millis, RunStatistics, RunSummary};
use crate::run::header::RunEnd;

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

    /// What end.json says.
    #[must_use]
    pub fn end(&self) -> Option<RunEnd> {
        let cancelled = self.cancelled_ms.is_some();
        Some(RunEnd::new(self.ended_ms()?, self.counts, &self.classes, &self.statistics(), cancelled))
    }

    /// Durations and memory of all attempts.
    #[must_use]
    pub fn statistics(&self) -> RunStatistics {
        RunStatistics {
            p50_ms: self.durations.quantile(50),
            // Quantiles are right to one percent; none is above the longest.
            p95_ms: self.durations.quantile(95).min(self.statistics.max_ms),
            ..self.statistics
        }
    }

    /// Tasks ended in each of the last 60 seconds, oldest first.
    #[must_use]
    pub fn history(&self, now_ms: Millis) -> Vec<u64> {
        let now = self.ended_ms().unwrap_or(now_ms) / 1000;
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

    /// As lists show it.
    #[must_use]
    pub fn summary(&self, now_ms: Millis, unsent: u64, settled: bool) -> RunSummary {
        let rate = self.rate(now_ms);
        let open = self.counts.pending + self.counts.running;
        RunSummary {
            id: self.header.id.clone(),
            function: self.header.function.clone(),
            image: digest_of(&self.header.image),
            started_ms: self.header.started_ms,
            ended_ms: self.ended_ms(),
            counts: self.counts,
            classes: self.classes.clone(),
            cancelled: self.cancelled_ms.is_some(),
            rate,
            eta_s: (rate > 0.0 && open > 0).then(|| float(open) / rate),
            unsent: unsent.min(self.counts.pending),
            stalled_ms: None,
            settled,
            waiting: self.waiting,
            resent: 0,
            reading: false,
            trouble: None,
        }
    }

    /// As an open run is shown. Cheap: the tasks are shared.
    #[must_use]
    pub fn view(&self, now_ms: Millis, unsent: u64, settled: bool) -> RunView {
        RunView {
            summary: self.summary(now_ms, unsent, settled),
            tasks: self.chunks.clone(),
            statistics: self.statistics(),
            history: self.history(now_ms).into(),
            loading: !self.has_inputs(),
        }
    }
}

#[allow(clippy::cast_precision_loss, reason = "rates are approximate")]
const fn float(n: u64) -> f64 {
    n as f64
}
