//! Queue → environments.

use super::super::clock::now_ms;
use super::super::environment::{Invocation, JobOutcome};
use super::super::pool::{Lease, Refusal};
use super::super::{Inner, Lambda};
use super::outcome::{self, Ended};
use super::{Change, Event, EventLimits, Queue, table};
use crate::db::DbError;
use std::collections::HashSet;
use std::sync::{Arc, PoisonError, Weak};
use std::time::Duration;

/// Events that one reading takes.
const PAGE: usize = 256;
/// Events that are on their way to a destination without running, at most.
const DIVERTED: usize = 16;

/// Runs the queue until the cloud is dropped.
pub(in super::super) async fn run(inner: Weak<Inner>) {
    let Some(strong) = inner.upgrade() else { return };
    let queue = strong.queue.clone();
    tokio::spawn(settle(queue.clone(), Arc::downgrade(&strong)));
    let diverted = Arc::new(tokio::sync::Semaphore::new(DIVERTED));
    let scheduler = strong.scheduler.clone();
    drop(strong);
    loop {
        let Some(strong) = inner.upgrade() else { return };
        let pause = Round { inner: &strong, diverted: &diverted }.run();
        drop(strong);
        tokio::select! {
            () = queue.ready.notified() => {}
            () = scheduler.freed.notified() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
}

struct Round<'a> {
    inner: &'a Arc<Inner>,
    diverted: &'a Arc<tokio::sync::Semaphore>,
}

impl Round<'_> {
    /// Starts all that can start now. Answers when to look again if nothing is heard before.
    fn run(&self) -> Duration {
        let queue = &self.inner.queue;
        let mut refused: HashSet<String> = HashSet::new();
        loop {
            let now = now_ms();
            let candidates = queue.memory().candidates(now);
            let mut started = false;
            for function in
                candidates.iter().filter(|function| !refused.contains(*function)).cloned().collect::<Vec<_>>()
            {
                match self.try_one(&function, now) {
                    Ok(true) => started = true,
                    Ok(false) => {
                        refused.insert(function);
                    }
                    Err(error) => {
                        tracing::error!(%error, "the queue cannot be read");
                        return Duration::from_secs(1);
                    }
                }
            }
            if !started {
                return self.pause(now_ms());
            }
        }
    }

    fn pause(&self, now: i64) -> Duration {
        let memory = self.inner.queue.memory();
        let due = memory.next_due().map_or(Duration::from_mins(1), |due| {
            Duration::from_millis(u64::try_from(due - now).unwrap_or(0))
        });
        // Events that wait for room may grow too old meanwhile.
        let age = if memory.is_waiting() {
            self.inner.config.time_scale.wall(Duration::from_secs(1))
        } else {
            Duration::from_mins(1)
        };
        due.min(age).max(Duration::from_millis(2))
    }

    /// Starts one event of `function`. `false`: none can start now.
    fn try_one(&self, function: &str, now: i64) -> Result<bool, DbError> {
        let queue = &self.inner.queue;
        let head = {
            let mut memory = queue.memory();
            let line = memory.line(function);
            if line.wants_reading(now) {
                read_page(queue, function, line, now)?;
            }
            line.page.front().map(|event| (event.created_ms, event.request_id.clone()))
        };
        let Some((created_ms, request_id)) = head else { return Ok(false) };
        let Some(record) = self.inner.functions.get(function) else {
            queue.forget(function);
            return Ok(false);
        };
        let life = EventLimits::of(record.events.as_ref());
        let too_old = now - created_ms > self.inner.config.time_scale.wall_ms(life.max_age);
        if too_old || record.reserved == Some(0) {
            let Ok(permit) = self.diverted.clone().try_acquire_owned() else { return Ok(false) };
            let Some(event) = self.take(function) else { return Ok(false) };
            let ended = if too_old { Ended::TooOld } else { Ended::NoConcurrency };
            let inner = self.inner.clone();
            tokio::spawn(async move {
                outcome::give_up(&inner, &event, &life, ended).await;
                drop(permit);
                inner.queue.wake();
            });
            return Ok(true);
        }
        match self.inner.scheduler.begin(function, &request_id, true) {
            Ok(lease) => {
                let Some(event) = self.take(function) else { return Ok(false) };
                tokio::spawn(run_one(self.inner.clone(), event, lease, life));
                Ok(true)
            }
            Err(Refusal::NotActive | Refusal::Reserved | Refusal::Account | Refusal::Machine) => Ok(false),
        }
    }

    fn take(&self, function: &str) -> Option<Event> {
        let mut memory = self.inner.queue.memory();
        memory.served(function);
        memory.line(function).page.pop_front()
    }
}

