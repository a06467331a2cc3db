//! `SQLite` with one writer that commits in groups.
//!
//! Every change runs on one thread, inside a savepoint of a transaction that is shared by all changes that were
//! waiting when it began. A caller is answered after the commit, so what it was told survives `kill -9` at any
//! moment, and a thousand callers pay for a handful of commits. With `synchronous=NORMAL` in WAL mode a commit is a
//! write without a sync: it survives the death of the process; the death of the machine may cost the last moments
//! but never consistency (<https://www.sqlite.org/pragma.html#pragma_synchronous>).
//!
//! ```text
//! format   which version a database has, and how older ones are migrated
//! sealed   secrets in the database, encrypted
//! ```

mod format;

mod sealed;

pub use format::{CLOUD, Format};
pub use sealed::Sealer;

use crate::private;
use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use tokio::sync::oneshot;

/// How many changes one transaction takes at most, so that the first of them does not wait for long.
const GROUP: usize = 512;
/// How many connections for reading are kept for the next reader.
const IDLE_READERS: usize = 8;

/// Why the database did not do it.
#[derive(Debug, thiserror::Error)]
pub enum DbError {
    /// `SQLite` refused.
    #[error("database: {0}")]
    Sqlite(#[source] rusqlite::Error),
    /// The disk is full; nothing was changed.
    #[error("no space left for the database")]
    Full,
    /// A newer version wrote it.
    #[error(
        "{path} was written by a newer throng (its format is {found}, this throng reads up to {known}): use that version. \
         `throng local reset` begins anew and deletes what is stored",
        path = path.display()
    )]
    Newer {
        /// The database.
        path: PathBuf,
        /// Its version.
        found: i64,
        /// The newest version that is known here.
        known: i64,
    },
    /// Something that belongs to the database, such as its files, failed.
    #[error("{0}")]
    Failed(String),
    /// The database is closed, or its writer died.
    #[error("the database is closed")]
    Closed,
}

impl From<rusqlite::Error> for DbError {
    fn from(error: rusqlite::Error) -> Self {
        // The index of the journal grows, too; there `SQLite` has no code of its own for a full disk.
        const INDEX_NOT_GROWN: i32 = rusqlite::ffi::SQLITE_IOERR_SHMSIZE;
        match error.sqlite_error() {
            Some(code) if code.code == rusqlite::ErrorCode::DiskFull => Self::Full,
            Some(code) if code.extended_code == INDEX_NOT_GROWN => Self::Full,
            _ => Self::Sqlite(error),
        }
    }
}

/// How a group's commit went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Committed {
    Yes,
    Full,
    No,
}

impl Committed {
    fn failed(error: &DbError) -> Self {
        tracing::error!(%error, "nothing was committed");
        if matches!(error, DbError::Full) { Self::Full } else { Self::No }
    }
}

/// Runs inside the writer's transaction; what it returns is sent to the caller once the commit is done. Without a
/// transaction it is not run.
type Job = Box<dyn FnOnce(Option<&Transaction<'_>>) -> Reply + Send>;
/// Called with how the group's commit went.
type Reply = Box<dyn FnOnce(Committed) + Send>;

/// A database. Cheap to clone.
#[derive(Clone)]
pub struct Db {
    path: Arc<PathBuf>,
    jobs: std::sync::mpsc::SyncSender<Job>,
    readers: Arc<Mutex<Vec<Connection>>>,
    sealer: Arc<OnceLock<Sealer>>,
}

impl std::fmt::Debug for Db {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Db").field("path", &self.path).finish_non_exhaustive()
    }
}

