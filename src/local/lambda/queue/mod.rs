//! The queue of asynchronous invocations: on disk, a page of it in memory.
//!
//! A row stays in the table until its event is done for good, so an event that was in flight when the process died
//! runs again. New events have `due_ms` 0 and are read in the order of their ids, which one thread gives out in the
//! order of commits; events that wait for another attempt have the time of it.

mod dispatch;
mod memory;
mod outcome;
mod table;

pub(super) use dispatch::run;
pub use table::NewInvocation;

use super::model::EventConfig;
use super::names::FunctionRef;
use super::store::stored;
use crate::local::db::{Db, DbError};
use crate::local::s3::NotificationTargets;
use bytes::Bytes;
use memory::Memory;
use rusqlite::Transaction;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use throng_runtime::contract::local::ACCOUNT;
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
    memory: Mutex<Memory>,
    last_id: AtomicI64,
    /// Something may be ready.
    ready: Notify,
    changes: Mutex<Vec<Change>>,
    changed: Notify,
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
        let mut memory = Memory::default();
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
        })
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts an event on the queue, within a transaction. Runs on the database's writer, so ids are in the order of
    /// commits. `false` when there is no such function.
    ///
    /// # Errors
    /// [`DbError`]
    pub fn put(&self, tx: &Transaction<'_>, event: &NewInvocation) -> Result<bool, DbError> {
        let id = self.last_id.fetch_add(1, Ordering::Relaxed) + 1;
        let stored = table::insert(tx, id, event)?;
        if stored {
            self.memory().announced(&event.function, id);
        }
        Ok(stored)
    }

    /// Puts an event on the queue and answers after its commit. `false` when there is no such function.
    ///
    /// # Errors
    /// [`DbError`]
    pub async fn push(self: &Arc<Self>, event: NewInvocation) -> Result<bool, DbError> {
        let queue = self.clone();
        let stored = self.db.write(move |tx| queue.put(tx, &event)).await?;
        self.wake();
        Ok(stored)
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
        let event = NewInvocation::new(reference.name, Bytes::copy_from_slice(event.as_bytes()));
        self.put(transaction, &event)?;
        Ok(())
    }

    fn committed(&self) {
        self.wake();
    }
}

/// Limits of an event's life.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Life {
    pub retries: u32,
    pub max_age: std::time::Duration,
    pub on_failure: Option<String>,
}

impl Life {
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
