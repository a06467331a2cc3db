#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::*;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};

/// One entry, with a path that no library would write.
fn add(to: &mut Vec<u8>, path: &str, kind: EntryType, mode: u32, link: &str, body: &[u8]) {
    let mut header = Header::new_gnu();
    header.as_old_mut().name[..path.len()].copy_from_slice(path.as_bytes());
    header.as_old_mut().linkname[..link.len()].copy_from_slice(link.as_bytes());
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_mtime(1_000_000_000);
    header.set_size(body.len() as u64);
    header.set_cksum();
    to.extend_from_slice(header.as_bytes());
    to.extend_from_slice(body);
    to.resize(to.len().next_multiple_of(512), 0);
}

fn file(to: &mut Vec<u8>, path: &str, body: &[u8]) {
    add(to, path, EntryType::Regular, 0o644, "", body);
}

fn folder(to: &mut Vec<u8>, path: &str) {
    add(to, path, EntryType::Directory, 0o755, "", b"");
}

struct Place {
    whole: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let whole = tempfile::tempdir().unwrap();
        fs::create_dir(whole.path().join("root")).unwrap();
        fs::create_dir(whole.path().join("outside")).unwrap();
        fs::write(whole.path().join("outside/file"), "untouched").unwrap();
        Self { whole }
    }

    fn root(&self) -> std::path::PathBuf {
        self.whole.path().join("root")
    }

    fn unpack(&self, archive: &[u8]) -> Result<Unpacked, UnpackError> {
        let outcome = unpack(archive, &self.root(), 1 << 20, &|_| None);
        assert_eq!(fs::read_to_string(self.whole.path().join("outside/file")).unwrap(), "untouched");
        assert_eq!(fs::read_dir(self.whole.path().join("outside")).unwrap().count(), 1);
        assert_eq!(fs::read_dir(self.whole.path()).unwrap().count(), 2);
        outcome
    }
}

#[test]
fn hostile_entries_are_refused_by_name_and_write_nothing_outside() {
    type Build = fn(&mut Vec<u8>);
    let table: &[(&str, &str, Build)] = &[
        ("../outside/new", "'..'", |to| file(to, "../outside/new", b"x")),
        ("/../outside/new", "'..'", |to| file(to, "/../outside/new", b"x")),
        ("a/../../outside/new", "'..'", |to| file(to, "a/../../outside/new", b"x")),
        ("way/new/x", "circle", |to| {
            add(to, "way", EntryType::Symlink, 0o777, "way", b"");
            file(to, "way/new/x", b"x");
        }),
        ("a/b/x", "circle", |to| {
            folder(to, "a");
            add(to, "a/b", EntryType::Symlink, 0o777, "../a/../a/../a/../a/../a/b", b"");
            file(to, "a/b/x", b"x");
        }),
        ("hard", "outside", |to| add(to, "hard", EntryType::Link, 0o644, "../outside/file", b"")),
        ("hard", "No such file", |to| add(to, "hard", EntryType::Link, 0o644, "/etc/passwd", b"")),
        ("hard", "No such file", |to| {
            add(to, "way", EntryType::Symlink, 0o777, "../outside", b"");
            add(to, "hard", EntryType::Link, 0o644, "way/file", b"");
        }),
        ("hard", "No such file", |to| add(to, "hard", EntryType::Link, 0o644, "nothing", b"")),
        ("odd", "kind", |to| add(to, "odd", EntryType::GNUSparse, 0o666, "", b"")),
        ("file/below", "is a file", |to| {
            file(to, "file", b"x");
            file(to, "file/below", b"x");
        }),
    ];
    for (name, reason, build) in table {
        let mut archive = Vec::new();
        build(&mut archive);
        let error = Place::new().unpack(&archive).expect_err(name);
        let text = error.to_string();
        assert!(matches!(error, UnpackError::Refused { .. }), "{name}: {text}");
        assert!(text.contains(&format!("{name:?}")) && text.contains(reason), "{name}: {text}");
    }
}

