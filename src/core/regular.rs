//! Reads files that a person names: regular ones, up to a size. A link to a device would be read for ever, a pipe that nobody
//! writes to waited for.

use nix::fcntl::OFlag;
use std::fs::OpenOptions;
use std::io::{self, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

/// The bytes of a regular file of at most `most` bytes.
///
/// # Errors
/// It cannot be read, is no regular file, or is larger: `what` it is to be is said.
pub fn read(path: &Path, most: u64, what: &str) -> io::Result<Vec<u8>> {
    // Opening a pipe without it waits for a writer.
    let file = OpenOptions::new().read(true).custom_flags(OFlag::O_NONBLOCK.bits()).open(path)?;
    let found = file.metadata()?;
    if !found.is_file() {
        let kind = if found.is_dir() { "a folder" } else { "a device or a pipe" };
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("it is {kind}, not {what} in a file"),
        ));
    }
    let mut bytes = Vec::new();
    // It may grow while it is read.
    let length = file.take(most.saturating_add(1)).read_to_end(&mut bytes)? as u64;
    if length > most {
        let text = format!("{} bytes: too large for {what} (at most {most})", length.max(found.len()));
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, text));
    }
    Ok(bytes)
}

/// The text of a regular file of at most `most` bytes.
///
/// # Errors
/// As [`read`]; or it is not UTF-8.
pub fn read_text(path: &Path, most: u64, what: &str) -> io::Result<String> {
    String::from_utf8(read(path, most, what)?)
        .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, format!("it is not UTF-8: {error}")))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn devices_pipes_folders_and_large_files_are_told_at_once() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        std::os::unix::fs::symlink("/dev/zero", at("zero")).unwrap();
        std::fs::write(at("large"), [b'x'; 11]).unwrap();
        std::fs::write(at("fits"), [b'x'; 10]).unwrap();
        let made = std::process::Command::new("mkfifo").arg(at("pipe")).status().unwrap();
        assert!(made.success());
        let told = |name: &str| read_text(&at(name), 10, "a definition").map_err(|error| error.to_string());
        assert_eq!(told("fits").unwrap(), "x".repeat(10));
        for (name, word) in [
            ("zero", "a device or a pipe"),
            ("pipe", "a device or a pipe"),
            (".", "a folder"),
            ("large", "11 bytes: too large for a definition (at most 10)"),
        ] {
            let error = told(name).unwrap_err();
            assert!(error.contains(word), "{name}: {error}");
        }
    }
}
