//! Logs are bounded, per group and in all. The oldest events go first; the log itself says so, where it is read. A removed
//! group is out of sight at once, its events are removed in small steps, and the disk gets its space back.

use super::tables::{NewEvent, now_ms, stream_id};
use crate::db::{Db, DbError};
use rusqlite::{Connection, OptionalExtension as _, Transaction, params};
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;

/// What an event takes beside its text: its row and two indexes.
const OVERHEAD: u64 = 100;
/// Events removed by one transaction: others wait for it.
const STEP: i64 = 5_000;
/// How often events past their group's retention are removed.
const SWEEP: Duration = Duration::from_hours(1);
/// Milliseconds in a day.
const DAY_MS: i64 = 86_400_000;
/// Free pages of the file that stay for what comes next; a page has 4 KiB.
const PAGES_KEPT: i64 = 1024;
/// Pages given back by one transaction.
const PAGES_STEP: i64 = 2048;
/// The stream of the note about what was removed. AWS makes no such names.
pub(super) const NOTICES: &str = "throng";
/// What the name of a removed group begins with until its events are gone. No group that is there has such a name.
pub(super) const DOOMED: &str = "!";

/// How much of logs is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogLimits {
    /// Bytes of one group, which is one function's.
    pub group: u64,
    /// Bytes of all groups.
    pub total: u64,
}

impl Default for LogLimits {
    /// 256 MiB for a function, 1 GiB in all.
    fn default() -> Self {
        Self { group: 256 << 20, total: 1 << 30 }
    }
}

/// What events take on the disk, about.
pub(super) fn bytes_of(events: &[NewEvent]) -> u64 {
    events.iter().map(|event| event.message.len() as u64 + OVERHEAD).sum()
}

/// Removes the oldest events of these groups, and of all, until they are within the limits; a tenth more, so that it is
/// not done for every line.
pub(super) async fn make(db: &Db, limits: LogLimits, groups: HashSet<String>) -> Result<(), DbError> {
    for group in groups {
        while let Some(id) = too_large(db, &group, limits.group)? {
            shorten(db, id, limits.group).await?;
            while size(db, "WHERE id = ?1", id)? > limits.group / 10 * 9 {
                shorten(db, id, limits.group).await?;
            }
        }
    }
    if size(db, "WHERE ?1 = 0", 0)? > limits.total {
        while size(db, "WHERE ?1 = 0", 0)? > limits.total / 10 * 9 {
            let Some(id) = oldest(db)? else { break };
            shorten(db, id, limits.total).await?;
        }
    }
    Ok(())
}

