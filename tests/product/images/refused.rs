//! Sources that are refused: damaged, hostile, too large, with nothing to run.

use super::support::{Entry, composed, definition, file, gzip, link, tar_of, zstd};
use std::fs;
use std::path::Path;
use tempfile::tempdir;
use throng_core::image::Cache;

#[tokio::test]
async fn what_is_too_large_for_lambda_is_refused_before_it_is_read() {
    let folder = tempdir().unwrap();
    let mut header = tar::Header::new_gnu();
    header.set_path("huge").unwrap();
    header.set_entry_type(tar::EntryType::Regular);
    header.set_mode(0o644);
    header.set_size(11 * 1024 * 1024 * 1024);
    header.set_cksum();
    let mut bytes = header.as_bytes().to_vec();
    bytes.extend([0; 2048]);
    fs::write(folder.path().join("r.tar"), bytes).unwrap();
    let cache = Cache::at(&folder.path().join("cache"));
    let error =
        composed(&definition(folder.path(), "rootfs:r.tar"), &cache).await.expect_err("huge").to_string();
    assert!(error.contains("`huge`") && error.contains("10 GB"), "{error}");
    let left = fs::read_dir(folder.path().join("cache/blobs/sha256")).unwrap().count();
    assert_eq!(left, 0, "nothing half-written stays");
}

#[test]
fn damaged_archives_are_errors_never_panics() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let entries = [
        file("bin/sh", "shell"),
        link(tar::EntryType::Link, "bin/ash", "bin/sh"),
        file("manifest.json", "[{}]"),
    ];
    let plain = tar_of(&entries);
    let folder = tempdir().unwrap();
    let cache = Cache::at(&folder.path().join("cache"));
    let forms = [plain.clone(), gzip(&plain), zstd(&plain)];
    // A fixed sequence: what fails here fails again.
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state >> 33).unwrap()
    };
    for round in 0..300 {
        let mut bytes = forms[round % 3].clone();
        for _ in 0..=next() % 4 {
            let at = next() % bytes.len();
            bytes[at] = u8::try_from(next() % 256).unwrap();
        }
        bytes.truncate(1 + next() % (2 * bytes.len()));
        fs::write(folder.path().join("x.tar"), &bytes).unwrap();
        for spelling in ["rootfs:x.tar", "docker-archive:x.tar", "oci-archive:x.tar", "./x.tar"] {
            let definition = definition(folder.path(), spelling);
            if let Err(error) = runtime.block_on(composed(&definition, &cache)) {
                assert!(!error.to_string().is_empty());
            }
        }
    }
}

#[tokio::test]
async fn hostile_tars_are_refused_with_the_entry() {
    use tar::EntryType::{Link, Symlink};
    let cases: &[(&[Entry], &str, &str)] = &[
        (&[file("../../x", "x")], "../../x", "`..`"),
        (&[file("/../x", "x")], "/../x", "`..`"),
        (&[file("a/../../x", "x")], "a/../../x", "`..`"),
        (&[link(Symlink, "d", "d"), file("d/passwd", "x")], "d/passwd", "circle"),
        (&[link(Link, "x", "/etc/shadow")], "x", "no earlier entry"),
        (&[link(Link, "x", "../../etc/shadow")], "x", "`..`"),
        (&[link(Link, "x", "nothing")], "x", "no earlier entry"),
        (&[file("a", "x"), file("a/b", "x")], "a/b", "not a folder"),
        (&[file("a/b", "x"), file("a", "x")], "a", "replaces a folder"),
        (&[file("etc/.wh.passwd", "x")], "etc/.wh.passwd", "deletions"),
    ];
    for (entries, name, why) in cases {
        let folder = tempdir().unwrap();
        fs::write(folder.path().join("r.tar"), tar_of(entries)).unwrap();
        let cache = Cache::at(&folder.path().join("cache"));
        let error = composed(&definition(folder.path(), "rootfs:r.tar"), &cache).await.expect_err(name);
        let text = error.to_string();
        assert!(text.contains(&format!("`{name}`")) && text.contains(why), "{name}: {text}");
    }
    assert!(!Path::new("/etc/throng-test").exists());
}

#[tokio::test]
async fn damaged_and_odd_layouts_are_explained() {
    let cases: &[(&str, &str)] = &[
        ("[]", "the manifest is neither"),
        ("{", "no JSON"),
        (r#"{"manifests": []}"#, "holds no image"),
        (r#"{"manifests": [{"digest": "sha256:../../../etc/passwd"}]}"#, "not a digest"),
        (r#"{"manifests": [{"digest": "md5:abc"}]}"#, "not a digest"),
        (r#"{"schemaVersion": 1, "fsLayers": []}"#, "schema 1"),
    ];
    for (index, word) in cases {
        let folder = tempdir().unwrap();
        fs::create_dir(folder.path().join("img")).unwrap();
        fs::write(folder.path().join("img/index.json"), index).unwrap();
        let cache = Cache::at(&folder.path().join("cache"));
        let error =
            composed(&definition(folder.path(), "oci:img"), &cache).await.expect_err(index).to_string();
        assert!(error.contains(word), "{index}: {error}");
    }
}

#[tokio::test]
async fn an_image_with_nothing_to_run_is_refused() {
    let folder = tempdir().unwrap();
    fs::create_dir(folder.path().join("root")).unwrap();
    fs::write(folder.path().join("root/x"), "x").unwrap();
    let mut definition = definition(folder.path(), "rootfs:root");
    definition.script = None;
    let cache = Cache::at(&folder.path().join("cache"));
    let error = composed(&definition, &cache).await.expect_err("nothing to run").to_string();
    assert!(error.contains("nothing to run"), "{error}");
}
