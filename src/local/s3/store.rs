//! Buckets and objects: what one transaction does.

use super::blobs::{Blobs, Draft};
use super::error::StoreError;
use super::intake::{Payload, Received};
use super::meta::{ObjectMeta, ObjectRecord, PartLayout, Piece};
use super::notify::{Happening, Notification, RequestIds, event_text};
use super::{NotificationTargets, ObjectStore};
use bytes::Bytes;
use rusqlite::{Connection, OptionalExtension as _, Transaction, params};
use s3s::S3ErrorCode;
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Milliseconds since 1970.
#[must_use]
pub fn now_ms() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}

/// A number that grows with every call, and over restarts as long as the clock does.
#[derive(Debug, Default)]
pub struct Sequencer(AtomicU64);

impl Sequencer {
    /// The next number.
    pub fn next(&self) -> u64 {
        let now = u64::try_from(jiff::Timestamp::now().as_microsecond()).unwrap_or_default();
        let advance = |last: u64| Some(now.max(last + 1));
        let last = self.0.fetch_update(Ordering::AcqRel, Ordering::Acquire, advance).unwrap_or_default();
        now.max(last + 1)
    }
}

/// An `If-Match` or `If-None-Match` value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tag {
    /// `*`
    Any,
    /// An `ETag` without quotes.
    Is(String),
}

impl Tag {
    fn matches(&self, etag: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Is(tag) => tag == etag,
        }
    }
}

/// What must hold of the object that is there, for a change to be made.
#[derive(Clone, Debug, Default)]
pub struct Conditions {
    /// It is there and has this tag.
    pub if_match: Option<Tag>,
    /// It is not there, or has another tag.
    pub if_none_match: Option<Tag>,
}

impl Conditions {
    fn check(&self, etag: Option<&str>) -> Result<(), StoreError> {
        match (&self.if_match, etag) {
            (Some(_), None) => return Err(StoreError::no_key()),
            (Some(tag), Some(etag)) if !tag.matches(etag) => return Err(StoreError::precondition()),
            _ => {}
        }
        match (&self.if_none_match, etag) {
            (Some(tag), Some(etag)) if tag.matches(etag) => Err(StoreError::precondition()),
            _ => Ok(()),
        }
    }
}

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

/// Where an object's bytes are.
#[derive(Clone, Debug)]
pub enum Content {
    /// Here.
    Inline(Bytes),
    /// In files.
    Parts(Vec<PartLayout>),
}

impl Content {
    /// Its pieces; none when it is inline.
    #[must_use]
    pub fn pieces(&self) -> Vec<Piece> {
        match self {
            Self::Inline(_) => Vec::new(),
            Self::Parts(parts) => parts.iter().flat_map(|part| part.pieces.iter().cloned()).collect(),
        }
    }
}

type RawObject = (i64, i64, String, i64, String);

fn record((size, modified_ms, etag, body, meta): RawObject) -> Result<ObjectRecord, StoreError> {
    let size = u64::try_from(size).unwrap_or_default();
    Ok(ObjectRecord { size, modified_ms, etag, body, meta: serde_json::from_str(&meta)? })
}

/// The record of an object.
///
/// # Errors
/// `NoSuchBucket`, `NoSuchKey`
pub fn head(connection: &Connection, name: &str, key: &str) -> Result<ObjectRecord, StoreError> {
    let row: Option<RawObject> = connection
        .prepare_cached(
            "SELECT o.size, o.modified_ms, o.etag, o.body, o.meta FROM s3_bucket b
             JOIN s3_object o ON o.bucket = b.id WHERE b.name = ?1 AND o.key = ?2",
        )?
        .query_row(params![name, key.as_bytes()], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?))
        })
        .optional()?;
    match row {
        Some(row) => record(row),
        None => bucket(connection, name).and_then(|_| Err(StoreError::no_key())),
    }
}

