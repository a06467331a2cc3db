//! Layers from files: named files, a root folder, a root tar.

use super::ImageError;
use super::entries::{self, FIRST_LINE, Kind, asks_with_cr, utf8};
use super::layer::{Attributes, LayerWriter};
use super::names::plain_name;
use super::noticed::Noticed;
use flate2::read::MultiGzDecoder;
use std::collections::HashMap;
use std::fs::File;
use std::io::{BufReader, Read, Seek as _, Write};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
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
    Xz,
    Bzip2,
}

impl Compressed {
    /// By the first bytes.
    pub fn of(magic: &[u8]) -> Self {
        match magic {
            [0x1f, 0x8b, ..] => Self::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Self::Zstd,
            [0xfd, b'7', b'z', b'X', ..] => Self::Xz,
            [b'B', b'Z', b'h', b'1'..=b'9', ..] => Self::Bzip2,
            _ => Self::No,
        }
    }

    /// Its name, and the ending of its files, when it is not read.
    const fn not_read(self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::Xz => Some(("xz", ".xz")),
            Self::Bzip2 => Some(("bzip2", ".bz2")),
            Self::No | Self::Gzip | Self::Zstd => None,
        }
    }
}

/// Refuses a file whose compression is not read.
pub(super) fn check_compression(path: &Path) -> Result<(), ImageError> {
    let mut magic = Vec::with_capacity(4);
    let read = File::open(path).and_then(|file| file.take(4).read_to_end(&mut magic));
    read.map_err(|error| ImageError::file("cannot read", path, error))?;
    let Some((name, ending)) = Compressed::of(&magic).not_read() else { return Ok(()) };
    let shown = path.display();
    let plain = shown.to_string();
    let plain = plain.strip_suffix(ending).unwrap_or(&plain);
    Err(ImageError::Spec(format!(
        "{shown} is compressed with {name}, which is not read here: `{name} -dk '{shown}'` makes {plain}, which is"
    )))
}

/// Undoes whatever compression the first bytes tell of.
pub(super) fn decompressed<'a>(mut input: impl Read + 'a) -> std::io::Result<Box<dyn Read + 'a>> {
    let mut magic = Vec::with_capacity(4);
    input.by_ref().take(4).read_to_end(&mut magic)?;
    let kind = Compressed::of(&magic);
    let whole = std::io::Cursor::new(magic).chain(input);
    Ok(match kind {
        Compressed::Xz | Compressed::Bzip2 => {
            let name = kind.not_read().map_or("", |(name, _)| name);
            let text = format!("it is compressed with {name}; gzip and zstd are read");
            return Err(std::io::Error::other(text));
        }
        Compressed::No => Box::new(whole),
        Compressed::Gzip => Box::new(MultiGzDecoder::new(BufReader::with_capacity(64 * 1024, whole))),
        Compressed::Zstd => {
            let buffered = BufReader::with_capacity(64 * 1024, whole);
            Box::new(ruzstd::decoding::StreamingDecoder::new(buffered).map_err(std::io::Error::other)?)
        }
    })
}

/// What an archive looks like from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Archive {
    /// Made by `docker save`.
    Docker,
    /// With an OCI layout.
    Oci,
    /// A root filesystem.
    Root,
}

/// Entries that are no part of an archive of images, after which it is none.
const STRANGERS: usize = 64;

/// Tells what a tar holds by the names of its entries. Images say it anywhere: Docker 25 after all of their layers.
pub(super) fn what_is(path: &Path) -> Result<Archive, ImageError> {
    let mut looks = Looks::default();
    let mut read = || {
        let mut file = File::open(path)?;
        let mut magic = Vec::new();
        (&file).take(4).read_to_end(&mut magic)?;
        file.rewind()?;
        if Compressed::of(&magic) == Compressed::No {
            // Without reading what is between the headers.
            return looks.through(tar::Archive::new(file).entries_with_seek()?);
        }
        looks.through(tar::Archive::new(decompressed(file)?).entries()?)
    };
    read().map_err(|error| ImageError::file("this is neither a tar nor a folder:", path, error))?;
    match looks {
        Looks { docker: true, .. } => Ok(Archive::Docker),
        Looks { oci: true, .. } => Ok(Archive::Oci),
        Looks { names: 0, .. } => Err(ImageError::Spec(format!("{} is an empty tar", path.display()))),
        Looks { .. } => Ok(Archive::Root),
    }
}

