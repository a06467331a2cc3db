//! Writes a layer: a gzip tar in which every parent folder is present, the same for the same entries.

use super::digest::Metered;
use super::names::safe;
use super::tree::{EntryKind, Links, Placed, Tree};
use super::{ImageError, MAX_UNCOMPRESSED};
use flate2::{Compression, GzBuilder, write::GzEncoder};
use std::io::{Read, Write};
use tar::{EntryType, Header};
use tokio_util::sync::CancellationToken;

/// Modification time of what we add ourselves: 1980-01-01, the earliest that every archive format knows.
pub(super) const FIXED_TIME: u64 = 315_532_800;

/// Permission bits, owner and time of an entry.
#[derive(Clone, Copy, Debug)]
pub(super) struct Attributes {
    pub mode: u32,
    pub uid: u64,
    pub gid: u64,
    pub mtime: u64,
}

impl Attributes {
    /// Owned by root, with the fixed time.
    pub const fn fixed(mode: u32) -> Self {
        Self { mode, uid: 0, gid: 0, mtime: FIXED_TIME }
    }
}

/// A finished layer.
#[derive(Debug)]
pub(super) struct Layer<W> {
    /// Where the compressed bytes are.
    pub output: W,
    /// Of the compressed bytes.
    pub digest: String,
    /// Compressed bytes.
    pub size: u64,
    /// Of the tar itself.
    pub diff_id: String,
    /// Bytes of the tar itself.
    pub uncompressed: u64,
}

type Gzip<W> = GzEncoder<Metered<W>>;

/// A gzip encoder whose output depends on nothing but its input.
pub(super) fn gzip<W: Write>(output: W) -> Gzip<W> {
    GzBuilder::new().mtime(0).operating_system(255).write(Metered::new(output), Compression::new(5))
}

/// Writes entries into a layer. Names are relative, with `/` between their parts, and are checked.
pub(super) struct LayerWriter<W: Write> {
    tar: tar::Builder<Metered<Gzip<W>>>,
    tree: Tree,
    cancel: CancellationToken,
    /// What is being made a layer of, for messages.
    origin: String,
}

impl<W: Write> LayerWriter<W> {
    pub fn new(output: W, origin: &str, cancel: &CancellationToken) -> Self {
        let mut tar = tar::Builder::new(Metered::new(gzip(output)));
        tar.mode(tar::HeaderMode::Complete);
        Self { tar, tree: Tree::default(), cancel: cancel.clone(), origin: origin.to_owned() }
    }

    /// The layer lies over these links, which are followed.
    pub fn over(mut self, below: &Links) -> Self {
        self.tree = Tree::over(below);
        self
    }

    /// A folder. Given again, it is not written twice.
    pub fn folder(&mut self, name: &str, attributes: Attributes) -> Result<(), ImageError> {
        let Placed { name, again, .. } = self.begin(name, EntryKind::Folder)?;
        if !again {
            self.write(&name, EntryType::Directory, attributes, 0, &mut std::io::empty())?;
        }
        Ok(())
    }

    /// A file of `size` bytes.
    pub fn file(
        &mut self,
        name: &str,
        attributes: Attributes,
        size: u64,
        body: &mut dyn Read,
    ) -> Result<(), ImageError> {
        let placed = self.begin(name, EntryKind::File)?;
        self.write(&placed.name, EntryType::Regular, attributes, size, body)
    }

    /// A symbolic link. Its target may be anything: it is followed inside the function only.
    pub fn symlink(&mut self, name: &str, target: &str, attributes: Attributes) -> Result<(), ImageError> {
        let placed = self.begin(name, EntryKind::Symlink(target.to_owned()))?;
        self.link(&placed.name, target, EntryType::Symlink, attributes)
    }

    /// A further name for a file that has been written.
    pub fn hardlink(&mut self, name: &str, target: &str, attributes: Attributes) -> Result<(), ImageError> {
        let target = self.tree.target(target).map_err(|why| self.refuse(name, &why))?;
        let placed = self.begin(name, EntryKind::File)?;
        if placed.name == target {
            return Ok(());
        }
        self.link(&placed.name, &target, EntryType::Link, attributes)
    }

