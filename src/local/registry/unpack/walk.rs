//! The way to an entry's folder, which never leads out of the root.

use super::{Unpacker, show};
use nix::errno::Errno;
use nix::fcntl::{OFlag, openat, readlinkat};
use nix::sys::stat::{Mode, mkdirat};
use std::ffi::OsStr;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

/// Most links on the way to one entry, as in the kernel.
const MOST_LINKS: u32 = 40;
/// Most folders that are opened on the way to one entry: twice what the longest path has.
const MOST_STEPS: usize = 4096;

/// What the layers below have at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Below {
    /// A folder with these permission bits.
    Folder(u32),
    /// A link to this.
    Link(Vec<u8>),
}

/// Why there is no way: the kernel's reason, and words for people.
type NoWay = (Errno, String);

/// Where a walk stands. No part of `names` is a link.
struct Standing {
    names: Vec<Vec<u8>>,
    at: OwnedFd,
}

impl Unpacker<'_> {
    /// Opens a folder part by part. Links are followed by their text, with the root as `/`, which `..` does not leave.
    /// With `make`, folders that only layers below have are made.
    pub(super) fn walk(&mut self, folders: &[&[u8]], make: bool) -> Result<OwnedFd, NoWay> {
        let mut left: Vec<Vec<u8>> = folders.iter().rev().map(|part| part.to_vec()).collect();
        let mut standing = self.stand_at(Vec::new())?;
        let (mut links, mut steps) = (0, 0);
        while let Some(name) = left.pop() {
            steps += if name == b".." { standing.names.len() } else { 1 };
            if links > MOST_LINKS || steps > MOST_STEPS {
                let last = folders.last().copied().unwrap_or_default();
                return Err((Errno::ELOOP, format!("its folder {:?} is a link in a circle", show(last))));
            }
            match &name[..] {
                b"" | b"." => continue,
                b".." => {
                    standing.names.pop();
                    standing = self.stand_at(standing.names)?;
                    continue;
                }
                _ => {}
            }
            let Some(target) = self.step(&mut standing, &name, make)? else { continue };
            links += 1;
            if target.first() == Some(&b'/') {
                standing = self.stand_at(Vec::new())?;
            }
            left.extend(target.split(|byte| *byte == b'/').rev().map(<[u8]>::to_vec));
        }
        Ok(standing.at)
    }

    /// Goes into a folder. When it is a link instead, stays and gives what the link says.
    fn step(&mut self, standing: &mut Standing, name: &[u8], make: bool) -> Result<Option<Vec<u8>>, NoWay> {
        let part = OsStr::from_bytes(name);
        let say = |error: Errno| (error, format!("folder {:?}: {}", show(name), error.desc()));
        match open_folder(&standing.at, part) {
            Ok(next) => standing.at = next,
            Err(Errno::ENOTDIR | Errno::ELOOP) => {
                let target = readlinkat(&standing.at, part);
                let target =
                    target.map_err(|error| (error, format!("its folder {:?} is a file", show(name))))?;
                return Ok(Some(target.into_vec()));
            }
            Err(Errno::ENOENT) if make => {
                let mut whole = standing.names.join(&b'/');
                whole.extend_from_slice(if standing.names.is_empty() { b"" } else { b"/" });
                whole.extend_from_slice(name);
                let mode = match (self.below)(Path::new(OsStr::from_bytes(&whole))) {
                    Some(Below::Folder(mode)) => Mode::from_bits_truncate(mode & 0o1777) | Mode::S_IRWXU,
                    Some(Below::Link(target)) => {
                        self.done.leans = true;
                        return Ok(Some(target));
                    }
                    None => return Err(say(Errno::ENOENT)),
                };
                self.done.leans = true;
                mkdirat(&standing.at, part, mode).map_err(say)?;
                let next = open_folder(&standing.at, part).map_err(say)?;
                nix::sys::stat::fchmod(&next, mode).map_err(say)?;
                standing.at = next;
            }
            Err(error) => return Err(say(error)),
        }
        standing.names.push(name.to_vec());
        Ok(None)
    }

    /// Opens a folder by names that are no links.
    fn stand_at(&self, names: Vec<Vec<u8>>) -> Result<Standing, NoWay> {
        let mut at = self.root.try_clone().map_err(|error| (Errno::EMFILE, error.to_string()))?;
        for name in &names {
            at = open_folder(&at, OsStr::from_bytes(name))
                .map_err(|error| (error, error.desc().to_owned()))?;
        }
        Ok(Standing { names, at })
    }
}

fn open_folder(at: &OwnedFd, name: &OsStr) -> nix::Result<OwnedFd> {
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    openat(at, name, flags, Mode::empty())
}
