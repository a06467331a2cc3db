//! One pump that stores what was appended.

use super::super::db::{Db, DbError};
use super::room::LogLimits;
use super::tables::{FORMAT, group_id, stream_id};
use rusqlite::{Transaction, params};
use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{Notify, broadcast, mpsc, oneshot};

pub use super::tables::NewEvent;
pub(super) use super::tables::now_ms;

/// Appended batches that one transaction takes at most.
const BATCHES: usize = 1024;
/// Batches that a live tail may lag behind before it loses some, as AWS's does; some 64 KiB each at most.
const TAIL_BACKLOG: usize = 1024;
/// Bytes that may wait for the disk before those who write are made to wait.
const WAITING_MAX: u64 = 16 << 20;

/// Events of one stream on their way to the disk and to live tails.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) group: String,
    pub(super) stream: String,
    pub(super) events: Vec<NewEvent>,
    pub(super) ingested_ms: i64,
    /// How many came before it.
    number: u64,
}

/// What became of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Stored,
    NoSpace,
    Failed,
}

struct Pending {
    batch: Arc<Batch>,
    /// Answered when the batch is stored, or is not.
    done: Option<oneshot::Sender<Fate>>,
}

/// The store of log events. Cheap to clone.
#[derive(Clone, Debug)]
pub struct LogStore {
    pub(super) db: Db,
    pump: mpsc::UnboundedSender<Pending>,
    waiting: Arc<Waiting>,
    removed: Arc<Removed>,
    pub(super) limits: LogLimits,
    /// Something is to be removed in the background.
    pub(super) broom: Arc<Notify>,
    pub(super) tails: broadcast::Sender<Arc<Batch>>,
}

impl std::fmt::Debug for Pending {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pending").field("batch", &self.batch).finish_non_exhaustive()
    }
}

impl LogStore {
    /// Opens or creates the store in `folder`. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// [`DbError`]
    pub fn open(folder: &Path, limits: LogLimits) -> Result<Self, DbError> {
        let path = folder.join("logs.db");
        prepare_for_giving_back(&path)?;
        let db = Db::open(&path, &FORMAT)?;
        let (pump, queue) = mpsc::unbounded_channel();
        let (tails, _) = broadcast::channel(TAIL_BACKLOG);
        let (waiting, removed, broom) = (Arc::default(), Arc::default(), Arc::default());
        let store = Self { db, pump, waiting, removed, limits, broom, tails };
        tokio::spawn(run_pump(store.quiet(), queue));
        tokio::spawn(super::room::keep(store.db.clone(), store.broom.clone()));
        Ok(store)
    }

    /// What the pump needs: not the pump's own entrance, or it would never end.
    fn quiet(&self) -> Pump {
        Pump {
            db: self.db.clone(),
            tails: self.tails.clone(),
            waiting: self.waiting.clone(),
            removed: self.removed.clone(),
            limits: self.limits,
            lost: 0,
        }
    }

    /// Waits until what was appended is not too far ahead of the disk. Who reads what functions write waits here first, so
    /// that their pipes fill and they wait, too.
    pub async fn room(&self) {
        loop {
            let freed = self.waiting.freed.notified();
            if self.waiting.bytes.load(Ordering::Acquire) < WAITING_MAX {
                return;
            }
            freed.await;
        }
    }

    /// Takes events for a stream of a group; both are made when they are not there. Never waits for the disk:
    /// events are stored in the order of the calls, shortly after.
    pub fn append(&self, group: &str, stream: &str, events: Vec<NewEvent>) {
        self.send(group, stream, events, None);
    }

    /// Like [`append`](Self::append), and waits until the events are stored, or cannot be.
    pub async fn append_and_wait(&self, group: &str, stream: &str, events: Vec<NewEvent>) {
        let _ = self.try_append(group, stream, events).await;
    }

    /// Like [`append`](Self::append), and waits until the events are stored.
    ///
    /// # Errors
    /// They are not, for the disk is full or the database is closed.
    pub async fn try_append(&self, group: &str, stream: &str, events: Vec<NewEvent>) -> Result<(), DbError> {
        if events.is_empty() {
            return Ok(());
        }
        let (done, fate) = oneshot::channel();
        self.send(group, stream, events, Some(done));
        match fate.await {
            Ok(Fate::Stored) => Ok(()),
            Ok(Fate::NoSpace) => Err(DbError::Full),
            Ok(Fate::Failed) | Err(_) => Err(DbError::Closed),
        }
    }

    /// Groups that were removed.
    pub(super) fn removed(&self) -> Arc<Removed> {
        self.removed.clone()
    }

    fn send(&self, group: &str, stream: &str, events: Vec<NewEvent>, done: Option<oneshot::Sender<Fate>>) {
        if events.is_empty() {
            return;
        }
        self.waiting.bytes.fetch_add(super::room::bytes_of(&events), Ordering::AcqRel);
        let number = self.removed.appended.fetch_add(1, Ordering::AcqRel);
        let (group, stream) = (group.to_owned(), stream.to_owned());
        let batch = Batch { group, stream, events, ingested_ms: now_ms(), number };
        let _ = self.pump.send(Pending { batch: Arc::new(batch), done });
    }
}

/// Groups that were removed while events of theirs may still have been on their way, which must not make them again.
#[derive(Debug, Default)]
pub(super) struct Removed {
    /// Batches so far.
    appended: AtomicU64,
    /// How many there were when a group was removed.
    groups: Mutex<HashMap<String, u64>>,
}

