//! The first layout: one folder of records. Their names begin with the time, so each look lists only from a moment before the
//! newest that is known; now and then it looks further back, because clocks differ and a record may be stored late.

use super::{Due, FollowOptions};
use crate::cloud::{CloudError, now_ms};
use crate::dataset::objects::{List, each_page};
use crate::run::RunContext;
use crate::run::chain::Chain;
use std::time::Duration;
use throng_contract::keys::first::{records_prefix, running_prefix};

/// Usual look back, for records that were stored in another order than they ended.
const NEAR_MS: u64 = 1_000;
/// The look back now and then, for clocks that differ.
const FAR_MS: u64 = 30_000;
const FAR_EVERY: Duration = Duration::from_secs(4);
/// Everything is listed again this often while the run is open.
const ALL_EVERY: Duration = Duration::from_mins(2);
/// Pages of markers per second that are read at most, on average.
const MARKERS_EVERY: Duration = Duration::from_secs(1);

/// Reads records and markers of a run.
#[derive(Debug, Default)]
pub(super) struct Reader {
    far: Due,
    all: Due,
    markers: Due,
    /// Pages of the last list of markers.
    pages: u32,
}

impl Reader {
    /// Reads what is due. Returns whether anything changed.
    pub async fn read(
        &mut self,
        context: &RunContext,
        chain: &mut Chain,
        options: &FollowOptions,
    ) -> Result<bool, CloudError> {
        let mut changed = if self.all.is_due(ALL_EVERY) {
            self.far.is_due(Duration::ZERO);
            self.records(context, chain, None).await?
        } else {
            let back = if self.far.is_due(FAR_EVERY) { FAR_MS } else { NEAR_MS };
            self.records(context, chain, Some(back)).await?
        };
        let every = MARKERS_EVERY.max(options.fast) * self.pages.clamp(1, 30);
        if !chain.is_complete() && self.markers.is_due(every) {
            changed |= self.markers(context, chain).await?;
        }
        Ok(changed)
    }

    /// Whether everything was listed once.
    pub const fn has_read_all(&self) -> bool {
        self.all.0.is_some()
    }

    /// Lists records: all, or from so many milliseconds before the newest.
    pub async fn records(
        &mut self,
        context: &RunContext,
        chain: &mut Chain,
        back: Option<u64>,
    ) -> Result<bool, CloudError> {
        let prefix = records_prefix(&chain.header().id);
        // A record with a time far ahead must not hide those that come.
        let newest = chain.last_ended_ms().min(now_ms());
        let start_after = back.map(|back| format!("{prefix}{:013}", newest.saturating_sub(back)));
        let list = List { bucket: context.home.clone(), prefix, start_after, ..List::default() };
        let mut changed = false;
        each_page(context.store.as_ref(), list, |page| {
            for object in &page.objects {
                changed |= chain.see(&object.key, None);
            }
            true
        })
        .await?;
        Ok(changed)
    }

    async fn markers(&mut self, context: &RunContext, chain: &mut Chain) -> Result<bool, CloudError> {
        let prefix = running_prefix(&chain.header().id);
        let list = List { bucket: context.home.clone(), prefix, ..List::default() };
        let (mut changed, mut pages) = (false, 0);
        let begun = now_ms();
        each_page(context.store.as_ref(), list, |page| {
            pages += 1;
            for object in &page.objects {
                changed |= chain.marker(&object.key, object.modified_ms);
            }
            true
        })
        .await?;
        changed |= chain.markers_read(0, begun);
        self.pages = pages;
        Ok(changed)
    }
}