/// The record of an object and where its bytes are, as of one moment.
///
/// # Errors
/// `NoSuchBucket`, `NoSuchKey`
pub fn get(connection: &Connection, name: &str, key: &str) -> Result<(ObjectRecord, Content), StoreError> {
    let row: Option<(RawObject, Option<Vec<u8>>, Option<String>)> = connection
        .prepare_cached(
            "SELECT o.size, o.modified_ms, o.etag, o.body, o.meta, c.data, c.layout FROM s3_bucket b
             JOIN s3_object o ON o.bucket = b.id JOIN s3_body c ON c.id = o.body
             WHERE b.name = ?1 AND o.key = ?2",
        )?
        .query_row(params![name, key.as_bytes()], |row| {
            let object = (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?);
            Ok((object, row.get(5)?, row.get(6)?))
        })
        .optional()?;
    match row {
        Some((object, _, Some(layout))) => {
            Ok((record(object)?, Content::Parts(serde_json::from_str(&layout)?)))
        }
        Some((object, data, None)) => Ok((record(object)?, Content::Inline(data.unwrap_or_default().into()))),
        None => bucket(connection, name).and_then(|_| Err(StoreError::no_key())),
    }
}

/// What a committed change leaves to be done.
#[derive(Debug, Default)]
pub struct Aftermath {
    /// Files that no record names any more.
    pub garbage: Vec<Piece>,
    /// Files that a record names now.
    pub drafts: Vec<Draft>,
    /// Whether an event was put on a queue.
    pub enqueued: bool,
}

/// An object to be stored.
#[derive(Debug)]
pub struct NewObject {
    /// Bucket
    pub bucket: String,
    /// Key
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
                let part =
                    PartLayout { size, pieces, checksums: super::checksum::Checksums::default(), number: 0 };
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
    /// When.
    pub modified_ms: i64,
    /// Its checksums.
    pub meta: ObjectMeta,
    /// Size in bytes.
    pub size: u64,
}

/// The part of the store that works inside transactions.
#[derive(Clone)]
pub struct Writer {
    pub(super) targets: Arc<dyn NotificationTargets>,
    pub(super) sequencer: Arc<Sequencer>,
}

impl Writer {
    /// Stores an object in place of the one that is there.
    ///
    /// # Errors
    /// `NoSuchBucket`, `PreconditionFailed`, `NoSuchKey` for If-Match without an object
    pub fn put(&self, tx: &Transaction<'_>, new: NewObject) -> Result<(Stored, Aftermath), StoreError> {
        let bucket = bucket(tx, &new.bucket)?;
        let key = new.key.as_bytes();
        let old: Option<(String, i64)> = tx
            .prepare_cached("SELECT etag, body FROM s3_object WHERE bucket = ?1 AND key = ?2")?
            .query_row(params![bucket.id, key], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        new.conditions.check(old.as_ref().map(|(etag, _)| etag.as_str()))?;
        let mut aftermath = Aftermath { drafts: new.drafts, ..Aftermath::default() };
        if let Some((_, body)) = old {
            aftermath.garbage = remove_body(tx, body)?;
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
            let place = Place { row: &bucket, name: &new.bucket };
            aftermath.enqueued = self.notify(tx, &place, &new.key, event, object, &new.ids)?;
        }
        Ok((Stored { etag: new.etag, modified_ms, meta: new.meta, size: new.size }, aftermath))
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
    ) -> Result<Aftermath, StoreError> {
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
                Ok(Aftermath::default())
            };
        };
        conditions.check(&etag, size, modified_ms)?;
        let mut aftermath = Aftermath { garbage: remove_body(tx, body)?, ..Aftermath::default() };
        tx.prepare_cached("DELETE FROM s3_object WHERE bucket = ?1 AND key = ?2")?
            .execute(params![row.id, key.as_bytes()])?;
        let place = Place { row: &row, name };
        aftermath.enqueued = self.notify(tx, &place, key, "ObjectRemoved:Delete", None, ids)?;
        Ok(aftermath)
    }

    fn notify(
        &self,
        tx: &Transaction<'_>,
        place: &Place<'_>,
        key: &str,
        event: &str,
        object: Option<(u64, &str)>,
        ids: &RequestIds,
    ) -> Result<bool, StoreError> {
        let Some(notification) = &place.row.notification else { return Ok(false) };
        let notification: Notification = serde_json::from_str(notification)?;
        let mut enqueued = false;
        for target in notification.functions(event, key) {
            let happening = Happening {
                event,
                bucket: place.name,
                key,
                object,
                sequencer: self.sequencer.next(),
                time_ms: now_ms(),
                ids,
            };
            self.targets.enqueue(tx, &target.arn, &event_text(target, &happening))?;
            enqueued = true;
        }
        Ok(enqueued)
    }
}

