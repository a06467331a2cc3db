//! Layers from files: named files, a root folder, a root tar.

use super::ImageError;
use super::layer::{Attributes, LayerWriter, plain_name, safe};
use flate2::read::MultiGzDecoder;
use std::collections::HashMap;
use std::fs::File;
use std::io::{BufReader, Read, Write};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

/// A file of a [`Source::Scratch`](super::Source::Scratch) image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedFile {
    /// On this machine.
    pub path: PathBuf,
    /// In the image, absolute.
    pub destination: String,
}

/// How bytes are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Compressed {
    No,
    Gzip,
    Zstd,
}

impl Compressed {
    /// By the first bytes.
    pub fn of(magic: &[u8]) -> Self {
        match magic {
            [0x1f, 0x8b, ..] => Self::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Self::Zstd,
            _ => Self::No,
        }
    }
}

/// Undoes whatever compression the first bytes tell of.
pub(super) fn decompressed<'a>(mut input: impl Read + 'a) -> std::io::Result<Box<dyn Read + 'a>> {
    let mut magic = Vec::with_capacity(4);
    input.by_ref().take(4).read_to_end(&mut magic)?;
    let kind = Compressed::of(&magic);
    let whole = std::io::Cursor::new(magic).chain(input);
    Ok(match kind {
        Compressed::No => Box::new(whole),
        Compressed::Gzip => Box::new(MultiGzDecoder::new(BufReader::with_capacity(64 * 1024, whole))),
        Compressed::Zstd => {
            let buffered = BufReader::with_capacity(64 * 1024, whole);
            Box::new(ruzstd::decoding::StreamingDecoder::new(buffered).map_err(std::io::Error::other)?)
        }
    })
}

/// The first names of a tar, as they stand.
pub(super) fn first_names(path: &Path, most: usize) -> Result<Vec<String>, ImageError> {
    let read = || {
        let mut archive = tar::Archive::new(decompressed(File::open(path)?)?);
        let mut names = Vec::new();
        for entry in archive.entries()?.take(most) {
            names.push(String::from_utf8_lossy(&entry?.path_bytes()).into_owned());
        }
        Ok(names)
    };
    let names =
        read().map_err(|error| ImageError::file("this is neither a tar nor a folder:", path, error))?;
    if names.is_empty() {
        return Err(ImageError::Spec(format!("{} is an empty tar", path.display())));
    }
    Ok(names)
}

/// Named files. Executable where they are on this machine; readable for everyone, as Lambda's user is nobody's.
pub(super) fn add_named<W: Write>(
    writer: &mut LayerWriter<W>,
    files: &[NamedFile],
) -> Result<(), ImageError> {
    let mut files: Vec<&NamedFile> = files.iter().collect();
    files.sort_by(|a, b| a.destination.cmp(&b.destination));
    for file in files {
        let fail = |error| ImageError::file("cannot read", &file.path, error);
        let mut opened = File::open(&file.path).map_err(fail)?;
        let found = opened.metadata().map_err(fail)?;
        let mode = if found.mode() & 0o111 == 0 { 0o644 } else { 0o755 };
        let name = file.destination.trim_start_matches('/');
        writer.file(name, Attributes::fixed(mode), found.len(), &mut opened)?;
    }
    Ok(())
}

