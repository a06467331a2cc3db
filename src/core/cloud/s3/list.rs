//! Lists objects, page by page.

use super::{S3, unquoted};
use crate::cloud::error::CloudError;
use crate::cloud::keys::{decoded, going_round};
use crate::cloud::{millis, small};
use crate::model::ObjectInfo;
use aws_sdk_s3::types::EncodingType;

/// A page of a list of objects.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ObjectPage {
    /// Folders (when a delimiter was given), then objects, each by key.
    pub items: Vec<ObjectInfo>,
    /// Token for the next page; `None` on the last.
    pub next: Option<String>,
}

/// What to list.
#[derive(Clone, Copy, Debug, Default)]
pub struct ListQuery<'q> {
    /// Only keys that begin so.
    pub prefix: &'q str,
    /// Only keys after this one.
    pub start_after: Option<&'q str>,
    /// Keys that share what is before the next delimiter are one folder.
    pub delimiter: Option<&'q str>,
    /// From the page before.
    pub token: Option<&'q str>,
    /// Items on the page, at most 1,000, which is the default.
    pub max: Option<i32>,
}

impl S3<'_> {
    /// A page of objects.
    ///
    /// # Errors
    /// [`CloudError`]
    pub async fn list_page(&self, bucket: &str, query: ListQuery<'_>) -> Result<ObjectPage, CloudError> {
        const ACTION: &str = "s3:ListBucket";
        self.limits.s3_read.acquire().await;
        let request = self
            .client(bucket)
            .await
            .list_objects_v2()
            .bucket(bucket)
            .prefix(query.prefix)
            .set_start_after(query.start_after.map(str::to_owned))
            .set_delimiter(query.delimiter.map(str::to_owned))
            .set_continuation_token(query.token.map(str::to_owned))
            .set_max_keys(query.max)
            .encoding_type(EncodingType::Url);
        let output = small(ACTION, &format!("{bucket}/{}", query.prefix), request.send()).await?;
        let encoded = output.encoding_type() == Some(&EncodingType::Url);
        let folders = output.common_prefixes().iter().filter_map(|folder| {
            let key = decoded(folder.prefix()?, encoded);
            Some(ObjectInfo { key, folder: true, size: 0, modified_ms: None, etag: String::new() })
        });
        let objects = output.contents().iter().filter_map(|object| {
            Some(ObjectInfo {
                key: decoded(object.key()?, encoded),
                folder: false,
                size: u64::try_from(object.size().unwrap_or_default()).unwrap_or_default(),
                modified_ms: object.last_modified().and_then(millis),
                etag: unquoted(object.e_tag()),
            })
        });
        let items = folders.chain(objects).collect();
        let more = output.is_truncated().unwrap_or_default();
        let next = output.next_continuation_token().filter(|_| more).map(str::to_owned);
        if next.is_some() && next.as_deref() == query.token {
            return Err(going_round(&format!("{bucket}/{}", query.prefix)));
        }
        Ok(ObjectPage { items, next })
    }
}