struct Place<'a> {
    row: &'a BucketRow,
    name: &'a str,
}

/// What must hold of an object for it to be removed.
#[derive(Clone, Debug, Default)]
pub struct DeleteConditions {
    /// Its tag.
    pub if_match: Option<Tag>,
    /// Its size.
    pub size: Option<i64>,
    /// When it was written, in seconds since 1970.
    pub modified_s: Option<i64>,
}

impl DeleteConditions {
    fn check(&self, etag: &str, size: i64, modified_ms: i64) -> Result<(), StoreError> {
        let holds = self.if_match.as_ref().is_none_or(|tag| tag.matches(etag))
            && self.size.is_none_or(|wanted| wanted == size)
            && self.modified_s.is_none_or(|wanted| wanted == modified_ms.div_euclid(1000));
        if holds { Ok(()) } else { Err(StoreError::precondition()) }
    }
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

/// Ids of all files that records name.
///
/// # Errors
/// [`StoreError`]
pub fn named_files(connection: &Connection) -> Result<HashSet<String>, StoreError> {
    let mut named = HashSet::new();
    let mut statement = connection.prepare("SELECT layout FROM s3_body WHERE layout IS NOT NULL")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let parts: Vec<PartLayout> = serde_json::from_str(&row.get::<_, String>(0)?)?;
        named.extend(parts.into_iter().flat_map(|part| part.pieces).map(|piece| piece.file));
    }
    let mut statement = connection.prepare("SELECT pieces FROM s3_part")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let pieces: Vec<Piece> = serde_json::from_str(&row.get::<_, String>(0)?)?;
        named.extend(pieces.into_iter().map(|piece| piece.file));
    }
    Ok(named)
}

impl ObjectStore {
    /// Makes a bucket; one that is there already is no error, as in us-east-1.
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
        let garbage = self
            .db
            .write(move |tx| {
                let row = bucket(tx, &name)?;
                let used: bool = tx.query_row(
                    "SELECT EXISTS (SELECT 1 FROM s3_object WHERE bucket = ?1)",
                    [row.id],
                    |row| row.get(0),
                )?;
                if used {
                    return Err(StoreError::refused(
                        S3ErrorCode::BucketNotEmpty,
                        "The bucket you tried to delete is not empty",
                    ));
                }
                let garbage = super::multipart::remove_uploads(tx, row.id)?;
                tx.execute("DELETE FROM s3_bucket WHERE id = ?1", [row.id])?;
                Ok(garbage)
            })
            .await?;
        self.settle(Aftermath { garbage, ..Aftermath::default() });
        Ok(())
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

    /// An object's record.
    ///
    /// # Errors
    /// `NoSuchBucket`, `NoSuchKey`
    pub fn head(&self, bucket: &str, key: &str) -> Result<ObjectRecord, StoreError> {
        self.db.read_now(|connection| head(connection, bucket, key))
    }

    /// An object's record and where its bytes are.
    ///
    /// # Errors
    /// `NoSuchBucket`, `NoSuchKey`
    pub fn get(&self, bucket: &str, key: &str) -> Result<(ObjectRecord, Content), StoreError> {
        self.db.read_now(|connection| get(connection, bucket, key))
    }

    /// Stores an object.
    ///
    /// # Errors
    /// As `Writer::put`.
    pub async fn put(&self, new: NewObject) -> Result<Stored, StoreError> {
        let writer = self.writer.clone();
        let (stored, aftermath) = self.db.write(move |tx| writer.put(tx, new)).await?;
        self.settle(aftermath);
        Ok(stored)
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
        let aftermath = self.db.write(move |tx| writer.delete(tx, &bucket, &key, &conditions, &ids)).await?;
        self.settle(aftermath);
        Ok(())
    }

    /// Does what a commit left to be done.
    pub(super) fn settle(&self, aftermath: Aftermath) {
        aftermath.drafts.into_iter().for_each(Draft::keep);
        if aftermath.enqueued {
            self.writer.targets.committed();
        }
        if !aftermath.garbage.is_empty() {
            let blobs: Blobs = self.blobs.clone();
            tokio::task::spawn_blocking(move || blobs.remove_pieces(&aftermath.garbage));
        }
    }
}
