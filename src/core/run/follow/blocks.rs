//! The ledger of today: a folder for each block of a thousand tasks, at each depth of a chain. Only blocks that have been sent
//! and are not final are listed, those where something happens more often than others, and never more than so many a second.

use super::outputs::Outputs;
use super::summary::{self, Written};
use super::{Due, FollowOptions, RunContext, RunError};
use crate::cloud::{CloudError, now_ms};
use crate::dataset::objects::{List, each_page};
use crate::model::Millis;
use crate::run::chain::{BlockState, Chain};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use throng_contract::keys::{BLOCK, block_prefix};

/// Lists of blocks a second on AWS, whatever the size of the run ($0.005 per thousand): with those of the run's folder and of what
/// Lambda gave up on they are four.
const RATE: f64 = 3.0;
/// Lists a second in the local cloud.
const RATE_LOCAL: f64 = 40.0;
/// Lists that may be made at once after a pause.
const BURST: f64 = 20.0;
/// The same in the local cloud.
const BURST_LOCAL: f64 = 40.0;
/// A block in which something happens is listed after so many of the follower's pauses in the local cloud, where a list of a
/// thousand names takes time from the tasks themselves.
const PAUSES_LOCAL: u32 = 2;
/// Longest pause between two lists of a block that is open, as a multiple of the follower's own.
const LONGEST: u32 = 6;
/// A block that is final but for a success that may come late (an event that was delivered twice) is listed this often.
const FINAL_EVERY: Duration = Duration::from_mins(2);
/// While records of a part that is final are still to be read, it is looked this often whether somebody else has done that.
const OTHERS_EVERY: Duration = Duration::from_secs(3);
/// The pause grows by this while nothing happens.
const GROWTH: f64 = 1.6;

/// One block.
#[allow(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
#[derive(Clone, Debug, Default)]
struct Block {
    /// When its last list began, by our clock and as a moment.
    listed: Option<(Millis, Instant)>,
    every: Duration,
    /// Nothing in it is open, but the stage before may declare more.
    is_idle: bool,
    /// Every task is final, as the ledger says.
    is_final: bool,
    /// Every task has succeeded: nothing will change.
    is_done: bool,
    /// It has told something since the summary of its part was read or written.
    stale: bool,
}

impl Block {
    fn judge(&mut self, chain: &Chain, (depth, number): (u32, u64)) {
        let state = chain.block(depth, number);
        self.is_idle = state == BlockState::Idle;
        self.is_final = matches!(state, BlockState::Final { .. });
        self.is_done = state == BlockState::Final { done: true };
    }
}

/// Reads the blocks of a run.
#[derive(Debug)]
pub(super) struct Reader {
    /// By depth, then by number.
    depths: Vec<Vec<Block>>,
    /// Whether summaries were looked for.
    summaries: bool,
    /// The newest generation of each part's summary, by depth.
    generations: BTreeMap<(u32, u64), u32>,
    /// When it was looked whether somebody else has summarised a part that is final.
    asked: BTreeMap<(u32, u64), Due>,
    /// How often the chain's later stages had been begun anew.
    rebuilt: u32,
    rate: f64,
    burst: f64,
    pauses: u32,
    budget: f64,
    filled: Instant,
}

impl Reader {
    /// Of a run of which nothing is known.
    pub fn new(chain: &Chain, local: bool) -> Self {
        let blocks = usize::try_from(chain.header().tasks.div_ceil(BLOCK)).unwrap_or(usize::MAX);
        let later = Block { is_idle: true, ..Block::default() };
        let mut depths = vec![vec![Block::default(); blocks]];
        depths.extend((1..chain.deepest()).map(|_| vec![later.clone(); blocks]));
        let burst = if local { BURST_LOCAL } else { BURST };
        Self {
            depths,
            summaries: false,
            generations: BTreeMap::new(),
            asked: BTreeMap::new(),
            rebuilt: 0,
            rate: if local { RATE_LOCAL } else { RATE },
            pauses: if local { PAUSES_LOCAL } else { 1 },
            burst,
            budget: burst,
            filled: Instant::now(),
        }
    }

    /// Whether every block was listed once, or is told by a summary.
    pub fn has_read_all(&self) -> bool {
        let read = |block: &Block| block.is_final || block.is_idle || block.listed.is_some();
        self.summaries && self.depths.iter().flatten().all(read)
    }

    /// Lists the blocks that are due. `sent` tells how many tasks this process has sent of a run that it is sending; those
    /// after them have no records. Returns whether anything changed.
    pub async fn read(
        &mut self,
        context: &RunContext,
        (chain, outputs): (&mut Chain, &mut Outputs),
        options: &FollowOptions,
        sent: Option<u64>,
    ) -> Result<bool, RunError> {
        let mut changed = self.summaries(context, (chain, outputs)).await?;
        self.refill();
        self.judge_later(chain, options);
        for (depth, at) in self.due(sent) {
            if self.budget < 1.0 {
                break;
            }
            let (news, pages) = self.list(context, chain, (depth, at)).await?;
            self.budget -= f64::from(pages);
            let fast = options.fast * self.pauses;
            let blocks = &mut self.depths[depth];
            let block = &mut blocks[at];
            block.every = match news {
                _ if block.is_final => FINAL_EVERY,
                true => fast,
                false => block.every.mul_f64(GROWTH).clamp(fast, fast.max(options.slow * LONGEST)),
            };
            if news && let Some(next) = blocks.get_mut(at + 1) {
                next.every = fast;
            }
            changed |= news;
        }
        changed |= self.markers_read(chain);
        // What has just ended may have begun a join: that is not read yet.
        self.judge_later(chain, options);
        Ok(changed)
    }

