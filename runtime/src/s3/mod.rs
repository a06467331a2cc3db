//! The part of S3 that the runtime needs: get an object to a file, put bytes and files, in parts when large.
//!
//! ```text
//! error   what can go wrong with S3
//! get     objects to files
//! list    keys below a prefix
//! put     bytes and files to objects
//! ```

mod error;
mod get;
mod list;
mod put;

pub use error::{S3Error, S3ErrorKind};
pub use get::{Fetched, Origin, copy, refuse_too_large};
pub use put::{Description, Stored, hash};

use crate::sigv4::{self, Credentials, EMPTY_SHA256, Signer};
use crate::{clock, http};
use std::collections::HashMap;
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};
use throng_contract::{ProviderAccess, Requests, partition};
use ureq::http::{Request, Response, StatusCode};
use ureq::{Agent, Body, SendBody};

/// How often a request is sent at most.
const TRIES: u32 = 8;
/// First pause between two tries; it doubles.
const PAUSE: Duration = Duration::from_millis(40);
/// Longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(3);
/// Longest answer that is read into memory.
const ANSWER: u64 = 1 << 20;

/// A client for one endpoint, or for AWS.
pub struct S3 {
    agent: OnceLock<Agent>,
    endpoint: Option<String>,
    region: String,
    signer: Option<Signer>,
    /// Regions of buckets that are not in ours, as S3 told.
    regions: Mutex<HashMap<String, String>>,
    /// Whether the endpoint's certificate is checked.
    verify: bool,
    /// Name of the storage provider and where it is, for messages; `None` for the function's own storage.
    provider: Option<(String, String)>,
    /// Requests that were sent: writing and listing, and others.
    sent: [AtomicU32; 2],
}

/// A body to send.
#[derive(Clone, Copy)]
pub enum Payload<'a> {
    /// A request without a body.
    Empty,
    /// From memory, with the SHA-256 in hexadecimal.
    Bytes { bytes: &'a [u8], sha256: &'a str },
    /// A part of a file, with its SHA-256 in hexadecimal.
    File { file: &'a File, offset: u64, length: u64, sha256: &'a str },
}

/// A request before it is signed.
#[derive(Clone, Copy)]
pub struct Call<'a> {
    method: &'static str,
    bucket: &'a str,
    key: &'a str,
    /// Encoded and sorted.
    query: &'a str,
    /// Names in lower case.
    headers: &'a [(&'a str, &'a str)],
    payload: Payload<'a>,
    /// No try begins later.
    until: Instant,
}

impl S3 {
    /// As the environment of the function says.
    pub fn from_env() -> Self {
        let read = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        Self {
            agent: OnceLock::new(),
            endpoint: read("AWS_ENDPOINT_URL_S3")
                .or_else(|| read("AWS_ENDPOINT_URL"))
                .map(|url| url.trim_end_matches('/').to_owned()),
            region: read("AWS_REGION")
                .or_else(|| read("AWS_DEFAULT_REGION"))
                .unwrap_or_else(|| "us-east-1".into()),
            signer: Credentials::from_env().map(Signer::new),
            regions: Mutex::default(),
            verify: true,
            provider: None,
            sent: <[AtomicU32; 2]>::default(),
        }
    }

    /// For a storage provider.
    pub fn of_provider(name: &str, access: &ProviderAccess) -> Self {
        let ProviderAccess { storage, keys } = access;
        let credentials = Credentials {
            access_key: keys.access_key.clone(),
            secret_key: keys.secret_key.clone(),
            token: None,
        };
        Self {
            agent: OnceLock::new(),
            endpoint: storage.endpoint.clone(),
            region: storage.region.clone(),
            signer: Some(Signer::new(credentials)),
            regions: Mutex::default(),
            verify: storage.verify,
            provider: Some((name.to_owned(), storage.shown())),
            sent: <[AtomicU32; 2]>::default(),
        }
    }

    /// An object's name for messages.
    fn place(&self, bucket: &str, key: &str) -> String {
        match &self.provider {
            None => format!("s3://{bucket}/{key}"),
            Some((name, address)) => format!("{name}://{bucket}/{key} at {address}"),
        }
    }

