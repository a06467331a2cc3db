//! The end of an upload in parts: which parts, what they make, and the same answer again when it is asked for again.

use super::checksum::{Algorithm, Checksums, combine};
use super::error::StoreError;
use super::meta::{ObjectMeta, PartLayout, Piece};
use super::multipart::{Completion, ListedPart, PartRecord, Upload, UploadMeta, find, parts};
use super::store::{Content, NewObject, PostCommit, Stored, Writer, bucket, now_ms};
use md5::{Digest as _, Md5};
use rusqlite::{Connection, OptionalExtension as _, Transaction, params};
use s3s::S3ErrorCode;

/// Every part but the last is at least this large.
const PART_MIN: u64 = 5 * 1024 * 1024;
/// How long a completion can be repeated, in milliseconds. S3 does not say; its clients try for minutes.
const REMEMBERED_MS: i64 = 24 * 3_600_000;

/// The parts as the client listed them, to compare a repetition with.
fn said(listed: &[ListedPart]) -> Result<String, StoreError> {
    let parts: Vec<_> = listed.iter().map(|part| (part.number, part.etag.as_deref())).collect();
    Ok(serde_json::to_string(&parts)?)
}

/// What was answered when this upload was completed with the same parts, if it was.
fn repeated(connection: &Connection, completion: &Completion) -> Result<Option<Stored>, StoreError> {
    let name = &completion.upload;
    let bucket = bucket(connection, &name.bucket)?.id;
    let row: Option<(i64, String, String, String)> = connection
        .prepare_cached(
            "SELECT completed_ms, parts, etag, checksums FROM s3_completed WHERE id = ?1 AND bucket = ?2 AND key = ?3",
        )?
        .query_row(params![name.id, bucket, name.key.as_bytes()], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
        })
        .optional()?;
    let Some((modified_ms, parts, etag, checksums)) = row else { return Ok(None) };
    if parts != said(&completion.parts)? {
        return Err(StoreError::part());
    }
    let meta = ObjectMeta { checksums: serde_json::from_str(&checksums)?, ..ObjectMeta::default() };
    Ok(Some(Stored { etag, modified_ms, meta, size: completion.size.unwrap_or_default() }))
}