/// What the names of an archive's entries say.
#[derive(Default)]
struct Looks {
    docker: bool,
    oci: bool,
    names: usize,
    strangers: usize,
}

impl Looks {
    /// Looks at names until they say enough.
    fn through<R: Read>(&mut self, entries: tar::Entries<'_, R>) -> std::io::Result<()> {
        for entry in entries {
            let name = String::from_utf8_lossy(&entry?.path_bytes()).into_owned();
            self.names += 1;
            match name.trim_start_matches("./").trim_end_matches('/') {
                "manifest.json" | "repositories" => self.docker = true,
                "oci-layout" | "index.json" => self.oci = true,
                "" => {}
                name if is_part_of_image(name) => {}
                _ => self.strangers += 1,
            }
            if self.docker || self.strangers == STRANGERS {
                break;
            }
        }
        Ok(())
    }
}

/// Whether a name in an archive is that of a blob or of a layer's folder.
fn is_part_of_image(name: &str) -> bool {
    let first = name.split(['/', '.']).next().unwrap_or_default();
    first == "blobs" || (first.len() == 64 && first.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// Named files; gives those that are scripts with DOS line ends. Executable where they are on this machine; readable for
/// everyone, as Lambda's user is nobody's.
pub(super) fn add_named<W: Write>(
    writer: &mut LayerWriter<W>,
    files: &[NamedFile],
) -> Result<Vec<String>, ImageError> {
    let mut dos_scripts = Vec::new();
    let mut files: Vec<&NamedFile> = files.iter().collect();
    files.sort_by(|a, b| a.destination.cmp(&b.destination));
    for file in files {
        let fail = |error| ImageError::file("cannot read", &file.path, error);
        let opened = File::open(&file.path).map_err(fail)?;
        let found = opened.metadata().map_err(fail)?;
        let mode = if found.mode() & 0o111 == 0 { 0o644 } else { 0o755 };
        let name = file.destination.trim_start_matches('/');
        let mut head = Vec::new();
        (&opened).take(FIRST_LINE).read_to_end(&mut head).map_err(fail)?;
        if asks_with_cr(&head) {
            dos_scripts.push(name.to_owned());
        }
        let mut body = std::io::Cursor::new(head).chain(opened);
        writer.file(name, Attributes::fixed(mode), found.len(), &mut body)?;
    }
    Ok(dos_scripts)
}

/// A folder as a root filesystem, in the order of names. Devices, sockets and pipes are left out with a warning.
pub(super) fn add_folder<W: Write>(writer: &mut LayerWriter<W>, root: &Path) -> Result<Noticed, ImageError> {
    let mut noticed = Noticed::default();
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
            noticed.folder(&name, found.mode());
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
            noticed.file(&name, found.mode());
            writer.file(&name, attributes, found.len(), &mut File::open(path).map_err(fail)?)?;
            if found.nlink() > 1 {
                links.insert(same, name);
            }
        } else {
            noticed.special(&name);
        }
    }
    Ok(noticed)
}

/// A tar as a root filesystem, in its own order, without unpacking it. Devices and pipes are left out; names that lead
/// out of the root are refused.
pub(super) fn add_tar<W: Write>(writer: &mut LayerWriter<W>, path: &Path) -> Result<Noticed, ImageError> {
    let fail = |error| ImageError::file("cannot read the tar", path, error);
    let input = decompressed(File::open(path).map_err(fail)?).map_err(fail)?;
    Ok(entries::copy(writer, input, path, Kind::Root)?.noticed)
}

fn text(path: &Path) -> Result<String, ImageError> {
    utf8(path.as_os_str().as_bytes(), path)
}