    /// Requests that were sent so far.
    pub fn requests(&self) -> Requests {
        let [write, read] = [&self.sent[0], &self.sent[1]].map(|count| count.load(Ordering::Relaxed));
        Requests { write, read }
    }

    fn agent(&self) -> &Agent {
        self.agent.get_or_init(|| {
            let tls = self.endpoint.as_ref().is_none_or(|endpoint| endpoint.starts_with("https:"));
            http::storage(tls, self.verify)
        })
    }

    fn region_of(&self, bucket: &str) -> String {
        let regions = self.regions.lock().unwrap_or_else(PoisonError::into_inner);
        regions.get(bucket).unwrap_or(&self.region).clone()
    }

    /// Scheme and authority, and the path.
    fn address(&self, bucket: &str, key: &str, region: &str) -> (String, String) {
        let key = sigv4::encode(key, true);
        if let Some(endpoint) = &self.endpoint {
            return (endpoint.clone(), format!("/{bucket}/{key}"));
        }
        let host = partition::host("s3", region);
        // The certificate covers one label before the host.
        if bucket.contains('.') {
            (format!("https://{host}"), format!("/{bucket}/{key}"))
        } else {
            (format!("https://{bucket}.{host}"), format!("/{key}"))
        }
    }

    /// Sends a request until it is answered with success, or with an error that would come again.
    fn call(&self, call: &Call<'_>) -> Result<Response<Body>, S3Error> {
        let mut tries = 1;
        let mut pause = PAUSE;
        loop {
            let error = match self.call_once(call) {
                Ok(response) => return Ok(response),
                Err(error) => error,
            };
            match &error.kind {
                S3ErrorKind::Elsewhere(region) if tries == 1 => {
                    let mut regions = self.regions.lock().unwrap_or_else(PoisonError::into_inner);
                    regions.insert(call.bucket.to_owned(), region.clone());
                }
                S3ErrorKind::Transient if tries < TRIES && Instant::now() + pause < call.until => {
                    std::thread::sleep(jittered(pause));
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
                _ => return Err(error),
            }
            tries += 1;
        }
    }

    fn call_once(&self, call: &Call<'_>) -> Result<Response<Body>, S3Error> {
        let place = || self.place(call.bucket, call.key);
        let request = self.signed(call).map_err(|error| S3Error::local(&place(), &error))?;
        let reads = matches!(call.method, "GET" | "HEAD" | "DELETE") && !call.query.starts_with("list-type");
        self.sent[usize::from(reads)].fetch_add(1, Ordering::Relaxed);
        let sent = match call.payload {
            Payload::Empty if call.method == "GET" || call.method == "DELETE" => {
                self.agent().run(request.map(|()| SendBody::none()))
            }
            Payload::Empty => self.agent().run(request.map(|()| &b""[..])),
            Payload::Bytes { bytes, .. } => self.agent().run(request.map(|()| bytes)),
            Payload::File { file, offset, length, .. } => {
                let mut part = Part { file, at: offset, end: offset + length };
                self.agent().run(request.map(|()| SendBody::from_reader(&mut part)))
            }
        };
        let mut response = sent.map_err(|error| S3Error::from_transport(&place(), &error))?;
        if response.status().is_success() {
            return Ok(response);
        }
        let body = read_text(&mut response);
        let region = response.headers().get("x-amz-bucket-region").and_then(|value| value.to_str().ok());
        let provided = self.provider.is_some();
        Err(S3Error::from_answer(&place(), response.status(), &body, region, provided))
    }

    fn signed(&self, call: &Call<'_>) -> std::io::Result<Request<()>> {
        let region = self.region_of(call.bucket);
        let (base, path) = self.address(call.bucket, call.key, &region);
        let host = base.split_once("://").map_or(base.as_str(), |(_, host)| host);
        let time = clock::amz(clock::now_ms());
        let payload = match call.payload {
            Payload::Empty => EMPTY_SHA256,
            Payload::Bytes { sha256, .. } | Payload::File { sha256, .. } => sha256,
        };
        let mut headers: Vec<(&str, &str)> =
            vec![("host", host), ("x-amz-content-sha256", payload), ("x-amz-date", &time)];
        headers.extend(
            self.signer.as_ref().and_then(Signer::token).map(|token| ("x-amz-security-token", token)),
        );
        headers.extend(call.headers);
        headers.sort_unstable();

        let mark = if call.query.is_empty() { "" } else { "?" };
        let mut request =
            Request::builder().method(call.method).uri(format!("{base}{path}{mark}{}", call.query));
        for (name, value) in &headers {
            request = request.header(*name, *value);
        }
        if let Payload::File { length, .. } = call.payload {
            request = request.header("content-length", length);
        }
        if let Some(signer) = &self.signer {
            let to_sign = sigv4::Request {
                method: call.method,
                path: &path,
                query: call.query,
                headers: &headers,
                payload,
            };
            request = request.header("authorization", signer.authorization(&to_sign, &region, &time));
        }
        request.body(()).map_err(std::io::Error::other)
    }
}

/// Reads a part of a file without moving the file's position, so that several threads can.
pub struct Part<'a> {
    /// The file.
    pub file: &'a File,
    /// Where the next byte is.
    pub at: u64,
    /// Where it ends.
    pub end: u64,
}