impl Db {
    /// Opens or creates the database at `path`, migrated to `format`.
    ///
    /// # Errors
    /// When the file cannot be opened, is not a database, is of a newer version, or a migration fails.
    pub fn open(path: &Path, format: &Format) -> Result<Self, DbError> {
        make_private(path).map_err(|error| DbError::Failed(format!("{}: {error}", path.display())))?;
        let mut connection = Connection::open(path)?;
        configure(&connection)?;
        format.bring(&mut connection, path)?;
        let (jobs, queue) = std::sync::mpsc::sync_channel::<Job>(4 * GROUP);
        std::thread::Builder::new()
            .name("throng-db".into())
            .spawn(move || {
                while let Ok(first) = queue.recv() {
                    run_group(&mut connection, first, &queue);
                }
                let _ = connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)");
            })
            .map_err(|_| DbError::Closed)?;
        Ok(Self { path: Arc::new(path.to_owned()), jobs, readers: Arc::default(), sealer: Arc::default() })
    }

    /// What encrypts the secrets in it. Its key is made when it is first needed.
    ///
    /// # Errors
    /// The key can be neither read nor made.
    pub fn sealer(&self) -> Result<&Sealer, DbError> {
        if let Some(sealer) = self.sealer.get() {
            return Ok(sealer);
        }
        let made = Sealer::open(self.path.parent().unwrap_or(Path::new(".")))?;
        Ok(self.sealer.get_or_init(|| made))
    }

    /// Runs statements outside the writer's transactions: for a schema, while the program starts.
    ///
    /// # Errors
    /// When a statement fails.
    pub fn execute_batch(&self, sql: &str) -> Result<(), DbError> {
        let connection = Connection::open(self.path.as_path())?;
        connection.busy_timeout(std::time::Duration::from_secs(10))?;
        Ok(connection.execute_batch(sql)?)
    }

    /// Runs a change outside the writer's transactions, on the calling thread: while the program starts. Nothing of what
    /// it replaces stays behind, in pages or in the log.
    ///
    /// # Errors
    /// What `change` returned; nothing is changed then.
    pub fn change_now<T, E: From<DbError>>(
        &self,
        change: impl FnOnce(&Transaction<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let failed = |error| E::from(DbError::Sqlite(error));
        let mut connection = Connection::open(self.path.as_path()).map_err(failed)?;
        configure(&connection)?;
        connection.execute_batch("PRAGMA secure_delete = ON").map_err(failed)?;
        let transaction =
            connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
        let done = change(&transaction)?;
        transaction.commit().map_err(failed)?;
        connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").map_err(failed)?;
        Ok(done)
    }

    /// Runs `change` in a transaction and answers after its commit. When `change` fails, nothing of it stays.
    /// `change` must not block on anything else: all writers wait for it.
    ///
    /// # Errors
    /// What `change` returned, or a [`DbError`] when the commit failed.
    pub async fn write<T, E, F>(&self, change: F) -> Result<T, E>
    where
        F: FnOnce(&Transaction<'_>) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<DbError> + Send + 'static,
    {
        self.write_then(change, |done| done).await
    }

    /// The same, with what must follow the commit: `settle` gets what `change` returned, on the writer's thread, also
    /// when the caller is gone by then (a request ends when its client does). It must not block.
    ///
    /// # Errors
    /// Those of [`write`](Self::write).
    pub async fn write_then<T, U, E, F, S>(&self, change: F, settle: S) -> Result<U, E>
    where
        F: FnOnce(&Transaction<'_>) -> Result<T, E> + Send + 'static,
        S: FnOnce(T) -> U + Send + 'static,
        T: Send + 'static,
        U: Send + 'static,
        E: From<DbError> + Send + 'static,
    {
        let (sender, receiver) = oneshot::channel();
        let job: Job = Box::new(move |transaction| {
            let outcome = transaction.map(|transaction| in_savepoint(transaction, change));
            Box::new(move |committed| {
                let outcome = match (committed, outcome) {
                    (Committed::Yes, Some(outcome)) => outcome.map(settle),
                    (_, Some(Err(error))) => Err(error),
                    (Committed::Full, _) => Err(E::from(DbError::Full)),
                    _ => Err(E::from(DbError::Closed)),
                };
                let _ = sender.send(outcome);
            })
        });
        self.submit(job).await?;
        receiver.await.map_err(|_| DbError::Closed)?
    }

    async fn submit(&self, job: Job) -> Result<(), DbError> {
        match self.jobs.try_send(job) {
            Ok(()) => Ok(()),
            Err(std::sync::mpsc::TrySendError::Disconnected(_)) => Err(DbError::Closed),
            Err(std::sync::mpsc::TrySendError::Full(job)) => {
                let jobs = self.jobs.clone();
                tokio::task::spawn_blocking(move || jobs.send(job).map_err(|_| DbError::Closed))
                    .await
                    .map_err(|_| DbError::Closed)?
            }
        }
    }

    /// Reads on a blocking thread: for scans and anything that may take longer than some microseconds.
    ///
    /// # Errors
    /// What `query` returned, or a [`DbError`] when no connection could be had.
    pub async fn read<T, E, F>(&self, query: F) -> Result<T, E>
    where
        F: FnOnce(&Connection) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<DbError> + Send + 'static,
    {
        let db = self.clone();
        tokio::task::spawn_blocking(move || db.read_now(query)).await.map_err(|_| DbError::Closed)?
    }

    /// Reads on the calling thread: for look-ups by key, where a change of threads would cost more.
    ///
    /// # Errors
    /// What `query` returned, or a [`DbError`] when no connection could be had.
    pub fn read_now<T, E, F>(&self, query: F) -> Result<T, E>
    where
        F: FnOnce(&Connection) -> Result<T, E>,
        E: From<DbError>,
    {
        let idle = self.readers.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let connection = match idle {
            Some(connection) => connection,
            None => self.open_reader()?,
        };
        let outcome = query(&connection);
        let mut readers = self.readers.lock().unwrap_or_else(PoisonError::into_inner);
        if readers.len() < IDLE_READERS {
            readers.push(connection);
        }
        outcome
    }

    fn open_reader(&self) -> Result<Connection, DbError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(self.path.as_path(), flags)?;
        configure_reader(&connection)?;
        Ok(connection)
    }
}

/// Makes the file before `SQLite` does, whose other files (`-wal`, `-shm`) get the same permissions.
fn make_private(path: &Path) -> std::io::Result<()> {
    private::options().create(true).append(true).open(path)?;
    for ending in ["", "-wal", "-shm"] {
        let mut name = path.as_os_str().to_owned();
        name.push(ending);
        private::close(Path::new(&name))?;
    }
    Ok(())
}

fn configure(connection: &Connection) -> Result<(), DbError> {
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    // A checkpoint every 64 MiB instead of every 4 MiB: fewer syncs under load.
    connection.pragma_update(None, "wal_autocheckpoint", 16_384)?;
    // What a burst has made of it is given back afterwards.
    connection.pragma_update(None, "journal_size_limit", 64 << 20)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    configure_reader(connection)
}

fn configure_reader(connection: &Connection) -> Result<(), DbError> {
    connection.busy_timeout(std::time::Duration::from_secs(10))?;
    connection.pragma_update(None, "cache_size", -16_384)?;
    connection.set_prepared_statement_cache_capacity(128);
    Ok(())
}

fn in_savepoint<T, E: From<DbError>>(
    transaction: &Transaction<'_>,
    change: impl FnOnce(&Transaction<'_>) -> Result<T, E>,
) -> Result<T, E> {
    let execute = |sql: &str| -> Result<(), DbError> {
        transaction.prepare_cached(sql)?.execute([])?;
        Ok(())
    };
    execute("SAVEPOINT one")?;
    let outcome = change(transaction);
    if outcome.is_err() {
        // On a full disk `SQLite` rolls all back by itself; then there is no savepoint, and the reason is what counts.
        let _ = execute("ROLLBACK TO one").and_then(|()| execute("RELEASE one"));
        return outcome;
    }
    execute("RELEASE one")?;
    outcome
}

fn run_group(connection: &mut Connection, first: Job, queue: &std::sync::mpsc::Receiver<Job>) {
    let transaction = match connection.transaction_with_behavior(TransactionBehavior::Immediate) {
        Ok(transaction) => transaction,
        Err(error) => return first(None)(Committed::failed(&error.into())),
    };
    let mut replies = vec![first(Some(&transaction))];
    // Out of its transaction when `SQLite` has rolled all back by itself.
    while replies.len() < GROUP && !transaction.is_autocommit() {
        match queue.try_recv() {
            Ok(job) => replies.push(job(Some(&transaction))),
            Err(_) => break,
        }
    }
    let committed = if transaction.is_autocommit() {
        Committed::failed(&DbError::Full)
    } else {
        transaction.commit().map_or_else(|error| Committed::failed(&error.into()), |()| Committed::Yes)
    };
    for reply in replies {
        reply(committed);
    }
}

#[cfg(test)]
mod tests {
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
}
