//! Bytes and files to objects.

use super::{Call, Payload, S3, S3Error, S3ErrorKind, element, read_text};
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;
use ureq::http::HeaderMap;

/// Files above this size are sent in parts.
const WHOLE: u64 = 64 << 20;
/// Files up to this size are read once, into memory.
const SMALL: u64 = 256 << 10;
/// Smallest part.
const PART: u64 = 32 << 20;
/// Parts of one object, at most.
const PARTS: u64 = 10_000;
/// Parts under way at a time.
const PARALLEL: u64 = 3;
/// Bytes hashed at a time.
const CHUNK: usize = 128 * 1024;

/// The header of [`META_LINEAGE`](throng_contract::layout::META_LINEAGE).
const LINEAGE: &str = "x-amz-meta-throng";

/// What is stored with a file.
#[derive(Clone, Copy, Debug, Default)]
pub struct Description<'a> {
    /// Where it came from.
    pub lineage: Option<&'a str>,
    /// Its content type.
    pub kind: Option<&'a str>,
}

/// What a stored file was.
pub struct Stored {
    /// How many bytes the object has.
    pub size: u64,
    /// SHA-256 in hexadecimal.
    pub sha256: String,
}

impl S3 {
    /// Stores bytes.
    pub fn put_bytes(
        &self,
        bucket: &str,
        key: &str,
        kind: &str,
        bytes: &[u8],
        until: Instant,
    ) -> Result<(), S3Error> {
        self.put(bucket, key, &[("content-type", kind)], bytes, until)
    }

    /// Stores bytes unless something is there: then that stays. Returns whether nothing was.
    pub fn put_new(
        &self,
        bucket: &str,
        key: &str,
        kind: &str,
        bytes: &[u8],
        until: Instant,
    ) -> Result<bool, S3Error> {
        match self.put(bucket, key, &[("content-type", kind), ("if-none-match", "*")], bytes, until) {
            Err(error) if error.kind == S3ErrorKind::Exists => Ok(false),
            outcome => outcome.map(|()| true),
        }
    }

    fn put(
        &self,
        bucket: &str,
        key: &str,
        headers: &[(&str, &str)],
        bytes: &[u8],
        until: Instant,
    ) -> Result<(), S3Error> {
        let sha256 = hex::encode(Sha256::digest(bytes));
        let payload = Payload::Bytes { bytes, sha256: &sha256 };
        let call = Call { method: "PUT", bucket, key, query: "", headers, payload, until };
        self.finish(&call).map(drop)
    }

    /// Stores a file, with what is known of it. Its hash is part of the signature, so S3 refuses what was damaged
    /// on the way.
    pub fn put_file(
        &self,
        bucket: &str,
        key: &str,
        file: &File,
        about: &Description<'_>,
        until: Instant,
    ) -> Result<Stored, S3Error> {
        let headers =
            [about.lineage.map(|line| (LINEAGE, line)), about.kind.map(|kind| ("content-type", kind))];
        let headers = &headers.into_iter().flatten().collect::<Vec<_>>()[..];
        let place = self.place(bucket, key);
        let local = |error: std::io::Error| S3Error::local(&place, &error);
        let size = file.metadata().map_err(local)?.len();
        if size <= SMALL {
            let mut bytes = vec![0; usize::try_from(size).unwrap_or(0)];
            file.read_exact_at(&mut bytes, 0).map_err(local)?;
            let sha256 = hex::encode(Sha256::digest(&bytes));
            let payload = Payload::Bytes { bytes: &bytes, sha256: &sha256 };
            let call = Call { method: "PUT", bucket, key, query: "", headers, payload, until };
            self.finish(&call)?;
            return Ok(Stored { size, sha256 });
        }
        let sha256 = hash(file, 0, size).map_err(local)?;
        if size <= WHOLE {
            let payload = Payload::File { file, offset: 0, length: size, sha256: &sha256 };
            let call = Call { method: "PUT", bucket, key, query: "", headers, payload, until };
            self.finish(&call)?;
        } else {
            self.put_parts(bucket, key, file, size, headers, until)?;
        }
        Ok(Stored { size, sha256 })
    }

