//! What is shown of a run: its end, its summary and view.

use super::Chain;
use crate::model::{Millis, RunStatistics, RunSummary, RunView, StageSummary};
use crate::run::header::RunEnd;
use crate::run::statistics::Histogram;
use crate::run::tracker::{RunTracker, digest_of, float, statistics_of};
use std::collections::BTreeMap;
use std::sync::Arc;

impl Chain {
    /// When the last task ended, when all have.
    #[must_use]
    pub fn ended_ms(&self) -> Option<Millis> {
        let last = self.stages().map(RunTracker::ended_ms).max().flatten();
        last.filter(|_| self.is_complete())
    }

    /// What end.json says.
    #[must_use]
    pub fn end(&self) -> Option<RunEnd> {
        let (ended_ms, cancelled) = (self.ended_ms()?, self.is_cancelled());
        let end = RunEnd::new(ended_ms, self.counts(), &self.classes(), &self.statistics(), cancelled);
        Some(end.with_stages(&self.stage_summaries()))
    }

    fn classes(&self) -> BTreeMap<crate::model::FailureClass, u64> {
        let mut classes = BTreeMap::new();
        for (class, count) in self.stages().flat_map(RunTracker::classes) {
            *classes.entry(*class).or_default() += count;
        }
        classes
    }

    /// Durations and memory of all attempts of all stages.
    #[must_use]
    pub fn statistics(&self) -> RunStatistics {
        let (mut durations, mut all) = (Histogram::default(), RunStatistics::default());
        for (histogram, statistics) in self.stages().map(RunTracker::measured) {
            durations.merge(histogram);
            all.total_ms = all.total_ms.saturating_add(statistics.total_ms);
            all.max_ms = all.max_ms.max(statistics.max_ms);
            all.max_memory = all.max_memory.max(statistics.max_memory);
        }
        statistics_of(&durations, all)
    }

    /// The stages of a chain; empty when there is but one.
    fn stage_summaries(&self) -> Vec<StageSummary> {
        if self.stages.len() == 1 {
            return Vec::new();
        }
        let summary = |(at, stage): (usize, &super::Stage)| StageSummary {
            function: stage.tracker.header().function.clone(),
            counts: *stage.tracker.counts(),
            waiting: stage.tracker.waiting(),
            complete: self.is_stage_complete(at),
            from: stage.from.clone(),
            join: stage.join.is_some(),
            waits: self.waits(at),
        };
        self.stages.iter().enumerate().map(summary).collect()
    }

    /// As lists show it.
    #[must_use]
    pub fn summary(&self, now_ms: Millis, unsent: u64, settled: bool) -> RunSummary {
        let rate = self.stages().map(|stage| stage.rate(now_ms)).sum();
        let counts = self.counts();
        let open = counts.pending + counts.running;
        RunSummary {
            id: self.header.id.clone(),
            function: self.header.function.clone(),
            standing: self.is_standing(),
            stages: self.stage_summaries(),
            image: digest_of(&self.header.image),
            started_ms: self.header.started_ms,
            ended_ms: self.ended_ms(),
            counts,
            classes: self.classes(),
            cancelled: self.is_cancelled(),
            rate,
            eta_s: (rate > 0.0 && open > 0).then(|| float(open) / rate),
            unsent: unsent.min(counts.pending),
            held: 0,
            stalled_ms: None,
            settled,
            waiting: self.waiting(),
            collisions: 0,
            collided: Vec::new(),
            reused: self.header.reused.clone(),
            overrides: self.header.overrides,
            resent: 0,
            reading: false,
            trouble: None,
        }
    }

    /// As an open run is shown. Cheap: the tasks are shared.
    #[must_use]
    pub fn view(&self, now_ms: Millis, unsent: u64, settled: bool) -> RunView {
        let until = self.ended_ms().unwrap_or(now_ms);
        let mut history: Vec<u64> = Vec::new();
        for stage in self.stages().map(|stage| stage.history(until)) {
            history.resize(history.len().max(stage.len()), 0);
            history.iter_mut().zip(stage).for_each(|(sum, one)| *sum += one);
        }
        RunView {
            summary: self.summary(now_ms, unsent, settled),
            stages: self.stages().map(RunTracker::view).collect(),
            statistics: self.statistics(),
            history: history.into(),
            loading: !self.has_inputs(),
            sets: Arc::default(),
        }
    }
}