impl Removed {
    fn groups(&self) -> MutexGuard<'_, HashMap<String, u64>> {
        self.groups.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was appended to a group so far is not stored any more. Asked, as [`sift`](Self::sift) is, on the writer's thread.
    pub fn add(&self, group: &str) {
        self.groups().insert(group.to_owned(), self.appended.load(Ordering::Acquire));
    }

    /// It was not removed.
    pub fn forget(&self, group: &str) {
        self.groups().remove(group);
    }

    /// Those that are to be stored; no older ones come later.
    fn sift(&self, mut batches: Vec<Arc<Batch>>) -> Vec<Arc<Batch>> {
        let mut groups = self.groups();
        let oldest = batches.iter().map(|batch| batch.number).min();
        batches.retain(|batch| groups.get(&batch.group).is_none_or(|before| batch.number >= *before));
        groups.retain(|_, before| oldest.is_none_or(|oldest| oldest < *before));
        batches
    }
}

/// What was appended and is not stored yet.
#[derive(Debug, Default)]
struct Waiting {
    bytes: AtomicU64,
    freed: Notify,
}

/// Stores what was appended.
struct Pump {
    db: Db,
    tails: broadcast::Sender<Arc<Batch>>,
    waiting: Arc<Waiting>,
    removed: Arc<Removed>,
    limits: LogLimits,
    /// Events that could not be stored, to be told when there is room again.
    lost: u64,
}

async fn run_pump(mut pump: Pump, mut queue: mpsc::UnboundedReceiver<Pending>) {
    let mut waiting = Vec::new();
    while queue.recv_many(&mut waiting, BATCHES).await > 0 {
        let batches: Vec<_> = waiting.iter().map(|pending| pending.batch.clone()).collect();
        let bytes: u64 = batches.iter().map(|batch| super::room::bytes_of(&batch.events)).sum();
        let fate = pump.store(batches).await;
        for Pending { batch, done } in waiting.drain(..) {
            let _ = pump.tails.send(batch);
            if let Some(done) = done {
                let _ = done.send(fate);
            }
        }
        pump.waiting.bytes.fetch_sub(bytes, Ordering::AcqRel);
        pump.waiting.freed.notify_waiters();
    }
}

impl Pump {
    async fn store(&mut self, batches: Vec<Arc<Batch>>) -> Fate {
        let count: usize = batches.iter().map(|batch| batch.events.len()).sum();
        let groups: HashSet<String> = batches.iter().map(|batch| batch.group.clone()).collect();
        let removed = self.removed.clone();
        let stored: Result<(), DbError> =
            self.db.write(move |transaction| store(transaction, &removed.sift(batches))).await;
        let fate = match stored {
            Ok(()) => {
                if self.lost > 0 {
                    tracing::warn!(events = self.lost, "log events were not stored; now they are again");
                    self.lost = 0;
                }
                Fate::Stored
            }
            Err(error) => {
                if self.lost == 0 {
                    tracing::error!(%error, "log events are not stored");
                }
                self.lost += count as u64;
                if matches!(error, DbError::Full) { Fate::NoSpace } else { Fate::Failed }
            }
        };
        if let Err(error) = super::room::make(&self.db, self.limits, groups).await {
            tracing::warn!(%error, "old log events were not removed");
        }
        fate
    }
}

/// Free pages are given back only where a database was made so. One of throng 0.1 is written anew once; where there is no
/// room for that it stays as it is.
fn prepare_for_giving_back(path: &Path) -> Result<(), DbError> {
    let connection = rusqlite::Connection::open(path)?;
    let mode: i64 = connection.query_row("PRAGMA auto_vacuum", [], |row| row.get(0))?;
    let version: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    if mode != 2 && version < FORMAT.version {
        connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
        if let Err(error) = connection.execute_batch("VACUUM") {
            tracing::warn!(%error, "the log's database was not written anew: what is removed is used again, not given back");
        }
    }
    Ok(())
}

fn store(transaction: &Transaction<'_>, batches: &[Arc<Batch>]) -> Result<(), DbError> {
    let mut insert = transaction.prepare_cached(
        "INSERT INTO log_event (group_id, stream_id, time, ingested, message) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?;
    let mut touch = transaction.prepare_cached(
        "UPDATE log_stream SET first = min(ifnull(first, ?2), ?2), last = max(ifnull(last, ?3), ?3), ingested = ?4
         WHERE id = ?1",
    )?;
    let mut grow = transaction.prepare_cached("UPDATE log_group SET bytes = bytes + ?2 WHERE id = ?1")?;
    for batch in batches {
        let group = group_id(transaction, &batch.group, batch.ingested_ms)?;
        let stream = stream_id(transaction, group, &batch.stream, batch.ingested_ms)?;
        for event in &batch.events {
            insert.execute(params![group, stream, event.timestamp_ms, batch.ingested_ms, event.message])?;
        }
        let times = || batch.events.iter().map(|event| event.timestamp_ms);
        touch.execute(params![stream, times().min(), times().max(), batch.ingested_ms])?;
        grow.execute(params![
            group,
            i64::try_from(super::room::bytes_of(&batch.events)).unwrap_or(i64::MAX)
        ])?;
    }
    Ok(())
}
