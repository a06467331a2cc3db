//! The queue of asynchronous invocations: on disk, a page of it in memory.
//!
//! A row stays in the table until its event is done for good, so an event that was in flight when the process died
//! runs again. New events have `due_ms` 0 and are read in the order of their ids, which one thread gives out in the
//! order of commits; events that wait for another attempt have the time of it.
//!
//! ```text
//! dispatch   queue -> environments
//! memory     a page per function, and where to go on reading
//! outcome    what becomes of events that failed
//! table      the queue's table
//! ```

mod dispatch;
mod memory;
mod outcome;
mod table;

pub(super) use dispatch::run;
pub use table::NewInvocation;

use super::model::EventConfig;
use super::names::FunctionRef;
use super::store::stored;
use crate::db::{Db, DbError};
use crate::faults::{EventFault, Faults};
use crate::s3::NotificationTargets;
use bytes::Bytes;
use memory::EventBuffer;
use rusqlite::Transaction;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use throng_contract::local::ACCOUNT;
use tokio::sync::Notify;

/// An event that was read from the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Event {
    pub id: i64,
    pub function: String,
    pub request_id: String,
    pub payload: Bytes,
    /// Invocations that ran and failed.
    pub attempts: u32,
    /// Times that the cloud could not run it, since the last invocation.
    pub failures: u32,
    pub created_ms: i64,
    /// Whether it waited for its time (and was not new).
    pub delayed: bool,
}

/// What is to be noted about an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// It is done, one way or the other.
    Done(i64),
    /// It is to be tried again at `due_ms`.
    Later { id: i64, function: String, due_ms: i64, attempts: u32, failures: u32 },
}

/// The queue.
pub struct Queue {
    db: Db,
    memory: Mutex<EventBuffer>,
    last_id: AtomicI64,
    /// Something may be ready.
    ready: Notify,
    changes: Mutex<Vec<Change>>,
    changed: Notify,
    faults: Faults,
}

impl std::fmt::Debug for Queue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Queue").field("db", &self.db).finish_non_exhaustive()
    }
}

impl Queue {
    /// Opens or creates the queue in `db`.
    ///
    /// # Errors
    /// [`DbError`]
    pub async fn open(db: Db) -> Result<Self, DbError> {
        db.write(|tx| {
            tx.execute_batch(super::store::SCHEMA)?;
            Ok::<_, DbError>(tx.execute_batch(table::SCHEMA)?)
        })
        .await?;
        let (last_id, functions) = db.read_now(table::summary)?;
        let mut memory = EventBuffer::default();
        for found in functions {
            memory.found(&found.function, found.last_new, found.first_due);
        }
        Ok(Self {
            db,
            memory: Mutex::new(memory),
            last_id: AtomicI64::new(last_id.max(super::clock::now_ms() * 1000)),
            ready: Notify::new(),
            changes: Mutex::default(),
            changed: Notify::new(),
            faults: Faults::none(),
        })
    }

    /// With what is to go wrong on purpose.
    #[must_use]
    pub fn with_faults(self, faults: Faults) -> Self {
        Self { faults, ..self }
    }

    fn memory(&self) -> MutexGuard<'_, EventBuffer> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts an event on the queue, within a transaction. Runs on the database's writer, so ids are in the order of
    /// commits. `false` when there is no such function.
    ///
    /// # Errors
    /// [`DbError`]
    pub fn put(&self, tx: &Transaction<'_>, event: &NewInvocation) -> Result<bool, DbError> {
        let ruling = self.faults.event("lambda", &String::from_utf8_lossy(&event.payload));
        let due_ms = ruling.as_ref().and_then(|ruling| ruling.later(&self.faults)).map_or(0, due_after);
        match ruling.map(|ruling| ruling.fault) {
            Some(EventFault::Lost) => return Ok(true),
            // The same request id twice, perhaps at once: Lambda invokes at least once.
            Some(EventFault::Duplicated) => drop(self.insert(tx, event, 0)?),
            _ => {}
        }
        self.insert(tx, event, due_ms)
    }

