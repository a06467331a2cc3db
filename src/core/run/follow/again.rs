//! That tasks were sent once more: what was lost is waited for again, and so is what had ended without success.

use super::{Follower, Reader};
use crate::dataset::objects::{List, each_page, read};
use crate::run::RunError;
use crate::run::launch::Again;
use std::collections::HashSet;
use throng_contract::keys::again_prefix;

/// What was said of it.
#[derive(Debug, Default)]
pub(super) struct Agains {
    /// Keys of what was read.
    read: HashSet<String>,
}

impl Follower {
    /// Whether tasks were sent once more since: then none of them is lost yet, and those that had ended are open.
    pub(super) async fn look_at_agains(&mut self, run: &str) -> Result<bool, RunError> {
        let list = List { bucket: self.context.home.clone(), prefix: again_prefix(run), ..List::default() };
        let (mut newest, mut new) = (0, Vec::new());
        each_page(self.context.store.as_ref(), list, |page| {
            newest = page.objects.iter().filter_map(|object| object.modified_ms).fold(newest, u64::max);
            new.extend(page.objects.into_iter().map(|object| object.key));
            true
        })
        .await?;
        let later = newest > self.sent_again_ms;
        self.sent_again_ms = self.sent_again_ms.max(newest);
        let mut changed = later && self.chain.opened_again(newest);
        new.retain(|key| !self.agains.read.contains(key));
        // Numbers as people count.
        new.sort_by(|a, b| (a.len(), a).cmp(&(b.len(), b)));
        for key in new {
            let body = read(self.context.store.as_ref(), &self.context.home, &key).await?;
            let again = body.and_then(|body| serde_json::from_slice::<Again>(&body).ok());
            if let Some(Again { retried, anew, .. }) = again {
                changed |= self.chain.retried(retried) | self.chain.begin_anew(anew);
            }
            self.agains.read.insert(key);
        }
        if changed && let Reader::Blocks(reader) = &mut self.reader {
            reader.judge_again(&self.chain, &self.options);
        }
        Ok(changed)
    }
}
