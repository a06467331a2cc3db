//! The tables of groups, streams and events.

use crate::db::{DbError, Format};
use rusqlite::{OptionalExtension as _, Transaction, params};
use std::time::{SystemTime, UNIX_EPOCH};

/// 2 counts bytes by group, so that logs can be bounded, and keeps free pages where they can be given back.
pub(super) const FORMAT: Format = Format {
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
    // No more than a small part of what is kept of logs.
    ahead_mib: 4,
};

/// An event to be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewEvent {
    /// When it happened, in milliseconds since 1970.
    pub timestamp_ms: i64,
    /// Its text.
    pub message: String,
}

/// Milliseconds since 1970.
pub(super) fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
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
