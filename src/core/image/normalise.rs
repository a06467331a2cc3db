//! Layers as Lambda takes them: gzip, with every folder. What is so already stays as it is, byte for byte; what lacks
//! folders, has entries below links or devices is written again. Of layers that stay in a registry nothing is seen.

use super::blob::{BaseLayer, Blob, BlobSource, blocking};
use super::digest::Metered;
use super::entries::{self, Found, Kind};
use super::files::{Compressed, decompressed};
use super::layer::{Layer, LayerWriter, gzip};
use super::layer_cache::stored;
use super::noticed::Noticed;
use super::origin::OriginLayer;
use super::tree::Links;
use super::{Cache, ImageError, LAYER, MAX_UNCOMPRESSED};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::fs::File;
use std::io::{BufWriter, Read, Seek as _, SeekFrom};
use std::path::Path;
use tokio_util::sync::CancellationToken;

/// What is remembered of a layer that was read. Named by the tar's digest.
#[derive(Serialize, Deserialize)]
struct Note {
    /// Of what was made of it; absent when it stays as it is.
    digest: Option<String>,
    size: u64,
    diff_id: String,
    uncompressed: u64,
    noticed: Noticed,
    dos_scripts: Vec<String>,
    links: Links,
    replaced: Vec<String>,
}

impl Note {
    fn of(found: &Found, digest: Option<String>, size: u64, diff_id: &str, uncompressed: u64) -> Self {
        Self {
            digest,
            size,
            diff_id: diff_id.to_owned(),
            uncompressed,
            noticed: found.noticed.clone(),
            dos_scripts: found.dos_scripts.clone(),
            links: found.links.clone(),
            replaced: found.replaced.clone(),
        }
    }
}

/// A layer that Lambda takes, and what was seen in it.
pub(super) struct Normal {
    pub layer: BaseLayer,
    pub noticed: Noticed,
    /// Scripts whose first line ends with CR LF.
    pub dos_scripts: Vec<String>,
}

impl Normal {
    /// Tells the layers above of links.
    fn of(layer: BaseLayer, note: Note, links: &mut Links) -> Self {
        links.retain(|name, _| !note.replaced.contains(name));
        links.extend(note.links);
        Self { layer, noticed: note.noticed, dos_scripts: note.dos_scripts }
    }
}

/// A layer of the user's image as one that Lambda takes. `links` are those of the layers below it; its own are added.
pub(super) async fn normalise(
    layer: OriginLayer,
    diff_id: &str,
    name: &str,
    links: &mut Links,
    (cache, cancel): (&Cache, &CancellationToken),
) -> Result<Normal, ImageError> {
    if let (BlobSource::Registry(_), Some(digest)) = (&layer.source, &layer.digest)
        && layer.media_type.ends_with("gzip")
    {
        let layer = kept(digest.clone(), layer.size, layer.source.clone(), diff_id, None);
        return Ok(Normal { layer, noticed: Noticed::default(), dos_scripts: Vec::new() });
    }
    let note_name = note_name(diff_id, links);
    let note: Option<Note> = cache.note(&note_name);
    let there = note.as_ref().and_then(|note| cache.find(note.digest.as_deref()?));
    let note = match (note, there) {
        (Some(note), Some(path)) => {
            let (digest, source) =
                (note.digest.clone().unwrap_or_default(), BlobSource::File { path, offset: 0 });
            let layer = kept(digest, note.size, source, &note.diff_id, Some(note.uncompressed));
            return Ok(Normal::of(layer, note, links));
        }
        // What stays as it is was looked at; what is of another size is another gzip of it.
        (note, _) => note.filter(|note| note.digest.is_none() && note.size == layer.size),
    };
    // What must be read here is fetched first, and checked.
    let fetched = match &layer.source {
        BlobSource::Registry(remote) => {
            let digest = layer.digest.as_deref().unwrap_or_default();
            Some(remote.fetch(digest, layer.size, cache).await?)
        }
        _ => None,
    };
    let (cache, cancel, diff_id, name) = (cache.clone(), cancel.clone(), diff_id.to_owned(), name.to_owned());
    let below = links.clone();
    let (layer, note) = blocking(move || {
        let local = fetched.as_ref().map(|file| (file.path().to_owned(), 0));
        let (path, offset) = match (local, &layer.source) {
            (Some(local), _) => local,
            (None, BlobSource::File { path, offset }) => (path.clone(), *offset),
            (None, _) => return Err(ImageError::Content(format!("{name}: a layer has no file"))),
        };
        let part = Part { path: &path, offset, size: layer.size };
        let work = Work {
            part: &part,
            diff_id: &diff_id,
            name: &name,
            below: &below,
            cache: &cache,
            cancel: &cancel,
        };
        let stays = part.compression()? == Compressed::Gzip && fetched.is_none();
        let (note, made) = match note.filter(|_| stays) {
            Some(note) => (note, None),
            None => work.read(stays)?,
        };
        cache.write_note(&note_name, &note)?;
        let digest = match (&note.digest, &layer.digest) {
            (Some(digest), _) | (None, Some(digest)) => digest.clone(),
            (None, None) => part.digest(&cancel)?,
        };
        let source = made.map_or_else(|| layer.source.clone(), |path| BlobSource::File { path, offset: 0 });
        Ok((kept(digest, note.size, source, &note.diff_id, Some(note.uncompressed)), note))
    })
    .await?;
    Ok(Normal::of(layer, note, links))
}

