//! Unpacks one layer into a folder. The archive is hostile: nothing is ever written outside the folder.
//!
//! Every path is walked part by part from the folder's descriptor with `O_NOFOLLOW`: the kernel follows no link, whoever
//! made it. A folder that is a link (`lib -> usr/lib`) is followed here, by its text, and so that the folder is `/`: it
//! cannot lead out. Names are relative to it, too, with a slash in front or without. Whiteouts (`.wh.…`) stay as empty
//! files; [`rootfs`](super::rootfs) obeys them. Owners, extended attributes and set-user-id bits are not kept: everything
//! in a sandbox belongs to one user, who can gain nothing. Devices and named pipes are left out.
//!
//! ```text
//! pax    what extended headers say of the next entry
//! walk   the way to an entry's folder, which never leads out
//! ```

mod pax;
mod walk;

use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, openat};
use nix::sys::stat::{Mode, UtimensatFlags, fchmod, mkdirat, utimensat};
use nix::sys::time::TimeSpec;
use nix::unistd::{UnlinkatFlags, linkat, symlinkat, unlinkat};
use pax::Extended;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use tar::{EntryType, Header};
pub use walk::Below;

/// Most bytes of all files of an image: Lambda's limit.
pub const MAX_BYTES: u64 = 10 << 30;
/// Most entries of a layer.
const MAX_ENTRIES: u64 = 2_000_000;
/// Longest path; the kernel's limit.
const MAX_PATH: u64 = 4096;
/// Longest extended header (it may hold attributes).
const MAX_EXTENDED: u64 = 1 << 20;

/// Why a layer was refused.
#[derive(Debug, thiserror::Error)]
pub enum UnpackError {
    /// An entry that no image may have.
    #[error("entry {entry:?}: {reason}")]
    Refused {
        /// Its name in the archive.
        entry: String,
        /// What Lambda would not do with it, for people.
        reason: String,
    },
    /// An entry whose folder is neither in this layer nor in those below.
    #[error("Parent directory does not exist for file {0}")]
    MissingParent(String),
    /// More than Lambda allows.
    #[error("the image is larger than {} bytes uncompressed", MAX_BYTES)]
    TooLarge,
    /// The archive is damaged.
    #[error("damaged archive: {0}")]
    Damaged(String),
    /// Writing failed.
    #[error("{0}")]
    Write(String),
}

/// What became of a layer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unpacked {
    /// Bytes of its files.
    pub bytes: u64,
    /// Whether folders of the layers below decided where its files are: over others it would be unpacked differently.
    pub leans: bool,
    /// How many devices and named pipes were left out.
    pub left_out: u64,
}

/// Unpacks the archive `from` into the empty folder `to`. At most `budget` bytes of files are written. `below` is asked
/// what the layers below have at a path: none of its parts is a link.
///
/// # Errors
/// [`UnpackError`]; what has been unpacked until then stays in `to`.
pub fn unpack(
    from: impl Read,
    to: &Path,
    budget: u64,
    below: &dyn Fn(&Path) -> Option<Below>,
) -> Result<Unpacked, UnpackError> {
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    let root =
        nix::fcntl::open(to, flags, Mode::empty()).map_err(|error| UnpackError::Write(error.to_string()))?;
    let mut unpacker = Unpacker { root, left: budget, below, done: Unpacked::default() };
    unpacker.run(from)?;
    Ok(Unpacked { bytes: budget - unpacker.left, ..unpacker.done })
}

struct Unpacker<'a> {
    root: OwnedFd,
    left: u64,
    below: &'a dyn Fn(&Path) -> Option<Below>,
    done: Unpacked,
}

fn damaged(error: impl std::fmt::Display) -> UnpackError {
    UnpackError::Damaged(error.to_string())
}

fn show(path: &[u8]) -> String {
    String::from_utf8_lossy(path).into_owned()
}

fn refused(path: &[u8], reason: impl Into<String>) -> UnpackError {
    UnpackError::Refused { entry: show(path), reason: reason.into() }
}

