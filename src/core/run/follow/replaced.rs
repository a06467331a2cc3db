//! Inputs that another run has stored over before their tasks began. Their events find the other run's object, and with it the
//! other's task: nobody is going to begin these. They are sent once more as what they are, by events that name them; one whose
//! object is now of another size cannot be done as it was launched.

use super::{Due, Follower};
use crate::cloud::CloudError;
use crate::model::{TaskRow, TaskState};
use futures::{StreamExt as _, TryStreamExt as _};
use std::time::Duration;
use throng_contract::Lineage;
use throng_contract::layout::META_LINEAGE;

/// Objects that are asked about in one look.
const ASKED: usize = 100;
/// Objects that are asked about at a time.
const AT_ONCE: usize = 16;
/// Between two looks.
const EVERY: Duration = Duration::from_secs(10);
/// Nothing was heard for so many of the follower's longest pauses.
const QUIET: u32 = 5;

/// When it was looked.
#[derive(Debug, Default)]
pub(super) struct Looked(Due);

/// What became of an input.
enum Found {
    /// Another run's object of the same size.
    Same(TaskRow),
    /// Another run's object of another size.
    Other(u64),
}

impl Follower {
    /// Launched tasks whose object is another run's by now. Those that cannot be done any more are told to be so; the others are
    /// given back, to be sent.
    pub(super) async fn replaced(&mut self) -> Result<Vec<TaskRow>, CloudError> {
        let header = self.chain.header();
        let quiet = self.quiet_for().is_some_and(|quiet| quiet >= self.options.slow * QUIET);
        let own = header.files && header.provider.is_none() && header.version > 1;
        if !quiet
            || self.held_back() > 0
            || !own
            || self.chain.is_cancelled()
            || !self.has_read_all()
            || !self.replaced.0.is_due(EVERY)
        {
            return Ok(Vec::new());
        }
        if self.load_inputs().await.is_err() {
            return Ok(Vec::new());
        }
        let silent =
            |row: &TaskRow| row.attempts == 0 && row.state == TaskState::Pending && !row.key.is_empty();
        let Some(first) = self.chain.stage(0) else { return Ok(Vec::new()) };
        let rows: Vec<_> = first.indexes(silent).into_iter().take(ASKED).collect();
        let rows = rows.into_iter().filter_map(|index| Some((index, first.row(index)?.clone())));
        let rows: Vec<_> = rows.collect();
        let found: Vec<_> = futures::stream::iter(rows)
            .map(|(index, row)| self.of_another(index, row))
            .buffer_unordered(AT_ONCE)
            .try_collect()
            .await?;
        let mut again = Vec::new();
        for found in found.into_iter().flatten() {
            match found {
                Found::Same(row) => again.push(row),
                Found::Other(index) => drop(self.chain.replaced(index)),
            }
        }
        Ok(again)
    }

    /// Whether the object of a task says that it is of another run.
    async fn of_another(&self, index: u64, row: TaskRow) -> Result<Option<Found>, CloudError> {
        let Some(head) = self.context.store.head(&row.bucket, &row.key).await? else { return Ok(None) };
        let told = head.metadata.iter().find(|(name, _)| name == META_LINEAGE).map(|(_, value)| value);
        let lineage = told.and_then(|told| Lineage::parse(told, &row.bucket, &row.key));
        if lineage.is_none_or(|lineage| lineage.run == self.chain.header().id) {
            return Ok(None);
        }
        Ok(Some(if head.size == row.size { Found::Same(row) } else { Found::Other(index) }))
    }
}
