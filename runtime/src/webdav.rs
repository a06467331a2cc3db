//! Files on a server of `WebDAV` (RFC 4918), such as dCache: fetched and stored whole, with the folders above them.
//!
//! There is no metadata and no multipart upload there. A door of dCache answers with the address of the pool that has a file:
//! redirections are followed, and the password or token is sent to nobody but the server that the definition names.

use crate::http;
use crate::s3::{Fetched, Part, S3Error, S3ErrorKind, Stored, copy, hash, jittered, refuse_too_large};
use crate::sigv4::encode;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::collections::BTreeSet;
use std::fs::File;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};
use throng_contract::{ProviderAccess, ProviderKeys, Requests};
use ureq::http::{Request, Response, StatusCode};
use ureq::{Agent, Body, SendBody};

/// How often a request is sent at most.
const TRIES: u32 = 6;
/// First pause between two tries; it doubles.
const PAUSE: Duration = Duration::from_millis(100);
/// Longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(3);
/// Redirections that are followed.
const HOPS: usize = 5;

/// A client for one server.
pub struct Webdav {
    agent: OnceLock<Agent>,
    name: String,
    endpoint: String,
    authorization: String,
    verify: bool,
    /// Folders that are known to be there.
    folders: Mutex<BTreeSet<String>>,
    /// Requests that were sent: writing ones, and others.
    sent: [AtomicU32; 2],
}

/// A request without its address.
struct Call<'a> {
    method: &'static str,
    headers: &'a [(&'a str, &'a str)],
    /// A file to send, with its size.
    body: Option<(&'a File, u64)>,
}

impl Webdav {
    /// For a storage provider.
    pub fn of_provider(name: &str, access: &ProviderAccess) -> Self {
        Self {
            agent: OnceLock::new(),
            name: name.to_owned(),
            endpoint: access.storage.shown(),
            authorization: authorization(&access.keys),
            verify: access.storage.verify,
            folders: Mutex::default(),
            sent: <[AtomicU32; 2]>::default(),
        }
    }

    /// Requests that were sent so far.
    pub fn requests(&self) -> Requests {
        let [write, read] = [&self.sent[0], &self.sent[1]].map(|count| count.load(Ordering::Relaxed));
        Requests { write, read }
    }

    /// A file's name for messages.
    fn place(&self, bucket: &str, key: &str) -> String {
        format!("{}://{bucket}/{key} at {}", self.name, self.endpoint)
    }

    fn url(&self, path: &str) -> String {
        format!("{}/{}", self.endpoint, encode(path, true))
    }

    /// The address of a file; an error for a key that would lead out of its folder.
    fn file_url(&self, bucket: &str, key: &str) -> Result<String, S3Error> {
        if bucket.split('/').chain(key.split('/')).any(|part| matches!(part, "" | "." | "..")) {
            let place = self.place(bucket, key);
            return Err(S3Error::permanent(format!(
                "{place}: this is no path of a file on a server of WebDAV"
            )));
        }
        Ok(self.url(&format!("{bucket}/{key}")))
    }

    /// Streams a file of the server into a new one. A broken connection is taken up where it broke, if the server can.
    pub fn get_file(&self, bucket: &str, key: &str, to: &Path, until: Instant) -> Result<Fetched, S3Error> {
        let place = self.place(bucket, key);
        let url = self.file_url(bucket, key)?;
        let mut file = File::create(to).map_err(|error| S3Error::local(&place, &error))?;
        let mut fetched = Fetched::default();
        let mut tries = 1;
        loop {
            let range = format!("bytes={}-", fetched.bytes);
            let etag = fetched.etag.clone();
            let resumed = [("if-range", etag.as_str()), ("range", range.as_str())];
            // A weak tag says nothing about single bytes.
            let again = fetched.bytes > 0 && etag.starts_with('"');
            let headers = if again { &resumed[..] } else { &[] };
            let mut response =
                self.send(&place, &url, &Call { method: "GET", headers, body: None }, until)?;
            if response.status() != StatusCode::PARTIAL_CONTENT && fetched.bytes > 0 {
                // The file anew, from its beginning.
                file = File::create(to).map_err(|error| S3Error::local(&place, &error))?;
                fetched.bytes = 0;
            }
            let header = |name: &str| response.headers().get(name)?.to_str().ok().map(str::to_owned);
            fetched.etag = header("etag").unwrap_or_default();
            let left: Option<u64> = header("content-length").and_then(|value| value.parse().ok());
            let total = left.map(|left| left + fetched.bytes);
            refuse_too_large(&place, left.unwrap_or(0), to)?;
            match copy(&place, &mut response, &mut file, &mut fetched.bytes) {
                Ok(()) if total.is_none_or(|total| total == fetched.bytes) => return Ok(fetched),
                Err(error) if error.kind != S3ErrorKind::Transient => return Err(error),
                _ if tries == TRIES || Instant::now() > until => {
                    return Err(S3Error::broken(&place, "the connection broke again and again"));
                }
                _ => tries += 1,
            }
        }
    }

