//! OCI layouts, and archives of them and of Docker: what is taken over, and what is made anew.

use super::support::{bytes_of, composed, config_in, definition, file, gzip, listing, tar_of, zstd};
use serde_json::Value;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use tempfile::tempdir;
use throng_core::image::{Cache, ImageError};
use throng_core::model::Architecture;

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
