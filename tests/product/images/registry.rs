//! Pull and push against a registry.

use super::double::{Double, sha256};
use super::support::{composed, config_in, definition, file, gzip, listing, tar_of, zstd};
use serde_json::json;
use std::fs;
use std::sync::Mutex;
use tempfile::{TempDir, tempdir};
use throng_core::definition::Definition;
use throng_core::image::{
    BlobSource, Cache, Composed, Credentials, ImageError, LayerState, PushProgress, Registry, Source,
    inspect, list, push, remove,
};
use tokio_util::sync::CancellationToken;

fn place(double: &Double, repository: &str) -> Registry {
    Registry { base_url: double.url(), repository: repository.into(), tag: "v1".into(), credentials: None }
}

async fn pushed(image: &Composed, registry: &Registry) -> Result<String, ImageError> {
    push(image, registry, |_| {}, &CancellationToken::new()).await
}

fn scratch() -> (TempDir, Definition, Cache) {
    let folder = tempdir().unwrap();
    fs::write(folder.path().join("prog"), "program").unwrap();
    let definition = definition(folder.path(), "scratch:prog");
    let cache = Cache::at(&folder.path().join("cache"));
    (folder, definition, cache)
}

/// Puts an image into the double: an index with two platforms and an attestation, the wanted one of Docker's kind.
fn publish(double: &Double, repository: &str, gzip_only: bool) -> Vec<u8> {
    let (a, b) = (tar_of(&[file("a", "1")]), tar_of(&[file("b", "2")]));
    let (kind, second) = if gzip_only {
        ("application/vnd.docker.image.rootfs.diff.tar.gzip", gzip(&b))
    } else {
        ("application/vnd.oci.image.layer.v1.tar+zstd", zstd(&b))
    };
    let layer = |kind: &str, bytes: &[u8]| {
        let digest = double.put_blob(repository, bytes.to_vec());
        json!({"mediaType": kind, "digest": digest, "size": bytes.len()})
    };
    let first = gzip(&a);
    let manifest_for = |architecture: &str| {
        let config = json!({"architecture": architecture, "os": "linux", "config": {"Cmd": ["/a"]},
            "rootfs": {"type": "layers", "diff_ids": [sha256(&a), sha256(&b)]}})
        .to_string();
        let size = config.len();
        let config = double.put_blob(repository, config);
        json!({"schemaVersion": 2, "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
            "config": {"mediaType": "application/vnd.docker.container.image.v1+json", "digest": config, "size": size},
            "layers": [layer("application/vnd.docker.image.rootfs.diff.tar.gzip", &first), layer(kind, &second)]})
        .to_string()
    };
    let entry = |architecture: &str, os: &str| {
        let text = manifest_for(architecture);
        let kind = "application/vnd.docker.distribution.manifest.v2+json";
        let digest = double.put_manifest(repository, &format!("only-{architecture}"), kind, text.clone());
        json!({"mediaType": kind, "digest": digest, "size": text.len(),
            "platform": {"architecture": architecture, "os": os}})
    };
    let index = json!({"schemaVersion": 2, "mediaType": "application/vnd.docker.distribution.manifest.list.v2+json",
        "manifests": [entry("unknown", "unknown"), entry("s390x", "linux"), entry("amd64", "linux")]});
    let kind = "application/vnd.docker.distribution.manifest.list.v2+json";
    double.put_manifest(repository, "latest", kind, index.to_string());
    first
}

