//! The entries of a tar, one after the other: looked at, or written into a layer.

use super::ImageError;
use super::layer::{Attributes, LayerWriter};
use super::names::{plain_name, relative, safe};
use super::noticed::Noticed;
use super::tree::{EntryKind, Links, Tree};
use std::io::{self, Read, Write};
use std::path::Path;

/// Bytes of a first line that the kernel looks at.
pub(super) const FIRST_LINE: u64 = 256;
/// Scripts with DOS line ends that are remembered of a layer; who has more has them by intent.
const MOST_SCRIPTS: usize = 200;
/// Links that are remembered of a layer: `lib`, `var/run` and the like.
const MOST_LINKS: usize = 1000;
/// Parts of their names.
const LINK_DEPTH: usize = 2;

/// What was found in a tar.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    /// Devices and pipes, and what is closed to others.
    pub noticed: Noticed,
    /// Scripts whose first line ends with CR LF.
    pub dos_scripts: Vec<String>,
    /// Whether entries lack folders, lie below links or have slashes in front: not everybody unpacks that.
    pub odd: bool,
    /// Links near the root, which may be folders to the layers above.
    pub links: Links,
    /// Links of the layers below that are none any more.
    pub replaced: Vec<String>,
}

impl Found {
    /// Remembers what layers above must know.
    fn note(&mut self, name: &str, what: &What, below: &Links) {
        let (folder, last) = name.rsplit_once('/').map_or(("", name), |(folder, last)| (folder, last));
        if let What::Symlink(target) = what {
            if name.matches('/').count() < LINK_DEPTH && self.links.len() < MOST_LINKS {
                self.links.insert(name.to_owned(), target.clone());
            }
        } else if below.contains_key(name) {
            self.replaced.push(name.to_owned());
        } else if let Some(gone) = last.strip_prefix(".wh.") {
            let gone = if folder.is_empty() { gone.to_owned() } else { format!("{folder}/{gone}") };
            if below.contains_key(&gone) {
                self.replaced.push(gone);
            }
        }
    }
}

/// Whether names may be those by which layers delete.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A whole root filesystem.
    Root,
    /// A layer of an image.
    Layer,
}

/// What an entry is, its names plain.
enum What {
    Folder,
    File,
    Symlink(String),
    Hardlink(String),
    Special,
}

/// Looks at a layer's tar without writing anything.
///
/// # Errors
/// It is damaged, or has what no layer may have.
pub(super) fn look(input: impl Read, origin: &Path, below: &Links) -> Result<Found, ImageError> {
    let mut tree = Tree::over(below);
    let refuse = |name: &str, why: &str| refused(origin, name, why);
    let mut each = |name: &str, what: What, _: Attributes, _: u64, _: &mut dyn Read| {
        let kind = match what {
            What::Folder => EntryKind::Folder,
            What::Symlink(target) => EntryKind::Symlink(target),
            What::Hardlink(target) => {
                tree.target(&target).map_err(|why| refuse(name, &why))?;
                EntryKind::File
            }
            What::File | What::Special => EntryKind::File,
        };
        let placed = tree.add(name, kind).map_err(|why| refuse(name, &why))?;
        Ok(!placed.missing.is_empty() || placed.name != name)
    };
    walk(input, origin, Kind::Layer, below, &mut each)
}

/// Writes the entries of a tar into a layer, in their order. Devices and pipes are left out.
///
/// # Errors
/// It is damaged, or has what no layer may have.
pub(super) fn copy<W: Write>(
    writer: &mut LayerWriter<W>,
    input: impl Read,
    origin: &Path,
    kind: Kind,
) -> Result<Found, ImageError> {
    let mut each = |name: &str, what: What, attributes: Attributes, size: u64, body: &mut dyn Read| {
        match what {
            What::Folder => writer.folder(name, attributes)?,
            What::File => writer.file(name, attributes, size, body)?,
            What::Symlink(target) => writer.symlink(name, &target, attributes)?,
            What::Hardlink(target) => writer.hardlink(name, &target, attributes)?,
            What::Special => {}
        }
        Ok(false)
    };
    walk(input, origin, kind, &Links::new(), &mut each)
}

fn refused(origin: &Path, name: &str, why: &str) -> ImageError {
    ImageError::Content(format!("{}: entry `{}` {why}", origin.display(), safe(name)))
}

/// Is called for each entry; says whether it is odd.
type Each<'a> = dyn FnMut(&str, What, Attributes, u64, &mut dyn Read) -> Result<bool, ImageError> + 'a;

