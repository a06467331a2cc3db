//! What is left of packs, and was not started: by whoever follows the run.
//!
//! A pack that has no time left stores the rest as a start marker, whose arrival starts the function. A function that was deployed
//! without `pack` has no notification for it, and a notification can be lost.

use super::{Due, Follower};
use crate::cloud::now_ms;
use crate::dataset::objects::{List, each_page, read};
use crate::run::RunError;
use std::collections::HashSet;
use std::time::Duration;
use throng_contract::keys::STARTS;
use throng_contract::pack::{PackEvent, parse_start};

/// Markers that were looked at.
#[derive(Debug, Default)]
pub(super) struct Packs {
    looked: Due,
    /// Keys of those that have begun, or that we have fired.
    done: HashSet<String>,
}

impl Follower {
    /// Starts what nothing else has started: joins, what is left of packs, what was lost. Returns whether it did.
    pub(in crate::run) async fn start_some(&mut self) -> bool {
        self.start_joins().await | self.start_packs().await | self.send_lost().await
    }

    /// Fires markers of what is left of packs. Returns whether it did.
    pub(in crate::run) async fn start_packs(&mut self) -> bool {
        let Some(quiet) = self.options.resend_after else { return false };
        let header = self.chain.header();
        let Some(rule) =
            header.pack.as_ref().filter(|_| !self.chain.is_cancelled() && !self.chain.is_complete())
        else {
            return false;
        };
        // Where a notification starts it, a marker gets its time.
        let (patience, every) =
            if rule.marked { (quiet, quiet / 5) } else { (Duration::ZERO, self.options.slow * 2) };
        if !self.packs.looked.is_due(every) {
            return false;
        }
        match self.fire(patience).await {
            Ok(fired) => fired,
            Err(error) => {
                tracing::warn!(%error, run = self.chain.header().id, "what is left of packs was not started");
                false
            }
        }
    }

    async fn fire(&mut self, patience: Duration) -> Result<bool, RunError> {
        let (store, home) = (self.context.store.clone(), self.context.home.clone());
        let header = self.chain.header();
        let prefix = format!("{STARTS}{}/{}.0.", header.function, header.id);
        let function = header.function.clone();
        let oldest = now_ms().saturating_sub(crate::cloud::duration_ms(patience));
        let mut due = Vec::new();
        each_page(store.as_ref(), List { bucket: home.clone(), prefix, ..List::default() }, |page| {
            let old = page.objects.iter().filter(|object| object.modified_ms.is_none_or(|at| at <= oldest));
            due.extend(old.map(|object| object.key.clone()).filter(|key| parse_start(key).is_some()));
            true
        })
        .await?;
        let mut fired = false;
        for key in due {
            if self.packs.done.contains(&key) {
                continue;
            }
            let Some(body) = read(store.as_ref(), &home, &key).await? else { continue };
            let Ok(event) = serde_json::from_slice::<PackEvent>(&body) else {
                tracing::warn!(key, "is no pack");
                self.packs.done.insert(key);
                continue;
            };
            if store.head(&home, &event.pack.begun_key(0)).await?.is_none() {
                self.context.functions.invoke_async(&function, body.clone()).await?;
                self.sent_again_ms = now_ms();
                fired = true;
            }
            self.packs.done.insert(key);
        }
        Ok(fired)
    }
}
