//! `ListObjects` and `ListObjectsV2`.

use super::S3Answer;
use super::convert::{etag, ms_to_timestamp, owner};
use crate::protocol::text::form_encode;
use crate::s3::ObjectStore;
use crate::s3::error::StoreError;
use crate::s3::list::{After, Entry, ListQuery, Page, common_prefix, list};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use s3s::S3Response;
use s3s::dto::{
    CommonPrefix, EncodingType, ListObjectVersionsInput, ListObjectVersionsOutput, ListObjectsInput,
    ListObjectsOutput, ListObjectsV2Input, ListObjectsV2Output, Object, ObjectStorageClass, ObjectVersion,
    ObjectVersionStorageClass,
};

/// Most keys per page.
const MAX_KEYS: i32 = 1000;

async fn page(store: &ObjectStore, bucket: &str, query: ListQuery) -> Result<Page, StoreError> {
    let bucket = bucket.to_owned();
    store.db.read(move |connection| list(connection, &bucket, &query)).await
}

fn limit(max_keys: Option<i32>) -> Result<i32, StoreError> {
    match max_keys {
        Some(max) if max < 0 => {
            Err(StoreError::argument("Argument maxKeys must be an integer between 0 and 2147483647"))
        }
        Some(max) => Ok(max.min(MAX_KEYS)),
        None => Ok(MAX_KEYS),
    }
}

/// How keys are written: as they are, or encoded when the client asked for it.
pub struct KeyEncoding(bool);

impl KeyEncoding {
    /// As the request's `encoding-type` says.
    pub fn new(encoding: Option<&EncodingType>) -> Result<Self, StoreError> {
        match encoding.map(EncodingType::as_str) {
            None => Ok(Self(false)),
            Some("url") => Ok(Self(true)),
            Some(_) => Err(StoreError::argument("Invalid Encoding Method specified in Request")),
        }
    }

    /// A key or prefix as it is to be written.
    pub fn write(&self, text: String) -> String {
        if self.0 { form_encode(&text) } else { text }
    }

    fn objects(&self, entries: Vec<Entry>, with_owner: bool) -> Vec<Object> {
        let object = |entry: Entry| Object {
            key: Some(self.write(entry.key)),
            size: Some(entry.size),
            e_tag: Some(etag(&entry.etag)),
            last_modified: Some(ms_to_timestamp(entry.modified_ms)),
            storage_class: Some(ObjectStorageClass::from_static(ObjectStorageClass::STANDARD)),
            owner: with_owner.then(owner),
            ..Default::default()
        };
        entries.into_iter().map(object).collect()
    }

    /// Common prefixes as they are to be written.
    pub fn prefixes(&self, prefixes: Vec<String>) -> Option<Vec<CommonPrefix>> {
        (!prefixes.is_empty()).then(|| {
            let prefix = |prefix| CommonPrefix { prefix: Some(self.write(prefix)) };
            prefixes.into_iter().map(prefix).collect()
        })
    }
}

/// A marker behind which a page begins. One that a delimited listing gave stands for all keys below it.
pub fn after_marker(marker: Option<String>, prefix: &str, delimiter: &str) -> After {
    match marker.filter(|marker| !marker.is_empty()) {
        None => After::Start,
        Some(marker) if common_prefix(&marker, prefix, delimiter) == Some(&marker) => After::Prefix(marker),
        Some(marker) => After::Key(marker),
    }
}

pub async fn v1(store: &ObjectStore, input: ListObjectsInput) -> S3Answer<ListObjectsOutput> {
    let writing = KeyEncoding::new(input.encoding_type.as_ref())?;
    let max_keys = limit(input.max_keys)?;
    let (prefix, delimiter) =
        (input.prefix.clone().unwrap_or_default(), input.delimiter.clone().unwrap_or_default());
    let query = ListQuery {
        after: after_marker(input.marker.clone(), &prefix, &delimiter),
        max: usize::try_from(max_keys).unwrap_or_default(),
        prefix,
        delimiter: delimiter.clone(),
    };
    let page = page(store, &input.bucket, query).await?;
    let next_marker = match &page.next {
        Some(After::Key(text) | After::Prefix(text)) if !delimiter.is_empty() => {
            Some(writing.write(text.clone()))
        }
        _ => None,
    };
    Ok(S3Response::new(ListObjectsOutput {
        name: Some(input.bucket),
        prefix: Some(writing.write(input.prefix.unwrap_or_default())),
        marker: Some(writing.write(input.marker.unwrap_or_default())),
        delimiter: input.delimiter.filter(|text| !text.is_empty()).map(|text| writing.write(text)),
        max_keys: Some(max_keys),
        is_truncated: Some(page.next.is_some()),
        next_marker,
        common_prefixes: writing.prefixes(page.prefixes),
        contents: Some(writing.objects(page.entries, true)),
        encoding_type: input.encoding_type,
        ..Default::default()
    }))
}

