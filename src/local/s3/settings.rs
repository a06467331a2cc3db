//! What is set on buckets and, after they were stored, on objects.

use super::ObjectStore;
use super::error::StoreError;
use super::notify::{Notification, TargetKind};
use super::store::{bucket, head};
use rusqlite::params;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

impl ObjectStore {
    /// A bucket's notification configuration.
    ///
    /// # Errors
    /// `NoSuchBucket`
    pub fn notification(&self, name: &str) -> Result<Notification, StoreError> {
        let row = self.bucket(name)?;
        Ok(row.notification.as_deref().map(serde_json::from_str).transpose()?.unwrap_or_default())
    }

    /// Replaces a bucket's notification configuration. The functions are checked unless `skip_checks`.
    ///
    /// # Errors
    /// `NoSuchBucket`, `InvalidArgument`
    pub async fn set_notification(
        &self,
        name: &str,
        notification: Notification,
        skip_checks: bool,
    ) -> Result<(), StoreError> {
        notification.validate()?;
        let (name, targets) = (name.to_owned(), self.writer.targets.clone());
        self.db
            .write(move |tx| {
                let row = bucket(tx, &name)?;
                let functions =
                    notification.targets.iter().filter(|target| target.kind == TargetKind::Lambda);
                for target in functions.filter(|_| !skip_checks) {
                    targets.check(tx, &target.arn, &name).map_err(StoreError::argument)?;
                }
                let empty = notification.targets.is_empty() && !notification.event_bridge;
                let text = (!empty).then(|| serde_json::to_string(&notification)).transpose()?;
                tx.execute("UPDATE s3_bucket SET notification = ?2 WHERE id = ?1", params![row.id, text])?;
                Ok(())
            })
            .await
    }

    /// A setting of a bucket; `None` when it was never set.
    ///
    /// # Errors
    /// `NoSuchBucket`
    pub fn setting<T: DeserializeOwned>(&self, name: &str, setting: &str) -> Result<Option<T>, StoreError> {
        let mut settings: Map<String, Value> = serde_json::from_str(&self.bucket(name)?.settings)?;
        Ok(settings.remove(setting).map(serde_json::from_value).transpose()?)
    }

    /// Sets or, with `None`, removes a setting of a bucket.
    ///
    /// # Errors
    /// `NoSuchBucket`
    pub async fn set_setting<T: Serialize>(
        &self,
        name: &str,
        setting: &'static str,
        value: Option<&T>,
    ) -> Result<(), StoreError> {
        let value = value.map(serde_json::to_value).transpose()?;
        let name = name.to_owned();
        self.db
            .write(move |tx| {
                let row = bucket(tx, &name)?;
                let mut settings: Map<String, Value> = serde_json::from_str(&row.settings)?;
                match value {
                    Some(value) => settings.insert(setting.to_owned(), value),
                    None => settings.remove(setting),
                };
                let text = serde_json::to_string(&settings)?;
                tx.execute("UPDATE s3_bucket SET settings = ?2 WHERE id = ?1", params![row.id, text])?;
                Ok(())
            })
            .await
    }

    /// Replaces an object's tags.
    ///
    /// # Errors
    /// `NoSuchBucket`, `NoSuchKey`
    pub async fn set_tags(
        &self,
        name: &str,
        key: &str,
        tags: BTreeMap<String, String>,
    ) -> Result<(), StoreError> {
        let (name, key) = (name.to_owned(), key.to_owned());
        self.db
            .write(move |tx| {
                let mut record = head(tx, &name, &key)?;
                record.meta.tags = tags;
                tx.prepare_cached(
                    "UPDATE s3_object SET meta = ?3
                     WHERE bucket = (SELECT id FROM s3_bucket WHERE name = ?1) AND key = ?2",
                )?
                .execute(params![
                    name,
                    key.as_bytes(),
                    serde_json::to_string(&record.meta)?
                ])?;
                Ok(())
            })
            .await
    }
}