    /// Lists every block that is not final.
    pub async fn read_open(
        &mut self,
        context: &RunContext,
        (chain, outputs): (&mut Chain, &mut Outputs),
    ) -> Result<(), RunError> {
        self.summaries(context, (chain, outputs)).await?;
        for depth in 0..self.depths.len() {
            for at in 0..self.depths[depth].len() {
                let block = &self.depths[depth][at];
                if !block.is_final && !block.is_idle {
                    self.list(context, chain, (depth, at)).await?;
                }
            }
        }
        self.markers_read(chain);
        Ok(())
    }

    /// Whether a summary holds all that this reader has seen.
    pub fn is_summarised(&self) -> bool {
        let size = usize::try_from(summary::BLOCKS).unwrap_or(1);
        (0..).zip(&self.depths).all(|(depth, blocks)| {
            (0..).zip(blocks.chunks(size)).all(|(part, blocks)| {
                self.generations.contains_key(&(depth, part)) && blocks.iter().all(|block| !block.stale)
            })
        })
    }

    /// Writes a summary of each part whose blocks are final and of which all is known that its tasks have stored. With `again`,
    /// also of those that have told something since their summary. Who follows a run beside us may have written one first: then
    /// what is still to be read is read from that.
    pub async fn summarise(
        &mut self,
        context: &RunContext,
        (chain, outputs): (&mut Chain, &mut Outputs),
        again: bool,
    ) -> Result<(), RunError> {
        for (depth, part) in self.parts() {
            let place = (depth, part);
            let known = self.generations.get(&place).copied();
            let blocks = self.blocks_of(place);
            if known.is_some() && !(again && blocks.iter().any(|block| block.stale)) {
                continue;
            }
            let mut numbers = part * summary::BLOCKS..(part + 1) * summary::BLOCKS;
            let unread = numbers.any(|number| chain.has_unread_in(depth, number));
            // While much is to be read, this is asked again and again: rows are looked at only when something can be done.
            if unread && (known.is_some() || !self.asked.entry(place).or_default().is_due(OTHERS_EVERY)) {
                continue;
            }
            let blocks = self.blocks_of(place);
            for (block, number) in blocks.iter_mut().zip(part * summary::BLOCKS..) {
                block.judge(chain, (depth, number));
            }
            if !blocks.iter().all(|block| block.is_final) {
                continue;
            }
            if unread {
                if summary::read_other(context, (chain, outputs), place).await? {
                    self.summarised(place, 0);
                }
                continue;
            }
            let generation = known.map_or(0, |known| known + 1);
            match summary::write(context, (chain, outputs), place, generation).await {
                Written::Here => {}
                // What the other has seen of a part that is final for the first time is what we have.
                Written::Elsewhere if known.is_none() => {}
                Written::Elsewhere => {
                    self.generations.insert(place, generation);
                    continue;
                }
                Written::No => continue,
            }
            self.summarised(place, generation);
            outputs.forget(summary::tasks_of_part(chain, place));
        }
        Ok(())
    }

    /// A summary holds all that this reader has seen of a part.
    fn summarised(&mut self, place: (u32, u64), generation: u32) {
        self.generations.insert(place, generation);
        self.asked.remove(&place);
        self.blocks_of(place).iter_mut().for_each(|block| block.stale = false);
    }

    /// The parts that there are, each with its depth.
    fn parts(&self) -> Vec<(u32, u64)> {
        let parts = |blocks: &Vec<Block>| (blocks.len() as u64).div_ceil(summary::BLOCKS);
        let depths = (0..).zip(&self.depths);
        depths.flat_map(|(depth, blocks)| (0..parts(blocks)).map(move |part| (depth, part))).collect()
    }

    fn blocks_of(&mut self, (depth, part): (u32, u64)) -> &mut [Block] {
        let size = usize::try_from(summary::BLOCKS).unwrap_or(1);
        let blocks = usize::try_from(depth).ok().and_then(|depth| self.depths.get_mut(depth));
        let part = usize::try_from(part).unwrap_or(usize::MAX);
        blocks.and_then(|blocks| blocks.chunks_mut(size).nth(part)).unwrap_or_default()
    }

    /// Every block is due.
    #[cfg(test)]
    pub fn look_again(&mut self) {
        self.budget = self.burst;
        self.depths.iter_mut().flatten().for_each(|block| block.every = Duration::ZERO);
    }

