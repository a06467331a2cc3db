//! An append-only file of checksummed lines: what has been done, so that it is not done again after a kill.
//!
//! The first line says the version; a journal of a newer one is refused, one without it is of throng 0.1 and has the same
//! lines. A line is eight hexadecimal digits (CRC-32 of the rest), a space, JSON. A line that does not check, such as the
//! last one of a process that was killed while writing, is as if it had never been written.

use crate::private;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{BufRead, BufReader, Error, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// The version of what is written here.
const VERSION: u32 = 1;

/// The first line.
#[derive(Debug, Serialize, Deserialize)]
struct Head {
    throng_journal: u32,
}

/// An open journal; nobody else has it open.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    file: Mutex<File>,
}

impl Journal {
    /// Opens or creates the journal at `path` and reads what it holds. Lines that do not check are left out.
    ///
    /// # Errors
    /// The file cannot be read or written, another process has it open ([`ErrorKind::WouldBlock`]), or a newer throng wrote
    /// it ([`ErrorKind::Unsupported`]).
    pub fn open<T: DeserializeOwned>(path: &Path) -> std::io::Result<(Self, Vec<T>)> {
        if let Some(folder) = path.parent() {
            private::folder(folder)?;
        }
        let mut file = private::options().read(true).append(true).create(true).open(path)?;
        file.try_lock().map_err(|_| {
            let message = format!("{} is in use by another throng", path.display());
            Error::new(ErrorKind::WouldBlock, message)
        })?;
        check_version(&file, path)?;
        let entries = read_lines(&file)?;
        // What is appended must begin a line, also after a torn one.
        let end = file.seek(SeekFrom::End(0))?;
        if end > 0 {
            let mut last = [0];
            file.seek(SeekFrom::Start(end - 1))?;
            file.read_exact(&mut last)?;
            if last != *b"\n" {
                file.write_all(b"\n")?;
            }
        } else {
            file.write_all(line_of(&Head { throng_journal: VERSION })?.as_bytes())?;
        }
        Ok((Self { path: path.to_owned(), file: Mutex::new(file) }, entries))
    }

    /// Adds an entry. It survives the death of this process.
    ///
    /// # Errors
    /// The disk is full, or the like.
    pub fn append<T: Serialize>(&self, entry: &T) -> std::io::Result<()> {
        let line = line_of(entry)?;
        let written = self.file.lock().unwrap_or_else(PoisonError::into_inner).write_all(line.as_bytes());
        written.map_err(|error| match error.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
                let folder = self.path.parent().unwrap_or(&self.path).display();
                Error::new(error.kind(), format!("no space left on {folder}"))
            }
            _ => error,
        })
    }

    /// Puts these entries in place of all that it holds. A kill in between leaves the one or the other.
    ///
    /// # Errors
    /// The disk is full, or the like; then it is as it was.
    pub fn rewrite<'e, T: Serialize + 'e>(
        &mut self,
        entries: impl Iterator<Item = &'e T>,
    ) -> std::io::Result<()> {
        let beside = self.path.with_extension("new");
        let mut file = private::options().read(true).append(true).create(true).open(&beside)?;
        file.try_lock().map_err(|_| Error::from(ErrorKind::WouldBlock))?;
        file.set_len(0)?;
        let mut text = line_of(&Head { throng_journal: VERSION })?;
        for entry in entries {
            text.push_str(&line_of(entry)?);
        }
        file.write_all(text.as_bytes())?;
        file.sync_data()?;
        std::fs::rename(&beside, &self.path)?;
        *self.file.get_mut().unwrap_or_else(PoisonError::into_inner) = file;
        Ok(())
    }

    /// Makes what was added survive the death of the machine.
    ///
    /// # Errors
    /// The disk failed.
    pub fn sync(&self) -> std::io::Result<()> {
        self.file.lock().unwrap_or_else(PoisonError::into_inner).sync_data()
    }

    /// Deletes the journal: everything is done.
    ///
    /// # Errors
    /// The file cannot be removed.
    pub fn remove(self) -> std::io::Result<()> {
        std::fs::remove_file(&self.path)
    }
}

fn line_of(entry: &impl Serialize) -> std::io::Result<String> {
    let json = serde_json::to_string(entry).map_err(Error::other)?;
    Ok(format!("{:08x} {json}\n", crc32fast::hash(json.as_bytes())))
}