#[tokio::test]
async fn a_push_sends_what_is_missing_and_no_more() {
    let double = Double::start().await;
    let (_folder, definition, cache) = scratch();
    let image = composed(&definition, &cache).await.unwrap();
    let registry = place(&double, "team/f");
    let seen = Mutex::new(Vec::new());
    let note = |progress: PushProgress| seen.lock().unwrap().push(progress);
    let uri = push(&image, &registry, note, &CancellationToken::new()).await.unwrap();
    assert_eq!(uri, format!("{}/team/f@{}", double.host, image.digest));
    let last = seen.lock().unwrap().last().unwrap().clone();
    assert_eq!((last.bytes, last.blobs, last.skipped), (image.size(), 3, 0));
    assert_eq!(last.bytes_total, image.size());
    let sent: Vec<_> = last.layers.iter().map(|layer| (layer.state, layer.sent == layer.size)).collect();
    assert_eq!(sent, [(LayerState::Sent, true); 3], "each layer on its own");
    let stored = double.with(|state| state.manifests[&("team/f".to_owned(), "v1".to_owned())].clone());
    assert_eq!(stored.1, image.manifest);
    assert_eq!(stored.0, "application/vnd.oci.image.manifest.v1+json");

    let before = double.count("PUT /v2/team/f/blobs");
    assert_eq!(before, 3);
    pushed(&image, &registry).await.unwrap();
    assert_eq!(double.count("PUT /v2/team/f/blobs"), before, "nothing is sent twice");
    // Another script: only our layer and the configuration change.
    fs::write(definition.script.as_ref().unwrap(), "#!/bin/sh\nother\n").unwrap();
    pushed(&composed(&definition, &cache).await.unwrap(), &registry).await.unwrap();
    assert_eq!(double.count("PUT /v2/team/f/blobs"), before + 2);
}

#[tokio::test]
async fn layers_go_from_registry_to_registry() {
    let (from, to) = (Double::start().await, Double::start().await);
    let layer = publish(&from, "base/x", true);
    let (folder, mut definition, cache) = scratch();
    definition.image = format!("{}/base/x", from.host);
    let image = composed(&definition, &cache).await.unwrap();
    assert!(matches!(image.blobs[1].source, BlobSource::Registry(_)));
    assert!(!folder.path().join("cache").exists(), "nothing touches the disk");
    assert_eq!(config_in(&image).cmd, ["/a"], "of the right platform");
    pushed(&image, &place(&to, "f")).await.unwrap();
    let stored = to.with(|state| state.blobs[&("f".to_owned(), sha256(&layer))].clone());
    assert_eq!(stored, layer, "byte for byte");
}

#[tokio::test]
async fn layers_of_the_same_registry_are_mounted() {
    let double = Double::start().await;
    publish(&double, "base/x", true);
    let (_folder, mut definition, cache) = scratch();
    definition.image = format!("{}/base/x:latest", double.host);
    let image = composed(&definition, &cache).await.unwrap();
    pushed(&image, &place(&double, "f")).await.unwrap();
    assert_eq!(double.count("PUT /v2/f/blobs"), 2, "our layer and the configuration");
    let mounted = double.with(|state| state.requests.iter().filter(|line| line.contains("mount=")).count());
    assert_eq!(mounted, 2);
}

#[tokio::test]
async fn zstd_layers_of_a_registry_become_gzip() {
    let double = Double::start().await;
    publish(&double, "base/x", false);
    let (_folder, mut definition, cache) = scratch();
    definition.image = format!("{}/base/x", double.host);
    let image = composed(&definition, &cache).await.unwrap();
    assert!(listing(&super::support::bytes_of(&image.blobs[2])).contains_key("b"));
    let digest = image.digest.clone();
    let fetched = double.count("GET /v2/base/x/blobs");
    assert_eq!(composed(&definition, &cache).await.unwrap().digest, digest);
    assert_eq!(double.count("GET /v2/base/x/blobs"), fetched + 1, "only the configuration is read again");
}

#[tokio::test]
async fn a_busy_registry_is_asked_again() {
    let double = Double::start().await;
    double.with(|state| state.failing_puts = 2);
    let (_folder, definition, cache) = scratch();
    let image = composed(&definition, &cache).await.unwrap();
    let last = Mutex::new(PushProgress::default());
    let note = |progress| *last.lock().unwrap() = progress;
    push(&image, &place(&double, "f"), note, &CancellationToken::new()).await.unwrap();
    assert_eq!(double.count("PUT /v2/f/blobs"), 5);
    assert_eq!(last.lock().unwrap().bytes, image.size(), "bytes of failed attempts are not counted");
}