impl Unpacker<'_> {
    fn run(&mut self, from: impl Read) -> Result<(), UnpackError> {
        let mut archive = tar::Archive::new(Padded { from, bytes: 0 });
        let mut extended = Extended::default();
        // Raw: the library would read long names into memory whatever their size.
        for (number, entry) in (0_u64..).zip(archive.entries().map_err(damaged)?.raw(true)) {
            if number == MAX_ENTRIES {
                return Err(damaged(format!("more than {MAX_ENTRIES} entries")));
            }
            let mut entry = entry.map_err(damaged)?;
            let size = entry.header().entry_size().map_err(damaged)?;
            let kind = entry.header().entry_type();
            match kind {
                EntryType::GNULongName => extended.path = Some(long(&mut entry, size, MAX_PATH)?),
                EntryType::GNULongLink => extended.link = Some(long(&mut entry, size, MAX_PATH)?),
                EntryType::XHeader => extended.read(&long(&mut entry, size, MAX_EXTENDED)?)?,
                EntryType::XGlobalHeader => {}
                _ => {
                    let header = entry.header().clone();
                    self.entry(&header, std::mem::take(&mut extended), size, &mut entry)?;
                }
            }
        }
        Ok(())
    }

    fn entry(
        &mut self,
        header: &Header,
        extended: Extended,
        size: u64,
        body: &mut impl Read,
    ) -> Result<(), UnpackError> {
        let path = extended.path.unwrap_or_else(|| header.path_bytes().into_owned());
        let link = extended.link.or_else(|| header.link_name_bytes().map(std::borrow::Cow::into_owned));
        let parts = parts_of(&path)?;
        let Some((name, folders)) = parts.split_last() else {
            return Ok(()); // the root itself
        };
        let kind = header.entry_type();
        // The sandbox has a /dev of its own, and no ordinary user can make a device.
        if matches!(kind, EntryType::Char | EntryType::Block | EntryType::Fifo) {
            self.done.left_out += 1;
            return Ok(());
        }
        // Tars from before 1988 know folders by the slash alone.
        let kind = match kind {
            EntryType::Regular if size == 0 && path.ends_with(b"/") => EntryType::Directory,
            kind => kind,
        };
        let parent = self.parent(&path, folders)?;
        let mode = Mode::from_bits_truncate(header.mode().map_err(damaged)? & 0o1777);
        let name = OsStr::from_bytes(name);
        let mtime = extended.mtime.or_else(|| header.mtime().ok().and_then(|time| i64::try_from(time).ok()));
        let write = |error: Errno| match error {
            Errno::ENAMETOOLONG => refused(&path, "its name is too long"),
            error => UnpackError::Write(format!("{}: {error}", show(&path))),
        };
        match kind {
            EntryType::Directory => make_folder(&parent, name, mode).map_err(write)?,
            EntryType::Regular | EntryType::Continuous => {
                self.left = self.left.checked_sub(size).ok_or(UnpackError::TooLarge)?;
                remove(&parent, name).map_err(write)?;
                let flags =
                    OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
                let file = openat(&parent, name, flags, Mode::from_bits_truncate(0o600)).map_err(write)?;
                let mut file = File::from(file);
                let copied = io::copy(&mut body.take(size), &mut file)
                    .map_err(|error| UnpackError::Write(format!("{}: {error}", show(&path))))?;
                if copied != size {
                    return Err(damaged(format!("{} is cut off", show(&path))));
                }
                fchmod(&file, mode).map_err(write)?;
                set_time(&parent, name, mtime);
            }
            EntryType::Symlink => {
                let target = link.filter(|link| !link.is_empty() && !link.contains(&0));
                let target = target.ok_or_else(|| refused(&path, "a symbolic link to nothing"))?;
                remove(&parent, name).map_err(write)?;
                symlinkat(OsStr::from_bytes(&target), &parent, name).map_err(write)?;
                set_time(&parent, name, mtime);
            }
            EntryType::Link => {
                let target = link.ok_or_else(|| refused(&path, "a hard link to nothing"))?;
                self.hard_link(&path, &parent, name, &target)?;
            }
            other => {
                return Err(refused(&path, format!("an entry of kind {:?}", char::from(other.as_byte()))));
            }
        }
        Ok(())
    }

    fn hard_link(
        &mut self,
        path: &[u8],
        parent: &OwnedFd,
        name: &OsStr,
        target: &[u8],
    ) -> Result<(), UnpackError> {
        let why = |reason: String| refused(path, format!("a hard link to {:?}: {reason}", show(target)));
        let parts = parts_of(target).map_err(|_| why("outside of the image".into()))?;
        let Some((last, folders)) = parts.split_last() else {
            return Err(why("the root".into()));
        };
        let folder = self.walk(folders, false).map_err(|error| why(error.1))?;
        let last = OsStr::from_bytes(last);
        let found = nix::sys::stat::fstatat(&folder, last, AtFlags::AT_SYMLINK_NOFOLLOW);
        let found = found.map_err(|error| why(error.desc().to_owned()))?;
        if found.st_mode & libc::S_IFMT == libc::S_IFDIR {
            return Err(why("a folder".into()));
        }
        let here = nix::sys::stat::fstatat(parent, name, AtFlags::AT_SYMLINK_NOFOLLOW);
        if here.is_ok_and(|here| (here.st_dev, here.st_ino) == (found.st_dev, found.st_ino)) {
            return Ok(());
        }
        remove(parent, name).map_err(|error| why(error.to_string()))?;
        linkat(&folder, last, parent, name, AtFlags::empty()).map_err(|error| why(error.to_string()))
    }

    /// The folder an entry goes into.
    fn parent(&mut self, path: &[u8], folders: &[&[u8]]) -> Result<OwnedFd, UnpackError> {
        match self.walk(folders, true) {
            Ok(folder) => Ok(folder),
            Err((Errno::ENOENT, _)) => Err(UnpackError::MissingParent(show(path))),
            Err((_, reason)) => Err(refused(path, reason)),
        }
    }
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

