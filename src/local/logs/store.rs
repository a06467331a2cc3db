//! The tables, and one pump that stores what was appended.

use super::super::db::{Db, DbError};
use rusqlite::{OptionalExtension, Transaction, params};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::{broadcast, mpsc, oneshot};

const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS log_group (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, created INTEGER NOT NULL, retention INTEGER,
    tags TEXT NOT NULL DEFAULT '{}');
CREATE TABLE IF NOT EXISTS log_stream (
    id INTEGER PRIMARY KEY, group_id INTEGER NOT NULL REFERENCES log_group(id) ON DELETE CASCADE,
    name TEXT NOT NULL, created INTEGER NOT NULL,
    first INTEGER, last INTEGER, ingested INTEGER, UNIQUE (group_id, name));
CREATE TABLE IF NOT EXISTS log_event (
    id INTEGER PRIMARY KEY AUTOINCREMENT, group_id INTEGER NOT NULL, stream_id INTEGER NOT NULL,
    time INTEGER NOT NULL, ingested INTEGER NOT NULL, message TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS log_event_group ON log_event (group_id, time, id);
CREATE INDEX IF NOT EXISTS log_event_stream ON log_event (stream_id, time, id);
";

/// Appended batches that one transaction takes at most.
const BATCHES: usize = 1024;
/// Batches that a live tail may lag behind before it loses some, as AWS's does.
const TAIL_BACKLOG: usize = 4096;
/// How often events past their group's retention are removed.
const SWEEP: Duration = Duration::from_hours(1);
/// Milliseconds in a day.
const DAY_MS: i64 = 86_400_000;

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

struct Pending {
    batch: Arc<Batch>,
    /// Answered when the batch is stored.
    done: Option<oneshot::Sender<()>>,
}

/// The store of log events. Cheap to clone.
#[derive(Clone, Debug)]
pub struct LogStore {
    pub(super) db: Db,
    pump: mpsc::UnboundedSender<Pending>,
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
    pub fn open(folder: &Path) -> Result<Self, DbError> {
        let db = Db::open(&folder.join("logs.db"), SCHEMA)?;
        let (pump, queue) = mpsc::unbounded_channel();
        let (tails, _) = broadcast::channel(TAIL_BACKLOG);
        tokio::spawn(run_pump(db.clone(), queue, tails.clone()));
        tokio::spawn(expire(db.clone()));
        Ok(Self { db, pump, tails })
    }

    /// Takes events for a stream of a group; both are made when they are not there. Never waits for the disk:
    /// events are stored in the order of the calls, shortly after.
    pub fn append(&self, group: &str, stream: &str, events: Vec<NewEvent>) {
        self.send(group, stream, events, None);
    }

    /// Like [`append`](Self::append), and waits until the events are stored.
    pub async fn append_and_wait(&self, group: &str, stream: &str, events: Vec<NewEvent>) {
        let (done, stored) = oneshot::channel();
        self.send(group, stream, events, Some(done));
        let _ = stored.await;
    }

    fn send(&self, group: &str, stream: &str, events: Vec<NewEvent>, done: Option<oneshot::Sender<()>>) {
        if events.is_empty() {
            return;
        }
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

async fn run_pump(db: Db, mut queue: mpsc::UnboundedReceiver<Pending>, tails: broadcast::Sender<Arc<Batch>>) {
    let mut waiting = Vec::new();
    while queue.recv_many(&mut waiting, BATCHES).await > 0 {
        let batches: Vec<_> = waiting.iter().map(|pending| pending.batch.clone()).collect();
        let stored: Result<(), DbError> = db.write(move |transaction| store(transaction, &batches)).await;
        if let Err(error) = stored {
            tracing::error!(%error, "log events were not stored");
        }
        for Pending { batch, done } in waiting.drain(..) {
            let _ = tails.send(batch);
            if let Some(done) = done {
                let _ = done.send(());
            }
        }
    }
}

fn store(transaction: &Transaction<'_>, batches: &[Arc<Batch>]) -> Result<(), DbError> {
    let mut insert = transaction.prepare_cached(
        "INSERT INTO log_event (group_id, stream_id, time, ingested, message) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?;
    let mut touch = transaction.prepare_cached(
        "UPDATE log_stream SET first = min(ifnull(first, ?2), ?2), last = max(ifnull(last, ?3), ?3), ingested = ?4
         WHERE id = ?1",
    )?;
    for batch in batches {
        let group = group_id(transaction, &batch.group, batch.ingested_ms)?;
        let stream = stream_id(transaction, group, &batch.stream, batch.ingested_ms)?;
        for event in &batch.events {
            insert.execute(params![group, stream, event.timestamp_ms, batch.ingested_ms, event.message])?;
        }
        let times = || batch.events.iter().map(|event| event.timestamp_ms);
        touch.execute(params![stream, times().min(), times().max(), batch.ingested_ms])?;
    }
    Ok(())
}

fn group_id(transaction: &Transaction<'_>, name: &str, now: i64) -> Result<i64, DbError> {
    let mut find = transaction.prepare_cached("SELECT id FROM log_group WHERE name = ?1")?;
    if let Some(id) = find.query_row([name], |row| row.get(0)).optional()? {
        return Ok(id);
    }
    transaction.execute("INSERT INTO log_group (name, created) VALUES (?1, ?2)", params![name, now])?;
    Ok(transaction.last_insert_rowid())
}

fn stream_id(transaction: &Transaction<'_>, group: i64, name: &str, now: i64) -> Result<i64, DbError> {
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

async fn expire(db: Db) {
    loop {
        let outcome: Result<usize, DbError> = db
            .write(|transaction| {
                let removed = transaction.execute(
                    "DELETE FROM log_event WHERE id IN (SELECT e.id FROM log_group g JOIN log_event e
                     ON e.group_id = g.id AND e.time < ?1 - g.retention * ?2 WHERE g.retention IS NOT NULL LIMIT 50000)",
                    params![now_ms(), DAY_MS],
                )?;
                Ok(removed)
            })
            .await;
        match outcome {
            Err(DbError::Closed) => return,
            Err(error) => tracing::warn!(%error, "log retention"),
            Ok(_) => {}
        }
        tokio::time::sleep(SWEEP).await;
    }
}