#[test]
fn absolute_names_and_linked_folders_stay_inside() {
    let place = Place::new();
    let mut archive = Vec::new();
    folder(&mut archive, "/nix");
    file(&mut archive, "/nix/tool", b"tool");
    add(&mut archive, "/nix/same", EntryType::Link, 0, "/nix/tool", b"");
    folder(&mut archive, "usr");
    folder(&mut archive, "usr/lib");
    // A merged /usr, and the same with more turns.
    add(&mut archive, "lib", EntryType::Symlink, 0o777, "usr/lib", b"");
    file(&mut archive, "lib/libx.so", b"x");
    add(&mut archive, "usr/lib64", EntryType::Symlink, 0o777, "/./lib/../lib//", b"");
    add(&mut archive, "usr/lib64/liby.so", EntryType::Symlink, 0o777, "libx.so", b"");
    add(&mut archive, "hard", EntryType::Link, 0, "usr/lib64/libx.so", b"");
    // What would lead out stays at the root.
    folder(&mut archive, "outside");
    add(&mut archive, "way", EntryType::Symlink, 0o777, "../../outside", b"");
    file(&mut archive, "way/file", b"mine");
    add(&mut archive, "all", EntryType::Symlink, 0o777, "/", b"");
    folder(&mut archive, "all/new");
    place.unpack(&archive).unwrap();
    let read = |name: &str| fs::read_to_string(place.root().join(name)).unwrap();
    assert_eq!((read("nix/tool"), read("nix/same")), ("tool".into(), "tool".into()));
    assert_eq!(
        (read("usr/lib/libx.so"), read("hard"), read("outside/file")),
        ("x".into(), "x".into(), "mine".into())
    );
    assert_eq!(fs::read_link(place.root().join("lib")).unwrap(), Path::new("usr/lib"), "a link it stays");
    assert_eq!(fs::read_link(place.root().join("usr/lib/liby.so")).unwrap(), Path::new("libx.so"));
    assert!(place.root().join("new").is_dir());
}

#[test]
fn a_link_to_nowhere_is_no_folder() {
    for target in ["../outside", "/etc", "nothing/there"] {
        let mut archive = Vec::new();
        add(&mut archive, "way", EntryType::Symlink, 0o777, target, b"");
        file(&mut archive, "way/file", b"x");
        let error = Place::new().unpack(&archive).unwrap_err();
        assert!(
            matches!(&error, UnpackError::MissingParent(name) if name == "way/file"),
            "{target}: {error}"
        );
    }
}

#[test]
fn links_of_layers_below_are_followed() {
    let place = Place::new();
    let mut archive = Vec::new();
    file(&mut archive, "lib/x/y", b"y");
    file(&mut archive, "tmp/z", b"z");
    let below = |path: &Path| match path.to_str().unwrap() {
        "lib" => Some(Below::Link(b"/usr/lib".to_vec())),
        "usr" | "usr/lib" | "usr/lib/x" => Some(Below::Folder(0o755)),
        "tmp" => Some(Below::Folder(0o1777)),
        _ => None,
    };
    let outcome = unpack(archive.as_slice(), &place.root(), 100, &below).unwrap();
    assert_eq!((outcome.bytes, outcome.leans), (2, true));
    assert!(place.root().join("usr/lib/x/y").is_file() && !place.root().join("lib").exists());
    let mode = fs::metadata(place.root().join("tmp")).unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o1777, "as it is below");
}

#[test]
fn devices_and_pipes_are_left_out_and_counted() {
    let place = Place::new();
    let mut archive = Vec::new();
    folder(&mut archive, "var");
    add(&mut archive, "var/control", EntryType::Fifo, 0o666, "", b"");
    add(&mut archive, "null", EntryType::Char, 0o666, "", b"");
    add(&mut archive, "dev/sda", EntryType::Block, 0o666, "", b"");
    file(&mut archive, "var/after", b"x");
    assert_eq!(place.unpack(&archive).unwrap().left_out, 3);
    assert!(place.root().join("var/after").is_file());
    assert_eq!(fs::read_dir(place.root().join("var")).unwrap().count(), 1);
}

#[test]
fn a_file_over_a_link_replaces_the_link_and_not_its_target() {
    let place = Place::new();
    let mut archive = Vec::new();
    add(&mut archive, "file", EntryType::Symlink, 0o777, "../outside/file", b"");
    file(&mut archive, "file", b"mine");
    add(&mut archive, "dir", EntryType::Symlink, 0o777, "../outside", b"");
    folder(&mut archive, "dir");
    file(&mut archive, "dir/new", b"x");
    place.unpack(&archive).unwrap();
    assert_eq!(fs::read_to_string(place.root().join("file")).unwrap(), "mine");
    assert!(place.root().join("dir/new").is_file());
}

