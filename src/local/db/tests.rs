//! Groups of changes: what fails, what stays, what a full disk is called.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::*;

const SCHEMA: Format = Format::first("CREATE TABLE IF NOT EXISTS t (n INTEGER PRIMARY KEY, body BLOB)");

fn count(db: &Db) -> i64 {
    db.read_now(|c| c.query_row("SELECT count(*) FROM t", [], |row| row.get(0)).map_err(DbError::from))
        .expect("a count")
}

#[tokio::test]
async fn a_failed_change_leaves_nothing_and_does_not_harm_its_neighbours() {
    let dir = tempfile::tempdir().expect("a folder");
    let db = Db::open(&dir.path().join("x.db"), &SCHEMA).expect("opens");
    let insert = |n: i64, fail: bool| {
        db.write(move |tx| {
            tx.execute("INSERT INTO t (n) VALUES (?1)", [n]).map_err(DbError::from)?;
            if fail { Err(DbError::Closed) } else { Ok(()) }
        })
    };
    let (a, b, c) = tokio::join!(insert(1, false), insert(2, true), insert(3, false));
    assert!(a.is_ok() && b.is_err() && c.is_ok());
    assert_eq!(count(&db), 2);
}

#[tokio::test]
async fn what_was_answered_is_there_when_opened_again() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("x.db");
    let db = Db::open(&path, &SCHEMA).expect("opens");
    for n in 0..100 {
        db.write(move |tx| {
            tx.execute("INSERT INTO t (n) VALUES (?1)", [n])?;
            Ok::<_, DbErrorBox>(())
        })
        .await
        .expect("written");
    }
    let again = Db::open(&path, &SCHEMA).expect("opens twice");
    assert_eq!(count(&again), 100);
}

/// A database that may not grow stands for a full disk: `SQLite` answers the same.
#[tokio::test]
async fn a_full_disk_has_a_name_and_what_follows_is_written_when_there_is_room() {
    let dir = tempfile::tempdir().expect("a folder");
    let db = Db::open(&dir.path().join("x.db"), &SCHEMA).expect("opens");
    let limit = |pages: i64| {
        db.write(move |tx| {
            let set = format!("PRAGMA max_page_count = {pages}");
            tx.query_row(&set, [], |row| row.get::<_, i64>(0)).map(drop).map_err(DbError::from)
        })
    };
    let insert = |n: i64, bytes: usize| {
        db.write(move |tx| {
            tx.execute("INSERT INTO t VALUES (?1, ?2)", rusqlite::params![n, vec![1_u8; bytes]])?;
            Ok::<_, DbError>(())
        })
    };
    insert(1, 10).await.expect("there is room");
    limit(8).await.expect("a limit");
    let (big, small) = tokio::join!(insert(2, 1 << 20), insert(3, 10));
    assert!(matches!(big, Err(DbError::Full)), "{big:?}");
    assert!(matches!(small, Ok(()) | Err(DbError::Full)), "{small:?}");
    limit(1_000_000).await.expect("a limit");
    insert(4, 1 << 20).await.expect("there is room again");
    assert_eq!(count(&db), if small.is_ok() { 3 } else { 2 });
}

#[derive(Debug)]
struct DbErrorBox;
impl From<rusqlite::Error> for DbErrorBox {
    fn from(_: rusqlite::Error) -> Self {
        Self
    }
}
impl From<DbError> for DbErrorBox {
    fn from(_: DbError) -> Self {
        Self
    }
}