/// A folder as a root filesystem, in the order of names. Devices, sockets and pipes are left out with a warning.
pub(super) fn add_folder<W: Write>(
    writer: &mut LayerWriter<W>,
    root: &Path,
    warnings: &mut Vec<String>,
) -> Result<(), ImageError> {
    let as_root = nix::unistd::geteuid().is_root();
    let mut links: HashMap<(u64, u64), String> = HashMap::new();
    let walk = walkdir::WalkDir::new(root).min_depth(1).follow_links(false).sort_by_file_name();
    for entry in walk {
        let entry = entry.map_err(|error| {
            let path = error.path().unwrap_or(root).to_owned();
            let error = error.into_io_error().unwrap_or_else(|| std::io::Error::other("a loop of links"));
            ImageError::file("cannot read", &path, error)
        })?;
        let path = entry.path();
        let fail = |error| ImageError::file("cannot read", path, error);
        let relative = path.strip_prefix(root).unwrap_or(path);
        let name = text(relative)?;
        let name = plain_name(&name).map_err(|why| writer.refuse(&name, why))?;
        let found = entry.metadata().map_err(|error| fail(error.into()))?;
        // An ordinary person's files belong to root in the image, as if root had unpacked it.
        let (uid, gid) = if as_root { (found.uid().into(), found.gid().into()) } else { (0, 0) };
        let mtime = u64::try_from(found.mtime()).unwrap_or(0);
        let attributes = Attributes { mode: found.mode(), uid, gid, mtime };
        let kind = found.file_type();
        if kind.is_dir() {
            writer.folder(&name, attributes)?;
        } else if kind.is_symlink() {
            let target = text(&std::fs::read_link(path).map_err(fail)?)?;
            writer.symlink(&name, &target, attributes)?;
        } else if kind.is_file() {
            let same = (found.dev(), found.ino());
            if let Some(first) = links.get(&same) {
                writer.hardlink(&name, first, attributes)?;
                continue;
            }
            writer.file(&name, attributes, found.len(), &mut File::open(path).map_err(fail)?)?;
            if found.nlink() > 1 {
                links.insert(same, name);
            }
        } else {
            let what = if kind.is_socket() || kind.is_fifo() { "a socket or pipe" } else { "a device" };
            warnings.push(format!("{}: left out `{}`: {what}", root.display(), safe(&name)));
        }
    }
    Ok(())
}

/// A tar as a root filesystem, in its own order, without unpacking it. Devices and pipes are left out with a
/// warning; names that lead out of the root, and entries below links, are refused.
pub(super) fn add_tar<W: Write>(
    writer: &mut LayerWriter<W>,
    path: &Path,
    warnings: &mut Vec<String>,
) -> Result<(), ImageError> {
    let fail = |error| ImageError::file("cannot read the tar", path, error);
    let input = decompressed(File::open(path).map_err(fail)?).map_err(fail)?;
    let mut archive = tar::Archive::new(input);
    for entry in archive.entries().map_err(fail)? {
        let mut entry = entry.map_err(fail)?;
        let raw = utf8(&entry.path_bytes(), path)?;
        let name = plain_name(&raw).map_err(|why| writer.refuse(&raw, why))?;
        if name.is_empty() {
            continue; // the root itself
        }
        if name.contains("GNUSparseFile.") {
            return Err(
                writer.refuse(&name, "is sparse in a form that is not read: make the tar without --sparse")
            );
        }
        let header = entry.header();
        let number = |value: std::io::Result<u64>| value.unwrap_or(0);
        let attributes = Attributes {
            mode: header.mode().map_err(fail)?,
            uid: number(header.uid()),
            gid: number(header.gid()),
            mtime: number(header.mtime()),
        };
        let kind = header.entry_type();
        let target = || match entry.link_name_bytes() {
            Some(target) => utf8(&target, path),
            None => Err(writer.refuse(&name, "is a link without a target")),
        };
        if kind.is_dir() {
            writer.folder(&name, attributes)?;
        } else if kind.is_symlink() {
            let target = target()?;
            writer.symlink(&name, &target, attributes)?;
        } else if kind.is_hard_link() {
            let target = target()?;
            let plain = plain_name(&target).map_err(|why| {
                writer.refuse(&name, &format!("is a hard link to `{}`, which {why}", safe(&target)))
            })?;
            writer.hardlink(&name, &plain, attributes)?;
        } else if kind.is_file() || kind.is_contiguous() || kind.is_gnu_sparse() {
            let size = entry.size();
            writer.file(&name, attributes, size, &mut entry)?;
        } else if kind.is_block_special() || kind.is_character_special() || kind.is_fifo() {
            warnings.push(format!("{}: left out `{}`: a device or pipe", path.display(), safe(&name)));
        }
    }
    Ok(())
}

fn text(path: &Path) -> Result<String, ImageError> {
    utf8(path.as_os_str().as_bytes(), path)
}

fn utf8(bytes: &[u8], path: &Path) -> Result<String, ImageError> {
    String::from_utf8(bytes.to_vec()).map_err(|_| {
        let shown = safe(&String::from_utf8_lossy(bytes));
        ImageError::Content(format!("{}: the name `{shown}` is not UTF-8", PathBuf::from(path).display()))
    })
}
