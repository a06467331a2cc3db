//! Layers as Lambda takes them: gzip. What is gzip stays as it is, byte for byte.

use super::blob::{BaseLayer, Blob, BlobSource, blocking};
use super::digest::Metered;
use super::files::{Compressed, decompressed};
use super::layer::gzip;
use super::origin::OriginLayer;
use super::{Cache, ImageError, LAYER, MAX_UNCOMPRESSED};
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{BufWriter, Read, Seek as _, SeekFrom, Write as _};
use std::path::Path;
use tokio_util::sync::CancellationToken;

/// What is remembered of a layer that was compressed again. Named by the tar's digest.
#[derive(Serialize, Deserialize)]
struct Note {
    digest: String,
    size: u64,
    uncompressed: u64,
}

/// A layer of the user's image as one that Lambda takes.
pub(super) async fn normalise(
    layer: OriginLayer,
    diff_id: &str,
    name: &str,
    cache: &Cache,
    cancel: &CancellationToken,
) -> Result<BaseLayer, ImageError> {
    if let (BlobSource::Registry(_), Some(digest)) = (&layer.source, &layer.digest)
        && layer.media_type.ends_with("gzip")
    {
        return Ok(kept(digest.clone(), layer.size, layer.source.clone(), diff_id));
    }
    let note_name = format!("gzip-{}.json", diff_id.trim_start_matches("sha256:"));
    if let Some(Note { digest, size, uncompressed }) = cache.note(&note_name)
        && let Some(path) = cache.find(&digest)
    {
        let source = BlobSource::File { path, offset: 0 };
        return Ok(BaseLayer { uncompressed: Some(uncompressed), ..kept(digest, size, source, diff_id) });
    }
    // What must be read here is fetched first, and checked.
    let fetched = match &layer.source {
        BlobSource::Registry(remote) => {
            let digest = layer.digest.as_deref().unwrap_or_default();
            Some(remote.fetch(digest, layer.size, cache).await?)
        }
        _ => None,
    };
    let (cache, cancel, diff_id, name) = (cache.clone(), cancel.clone(), diff_id.to_owned(), name.to_owned());
    blocking(move || {
        let local = fetched.as_ref().map(|file| (file.path().to_owned(), 0));
        let (path, offset) = match (local, &layer.source) {
            (Some(local), _) => local,
            (None, BlobSource::File { path, offset }) => (path.clone(), *offset),
            (None, _) => return Err(ImageError::Content(format!("{name}: a layer has no file"))),
        };
        let part = Part { path: &path, offset, size: layer.size };
        if part.compression()? == Compressed::Gzip && fetched.is_none() {
            let digest = match &layer.digest {
                Some(digest) => digest.clone(),
                None => part.digest(&cancel)?,
            };
            return Ok(kept(digest, layer.size, layer.source.clone(), &diff_id));
        }
        recompress(&part, &diff_id, &name, &note_name, &cache, &cancel)
    })
    .await
}

fn kept(digest: String, size: u64, source: BlobSource, diff_id: &str) -> BaseLayer {
    let blob = Blob { digest, size, media_type: LAYER.into(), source };
    BaseLayer { blob, diff_id: diff_id.to_owned(), uncompressed: None }
}

/// Bytes within a file.
struct Part<'a> {
    path: &'a Path,
    offset: u64,
    size: u64,
}

impl Part<'_> {
    fn open(&self) -> Result<std::io::Take<File>, ImageError> {
        let open = || {
            let mut file = File::open(self.path)?;
            file.seek(SeekFrom::Start(self.offset))?;
            Ok(file.take(self.size))
        };
        open().map_err(|error| ImageError::file("cannot read", self.path, error))
    }

    fn compression(&self) -> Result<Compressed, ImageError> {
        let mut magic = Vec::new();
        let read = self.open()?.take(4).read_to_end(&mut magic);
        read.map_err(|error| ImageError::file("cannot read", self.path, error))?;
        Ok(Compressed::of(&magic))
    }

    fn digest(&self, cancel: &CancellationToken) -> Result<String, ImageError> {
        let mut reader = Metered::new(CancellableReader { inner: self.open()?, cancel });
        std::io::copy(&mut reader, &mut std::io::sink())
            .map_err(|error| ImageError::file("cannot read", self.path, error))?;
        Ok(reader.finish().1)
    }
}

/// Reads until it is cancelled.
struct CancellableReader<'a, R> {
    inner: R,
    cancel: &'a CancellationToken,
}

impl<R: Read> Read for CancellableReader<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if self.cancel.is_cancelled() {
            return Err(ImageError::Cancelled.into_io());
        }
        self.inner.read(buffer)
    }
}

fn recompress(
    part: &Part<'_>,
    diff_id: &str,
    name: &str,
    note_name: &str,
    cache: &Cache,
    cancel: &CancellationToken,
) -> Result<BaseLayer, ImageError> {
    let fail = |error| ImageError::file("cannot decompress a layer of", part.path, error);
    let plain = decompressed(CancellableReader { inner: part.open()?, cancel }).map_err(fail)?;
    let mut input = Metered::new(plain.take(MAX_UNCOMPRESSED + 1));
    let mut output = gzip(BufWriter::with_capacity(256 * 1024, cache.temporary()?));
    std::io::copy(&mut input, &mut output).map_err(fail)?;
    let (_, found, uncompressed) = input.finish();
    if uncompressed > MAX_UNCOMPRESSED {
        let message = format!("{name}: a layer has more than 10 GB uncompressed: Lambda takes no more");
        return Err(ImageError::Refused(message));
    }
    if found != diff_id {
        let message =
            format!("{name}: a layer's content has the digest {found}, not {diff_id}: it is damaged");
        return Err(ImageError::Content(message));
    }
    let (mut buffered, digest, size) = output.finish().map_err(fail)?.finish();
    buffered.flush().map_err(fail)?;
    let file = buffered.into_inner().map_err(|error| fail(error.into_error()))?;
    let path = cache.keep(file, &digest)?;
    cache.write_note(note_name, &Note { digest: digest.clone(), size, uncompressed })?;
    let source = BlobSource::File { path, offset: 0 };
    Ok(BaseLayer { uncompressed: Some(uncompressed), ..kept(digest, size, source, diff_id) })
}
