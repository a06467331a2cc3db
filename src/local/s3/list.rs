//! Listings: a page costs a page, whatever is in the bucket.
//!
//! Keys are read in order from where the page begins. When a key falls under a common prefix, reading goes on behind
//! that prefix with a new seek, so that what is below it is never scanned.

use super::error::StoreError;
use super::store::bucket;
use rusqlite::{CachedStatement, Connection, params};

/// Rows fetched per seek while prefixes are being collapsed; a folder of few files costs one seek.
const PAGE_MAX: usize = 1000;

/// What is asked for.
#[derive(Clone, Debug, Default)]
pub struct ListQuery {
    /// Keys begin with it.
    pub prefix: String,
    /// What comes after the prefix is cut behind its first occurrence.
    pub delimiter: String,
    /// Where the page begins.
    pub after: After,
    /// The most keys and prefixes together; at most 1,000.
    pub max: usize,
}

/// Where a page begins.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum After {
    /// At the beginning.
    #[default]
    Start,
    /// Behind a key.
    Key(String),
    /// Behind everything that begins with it.
    Prefix(String),
}

/// An object in a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The whole key.
    pub key: String,
    /// Size in bytes.
    pub size: i64,
    /// When it was written, in milliseconds since 1970.
    pub modified_ms: i64,
    /// Without quotes.
    pub etag: String,
}

/// A page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// Objects, by key.
    pub entries: Vec<Entry>,
    /// Common prefixes, in order.
    pub prefixes: Vec<String>,
    /// Where the next page begins, when there is one.
    pub next: Option<After>,
}

impl Page {
    fn len(&self) -> usize {
        self.entries.len() + self.prefixes.len()
    }
}

/// The first byte string behind all that begin with `prefix`; `None` when there is none.
#[must_use]
pub fn behind(prefix: &[u8]) -> Option<Vec<u8>> {
    let mut bound = prefix.to_vec();
    while let Some(last) = bound.pop() {
        if last < u8::MAX {
            bound.push(last + 1);
            return Some(bound);
        }
    }
    None
}

/// The common prefix that `key` falls under, if any.
#[must_use]
pub fn common_prefix<'a>(key: &'a str, prefix: &str, delimiter: &str) -> Option<&'a str> {
    if delimiter.is_empty() {
        return None;
    }
    let rest = key.strip_prefix(prefix)?;
    rest.find(delimiter).map(|at| &key[..prefix.len() + at + delimiter.len()])
}

/// A page of a bucket.
///
/// # Errors
/// `NoSuchBucket`
pub fn list(connection: &Connection, name: &str, query: &ListQuery) -> Result<Page, StoreError> {
    let bucket = bucket(connection, name)?.id;
    let mut statement = connection.prepare_cached(
        "SELECT key, size, modified_ms, etag FROM s3_object
         WHERE bucket = ?1 AND key >= ?2 AND key < ?3 ORDER BY key LIMIT ?4",
    )?;
    let max = query.max.min(PAGE_MAX);
    // No key contains the byte 0xFF: they are UTF-8.
    let end = behind(query.prefix.as_bytes()).unwrap_or_else(|| vec![u8::MAX]);
    let mut from = start(query);
    let mut page = Page::default();
    if max == 0 {
        return Ok(page);
    }
    let mut fetch = if query.delimiter.is_empty() { max + 1 } else { (max + 1).min(64) };
    'seek: while from < end {
        let rows = rows(&mut statement, bucket, &from, &end, fetch)?;
        let complete = rows.len() < fetch;
        for entry in rows {
            let common = common_prefix(&entry.key, &query.prefix, &query.delimiter).map(str::to_owned);
            if page.len() == max {
                page.next = Some(last(&page));
                return Ok(page);
            }
            if let Some(common) = common {
                let Some(next) = behind(common.as_bytes()) else { break 'seek };
                from = next;
                page.prefixes.push(common);
                // Folders follow folders: look at few rows first, more when they turn out to be files.
                fetch = 2;
                continue 'seek;
            }
            from = after_key(&entry.key);
            page.entries.push(entry);
        }
        if complete {
            break;
        }
        fetch = (fetch * 4).min(max + 1);
    }
    Ok(page)
}

fn start(query: &ListQuery) -> Vec<u8> {
    let begin = match &query.after {
        After::Start => Vec::new(),
        After::Key(key) => after_key(key),
        After::Prefix(prefix) => behind(prefix.as_bytes()).unwrap_or_else(|| vec![u8::MAX]),
    };
    begin.max(query.prefix.as_bytes().to_vec())
}

fn after_key(key: &str) -> Vec<u8> {
    let mut next = key.as_bytes().to_vec();
    next.push(0);
    next
}

/// The last key or prefix of a page, whichever is behind the other.
fn last(page: &Page) -> After {
    let key = page.entries.last().map(|entry| entry.key.as_str());
    match (key, page.prefixes.last()) {
        (Some(key), Some(prefix)) if key > prefix.as_str() => After::Key(key.to_owned()),
        (Some(key), None) => After::Key(key.to_owned()),
        (_, Some(prefix)) => After::Prefix(prefix.clone()),
        (None, None) => After::Start,
    }
}

fn rows(
    statement: &mut CachedStatement<'_>,
    bucket: i64,
    from: &[u8],
    end: &[u8],
    limit: usize,
) -> Result<Vec<Entry>, StoreError> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let rows = statement.query_map(params![bucket, from, end, limit], |row| {
        let key: Vec<u8> = row.get(0)?;
        Ok(Entry {
            key: String::from_utf8_lossy(&key).into_owned(),
            size: row.get(1)?,
            modified_ms: row.get(2)?,
            etag: row.get(3)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}