fn too_large(db: &Db, group: &str, limit: u64) -> Result<Option<i64>, DbError> {
    db.read_now(|connection| {
        let found: Option<(i64, i64)> = connection
            .prepare_cached("SELECT id, bytes FROM log_group WHERE name = ?1")?
            .query_row([group], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        Ok(found
            .filter(|(_, bytes)| u64::try_from(*bytes).is_ok_and(|bytes| bytes > limit))
            .map(|(id, _)| id))
    })
}

/// Bytes of the groups that a condition with one parameter chooses.
fn size(db: &Db, which: &str, parameter: i64) -> Result<u64, DbError> {
    db.read_now(|connection| {
        let sql = format!("SELECT ifnull(sum(bytes), 0) FROM log_group {which}");
        let bytes: i64 = connection.prepare_cached(&sql)?.query_row([parameter], |row| row.get(0))?;
        Ok(u64::try_from(bytes).unwrap_or_default())
    })
}

/// The group whose event has waited longest; notes do not count.
fn oldest(db: &Db) -> Result<Option<i64>, DbError> {
    db.read_now(|connection| {
        let sql = "SELECT e.group_id FROM log_event e WHERE NOT EXISTS
                   (SELECT 1 FROM log_group g WHERE g.notice = e.id) ORDER BY e.id LIMIT 1";
        Ok(connection.prepare_cached(sql)?.query_row([], |row| row.get(0)).optional()?)
    })
}

/// Removes the oldest events of a group, and notes it there.
async fn shorten(db: &Db, group: i64, limit: u64) -> Result<(), DbError> {
    db.write(move |transaction| {
        let notice: Option<i64> = transaction
            .prepare_cached("SELECT notice FROM log_group WHERE id = ?1")?
            .query_row([group], |row| row.get(0))
            .optional()?
            .flatten();
        let removed = remove_oldest(transaction, group, notice)?;
        if removed.events == 0 {
            // Nothing is left to remove: what was counted is not there.
            transaction.execute("UPDATE log_group SET bytes = 0 WHERE id = ?1", [group])?;
            return Ok(());
        }
        transaction
            .prepare_cached(
                "UPDATE log_group SET bytes = max(0, bytes - ?2), removed = removed + ?3 WHERE id = ?1",
            )?
            .execute(params![group, removed.bytes, removed.events])?;
        if let Some(notice) = notice {
            transaction.execute("DELETE FROM log_event WHERE id = ?1", [notice])?;
        }
        note(transaction, group, removed.upto, limit)
    })
    .await
}

struct Removed {
    events: i64,
    bytes: i64,
    upto: i64,
}

fn remove_oldest(transaction: &Transaction<'_>, group: i64, notice: Option<i64>) -> Result<Removed, DbError> {
    let mut statement = transaction.prepare_cached(
        "DELETE FROM log_event WHERE id IN
         (SELECT id FROM log_event WHERE group_id = ?1 AND id IS NOT ?2 ORDER BY time, id LIMIT ?3)
         RETURNING time, length(CAST(message AS BLOB))",
    )?;
    let mut removed = Removed { events: 0, bytes: 0, upto: i64::MIN };
    let rows = statement.query_map(params![group, notice, STEP], |row| Ok((row.get(0)?, row.get(1)?)))?;
    for row in rows {
        let (time, bytes): (i64, i64) = row?;
        removed.events += 1;
        removed.bytes += bytes + i64::try_from(OVERHEAD).unwrap_or_default();
        removed.upto = removed.upto.max(time);
    }
    Ok(removed)
}

/// One event of the group says how many are gone. It lies where the log begins now: right before the first line that is
/// left.
fn note(transaction: &Transaction<'_>, group: i64, upto: i64, limit: u64) -> Result<(), DbError> {
    let first: Option<i64> = transaction
        .prepare_cached("SELECT min(time) FROM log_event WHERE group_id = ?1")?
        .query_row([group], |row| row.get(0))?;
    let at = first.map_or(upto, |first| first - 1);
    let removed: i64 =
        transaction.query_row("SELECT removed FROM log_group WHERE id = ?1", [group], |row| row.get(0))?;
    let stream = stream_id(transaction, group, NOTICES, now_ms())?;
    let message = format!(
        "throng: {removed} older lines of this log were removed: the local cloud keeps {} MiB of it (log_mb_per_function and \
         log_mb in [local] of config.toml)",
        limit >> 20
    );
    transaction
        .prepare_cached(
            "INSERT INTO log_event (group_id, stream_id, time, ingested, message) VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![group, stream, at, now_ms(), message])?;
    let id = transaction.last_insert_rowid();
    transaction.execute("UPDATE log_group SET notice = ?2 WHERE id = ?1", params![group, id])?;
    transaction.execute(
        "UPDATE log_stream SET first = ?2, last = ?2, ingested = ?3 WHERE id = ?1",
        params![stream, at, now_ms()],
    )?;
    Ok(())
}

/// Takes a group out of sight; [`keep`] removes its events.
pub(super) fn doom(transaction: &Transaction<'_>, id: i64) -> rusqlite::Result<()> {
    let name = format!("{DOOMED}{id}-{}", now_ms());
    transaction.execute("UPDATE log_group SET name = ?2 WHERE id = ?1", params![id, name]).map(drop)
}

/// Removes the events of groups that were removed, and those past their group's retention, until the database is closed.
pub(super) async fn keep(db: Db, broom: Arc<Notify>) {
    loop {
        match sweep(&db).await {
            Err(DbError::Closed) => return,
            Err(error) => tracing::warn!(%error, "old log events were not removed"),
            Ok(()) => {}
        }
        tokio::select! {
            () = broom.notified() => {}
            () = tokio::time::sleep(SWEEP) => {}
        }
    }
}

async fn sweep(db: &Db) -> Result<(), DbError> {
    let mut changed = false;
    while db.write(remove_doomed).await? {
        changed = true;
    }
    while db.write(remove_expired).await? {
        changed = true;
    }
    while db.write(|transaction| give_back(transaction)).await? {}
    if changed {
        // What was freed is in the write-ahead log until that is copied into the file.
        let db = db.clone();
        let done = move || db.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)");
        tokio::task::spawn_blocking(done).await.map_err(|_| DbError::Closed)??;
    }
    Ok(())
}

/// One step; whether there is more to do.
fn remove_doomed(transaction: &Transaction<'_>) -> Result<bool, DbError> {
    let sql = "SELECT id FROM log_group WHERE name >= ?1 AND name < ?2 LIMIT 1";
    let doomed: Option<i64> = transaction.query_row(sql, [DOOMED, "\""], |row| row.get(0)).optional()?;
    let Some(group) = doomed else { return Ok(false) };
    if remove_oldest(transaction, group, None)?.events == 0 {
        transaction.execute("DELETE FROM log_group WHERE id = ?1", [group])?;
    }
    Ok(true)
}

fn remove_expired(transaction: &Transaction<'_>) -> Result<bool, DbError> {
    let mut statement = transaction.prepare_cached(
        "DELETE FROM log_event WHERE id IN (SELECT e.id FROM log_group g JOIN log_event e
         ON e.group_id = g.id AND e.time < ?1 - g.retention * ?2 WHERE g.retention IS NOT NULL LIMIT ?3)
         RETURNING group_id, length(CAST(message AS BLOB))",
    )?;
    let rows = statement.query_map(params![now_ms(), DAY_MS, STEP], |row| {
        Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?))
    })?;
    let removed = rows.collect::<Result<Vec<_>, _>>()?;
    let mut shrink =
        transaction.prepare_cached("UPDATE log_group SET bytes = max(0, bytes - ?2) WHERE id = ?1")?;
    for (group, bytes) in &removed {
        shrink.execute(params![group, bytes + i64::try_from(OVERHEAD).unwrap_or_default()])?;
    }
    Ok(!removed.is_empty())
}

/// Gives free pages back to the file system, some at a time; whether there are more.
fn give_back(connection: &Connection) -> Result<bool, DbError> {
    let count = |pragma: &str| connection.query_row(pragma, [], |row| row.get::<_, i64>(0));
    let free = count("PRAGMA freelist_count")?;
    if free <= PAGES_KEPT || count("PRAGMA auto_vacuum")? != 2 {
        return Ok(false);
    }
    let step = PAGES_STEP.min(free - PAGES_KEPT);
    let mut statement = connection.prepare(&format!("PRAGMA incremental_vacuum({step})"))?;
    let mut rows = statement.query([])?;
    // One page a row.
    while rows.next()?.is_some() {}
    Ok(count("PRAGMA freelist_count")? < free)
}