/// A layer is read anew over other links.
fn note_name(diff_id: &str, links: &Links) -> String {
    let hex = diff_id.trim_start_matches("sha256:");
    if links.is_empty() {
        return format!("layer-{hex}.json");
    }
    let mut hash = Sha256::new();
    for text in links.iter().flat_map(|(name, target)| [name, target]) {
        hash.update(text.as_bytes());
        hash.update([0]);
    }
    format!("layer-{hex}-{}.json", &hex::encode(hash.finalize())[..16])
}

fn kept(
    digest: String,
    size: u64,
    source: BlobSource,
    diff_id: &str,
    uncompressed: Option<u64>,
) -> BaseLayer {
    let blob = Blob { digest, size, media_type: LAYER.into(), source };
    BaseLayer { blob, diff_id: diff_id.to_owned(), uncompressed }
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

/// Reads as it was read, and writes the same into something else.
struct Tee<R, W> {
    from: R,
    to: W,
}

impl<R: Read, W: std::io::Write> Read for Tee<R, W> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let length = self.from.read(buffer)?;
        self.to.write_all(buffer.get(..length).unwrap_or_default())?;
        Ok(length)
    }
}

/// A layer that is to be read.
struct Work<'a> {
    part: &'a Part<'a>,
    diff_id: &'a str,
    /// Of its image.
    name: &'a str,
    below: &'a Links,
    cache: &'a Cache,
    cancel: &'a CancellationToken,
}

/// A layer in the cache that is being written.
type Output = BufWriter<tempfile::NamedTempFile>;

impl Work<'_> {
    /// Looks at the layer, compresses it unless it stays as it is, and writes it again where that is needed. Gives
    /// where it is if it is not what it was.
    fn read(&self, stays: bool) -> Result<(Note, Option<std::path::PathBuf>), ImageError> {
        let (found, layer) = if stays {
            let (found, uncompressed, _) = self.looked_at(std::io::sink())?;
            let note = Note::of(&found, None, self.part.size, self.diff_id, uncompressed);
            if !found.odd {
                return Ok((note, None));
            }
            (found, self.repaired()?)
        } else {
            let (found, uncompressed, gzip) = self.looked_at(gzip(self.output()?))?;
            let layer = if found.odd {
                drop(gzip);
                self.repaired()?
            } else {
                let (output, digest, size) = gzip.finish().map_err(|error| self.fail(error))?.finish();
                Layer { output, digest, size, diff_id: self.diff_id.to_owned(), uncompressed }
            };
            (found, layer)
        };
        let layer = stored(layer, self.cache)?;
        let BaseLayer { blob, diff_id, uncompressed } = layer;
        let BlobSource::File { path, .. } = blob.source else {
            return Err(self.fail(std::io::ErrorKind::NotFound.into()));
        };
        let note = Note::of(&found, Some(blob.digest), blob.size, &diff_id, uncompressed.unwrap_or_default());
        Ok((note, Some(path)))
    }

    fn fail(&self, error: std::io::Error) -> ImageError {
        ImageError::file("cannot decompress a layer of", self.part.path, error)
    }

    fn output(&self) -> Result<Output, ImageError> {
        Ok(BufWriter::with_capacity(256 * 1024, self.cache.temporary()?))
    }

    fn plain(&self) -> Result<impl Read + '_, ImageError> {
        let input = CancellableReader { inner: self.part.open()?, cancel: self.cancel };
        let plain = decompressed(input).map_err(|error| self.fail(error))?;
        Ok(plain.take(MAX_UNCOMPRESSED + 1))
    }

    /// Reads the tar to its end, into something else as well; gives what is in it, and its bytes.
    fn looked_at<W: std::io::Write>(&self, to: W) -> Result<(Found, u64, W), ImageError> {
        let name = self.name;
        let mut tee = Tee { from: Metered::new(self.plain()?), to };
        let found = entries::look(&mut tee, Path::new(name), self.below);
        std::io::copy(&mut tee, &mut std::io::sink()).map_err(|error| self.fail(error))?;
        let (_, digest, uncompressed) = tee.from.finish();
        if uncompressed > MAX_UNCOMPRESSED {
            let message = format!("{name}: a layer has more than 10 GB uncompressed: Lambda takes no more");
            return Err(ImageError::Refused(message));
        }
        if digest != self.diff_id {
            let expected = self.diff_id;
            let message =
                format!("{name}: a layer's content has the digest {digest}, not {expected}: it is damaged");
            return Err(ImageError::Content(message));
        }
        Ok((found?, uncompressed, tee.to))
    }

    fn repaired(&self) -> Result<Layer<Output>, ImageError> {
        let mut writer = LayerWriter::new(self.output()?, self.name, self.cancel).over(self.below);
        entries::copy(&mut writer, self.plain()?, Path::new(self.name), Kind::Layer)?;
        writer.finish()
    }
}