    /// Stores a file. The folders above it are made when the server says that they are missing.
    pub fn put_file(
        &self,
        bucket: &str,
        key: &str,
        file: &File,
        kind: Option<&str>,
        until: Instant,
    ) -> Result<Stored, S3Error> {
        let place = self.place(bucket, key);
        let local = |error: std::io::Error| S3Error::local(&place, &error);
        let size = file.metadata().map_err(local)?.len();
        let sha256 = hash(file, 0, size).map_err(local)?;
        let path = format!("{bucket}/{key}");
        let url = self.file_url(bucket, key)?;
        let headers = [("content-type", kind.unwrap_or("application/octet-stream"))];
        let call = Call { method: "PUT", headers: &headers, body: Some((file, size)) };
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        match self.send(&place, &url, &call, until) {
            Ok(_) => {}
            // RFC 4918, 9.7.1: 409 for a folder that is not there. Some servers say 404.
            Err(error) if error.kind == S3ErrorKind::Missing => {
                self.forget(folder);
                self.make(folder, until).map_err(|why| why.within("its folder cannot be made"))?;
                self.send(&place, &url, &call, until)?;
            }
            Err(error) => return Err(error),
        }
        self.remember(folder);
        Ok(Stored { size, sha256 })
    }

    fn knows(&self, folder: &str) -> bool {
        self.folders.lock().unwrap_or_else(PoisonError::into_inner).contains(folder)
    }

    fn remember(&self, folder: &str) {
        self.folders.lock().unwrap_or_else(PoisonError::into_inner).insert(folder.to_owned());
    }

    /// Somebody may have removed it, and those above it.
    fn forget(&self, folder: &str) {
        let mut folders = self.folders.lock().unwrap_or_else(PoisonError::into_inner);
        folders.retain(|known| !format!("{folder}/").starts_with(&format!("{known}/")));
    }

    /// Makes a folder and those above it. What is there already is left as it is.
    fn make(&self, folder: &str, until: Instant) -> Result<(), S3Error> {
        let mut result = Ok(());
        for (end, _) in folder.match_indices('/').chain([(folder.len(), "")]) {
            let part = &folder[..end];
            if part.is_empty() || self.knows(part) {
                continue;
            }
            let place = format!("{}://{part}/ at {}", self.name, self.endpoint);
            let url = self.url(part) + "/";
            match self.send(&place, &url, &Call { method: "MKCOL", headers: &[], body: None }, until) {
                Ok(_) => self.remember(part),
                // 405: it is there (RFC 4918, 9.3.1).
                Err(error) if error.kind == S3ErrorKind::Exists => self.remember(part),
                // Above what is one's own nobody may make anything: whether it was needed, the last one tells.
                Err(error) => {
                    result = Err(error);
                    continue;
                }
            }
            result = Ok(());
        }
        result
    }

    fn agent(&self) -> &Agent {
        self.agent.get_or_init(|| {
            // A pool may speak https where the door does not.
            http::storage(true, self.verify)
        })
    }

    /// Sends a request until it is answered with success, or with an error that would come again.
    fn send(
        &self,
        place: &str,
        url: &str,
        call: &Call<'_>,
        until: Instant,
    ) -> Result<Response<Body>, S3Error> {
        let mut tries = 1;
        let mut pause = PAUSE;
        loop {
            match self.follow(place, url, call) {
                Err(error)
                    if error.kind == S3ErrorKind::Transient
                        && tries < TRIES
                        && Instant::now() + pause < until =>
                {
                    std::thread::sleep(jittered(pause));
                    pause = (pause * 2).min(LONGEST_PAUSE);
                    tries += 1;
                }
                other => return other,
            }
        }
    }

    /// Sends it once, and to where the server points.
    fn follow(&self, place: &str, url: &str, call: &Call<'_>) -> Result<Response<Body>, S3Error> {
        let mut url = url.to_owned();
        for _ in 0..=HOPS {
            let response = self.once(place, &url, call)?;
            let status = response.status();
            if status.is_success() {
                return Ok(response);
            }
            let location = response.headers().get("location").and_then(|value| value.to_str().ok());
            match location.filter(|_| status.is_redirection()).and_then(|to| resolved(&url, to)) {
                Some(next) => url = next,
                None => return Err(refused(place, call.method, status)),
            }
        }
        Err(S3Error::permanent(format!("{place}: the server points from one address to another without end")))
    }