    fn insert(&self, tx: &Transaction<'_>, event: &NewInvocation, due_ms: i64) -> Result<bool, DbError> {
        let id = self.last_id.fetch_add(1, Ordering::Relaxed) + 1;
        let stored = table::insert(tx, id, event, due_ms)?;
        if stored && due_ms > 0 {
            self.memory().comes_later(&event.function, due_ms);
        } else if stored {
            self.memory().announced(&event.function, id);
        }
        Ok(stored)
    }

    /// Puts an event on the queue and answers after its commit. `false` when there is no such function.
    ///
    /// # Errors
    /// [`DbError`]
    pub async fn push(self: &Arc<Self>, event: NewInvocation) -> Result<bool, DbError> {
        let (queue, woken) = (self.clone(), self.clone());
        let wake = move |stored| {
            woken.wake();
            stored
        };
        self.db.write_then(move |tx| queue.put(tx, &event), wake).await
    }

    /// A transaction with [`put`](Self::put) has been committed.
    pub fn wake(&self) {
        self.ready.notify_one();
    }

    /// Forgets what is in memory of a function that is gone.
    pub(super) fn forget(&self, function: &str) {
        self.memory().forget(function);
    }

    fn note(&self, change: Change) {
        self.changes.lock().unwrap_or_else(PoisonError::into_inner).push(change);
        self.changed.notify_one();
    }

    /// Whether there may be events that are not in flight.
    pub(super) fn has_events(&self) -> bool {
        self.memory().has_events() || !self.changes.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    /// Number of queued events per function, those in flight included.
    ///
    /// # Errors
    /// [`DbError`]
    pub async fn depth(&self) -> Result<Vec<(String, u64)>, DbError> {
        self.db.read(table::depth).await
    }
}

impl NotificationTargets for Queue {
    fn check(&self, transaction: &Transaction<'_>, function_arn: &str, bucket: &str) -> Result<(), String> {
        let missing = || "The destination Lambda function does not exist".to_owned();
        let reference = FunctionRef::parse(function_arn).map_err(|_| missing())?;
        let function =
            stored(transaction, &reference.name).map_err(|error| error.to_string())?.ok_or_else(missing)?;
        if function.policy.iter().any(|statement| statement.allows_bucket(bucket, ACCOUNT)) {
            Ok(())
        } else {
            Err(format!(
                "Not authorized to invoke function [{function_arn}]: its policy does not let s3.amazonaws.com invoke \
                 it for bucket {bucket}"
            ))
        }
    }

    fn enqueue(&self, transaction: &Transaction<'_>, function_arn: &str, event: &str) -> Result<(), DbError> {
        let Ok(reference) = FunctionRef::parse(function_arn) else { return Ok(()) };
        let new = || NewInvocation::new(reference.name.clone(), Bytes::copy_from_slice(event.as_bytes()));
        let ruling = self.faults.event("s3", event);
        if let Some(later) = ruling.as_ref().and_then(|ruling| ruling.later(&self.faults)) {
            self.insert(transaction, &new(), due_after(later))?;
            return Ok(());
        }
        match ruling.map(|ruling| ruling.fault) {
            Some(EventFault::Lost) => return Ok(()),
            // Two deliveries of one notification are two invocations.
            Some(EventFault::Duplicated) => drop(self.put(transaction, &new())?),
            _ => {}
        }
        self.put(transaction, &new())?;
        Ok(())
    }

    fn committed(&self) {
        self.wake();
    }
}

/// A time so much later. Events with a time wait for it, as those do that are tried again.
fn due_after(wait: std::time::Duration) -> i64 {
    super::clock::now_ms() + i64::try_from(wait.as_millis()).unwrap_or(i64::MAX / 2).max(1)
}

/// Limits of an event's life.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct EventLimits {
    pub retries: u32,
    pub max_age: std::time::Duration,
    pub on_failure: Option<String>,
}

impl EventLimits {
    /// By the function's configuration, with AWS's defaults: two retries, six hours.
    pub fn of(config: Option<&EventConfig>) -> Self {
        Self {
            retries: config.and_then(|config| config.retries).unwrap_or(2),
            max_age: std::time::Duration::from_secs(u64::from(
                config.and_then(|config| config.max_age_secs).unwrap_or(21_600),
            )),
            on_failure: config.and_then(|config| config.on_failure.clone()),
        }
    }
}