    async fn summaries(
        &mut self,
        context: &RunContext,
        (chain, outputs): (&mut Chain, &mut Outputs),
    ) -> Result<bool, RunError> {
        if std::mem::replace(&mut self.summaries, true) {
            return Ok(false);
        }
        self.generations =
            summary::read_all(context, chain, outputs).await.inspect_err(|_| self.summaries = false)?;
        let now = (now_ms(), Instant::now());
        for (depth, blocks) in (0..).zip(&mut self.depths) {
            for (block, number) in blocks.iter_mut().zip(0..) {
                if self.generations.contains_key(&(depth, number / summary::BLOCKS)) {
                    block.judge(chain, (depth, number));
                    (block.every, block.listed) = (FINAL_EVERY, block.is_final.then_some(now));
                }
            }
        }
        Ok(!self.generations.is_empty())
    }

    fn refill(&mut self) {
        let since = self.filled.elapsed().as_secs_f64();
        self.budget = (self.budget + since * self.rate).min(self.burst);
        self.filled = Instant::now();
    }

    /// What the stages before have declared meanwhile opens blocks of later ones.
    pub fn judge_later(&mut self, chain: &Chain, options: &FollowOptions) {
        let again = std::mem::replace(&mut self.rebuilt, chain.rebuilt()) != chain.rebuilt();
        for (depth, blocks) in (0..).zip(&mut self.depths).skip(1) {
            for (block, number) in blocks.iter_mut().zip(0..) {
                let was_closed = block.is_idle || block.is_final;
                block.judge(chain, (depth, number));
                let opens = was_closed && !block.is_idle && !block.is_final;
                if opens || again {
                    block.every = options.fast * self.pauses;
                }
                if again {
                    block.listed = None;
                }
            }
        }
    }

    /// Tasks were sent once more: blocks that were final are perhaps not.
    pub fn judge_again(&mut self, chain: &Chain, options: &FollowOptions) {
        for (depth, blocks) in (0..).zip(&mut self.depths) {
            for (block, number) in blocks.iter_mut().zip(0..) {
                let was_final = block.is_final;
                block.judge(chain, (depth, number));
                if was_final && !block.is_final {
                    (block.every, block.listed) = (options.fast * self.pauses, None);
                }
            }
        }
    }

    /// Blocks to list, by depth and number: those that have waited longest beyond their pause first.
    fn due(&self, sent: Option<u64>) -> Vec<(usize, usize)> {
        let sent = sent.map_or(u64::MAX, |sent| sent.div_ceil(BLOCK));
        let late = |block: &Block| match block.listed {
            None => Some(Duration::MAX),
            Some((_, at)) => at.elapsed().checked_sub(block.every),
        };
        let mut due = Vec::new();
        for (depth, blocks) in self.depths.iter().enumerate() {
            let open = blocks
                .iter()
                .enumerate()
                .filter(|(at, block)| !block.is_done && !block.is_idle && (*at as u64) < sent);
            due.extend(open.filter_map(|(at, block)| Some((late(block)?, depth, at))));
        }
        due.sort_unstable_by(|a, b| b.0.cmp(&a.0).then((a.1, a.2).cmp(&(b.1, b.2))));
        due.into_iter().map(|(_, depth, at)| (depth, at)).collect()
    }

    /// Lists one block. Returns whether it told anything new, and how many pages it had.
    async fn list(
        &mut self,
        context: &RunContext,
        chain: &mut Chain,
        (depth, at): (usize, usize),
    ) -> Result<(bool, u16), CloudError> {
        let begun = (now_ms(), Instant::now());
        let place = (u32::try_from(depth).unwrap_or(u32::MAX), at as u64);
        let prefix = block_prefix(&chain.header().id, place.0, place.1);
        let list = List { bucket: context.home.clone(), prefix, ..List::default() };
        let (mut changed, mut pages) = (false, 0_u16);
        each_page(context.store.as_ref(), list, |page| {
            pages = pages.saturating_add(1);
            for object in &page.objects {
                changed |= chain.see(&object.key, object.modified_ms);
            }
            true
        })
        .await?;
        let block = &mut self.depths[depth][at];
        block.listed = Some(begun);
        block.stale |= changed;
        block.judge(chain, place);
        Ok((changed, pages.max(1)))
    }

    /// Markers lie beside records: what had begun when the oldest of the newest lists began is known.
    fn markers_read(&self, chain: &mut Chain) -> bool {
        let mut changed = false;
        let stages = chain.stages().len();
        for stage in 0..stages {
            let depths: Vec<_> =
                chain.depths(stage).filter_map(|depth| usize::try_from(depth).ok()).collect();
            let blocks = depths.iter().filter_map(|depth| self.depths.get(*depth)).flatten();
            let open = blocks.filter(|block| !block.is_final && !block.is_idle);
            let oldest = open.map(|block| block.listed.map_or(0, |(at, _)| at)).min();
            changed |= chain.markers_read(stage, oldest.unwrap_or_else(now_ms));
        }
        changed
    }
}
