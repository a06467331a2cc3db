//! A tar as a folder of members: where each begins and how long it is, read without unpacking.

use super::files::{Compressed, decompressed};
use super::manifest::MAX_JSON;
use super::names::{plain_name, safe};
use super::{Cache, ImageError};
use std::collections::HashMap;
use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

/// More members are refused.
const MAX_MEMBERS: usize = 100_000;

/// A member of a tar.
#[derive(Clone, Debug)]
enum Member {
    File { offset: u64, size: u64 },
    Link(String),
}

/// An opened tar.
#[derive(Clone, Debug)]
pub(super) struct TarFile {
    /// The tar with offsets that hold: the file itself, or its decompressed copy.
    pub path: PathBuf,
    shown: String,
    members: HashMap<String, Member>,
}

impl TarFile {
    /// Reads the list of members. A compressed archive is decompressed into the cache first.
    pub fn open(path: &Path, cache: &Cache) -> Result<Self, ImageError> {
        let fail = |error| ImageError::file("cannot read the archive", path, error);
        let mut file = File::open(path).map_err(fail)?;
        let mut magic = [0; 4];
        let read = file.read(&mut magic).map_err(fail)?;
        file.seek(SeekFrom::Start(0)).map_err(fail)?;
        let plain = if Compressed::of(&magic[..read]) == Compressed::No {
            path.to_owned()
        } else {
            unpacked(file, path, cache)?
        };
        let shown = path.display().to_string();
        let mut this = Self { path: plain, shown, members: HashMap::new() };
        this.scan().map_err(fail)?;
        Ok(this)
    }

    fn scan(&mut self) -> std::io::Result<()> {
        let mut archive = tar::Archive::new(File::open(&self.path)?);
        for entry in archive.entries_with_seek()? {
            let entry = entry?;
            let Ok(name) = plain_name(&String::from_utf8_lossy(&entry.path_bytes())) else { continue };
            let kind = entry.header().entry_type();
            let member = if kind.is_file() || kind.is_contiguous() {
                Member::File { offset: entry.raw_file_position(), size: entry.size() }
            } else if let (true, Some(target)) = (kind.is_symlink(), entry.link_name_bytes()) {
                Member::Link(String::from_utf8_lossy(&target).into_owned())
            } else if let (true, Some(target)) = (kind.is_hard_link(), entry.link_name_bytes()) {
                Member::Link(format!("/{}", String::from_utf8_lossy(&target)))
            } else {
                continue;
            };
            self.members.insert(name, member);
            if self.members.len() > MAX_MEMBERS {
                let text = format!("{}: more than {MAX_MEMBERS} members: no image", self.shown);
                return Err(ImageError::Content(text).into_io());
            }
        }
        Ok(())
    }

    /// Where a member's bytes are. Links within the archive are followed.
    pub fn find(&self, name: &str) -> Result<(u64, u64), ImageError> {
        let mut at = plain_name(name).unwrap_or_default();
        for _ in 0..8 {
            match self.members.get(&at) {
                Some(Member::File { offset, size }) => return Ok((*offset, *size)),
                Some(Member::Link(target)) => at = resolve(&at, target),
                None => break,
            }
        }
        let name = safe(name);
        Err(ImageError::Content(format!("{}: `{name}` is missing: is the archive complete?", self.shown)))
    }

    /// A small member's bytes.
    pub fn read(&self, name: &str) -> Result<Vec<u8>, ImageError> {
        let (offset, size) = self.find(name)?;
        read_small(&self.path, offset, size)
    }
}

/// Reads part of a file that should be small.
pub(super) fn read_small(path: &Path, offset: u64, size: u64) -> Result<Vec<u8>, ImageError> {
    if size > MAX_JSON {
        let shown = path.display();
        return Err(ImageError::Content(format!(
            "{shown}: {size} bytes where a small description should be"
        )));
    }
    let read = || {
        let mut file = File::open(path)?;
        file.seek(SeekFrom::Start(offset))?;
        let mut bytes = Vec::new();
        file.take(size).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    read().map_err(|error| ImageError::file("cannot read", path, error))
}

/// A link's target, seen from the member that is the link. `..` beyond the top stays at the top.
fn resolve(from: &str, target: &str) -> String {
    let mut parts: Vec<&str> = if target.starts_with('/') { Vec::new() } else { from.split('/').collect() };
    parts.pop();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// The decompressed copy of an archive, by the path, size and time of the file. Bounded, as it may be a bomb.
fn unpacked(file: File, path: &Path, cache: &Cache) -> Result<PathBuf, ImageError> {
    let fail = |error| ImageError::file("cannot decompress", path, error);
    let mut output = cache.temporary()?;
    let mut input = decompressed(file).map_err(fail)?.take(super::MAX_UNCOMPRESSED + 1);
    let mut metered = super::digest::Metered::new(&mut output);
    std::io::copy(&mut input, &mut metered).map_err(fail)?;
    let (_, digest, bytes) = metered.finish();
    if bytes > super::MAX_UNCOMPRESSED {
        let shown = path.display();
        return Err(ImageError::Refused(format!(
            "{shown}: more than 10 GB uncompressed: Lambda takes no more"
        )));
    }
    cache.keep(output, &digest)
}

#[cfg(test)]
mod tests {
    use super::resolve;

    #[test]
    fn links_stay_inside_the_archive() {
        assert_eq!(resolve("a/layer.tar", "../b/layer.tar"), "b/layer.tar");
        assert_eq!(resolve("a/x", "y"), "a/y");
        assert_eq!(resolve("x", "../../../etc/passwd"), "etc/passwd");
        assert_eq!(resolve("a/x", "/y"), "y");
    }
}
