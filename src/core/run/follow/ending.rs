//! How following ends: tasks are lost when every due time has passed; a run that is complete gets its end.json.

use super::{Follower, Reader};
use crate::cloud::{duration_ms, now_ms};
use crate::dataset::objects::Put;
use crate::model::Collision;
use crate::run::header::RunEnd;
use crate::run::{RunError, plan, variant};
use throng_contract::keys::{day_end_key, day_of, end_key};

impl Follower {
    pub(super) fn check_overdue(&mut self) -> bool {
        let now = now_ms();
        let due = duration_ms(self.options.lost_after);
        let began = self.chain.header().started_ms.max(self.sent_again_ms);
        let heard = self.chain.last_ended_ms().max(began);
        let late = self.unsent() == 0 && self.held_back() == 0 && now.saturating_sub(heard) > due;
        // What this machine has still to send is not lost.
        late && !plan::is_there(&self.context.folder(&self.chain.header().id))
            && self.chain.overdue(now, &self.young_joins())
    }

    /// Tasks whose input was replaced before they began. Their events are long gone when nothing is heard for a while.
    pub(super) fn check_overwritten(&mut self) -> bool {
        let quiet = self.quiet_for().is_some_and(|quiet| quiet >= self.options.slow * 3);
        quiet && self.chain.counts().running == 0 && self.has_read_all() && self.chain.overwritten()
    }

    /// When every task is final: reads everything once more, also what was stored, then writes how it ended.
    pub(super) async fn settle(&mut self) -> Result<bool, RunError> {
        if !self.chain.is_complete() {
            return Ok(std::mem::take(&mut self.settled));
        }
        let Some(end) = self.ended() else { return Ok(false) };
        if self.settled && self.end.as_ref() == Some(&end) {
            self.finish().await?;
            return Ok(false);
        }
        self.read_all().await?;
        if self.chain.is_complete() && self.lacks_outputs() {
            self.summarise(false).await?;
            self.read_outputs(true).await?;
            if self.lacks_outputs() {
                return Ok(true);
            }
        }
        if !self.chain.is_complete() {
            return Ok(true);
        }
        // Whoever closes a day reads what is shown of it, for those who come later.
        if self.chain.is_over() && self.chain.has_unread(true) {
            return self.read_outputs(true).await.map(|_| true);
        }
        (self.settled, self.finished) = (true, false);
        if let Some(end) = self.ended()
            && self.end.as_ref() != Some(&end)
        {
            self.write_end(end).await;
        }
        Ok(true)
    }

    /// Writes what those who come later read in place of records. It is done after the end was shown.
    ///
    /// # Errors
    /// The cloud does not answer.
    pub(in crate::run) async fn finish(&mut self) -> Result<(), RunError> {
        if self.settled && !std::mem::replace(&mut self.finished, true) {
            self.summarise(true).await?;
            self.write_closed().await;
            if self.options.resend_after.is_some() {
                variant::done(&self.context, self.chain.header()).await;
            }
        }
        Ok(())
    }

    /// Writes summaries of parts of the run that are final, and forgets what they hold.
    pub(super) async fn summarise(&mut self, again: bool) -> Result<(), RunError> {
        let (context, chain) = (&self.context, &mut self.chain);
        match &mut self.reader {
            Reader::Blocks(reader) => reader.summarise(context, (chain, &mut self.outputs), again).await,
            Reader::First(_) | Reader::Days(_) => Ok(()),
        }
    }

    /// Whether there is still something to be read that need not wait for anything.
    pub(super) fn is_behind(&self) -> bool {
        let blocks = matches!(self.reader, Reader::Blocks(_));
        let all = self.options.outputs && self.end.is_none() || self.chain.is_complete() && !self.settled;
        blocks && self.chain.has_unread(all)
    }

    /// Whether what tasks have stored is still to be read: once somebody has settled the run as it stands, and written its
    /// summaries, nobody need do it again.
    fn lacks_outputs(&self) -> bool {
        let Reader::Blocks(reader) = &self.reader else { return false };
        self.chain.has_unread(true) && !(self.is_told() && reader.is_summarised())
    }

    /// Whether end.json tells of the run as it stands.
    fn is_told(&self) -> bool {
        let same = |end: &RunEnd| self.end.as_ref().is_some_and(|told| told.is_of_same(end));
        self.chain.end().is_some_and(|end| same(&end))
    }

    /// Objects that several tasks have stored: how many, and the first of them.
    pub(super) fn collisions(&self) -> (u64, Vec<Collision>) {
        match &self.end {
            Some(end) if self.chain.has_unread(true) && self.is_told() => {
                (end.collisions, end.collided.clone())
            }
            _ => self.outputs.collisions(&self.chain),
        }
    }

    /// How the run ended, when it has.
    fn ended(&self) -> Option<RunEnd> {
        let (collisions, collided) = self.collisions();
        Some(RunEnd { collisions, collided, ..self.chain.end()? })
    }

    /// Where it stands how the run ended.
    fn end_key(&self) -> String {
        let header = self.chain.header();
        match day_of(&header.id) {
            Some(day) => day_end_key(&header.function, day),
            None => end_key(&header.id),
        }
    }

    /// A convenience for lists: when it cannot be written, they count.
    async fn write_end(&mut self, end: RunEnd) {
        let put = Put {
            bucket: self.context.home.clone(),
            key: self.end_key(),
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
