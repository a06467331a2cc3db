//! Reads standing runs: sixteen shards at each depth, whose names begin with a time, so that each look lists only from a moment
//! before the newest that is known.

use super::FollowOptions;
use crate::cloud::{CloudError, now_ms};
use crate::dataset::objects::{List, each_page};
use crate::run::chain::Chain;
use crate::run::{RunContext, standing};
use futures::StreamExt as _;
use std::ops::Range;
use std::time::{Duration, Instant};
use throng_contract::keys::first::loose_prefix;
use throng_contract::keys::{SHARDS, block_prefix};

/// How far before the newest name is looked: clocks differ, and a record is stored some time after its task has ended.
const BACK_MS: u64 = 60_000;
/// Shards that are listed at a time.
const AT_ONCE: usize = 8;

/// One shard: its prefix and the newest time that a name in it has.
#[derive(Debug)]
struct Shard {
    prefix: String,
    newest_ms: u64,
    /// Of a folder that several days share: the times of this one.
    only: Option<Range<u64>>,
}

/// What the first contract started outside any launch lies in one folder for all days.
fn loose_of(chain: &Chain) -> Option<Shard> {
    let header = chain.header();
    let only = Some(standing::times_of(&header.id)?);
    Some(Shard { prefix: loose_prefix(&header.function), newest_ms: 0, only })
}

/// Reads the shards of a standing run.
#[derive(Debug)]
pub(super) struct Reader {
    shards: Vec<Shard>,
    looked: Option<Instant>,
    /// What was written when the day was closed has told everything.
    told: bool,
}

impl Reader {
    /// Of a run of which nothing is known.
    pub fn new(chain: &Chain) -> Self {
        let run = &chain.header().id;
        let places = (0..chain.deepest()).flat_map(|depth| (0..SHARDS).map(move |shard| (depth, shard)));
        let shard =
            |(depth, shard)| Shard { prefix: block_prefix(run, depth, shard), newest_ms: 0, only: None };
        Self { shards: places.map(shard).chain(loose_of(chain)).collect(), looked: None, told: false }
    }

    /// Whether everything was listed once.
    pub const fn has_read_all(&self) -> bool {
        self.looked.is_some()
    }

    /// What was written when the day was closed has told everything.
    pub fn was_told(&mut self) {
        (self.told, self.looked) = (true, Some(Instant::now()));
    }

    /// Whether that is so.
    pub const fn is_told(&self) -> bool {
        self.told
    }

    /// Lists what is new, when that is due: never more than about four lists a second. Returns whether anything changed.
    pub async fn read(
        &mut self,
        context: &RunContext,
        chain: &mut Chain,
        options: &FollowOptions,
    ) -> Result<bool, CloudError> {
        let depths = u32::try_from(self.shards.len() as u64 / SHARDS).unwrap_or(u32::MAX);
        let every = options.slow.max(Duration::from_millis(200)) * depths.max(1);
        if self.looked.is_some_and(|looked| looked.elapsed() < every) {
            return Ok(false);
        }
        self.all(context, chain).await
    }

    /// Lists what is new.
    pub async fn all(&mut self, context: &RunContext, chain: &mut Chain) -> Result<bool, CloudError> {
        if self.told {
            return Ok(false);
        }
        let begun = now_ms();
        let lists = self.shards.iter().enumerate().map(|(at, shard)| {
            let prefix = shard.prefix.clone();
            let (first, end) = shard.only.as_ref().map_or((0, u64::MAX), |only| (only.start, only.end));
            let from = shard.newest_ms.saturating_sub(BACK_MS).max(first);
            let start_after = (from > 0).then(|| format!("{prefix}{from:013}"));
            let list = List { bucket: context.home.clone(), prefix, start_after, ..List::default() };
            async move {
                let mut seen = Vec::new();
                each_page(context.store.as_ref(), list, |page| {
                    let found = page.objects.into_iter().map(|object| (object.key, object.modified_ms));
                    let before = seen.len();
                    seen.extend(found);
                    let past = seen.len() > before && seen.last().is_some_and(|(key, _)| time_of(key) >= end);
                    seen.retain(|(key, _)| end == u64::MAX || time_of(key) < end);
                    !past
                })
                .await?;
                Ok::<_, CloudError>((at, seen))
            }
        });
        // In order of depth: what starts tasks is known before them.
        let lists: Vec<_> = lists.collect();
        let mut lists = futures::stream::iter(lists).buffered(AT_ONCE);
        let mut changed = false;
        while let Some(listed) = lists.next().await {
            let (at, seen) = listed?;
            for (key, modified_ms) in seen {
                changed |= chain.see(&key, modified_ms);
                if let Some(shard) = self.shards.get_mut(at) {
                    // A name with a time far ahead must not hide those that come.
                    shard.newest_ms = shard.newest_ms.max(time_of(&key).min(begun));
                }
            }
        }
        self.looked = Some(Instant::now());
        let stages = chain.stages().len();
        for stage in 0..stages {
            changed |= chain.markers_read(stage, begun);
        }
        Ok(changed)
    }
}

/// The time that a name begins with.
fn time_of(key: &str) -> u64 {
    let name = key.rsplit('/').next().unwrap_or_default();
    name.split('_').next().and_then(|time| time.parse().ok()).unwrap_or(0)
}
