//! [`Objects`] on a server of `WebDAV` (RFC 4918), such as dCache: files are read and listed there. Functions store them.
//!
//! The first part of a path stands where S3 has the bucket.
//!
//! ```text
//! multistatus  what a server says of files and folders
//! ```

mod multistatus;

use super::objects::{Head, List, Listed, Objects, Page, Put, PutPart, Reading};
use crate::cloud::{CloudError, ErrorKind, chain};
use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use multistatus::Entry;
#[cfg(feature = "fuzzing")]
pub(super) use multistatus::entries;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::{Client, Method, Response, StatusCode};
use std::time::Duration;
use throng_contract::{ProviderAccess, ProviderKeys};

/// What of a path is sent as it is (RFC 3986).
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');
/// Folders that are asked about at a time.
const AT_ONCE: usize = 8;
/// Folders within each other; more is a circle.
const DEEPEST: usize = 64;
/// Longest answer about one folder, in bytes: about 200,000 files.
const ANSWER: usize = 128 << 20;
/// Tries of a request that may succeed a moment later.
const TRIES: u32 = 4;
/// First pause between two tries; it doubles.
const PAUSE: Duration = Duration::from_millis(200);
/// What is asked about files and folders.
const ASKED: &str = "<?xml version=\"1.0\" encoding=\"utf-8\"?><propfind xmlns=\"DAV:\"><prop><resourcetype/><getcontentlength/>\
                     <getetag/><getlastmodified/></prop></propfind>";

/// A server. Cheap to clone.
#[derive(Clone)]
pub struct WebdavObjects {
    /// `None` when it could not be made.
    client: Option<Client>,
    /// Follows to where a file is: a door of dCache points to its pools.
    following: Option<Client>,
    endpoint: String,
    authorization: String,
}

impl std::fmt::Debug for WebdavObjects {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WebdavObjects").field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}

impl WebdavObjects {
    /// The files of a storage provider. Nothing is asked yet.
    #[must_use]
    pub fn of_provider(access: &ProviderAccess) -> Self {
        let client = |redirects| {
            crate::image::install_tls();
            let built = Client::builder()
                .tls_danger_accept_invalid_certs(!access.storage.verify)
                .redirect(redirects)
                .connect_timeout(Duration::from_secs(5))
                .read_timeout(Duration::from_mins(1))
                .build();
            built.inspect_err(|error| tracing::warn!(%error, "no client for WebDAV")).ok()
        };
        Self {
            client: client(reqwest::redirect::Policy::none()),
            // The password is not sent on to another host: reqwest takes it away.
            following: client(reqwest::redirect::Policy::limited(5)),
            endpoint: access.storage.shown(),
            authorization: authorization(&access.keys),
        }
    }

    fn url(&self, path: &str) -> String {
        format!("{}/{}", self.endpoint, utf8_percent_encode(path, ESCAPED))
    }

    /// Sends a request; again when the server is busy or does not answer.
    async fn send(&self, method: &Method, path: &str, depth: Option<&str>) -> Result<Response, CloudError> {
        let client = if *method == Method::GET { &self.following } else { &self.client };
        let unmade = || CloudError::new(ErrorKind::Other, ACTION, path, "no client for WebDAV could be made");
        let client = client.as_ref().ok_or_else(unmade)?;
        let mut pause = PAUSE;
        for last in (0..TRIES).map(|tried| tried + 1 == TRIES) {
            let mut request =
                client.request(method.clone(), self.url(path)).header("authorization", &self.authorization);
            if let Some(depth) = depth {
                request =
                    request.header("depth", depth).header("content-type", "application/xml").body(ASKED);
            }
            let error = match request.send().await {
                Ok(answer) if !is_busy(answer.status()) => return Ok(answer),
                Ok(answer) => refused(path, answer.status()),
                Err(error) => unreachable(path, &error),
            };
            if last {
                return Err(error);
            }
            tokio::time::sleep(pause).await;
            pause *= 2;
        }
        Err(unmade())
    }

