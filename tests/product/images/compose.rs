//! Composition: what is in the image.

use super::support::{
    Entry, RUNTIME, X86, bytes_of, composed, config_in, definition, file, gzip, link, listing, tar_of, zstd,
};
use serde_json::Value;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use tempfile::tempdir;
use throng_core::image::{BlobSource, Cache, ImageError, compose};
use tokio_util::sync::CancellationToken;

#[tokio::test]
async fn our_layer_holds_the_runtime_the_script_and_the_settings() {
    let folder = tempdir().unwrap();
    fs::write(folder.path().join("prog"), "program").unwrap();
    fs::set_permissions(folder.path().join("prog"), fs::Permissions::from_mode(0o700)).unwrap();
    let definition = definition(folder.path(), "scratch:prog=/usr/bin/prog");
    let cache = Cache::at(&folder.path().join("cache"));
    let image = composed(&definition, &cache).await.unwrap();
    let layer = listing(&bytes_of(image.blobs.last().unwrap()));
    let names: Vec<_> = layer.keys().map(String::as_str).collect();
    let expected =
        ["opt/", "opt/throng/", "opt/throng/function.json", "opt/throng/runtime", "opt/throng/script"];
    assert_eq!(names, expected, "with every parent folder");
    assert_eq!(layer["opt/throng/runtime"], ('f', 0o755, String::from_utf8_lossy(RUNTIME).into_owned()));
    assert_eq!(layer["opt/throng/script"].1, 0o755);
    let base = listing(&bytes_of(&image.blobs[1]));
    assert_eq!(base["usr/bin/prog"], ('f', 0o755, "program".into()), "readable for everyone");
    assert_eq!(base["usr/"].0, 'd');

    let manifest: Value = serde_json::from_slice(&image.manifest).unwrap();
    assert_eq!(manifest["layers"].as_array().unwrap().len(), 2);
    let config: Value = serde_json::from_slice(&image.config).unwrap();
    assert_eq!(config["config"]["Entrypoint"], serde_json::json!(["/opt/throng/runtime"]));
    assert_eq!(config["config"]["WorkingDir"], "/");
    assert_eq!(config["architecture"], "amd64");
    assert_eq!(config["rootfs"]["diff_ids"].as_array().unwrap().len(), 2);
    let settings = config_in(&image);
    assert_eq!(settings, image.function_config);
    assert!(settings.script);
    assert_eq!(settings.entrypoint, ["/usr/bin/prog"]);
    assert_eq!(settings.env["MINE"], "1");
    assert!(settings.env.contains_key("PATH"));
}

#[tokio::test]
async fn the_same_inputs_give_the_same_digest() {
    let mut digests = Vec::new();
    for pass in 0..2 {
        let folder = tempdir().unwrap();
        fs::write(folder.path().join("b"), "two").unwrap();
        fs::write(folder.path().join("a"), "one").unwrap();
        // Another folder, another time, another order on disk.
        let image = if pass == 0 { "scratch:a,b" } else { "scratch:./a=/a,b=/b" };
        let definition = definition(folder.path(), image);
        let cache = Cache::at(&folder.path().join("cache"));
        digests.push(composed(&definition, &cache).await.unwrap().digest);
    }
    assert_eq!(digests[0], digests[1]);
    let folder = tempdir().unwrap();
    fs::write(folder.path().join("a"), "one").unwrap();
    fs::write(folder.path().join("b"), "two").unwrap();
    let definition = definition(folder.path(), "scratch:a,b");
    fs::write(folder.path().join("run.sh"), "another").unwrap();
    let cache = Cache::at(&folder.path().join("cache"));
    assert_ne!(composed(&definition, &cache).await.unwrap().digest, digests[0]);
}

