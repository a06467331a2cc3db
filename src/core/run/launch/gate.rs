//! At most so many tasks of a run under way: a task is sent when one of those that were has ended, by the ledger. How many is what
//! the person says, or what drains in the function's queue before it is too old.
//!
//! Who goes on with a launch that broke off counts anew. While nobody sends, the rest is pending.

use super::pacing::{Drain, Ended, Pacing};
use crate::dataset::Meter;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;
use tokio::sync::Notify;

/// Lets tasks through while fewer than so many are under way.
#[derive(Debug)]
pub(super) struct Gate {
    /// The person's limit.
    most: Option<u64>,
    pacing: Option<Pacing>,
    meter: Arc<Meter>,
    opened: Instant,
    state: Mutex<State>,
    ended: Notify,
    /// Somebody has begun to wait.
    wanted: Notify,
}

#[derive(Debug)]
struct State {
    /// By task: whether it went through.
    through: Vec<bool>,
    /// How many did, also by a launch that broke off.
    sent: u64,
    ended: Ended,
    drain: Drain,
    /// How many may be under way.
    limit: u64,
    /// Who waits.
    waiting: usize,
}

impl Gate {
    /// For a run of so many tasks.
    pub fn new(tasks: u64, most: Option<u32>, pacing: Option<Pacing>, meter: Arc<Meter>) -> Self {
        let through = vec![false; usize::try_from(tasks).unwrap_or(0)];
        let state = State {
            through,
            sent: 0,
            ended: Ended::default(),
            drain: Drain::default(),
            limit: 0,
            waiting: 0,
        };
        let most = most.map(|most| most.max(1).into());
        let gate = Self {
            most,
            pacing,
            meter,
            opened: Instant::now(),
            state: Mutex::new(state),
            ended: Notify::new(),
            wanted: Notify::new(),
        };
        gate.state().limit = gate.limit(&Drain::default(), Ended::default());
        gate
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn limit(&self, drain: &Drain, ended: Ended) -> u64 {
        let paced = self.pacing.as_ref().map(|pacing| {
            let measured = drain.limit(self.opened.elapsed(), ended.tasks, pacing);
            pacing.limit(ended).min(measured.unwrap_or(u64::MAX))
        });
        self.most.unwrap_or(u64::MAX).min(paced.unwrap_or(u64::MAX))
    }

    /// These tasks were sent by a launch that broke off.
    pub fn had_sent(&self, tasks: impl IntoIterator<Item = u64>) {
        let mut state = self.state();
        for task in tasks {
            state.mark(task);
        }
    }

    /// These tasks went through and could not be sent: others may take their place.
    pub fn were_not_sent(&self, tasks: impl IntoIterator<Item = u64>) {
        let mut state = self.state();
        for task in tasks {
            state.take_back(task);
        }
        drop(state);
        self.ended.notify_waiters();
    }

    /// Waits until a task may be sent. One that went through is not counted twice.
    pub async fn pass(&self, task: u64) {
        self.pass_together(task..task + 1).await;
    }

    /// As [`Gate::pass`], of tasks that are sent together.
    pub async fn pass_together(&self, tasks: Range<u64>) {
        let mut waiter = None;
        loop {
            let ended = self.ended.notified();
            tokio::pin!(ended);
            // From now on nothing that ends is missed.
            ended.as_mut().enable();
            if self.let_through(tasks.clone()) {
                return;
            }
            if waiter.is_none() {
                waiter = Some(Waiter::of(self));
            }
            ended.await;
        }
    }

    /// Whether these may be sent now, or were.
    fn let_through(&self, tasks: Range<u64>) -> bool {
        let mut state = self.state();
        let known = state.is_through(tasks.start);
        let open = state.sent.saturating_sub(state.ended.tasks) < state.limit;
        if open && !known {
            tasks.for_each(|task| state.mark(task));
        }
        open || known
    }

    /// So much of the run has ended.
    pub fn have_ended(&self, ended: Ended) {
        let mut state = self.state();
        if let Some(pacing) = &self.pacing {
            state.drain.note(self.opened.elapsed(), ended.tasks, pacing);
        }
        state.ended = ended;
        state.limit = self.limit(&state.drain, ended);
        drop(state);
        self.tell();
        self.ended.notify_waiters();
    }

    /// Returns when somebody waits.
    pub async fn is_wanted(&self) {
        loop {
            let wanted = self.wanted.notified();
            tokio::pin!(wanted);
            wanted.as_mut().enable();
            if self.state().waiting > 0 {
                return;
            }
            wanted.await;
        }
    }

    /// Tasks that are held back: all that were not sent, when somebody waits.
    pub fn held(&self) -> u64 {
        let state = self.state();
        if state.waiting == 0 { 0 } else { state.through.len() as u64 - state.sent }
    }

    fn tell(&self) {
        self.meter.hold(self.held());
    }
}

impl State {
    fn is_through(&self, task: u64) -> bool {
        usize::try_from(task).ok().and_then(|task| self.through.get(task)).copied().unwrap_or(false)
    }