    /// What the server says of a path and, with a depth of 1, of what is in it. `None` when there is nothing.
    async fn ask(&self, path: &str, depth: &'static str) -> Result<Option<Vec<Entry>>, CloudError> {
        let method =
            Method::from_bytes(b"PROPFIND").map_err(|_| refused(path, StatusCode::NOT_IMPLEMENTED))?;
        let answer = self.send(&method, path, Some(depth)).await?;
        match answer.status() {
            StatusCode::NOT_FOUND => return Ok(None),
            // Where a folder's name has no slash at its end, some servers point to the one with it.
            status if status.is_redirection() && !path.ends_with('/') => return Ok(None),
            StatusCode::MULTI_STATUS => {}
            status => return Err(refused(path, status)),
        }
        let mut body = answer.bytes_stream();
        let mut text = Vec::new();
        while let Some(chunk) = body.try_next().await.map_err(|error| unreachable(path, &error))? {
            if text.len() + chunk.len() > ANSWER {
                let message =
                    format!("the server says more than {} MiB of this folder: split it", ANSWER >> 20);
                return Err(CloudError::new(ErrorKind::Invalid, ACTION, path, message));
            }
            text.extend_from_slice(&chunk);
        }
        let unreadable = |why: String| {
            CloudError::new(
                ErrorKind::Other,
                ACTION,
                path,
                format!("the server's answer cannot be read: {why}"),
            )
        };
        Ok(Some(multistatus::entries(&text, &self.endpoint).map_err(unreadable)?))
    }

    /// What is directly in a folder, without the folder itself. Nothing when it is not there.
    async fn folder(&self, path: &str) -> Result<Vec<Entry>, CloudError> {
        let own = path.trim_matches('/').to_owned();
        let entries = self.ask(&format!("{own}/"), "1").await?.unwrap_or_default();
        let below = format!("{own}/");
        // A server could name what is elsewhere; only what is directly below was asked for.
        let is_child = |entry: &Entry| {
            entry.path.strip_prefix(&below).is_some_and(|name| !name.is_empty() && !name.contains('/'))
        };
        Ok(entries.into_iter().filter(is_child).collect())
    }
}

/// What the action is called in errors.
const ACTION: &str = "webdav:PROPFIND";

/// The header `Authorization`: basic (RFC 7617), or bearer (RFC 6750).
fn authorization(keys: &ProviderKeys) -> String {
    if keys.access_key.is_empty() {
        return format!("Bearer {}", keys.secret_key);
    }
    format!("Basic {}", STANDARD.encode(format!("{}:{}", keys.access_key, keys.secret_key)))
}

fn is_busy(status: StatusCode) -> bool {
    matches!(status.as_u16(), 408 | 429 | 500 | 502 | 503 | 504)
}

/// The answer to a request that was refused.
fn refused(path: &str, status: StatusCode) -> CloudError {
    let (kind, message) = match status.as_u16() {
        401 => (
            ErrorKind::Denied,
            "the login, password or token of this storage provider is wrong; deploy the function again with the right one",
        ),
        403 => (ErrorKind::Denied, "the user of this storage provider may not read it"),
        405 | 501 => (ErrorKind::Invalid, "the server does not speak WebDAV there: check `hostname`"),
        404 => (ErrorKind::NotFound, "it is not there"),
        429 => (ErrorKind::Throttled, "the server asks to slow down"),
        _ if is_busy(status) => (ErrorKind::Throttled, "the server is busy"),
        _ => (ErrorKind::Other, "the server refuses"),
    };
    CloudError { code: Some(status.to_string()), ..CloudError::new(kind, ACTION, path, message) }
}

fn unreachable(path: &str, error: &reqwest::Error) -> CloudError {
    CloudError::new(ErrorKind::Unreachable, ACTION, path, chain(error))
}

/// Nothing is sent to providers from here.
fn read_only<T>(key: &str) -> Result<T, CloudError> {
    let message = "files are stored on a server of WebDAV by functions alone";
    Err(CloudError::new(ErrorKind::Invalid, "webdav:PUT", key, message))
}

#[async_trait]
impl Objects for WebdavObjects {
    async fn open(&self, bucket: &str, key: &str) -> Result<Option<Reading>, CloudError> {
        let path = format!("{bucket}/{key}");
        let answer = self.send(&Method::GET, &path, None).await?;
        match answer.status() {
            StatusCode::NOT_FOUND => return Ok(None),
            status if !status.is_success() => return Err(refused(&path, status)),
            _ => {}
        }
        let header = |name: &str| answer.headers().get(name).and_then(|value| value.to_str().ok());
        let etag = header("etag").unwrap_or_default().trim_matches('"').to_owned();
        let size = header("content-length").and_then(|value| value.parse().ok());
        let size = size.or(answer.content_length()).unwrap_or(0);
        let body = answer
            .bytes_stream()
            .map(move |chunk: Result<Bytes, _>| chunk.map_err(|error| CloudError::broken(&path, &error)));
        Ok(Some(Reading { size, etag, body: body.boxed() }))
    }