#[test]
fn modes_times_links_and_long_names_are_kept_and_privileges_are_not() {
    let place = Place::new();
    let mut archive = Vec::new();
    folder(&mut archive, "./");
    add(&mut archive, "./d", EntryType::Directory, 0o1777, "", b"");
    add(&mut archive, "closed", EntryType::Directory, 0o555, "", b"");
    file(&mut archive, "closed/in", b"x");
    add(&mut archive, "run", EntryType::Regular, 0o6755, "", b"program");
    add(&mut archive, "same", EntryType::Link, 0, "run", b"");
    add(&mut archive, "sh", EntryType::Symlink, 0o777, "/bin/busybox", b"");
    folder(&mut archive, "dev");
    add(&mut archive, "dev/console", EntryType::Char, 0o600, "", b"");
    let name = format!("d/{}", "n".repeat(200));
    add(&mut archive, "long", EntryType::GNULongName, 0, "", name.as_bytes());
    file(&mut archive, "d/n", b"long");
    let pax = format!("{} path=d/{}\n", 10 + 101, "p".repeat(99));
    assert_eq!(pax.len(), 111);
    add(&mut archive, "pax", EntryType::XHeader, 0, "", pax.as_bytes());
    file(&mut archive, "d/p", b"pax!");
    assert_eq!(place.unpack(&archive).unwrap().bytes, 1 + 7 + 4 + 4);
    let of = |name: &str| fs::symlink_metadata(place.root().join(name)).unwrap();
    assert_eq!(of("run").permissions().mode() & 0o7777, 0o755);
    assert_eq!(of("run").mtime(), 1_000_000_000);
    assert_eq!(of("run").ino(), of("same").ino());
    assert_eq!(of("d").permissions().mode() & 0o7777, 0o1777);
    assert_eq!(of("closed").permissions().mode() & 0o7777, 0o755);
    assert_eq!(fs::read_link(place.root().join("sh")).unwrap(), Path::new("/bin/busybox"));
    assert!(!place.root().join("dev/console").exists());
    assert_eq!(fs::read(place.root().join(&name)).unwrap(), b"long");
    assert_eq!(fs::read(place.root().join(format!("d/{}", "p".repeat(99)))).unwrap(), b"pax!");
}

#[test]
fn bombs_stop_at_the_budget() {
    let mut archive = Vec::new();
    file(&mut archive, "a", &vec![0; 1 << 19]);
    file(&mut archive, "b", &vec![0; 1 << 19]);
    file(&mut archive, "c", b"x");
    assert!(matches!(Place::new().unpack(&archive), Err(UnpackError::TooLarge)));
    // Sizes that are only claimed.
    let mut header = Header::new_gnu();
    header.set_path("huge").unwrap();
    header.set_mode(0o644);
    header.set_size(1 << 50);
    header.set_cksum();
    assert!(matches!(Place::new().unpack(header.as_bytes()), Err(UnpackError::TooLarge)));
    for kind in [EntryType::GNULongName, EntryType::XHeader] {
        header.set_entry_type(kind);
        header.set_size(1 << 40);
        header.set_cksum();
        assert!(matches!(Place::new().unpack(header.as_bytes()), Err(UnpackError::Damaged(_))));
    }
}

#[test]
fn parents_must_be_there_in_this_layer_or_below() {
    let mut archive = Vec::new();
    file(&mut archive, "var/task/app", b"x");
    let error = Place::new().unpack(&archive).unwrap_err().to_string();
    assert_eq!(error, "Parent directory does not exist for file var/task/app");
    let place = Place::new();
    unpack(archive.as_slice(), &place.root(), 100, &|path| {
        (path == Path::new("var") || path == Path::new("var/task")).then_some(Below::Folder(0o755))
    })
    .unwrap();
    assert!(place.root().join("var/task/app").is_file());
}

#[test]
fn a_cut_archive_is_damaged() {
    let mut archive = Vec::new();
    file(&mut archive, "a", &[7; 5000]);
    for cut in [100, 600, 4000] {
        assert!(Place::new().unpack(&archive[..cut]).is_err(), "{cut}");
    }
}

/// A small generator, so that a failure can be repeated.
fn noise(seed: u64) -> impl FnMut() -> u64 {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    }
}

#[test]
fn arbitrary_archives_never_write_outside() {
    let names =
        ["a", "a/b", "../outside/file", "a/../b", "l", "l/file", "/x", ".", "", "a//b", "l/../../outside/x"];
    let kinds = [
        EntryType::Regular,
        EntryType::Directory,
        EntryType::Symlink,
        EntryType::Link,
        EntryType::GNULongName,
        EntryType::GNULongLink,
        EntryType::XHeader,
        EntryType::Fifo,
    ];
    for seed in 0..300 {
        let mut next = noise(seed);
        let mut pick = |limit: usize| usize::try_from(next() % limit as u64).unwrap();
        let mut archive = Vec::new();
        for _ in 0..pick(12) {
            let (path, link) =
                (names[pick(names.len())], ["../outside", "../outside/file", "a", "/", "l"][pick(5)]);
            let kind = kinds[pick(kinds.len())];
            add(&mut archive, path, kind, 0o755, link, &b"25 path=../outside/new!!\n"[..pick(26)]);
        }
        for _ in 0..pick(4) {
            if !archive.is_empty() {
                let at = pick(archive.len());
                archive[at] = u8::try_from(pick(256)).unwrap();
            }
        }
        let _ = Place::new().unpack(&archive); // checks what is outside
    }
}