    /// Bytes of the tar so far.
    fn written(&self) -> u64 {
        self.tar.get_ref().bytes()
    }

    pub fn refuse(&self, name: &str, why: &str) -> ImageError {
        ImageError::Content(format!("{}: entry `{}` {why}", self.origin, safe(name)))
    }

    /// Finds the entry's place, writes parents that are missing.
    fn begin(&mut self, name: &str, kind: EntryKind) -> Result<Placed, ImageError> {
        if self.cancel.is_cancelled() {
            return Err(ImageError::Cancelled);
        }
        let placed = self.tree.add(name, kind).map_err(|why| self.refuse(name, &why))?;
        for parent in &placed.missing {
            let attributes = Attributes::fixed(usual_mode(parent));
            self.write(parent, EntryType::Directory, attributes, 0, &mut std::io::empty())?;
        }
        Ok(placed)
    }

    fn header(kind: EntryType, attributes: Attributes, size: u64) -> Header {
        let mut header = Header::new_gnu();
        header.set_entry_type(kind);
        header.set_mode(attributes.mode & 0o7777);
        header.set_uid(attributes.uid);
        header.set_gid(attributes.gid);
        header.set_mtime(attributes.mtime);
        header.set_size(size);
        header
    }

    fn write(
        &mut self,
        name: &str,
        kind: EntryType,
        attributes: Attributes,
        size: u64,
        body: &mut dyn Read,
    ) -> Result<(), ImageError> {
        if self.written().saturating_add(size) > MAX_UNCOMPRESSED {
            return Err(self.refuse(name, "brings the image above 10 GB, the most that Lambda takes"));
        }
        let mut header = Self::header(kind, attributes, size);
        let path = if kind == EntryType::Directory { format!("{name}/") } else { name.to_owned() };
        let mut body = Exactly { inner: body, left: size, cancel: &self.cancel };
        let result = self.tar.append_data(&mut header, path, &mut body);
        result.map_err(|error| self.failed(name, error))
    }

    fn link(
        &mut self,
        name: &str,
        target: &str,
        kind: EntryType,
        attributes: Attributes,
    ) -> Result<(), ImageError> {
        let mut header = Self::header(kind, attributes, 0);
        let result = self.tar.append_link(&mut header, name, target);
        result.map_err(|error| self.failed(name, error))
    }

    fn failed(&self, name: &str, error: std::io::Error) -> ImageError {
        match error.downcast::<ImageError>() {
            Ok(own) => own,
            Err(error) => {
                ImageError::File { what: format!("{}: cannot copy `{}`", self.origin, safe(name)), error }
            }
        }
    }

    /// Ends the layer.
    pub fn finish(self) -> Result<Layer<W>, ImageError> {
        let origin = self.origin.clone();
        let fail = |error| ImageError::File { what: format!("{origin}: cannot write the layer"), error };
        let (gzip, diff_id, uncompressed) = self.tar.into_inner().map_err(fail)?.finish();
        let (output, digest, size) = gzip.finish().map_err(fail)?.finish();
        Ok(Layer { output, digest, size, diff_id, uncompressed })
    }
}

/// The permissions of a folder that nobody described.
fn usual_mode(folder: &str) -> u32 {
    if matches!(folder, "tmp" | "var/tmp") { 0o1777 } else { 0o755 }
}

/// Reads the promised number of bytes: a file that shrinks while it is read is an error, not a damaged layer.
struct Exactly<'a> {
    inner: &'a mut dyn Read,
    left: u64,
    cancel: &'a CancellationToken,
}

impl Read for Exactly<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if self.cancel.is_cancelled() {
            return Err(ImageError::Cancelled.into_io());
        }
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        if most == 0 {
            return Ok(0);
        }
        let read = self.inner.read(&mut buffer[..most])?;
        if read == 0 {
            return Err(std::io::Error::other("it became shorter while it was read"));
        }
        self.left -= read as u64;
        Ok(read)
    }
}
