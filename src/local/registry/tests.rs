#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::*;
use flate2::write::GzEncoder;
use serde_json::json;
use std::io::Write;
use std::time::Duration;

fn layer(entries: &[(&str, &str)]) -> Vec<u8> {
    let mut archive = tar::Builder::new(GzEncoder::new(Vec::new(), flate2::Compression::fast()));
    for (name, text) in entries {
        let mut header = tar::Header::new_gnu();
        let folder = name.ends_with('/');
        header.set_entry_type(if folder { tar::EntryType::Directory } else { tar::EntryType::Regular });
        header.set_mode(if folder { 0o755 } else { 0o644 });
        header.set_size(text.len() as u64);
        archive.append_data(&mut header, name, text.as_bytes()).unwrap();
    }
    archive.into_inner().unwrap().finish().unwrap()
}

/// Puts an image into the store; answers the digest of its manifest.
fn push(store: &ImageStore, repository: &str, tag: &str, layers: &[Vec<u8>]) -> String {
    let content = &store.content;
    let config =
        json!({"architecture": "amd64", "os": "linux", "config": {"Entrypoint": ["/opt/throng/runtime"]}});
    let config = content.store(config.to_string().as_bytes()).unwrap();
    let layers: Vec<_> = layers
        .iter()
        .map(|layer| {
            json!({"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "size": layer.len(),
                "digest": content.store(layer).unwrap()})
        })
        .collect();
    let manifest = json!({"schemaVersion": 2, "layers": layers, "config":
        {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": config, "size": 1}});
    let digest = content.store(manifest.to_string().as_bytes()).unwrap();
    let tag = names::Reference::parse(tag).unwrap();
    content.put_manifest(repository, &tag, &digest, "application/vnd.oci.image.manifest.v1+json").unwrap();
    digest
}

#[tokio::test]
async fn an_image_is_resolved_unpacked_once_and_shared() {
    let folder = tempfile::tempdir().unwrap();
    let store = ImageStore::open(folder.path()).unwrap();
    let base = layer(&[("etc/", ""), ("etc/name", "base"), ("gone", "x")]);
    let one = push(&store, "a/one", "v1", &[base.clone(), layer(&[(".wh.gone", ""), ("one", "1")])]);
    let two = push(&store, "two", "latest", &[base, layer(&[("two", "2")])]);
    let image = store.resolve("127.0.0.1:1/a/one:v1").await.unwrap();
    assert_eq!((image.digest.as_str(), image.architecture.as_str()), (one.as_str(), "x86_64"));
    assert_eq!(image.entrypoint, ["/opt/throng/runtime"]);
    assert_eq!(store.resolve(&format!("h:1/two@{two}")).await.unwrap().digest, two);

    let (root, again) = tokio::join!(store.rootfs(&one), store.rootfs(&one));
    let (root, other) = (root.unwrap(), store.rootfs(&two).await.unwrap());
    assert_eq!(root, again.unwrap());
    assert_ne!(root, other);
    assert_eq!(std::fs::read_to_string(root.join("one")).unwrap(), "1");
    assert!(!root.join("gone").exists() && other.join("gone").exists() && root.join("proc").is_dir());
    let inode =
        |root: &Path| std::os::unix::fs::MetadataExt::ino(&std::fs::metadata(root.join("etc/name")).unwrap());
    assert_eq!(inode(&root), inode(&other));
}

#[tokio::test]
async fn what_is_not_there_or_not_allowed_is_told_as_aws_tells_it() {
    let folder = tempfile::tempdir().unwrap();
    let store = ImageStore::open(folder.path()).unwrap();
    let error = store.resolve("h:1/none:v1").await.unwrap_err();
    let text = "Source image h:1/none:v1 does not exist. Provide a valid source image.";
    assert!(matches!(&error, ImageError::NotFound(found) if found == text), "{error}");
    let orphan = push(&store, "orphan", "v1", &[layer(&[("var/task/app", "x")])]);
    let error = store.rootfs(&orphan).await.unwrap_err();
    let words = "InvalidImage(MissingParentDirectory: Parent directory does not exist for file var/task/app)";
    assert!(
        matches!(&error, ImageError::Invalid { code, reason } if code == "InvalidImage" && reason == words)
    );
    // Nothing half made stays.
    for part in ["layers", "roots"] {
        assert_eq!(std::fs::read_dir(folder.path().join(part)).unwrap().count(), 0, "{part}");
    }
    // A parent in a lower layer is enough.
    let below = layer(&[("var/", ""), ("var/task/", "")]);
    let fine = push(&store, "fine", "v1", &[below, layer(&[("var/task/app", "x")])]);
    assert!(store.rootfs(&fine).await.unwrap().join("var/task/app").is_file());
}

/// A layer is unpacked once for all images, unless where its files go depends on what is below it.
#[tokio::test]
async fn a_layer_goes_where_the_folders_below_it_are() {
    let folder = tempfile::tempdir().unwrap();
    let store = ImageStore::open(folder.path()).unwrap();
    let mut archive = tar::Builder::new(GzEncoder::new(Vec::new(), flate2::Compression::fast()));
    let folder_kind = tar::EntryType::Directory;
    for (name, kind, target) in [
        ("usr/", folder_kind, ""),
        ("usr/lib/", folder_kind, ""),
        ("lib", tar::EntryType::Symlink, "usr/lib"),
    ] {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(kind);
        header.set_mode(0o755);
        header.set_size(0);
        if target.is_empty() {
            archive.append_data(&mut header, name, std::io::empty()).unwrap();
        } else {
            archive.append_link(&mut header, name, target).unwrap();
        }
    }
    let merged = archive.into_inner().unwrap().finish().unwrap();
    let (plain, shared) = (layer(&[("lib/", "")]), layer(&[("lib/x", "x")]));
    let one = push(&store, "one", "v1", &[merged, shared.clone()]);
    let two = push(&store, "two", "v1", &[plain, shared]);
    let (one, two) = (store.rootfs(&one).await.unwrap(), store.rootfs(&two).await.unwrap());
    let is_link = |root: &Path| std::fs::symlink_metadata(root.join("lib")).unwrap().is_symlink();
    assert!(is_link(&one) && one.join("usr/lib/x").is_file());
    assert!(!is_link(&two) && two.join("lib/x").is_file() && !two.join("usr").exists());
}

#[tokio::test]
async fn sweep_removes_what_no_image_needs_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let store = ImageStore::open(folder.path()).unwrap();
    let base = layer(&[("base", "b")]);
    let gone = push(&store, "gone", "v1", &[base.clone(), layer(&[("gone", "1")])]);
    let used = push(&store, "used", "v1", &[base.clone(), layer(&[("used", "2")])]);
    let kept = push(&store, "kept", "v1", &[base, layer(&[("kept", "3")])]);
    let mut roots = Vec::new();
    for digest in [&gone, &used, &kept] {
        roots.push(store.rootfs(digest).await.unwrap());
    }
    std::fs::File::create(folder.path().join("uploads/x")).unwrap().write_all(b"abc").unwrap();
    assert!(store.remove("gone", &gone).await.unwrap() && store.remove("used", &used).await.unwrap());
    assert!(!store.remove("gone", &gone).await.unwrap());
    // Young blobs are left: their manifest may be on its way.
    store.sweep(std::slice::from_ref(&used)).await.unwrap();
    assert!(store.content.blob(&gone).is_some() && !roots[0].exists());
    sweep::sweep(&store.content, std::slice::from_ref(&used), Duration::ZERO).unwrap();
    assert!(store.content.blob(&gone).is_none());
    assert!(!folder.path().join("uploads/x").exists());
    assert_eq!(std::fs::read_to_string(roots[1].join("used")).unwrap(), "2");
    assert_eq!(std::fs::read_to_string(roots[2].join("base")).unwrap(), "b");
    assert_eq!(store.content.repositories(), ["kept"]);
    assert_eq!(std::fs::read_dir(folder.path().join("layers")).unwrap().count(), 6); // base, used, kept; and sizes
}
