//! At most so many tasks of a run under way: a task is sent when one of those that were has ended, by the ledger.
//!
//! Nothing is kept anywhere for it: who goes on with a launch that broke off counts anew. While nobody sends, the rest is pending.

use super::Launch;
use crate::run::{FollowOptions, Follower};
use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Notify;

/// Lets tasks through while fewer than so many are under way.
#[derive(Debug)]
pub(super) struct Gate {
    most: u64,
    state: Mutex<State>,
    ended: Notify,
}

#[derive(Debug, Default)]
struct State {
    /// Tasks that went through before, by a launch that broke off.
    before: u64,
    /// Tasks that went through.
    through: HashSet<u64>,
    /// Tasks that have ended.
    ended: u64,
}

impl Gate {
    pub fn new(most: u32, before: u64) -> Self {
        let state = State { before, ..State::default() };
        Self { most: most.max(1).into(), state: Mutex::new(state), ended: Notify::new() }
    }

    /// Waits until a task may be sent. One that went through is not counted twice.
    pub async fn pass(&self, task: u64) {
        loop {
            let ended = self.ended.notified();
            {
                let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
                let under_way = (state.before + state.through.len() as u64).saturating_sub(state.ended);
                if state.through.contains(&task) || under_way < self.most {
                    state.through.insert(task);
                    return;
                }
            }
            ended.await;
        }
    }

    /// So many tasks of the run have ended.
    fn have_ended(&self, count: u64) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).ended = count;
        self.ended.notify_waiters();
    }
}

/// The gate of a launch whose run has a limit, `before` tasks of which were sent; what it counts is followed until the handle is
/// aborted.
pub(super) fn of(launch: &Launch, before: u64) -> Option<(Arc<Gate>, tokio::task::JoinHandle<()>)> {
    let gate = Arc::new(Gate::new(launch.header.overrides.concurrency?, before));
    let mut follower = Follower::of(&launch.context, launch.header.clone());
    let options = FollowOptions { reports: false, outputs: false, ..FollowOptions::of(&launch.context) };
    // A place is free as soon as it can be known.
    follower.set_options(FollowOptions { slow: options.fast * 4, ..options });
    let told = gate.clone();
    let following = tokio::spawn(async move {
        loop {
            if let Err(error) = follower.poll().await {
                tracing::warn!(%error, "not known how many tasks are under way");
            }
            let launched = follower.chain().stages().next();
            told.have_ended(launched.map_or(0, |stage| stage.counts().done()));
            tokio::time::sleep(follower.pause()).await;
        }
    });
    Some((gate, following))
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt as _;

    #[tokio::test]
    async fn a_task_passes_when_another_has_ended() {
        let gate = Gate::new(2, 1);
        gate.pass(5).await;
        gate.pass(5).await;
        assert_eq!(gate.pass(6).now_or_never(), None, "one from before, and one of now");
        gate.have_ended(1);
        gate.pass(6).await;
        assert_eq!(gate.pass(7).now_or_never(), None);
        let waits = gate.pass(7);
        let ends = async { gate.have_ended(2) };
        futures::join!(waits, ends);
    }
}
