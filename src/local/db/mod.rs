//! `SQLite` with one writer that commits in groups.
//!
//! Every change runs on one thread, inside a savepoint of a transaction that is shared by all changes that were
//! waiting when it began. A caller is answered after the commit, so what it was told survives `kill -9` at any
//! moment, and a thousand callers pay for a handful of commits. With `synchronous=NORMAL` in WAL mode a commit is a
//! write without a sync: it survives the death of the process; the death of the machine may cost the last moments
//! but never consistency (<https://www.sqlite.org/pragma.html#pragma_synchronous>).
//!
//! ```text
//! error    why the database did not do it
//! format   which version a database has, and how older ones are migrated
//! sealed   secrets in the database, encrypted
//! writer   changes in groups, one transaction for each
//! ```

mod error;
mod format;
mod sealed;
#[cfg(test)]
mod tests;
mod writer;

pub use error::DbError;
pub use format::{CLOUD, Format};
pub use sealed::Sealer;

use crate::private;
use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use tokio::sync::oneshot;
use writer::{Committed, GROUP, Job, in_savepoint, run_group};

/// How many connections for reading are kept for the next reader.
const IDLE_READERS: usize = 8;

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
        configure(&connection, format.ahead_mib)?;
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
        configure(&connection, CLOUD.ahead_mib)?;
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

fn configure(connection: &Connection, ahead_mib: u32) -> Result<(), DbError> {
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    // In pages of 4 KiB.
    connection.pragma_update(None, "wal_autocheckpoint", ahead_mib * 256)?;
    // What a burst has made of it is given back afterwards.
    connection.pragma_update(None, "journal_size_limit", i64::from(ahead_mib) << 20)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    configure_reader(connection)
}

fn configure_reader(connection: &Connection) -> Result<(), DbError> {
    connection.busy_timeout(std::time::Duration::from_secs(10))?;
    connection.pragma_update(None, "cache_size", -16_384)?;
    connection.set_prepared_statement_cache_capacity(128);
    Ok(())
}
