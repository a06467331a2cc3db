//! The ledger of today: a folder for each block of a thousand tasks. Only blocks that have been sent and are not final are
//! listed, those where something happens more often than others, and never more than so many a second.

use super::summary;
use super::{FollowOptions, RunContext, RunError};
use crate::cloud::{CloudError, now_ms};
use crate::dataset::objects::{List, each_page};
use crate::model::Millis;
use crate::run::{RunHeader, RunTracker};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use throng_contract::keys::{BLOCK, block_prefix};

/// Lists a second on AWS, whatever the size of the run ($0.005 per thousand: contract 2).
const RATE: f64 = 4.0;
/// Lists a second in the local cloud.
const RATE_LOCAL: f64 = 40.0;
/// Lists that may be made at once after a pause.
const BURST: f64 = 40.0;
/// A block in which something happens is listed after so many of the follower's pauses in the local cloud, where a list of a
/// thousand names takes time from the tasks themselves.
const PAUSES_LOCAL: u32 = 2;
/// Longest pause between two lists of a block that is open, as a multiple of the follower's own.
const LONGEST: u32 = 6;
/// A block that is final but for a success that may come late (an event that was delivered twice) is listed this often.
const FINAL_EVERY: Duration = Duration::from_mins(2);
/// The pause grows by this while nothing happens.
const GROWTH: f64 = 1.6;

/// One block.
#[derive(Clone, Debug, Default)]
struct Block {
    /// When its last list began, by our clock and as a moment.
    listed: Option<(Millis, Instant)>,
    every: Duration,
    /// Every task is final, as the ledger says.
    is_final: bool,
    /// Every task has succeeded: nothing will change.
    is_done: bool,
    /// It has told something since the summary of its part was read or written.
    stale: bool,
}

impl Block {
    fn judge(&mut self, tracker: &RunTracker, number: u64) {
        let end = tracker.end_of_block(number);
        (self.is_final, self.is_done) = (end.is_some(), end == Some(true));
    }
}

/// Reads the blocks of a run.
#[derive(Debug)]
pub(super) struct Reader {
    blocks: Vec<Block>,
    /// Whether summaries were looked for.
    summaries: bool,
    /// The newest generation of each part's summary.
    generations: BTreeMap<u64, u32>,
    rate: f64,
    pauses: u32,
    budget: f64,
    filled: Instant,
}

impl Reader {
    /// Of a run of which nothing is known.
    pub fn new(header: &RunHeader, local: bool) -> Self {
        let blocks = usize::try_from(header.tasks.div_ceil(BLOCK)).unwrap_or(usize::MAX);
        Self {
            blocks: vec![Block::default(); blocks],
            summaries: false,
            generations: BTreeMap::new(),
            rate: if local { RATE_LOCAL } else { RATE },
            pauses: if local { PAUSES_LOCAL } else { 1 },
            budget: BURST,
            filled: Instant::now(),
        }
    }

    /// Whether every block was listed once, or is told by a summary.
    pub fn has_read_all(&self) -> bool {
        self.summaries && self.blocks.iter().all(|block| block.is_final || block.listed.is_some())
    }

    /// Lists the blocks that are due. `sent` tells how many tasks this process has sent of a run that it is sending; those
    /// after them have no records. Returns whether anything changed.
    pub async fn read(
        &mut self,
        context: &RunContext,
        tracker: &mut RunTracker,
        options: &FollowOptions,
        sent: Option<u64>,
    ) -> Result<bool, RunError> {
        let mut changed = self.summaries(context, tracker).await?;
        self.refill();
        for at in self.due(sent) {
            if self.budget < 1.0 {
                break;
            }
            let (news, pages) = self.list(context, tracker, at).await?;
            self.budget -= f64::from(pages);
            let fast = options.fast * self.pauses;
            let block = &mut self.blocks[at];
            block.every = match news {
                _ if block.is_final => FINAL_EVERY,
                true => fast,
                false => block.every.mul_f64(GROWTH).clamp(fast, fast.max(options.slow * LONGEST)),
            };
            if news && let Some(next) = self.blocks.get_mut(at + 1) {
                next.every = fast;
            }
            changed |= news;
        }
        changed |= self.markers_read(tracker);
        Ok(changed)
    }

