//! Uploads in parts. A part is a file of its own; completing an upload (`completion`) names the files in order and copies
//! nothing.

use super::ObjectStore;
use super::checksum::{Algorithm, ChecksumKind, Checksums};
use super::error::StoreError;
use super::intake::{Payload, Received};
use super::list::{After, behind, common_prefix};
use super::meta::{ObjectMeta, Piece};
use super::store::{Conditions, PostCommit, Stored, bucket, now_ms};
use crate::protocol::RequestIds;
use rusqlite::{Connection, OptionalExtension as _, Transaction, params};
use serde::{Deserialize, Serialize};

/// Highest part number.
pub const PARTS_MAX: i32 = 10_000;

/// What was said when an upload was begun.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UploadMeta {
    /// Headers and user metadata of the object to be.
    pub object: ObjectMeta,
    /// The checksum algorithm that the client named.
    pub algorithm: Option<Algorithm>,
    /// How the object's checksum is made.
    pub kind: ChecksumKind,
}

impl UploadMeta {
    /// The algorithm named, or the one that S3 uses of itself.
    #[must_use]
    pub fn effective(&self) -> Algorithm {
        self.algorithm.unwrap_or(Algorithm::Crc64Nvme)
    }
}

/// An upload that is under way.
#[derive(Clone, Debug)]
pub struct Upload {
    /// Its id; ids sort by time.
    pub id: String,
    /// Number of its bucket.
    pub bucket: i64,
    /// Key of the object to be.
    pub key: String,
    /// When it was begun, in milliseconds since 1970.
    pub created_ms: i64,
    /// What was said then.
    pub meta: UploadMeta,
}

/// A part that was uploaded.
#[derive(Clone, Debug)]
pub struct PartRecord {
    /// Its number, from 1.
    pub number: i32,
    /// Size in bytes.
    pub size: u64,
    /// When it was uploaded.
    pub modified_ms: i64,
    /// MD5; in hex it is the `ETag`.
    pub md5: Vec<u8>,
    /// Its checksums.
    pub checksums: Checksums,
    /// Where it is.
    pub pieces: Vec<Piece>,
}

/// Which upload is meant.
#[derive(Clone, Debug)]
pub struct UploadName {
    /// The bucket of the object to be.
    pub bucket: String,
    /// The key of the object to be.
    pub key: String,
    /// Upload id
    pub id: String,
}

/// A part as the client lists it when it completes an upload.
#[derive(Clone, Debug)]
pub struct ListedPart {
    /// Its number.
    pub number: i32,
    /// Its `ETag` without quotes; `None` when the client left it out.
    pub etag: Option<String>,
    /// Checksums that the client repeats.
    pub checksums: Checksums,
}

/// The end of an upload.
#[derive(Clone, Debug)]
pub struct Completion {
    /// Which one.
    pub upload: UploadName,
    /// Its parts, in order.
    pub parts: Vec<ListedPart>,
    /// Checksum of the whole object, as the client knows it.
    pub checksums: Checksums,
    /// How that was made, as the client knows it.
    pub kind: Option<String>,
    /// Size of the whole object, as the client knows it.
    pub size: Option<u64>,
    /// What must hold of the object that is there.
    pub conditions: Conditions,
    /// The request.
    pub ids: RequestIds,
}

/// Removes all uploads of a bucket; tells the files that are to be removed after the commit.
///
/// # Errors
/// [`StoreError`]
pub fn remove_uploads(tx: &Transaction<'_>, bucket: i64) -> Result<Vec<Piece>, StoreError> {
    let mut statement = tx.prepare_cached(
        "DELETE FROM s3_part WHERE upload IN (SELECT id FROM s3_upload WHERE bucket = ?1) RETURNING pieces",
    )?;
    let mut garbage = Vec::new();
    for pieces in statement.query_map([bucket], |row| row.get::<_, String>(0))? {
        garbage.extend(serde_json::from_str::<Vec<Piece>>(&pieces?)?);
    }
    tx.execute("DELETE FROM s3_upload WHERE bucket = ?1", [bucket])?;
    tx.execute("DELETE FROM s3_completed WHERE bucket = ?1", [bucket])?;
    Ok(garbage)
}

