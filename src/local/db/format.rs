//! Which version a database has. It is in the file's header (`user_version`); 0 is what throng 0.1 wrote.
//!
//! A database of an older version is migrated when it is opened, step by step, each in one transaction. One of a newer
//! version is refused: what this version would write might harm it.

use super::DbError;
use rusqlite::{Connection, OptionalExtension as _};
use std::path::Path;

/// What a database is made of.
#[derive(Clone, Copy, Debug)]
pub struct Format {
    /// Its version, from 1. Version 1 has the tables of throng 0.1.
    pub version: i64,
    /// Tables and indexes as of this version. Idempotent (`IF NOT EXISTS`); run after the migrations.
    pub tables: &'static str,
    /// What leads from each version to the next, in order: the first from 1 to 2.
    pub migrations: &'static [&'static str],
    /// MiB that are written ahead before they are copied into the file: much means fewer syncs under load, and takes as much
    /// of the disk beside the file.
    pub ahead_mib: u32,
}

/// Most databases may be written ahead so far; `SQLite` itself stops at 4.
const AHEAD_MIB: u32 = 64;

/// The database of objects, functions and events, whose tables S3 and Lambda make when they open it. 2 remembers uploads
/// that were completed.
pub const CLOUD: Format = Format { version: 2, tables: "", migrations: &[""], ahead_mib: AHEAD_MIB };

impl Format {
    /// Tables without a history.
    #[must_use]
    pub const fn first(tables: &'static str) -> Self {
        Self { version: 1, tables, migrations: &[], ahead_mib: AHEAD_MIB }
    }

    /// Brings a database to this version; the newest tables are there afterwards.
    pub(super) fn bring(&self, connection: &mut Connection, path: &Path) -> Result<(), DbError> {
        let found = version_of(connection)?;
        if found > self.version {
            return Err(DbError::Newer { path: path.to_owned(), found, known: self.version });
        }
        if let Some(mut at) = found_at(found, connection)? {
            while at < self.version {
                let step = usize::try_from(at - 1).ok().and_then(|index| self.migrations.get(index));
                let transaction = connection.transaction()?;
                transaction.execute_batch(step.unwrap_or(&""))?;
                at += 1;
                transaction.pragma_update(None, "user_version", at)?;
                transaction.commit()?;
                tracing::info!(path = %path.display(), version = at, "a database was migrated");
            }
        }
        connection.execute_batch(self.tables)?;
        connection.pragma_update(None, "user_version", self.version)?;
        Ok(())
    }
}

/// The version in a database's header.
pub(super) fn version_of(connection: &Connection) -> Result<i64, DbError> {
    Ok(connection.query_row("PRAGMA user_version", [], |row| row.get(0))?)
}

/// Where migrations begin; `None` when the database is empty.
fn found_at(found: i64, connection: &Connection) -> Result<Option<i64>, DbError> {
    let any: Option<i64> = connection
        .query_row("SELECT 1 FROM sqlite_master WHERE type = 'table' LIMIT 1", [], |row| row.get(0))
        .optional()?;
    Ok(any.map(|_| found.max(1)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::super::Db;
    use super::*;

    const NOW: Format = Format {
        version: 3,
        tables: "CREATE TABLE IF NOT EXISTS t (n INTEGER, more TEXT, most TEXT)",
        migrations: &["ALTER TABLE t ADD COLUMN more TEXT DEFAULT 'm'", "ALTER TABLE t ADD COLUMN most TEXT"],
        ahead_mib: AHEAD_MIB,
    };

    fn read(path: &Path, sql: &str) -> String {
        Connection::open(path).unwrap().query_row(sql, [], |row| row.get::<_, String>(0)).unwrap()
    }

    #[test]
    fn an_older_database_is_migrated_and_a_newer_one_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.db");
        // What 0.1 wrote has no version.
        Connection::open(&path)
            .unwrap()
            .execute_batch("CREATE TABLE t (n INTEGER); INSERT INTO t VALUES (7)")
            .unwrap();
        drop(Db::open(&path, &NOW).unwrap());
        assert_eq!(read(&path, "SELECT n || more FROM t"), "7m");
        assert_eq!(version_of(&Connection::open(&path).unwrap()).unwrap(), 3);
        drop(Db::open(&path, &NOW).unwrap());
        Connection::open(&path).unwrap().pragma_update(None, "user_version", 9).unwrap();
        let refusal = Db::open(&path, &NOW).unwrap_err().to_string();
        assert!(refusal.contains("x.db") && refusal.contains("newer throng"), "{refusal}");
        assert_eq!(version_of(&Connection::open(&path).unwrap()).unwrap(), 9, "it is left as it is");
    }

    #[test]
    fn a_new_database_has_the_newest_version() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.db");
        drop(Db::open(&path, &NOW).unwrap());
        assert_eq!(version_of(&Connection::open(&path).unwrap()).unwrap(), 3);
    }
}
