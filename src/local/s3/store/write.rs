//! An object is stored or removed, with its event, and what that leaves to be done.

use super::buckets::{BucketRow, bucket};
use super::conditions::{Conditions, DeleteConditions};
use super::post_commit::PostCommit;
use super::read::Content;
use super::time::{Sequencer, now_ms};
use crate::protocol::RequestIds;
use crate::s3::blobs::{Blobs, Draft};
use crate::s3::checksum::Checksums;
use crate::s3::error::StoreError;
use crate::s3::intake::{Payload, Received};
use crate::s3::meta::{ObjectMeta, PartLayout, Piece};
use crate::s3::notify::{Notification, S3Event, event_text};
use crate::s3::{NotificationTargets, ObjectStore};
use rusqlite::{OptionalExtension as _, Transaction, params};
use std::sync::Arc;
use tokio::runtime::Handle;

/// An object to be stored.
#[derive(Debug)]
pub struct NewObject {
    /// The bucket it goes to.
    pub bucket: String,
    /// Its whole key.
    pub key: String,
    /// Size in bytes.
    pub size: u64,
    /// `ETag` without quotes.
    pub etag: String,
    /// The rest of its record.
    pub meta: ObjectMeta,
    /// Its bytes.
    pub content: Content,
    /// Files among its bytes that no record names yet.
    pub drafts: Vec<Draft>,
    /// What must hold.
    pub conditions: Conditions,
    /// `ObjectCreated:Put` …; `None` for no event.
    pub event: Option<&'static str>,
    /// The request that stores it.
    pub ids: RequestIds,
}

impl NewObject {
    /// An object of one part, from what was received.
    #[must_use]
    pub fn received(bucket: &str, key: &str, received: Received, meta: ObjectMeta, ids: RequestIds) -> Self {
        let size = received.size;
        let (content, drafts) = match received.payload {
            Payload::Inline(data) => (Content::Inline(data), Vec::new()),
            Payload::Files(files) => {
                let (drafts, pieces) = files.into_iter().unzip();
                let part = PartLayout { size, pieces, checksums: Checksums::default(), number: 0 };
                (Content::Parts(vec![part]), drafts)
            }
        };
        Self {
            bucket: bucket.to_owned(),
            key: key.to_owned(),
            size,
            etag: hex::encode(received.md5),
            meta,
            content,
            drafts,
            conditions: Conditions::default(),
            event: Some("ObjectCreated:Put"),
            ids,
        }
    }
}

/// What was stored.
#[derive(Clone, Debug)]
pub struct Stored {
    /// `ETag` without quotes.
    pub etag: String,
    /// When it was stored, in milliseconds since 1970.
    pub modified_ms: i64,
    /// Its checksums.
    pub meta: ObjectMeta,
    /// Size in bytes.
    pub size: u64,
}

/// The part of the store that works inside transactions.
#[derive(Clone)]
pub struct Writer {
    pub(in crate::s3) targets: Arc<dyn NotificationTargets>,
    pub(in crate::s3) sequencer: Arc<Sequencer>,
}

impl Writer {
    /// Stores an object in place of the one that is there.
    ///
    /// # Errors
    /// `NoSuchBucket`, `PreconditionFailed`, `NoSuchKey` for If-Match without an object
    pub fn put(&self, tx: &Transaction<'_>, new: NewObject) -> Result<(Stored, PostCommit), StoreError> {
        let bucket = bucket(tx, &new.bucket)?;
        let key = new.key.as_bytes();
        let old: Option<(String, i64)> = tx
            .prepare_cached("SELECT etag, body FROM s3_object WHERE bucket = ?1 AND key = ?2")?
            .query_row(params![bucket.id, key], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        new.conditions.check(old.as_ref().map(|(etag, _)| etag.as_str()))?;
        let mut post_commit = PostCommit { drafts: new.drafts, ..PostCommit::default() };
        if let Some((_, body)) = old {
            post_commit.garbage = remove_body(tx, body)?;
        }
        let body = insert_body(tx, &new.content)?;
        let modified_ms = now_ms();
        let meta = serde_json::to_string(&new.meta)?;
        let size = i64::try_from(new.size).unwrap_or(i64::MAX);
        tx.prepare_cached(
            "INSERT OR REPLACE INTO s3_object (bucket, key, size, modified_ms, etag, body, meta)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?
        .execute(params![bucket.id, key, size, modified_ms, new.etag, body, meta])?;
        if let Some(event) = new.event {
            let object = Some((new.size, new.etag.as_str()));
            let place = BucketRef { row: &bucket, name: &new.bucket };
            post_commit.enqueued = self.notify(tx, &place, &new.key, event, object, &new.ids)?;
        }
        Ok((Stored { etag: new.etag, modified_ms, meta: new.meta, size: new.size }, post_commit))
    }

    /// Removes an object; one that is not there is no error.
    ///
    /// # Errors
    /// `NoSuchBucket`, `PreconditionFailed`
    pub fn delete(
        &self,
        tx: &Transaction<'_>,
        name: &str,
        key: &str,
        conditions: &DeleteConditions,
        ids: &RequestIds,
    ) -> Result<PostCommit, StoreError> {
        let row = bucket(tx, name)?;
        let old: Option<(String, i64, i64, i64)> = tx
            .prepare_cached(
                "SELECT etag, body, size, modified_ms FROM s3_object WHERE bucket = ?1 AND key = ?2",
            )?
            .query_row(params![row.id, key.as_bytes()], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
            })
            .optional()?;
        let Some((etag, body, size, modified_ms)) = old else {
            return if conditions.if_match.is_some() {
                Err(StoreError::no_key())
            } else {
                Ok(PostCommit::default())
            };
        };
        conditions.check(&etag, size, modified_ms)?;
        let mut post_commit = PostCommit { garbage: remove_body(tx, body)?, ..PostCommit::default() };
        tx.prepare_cached("DELETE FROM s3_object WHERE bucket = ?1 AND key = ?2")?
            .execute(params![row.id, key.as_bytes()])?;
        let place = BucketRef { row: &row, name };
        post_commit.enqueued = self.notify(tx, &place, key, "ObjectRemoved:Delete", None, ids)?;
        Ok(post_commit)
    }

    fn notify(
        &self,
        tx: &Transaction<'_>,
        place: &BucketRef<'_>,
        key: &str,
        event: &str,
        object: Option<(u64, &str)>,
        ids: &RequestIds,
    ) -> Result<bool, StoreError> {
        let Some(notification) = &place.row.notification else { return Ok(false) };
        let notification: Notification = serde_json::from_str(notification)?;
        let mut enqueued = false;
        for target in notification.functions(event, key) {
            let event = S3Event {
                event,
                bucket: place.name,
                key,
                object,
                sequencer: self.sequencer.next(),
                time_ms: now_ms(),
                ids,
            };
            self.targets.enqueue(tx, &target.arn, &event_text(target, &event))?;
            enqueued = true;
        }
        Ok(enqueued)
    }
}

struct BucketRef<'a> {
    row: &'a BucketRow,
    name: &'a str,
}

