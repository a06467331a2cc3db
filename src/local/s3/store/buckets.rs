//! Buckets are made, listed and removed.

use super::post_commit::PostCommit;
use super::time::now_ms;
use crate::s3::error::StoreError;
use crate::s3::{ObjectStore, multipart};
use rusqlite::{Connection, OptionalExtension as _, params};
use s3s::S3ErrorCode;

/// A bucket's row.
#[derive(Clone, Debug)]
pub struct BucketRow {
    /// Its number.
    pub id: i64,
    /// When it was made.
    pub created_ms: i64,
    /// Its notification configuration, as JSON.
    pub notification: Option<String>,
    /// Tags, public access block and the like, as JSON.
    pub settings: String,
}

/// The row of a bucket.
///
/// # Errors
/// `NoSuchBucket`
pub fn bucket(connection: &Connection, name: &str) -> Result<BucketRow, StoreError> {
    connection
        .prepare_cached("SELECT id, created_ms, notification, settings FROM s3_bucket WHERE name = ?1")?
        .query_row([name], |row| {
            Ok(BucketRow {
                id: row.get(0)?,
                created_ms: row.get(1)?,
                notification: row.get(2)?,
                settings: row.get(3)?,
            })
        })
        .optional()?
        .ok_or_else(StoreError::no_bucket)
}

impl ObjectStore {
    /// Makes a bucket; one that is there already is not an error, as in us-east-1.
    ///
    /// # Errors
    /// `StoreError`
    pub async fn create_bucket(&self, name: &str) -> Result<(), StoreError> {
        let name = name.to_owned();
        self.db
            .write(move |tx| {
                tx.execute(
                    "INSERT OR IGNORE INTO s3_bucket (name, created_ms) VALUES (?1, ?2)",
                    params![name, now_ms()],
                )?;
                Ok(())
            })
            .await
    }

    /// Removes an empty bucket and the uploads that were begun in it.
    ///
    /// # Errors
    /// `NoSuchBucket`, `BucketNotEmpty`
    pub async fn delete_bucket(&self, name: &str) -> Result<(), StoreError> {
        let name = name.to_owned();
        self.commit(move |tx| {
            let row = bucket(tx, &name)?;
            let used: bool =
                tx.query_row("SELECT EXISTS (SELECT 1 FROM s3_object WHERE bucket = ?1)", [row.id], |row| {
                    row.get(0)
                })?;
            if used {
                return Err(StoreError::refused(
                    S3ErrorCode::BucketNotEmpty,
                    "The bucket you tried to delete is not empty",
                ));
            }
            let garbage = multipart::remove_uploads(tx, row.id)?;
            tx.execute("DELETE FROM s3_bucket WHERE id = ?1", [row.id])?;
            Ok(((), PostCommit { garbage, ..PostCommit::default() }))
        })
        .await
    }

    /// All buckets by name, with when they were made.
    ///
    /// # Errors
    /// `StoreError`
    pub fn buckets(&self) -> Result<Vec<(String, i64)>, StoreError> {
        self.db.read_now(|connection| {
            let mut statement =
                connection.prepare_cached("SELECT name, created_ms FROM s3_bucket ORDER BY name")?;
            let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// A bucket's row.
    ///
    /// # Errors
    /// `NoSuchBucket`
    pub fn bucket(&self, name: &str) -> Result<BucketRow, StoreError> {
        self.db.read_now(|connection| bucket(connection, name))
    }
}
