//! S3: buckets, objects, multipart uploads, notifications, over a store of our own.
//!
//! ```text
//! wire       the S3 protocol (crate s3s) -> calls of the store
//! store      buckets and objects: what one transaction does     list       pages of listings
//! multipart  uploads and parts                                  notify     configurations and events
//! completion  the end of an upload, and the same answer again
//! intake     bodies on their way in                             outflow    bodies on their way out
//! settings   what is set on buckets and objects
//! lifecycle  uploads and objects that rules remove after some days
//! blobs      files of bodies                                    checksum   the SDKs' checksums
//! error      why the store refuses, in AWS's codes and words
//! meta       what is known of an object beside its bytes
//! schema     tables of the store
//! ```

mod blobs;
mod checksum;
mod completion;
mod error;
mod intake;
mod lifecycle;
mod list;
mod meta;
mod multipart;
mod notify;
mod outflow;
mod schema;
mod settings;
mod store;
mod wire;

#[cfg(test)]
mod tests;

pub use wire::{checked, service};

use super::db::{Db, DbError};
use error::StoreError;
use rusqlite::Transaction;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// Who receives notifications. Implemented by `lambda`, so that an object and its event are one commit.
pub trait NotificationTargets: Send + Sync + 'static {
    /// Checks that `function_arn` exists and that its policy lets S3 invoke it for `bucket`. The error is for the
    /// caller of `PutBucketNotificationConfiguration`, in AWS's words.
    ///
    /// # Errors
    /// A sentence: why not.
    fn check(&self, transaction: &Transaction<'_>, function_arn: &str, bucket: &str) -> Result<(), String>;

    /// Puts an asynchronous event for `function_arn` on the queue, within the transaction that stores the object.
    ///
    /// # Errors
    /// [`DbError`]; the object is not stored then.
    fn enqueue(&self, transaction: &Transaction<'_>, function_arn: &str, event: &str) -> Result<(), DbError>;

    /// Called after the commit of a transaction in which something was enqueued.
    fn committed(&self);
}

/// The store of objects. Cheap to clone.
#[derive(Clone)]
pub struct ObjectStore {
    db: Db,
    blobs: blobs::Blobs,
    writer: store::Writer,
}

impl std::fmt::Debug for ObjectStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ObjectStore").field("db", &self.db).finish_non_exhaustive()
    }
}

impl ObjectStore {
    /// Opens or creates the store: records in `db` (its own tables), bodies under `folder`. Files that an
    /// interrupted request left behind are removed.
    ///
    /// # Errors
    /// [`DbError`]
    pub fn open(folder: &Path, db: Db, targets: Arc<dyn NotificationTargets>) -> Result<Self, DbError> {
        db.execute_batch(schema::SCHEMA)?;
        let blobs = blobs::Blobs::open(&folder.join("blobs")).map_err(|error| failed(&error))?;
        let named = db.read_now(store::named_files).map_err(|error| failed(&error))?;
        let orphans = blobs.sweep(&named).map_err(|error| failed(&error))?;
        if orphans > 0 {
            tracing::info!(orphans, "removed files of interrupted uploads");
        }
        let older = db.read_now(store::plain_secrets).map_err(|error| failed(&error))?;
        if !older.is_empty() {
            db.change_now(|tx| store::seal(tx, db.sealer()?, older))
                .map_err(|error: StoreError| failed(&error))?;
        }
        let writer = store::Writer { targets, sequencer: Arc::default() };
        Ok(Self { db, blobs, writer })
    }

    /// Stores an object on behalf of the cloud itself (on-failure records). The bucket must exist.
    ///
    /// # Errors
    /// [`StoreError`]
    pub(crate) async fn put_bytes(
        &self,
        bucket: &str,
        key: &str,
        body: Vec<u8>,
        metadata: BTreeMap<String, String>,
    ) -> Result<(), StoreError> {
        let received = intake::of_bytes(body.into(), &[checksum::Algorithm::Crc64Nvme]);
        let meta = meta::ObjectMeta {
            user: metadata,
            checksums: received.checksums.clone(),
            ..meta::ObjectMeta::default()
        };
        let new =
            store::NewObject::received(bucket, key, received, meta, crate::protocol::RequestIds::random());
        self.put(new).await.map(|_| ())
    }

    /// Numbers of buckets and objects, and the bytes in them, for the status.
    ///
    /// # Errors
    /// [`DbError`]
    pub async fn totals(&self) -> Result<(i64, i64, i64), DbError> {
        self.db
            .read(|connection| {
                let sql = "SELECT (SELECT count(*) FROM s3_bucket), count(*), coalesce(sum(size), 0) FROM s3_object";
                Ok(connection.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?)
            })
            .await
    }
}

fn failed(error: &dyn std::fmt::Display) -> DbError {
    DbError::Failed(format!("object store: {error}"))
}