    fn once(&self, place: &str, url: &str, call: &Call<'_>) -> Result<Response<Body>, S3Error> {
        let mut request = Request::builder().method(call.method).uri(url);
        if origin(url) == origin(&self.endpoint) {
            request = request.header("authorization", &self.authorization);
        }
        for (name, value) in call.headers {
            request = request.header(*name, *value);
        }
        if let Some((_, size)) = call.body {
            request = request.header("content-length", size);
        }
        let request = request
            .body(())
            .map_err(|_| S3Error::permanent(format!("{place}: its address is no address of the web")))?;
        self.sent[usize::from(call.method == "GET")].fetch_add(1, Ordering::Relaxed);
        let sent = match call.body {
            Some((file, size)) => {
                let mut part = Part { file, at: 0, end: size };
                self.agent().run(request.map(|()| SendBody::from_reader(&mut part)))
            }
            None => self.agent().run(request.map(|()| SendBody::none())),
        };
        sent.map_err(|error| {
            let kind =
                if http::is_transient(&error) { S3ErrorKind::Transient } else { S3ErrorKind::Permanent };
            S3Error::of(kind, format!("{place}: no answer: {error}"))
        })
    }
}

/// The header `Authorization`: basic (RFC 7617), or bearer (RFC 6750).
fn authorization(keys: &ProviderKeys) -> String {
    if keys.access_key.is_empty() {
        return format!("Bearer {}", keys.secret_key);
    }
    format!("Basic {}", STANDARD.encode(format!("{}:{}", keys.access_key, keys.secret_key)))
}

/// What an answer means.
fn refused(place: &str, method: &str, status: StatusCode) -> S3Error {
    let (kind, why) = match status.as_u16() {
        401 => (
            S3ErrorKind::Denied,
            "the login, password or token of this storage provider is wrong; deploy the function again with the right one",
        ),
        403 => (S3ErrorKind::Denied, "the user of this storage provider may not do this"),
        404 if method == "GET" => (S3ErrorKind::Permanent, "the file does not exist (any more)"),
        404 | 409 => (S3ErrorKind::Missing, "the folder above it does not exist"),
        405 if method == "MKCOL" => (S3ErrorKind::Exists, "it is there already"),
        405 | 501 => (
            S3ErrorKind::Permanent,
            "the server does not take such a request there: is it a folder, or no WebDAV?",
        ),
        413 => (S3ErrorKind::Permanent, "the file is too large for the server"),
        423 => (S3ErrorKind::Transient, "somebody has locked it"),
        507 => (S3ErrorKind::Permanent, "the server has no space left for this user"),
        408 | 429 | 500 | 502 | 503 | 504 => (S3ErrorKind::Transient, "the server is busy"),
        _ => (S3ErrorKind::Permanent, "the server refuses"),
    };
    S3Error::of(kind, format!("{place}: {why} ({status})"))
}

/// Scheme and authority of an address.
fn origin(url: &str) -> &str {
    let start = url.find("://").map_or(0, |at| at + 3);
    let end = url[start..].find(['/', '?', '#']).map_or(url.len(), |at| start + at);
    &url[..end]
}

/// An address that stands in another one's answer. Nothing but the web is followed.
fn resolved(from: &str, to: &str) -> Option<String> {
    if to.starts_with("http://") || to.starts_with("https://") {
        return Some(to.to_owned());
    }
    if let Some(rest) = to.strip_prefix("//") {
        return Some(format!("{}://{rest}", from.split("://").next()?));
    }
    to.starts_with('/').then(|| format!("{}{to}", origin(from)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_other_hosts_are_told_apart() {
        for (url, expected) in [
            ("https://h:1/a/b", "https://h:1"),
            ("https://h", "https://h"),
            ("https://h?x=/", "https://h"),
            ("http://h:1@evil/x", "http://h:1@evil"),
        ] {
            assert_eq!(origin(url), expected);
        }
        assert_eq!(resolved("https://h:1/a/b", "/c?d").as_deref(), Some("https://h:1/c?d"));
        assert_eq!(resolved("https://h:1/a", "//p:2/c").as_deref(), Some("https://p:2/c"));
        assert_eq!(resolved("https://h:1/a", "http://p/c").as_deref(), Some("http://p/c"));
        assert_eq!(resolved("https://h:1/a", "file:///etc/passwd"), None);
    }
}