impl Read for Part<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let left = usize::try_from(self.end - self.at).unwrap_or(usize::MAX).min(buffer.len());
        let read = self.file.read_at(&mut buffer[..left], self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}

/// The whole answer as text, at most [`ANSWER`] bytes; empty when it cannot be read.
fn read_text(response: &mut Response<Body>) -> String {
    let bytes = response.body_mut().with_config().limit(ANSWER).read_to_vec().unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Between half of `pause` and all of it, so that thousands of environments do not come back at one moment.
pub fn jittered(pause: Duration) -> Duration {
    let nanos = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |elapsed| elapsed.subsec_nanos());
    let mixed = nanos.wrapping_mul(2_654_435_761).wrapping_add(std::process::id()) >> 16;
    pause / 2 + (pause / 2).mul_f64(f64::from(mixed & 0xffff) / 65_536.0)
}

/// The text of the first element `name` of an XML answer.
pub fn element(xml: &str, name: &str) -> Option<String> {
    let start = xml.find(&format!("<{name}>"))? + name.len() + 2;
    let end = start + xml[start..].find(&format!("</{name}>"))?;
    Some(plain(&xml[start..end]))
}

/// The text of an element as it is meant.
fn plain(text: &str) -> String {
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&amp;", "&")
}

/// Whether S3 asks to come back later.
fn is_busy(status: StatusCode) -> bool {
    matches!(status.as_u16(), 408 | 429 | 500 | 502 | 503 | 504)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn client(endpoint: Option<&str>) -> S3 {
        S3 {
            agent: OnceLock::new(),
            endpoint: endpoint.map(str::to_owned),
            region: "eu-west-1".into(),
            signer: None,
            regions: Mutex::default(),
            verify: true,
            provider: None,
            sent: <[AtomicU32; 2]>::default(),
        }
    }

    #[test]
    fn addresses_are_those_of_s3() {
        let of = |endpoint, bucket, region| client(endpoint).address(bucket, "a b/c", region);
        assert_eq!(
            of(None, "bucket", "eu-west-1"),
            ("https://bucket.s3.eu-west-1.amazonaws.com".into(), "/a%20b/c".into())
        );
        assert_eq!(
            of(None, "my.bucket", "cn-north-1"),
            ("https://s3.cn-north-1.amazonaws.com.cn".into(), "/my.bucket/a%20b/c".into())
        );
        assert_eq!(
            of(Some("http://127.0.0.1:9"), "bucket", "x"),
            ("http://127.0.0.1:9".into(), "/bucket/a%20b/c".into())
        );
    }

    #[test]
    fn elements_are_found() {
        let xml = "<Error><Code>NoSuchKey</Code><Message>a &lt; b &amp;amp;</Message></Error>";
        assert_eq!(element(xml, "Code").unwrap(), "NoSuchKey");
        assert_eq!(element(xml, "Message").unwrap(), "a < b &amp;");
        assert_eq!(element(xml, "Key"), None);
    }

    #[test]
    fn pauses_stay_in_their_bounds() {
        for _ in 0..1000 {
            let pause = jittered(Duration::from_millis(100));
            assert!((50..=100).contains(&pause.as_millis()), "{pause:?}");
        }
    }
}