    async fn head(&self, bucket: &str, key: &str) -> Result<Option<Head>, CloudError> {
        let path = format!("{bucket}/{key}");
        let entries = self.ask(path.trim_matches('/'), "0").await?.unwrap_or_default();
        let file = entries.into_iter().find(|entry| !entry.folder);
        Ok(file.map(|entry| Head {
            size: entry.size,
            etag: entry.etag,
            metadata: Vec::new(),
            modified_ms: entry.modified_ms,
            kms: false,
        }))
    }

    /// All in one page: a server's folders have no order that a listing could be taken up in.
    async fn list(&self, list: &List) -> Result<Page, CloudError> {
        let above = list.prefix.rsplit_once('/').map_or("", |(above, _)| above);
        let root = format!("{}/", list.bucket);
        let key = |entry: &Entry| entry.path.strip_prefix(&root).unwrap_or(&entry.path).to_owned();
        let fits = |key: &str| {
            key.starts_with(&list.prefix) && list.start_after.as_deref().is_none_or(|after| key > after)
        };
        let mut page = Page::default();
        let mut level = vec![format!("{root}{above}")];
        for _ in 0..DEEPEST {
            let asked = futures::stream::iter(std::mem::take(&mut level))
                .map(|folder| async move { self.folder(&folder).await });
            let found: Vec<Vec<Entry>> = asked.buffer_unordered(AT_ONCE).try_collect().await?;
            for entry in found.into_iter().flatten() {
                let key = key(&entry);
                // A folder is of interest when it, or what could be in it, begins as was asked for.
                let folder = format!("{key}/");
                match entry.folder {
                    true if list.folders && fits(&folder) => page.folders.push(folder),
                    true if folder.starts_with(&list.prefix) && !list.folders => level.push(entry.path),
                    false if fits(&key) => page.objects.push(Listed {
                        size: entry.size,
                        etag: entry.etag,
                        modified_ms: entry.modified_ms,
                        key,
                    }),
                    _ => {}
                }
            }
            if level.is_empty() {
                page.objects.sort_by(|a, b| a.key.cmp(&b.key));
                page.folders.sort();
                return Ok(page);
            }
        }
        let message = format!(
            "there are more than {DEEPEST} folders within each other: a folder links to one above it"
        );
        Err(CloudError::new(ErrorKind::Invalid, ACTION, &format!("{root}{above}"), message))
    }

    async fn put(&self, put: Put) -> Result<String, CloudError> {
        read_only(&put.key)
    }

    async fn begin_parts(
        &self,
        _bucket: &str,
        key: &str,
        _metadata: &[(&'static str, String)],
        _kind: Option<&'static str>,
    ) -> Result<String, CloudError> {
        read_only(key)
    }

    async fn put_part(&self, part: PutPart) -> Result<String, CloudError> {
        read_only(&part.key)
    }

    async fn finish_parts(
        &self,
        _bucket: &str,
        key: &str,
        _upload: &str,
        _parts: &[(i32, String)],
    ) -> Result<(), CloudError> {
        read_only(key)
    }

    async fn abort_parts(&self, _bucket: &str, key: &str, _upload: &str) -> Result<(), CloudError> {
        read_only(key)
    }
}

#[cfg(test)]
mod tests;