#[tokio::test]
async fn a_damaged_layer_is_not_pushed() {
    let double = Double::start().await;
    let (_folder, definition, cache) = scratch();
    let image = composed(&definition, &cache).await.unwrap();
    let BlobSource::File { path, .. } = &image.blobs[1].source else { panic!("no file") };
    let mut bytes = fs::read(path).unwrap();
    bytes[20] ^= 1;
    fs::write(path, bytes).unwrap();
    let error = pushed(&image, &place(&double, "f")).await.expect_err("damaged");
    assert!(
        error.to_string().contains("damaged") && error.to_string().contains(&image.blobs[1].digest),
        "{error}"
    );
    assert!(double.with(|state| state.manifests.is_empty()));
}

#[tokio::test]
async fn credentials_are_used_and_their_lack_is_explained() {
    let double = Double::start().await;
    double.with(|state| state.login = Some("AWS:secret-word".into()));
    let (_folder, definition, cache) = scratch();
    let image = composed(&definition, &cache).await.unwrap();
    let mut registry = place(&double, "f");
    let error = pushed(&image, &registry).await.expect_err("no credentials").to_string();
    assert!(error.contains("credentials"), "{error}");
    let wrong = Credentials { user: "AWS".into(), password: "wrong-word".into() };
    registry.credentials = Some(wrong);
    let error = pushed(&image, &registry).await.expect_err("wrong credentials").to_string();
    assert!(error.contains("credentials") && !error.contains("wrong-word"), "{error}");
    let right = Credentials { user: "AWS".into(), password: "secret-word".into() };
    assert!(!format!("{right:?}").contains("secret-word"));
    registry.credentials = Some(right);
    pushed(&image, &registry).await.unwrap();
}

#[tokio::test]
async fn images_are_listed_inspected_and_removed() {
    let double = Double::start().await;
    let (_folder, definition, cache) = scratch();
    let image = composed(&definition, &cache).await.unwrap();
    for (repository, tag) in [("a/f", "v1"), ("a/f", "v2"), ("b", "v1")] {
        pushed(&image, &Registry { tag: tag.into(), ..place(&double, repository) }).await.unwrap();
    }
    let found = list(&double.url(), None).await.unwrap();
    let shown: Vec<_> = found.iter().map(|entry| format!("{} {:?}", entry.repository, entry.tags)).collect();
    assert_eq!(shown, [r#"a/f ["v1", "v2"]"#, r#"b ["v1"]"#]);
    assert!(found.iter().all(|entry| entry.digest == image.digest));
    let source = Source::parse(&format!("{}/a/f:v2", double.host), std::path::Path::new("/")).unwrap();
    let detail = inspect(&source, None, None, &cache).await.unwrap();
    assert_eq!(detail.digest.as_deref(), Some(image.digest.as_str()));
    assert_eq!(detail.settings.entrypoint, ["/opt/throng/runtime"]);
    assert_eq!(detail.layers.len(), 2);
    remove(&place(&double, "b")).await.unwrap();
    let left: Vec<_> = list(&double.url(), None).await.unwrap();
    assert_eq!(left.len(), 1);
    let error = remove(&place(&double, "b")).await.expect_err("gone").to_string();
    assert!(error.contains("/b: ") && error.contains("v1"), "{error}");
}

#[tokio::test]
async fn what_is_not_there_is_explained() {
    let double = Double::start().await;
    publish(&double, "base/x", true);
    let (_folder, mut definition, cache) = scratch();
    definition.image = format!("{}/base/none", double.host);
    let error = composed(&definition, &cache).await.expect_err("no image").to_string();
    assert!(error.contains("check the name and the tag"), "{error}");
    definition.image = format!("{}/base/x", double.host);
    definition.architecture = throng_core::model::Architecture::Arm64;
    let error = composed(&definition, &cache).await.expect_err("no arm64").to_string();
    assert!(
        error.contains("linux/arm64") && error.contains("linux/amd64") && error.contains("linux/s390x"),
        "{error}"
    );
    definition.image = "127.0.0.1:1/x".into();
    let error = composed(&definition, &cache).await.expect_err("nobody there").to_string();
    assert!(error.contains("reachable"), "{error}");
}