/// Remembers what is answered, and forgets what is old.
fn remember(tx: &Transaction<'_>, upload: &Upload, stored: &Stored, parts: &str) -> Result<(), StoreError> {
    tx.prepare_cached("DELETE FROM s3_completed WHERE completed_ms < ?1")?
        .execute([now_ms() - REMEMBERED_MS])?;
    tx.prepare_cached(
        "INSERT OR REPLACE INTO s3_completed (id, bucket, key, completed_ms, parts, etag, checksums)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?
    .execute(params![
        upload.id,
        upload.bucket,
        upload.key.as_bytes(),
        stored.modified_ms,
        parts,
        stored.etag,
        serde_json::to_string(&stored.meta.checksums)?
    ])?;
    Ok(())
}

/// Chooses the listed parts out of those that are there, checking what S3 checks.
fn choose(
    there: Vec<PartRecord>,
    listed: &[ListedPart],
) -> Result<(Vec<PartRecord>, Vec<Piece>), StoreError> {
    if !listed.is_sorted_by(|a, b| a.number < b.number) {
        return Err(StoreError::refused(
            S3ErrorCode::InvalidPartOrder,
            "The list of parts was not in ascending order. Parts must be ordered by part number.",
        ));
    }
    let mut there = there.into_iter().peekable();
    let mut chosen = Vec::with_capacity(listed.len());
    let mut garbage = Vec::new();
    for part in listed {
        while let Some(skipped) = there.next_if(|candidate| candidate.number < part.number) {
            garbage.extend(skipped.pieces);
        }
        let found =
            there.next_if(|candidate| candidate.number == part.number).ok_or_else(StoreError::part)?;
        let etag = hex::encode(&found.md5);
        if part.etag.as_ref().is_some_and(|said| *said != etag) {
            return Err(StoreError::part());
        }
        let contradicts = |algorithm: Algorithm| {
            found.checksums.get(algorithm).is_some_and(|known| part.checksums.get(algorithm) != Some(known))
        };
        if part.checksums.algorithms().any(contradicts) {
            return Err(StoreError::part());
        }
        chosen.push(found);
    }
    garbage.extend(there.flat_map(|part| part.pieces));
    let all_but_last = chosen.split_last().map_or(&[][..], |(_, rest)| rest);
    if all_but_last.iter().any(|part| part.size < PART_MIN) {
        return Err(StoreError::refused(
            S3ErrorCode::EntityTooSmall,
            "Your proposed upload is smaller than the minimum allowed size",
        ));
    }
    Ok((chosen, garbage))
}

fn etag_of(parts: &[PartRecord]) -> String {
    let mut all = Md5::new();
    for part in parts {
        all.update(&part.md5);
    }
    format!("{}-{}", hex::encode(all.finalize()), parts.len())
}

fn checksums_of(
    upload: &UploadMeta,
    parts: &[PartRecord],
    said: &Checksums,
) -> Result<Checksums, StoreError> {
    let algorithm = upload.effective();
    if let Some(other) = said.algorithms().find(|other| *other != algorithm) {
        return Err(StoreError::request(format!(
            "Checksum Type mismatch occurred, expected checksum Type: {}, actual checksum Type: {}",
            algorithm.word().to_ascii_lowercase(),
            other.word().to_ascii_lowercase()
        )));
    }
    let values: Option<Vec<(&str, u64)>> =
        parts.iter().map(|part| Some((part.checksums.get(algorithm)?, part.size))).collect();
    let combined = values.and_then(|values| combine(algorithm, upload.kind, values));
    let bare = |value: &str| value.split('-').next().unwrap_or_default().to_owned();
    if let (Some(said), Some(combined)) = (said.get(algorithm), &combined)
        && bare(said) != bare(combined)
    {
        return Err(StoreError::refused(
            S3ErrorCode::BadDigest,
            format!("The {} you specified did not match the calculated checksum.", algorithm.word()),
        ));
    }
    let mut checksums = Checksums { kind: combined.is_some().then_some(upload.kind), ..Checksums::default() };
    checksums.set(algorithm, combined);
    Ok(checksums)
}

impl Writer {
    /// Makes the object out of its parts.
    pub(super) fn complete(
        &self,
        tx: &Transaction<'_>,
        completion: Completion,
    ) -> Result<(Stored, PostCommit), StoreError> {
        let upload = match find(tx, &completion.upload) {
            Ok(upload) => upload,
            Err(refused) => {
                return Ok((repeated(tx, &completion)?.ok_or(refused)?, PostCommit::default()));
            }
        };
        let there = parts(tx, &upload.id, 0, usize::MAX)?;
        let (chosen, mut garbage) = choose(there, &completion.parts)?;
        let size: u64 = chosen.iter().map(|part| part.size).sum();
        if let Some(said) = completion.size.filter(|said| *said != size) {
            return Err(StoreError::request(format!(
                "The provided 'x-amz-mp-object-size' header value {said} does not match what was computed: {size}"
            )));
        }
        if let Some(kind) = completion.kind.as_deref().filter(|kind| *kind != upload.meta.kind.word()) {
            return Err(StoreError::request(format!(
                "Checksum Type mismatch occurred, expected checksum Type: {}, actual checksum Type: {kind}",
                upload.meta.kind.word()
            )));
        }
        let parts = said(&completion.parts)?;
        let checksums = checksums_of(&upload.meta, &chosen, &completion.checksums)?;
        let etag = etag_of(&chosen);
        let layout: Vec<PartLayout> = chosen
            .into_iter()
            .map(|part| PartLayout {
                size: part.size,
                pieces: part.pieces,
                checksums: part.checksums,
                number: u32::try_from(part.number).unwrap_or_default(),
            })
            .collect();
        let new = NewObject {
            bucket: completion.upload.bucket,
            key: completion.upload.key,
            size,
            etag,
            meta: ObjectMeta {
                checksums,
                parts: Some(u32::try_from(layout.len()).unwrap_or(u32::MAX)),
                ..upload.meta.object.clone()
            },
            content: Content::Parts(layout),
            drafts: Vec::new(),
            conditions: completion.conditions,
            event: Some("ObjectCreated:CompleteMultipartUpload"),
            ids: completion.ids,
        };
        let (stored, mut post_commit) = self.put(tx, new)?;
        remember(tx, &upload, &stored, &parts)?;
        tx.prepare_cached("DELETE FROM s3_part WHERE upload = ?1")?.execute([&upload.id])?;
        tx.prepare_cached("DELETE FROM s3_upload WHERE id = ?1")?.execute([&upload.id])?;
        post_commit.garbage.append(&mut garbage);
        Ok((stored, post_commit))
    }
}