/// Finds an upload.
///
/// # Errors
/// `NoSuchBucket`, `NoSuchUpload`
pub fn find(connection: &Connection, name: &UploadName) -> Result<Upload, StoreError> {
    let bucket = bucket(connection, &name.bucket)?.id;
    let row: Option<(i64, String)> = connection
        .prepare_cached("SELECT created_ms, meta FROM s3_upload WHERE id = ?1 AND bucket = ?2 AND key = ?3")?
        .query_row(params![name.id, bucket, name.key.as_bytes()], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let (created_ms, meta) = row.ok_or_else(StoreError::no_upload)?;
    Ok(Upload {
        id: name.id.clone(),
        bucket,
        key: name.key.clone(),
        created_ms,
        meta: serde_json::from_str(&meta)?,
    })
}

/// Parts of an upload with numbers above `after`, at most `max`, in order.
///
/// # Errors
/// [`StoreError`]
pub fn parts(
    connection: &Connection,
    upload: &str,
    after: i32,
    max: usize,
) -> Result<Vec<PartRecord>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT number, size, modified_ms, md5, checksums, pieces FROM s3_part
         WHERE upload = ?1 AND number > ?2 ORDER BY number LIMIT ?3",
    )?;
    let limit = i64::try_from(max).unwrap_or(i64::MAX);
    let mut rows = statement.query(params![upload, after, limit])?;
    let mut parts = Vec::new();
    while let Some(row) = rows.next()? {
        parts.push(PartRecord {
            number: row.get(0)?,
            size: u64::try_from(row.get::<_, i64>(1)?).unwrap_or_default(),
            modified_ms: row.get(2)?,
            md5: row.get(3)?,
            checksums: serde_json::from_str(&row.get::<_, String>(4)?)?,
            pieces: serde_json::from_str(&row.get::<_, String>(5)?)?,
        });
    }
    Ok(parts)
}

impl ObjectStore {
    /// Begins an upload; gives its id.
    ///
    /// # Errors
    /// `NoSuchBucket`
    pub async fn create_upload(&self, name: &str, key: &str, meta: UploadMeta) -> Result<String, StoreError> {
        let id = uuid::Uuid::now_v7().simple().to_string();
        let (name, key, id_stored) = (name.to_owned(), key.to_owned(), id.clone());
        self.db
            .write(move |tx| {
                let bucket = bucket(tx, &name)?.id;
                tx.prepare_cached(
                    "INSERT INTO s3_upload (id, bucket, key, created_ms, meta) VALUES (?1, ?2, ?3, ?4, ?5)",
                )?
                .execute(params![
                    id_stored,
                    bucket,
                    key.as_bytes(),
                    now_ms(),
                    serde_json::to_string(&meta)?
                ])?;
                Ok::<_, StoreError>(())
            })
            .await?;
        Ok(id)
    }

    /// Finds an upload.
    ///
    /// # Errors
    /// `NoSuchBucket`, `NoSuchUpload`
    pub fn upload(&self, name: &UploadName) -> Result<Upload, StoreError> {
        self.db.read_now(|connection| find(connection, name))
    }

