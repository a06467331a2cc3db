//! A store of objects in memory, with faults, for tests.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::objects::{Head, List, Listed, Objects, Page, Put, PutPart, Reading};
use crate::cloud::{CloudError, ErrorKind};
use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt;
use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

type Metadata = Vec<(&'static str, String)>;

#[derive(Clone, Debug)]
pub struct Stored {
    pub body: Bytes,
    pub metadata: Metadata,
    /// The content type.
    pub kind: Option<&'static str>,
    pub puts: u64,
    /// When it was stored, if a test says so.
    pub modified_ms: Option<u64>,
}

#[derive(Default)]
struct Unfinished {
    metadata: Metadata,
    kind: Option<&'static str>,
    parts: BTreeMap<i32, Bytes>,
}

/// What a fault plan says of a call: the action's name, the key and the number of the call.
pub type Fault = Box<dyn Fn(&str, &str, u64) -> Option<CloudError> + Send + Sync>;

#[derive(Default)]
pub struct MemoryStore {
    objects: Mutex<BTreeMap<(String, String), Stored>>,
    uploads: Mutex<BTreeMap<String, Unfinished>>,
    calls: AtomicU64,
    pub lists: AtomicU64,
    pub gets: AtomicU64,
    pub fault: Option<Fault>,
    pub page: Option<usize>,
    /// The size that readings announce, whatever they bring; 0: the right one.
    announced: AtomicU64,
    /// Every page has a next one, with one and the same token.
    endless: AtomicBool,
    /// Reads and lists of keys that begin so and hold this wait until it is something else.
    pub slow: Mutex<Option<(&'static str, String)>>,
}

impl MemoryStore {
    /// Says when an object was stored.
    pub fn stored_at(&self, bucket: &str, key: &str, modified_ms: u64) {
        let mut objects = self.objects.lock().unwrap();
        objects.get_mut(&(bucket.to_owned(), key.to_owned())).unwrap().modified_ms = Some(modified_ms);
    }
}

pub fn throttled() -> CloudError {
    CloudError {
        code: Some("SlowDown".into()),
        ..CloudError::new(ErrorKind::Throttled, "s3:PutObject", "", "Please reduce your request rate.")
    }
}

impl MemoryStore {
    pub fn with_fault(fault: impl Fn(&str, &str, u64) -> Option<CloudError> + Send + Sync + 'static) -> Self {
        Self { fault: Some(Box::new(fault)), ..Self::default() }
    }

    pub fn get(&self, bucket: &str, key: &str) -> Option<Stored> {
        self.objects.lock().unwrap().get(&(bucket.to_owned(), key.to_owned())).cloned()
    }

    pub fn remove(&self, bucket: &str, key: &str) {
        self.objects.lock().unwrap().remove(&(bucket.to_owned(), key.to_owned()));
    }

    pub fn insert(&self, bucket: &str, key: &str, body: impl Into<Bytes>) {
        let stored =
            Stored { body: body.into(), metadata: Vec::new(), kind: None, puts: 1, modified_ms: None };
        self.objects.lock().unwrap().insert((bucket.to_owned(), key.to_owned()), stored);
    }

    pub fn lie_about_size(&self, announced: u64) {
        self.announced.store(announced, Ordering::SeqCst);
    }

    pub fn list_for_ever(&self) {
        self.endless.store(true, Ordering::SeqCst);
    }

    /// Uploads in parts that were begun and neither ended nor given up.
    pub fn open_uploads(&self) -> usize {
        self.uploads.lock().unwrap().len()
    }

    pub fn delete(&self, bucket: &str, key: &str) {
        self.objects.lock().unwrap().remove(&(bucket.to_owned(), key.to_owned()));
    }

    pub fn keys(&self, bucket: &str) -> Vec<String> {
        let objects = self.objects.lock().unwrap();
        objects.keys().filter(|(b, _)| b == bucket).map(|(_, key)| key.clone()).collect()
    }

    fn check(&self, action: &str, key: &str) -> Result<(), CloudError> {
        let call = self.calls.fetch_add(1, Ordering::SeqCst);
        self.fault.as_ref().and_then(|fault| fault(action, key, call)).map_or(Ok(()), Err)
    }

    async fn wait(&self, key: &str) {
        let slow = || {
            self.slow
                .lock()
                .unwrap()
                .as_ref()
                .is_some_and(|(begin, part)| key.starts_with(begin) && key.contains(part))
        };
        while slow() {
            tokio::time::sleep(std::time::Duration::from_millis(2)).await;
        }
    }

    fn store(&self, bucket: &str, key: &str, body: Bytes, parts: &Unfinished) -> String {
        let etag = format!("{:08x}", crc32fast::hash(&body));
        let mut objects = self.objects.lock().unwrap();
        let name = (bucket.to_owned(), key.to_owned());
        let puts = objects.get(&name).map_or(0, |old| old.puts) + 1;
        objects.insert(
            name,
            Stored { body, metadata: parts.metadata.clone(), kind: parts.kind, puts, modified_ms: None },
        );
        etag
    }
}

#[async_trait]
impl Objects for MemoryStore {
    async fn put(&self, put: Put) -> Result<String, CloudError> {
        self.check("put", &put.key)?;
        tokio::task::yield_now().await;
        if put.only_new && self.get(&put.bucket, &put.key).is_some() {
            return Err(CloudError::new(ErrorKind::Conflict, "s3:PutObject", &put.key, "it exists"));
        }
        let about = Unfinished { metadata: put.metadata, kind: put.kind, ..Unfinished::default() };
        Ok(self.store(&put.bucket, &put.key, put.body, &about))
    }

    async fn open(&self, bucket: &str, key: &str) -> Result<Option<Reading>, CloudError> {
        self.wait(key).await;
        self.check("open", key)?;
        self.gets.fetch_add(1, Ordering::SeqCst);
        let announced = self.announced.load(Ordering::SeqCst);
        Ok(self.get(bucket, key).map(|stored| Reading {
            size: if announced > 0 { announced } else { stored.body.len() as u64 },
            etag: format!("{:08x}", crc32fast::hash(&stored.body)),
            body: futures::stream::once(async move { Ok(stored.body) }).boxed(),
        }))
    }

    async fn head(&self, bucket: &str, key: &str) -> Result<Option<Head>, CloudError> {
        self.check("head", key)?;
        Ok(self.get(bucket, key).map(|stored| Head {
            size: stored.body.len() as u64,
            etag: format!("{:08x}", crc32fast::hash(&stored.body)),
            metadata: stored.metadata.into_iter().map(|(n, v)| (n.to_owned(), v)).collect(),
            modified_ms: stored.modified_ms,
            kms: false,
        }))
    }

    async fn list(&self, list: &List) -> Result<Page, CloudError> {
        self.wait(&list.prefix).await;
        self.check("list", &list.prefix)?;
        self.lists.fetch_add(1, Ordering::SeqCst);
        let objects = self.objects.lock().unwrap();
        let after = list.token.clone().or_else(|| list.start_after.clone()).unwrap_or_default();
        let from = (list.bucket.clone(), after.clone().max(list.prefix.clone()));
        let lower = if from.1 == after { Bound::Excluded(from) } else { Bound::Included(from) };
        let mut page = Page::default();
        let mut newest = String::new();
        for ((bucket, key), stored) in objects.range((lower, Bound::Unbounded)) {
            if *bucket != list.bucket || !key.starts_with(&list.prefix) {
                break;
            }
            let rest = &key[list.prefix.len()..];
            if let Some(slash) = rest.find('/').filter(|_| list.folders) {
                let folder = key[..=list.prefix.len() + slash].to_owned();
                if page.folders.last() == Some(&folder) || after.starts_with(&folder) {
                    continue;
                }
                page.folders.push(folder);
            } else {
                let etag = format!("{:08x}", crc32fast::hash(&stored.body));
                page.objects.push(Listed {
                    key: key.clone(),
                    size: stored.body.len() as u64,
                    etag,
                    modified_ms: stored.modified_ms,
                });
            }
            newest.clone_from(key);
            if page.objects.len() + page.folders.len() >= self.page.unwrap_or(1000) {
                page.next = Some(newest);
                break;
            }
        }
        if self.endless.load(Ordering::SeqCst) {
            page.next = Some("again".into());
        }
        Ok(page)
    }

    async fn begin_parts(
        &self,
        _bucket: &str,
        key: &str,
        metadata: &[(&'static str, String)],
        kind: Option<&'static str>,
    ) -> Result<String, CloudError> {
        self.check("begin", key)?;
        let mut uploads = self.uploads.lock().unwrap();
        let id = format!("u{}", uploads.len() + 1);
        uploads.insert(id.clone(), Unfinished { metadata: metadata.to_vec(), kind, ..Unfinished::default() });
        Ok(id)
    }

    async fn put_part(&self, part: PutPart) -> Result<String, CloudError> {
        self.check("part", &part.key)?;
        let etag = format!("{:08x}", crc32fast::hash(&part.body));
        self.uploads.lock().unwrap().get_mut(&part.upload).unwrap().parts.insert(part.number, part.body);
        Ok(etag)
    }

    async fn finish_parts(
        &self,
        bucket: &str,
        key: &str,
        upload: &str,
        parts: &[(i32, String)],
    ) -> Result<(), CloudError> {
        self.check("finish", key)?;
        let Some(upload) = self.uploads.lock().unwrap().remove(upload) else {
            let error = CloudError::new(ErrorKind::NotFound, "s3:PutObject", key, "no such upload");
            return Err(CloudError { code: Some("NoSuchUpload".into()), ..error });
        };
        assert_eq!(parts.len(), upload.parts.len());
        for ((number, etag), (stored, body)) in parts.iter().zip(&upload.parts) {
            assert_eq!((*number, etag.clone()), (*stored, format!("{:08x}", crc32fast::hash(body))));
        }
        let body: Vec<u8> = upload.parts.values().flat_map(|part| part.iter().copied()).collect();
        self.store(bucket, key, body.into(), &upload);
        Ok(())
    }

    async fn abort_parts(&self, _bucket: &str, _key: &str, upload: &str) -> Result<(), CloudError> {
        self.uploads.lock().unwrap().remove(upload);
        Ok(())
    }
}
