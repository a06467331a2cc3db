//! An object's record and where its bytes are.

use super::buckets::bucket;
use crate::s3::ObjectStore;
use crate::s3::error::StoreError;
use crate::s3::meta::{ObjectRecord, PartLayout, Piece};
use bytes::Bytes;
use rusqlite::{Connection, OptionalExtension as _, params};
use std::collections::HashSet;

/// Where an object's bytes are.
#[derive(Clone, Debug)]
pub enum Content {
    /// Small enough to be in the database.
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
        let (record, content) = self.db.read_now(|connection| get(connection, bucket, key))?;
        match content {
            Content::Inline(data) if record.meta.sealed => {
                Ok((record, Content::Inline(self.db.sealer()?.open_sealed(&data)?.into())))
            }
            content => Ok((record, content)),
        }
    }
}
