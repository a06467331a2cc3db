//! What is held back is watched and told: what of the run has ended opens the gate, and `unsent.json` in the run's folder says to
//! others that the rest is not lost.

use super::Launch;
use super::gate::Gate;
use super::pacing::Ended;
use crate::cloud::{CloudError, now_ms};
use crate::dataset::Meter;
use crate::dataset::objects::Put;
use crate::dataset::pace::Pace;
use crate::run::header::Unsent;
use crate::run::{FollowOptions, Follower, RunContext, RunError, RunHeader};
use std::sync::Arc;
use std::time::{Duration, Instant};
use throng_contract::keys::unsent_key;
use throng_contract::versions;
use tokio::task::JoinHandle;

/// What is held back is written this often.
const WRITTEN_EVERY: Duration = Duration::from_secs(30);
const WRITTEN_EVERY_LOCAL: Duration = Duration::from_secs(1);
/// What somebody else of this process has seen of the run counts for so long.
const HEARD_FOR: Duration = Duration::from_secs(10);

/// A gate, with what opens it. Dropping it ends that.
pub(super) struct Held {
    context: RunContext,
    run: String,
    gate: Arc<Gate>,
    watching: JoinHandle<()>,
}

impl Launch {
    /// What holds tasks of this launch back; `None` when all may be sent at once. `meter` counts what is sent.
    pub(super) fn held(&self, meter: &Arc<Meter>) -> Option<Held> {
        let most = self.header.overrides.concurrency;
        if most.is_none() && self.pacing.is_none() {
            return None;
        }
        let gate = Arc::new(Gate::new(self.header.tasks, most, self.pacing, meter.clone()));
        let watch = Watch {
            context: self.context.clone(),
            header: self.header.clone(),
            meter: meter.clone(),
            gate: gate.clone(),
            follower: None,
            written: None,
        };
        let (context, run) = (self.context.clone(), self.header.id.clone());
        Some(Held { context, run, gate, watching: tokio::spawn(watch.on()) })
    }
}

impl Held {
    pub fn gate(&self) -> Arc<Gate> {
        self.gate.clone()
    }

    /// Everything was sent: what was held back is so no more.
    pub async fn end(self) {
        self.watching.abort();
        if let Err(error) = release(&self.context, &self.run).await {
            tracing::warn!(%error, "not written that nothing is held back any more");
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.watching.abort();
    }
}

/// Watches a run of which something is held back.
struct Watch {
    context: RunContext,
    header: RunHeader,
    meter: Arc<Meter>,
    gate: Arc<Gate>,
    /// Made when somebody waits: a run of many tasks takes room.
    follower: Option<Box<Follower>>,
    /// What was written last, and when.
    written: Option<(u64, Instant)>,
}

impl Watch {
    async fn on(mut self) {
        loop {
            self.gate.is_wanted().await;
            match self.ended().await {
                Ok(ended) => self.gate.have_ended(ended),
                Err(error) => tracing::warn!(%error, "not known how many tasks are under way"),
            }
            self.write().await;
            let fast = FollowOptions::of(&self.context).fast;
            tokio::time::sleep(self.follower.as_ref().map_or(fast, |follower| follower.pause())).await;
        }
    }

    /// What of the run has ended: as somebody else of this process has just seen it, or as we see it.
    async fn ended(&mut self) -> Result<Ended, RunError> {
        if let Some((_, tasks, total_ms)) = self.meter.ended().filter(|(at, ..)| at.elapsed() < HEARD_FOR) {
            self.follower = None;
            return Ok(Ended { tasks, total_ms });
        }
        let follower = self.follower.get_or_insert_with(|| {
            let mut follower = Follower::of(&self.context, self.header.clone());
            let options = FollowOptions::of(&self.context);
            // A place is free as soon as it can be known.
            follower.set_options(FollowOptions { slow: options.fast * 4, ..options });
            Box::new(follower)
        });
        follower.count_ended().await
    }

    /// Writes what is held back, now and then. A convenience for others, tried again the next time.
    async fn write(&mut self) {
        let held = self.gate.held();
        let every = if self.context.local { WRITTEN_EVERY_LOCAL } else { WRITTEN_EVERY };
        let due = self.written.is_none_or(|(before, at)| before != held && at.elapsed() >= every);
        if held > 0 && due {
            match write(&self.context, &self.header.id, held).await {
                Ok(()) => self.written = Some((held, Instant::now())),
                Err(error) => tracing::warn!(%error, "not written how many tasks are held back"),
            }
        }
    }
}

async fn write(context: &RunContext, run: &str, tasks: u64) -> Result<(), CloudError> {
    let unsent = Unsent { version: versions::LEDGER, at_ms: now_ms(), tasks };
    let body = serde_json::to_vec(&unsent).unwrap_or_default().into();
    let put = Put { bucket: context.home.clone(), key: unsent_key(run), body, ..Put::default() };
    context.store.put(put).await.map(drop)
}

/// Nothing is held back any more, if anything ever was.
async fn release(context: &RunContext, run: &str) -> Result<(), CloudError> {
    let (pace, key) = (Pace::new(1), unsent_key(run));
    if pace.insist(|| context.store.head(&context.home, &key)).await?.is_some() {
        pace.insist(|| write(context, run, 0)).await?;
    }
    Ok(())
}