fn check_version(mut file: &File, path: &Path) -> std::io::Result<()> {
    let mut line = Vec::new();
    BufReader::new(file).take(200).read_until(b'\n', &mut line)?;
    file.seek(SeekFrom::Start(0))?;
    match entry_of::<Head>(&line) {
        Some(head) if head.throng_journal > VERSION => {
            let message = format!("{} was written by a newer throng: use that version", path.display());
            Err(Error::new(ErrorKind::Unsupported, message))
        }
        _ => Ok(()),
    }
}

fn read_lines<T: DeserializeOwned>(file: &File) -> std::io::Result<Vec<T>> {
    let mut entries = Vec::new();
    let mut line = Vec::new();
    let mut reader = BufReader::new(file);
    loop {
        line.clear();
        if reader.read_until(b'\n', &mut line)? == 0 {
            return Ok(entries);
        }
        entries.extend(entry_of(&line));
    }
}

fn entry_of<T: DeserializeOwned>(line: &[u8]) -> Option<T> {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    let (crc, json) = (line.get(..8)?, line.get(9..)?);
    let crc = u32::from_str_radix(std::str::from_utf8(crc).ok()?, 16).ok()?;
    (crc == crc32fast::hash(json)).then(|| serde_json::from_slice(json).ok()).flatten()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    fn written(entries: &[&str]) -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("sub/x.journal");
        let (journal, old) = Journal::open::<String>(&path).unwrap();
        assert!(old.is_empty());
        for entry in entries {
            journal.append(entry).unwrap();
        }
        (dir, path)
    }

    fn read(path: &Path) -> Vec<String> {
        Journal::open::<String>(path).unwrap().1
    }

    #[test]
    fn a_torn_tail_at_any_byte_costs_one_entry_and_harms_no_later_one() {
        let (_dir, path) = written(&["one", "two", "three"]);
        let whole = std::fs::read(&path).unwrap();
        let last = whole.iter().rev().skip(1).position(|b| *b == b'\n').unwrap();
        for cut in 1..=last {
            std::fs::write(&path, &whole[..whole.len() - cut]).unwrap();
            let (journal, old) = Journal::open::<String>(&path).unwrap();
            // Without its line end alone, the entry is whole.
            let mut expected = if cut == 1 { vec!["one", "two", "three"] } else { vec!["one", "two"] };
            assert_eq!(old, expected, "cut {cut}");
            journal.append(&"four").unwrap();
            drop(journal);
            expected.push("four");
            assert_eq!(read(&path), expected, "cut {cut}");
        }
    }

    #[test]
    fn a_damaged_line_is_left_out() {
        let (_dir, path) = written(&["one", "two", "three"]);
        let text = std::fs::read_to_string(&path).unwrap().replace("two", "tvo");
        std::fs::write(&path, text).unwrap();
        assert_eq!(read(&path), ["one", "three"]);
    }

    #[test]
    fn the_version_is_stated_an_older_one_is_read_and_a_newer_one_is_refused() {
        let (_dir, path) = written(&["one"]);
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.lines().next().unwrap().ends_with("{\"throng_journal\":1}"), "{text}");
        // As 0.1 wrote it.
        std::fs::write(&path, line_of(&"old").unwrap()).unwrap();
        assert_eq!(read(&path), ["old"]);
        std::fs::write(&path, line_of(&Head { throng_journal: 2 }).unwrap()).unwrap();
        let error = Journal::open::<String>(&path).unwrap_err();
        assert!(error.to_string().contains("newer throng"), "{error}");
    }

    #[test]
    fn it_is_written_anew_and_stays_ours() {
        let (_dir, path) = written(&["one", "two", "three"]);
        let (mut journal, _) = Journal::open::<String>(&path).unwrap();
        journal.rewrite(["two".to_owned()].iter()).unwrap();
        journal.append(&"four").unwrap();
        assert_eq!(Journal::open::<String>(&path).unwrap_err().kind(), ErrorKind::WouldBlock);
        drop(journal);
        assert_eq!(read(&path), ["two", "four"]);
    }

    #[test]
    fn two_cannot_write_at_once() {
        let (_dir, path) = written(&["one"]);
        let (first, _) = Journal::open::<String>(&path).unwrap();
        let error = Journal::open::<String>(&path).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WouldBlock);
        drop(first);
        assert_eq!(read(&path), ["one"]);
    }
}