    /// Lists every block that is not final.
    pub async fn read_open(
        &mut self,
        context: &RunContext,
        tracker: &mut RunTracker,
    ) -> Result<(), RunError> {
        self.summaries(context, tracker).await?;
        for at in 0..self.blocks.len() {
            if !self.blocks[at].is_final {
                self.list(context, tracker, at).await?;
            }
        }
        self.markers_read(tracker);
        Ok(())
    }

    /// Writes a summary of each part whose blocks are final.
    pub async fn summarise(&mut self, context: &RunContext, tracker: &RunTracker) {
        let size = usize::try_from(summary::BLOCKS).unwrap_or(1);
        for (part, blocks) in (0..).zip(self.blocks.chunks_mut(size)) {
            let known = self.generations.get(&part).copied();
            let is_new = known.is_none() || blocks.iter().any(|block| block.stale);
            let generation = known.map_or(0, |known| known + 1);
            if is_new
                && blocks.iter().all(|block| block.is_final)
                && summary::write(context, tracker, part, generation).await
            {
                self.generations.insert(part, generation);
                for block in blocks {
                    block.stale = false;
                }
            }
        }
    }

    /// Every block is due.
    #[cfg(test)]
    pub fn look_again(&mut self) {
        self.budget = BURST;
        self.blocks.iter_mut().for_each(|block| block.every = Duration::ZERO);
    }

    async fn summaries(&mut self, context: &RunContext, tracker: &mut RunTracker) -> Result<bool, RunError> {
        if std::mem::replace(&mut self.summaries, true) {
            return Ok(false);
        }
        self.generations =
            summary::read_all(context, tracker).await.inspect_err(|_| self.summaries = false)?;
        let now = (now_ms(), Instant::now());
        for (block, number) in self.blocks.iter_mut().zip(0..) {
            if self.generations.contains_key(&(number / summary::BLOCKS)) {
                block.judge(tracker, number);
                (block.every, block.listed) = (FINAL_EVERY, block.is_final.then_some(now));
            }
        }
        Ok(!self.generations.is_empty())
    }

    fn refill(&mut self) {
        let since = self.filled.elapsed().as_secs_f64();
        self.budget = (self.budget + since * self.rate).min(BURST);
        self.filled = Instant::now();
    }

    /// Blocks to list: those that have waited longest beyond their pause first.
    fn due(&self, sent: Option<u64>) -> Vec<usize> {
        let sent = sent.map_or(u64::MAX, |sent| sent.div_ceil(BLOCK));
        let late = |block: &Block| match block.listed {
            None => Some(Duration::MAX),
            Some((_, at)) => at.elapsed().checked_sub(block.every),
        };
        let open = self.blocks.iter().enumerate().filter(|(at, block)| !block.is_done && (*at as u64) < sent);
        let mut due: Vec<_> = open.filter_map(|(at, block)| Some((late(block)?, at))).collect();
        due.sort_unstable_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
        due.into_iter().map(|(_, at)| at).collect()
    }

    /// Lists one block. Returns whether it told anything new, and how many pages it had.
    async fn list(
        &mut self,
        context: &RunContext,
        tracker: &mut RunTracker,
        at: usize,
    ) -> Result<(bool, u16), CloudError> {
        let begun = (now_ms(), Instant::now());
        let prefix = block_prefix(&tracker.header().id, 0, at as u64);
        let list = List { bucket: context.home.clone(), prefix, ..List::default() };
        let (mut changed, mut pages) = (false, 0_u16);
        each_page(context.store.as_ref(), list, |page| {
            pages = pages.saturating_add(1);
            for object in &page.objects {
                // One of them it is: an end, or a begin.
                changed |= tracker.record(&object.key) || tracker.marker(&object.key, object.modified_ms);
            }
            true
        })
        .await?;
        let block = &mut self.blocks[at];
        block.listed = Some(begun);
        block.stale |= changed;
        block.judge(tracker, at as u64);
        Ok((changed, pages.max(1)))
    }

    /// Markers lie beside records: what had begun when the oldest of the newest lists began is known.
    fn markers_read(&self, tracker: &mut RunTracker) -> bool {
        let open = self.blocks.iter().filter(|block| !block.is_final);
        let oldest = open.map(|block| block.listed.map_or(0, |(at, _)| at)).min();
        tracker.markers_read(oldest.unwrap_or_else(now_ms))
    }
}
