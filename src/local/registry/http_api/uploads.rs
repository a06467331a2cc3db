//! Uploads of blobs, in one request or in many.

use super::answer::{
    Problem, RegistryResult, created, missing, problem, progress, respond, unsupported, wrong,
};
use super::path::parameter;
use super::{PIECE, Registry};
use crate::private;
use crate::protocol::body::empty;
use crate::registry::names::hex_of;
use bytes::Bytes;
use futures::StreamExt;
use http::{HeaderMap, Method, Request, StatusCode, header};
use http_body_util::{BodyDataStream, BodyExt};
use hyper::body::Incoming;
use sha2::{Digest, Sha256};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::io::AsyncWriteExt;

impl Registry {
    /// Begins an upload, or takes a whole blob, or finds that the blob is here already.
    pub(super) async fn begin(&self, request: Request<Incoming>, name: &str) -> RegistryResult {
        // Blobs are shared by all repositories: a mount only has to find it.
        if let Some(digest) = parameter(&request, "mount")
            && self.content.blob(&digest).is_some()
        {
            self.content.touch(&digest);
            return Ok(created(name, &digest));
        }
        let path = self.content.temporary();
        let whole = parameter(&request, "digest");
        private::options().write(true).create_new(true).open(&path)?;
        if let Some(digest) = whole {
            self.append(&path, request.into_body(), None).await?;
            return self.finish(&path, name, &digest).await;
        }
        Ok(progress(StatusCode::ACCEPTED, name, &path, 0))
    }

    pub(super) async fn upload(&self, request: Request<Incoming>, name: &str, id: &str) -> RegistryResult {
        let path = self.content.upload(id).ok_or_else(|| missing("BLOB_UPLOAD_UNKNOWN", id))?;
        match *request.method() {
            Method::GET => {
                let size = tokio::fs::metadata(&path).await?.len();
                Ok(progress(StatusCode::NO_CONTENT, name, &path, size))
            }
            Method::DELETE => {
                tokio::fs::remove_file(&path).await?;
                Ok(respond(StatusCode::NO_CONTENT, empty(), &[]))
            }
            Method::PATCH => {
                let start = content_range(request.headers())?;
                let size = self.append(&path, request.into_body(), start).await?;
                Ok(progress(StatusCode::ACCEPTED, name, &path, size))
            }
            Method::PUT => {
                let digest = parameter(&request, "digest")
                    .ok_or_else(|| wrong("DIGEST_INVALID", "the parameter `digest` is missing"))?;
                let start = content_range(request.headers())?;
                self.append(&path, request.into_body(), start).await?;
                self.finish(&path, name, &digest).await
            }
            _ => Err(unsupported(request.method())),
        }
    }

    /// Adds a body to an upload; answers its size then. When `start` is given it must be where the upload is. What finds no
    /// room gives its own back.
    async fn append(&self, path: &Path, body: Incoming, start: Option<u64>) -> Result<u64, Problem> {
        let mut stream = body.into_data_stream();
        let appended = append(path, &mut stream, start).await;
        if appended.as_ref().is_err_and(Problem::is_full) {
            let _ = tokio::fs::remove_file(path).await;
            // Who is still sending would hear of a broken connection, not of this answer.
            while let Some(Ok(_)) = stream.next().await {}
        }
        appended
    }

    /// Checks an upload's digest and makes it a blob.
    async fn finish(&self, path: &Path, name: &str, digest: &str) -> RegistryResult {
        let (content, path, wanted) = (Arc::clone(&self.content), path.to_owned(), digest.to_owned());
        let work = move || -> Result<(), Problem> {
            if hex_of(&wanted).is_none() {
                return Err(wrong("DIGEST_INVALID", format!("{wanted:?} is not a sha256 digest")));
            }
            let found = digest_of(&path)?;
            if found != wanted {
                std::fs::remove_file(&path)?;
                return Err(wrong(
                    "DIGEST_INVALID",
                    format!("the content's digest is {found}, not {wanted}"),
                ));
            }
            Ok(content.adopt(&path, &wanted)?)
        };
        tokio::task::spawn_blocking(work).await.map_err(io::Error::other)??;
        Ok(created(name, digest))
    }
}

async fn append(
    path: &Path,
    stream: &mut BodyDataStream<Incoming>,
    start: Option<u64>,
) -> Result<u64, Problem> {
    let mut file = tokio::fs::OpenOptions::new().append(true).open(path).await?;
    let mut size = file.metadata().await?.len();
    if start.is_some_and(|start| start != size) {
        let message = format!("the next byte is {size}");
        return Err(problem(StatusCode::RANGE_NOT_SATISFIABLE, "BLOB_UPLOAD_INVALID", message));
    }
    // Few large writes: each goes to another thread.
    let mut buffer: Vec<u8> = Vec::with_capacity(PIECE);
    while let Some(piece) = stream.next().await {
        let piece: Bytes = piece.map_err(|error| wrong("BLOB_UPLOAD_INVALID", error.to_string()))?;
        size += piece.len() as u64;
        buffer.extend_from_slice(&piece);
        if buffer.len() >= PIECE {
            file.write_all(&buffer).await?;
            buffer.clear();
        }
    }
    file.write_all(&buffer).await?;
    file.flush().await?;
    Ok(size)
}

fn digest_of(path: &PathBuf) -> io::Result<String> {
    let mut file = std::fs::File::open(path)?;
    let mut hash = Sha256::new();
    let mut piece = vec![0; PIECE];
    loop {
        let length = io::Read::read(&mut file, &mut piece)?;
        if length == 0 {
            break;
        }
        hash.update(piece.get(..length).unwrap_or_default());
    }
    file.sync_data()?;
    Ok(format!("sha256:{}", hex::encode(hash.finalize())))
}

/// Where a chunk begins: `Content-Range: first-last`.
fn content_range(headers: &HeaderMap) -> Result<Option<u64>, Problem> {
    let Some(value) = headers.get(header::CONTENT_RANGE) else { return Ok(None) };
    let first = value
        .to_str()
        .ok()
        .and_then(|text| text.trim_start_matches("bytes ").split('-').next()?.parse().ok());
    first.map(Some).ok_or_else(|| wrong("BLOB_UPLOAD_INVALID", "the Content-Range is not understood"))
}
