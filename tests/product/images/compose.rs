//! Composition: what is in the image, and what is refused.

use super::support::{
    Entry, RUNTIME, X86, bytes_of, composed, config_in, definition, file, gzip, link, listing, tar_of, zstd,
};
use serde_json::Value;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use tempfile::tempdir;
use throng_core::image::{BlobSource, Cache, ImageError, compose};
use throng_core::model::Architecture;
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

/// An OCI layout folder with one image; each layer as `(media type, bytes, tar)`.
pub(super) fn layout(folder: &Path, architecture: &str, layers: &[(&str, Vec<u8>, Vec<u8>)], tag: &str) {
    let blobs = folder.join("blobs/sha256");
    fs::create_dir_all(&blobs).unwrap();
    fs::write(folder.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
    let put = |bytes: &[u8]| {
        let digest = super::double::sha256(bytes);
        fs::write(blobs.join(&digest[7..]), bytes).unwrap();
        digest
    };
    let diff_ids: Vec<_> = layers.iter().map(|(_, _, tar)| super::double::sha256(tar)).collect();
    let config = serde_json::json!({"architecture": architecture, "os": "linux", "config":
        {"Entrypoint": ["/entry"], "Cmd": ["a"], "Env": ["PATH=/x", "MINE=0", "B=2"], "WorkingDir": "/work"},
        "rootfs": {"type": "layers", "diff_ids": diff_ids}})
    .to_string();
    let layers: Vec<_> = layers
        .iter()
        .map(|(kind, bytes, _)| serde_json::json!({"mediaType": kind, "digest": put(bytes), "size": bytes.len()}))
        .collect();
    // umoci writes no top-level mediaType.
    let manifest = serde_json::json!({"schemaVersion": 2, "config": {"mediaType": "application/vnd.oci.image.config.v1+json",
        "digest": put(config.as_bytes()), "size": config.len()}, "layers": layers})
    .to_string();
    let index = serde_json::json!({"schemaVersion": 2, "manifests": [{"mediaType": "application/vnd.oci.image.manifest.v1+json",
        "digest": put(manifest.as_bytes()), "size": manifest.len(),
        "annotations": {"org.opencontainers.image.ref.name": tag}}]});
    fs::write(folder.join("index.json"), index.to_string()).unwrap();
}

pub(super) const PLAIN: &str = "application/vnd.oci.image.layer.v1.tar";
pub(super) const GZIP: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
const ZSTD: &str = "application/vnd.oci.image.layer.v1.tar+zstd";

fn layers() -> Vec<(&'static str, Vec<u8>, Vec<u8>)> {
    let (a, b, c) = (tar_of(&[file("a", "1")]), tar_of(&[file("b", "2")]), tar_of(&[file("c", "3")]));
    vec![(GZIP, gzip(&a), a), (PLAIN, b.clone(), b), (ZSTD, zstd(&c), c)]
}

#[tokio::test]
async fn a_layout_keeps_its_gzip_layers_and_its_settings() {
    let folder = tempdir().unwrap();
    layout(&folder.path().join("img"), "amd64", &layers(), "app");
    let cache = Cache::at(&folder.path().join("cache"));
    let mut digests = Vec::new();
    for spelling in ["oci:img:app", "oci:img", "./img"] {
        let image = composed(&definition(folder.path(), spelling), &cache).await.unwrap();
        assert_eq!(image.blobs.len(), 5, "configuration, three layers and ours");
        assert_eq!(bytes_of(&image.blobs[1]), layers()[0].1, "gzip stays byte for byte");
        assert!(listing(&bytes_of(&image.blobs[2])).contains_key("b"), "plain is compressed");
        assert!(listing(&bytes_of(&image.blobs[3])).contains_key("c"), "zstd is compressed anew");
        let manifest: Value = serde_json::from_slice(&image.manifest).unwrap();
        for layer in manifest["layers"].as_array().unwrap() {
            assert_eq!(layer["mediaType"], GZIP);
        }
        let settings = config_in(&image);
        assert_eq!((settings.entrypoint, settings.cmd), (vec!["/entry".to_owned()], vec!["a".to_owned()]));
        assert_eq!(settings.workdir, "/work");
        assert_eq!(
            (settings.env["MINE"].as_str(), settings.env["B"].as_str()),
            ("1", "2"),
            "the definition wins"
        );
        digests.push(image.digest);
    }
    assert!(digests.iter().all(|digest| *digest == digests[0]));
}

#[tokio::test]
async fn variables_of_the_function_win_over_the_image_s() {
    let folder = tempdir().unwrap();
    layout(&folder.path().join("img"), "amd64", &layers(), "app");
    let cache = Cache::at(&folder.path().join("cache"));
    let mut definition = definition(folder.path(), "oci:img");
    definition.lambda_env.insert("B".into(), "of the function".into());
    let settings = config_in(&composed(&definition, &cache).await.unwrap());
    assert!(!settings.env.contains_key("B"), "the runtime takes it from its own environment");
    assert_eq!(settings.env["PATH"], "/x");
}

#[tokio::test]
async fn a_layer_is_compressed_once() {
    let folder = tempdir().unwrap();
    layout(&folder.path().join("img"), "amd64", &layers(), "app");
    let cache = Cache::at(&folder.path().join("cache"));
    let definition = definition(folder.path(), "oci:img");
    let first = composed(&definition, &cache).await.unwrap();
    // Without the source's bytes the second time can only come from the cache.
    let plain = super::double::sha256(&layers()[1].1);
    fs::write(folder.path().join("img/blobs/sha256").join(&plain[7..]), vec![0; layers()[1].1.len()])
        .unwrap();
    assert_eq!(composed(&definition, &cache).await.unwrap().digest, first.digest);
    let other = Cache::at(&folder.path().join("other"));
    let error = composed(&definition, &other).await.expect_err("damaged").to_string();
    assert!(error.contains("damaged"), "{error}");
}

fn pack(folder: &Path, to: &Path, entries: &[&str]) {
    let mut builder = tar::Builder::new(fs::File::create(to).unwrap());
    for name in entries {
        let path = folder.join(name);
        if path.is_dir() {
            builder.append_dir_all(name, path).unwrap();
        } else {
            builder.append_path_with_name(path, name).unwrap();
        }
    }
    builder.finish().unwrap();
}

#[tokio::test]
async fn archives_give_the_same_image_as_the_layout() {
    let folder = tempdir().unwrap();
    let img = folder.path().join("img");
    layout(&img, "amd64", &layers(), "app");
    pack(&img, &folder.path().join("img.tar"), &["oci-layout", "index.json", "blobs"]);
    let packed = gzip(&fs::read(folder.path().join("img.tar")).unwrap());
    fs::write(folder.path().join("img.tar.gz"), packed).unwrap();
    let cache = Cache::at(&folder.path().join("cache"));
    let mut digests = Vec::new();
    for spelling in
        ["oci:img", "oci-archive:img.tar", "oci-archive:img.tar:app", "./img.tar", "oci-archive:img.tar.gz"]
    {
        digests.push(composed(&definition(folder.path(), spelling), &cache).await.unwrap().digest);
    }
    assert!(digests.iter().all(|digest| *digest == digests[0]), "{digests:?}");
}

#[tokio::test]
async fn a_docker_archive_is_read_with_its_links() {
    let folder = tempdir().unwrap();
    let (a, b) = (tar_of(&[file("a", "1")]), tar_of(&[file("b", "2")]));
    let diff_ids = [&a, &b, &a].map(|tar| super::double::sha256(tar));
    let saved = folder.path().join("saved");
    fs::create_dir_all(saved.join("one")).unwrap();
    fs::create_dir_all(saved.join("two")).unwrap();
    fs::create_dir_all(saved.join("three")).unwrap();
    fs::write(saved.join("one/layer.tar"), &a).unwrap();
    fs::write(saved.join("two/layer.tar"), &b).unwrap();
    symlink("../one/layer.tar", saved.join("three/layer.tar")).unwrap();
    let config = serde_json::json!({"architecture": "amd64", "os": "linux",
        "config": {"Entrypoint": null, "Cmd": ["/bin/sh"], "Env": null, "WorkingDir": "", "Labels": null},
        "rootfs": {"type": "layers", "diff_ids": diff_ids}});
    fs::write(saved.join("c.json"), config.to_string()).unwrap();
    let manifest = r#"[{"Config":"c.json","RepoTags":["x:latest"],"Layers":["one/layer.tar","two/layer.tar","three/layer.tar"]}]"#;
    fs::write(saved.join("manifest.json"), manifest).unwrap();
    let mut builder = tar::Builder::new(fs::File::create(folder.path().join("saved.tar")).unwrap());
    builder.follow_symlinks(false);
    for name in ["one", "two", "three"] {
        builder.append_dir_all(name, saved.join(name)).unwrap();
    }
    builder.append_path_with_name(saved.join("c.json"), "c.json").unwrap();
    builder.append_path_with_name(saved.join("manifest.json"), "manifest.json").unwrap();
    builder.finish().unwrap();
    let cache = Cache::at(&folder.path().join("cache"));
    for spelling in ["docker-archive:saved.tar", "./saved.tar"] {
        let image = composed(&definition(folder.path(), spelling), &cache).await.unwrap();
        assert_eq!(image.blobs.len(), 5);
        assert_eq!(image.blobs[1].digest, image.blobs[3].digest, "the same layer twice");
        assert!(listing(&bytes_of(&image.blobs[2])).contains_key("b"));
        assert_eq!(config_in(&image).cmd, ["/bin/sh"]);
    }
}

#[tokio::test]
async fn the_wrong_architecture_is_refused() {
    let folder = tempdir().unwrap();
    layout(&folder.path().join("img"), "arm64", &layers(), "app");
    let cache = Cache::at(&folder.path().join("cache"));
    let mut definition = definition(folder.path(), "oci:img");
    let error = composed(&definition, &cache).await.expect_err("arm64");
    assert!(matches!(error, ImageError::Refused(_)), "{error}");
    assert!(error.to_string().contains("linux/arm64") && error.to_string().contains("x86_64"), "{error}");
    definition.architecture = Architecture::Arm64;
    composed(&definition, &cache).await.unwrap();
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