pub async fn v2(store: &ObjectStore, input: ListObjectsV2Input) -> S3Answer<ListObjectsV2Output> {
    let writing = KeyEncoding::new(input.encoding_type.as_ref())?;
    let max_keys = limit(input.max_keys)?;
    let after = match (&input.continuation_token, &input.start_after) {
        (Some(token), _) => read_token(token)?,
        (None, Some(key)) if !key.is_empty() => After::Key(key.clone()),
        _ => After::Start,
    };
    let query = ListQuery {
        prefix: input.prefix.clone().unwrap_or_default(),
        delimiter: input.delimiter.clone().unwrap_or_default(),
        after,
        max: usize::try_from(max_keys).unwrap_or_default(),
    };
    let page = page(store, &input.bucket, query).await?;
    let count = page.entries.len() + page.prefixes.len();
    Ok(S3Response::new(ListObjectsV2Output {
        name: Some(input.bucket),
        prefix: Some(writing.write(input.prefix.unwrap_or_default())),
        delimiter: input.delimiter.filter(|text| !text.is_empty()).map(|text| writing.write(text)),
        start_after: input.start_after.map(|text| writing.write(text)),
        continuation_token: input.continuation_token,
        max_keys: Some(max_keys),
        key_count: Some(i32::try_from(count).unwrap_or(i32::MAX)),
        is_truncated: Some(page.next.is_some()),
        next_continuation_token: page.next.as_ref().map(write_token),
        common_prefixes: writing.prefixes(page.prefixes),
        contents: Some(writing.objects(page.entries, input.fetch_owner.unwrap_or(false))),
        encoding_type: input.encoding_type,
        ..Default::default()
    }))
}

/// Every object is its only version, `null`.
pub async fn versions(
    store: &ObjectStore,
    input: ListObjectVersionsInput,
) -> S3Answer<ListObjectVersionsOutput> {
    let writing = KeyEncoding::new(input.encoding_type.as_ref())?;
    let max_keys = limit(input.max_keys)?;
    let (prefix, delimiter) =
        (input.prefix.clone().unwrap_or_default(), input.delimiter.clone().unwrap_or_default());
    let query = ListQuery {
        after: after_marker(input.key_marker.clone(), &prefix, &delimiter),
        max: usize::try_from(max_keys).unwrap_or_default(),
        prefix,
        delimiter,
    };
    let page = page(store, &input.bucket, query).await?;
    let (next_key, next_version) = match &page.next {
        Some(After::Key(key)) => (Some(writing.write(key.clone())), Some("null".to_owned())),
        Some(After::Prefix(prefix)) => (Some(writing.write(prefix.clone())), None),
        _ => (None, None),
    };
    let version = |entry: Entry| ObjectVersion {
        key: Some(writing.write(entry.key)),
        version_id: Some("null".to_owned()),
        is_latest: Some(true),
        size: Some(entry.size),
        e_tag: Some(etag(&entry.etag)),
        last_modified: Some(ms_to_timestamp(entry.modified_ms)),
        storage_class: Some(ObjectVersionStorageClass::from_static(ObjectVersionStorageClass::STANDARD)),
        owner: Some(owner()),
        ..Default::default()
    };
    Ok(S3Response::new(ListObjectVersionsOutput {
        name: Some(input.bucket),
        prefix: Some(writing.write(input.prefix.unwrap_or_default())),
        key_marker: Some(writing.write(input.key_marker.unwrap_or_default())),
        version_id_marker: Some(input.version_id_marker.unwrap_or_default()),
        delimiter: input.delimiter.filter(|text| !text.is_empty()).map(|text| writing.write(text)),
        max_keys: Some(max_keys),
        is_truncated: Some(page.next.is_some()),
        next_key_marker: next_key,
        next_version_id_marker: next_version,
        versions: Some(page.entries.into_iter().map(version).collect()),
        common_prefixes: writing.prefixes(page.prefixes),
        encoding_type: input.encoding_type,
        ..Default::default()
    }))
}

fn write_token(after: &After) -> String {
    let text = match after {
        After::Start => String::new(),
        After::Key(key) => format!("k{key}"),
        After::Prefix(prefix) => format!("p{prefix}"),
    };
    URL_SAFE_NO_PAD.encode(text)
}

fn read_token(token: &str) -> Result<After, StoreError> {
    let refused = || StoreError::argument("The continuation token provided is incorrect");
    let raw = URL_SAFE_NO_PAD.decode(token).map_err(|_| refused())?;
    let text = String::from_utf8(raw).map_err(|_| refused())?;
    match text.split_at_checked(1) {
        Some(("k", key)) => Ok(After::Key(key.to_owned())),
        Some(("p", prefix)) => Ok(After::Prefix(prefix.to_owned())),
        _ => Err(refused()),
    }
}
