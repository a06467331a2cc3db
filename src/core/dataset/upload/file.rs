//! One file: whether it must be sent yet, and how it is sent whole.

use super::past::{Line, Stamp};
use super::trouble::{Trouble, changed, unreadable};
use super::{MEMORY_KIB, NotSent, Shared, UploadError, patience};
use crate::cloud::CloudError;
use crate::dataset::objects::Put;
use bytes::Bytes;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use throng_contract::{HEAD_BYTES, content_type};

pub(super) enum SendOutcome {
    Sent,
    Skipped,
    Failed(NotSent),
    Fatal(UploadError),
}

impl From<std::io::Error> for SendOutcome {
    fn from(error: std::io::Error) -> Self {
        Self::Fatal(error.into())
    }
}

impl Shared {
    pub(super) async fn one(self: Arc<Self>, index: u64) -> SendOutcome {
        let Some(file) = usize::try_from(index).ok().and_then(|index| self.upload.files.get(index)) else {
            return SendOutcome::Skipped;
        };
        let (path, name, size) = (file.path, file.name.to_owned(), file.size);
        if let Some(stamp) = self.past.sent.get(&name)
            && self.is_unchanged(&path, *stamp).await
        {
            self.meter.skip(size);
            return SendOutcome::Skipped;
        }
        match self.send(index, &path, &name, size).await {
            Ok(true) => SendOutcome::Sent,
            Ok(false) => SendOutcome::Skipped,
            Err(Trouble::File(reason)) => {
                if let Some(around) = &self.upload.around {
                    around.not_sent(index);
                }
                SendOutcome::Failed(NotSent { index, path, reason })
            }
            Err(Trouble::Fatal(error)) => SendOutcome::Fatal(error),
        }
    }

    /// A task's input was sent as it was; of other uploads the newest content counts.
    async fn is_unchanged(&self, path: &Path, stamp: Stamp) -> bool {
        self.upload.run.is_some()
            || tokio::fs::metadata(path).await.is_ok_and(|metadata| Stamp::of(&metadata) == stamp)
    }

    /// Whether it was sent now; else it had been there.
    async fn send(&self, index: u64, path: &Path, name: &str, size: u64) -> Result<bool, Trouble> {
        let key = self.upload.key(name);
        let there = index < self.past.begun && self.is_there(index, &key).await?;
        if let Some(around) = &self.upload.around {
            around.admit(index, &key).await;
        }
        let stamp = if there {
            self.meter.skip(size);
            Stamp { size, mtime: 0 }
        } else if size >= self.upload.options.multipart {
            self.send_parts(path, name, &key, size, index).await?
        } else {
            self.send_whole(path, &key, size, index).await?
        };
        if let Some(around) = &self.upload.around {
            self.pace.insist(|| around.stored(index, &key)).await?;
        }
        self.journal.append(&Line::Sent { name: name.to_owned(), stamp })?;
        if !there {
            self.meter.item();
        }
        Ok(!there)
    }

    /// Whether a task's input was stored by the process that died before it could write so.
    async fn is_there(&self, index: u64, key: &str) -> Result<bool, CloudError> {
        if self.upload.run.as_ref().is_none_or(|run| !run.one_each) {
            return Ok(false);
        }
        let bucket = &self.upload.place.bucket;
        let head = self.pace.insist(|| self.store.head(bucket, key)).await?;
        let wanted = self.metadata(index, key);
        Ok(head.is_some_and(|head| {
            let has = |name: &str, value: &String| head.metadata.iter().any(|(n, v)| n == name && v == value);
            wanted.iter().all(|(name, value)| has(name, value))
        }))
    }

    pub(super) fn metadata(&self, index: u64, key: &str) -> Vec<(&'static str, String)> {
        let run = self.upload.run.as_ref();
        run.map(|run| run.metadata(index, &self.upload.place.bucket, key)).unwrap_or_default()
    }

    pub(super) async fn reserve(&self, bytes: u64) -> Result<tokio::sync::OwnedSemaphorePermit, Trouble> {
        let kib = u32::try_from(bytes / 1024 + 1).unwrap_or(MEMORY_KIB).min(MEMORY_KIB);
        let permit = self.memory.clone().acquire_many_owned(kib).await;
        permit.map_err(|_| Trouble::Fatal(UploadError::Cancelled))
    }

    async fn send_whole(&self, path: &Path, key: &str, size: u64, index: u64) -> Result<Stamp, Trouble> {
        let _memory = self.reserve(size).await?;
        let (body, stamp) = read_whole(path, size).await?;
        let put = Put {
            bucket: self.upload.place.bucket.clone(),
            kind: content_type(key, &body[..body.len().min(HEAD_BYTES)]),
            key: key.to_owned(),
            body,
            metadata: self.metadata(index, key),
            only_new: false,
        };
        self.pace.insist(|| self.store.put(put.clone())).await?;
        self.meter.bytes(size);
        Ok(stamp)
    }
}

/// Reads a file that must have this size and not change meanwhile.
async fn read_whole(path: &Path, size: u64) -> Result<(Bytes, Stamp), Trouble> {
    let owned = path.to_owned();
    let read = move || -> std::io::Result<Option<(Vec<u8>, Stamp)>> {
        let mut file = patience::open(&owned)?;
        let before = Stamp::of(&file.metadata()?);
        if before.size != size {
            return Ok(None);
        }
        let mut body = Vec::with_capacity(usize::try_from(size).unwrap_or(0) + 1);
        Read::by_ref(&mut file).take(size + 1).read_to_end(&mut body)?;
        let same = body.len() as u64 == size && Stamp::of(&file.metadata()?) == before;
        Ok(same.then_some((body, before)))
    };
    match tokio::task::spawn_blocking(read).await.map_err(std::io::Error::other) {
        Ok(Ok(Some((body, stamp)))) => Ok((body.into(), stamp)),
        Ok(Ok(None)) => Err(changed(path)),
        Ok(Err(error)) | Err(error) => Err(unreadable(path, &error)),
    }
}
