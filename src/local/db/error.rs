//! Why the database did not do it.

use std::path::PathBuf;

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