    /// Stores a part in place of the one that is there.
    ///
    /// # Errors
    /// `NoSuchUpload` when the upload ended meanwhile.
    pub async fn put_part(
        &self,
        name: UploadName,
        number: i32,
        received: Received,
    ) -> Result<i64, StoreError> {
        let Payload::Files(files) = received.payload else {
            return Err(StoreError::request("a part is always a file"));
        };
        let (drafts, pieces): (Vec<_>, Vec<Piece>) = files.into_iter().unzip();
        let (size, md5, checksums) = (received.size, received.md5, received.checksums);
        self.commit(move |tx| {
            let upload = find(tx, &name)?;
            let modified_ms = now_ms();
            let old: Option<String> = tx
                .prepare_cached("DELETE FROM s3_part WHERE upload = ?1 AND number = ?2 RETURNING pieces")?
                .query_row(params![upload.id, number], |row| row.get(0))
                .optional()?;
            let garbage = old.map_or(Ok(Vec::new()), |old| serde_json::from_str(&old))?;
            tx.prepare_cached(
                "INSERT INTO s3_part (upload, number, size, modified_ms, md5, checksums, pieces)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            )?
            .execute(params![
                upload.id,
                number,
                i64::try_from(size).unwrap_or(i64::MAX),
                modified_ms,
                md5,
                serde_json::to_string(&checksums)?,
                serde_json::to_string(&pieces)?
            ])?;
            Ok::<_, StoreError>((modified_ms, PostCommit { garbage, drafts, enqueued: false }))
        })
        .await
    }

    /// Makes the object out of its parts.
    ///
    /// # Errors
    /// `NoSuchUpload`, `InvalidPart`, `InvalidPartOrder`, `EntityTooSmall`, `BadDigest`, `PreconditionFailed`
    pub async fn complete_upload(&self, completion: Completion) -> Result<Stored, StoreError> {
        let writer = self.writer.clone();
        self.commit(move |tx| writer.complete(tx, completion)).await
    }

    /// Gives an upload up.
    ///
    /// # Errors
    /// `NoSuchUpload`
    pub async fn abort_upload(&self, name: UploadName) -> Result<(), StoreError> {
        self.commit(move |tx| {
            let upload = find(tx, &name)?;
            let garbage =
                parts(tx, &upload.id, 0, usize::MAX)?.into_iter().flat_map(|part| part.pieces).collect();
            tx.prepare_cached("DELETE FROM s3_part WHERE upload = ?1")?.execute([&upload.id])?;
            tx.prepare_cached("DELETE FROM s3_upload WHERE id = ?1")?.execute([&upload.id])?;
            Ok(((), PostCommit { garbage, ..PostCommit::default() }))
        })
        .await
    }

    /// Parts of an upload with numbers above `after`, at most `max`.
    ///
    /// # Errors
    /// `NoSuchUpload`
    pub fn upload_parts(
        &self,
        name: &UploadName,
        after: i32,
        max: usize,
    ) -> Result<(Upload, Vec<PartRecord>), StoreError> {
        self.db.read_now(|connection| {
            let upload = find(connection, name)?;
            let parts = parts(connection, &upload.id, after, max)?;
            Ok((upload, parts))
        })
    }
}

/// What is asked for of the uploads of a bucket.
#[derive(Clone, Debug, Default)]
pub struct UploadsQuery {
    /// Keys begin with it.
    pub prefix: String,
    /// What comes after the prefix is cut behind its first occurrence.
    pub delimiter: String,
    /// Where the page begins.
    pub after: After,
    /// With a key to begin behind: uploads of that key with a higher id still belong to the page.
    pub after_id: Option<String>,
    /// The most uploads and prefixes together.
    pub max: usize,
}

/// A page of uploads.
#[derive(Clone, Debug, Default)]
pub struct UploadsPage {
    /// By key, then by time.
    pub uploads: Vec<Upload>,
    /// Common prefixes.
    pub prefixes: Vec<String>,
    /// Whether there are more.
    pub truncated: bool,
}

/// A page of the uploads of a bucket.
///
/// # Errors
/// `NoSuchBucket`
pub fn list_uploads(
    connection: &Connection,
    name: &str,
    query: &UploadsQuery,
) -> Result<UploadsPage, StoreError> {
    let bucket = bucket(connection, name)?.id;
    let mut statement = connection.prepare_cached(
        "SELECT key, id, created_ms, meta FROM s3_upload
         WHERE bucket = ?1 AND key >= ?2 AND key < ?3 ORDER BY key, id",
    )?;
    let end = behind(query.prefix.as_bytes()).unwrap_or_else(|| vec![u8::MAX]);
    let mut from = query.prefix.as_bytes().to_vec();
    match &query.after {
        After::Start => {}
        After::Key(key) => from = from.max(key.as_bytes().to_vec()),
        After::Prefix(prefix) => from = from.max(behind(prefix.as_bytes()).unwrap_or_else(|| vec![u8::MAX])),
    }
    let mut rows = statement.query(params![bucket, from, end])?;
    let mut page = UploadsPage::default();
    while let Some(row) = rows.next()? {
        let key = String::from_utf8_lossy(&row.get::<_, Vec<u8>>(0)?).into_owned();
        let id: String = row.get(1)?;
        let passed = matches!(&query.after, After::Key(after) if *after == key)
            && query.after_id.as_ref().is_none_or(|after| id <= *after);
        if passed {
            continue;
        }
        let common = common_prefix(&key, &query.prefix, &query.delimiter).map(str::to_owned);
        if common.is_some() && page.prefixes.last() == common.as_ref() {
            continue;
        }
        if page.uploads.len() + page.prefixes.len() == query.max {
            page.truncated = query.max > 0;
            break;
        }
        match common {
            Some(common) => page.prefixes.push(common),
            None => page.uploads.push(Upload {
                id,
                bucket,
                key,
                created_ms: row.get(2)?,
                meta: serde_json::from_str(&row.get::<_, String>(3)?)?,
            }),
        }
    }
    Ok(page)
}