#[tokio::test]
async fn a_root_folder_becomes_one_layer() {
    let folder = tempdir().unwrap();
    let root = folder.path().join("root");
    fs::create_dir_all(root.join("usr/bin")).unwrap();
    fs::write(root.join("usr/bin/sh"), "shell").unwrap();
    fs::hard_link(root.join("usr/bin/sh"), root.join("usr/bin/z")).unwrap();
    symlink("usr/bin", root.join("bin")).unwrap();
    symlink("../../outside", root.join("usr/out")).unwrap();
    nix::unistd::mkfifo(&root.join("pipe"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    let definition = definition(folder.path(), "rootfs:root");
    let cache = Cache::at(&folder.path().join("cache"));
    let image = composed(&definition, &cache).await.unwrap();
    let layer = listing(&bytes_of(&image.blobs[1]));
    assert_eq!(layer["usr/bin/sh"].2, "shell");
    assert_eq!((layer["usr/bin/z"].0, layer["usr/bin/z"].2.as_str()), ('h', "usr/bin/sh"));
    assert_eq!((layer["bin"].0, layer["bin"].2.as_str()), ('l', "usr/bin"));
    assert_eq!(layer["usr/out"].2, "../../outside", "links are data; they are followed inside only");
    assert!(!layer.contains_key("pipe"));
    assert_eq!(image.warnings.len(), 1, "{:?}", image.warnings);
    assert!(image.warnings[0].contains("`pipe`"), "{:?}", image.warnings);
}

#[tokio::test]
async fn a_root_tar_is_taken_over_whatever_its_compression() {
    let entries = [
        Entry { name: "./", kind: tar::EntryType::Directory, body: "" },
        file("./bin/sh", "shell"),
        link(tar::EntryType::Link, "./bin/ash", "./bin/sh"),
        link(tar::EntryType::Symlink, "./sh", "/bin/sh"),
        Entry { name: "./dev/null", kind: tar::EntryType::Char, body: "" },
    ];
    let plain = tar_of(&entries);
    let mut digests = Vec::new();
    for (name, bytes) in [("r.tar", plain.clone()), ("r.tar.gz", gzip(&plain)), ("r.tar.zst", zstd(&plain))] {
        let folder = tempdir().unwrap();
        fs::write(folder.path().join(name), bytes).unwrap();
        let cache = Cache::at(&folder.path().join("cache"));
        // A path alone is recognised too.
        let image = composed(&definition(folder.path(), &format!("./{name}")), &cache).await.unwrap();
        let layer = listing(&bytes_of(&image.blobs[1]));
        let names: Vec<_> = layer.keys().map(String::as_str).collect();
        assert_eq!(names, ["bin/", "bin/ash", "bin/sh", "sh"]);
        assert!(image.warnings[0].contains("dev/null"), "{:?}", image.warnings);
        digests.push(image.digest);
    }
    assert_eq!(digests[0], digests[1]);
    assert_eq!(digests[0], digests[2]);
}

#[tokio::test]
async fn a_root_is_compressed_once_until_it_changes() {
    let folder = tempdir().unwrap();
    let root = folder.path().join("root");
    fs::create_dir(&root).unwrap();
    fs::write(root.join("a"), "one").unwrap();
    nix::unistd::mkfifo(&root.join("pipe"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    let cache = Cache::at(&folder.path().join("cache"));
    let definition = definition(folder.path(), "rootfs:root");
    let first = composed(&definition, &cache).await.unwrap();
    let BlobSource::File { path, .. } = &first.blobs[1].source else { panic!("no file") };
    let made = fs::metadata(path).unwrap().modified().unwrap();
    let second = composed(&definition, &cache).await.unwrap();
    assert_eq!((second.digest, second.warnings), (first.digest.clone(), first.warnings.clone()));
    assert_eq!(fs::metadata(path).unwrap().modified().unwrap(), made, "not written again");
    // The same size and the same modification time, other bytes.
    let before = fs::metadata(root.join("a")).unwrap().modified().unwrap();
    fs::write(root.join("a"), "two").unwrap();
    fs::File::options().write(true).open(root.join("a")).unwrap().set_modified(before).unwrap();
    let third = composed(&definition, &cache).await.unwrap();
    assert_ne!(third.digest, first.digest);
    assert_eq!(listing(&bytes_of(&third.blobs[1]))["a"].2, "two");
}

#[tokio::test]
async fn what_is_cancelled_stops() {
    let folder = tempdir().unwrap();
    fs::write(folder.path().join("a"), "one").unwrap();
    let definition = definition(folder.path(), "scratch:a");
    let request = throng_core::deploy::compose_request(&definition, RUNTIME.into()).unwrap();
    assert_eq!(request.architecture, X86);
    let cancel = CancellationToken::new();
    cancel.cancel();
    let cache = Cache::at(&folder.path().join("cache"));
    assert!(matches!(compose(request, &cache, &cancel).await, Err(ImageError::Cancelled)));
}

#[tokio::test]
async fn layers_are_files_in_the_cache_not_in_memory() {
    let folder = tempdir().unwrap();
    fs::write(folder.path().join("a"), "one").unwrap();
    let cache = Cache::at(&folder.path().join("cache"));
    let image = composed(&definition(folder.path(), "scratch:a"), &cache).await.unwrap();
    let BlobSource::File { path, .. } = &image.blobs[1].source else { panic!("no file") };
    assert!(path.starts_with(folder.path().join("cache/blobs/sha256")));
    let left: Vec<_> = fs::read_dir(path.parent().unwrap()).unwrap().collect();
    assert_eq!(left.len(), 1, "no temporary files stay");
}