fn walk(
    input: impl Read,
    origin: &Path,
    kind: Kind,
    below: &Links,
    each: &mut Each<'_>,
) -> Result<Found, ImageError> {
    let fail = |error| ImageError::file("cannot read the tar", origin, error);
    let mut archive = tar::Archive::new(Padded { from: input, bytes: 0 });
    let mut found = Found::default();
    for entry in archive.entries().map_err(fail)? {
        let mut entry = entry.map_err(fail)?;
        let raw = utf8(&entry.path_bytes(), origin)?;
        let plain = if kind == Kind::Root { plain_name(&raw) } else { relative(&raw) };
        let name = plain.map_err(|why| refused(origin, &raw, why))?;
        if name.is_empty() {
            continue; // the root itself
        }
        if name.contains("GNUSparseFile.") {
            let why = "is sparse in a form that is not read: make the tar without --sparse";
            return Err(refused(origin, &name, why));
        }
        let Some(what) = what(&entry, &raw, &name, origin)? else { continue };
        found.odd |= raw.starts_with('/');
        found.note(&name, &what, below);
        if matches!(what, What::Special) {
            found.odd |= kind == Kind::Layer;
            found.noticed.special(&name);
            continue;
        }
        let (header, size) = (entry.header(), entry.size());
        let number = |value: io::Result<u64>| value.unwrap_or(0);
        let attributes = Attributes {
            mode: header.mode().map_err(fail)?,
            uid: number(header.uid()),
            gid: number(header.gid()),
            mtime: number(header.mtime()),
        };
        match what {
            What::File => found.noticed.file(&name, attributes.mode),
            What::Folder => found.noticed.folder(&name, attributes.mode),
            _ => {}
        }
        let mut head = Vec::new();
        if matches!(what, What::File) && attributes.mode & 0o111 != 0 {
            entry.by_ref().take(FIRST_LINE).read_to_end(&mut head).map_err(fail)?;
            if asks_with_cr(&head) && found.dos_scripts.len() < MOST_SCRIPTS {
                found.dos_scripts.push(name.clone());
            }
        }
        found.odd |= each(&name, what, attributes, size, &mut io::Cursor::new(head).chain(entry))?;
    }
    Ok(found)
}

/// What an entry is; `None` for what is no part of a file system.
fn what(
    entry: &tar::Entry<'_, impl Read>,
    raw: &str,
    name: &str,
    origin: &Path,
) -> Result<Option<What>, ImageError> {
    let kind = entry.header().entry_type();
    let target = || match entry.link_name_bytes() {
        Some(target) => utf8(&target, origin),
        None => Err(refused(origin, name, "is a link without a target")),
    };
    Ok(Some(if kind.is_dir() || (kind.is_file() && entry.size() == 0 && raw.ends_with('/')) {
        What::Folder
    } else if kind.is_symlink() {
        What::Symlink(target()?)
    } else if kind.is_hard_link() {
        let target = target()?;
        let plain = relative(&target).map_err(|why| {
            refused(origin, name, &format!("is a hard link to `{}`, which {why}", safe(&target)))
        })?;
        What::Hardlink(plain)
    } else if kind.is_file() || kind.is_contiguous() || kind.is_gnu_sparse() {
        What::File
    } else if kind.is_block_special() || kind.is_character_special() || kind.is_fifo() {
        What::Special
    } else {
        return Ok(None);
    }))
}

/// Whether a script's first line names an interpreter and ends with CR LF.
pub(super) fn asks_with_cr(head: &[u8]) -> bool {
    head.starts_with(b"#!")
        && head.split(|byte| *byte == b'\n').next().is_some_and(|line| line.ends_with(b"\r"))
}

pub(super) fn utf8(bytes: &[u8], path: &Path) -> Result<String, ImageError> {
    String::from_utf8(bytes.to_vec()).map_err(|_| {
        let shown = safe(&String::from_utf8_lossy(bytes));
        ImageError::Content(format!("{}: the name `{shown}` is not UTF-8", path.display()))
    })
}

/// Completes the last block: umoci ends an archive right after its last file, and Go's reader does not mind.
struct Padded<R> {
    from: R,
    bytes: usize,
}

impl<R: Read> Read for Padded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut length = self.from.read(buffer)?;
        if length == 0 {
            length = buffer.len().min(self.bytes.next_multiple_of(512) - self.bytes);
            buffer.iter_mut().take(length).for_each(|byte| *byte = 0);
        }
        self.bytes = (self.bytes + length) % 512;
        Ok(length)
    }
}
