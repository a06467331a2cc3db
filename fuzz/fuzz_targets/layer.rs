//! Tars: layers as the local cloud unpacks them, root filesystems and archives as the engine reads them. Nothing is
//! written outside the folder, no more than the budget, and no file gets more rights than it should; what the engine
//! makes a layer of, the local cloud unpacks.
#![cfg_attr(feature = "libfuzzer", no_main)]

use std::fs;
use std::io::Read as _;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::Path;
use throng_core::image::fuzzing::{member, root_tar};
use throng_fuzz::fuzz_target;
use throng_local::registry::fuzzing::unpacked;

const BUDGET: u64 = 64 << 10;

fuzz_target!(|data: &[u8]| {
    let tar = with_checksums(data);
    let place = tempfile::tempdir().expect("a folder");
    let at = |name: &str| place.path().join(name);
    for folder in ["root", "again", "outside", "cache"] {
        fs::create_dir(at(folder)).expect("a folder");
    }
    fs::write(at("outside/file"), "untouched").expect("a file");
    let file = at("layer.tar");
    fs::write(&file, &tar).expect("a file");

    let outcome = unpacked(&tar, &at("root"), BUDGET);
    let bytes = look_at(&at("root"));
    assert!(bytes <= BUDGET && outcome.is_ok_and_at_least(bytes), "{bytes} bytes");

    if let Ok((layer, _)) = root_tar(&file) {
        let mut plain = Vec::new();
        flate2::read::GzDecoder::new(&layer[..]).read_to_end(&mut plain).expect("gzip");
        if let Err(error) = unpacked(&plain, &at("again"), u64::MAX) {
            let limits = ["its name is too long", "no valid path", "File name too long"];
            assert!(limits.iter().any(|limit| error.contains(limit)), "{error}");
        }
        look_at(&at("again"));
    }
    if let Ok(bytes) = member(&file, &at("cache"), "manifest.json") {
        assert!(bytes.len() <= tar.len());
    }
    assert_eq!(fs::read_to_string(at("outside/file")).expect("the file"), "untouched");
    assert_eq!(fs::read_dir(at("outside")).expect("the folder").count(), 1);
    assert_eq!(fs::read_dir(place.path()).expect("the folder").count(), 5);
});

trait Outcome {
    /// A layer that was unpacked says how much it has: as much as is there, or more when entries replaced others.
    fn is_ok_and_at_least(&self, bytes: u64) -> bool;
}

impl Outcome for Result<u64, String> {
    fn is_ok_and_at_least(&self, bytes: u64) -> bool {
        self.as_ref().map_or_else(|error| !error.is_empty(), |said| *said >= bytes)
    }
}

/// Checks what was unpacked; gives the bytes of all files.
fn look_at(folder: &Path) -> u64 {
    let mut bytes = 0;
    let mut folders = vec![folder.to_owned()];
    let mut seen = std::collections::HashSet::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder that can be read") {
            let entry = entry.expect("an entry");
            let found = fs::symlink_metadata(entry.path()).expect("an entry");
            let kind = found.file_type();
            assert!(!(kind.is_block_device() || kind.is_char_device() || kind.is_fifo() || kind.is_socket()));
            if kind.is_dir() {
                folders.push(entry.path());
            } else if kind.is_file() && seen.insert(found.ino()) {
                bytes = found.len().saturating_add(bytes);
                assert_eq!(found.mode() & 0o6000, 0, "{} has a set-user-id bit", entry.path().display());
            }
        }
    }
    bytes
}

/// Sets the checksum of every header, which no mutation would hit.
fn with_checksums(data: &[u8]) -> Vec<u8> {
    let mut tar = data.to_vec();
    let mut at = 0_usize;
    while let Some(block) = tar.get_mut(at..at.saturating_add(512)) {
        let mut header = tar::Header::new_old();
        header.as_mut_bytes().copy_from_slice(block);
        let size = header.entry_size().unwrap_or(0);
        if block.iter().any(|byte| *byte != 0) {
            header.set_cksum();
            block.copy_from_slice(header.as_bytes());
        }
        let padded = usize::try_from(size).unwrap_or(usize::MAX).div_ceil(512).saturating_mul(512);
        at = at.saturating_add(512).saturating_add(padded);
    }
    tar
}
