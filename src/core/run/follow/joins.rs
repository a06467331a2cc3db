//! Joins that nobody has started are started by whoever follows the run.
//!
//! Tasks start them by themselves. But what ends without a record (an environment that died, an event that was lost) runs no code
//! that could, and who crashes between its record and its marker does not: what the ledger says here is enough.

use super::Follower;
use crate::cloud::{ErrorKind, now_ms};
use crate::dataset::objects::Put;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

/// Joins that may begin and of which nothing was heard.
#[derive(Debug, Default)]
pub(super) struct Joins {
    /// Since when, by stage and index.
    since: BTreeMap<(usize, u64), Instant>,
    /// Keys of markers that are there, by us or by others.
    marked: BTreeSet<String>,
}

/// Joins that are started between two looks.
const AT_ONCE: usize = 200;

impl Follower {
    /// Notes since when joins may begin.
    pub(super) fn note_joins(&mut self) {
        let due = if self.has_read_all() { self.chain.due_joins() } else { Vec::new() };
        let due: BTreeSet<(usize, u64)> = due.into_iter().collect();
        self.joins.since.retain(|join, _| due.contains(join));
        for join in due {
            self.joins.since.entry(join).or_insert_with(Instant::now);
        }
    }

    /// Stages of joins that may begin for less time than after which a task is lost.
    pub(super) fn young_joins(&self) -> Vec<usize> {
        let young = self.joins.since.iter().filter(|(_, since)| since.elapsed() < self.options.lost_after);
        young.map(|((stage, _), _)| *stage).collect()
    }

    /// Starts joins that may begin for a while, and that no task has started. Returns whether it did. What is marked and does
    /// not begin is sent once more with what else is lost.
    pub(in crate::run) async fn start_joins(&mut self) -> bool {
        if self.options.resend_after.is_none() || self.chain.is_cancelled() {
            return false;
        }
        let patience = self.options.slow * 3;
        let starts = self.joins.since.iter().filter_map(|((stage, index), since)| {
            let start = self.chain.start(*stage, *index)?;
            // Nobody else starts what is done anew.
            let late = start.generation > 0 || since.elapsed() >= patience;
            late.then_some(start).filter(|start| !self.joins.marked.contains(&start.key()))
        });
        let late: Vec<_> = starts.take(AT_ONCE).collect();
        let mut started = false;
        for start in late {
            let put =
                Put { bucket: self.context.home.clone(), key: start.key(), only_new: true, ..Put::default() };
            match self.context.store.put(put).await {
                Ok(_) => {
                    tracing::info!(run = self.chain.header().id, join = start.function, "started");
                    self.joins.marked.insert(start.key());
                    self.sent_again_ms = now_ms();
                    started = true;
                }
                Err(error) if error.kind == ErrorKind::Conflict => {
                    self.joins.marked.insert(start.key());
                }
                Err(error) => tracing::warn!(%error, join = start.function, "a join was not started"),
            }
        }
        started
    }
}