    fn mark(&mut self, task: u64) {
        self.sent += u64::from(self.replace(task, true) == Some(false));
    }

    fn take_back(&mut self, task: u64) {
        self.sent -= u64::from(self.replace(task, false) == Some(true));
    }

    fn replace(&mut self, task: u64, through: bool) -> Option<bool> {
        let place = usize::try_from(task).ok().and_then(|task| self.through.get_mut(task));
        place.map(|place| std::mem::replace(place, through))
    }
}

/// Somebody who waits.
struct Waiter<'a>(&'a Gate);

impl<'a> Waiter<'a> {
    fn of(gate: &'a Gate) -> Self {
        gate.state().waiting += 1;
        gate.tell();
        gate.wanted.notify_waiters();
        Self(gate)
    }
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        self.0.state().waiting -= 1;
        self.0.tell();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt as _;

    fn gate(tasks: u64, most: u32) -> Gate {
        Gate::new(tasks, Some(most), None, Arc::default())
    }

    fn ended(tasks: u64) -> Ended {
        Ended { tasks, total_ms: 0 }
    }

    #[tokio::test]
    async fn a_task_passes_when_another_has_ended() {
        let gate = gate(10, 2);
        gate.had_sent([0]);
        gate.pass(5).await;
        gate.pass(5).await;
        assert_eq!(gate.pass(6).now_or_never(), None, "one from before, and one of now");
        gate.have_ended(ended(1));
        gate.pass(6).await;
        assert_eq!(gate.pass(7).now_or_never(), None);
        let waits = gate.pass(7);
        let ends = async { gate.have_ended(ended(2)) };
        futures::join!(waits, ends);
    }

    #[tokio::test]
    async fn what_cannot_be_sent_leaves_its_place_to_others() {
        let gate = gate(10, 1);
        gate.pass(0).await;
        let waits = gate.pass(1);
        tokio::pin!(waits);
        assert_eq!(futures::poll!(waits.as_mut()), std::task::Poll::Pending);
        gate.were_not_sent([0, 0, 7]);
        waits.await;
        assert_eq!(gate.pass(2).now_or_never(), None);
    }

    #[tokio::test]
    async fn what_waits_is_held_back_until_all_was_sent() {
        let gate = gate(10, 4);
        gate.pass_together(0..3).await;
        assert_eq!(gate.held(), 0);
        gate.pass_together(3..6).await;
        let waits = gate.pass_together(6..10);
        tokio::pin!(waits);
        assert_eq!(futures::poll!(waits.as_mut()), std::task::Poll::Pending);
        gate.is_wanted().await;
        assert_eq!((gate.held(), gate.meter.held()), (4, 4));
        gate.have_ended(ended(3));
        waits.await;
        assert_eq!((gate.held(), gate.meter.held()), (0, 0));
    }
}