/// Reads the body of an extended header.
fn long(entry: &mut impl Read, size: u64, limit: u64) -> Result<Vec<u8>, UnpackError> {
    if size > limit {
        return Err(damaged(format!("a name or header of {size} bytes")));
    }
    let mut text = Vec::new();
    entry.take(size).read_to_end(&mut text).map_err(damaged)?;
    while limit == MAX_PATH && text.last() == Some(&0) {
        text.pop();
    }
    Ok(text)
}

/// The parts of a path, which is relative to the image's root, as layers of nix have slashes in front. Refuses what leads
/// out, and what no file system can store.
fn parts_of(path: &[u8]) -> Result<Vec<&[u8]>, UnpackError> {
    if path.contains(&0) || path.len() as u64 > MAX_PATH {
        return Err(refused(&path[..path.len().min(100)], "no valid path"));
    }
    let parts: Vec<&[u8]> =
        path.split(|byte| *byte == b'/').filter(|part| !matches!(*part, b"" | b".")).collect();
    if parts.contains(&&b".."[..]) {
        return Err(refused(path, "leads out of the image with '..'"));
    }
    Ok(parts)
}

fn make_folder(parent: &OwnedFd, name: &OsStr, mode: Mode) -> nix::Result<()> {
    // We must be able to write into it, and to delete it.
    let mode = mode | Mode::S_IRWXU;
    match mkdirat(parent, name, mode) {
        Err(Errno::EEXIST) => {
            let found = nix::sys::stat::fstatat(parent, name, AtFlags::AT_SYMLINK_NOFOLLOW)?;
            if found.st_mode & libc::S_IFMT != libc::S_IFDIR {
                unlinkat(parent, name, UnlinkatFlags::NoRemoveDir)?;
                mkdirat(parent, name, mode)?;
            }
        }
        other => other?,
    }
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    fchmod(openat(parent, name, flags, Mode::empty())?, mode)
}

/// Removes what is there, if it is not a folder with something in it.
fn remove(parent: &OwnedFd, name: &OsStr) -> nix::Result<()> {
    match unlinkat(parent, name, UnlinkatFlags::NoRemoveDir) {
        Ok(()) | Err(Errno::ENOENT) => Ok(()),
        Err(Errno::EISDIR | Errno::EPERM) => unlinkat(parent, name, UnlinkatFlags::RemoveDir),
        Err(error) => Err(error),
    }
}

/// Programs compare times (Python with those of its caches). Best effort.
fn set_time(parent: &OwnedFd, name: &OsStr, mtime: Option<i64>) {
    if let Some(seconds) = mtime {
        let time = TimeSpec::new(seconds, 0);
        let _ = utimensat(parent.as_fd(), name, &time, &time, UtimensatFlags::NoFollowSymlink);
    }
}

#[cfg(test)]
mod tests;
