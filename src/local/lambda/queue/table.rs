//! The queue's table.

use super::{Change, Event};
use crate::db::DbError;
use bytes::Bytes;
use rusqlite::{Connection, Row, Transaction, params};

pub(super) const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS lambda_event (
    id INTEGER PRIMARY KEY, function TEXT NOT NULL, due_ms INTEGER NOT NULL, attempts INTEGER NOT NULL,
    failures INTEGER NOT NULL, request_id TEXT NOT NULL, created_ms INTEGER NOT NULL, payload BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS lambda_event_due ON lambda_event (function, due_ms, id);
";

/// Bytes of payload after which a page is full.
const PAGE_BYTES: usize = 1024 * 1024;

/// An event for the queue.
#[derive(Clone, Debug)]
pub struct NewInvocation {
    /// The function's name.
    pub function: String,
    /// Its request id, in all its attempts.
    pub request_id: String,
    /// The event: JSON, as the caller gave it.
    pub payload: Bytes,
}

impl NewInvocation {
    /// An event with a new request id.
    #[must_use]
    pub fn new(function: String, payload: Bytes) -> Self {
        Self { function, request_id: uuid::Uuid::new_v4().to_string(), payload }
    }
}

/// Stores a new event, when its function is there. `due_ms` is 0 but for events that are to come later.
pub(super) fn insert(
    tx: &Transaction<'_>,
    id: i64,
    event: &NewInvocation,
    due_ms: i64,
) -> Result<bool, DbError> {
    let mut insert = tx.prepare_cached(
        "INSERT INTO lambda_event (id, function, due_ms, attempts, failures, request_id, created_ms, payload)
         SELECT ?1, ?2, ?6, 0, 0, ?3, ?4, ?5 WHERE EXISTS (SELECT 1 FROM lambda_function WHERE name = ?2)",
    )?;
    let now = super::super::clock::now_ms();
    let stored =
        insert.execute(params![id, event.function, event.request_id, now, &event.payload[..], due_ms])?;
    Ok(stored > 0)
}

/// What is in the table of one function.
pub(super) struct Found {
    pub function: String,
    /// Id of the newest new event; 0 without one.
    pub last_new: i64,
    /// Time of the first event that waits for its time.
    pub first_due: Option<i64>,
}

/// The highest id, and what there is of each function.
pub(super) fn summary(connection: &Connection) -> Result<(i64, Vec<Found>), DbError> {
    let last = connection.query_row("SELECT coalesce(max(id), 0) FROM lambda_event", [], |row| row.get(0))?;
    let mut query = connection.prepare(
        "SELECT function, coalesce(max(CASE WHEN due_ms = 0 THEN id END), 0), min(CASE WHEN due_ms > 0 THEN due_ms END)
         FROM lambda_event GROUP BY function",
    )?;
    let rows = query.query_map([], |row| {
        Ok(Found { function: row.get(0)?, last_new: row.get(1)?, first_due: row.get(2)? })
    })?;
    Ok((last, rows.collect::<Result<_, _>>()?))
}

fn event(row: &Row<'_>) -> rusqlite::Result<Event> {
    let payload: Vec<u8> = row.get(7)?;
    Ok(Event {
        id: row.get(0)?,
        function: row.get(1)?,
        delayed: row.get::<_, i64>(2)? > 0,
        attempts: row.get(3)?,
        failures: row.get(4)?,
        request_id: row.get(5)?,
        created_ms: row.get(6)?,
        payload: Bytes::from(payload),
    })
}

const COLUMNS: &str = "id, function, due_ms, attempts, failures, request_id, created_ms, payload";

/// New events after `after`.
pub(super) fn page_of_new(
    connection: &Connection,
    function: &str,
    after: i64,
    limit: usize,
) -> Result<Vec<Event>, DbError> {
    let mut query = connection.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM lambda_event WHERE function = ?1 AND due_ms = 0 AND id > ?2 ORDER BY id LIMIT ?3"
    ))?;
    collect(query.query(params![function, after, limit_of(limit)])?, limit, |_| true)
}

/// Events whose time has come, without those that `held` knows.
pub(super) fn page_of_due(
    connection: &Connection,
    function: &str,
    now: i64,
    limit: usize,
    held: &std::collections::HashSet<i64>,
) -> Result<Vec<Event>, DbError> {
    let mut query = connection.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM lambda_event WHERE function = ?1 AND due_ms > 0 AND due_ms <= ?2 ORDER BY due_ms, id LIMIT ?3"
    ))?;
    let rows = query.query(params![function, now, limit_of(limit + held.len())])?;
    collect(rows, limit, |id| !held.contains(&id))
}

/// The first time after `now` at which an event of the function is due.
pub(super) fn next_due(connection: &Connection, function: &str, now: i64) -> Result<Option<i64>, DbError> {
    let mut query = connection
        .prepare_cached("SELECT min(due_ms) FROM lambda_event WHERE function = ?1 AND due_ms > ?2")?;
    Ok(query.query_row(params![function, now.max(0)], |row| row.get(0))?)
}

fn limit_of(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

fn collect(
    mut rows: rusqlite::Rows<'_>,
    limit: usize,
    wanted: impl Fn(i64) -> bool,
) -> Result<Vec<Event>, DbError> {
    let (mut page, mut bytes) = (Vec::new(), 0);
    while let Some(row) = rows.next()? {
        if !wanted(row.get(0)?) {
            continue;
        }
        let event = event(row)?;
        bytes += event.payload.len();
        page.push(event);
        if page.len() >= limit || bytes >= PAGE_BYTES {
            break;
        }
    }
    Ok(page)
}

/// Notes changes.
pub(super) fn apply(tx: &Transaction<'_>, changes: &[Change]) -> Result<(), DbError> {
    let mut delete = tx.prepare_cached("DELETE FROM lambda_event WHERE id = ?1")?;
    let mut later =
        tx.prepare_cached("UPDATE lambda_event SET due_ms = ?2, attempts = ?3, failures = ?4 WHERE id = ?1")?;
    for change in changes {
        match change {
            Change::Done(id) => delete.execute([id])?,
            Change::Later { id, due_ms, attempts, failures, .. } => {
                later.execute(params![id, due_ms, attempts, failures])?
            }
        };
    }
    Ok(())
}

/// Number of events per function.
pub(super) fn depth(connection: &Connection) -> Result<Vec<(String, u64)>, DbError> {
    let mut query =
        connection.prepare_cached("SELECT function, count(*) FROM lambda_event GROUP BY function")?;
    let rows = query.query_map([], |row| Ok((row.get(0)?, row.get::<_, i64>(1)?)))?;
    let rows: Vec<(String, i64)> = rows.collect::<Result<_, _>>()?;
    Ok(rows.into_iter().map(|(function, count)| (function, u64::try_from(count).unwrap_or(0))).collect())
}