fn insert_body(tx: &Transaction<'_>, content: &Content) -> Result<i64, StoreError> {
    match content {
        Content::Inline(data) => {
            tx.prepare_cached("INSERT INTO s3_body (data) VALUES (?1)")?.execute([data.as_ref()])?;
        }
        Content::Parts(parts) => {
            tx.prepare_cached("INSERT INTO s3_body (layout) VALUES (?1)")?
                .execute([serde_json::to_string(parts)?])?;
        }
    }
    Ok(tx.last_insert_rowid())
}

/// Removes a body's row; its files are the caller's to remove after the commit.
fn remove_body(tx: &Transaction<'_>, body: i64) -> Result<Vec<Piece>, StoreError> {
    let layout: Option<Option<String>> = tx
        .prepare_cached("DELETE FROM s3_body WHERE id = ?1 RETURNING layout")?
        .query_row([body], |row| row.get(0))
        .optional()?;
    let Some(Some(layout)) = layout else { return Ok(Vec::new()) };
    Ok(Content::Parts(serde_json::from_str(&layout)?).pieces())
}

impl ObjectStore {
    /// Stores an object.
    ///
    /// # Errors
    /// As `Writer::put`.
    pub async fn put(&self, mut new: NewObject) -> Result<Stored, StoreError> {
        match &new.content {
            Content::Inline(data) if new.meta.sealed => {
                new.content = Content::Inline(self.db.sealer()?.seal(data)?.into());
            }
            Content::Inline(_) => {}
            Content::Parts(_) => new.meta.sealed = false,
        }
        let writer = self.writer.clone();
        self.commit(move |tx| writer.put(tx, new)).await
    }

    /// Removes an object.
    ///
    /// # Errors
    /// As `Writer::delete`.
    pub async fn delete(
        &self,
        bucket: &str,
        key: &str,
        conditions: DeleteConditions,
        ids: RequestIds,
    ) -> Result<(), StoreError> {
        let (writer, bucket, key) = (self.writer.clone(), bucket.to_owned(), key.to_owned());
        self.commit(move |tx| Ok(((), writer.delete(tx, &bucket, &key, &conditions, &ids)?))).await
    }

    /// Commits a change and does what it leaves to be done, also when the request has ended meanwhile: a file that a
    /// record names must not go with the request that brought it.
    pub(in crate::s3) async fn commit<T: Send + 'static>(
        &self,
        change: impl FnOnce(&Transaction<'_>) -> Result<(T, PostCommit), StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (store, runtime) = (self.clone(), Handle::current());
        self.db
            .write_then(change, move |(done, post_commit)| {
                store.settle(post_commit, &runtime);
                done
            })
            .await
    }

    fn settle(&self, post_commit: PostCommit, runtime: &Handle) {
        post_commit.drafts.into_iter().for_each(Draft::keep);
        if post_commit.enqueued {
            self.writer.targets.committed();
        }
        if !post_commit.garbage.is_empty() {
            let blobs: Blobs = self.blobs.clone();
            runtime.spawn_blocking(move || blobs.remove_pieces(&post_commit.garbage));
        }
    }
}
