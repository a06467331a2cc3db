//! Lifecycle of a bucket: uploads that were never ended are given up, objects are removed after some days.
//!
//! S3 looks once a day, at midnight UTC; here it is looked at every hour.

use super::ObjectStore;
use super::error::StoreError;
use super::list::{After, ListQuery, list};
use super::multipart::{UploadName, UploadsQuery, list_uploads};
use super::store::{DeleteConditions, now_ms};
use crate::protocol::RequestIds;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Name of the setting of a bucket.
pub const LIFECYCLE: &str = "lifecycle";
const DAY_MS: i64 = 24 * 3_600_000;
/// Keys and uploads looked at together.
const PAGE: usize = 1000;

/// A rule.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Rule {
    /// Its name, as the client gave it.
    pub id: Option<String>,
    /// Keys begin with it.
    pub prefix: String,
    /// Whether it holds.
    pub enabled: bool,
    /// Days after which an upload in parts is given up.
    pub abort_days: Option<i32>,
    /// Days after which an object is removed.
    pub expire_days: Option<i32>,
}

/// Removed by one look at all buckets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Removed {
    /// Uploads in parts.
    pub uploads: u64,
    /// Objects.
    pub objects: u64,
}

impl ObjectStore {
    /// Does what the rules of all buckets say, as of `now` in milliseconds since 1970.
    ///
    /// # Errors
    /// [`StoreError`]
    pub(super) async fn apply_lifecycle(&self, now: i64) -> Result<Removed, StoreError> {
        let mut removed = Removed::default();
        for (bucket, _) in self.buckets()? {
            let rules: Vec<Rule> = self.setting(&bucket, LIFECYCLE)?.unwrap_or_default();
            for rule in rules.into_iter().filter(|rule| rule.enabled) {
                if let Some(days) = rule.abort_days {
                    removed.uploads +=
                        self.give_up_uploads(&bucket, &rule.prefix, now - i64::from(days) * DAY_MS).await?;
                }
                if let Some(days) = rule.expire_days {
                    removed.objects +=
                        self.expire(&bucket, &rule.prefix, now - i64::from(days) * DAY_MS).await?;
                }
            }
        }
        Ok(removed)
    }

    /// Does what the rules say, every hour, for as long as the store is there. For people it says what it did.
    pub async fn keep_lifecycle(self) {
        loop {
            match self.apply_lifecycle(now_ms()).await {
                Ok(Removed { uploads: 0, objects: 0 }) => {}
                Ok(Removed { uploads, objects }) => tracing::info!(uploads, objects, "lifecycle rules"),
                Err(error) => tracing::warn!(%error, "lifecycle rules"),
            }
            tokio::time::sleep(Duration::from_hours(1)).await;
        }
    }

    /// Gives up every upload in parts that is older.
    ///
    /// # Errors
    /// [`StoreError`]
    pub(crate) async fn give_up_all_uploads(&self, age: Duration) -> Result<u64, StoreError> {
        let before = now_ms() - i64::try_from(age.as_millis()).unwrap_or(i64::MAX);
        let mut removed = 0;
        for (bucket, _) in self.buckets()? {
            removed += self.give_up_uploads(&bucket, "", before).await?;
        }
        Ok(removed)
    }

    async fn give_up_uploads(&self, bucket: &str, prefix: &str, before: i64) -> Result<u64, StoreError> {
        let (mut removed, mut query) =
            (0, UploadsQuery { prefix: prefix.to_owned(), max: PAGE, ..UploadsQuery::default() });
        loop {
            let (name, asked) = (bucket.to_owned(), query.clone());
            let page = self.db.read(move |connection| list_uploads(connection, &name, &asked)).await?;
            if let Some(last) = page.uploads.last() {
                (query.after, query.after_id) = (After::Key(last.key.clone()), Some(last.id.clone()));
            }
            for upload in page.uploads.into_iter().filter(|upload| upload.created_ms < before) {
                let name = UploadName { bucket: bucket.to_owned(), key: upload.key, id: upload.id };
                if self.abort_upload(name).await.is_ok() {
                    removed += 1;
                }
            }
            if !page.truncated {
                return Ok(removed);
            }
        }
    }

    async fn expire(&self, bucket: &str, prefix: &str, before: i64) -> Result<u64, StoreError> {
        let (mut removed, mut query) =
            (0, ListQuery { prefix: prefix.to_owned(), max: PAGE, ..ListQuery::default() });
        loop {
            let (name, asked) = (bucket.to_owned(), query.clone());
            let page = self.db.read(move |connection| list(connection, &name, &asked)).await?;
            for entry in page.entries.into_iter().filter(|entry| entry.modified_ms < before) {
                // Only the object that was seen: one that replaced it meanwhile is new.
                let conditions = DeleteConditions {
                    if_match: Some(super::store::Tag::Is(entry.etag)),
                    modified_s: Some(entry.modified_ms.div_euclid(1000)),
                    ..DeleteConditions::default()
                };
                if self.delete(bucket, &entry.key, conditions, RequestIds::random()).await.is_ok() {
                    removed += 1;
                }
            }
            match page.next {
                Some(next) => query.after = next,
                None => return Ok(removed),
            }
        }
    }
}
