//! Unpacks one layer into a folder. The archive is hostile: nothing is ever written outside the folder.
//!
//! Every path is walked from the folder's descriptor with `O_NOFOLLOW`, so that no link, whoever made it, is followed.
//! Symbolic links are stored as they are: they are followed inside a sandbox only, where they cannot lead out.
//! Whiteouts (`.wh.…`) stay as empty files; [`rootfs`](super::rootfs) obeys them. Owners, extended attributes and
//! set-user-id bits are not kept: everything in a sandbox belongs to one user, who can gain nothing.

use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, openat};
use nix::sys::stat::{Mode, UtimensatFlags, fchmod, mkdirat, utimensat};
use nix::sys::time::TimeSpec;
use nix::unistd::{UnlinkatFlags, linkat, symlinkat, unlinkat};
use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use tar::{EntryType, Header};

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

/// Unpacks the archive `from` into the empty folder `to`. At most `budget` bytes of files are written; answers how
/// many were. `in_lower` is asked whether a layer below has a folder.
///
/// # Errors
/// [`UnpackError`]; what has been unpacked until then stays in `to`.
pub fn unpack(
    from: impl Read,
    to: &Path,
    budget: u64,
    in_lower: &dyn Fn(&Path) -> bool,
) -> Result<u64, UnpackError> {
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    let root =
        nix::fcntl::open(to, flags, Mode::empty()).map_err(|error| UnpackError::Write(error.to_string()))?;
    let mut unpacker = Unpacker { root, left: budget, in_lower };
    unpacker.run(from)?;
    Ok(budget - unpacker.left)
}

struct Unpacker<'a> {
    root: OwnedFd,
    left: u64,
    in_lower: &'a dyn Fn(&Path) -> bool,
}

/// What extended headers say of the next entry.
#[derive(Default)]
struct Extended {
    path: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
    mtime: Option<i64>,
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
        let special = matches!(kind, EntryType::Char | EntryType::Block | EntryType::Fifo);
        // The sandbox has a /dev of its own; what root filesystems bring there is of no use.
        if special && folders.first() == Some(&&b"dev"[..]) {
            return Ok(());
        }
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
            EntryType::Char | EntryType::Block => return Err(refused(&path, "a device")),
            EntryType::Fifo => return Err(refused(&path, "a named pipe")),
            other => {
                return Err(refused(&path, format!("an entry of kind {:?}", char::from(other.as_byte()))));
            }
        }
        Ok(())
    }

    fn hard_link(
        &self,
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
    fn parent(&self, path: &[u8], folders: &[&[u8]]) -> Result<OwnedFd, UnpackError> {
        match self.walk(folders, true) {
            Ok(folder) => Ok(folder),
            Err((Errno::ENOENT, _)) => Err(UnpackError::MissingParent(show(path))),
            Err((_, reason)) => Err(refused(path, reason)),
        }
    }

    /// Opens a folder part by part, following nothing. Folders that only layers below have are made.
    fn walk(&self, folders: &[&[u8]], make: bool) -> Result<OwnedFd, (Errno, String)> {
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let say = |error: Errno, name: &[u8]| match error {
            Errno::ENOTDIR | Errno::ELOOP => {
                (error, format!("its folder {:?} is a link or a file, which is not followed", show(name)))
            }
            error => (error, format!("folder {:?}: {}", show(name), error.desc())),
        };
        let mut at = self.root.try_clone().map_err(|error| (Errno::EMFILE, error.to_string()))?;
        for (depth, name) in folders.iter().enumerate() {
            let part = OsStr::from_bytes(name);
            let next = match openat(&at, part, flags, Mode::empty()) {
                Err(Errno::ENOENT) if make => {
                    let whole = folders.get(..=depth).unwrap_or_default().join(&b'/');
                    if !(self.in_lower)(Path::new(OsStr::from_bytes(&whole))) {
                        return Err(say(Errno::ENOENT, name));
                    }
                    mkdirat(&at, part, Mode::from_bits_truncate(0o755)).map_err(|error| say(error, name))?;
                    openat(&at, part, flags, Mode::empty())
                }
                other => other,
            };
            at = next.map_err(|error| say(error, name))?;
        }
        Ok(at)
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

impl Extended {
    fn read(&mut self, text: &[u8]) -> Result<(), UnpackError> {
        let mut fields = HashMap::new();
        for field in tar::PaxExtensions::new(text) {
            let field = field.map_err(damaged)?;
            fields.insert(field.key_bytes().to_vec(), field.value_bytes().to_vec());
        }
        if fields.keys().any(|key| key.starts_with(b"GNU.sparse")) {
            return Err(damaged("sparse files are not supported"));
        }
        if fields.contains_key(&b"size"[..]) {
            return Err(UnpackError::TooLarge); // only written for files of 8 GiB and more
        }
        let number = |value: &Vec<u8>| std::str::from_utf8(value).ok()?.split('.').next()?.parse().ok();
        self.mtime = fields.get(&b"mtime"[..]).and_then(number).or(self.mtime);
        self.path = fields.remove(&b"path"[..]).or(self.path.take());
        self.link = fields.remove(&b"linkpath"[..]).or(self.link.take());
        Ok(())
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

/// The parts of a path. Refuses what leads out, and what no file system can store.
fn parts_of(path: &[u8]) -> Result<Vec<&[u8]>, UnpackError> {
    // `/` alone is the root itself, as umoci writes it.
    if path.first() == Some(&b'/') && path.iter().any(|byte| *byte != b'/') {
        return Err(refused(path, "an absolute path"));
    }
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
