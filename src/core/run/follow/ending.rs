//! How following ends: tasks are lost when every due time has passed; a run that is complete gets its end.json.

use super::{Follower, Reader};
use crate::cloud::{duration_ms, now_ms};
use crate::dataset::objects::Put;
use crate::run::header::RunEnd;
use crate::run::{RunError, plan};
use throng_contract::keys::end_key;

impl Follower {
    pub(super) fn check_overdue(&mut self) -> bool {
        let now = now_ms();
        let due = duration_ms(self.options.lost_after);
        let began = self.tracker.header().started_ms.max(self.sent_again_ms);
        let heard = self.tracker.last_ended_ms().max(began);
        let late = self.unsent() == 0 && now.saturating_sub(heard) > due;
        // What this machine has still to send is not lost.
        late && !plan::is_there(&self.context.folder(&self.tracker.header().id)) && self.tracker.overdue(now)
    }

    /// When every task is final: reads everything once more, then writes how it ended.
    pub(super) async fn settle(&mut self) -> Result<bool, RunError> {
        if !self.tracker.is_complete() {
            return Ok(std::mem::take(&mut self.settled));
        }
        let Some(end) = self.tracker.end() else { return Ok(false) };
        if self.settled && self.end.as_ref() == Some(&end) {
            return Ok(false);
        }
        self.read_all().await?;
        if !self.tracker.is_complete() {
            return Ok(true);
        }
        self.settled = true;
        if let Some(end) = self.tracker.end()
            && self.end.as_ref() != Some(&end)
        {
            self.write_end(end).await;
        }
        if let Reader::Blocks(reader) = &mut self.reader {
            reader.summarise(&self.context, &self.tracker).await;
        }
        Ok(true)
    }

    /// A convenience for lists: when it cannot be written, they count.
    async fn write_end(&mut self, end: RunEnd) {
        let put = Put {
            bucket: self.context.home.clone(),
            key: end_key(&self.tracker.header().id),
            body: serde_json::to_vec(&end).unwrap_or_default().into(),
            only_new: !self.has_end,
            ..Put::default()
        };
        if let Err(error) = self.context.store.put(put).await {
            tracing::debug!(%error, "end.json was not written");
        }
        (self.end, self.has_end) = (Some(end), true);
    }
}
