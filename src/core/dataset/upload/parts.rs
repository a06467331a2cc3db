//! Large files, in parts: read where they are needed, a few at a time, resumable part by part.

use super::Shared;
use super::past::{Begun, Line, Stamp};
use super::trouble::{Trouble, changed, unreadable};
use crate::dataset::objects::PutPart;
use futures::{StreamExt, TryStreamExt};
use md5::{Digest as _, Md5};
use std::collections::HashMap;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use throng_contract::{HEAD_BYTES, content_type};

/// S3's most parts.
const MOST_PARTS: u64 = 10_000;
/// S3's smallest part.
const SMALLEST_PART: u64 = 5 << 20;
/// Parts of one file in flight.
const AT_ONCE: usize = 6;

/// The size of a part for a file: as wished, but at least 5 MiB and at most 10,000 of them, in whole MiB.
pub(super) fn part_size(size: u64, wished: u64) -> u64 {
    let least = size.div_ceil(MOST_PARTS);
    wished.max(SMALLEST_PART).max(least).div_ceil(1 << 20) << 20
}

impl Shared {
    pub(super) async fn send_parts(
        &self,
        path: &Path,
        name: &str,
        key: &str,
        size: u64,
        index: u64,
    ) -> Result<Stamp, Trouble> {
        let (file, stamp) = open(path).await?;
        if stamp.size != size {
            return Err(changed(path));
        }
        let old = self.past.parts.get(name).filter(|begun| begun.stamp == stamp);
        if let Some(begun) = old {
            match self.send_the_rest(&file, path, key, begun.clone()).await {
                Ok(()) => return self.unchanged(path, stamp).await,
                // The cloud has forgotten it, by a person's or a lifecycle rule's doing: begin anew.
                Err(Trouble::File(reason)) => tracing::info!(key, reason, "an upload in parts begins anew"),
                Err(fatal) => return Err(fatal),
            }
        }
        let bucket = &self.upload.place.bucket;
        // Of another content of this file: nobody will end it.
        if let Some(stale) = self.past.parts.get(name).filter(|begun| begun.stamp != stamp)
            && let Err(error) = self.store.abort_parts(bucket, key, &stale.upload).await
        {
            tracing::info!(key, %error, "an upload in parts of a file that changed was not given up");
        }
        let metadata = self.metadata(index, key);
        let kind = kind_of(&file, path, key).await?;
        let upload = self.pace.insist(|| self.store.begin_parts(bucket, key, &metadata, kind)).await?;
        let part = part_size(size, self.upload.options.part);
        self.journal.append(&Line::Parts { name: name.to_owned(), stamp, upload: upload.clone(), part })?;
        let begun = Begun { upload, stamp, part, done: HashMap::new() };
        self.send_the_rest(&file, path, key, begun).await?;
        self.unchanged(path, stamp).await
    }

    async fn unchanged(&self, path: &Path, stamp: Stamp) -> Result<Stamp, Trouble> {
        let (_, now) = open(path).await?;
        if now == stamp { Ok(stamp) } else { Err(changed(path)) }
    }

    async fn send_the_rest(
        &self,
        file: &Arc<File>,
        path: &Path,
        key: &str,
        begun: Begun,
    ) -> Result<(), Trouble> {
        let size = begun.stamp.size;
        let count = i32::try_from(size.div_ceil(begun.part)).unwrap_or(i32::MAX);
        let sent = futures::stream::iter(1..=count)
            .map(|number| {
                let done = begun.done.get(&number).cloned();
                let begun = &begun;
                async move {
                    let offset = u64::from(number.unsigned_abs() - 1) * begun.part;
                    let length = begun.part.min(size - offset);
                    let etag = match done {
                        Some(etag) => {
                            self.meter.bytes(length);
                            etag
                        }
                        None => {
                            self.send_part(file, path, key, &begun.upload, number, offset, length).await?
                        }
                    };
                    Ok::<_, Trouble>((number, etag))
                }
            })
            .buffered(AT_ONCE)
            .try_collect::<Vec<_>>()
            .await?;
        // Checked before the object appears: a file that changed must not start a function.
        if open(path).await?.1 != begun.stamp {
            let _ = self.store.abort_parts(&self.upload.place.bucket, key, &begun.upload).await;
            return Err(changed(path));
        }
        let bucket = &self.upload.place.bucket;
        match self.pace.insist(|| self.store.finish_parts(bucket, key, &begun.upload, &sent)).await {
            // Finished before, by a try whose answer was lost, here or before a kill.
            Err(error)
                if error.code.as_deref() == Some("NoSuchUpload") && self.is_whole(key, &sent).await? =>
            {
                Ok(())
            }
            finished => Ok(finished?),
        }
    }

    /// Whether the object is made of these parts.
    async fn is_whole(&self, key: &str, parts: &[(i32, String)]) -> Result<bool, Trouble> {
        let bucket = &self.upload.place.bucket;
        let head = self.pace.insist(|| self.store.head(bucket, key)).await?;
        Ok(head.is_some_and(|head| whole_etag(parts).as_ref() == Some(&head.etag)))
    }