/// Reads what is due, then what is new.
fn read_page(queue: &Queue, function: &str, line: &mut super::memory::Line, now: i64) -> Result<(), DbError> {
    queue.db.read_now(|connection| {
        if line.next_due.is_some_and(|due| due <= now) {
            let page = table::page_of_due(connection, function, now, PAGE, &line.held)?;
            // As long as something was found, there may be more that is due already.
            line.next_due =
                if page.is_empty() { table::next_due(connection, function, now)? } else { Some(now) };
            line.held.extend(page.iter().map(|event| event.id));
            line.page.extend(page);
        }
        if line.page.len() < PAGE && line.announced > line.read {
            let page = table::page_of_new(connection, function, line.read, PAGE)?;
            if let Some(last) = page.last() {
                line.read = last.id;
            }
            line.page.extend(page);
        }
        Ok(())
    })
}

/// Runs an event once and notes what became of it.
async fn run_one(inner: Arc<Inner>, event: Event, lease: Lease, life: EventLimits) {
    let invocation = Invocation {
        request_id: event.request_id.clone(),
        payload: event.payload.clone(),
        client_context: None,
        trace_id: None,
        tail: false,
    };
    let lambda = Lambda { inner: inner.clone() };
    match lambda.run(invocation, lease).await {
        JobOutcome::Done { failed: false, .. } => inner.queue.note(Change::Done(event.id)),
        // Perhaps it failed because its environment was ended with the cloud: its row stays, and it runs again.
        JobOutcome::Done { failed: true, .. } if inner.scheduler.is_closed() => {}
        JobOutcome::Done { payload, failed: true, .. } => {
            outcome::failed(&inner, event, &life, &payload).await;
        }
        JobOutcome::System(message) => {
            tracing::warn!(function = %event.function, request_id = %event.request_id, %message, "could not be run");
            outcome::postpone(&inner, event);
        }
        JobOutcome::NotRun(_) => outcome::postpone(&inner, event),
    }
}

/// Writes changes in batches: all that came while the batch before was written.
async fn settle(queue: Arc<Queue>, inner: Weak<Inner>) {
    loop {
        queue.changed.notified().await;
        loop {
            let batch = std::mem::take(&mut *queue.changes.lock().unwrap_or_else(PoisonError::into_inner));
            if batch.is_empty() {
                break;
            }
            let batch = Arc::new(batch);
            loop {
                let own = batch.clone();
                match queue.db.write(move |tx| table::apply(tx, &own)).await {
                    Ok(()) => break,
                    Err(error) if inner.strong_count() == 0 => {
                        tracing::debug!(%error, "events were not noted at the end");
                        return;
                    }
                    Err(error) => {
                        tracing::error!(%error, "the queue cannot be written");
                        tokio::time::sleep(Duration::from_secs(1)).await;
                    }
                }
            }
            let mut memory = queue.memory();
            let mut delayed = false;
            for change in batch.iter() {
                match change {
                    Change::Done(id) => memory.settled(*id),
                    Change::Later { id, function, due_ms, .. } => {
                        memory.delayed(function, *id, *due_ms);
                        delayed = true;
                    }
                }
            }
            drop(memory);
            if delayed {
                queue.wake();
            }
        }
    }
}