    fn put_parts(
        &self,
        bucket: &str,
        key: &str,
        file: &File,
        size: u64,
        headers: &[(&str, &str)],
        until: Instant,
    ) -> Result<(), S3Error> {
        let place = self.place(bucket, key);
        let start = Call {
            method: "POST",
            bucket,
            key,
            query: "uploads=",
            headers: &[],
            payload: Payload::Empty,
            until,
        };
        let (_, answer) = self.finish(&Call { headers, ..start })?;
        let id = element(&answer, "UploadId")
            .ok_or_else(|| S3Error::broken(&place, "S3 gave no upload id for a multipart upload"))?;
        let id = crate::sigv4::encode(&id, false);
        let sent = self.send_parts(bucket, key, file, size, &id, until).and_then(|tags| {
            let mut list = String::from("<CompleteMultipartUpload>");
            for (tag, number) in tags.iter().zip(1..) {
                let tag = tag.replace('&', "&amp;").replace('"', "&quot;");
                let _ = write!(list, "<Part><PartNumber>{number}</PartNumber><ETag>{tag}</ETag></Part>");
            }
            list.push_str("</CompleteMultipartUpload>");
            let query = format!("uploadId={id}");
            let sha256 = hex::encode(Sha256::digest(&list));
            let payload = Payload::Bytes { bytes: list.as_bytes(), sha256: &sha256 };
            let (_, answer) = self.finish(&Call { query: &query, payload, ..start })?;
            // S3 may begin to answer with 200 before it knows.
            match element(&answer, "Code") {
                Some(code) => Err(S3Error::broken(&place, &format!("S3 could not join the parts: {code}"))),
                None => Ok(()),
            }
        });
        if sent.is_err() {
            let _ = self.finish(&Call { method: "DELETE", query: &format!("uploadId={id}"), ..start });
        }
        sent
    }

    /// The tags of all parts, in order.
    fn send_parts(
        &self,
        bucket: &str,
        key: &str,
        file: &File,
        size: u64,
        id: &str,
        until: Instant,
    ) -> Result<Vec<String>, S3Error> {
        let place = self.place(bucket, key);
        let length = PART.max(size.div_ceil(PARTS));
        let count = size.div_ceil(length);
        let next = AtomicU64::new(0);
        let stop = AtomicBool::new(false);
        let tags = Mutex::new(vec![String::new(); usize::try_from(count).unwrap_or(0)]);
        let send_one = |part: u64| -> Result<String, S3Error> {
            let offset = part * length;
            let length = length.min(size - offset);
            let sha256 = hash(file, offset, length).map_err(|error| S3Error::local(&place, &error))?;
            let query = format!("partNumber={}&uploadId={id}", part + 1);
            let payload = Payload::File { file, offset, length, sha256: &sha256 };
            let call = Call { method: "PUT", bucket, key, query: &query, headers: &[], payload, until };
            let (headers, _) = self.finish(&call)?;
            let tag = headers.get("etag").and_then(|value| value.to_str().ok());
            tag.map(str::to_owned).ok_or_else(|| S3Error::broken(&place, "S3 gave no ETag for a part"))
        };
        let work = || -> Result<(), S3Error> {
            loop {
                let part = next.fetch_add(1, Ordering::Relaxed);
                if part >= count || stop.load(Ordering::Relaxed) {
                    return Ok(());
                }
                let tag = send_one(part).inspect_err(|_| stop.store(true, Ordering::Relaxed))?;
                let mut tags = tags.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                tags[usize::try_from(part).unwrap_or(0)] = tag;
            }
        };
        std::thread::scope(|scope| {
            let workers: Vec<_> = (0..PARALLEL.min(count)).map(|_| scope.spawn(work)).collect();
            let lost = || Err(S3Error::broken(&place, "a sender ended early"));
            workers.into_iter().try_for_each(|worker| worker.join().unwrap_or_else(|_| lost()))
        })?;
        Ok(tags.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner))
    }

    /// Sends a request and reads its whole answer.
    fn finish(&self, call: &Call<'_>) -> Result<(HeaderMap, String), S3Error> {
        let mut response = self.call(call)?;
        let text = read_text(&mut response);
        Ok((response.into_parts().0.headers, text))
    }
}

/// SHA-256 of a part of a file, in hexadecimal.
pub fn hash(file: &File, offset: u64, length: u64) -> std::io::Result<String> {
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; CHUNK];
    let (mut at, end) = (offset, offset + length);
    while at < end {
        let want = usize::try_from(end - at).unwrap_or(CHUNK).min(CHUNK);
        match file.read_at(&mut buffer[..want], at)? {
            0 => return Err(std::io::ErrorKind::UnexpectedEof.into()),
            read => {
                hasher.update(&buffer[..read]);
                at += read as u64;
            }
        }
    }
    Ok(hex::encode(hasher.finalize()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_files_are_hashed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        std::fs::write(&path, b"hello world").unwrap();
        let file = File::open(&path).unwrap();
        assert_eq!(hash(&file, 6, 5).unwrap(), hex::encode(Sha256::digest(b"world")));
        assert!(hash(&file, 6, 6).is_err());
    }
}