    #[allow(clippy::too_many_arguments, reason = "where a part comes from and where it goes")]
    async fn send_part(
        &self,
        file: &Arc<File>,
        path: &Path,
        key: &str,
        upload: &str,
        number: i32,
        offset: u64,
        length: u64,
    ) -> Result<String, Trouble> {
        let _memory = self.reserve(length).await?;
        let handle = file.clone();
        let read = tokio::task::spawn_blocking(move || read_at(&handle, offset, length));
        let body = match read.await.map_err(std::io::Error::other) {
            Ok(Ok(body)) => body,
            Ok(Err(error)) if error.kind() == std::io::ErrorKind::UnexpectedEof => return Err(changed(path)),
            Ok(Err(error)) | Err(error) => return Err(unreadable(path, &error)),
        };
        let part = PutPart {
            bucket: self.upload.place.bucket.clone(),
            key: key.to_owned(),
            upload: upload.to_owned(),
            number,
            body: body.into(),
        };
        let etag = self.pace.insist(|| self.store.put_part(part.clone())).await?;
        self.meter.bytes(length);
        let line = Line::Part { upload: upload.to_owned(), number, etag: etag.clone() };
        self.journal.append(&line)?;
        Ok(etag)
    }
}

/// The `ETag` of an object made of parts: the MD5 of their MD5s, and how many. `None` when those of the parts are no
/// MD5s (buckets with keys of KMS).
pub(super) fn whole_etag(parts: &[(i32, String)]) -> Option<String> {
    let mut hash = Md5::new();
    for (_, etag) in parts {
        hash.update(hex::decode(etag).ok().filter(|digest| digest.len() == 16)?);
    }
    Some(format!("{}-{}", hex::encode(hash.finalize()), parts.len()))
}

async fn open(path: &Path) -> Result<(Arc<File>, Stamp), Trouble> {
    let owned = path.to_owned();
    let opened = tokio::task::spawn_blocking(move || {
        let file = super::patience::open(&owned)?;
        let stamp = Stamp::of(&file.metadata()?);
        Ok((Arc::new(file), stamp))
    });
    match opened.await.map_err(std::io::Error::other) {
        Ok(Ok(opened)) => Ok(opened),
        Ok(Err(error)) | Err(error) => Err(unreadable(path, &error)),
    }
}

/// The content type of a file. Its bytes are looked at when its name says nothing.
async fn kind_of(file: &Arc<File>, path: &Path, key: &str) -> Result<Option<&'static str>, Trouble> {
    if let Some(kind) = content_type(key, &[]) {
        return Ok(Some(kind));
    }
    let handle = file.clone();
    let read = tokio::task::spawn_blocking(move || read_at(&handle, 0, HEAD_BYTES as u64));
    match read.await.map_err(std::io::Error::other) {
        Ok(Ok(head)) => Ok(content_type(key, &head)),
        Ok(Err(error)) | Err(error) => Err(unreadable(path, &error)),
    }
}

#[cfg(unix)]
fn read_at(file: &File, offset: u64, length: u64) -> std::io::Result<Vec<u8>> {
    use std::os::unix::fs::FileExt;
    let mut body = vec![0; usize::try_from(length).map_err(std::io::Error::other)?];
    file.read_exact_at(&mut body, offset)?;
    Ok(body)
}

#[cfg(not(unix))]
fn read_at(file: &File, offset: u64, length: u64) -> std::io::Result<Vec<u8>> {
    use std::io::{Read, Seek, SeekFrom};
    let mut file = file.try_clone()?;
    let mut body = vec![0; usize::try_from(length).map_err(std::io::Error::other)?];
    file.seek(SeekFrom::Start(offset))?;
    file.read_exact(&mut body)?;
    Ok(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tag_of_the_whole_is_made_of_those_of_the_parts() {
        // printf a | md5sum, printf b | md5sum; the two digests in binary through md5sum.
        let parts = [(1, "0cc175b9c0f1b6a831c399e269772661"), (2, "92eb5ffee6ae2fec3ad71c777531578f")];
        let parts = parts.map(|(number, etag)| (number, etag.to_owned()));
        assert_eq!(whole_etag(&parts).as_deref(), Some("96e024ba2074fe77e8e965ba43a704be-2"));
        assert_eq!(whole_etag(&[(1, "of-kms".into())]), None);
    }

    #[test]
    fn parts_are_never_too_many_nor_too_small() {
        const MIB: u64 = 1 << 20;
        assert_eq!(part_size(100 * MIB, 16 * MIB), 16 * MIB);
        assert_eq!(part_size(100 * MIB, 1), 5 * MIB);
        for size in [160_000 * MIB + 1, 5_000_000 * MIB, 48 * 1024 * 1024 * MIB] {
            let part = part_size(size, 16 * MIB);
            assert!(size.div_ceil(part) <= MOST_PARTS, "{size}");
            assert_eq!(part % MIB, 0);
        }
    }
}
