//! The tables, and one pump that stores what was appended.

use super::super::db::{Db, DbError, Format};
use super::room::LogLimits;
use rusqlite::{OptionalExtension, Transaction, params};
use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::sync::{Notify, broadcast, mpsc, oneshot};

/// 2 counts bytes by group, so that logs can be bounded, and keeps free pages where they can be given back.
const FORMAT: Format = Format {
    version: 2,
    tables: "
CREATE TABLE IF NOT EXISTS log_group (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, created INTEGER NOT NULL, retention INTEGER,
    tags TEXT NOT NULL DEFAULT '{}', bytes INTEGER NOT NULL DEFAULT 0, removed INTEGER NOT NULL DEFAULT 0,
    notice INTEGER);
CREATE TABLE IF NOT EXISTS log_stream (
    id INTEGER PRIMARY KEY, group_id INTEGER NOT NULL REFERENCES log_group(id) ON DELETE CASCADE,
    name TEXT NOT NULL, created INTEGER NOT NULL,
    first INTEGER, last INTEGER, ingested INTEGER, UNIQUE (group_id, name));
CREATE TABLE IF NOT EXISTS log_event (
    id INTEGER PRIMARY KEY AUTOINCREMENT, group_id INTEGER NOT NULL, stream_id INTEGER NOT NULL,
    time INTEGER NOT NULL, ingested INTEGER NOT NULL, message TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS log_event_group ON log_event (group_id, time, id);
CREATE INDEX IF NOT EXISTS log_event_stream ON log_event (stream_id, time, id);
",
    migrations: &["
ALTER TABLE log_group ADD COLUMN bytes INTEGER NOT NULL DEFAULT 0;
ALTER TABLE log_group ADD COLUMN removed INTEGER NOT NULL DEFAULT 0;
ALTER TABLE log_group ADD COLUMN notice INTEGER;
UPDATE log_group SET bytes =
    (SELECT ifnull(sum(length(CAST(message AS BLOB)) + 100), 0) FROM log_event WHERE group_id = log_group.id);
"],
};

/// Appended batches that one transaction takes at most.
const BATCHES: usize = 1024;
/// Batches that a live tail may lag behind before it loses some, as AWS's does; some 64 KiB each at most.
const TAIL_BACKLOG: usize = 1024;
/// Bytes that may wait for the disk before those who write are made to wait.
const WAITING_MAX: u64 = 16 << 20;

/// An event to be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewEvent {
    /// When it happened, in milliseconds since 1970.
    pub timestamp_ms: i64,
    /// Its text.
    pub message: String,
}

/// Events of one stream on their way to the disk and to live tails.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) group: String,
    pub(super) stream: String,
    pub(super) events: Vec<NewEvent>,
    pub(super) ingested_ms: i64,
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
        let store = Self { db, pump, waiting: Arc::default(), limits, broom: Arc::default(), tails };
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

    fn send(&self, group: &str, stream: &str, events: Vec<NewEvent>, done: Option<oneshot::Sender<Fate>>) {
        if events.is_empty() {
            return;
        }
        self.waiting.bytes.fetch_add(super::room::bytes_of(&events), Ordering::AcqRel);
        let batch =
            Batch { group: group.to_owned(), stream: stream.to_owned(), events, ingested_ms: now_ms() };
        let _ = self.pump.send(Pending { batch: Arc::new(batch), done });
    }
}

/// Milliseconds since 1970.
pub(super) fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
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
        let stored: Result<(), DbError> =
            self.db.write(move |transaction| store(transaction, &batches)).await;
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

pub(super) fn group_id(transaction: &Transaction<'_>, name: &str, now: i64) -> Result<i64, DbError> {
    let mut find = transaction.prepare_cached("SELECT id FROM log_group WHERE name = ?1")?;
    if let Some(id) = find.query_row([name], |row| row.get(0)).optional()? {
        return Ok(id);
    }
    transaction.execute("INSERT INTO log_group (name, created) VALUES (?1, ?2)", params![name, now])?;
    Ok(transaction.last_insert_rowid())
}

pub(super) fn stream_id(
    transaction: &Transaction<'_>,
    group: i64,
    name: &str,
    now: i64,
) -> Result<i64, DbError> {
    let mut find =
        transaction.prepare_cached("SELECT id FROM log_stream WHERE group_id = ?1 AND name = ?2")?;
    if let Some(id) = find.query_row(params![group, name], |row| row.get(0)).optional()? {
        return Ok(id);
    }
    transaction.execute(
        "INSERT INTO log_stream (group_id, name, created) VALUES (?1, ?2, ?3)",
        params![group, name, now],
    )?;
    Ok(transaction.last_insert_rowid())
}
