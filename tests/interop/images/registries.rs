//! What crosses the wire to a registry, counted, and registries with tokens.

use super::rig::{check_function, composed, place, pushed, registry, run, sh, unpacked, workshop};
use crate::support::recorder::Recorder;
use crate::support::server::{Server, docker_registry};
use std::fs;
use std::path::Path;
use std::process::Command;
use throng_core::image::{BlobSource, Cache, Composed, Credentials, PushProgress, Source, inspect, push};
use tokio_util::sync::CancellationToken;

const MIB: u64 = 1 << 20;
/// More than our layer, the configuration, the manifest and every header together.
const SMALL: u64 = MIB / 4;

/// An image `img:big` whose layers cannot be compressed: three of 4 MiB over that of `img:app`.
fn big_image(folder: &Path) {
    sh(folder, "umoci tag --image img:app big");
    for name in ["one", "two", "three"] {
        // With its folder: a layer that lacks it is written anew, and sent as another.
        sh(
            folder,
            &format!(
                "head -c 4194304 /dev/urandom > {name}; mkdir {name}.d; cp {name} {name}.d/; \
                 umoci insert --image img:big --rootless {name}.d /data"
            ),
        );
    }
}

fn size(folder: &Path) -> u64 {
    let files = walkdir::WalkDir::new(folder).into_iter().flatten();
    files.filter_map(|entry| entry.metadata().ok()).filter(fs::Metadata::is_file).map(|data| data.len()).sum()
}

fn check_data(folder: &Path, root: &Path) {
    for name in ["one", "two", "three"] {
        let arrived = fs::read(root.join("data").join(name)).unwrap();
        assert!(arrived == fs::read(folder.join(name)).unwrap(), "{name}");
    }
}

#[tokio::test]
async fn a_base_that_is_there_is_not_sent() {
    let server = registry();
    let recorder = Recorder::before(&server.host);
    let folder = workshop();
    big_image(folder.path());
    let host = recorder.host();
    sh(
        folder.path(),
        &format!("skopeo copy -q --dest-tls-verify=false oci:img:big docker://{}/base/big:1", server.host),
    );
    let image = composed(folder.path(), &format!("{host}/base/big:1"), None).await;
    let uri = pushed(&image, &place(&host, "mounted")).await;
    assert!(recorder.sent() < SMALL, "{} bytes were sent to the registry", recorder.sent());
    let root = unpacked(folder.path(), &uri);
    check_function(&root);
    check_data(folder.path(), &root);

    // Another script over the base that is in the repository already.
    fs::write(folder.path().join("run.sh"), "#!/bin/sh\necho another\n").unwrap();
    let before = recorder.sent();
    let image = composed(folder.path(), "oci:img:big", None).await;
    pushed(&image, &place(&host, "mounted")).await;
    assert!(recorder.sent() - before < SMALL, "{} bytes were sent again", recorder.sent() - before);
}

#[tokio::test]
async fn a_base_elsewhere_goes_from_registry_to_registry_and_not_over_the_disk() {
    let (from, to) = (registry(), registry());
    let recorder = Recorder::before(&to.host);
    let folder = workshop();
    big_image(folder.path());
    let source = format!("{}/base/big:1", from.host);
    sh(folder.path(), &format!("skopeo copy -q --dest-tls-verify=false oci:img:big docker://{source}"));
    let image = composed(folder.path(), &source, None).await;
    assert!(image.blobs.iter().filter(|blob| matches!(blob.source, BlobSource::Registry(_))).count() >= 3);
    let uri = pushed(&image, &place(&recorder.host(), "f")).await;
    assert!(recorder.sent() > 12 * MIB, "the layers were sent: {}", recorder.sent());
    let cached = size(&folder.path().join("cache"));
    assert!(cached < SMALL, "{cached} bytes are in the image cache");
    let root = unpacked(folder.path(), &uri);
    check_function(&root);
    check_data(folder.path(), &root);
}

#[tokio::test]
async fn layers_that_lambda_does_not_take_become_gzip() {
    let server = registry();
    let folder = workshop();
    sh(
        folder.path(),
        &format!(
            "skopeo copy -q --dest-compress --dest-compress-format zstd oci:img:app oci:zstd:app
             skopeo copy -q --dest-decompress oci:img:app dir:plain-dir
             skopeo copy -q --dest-oci-accept-uncompressed-layers dir:plain-dir oci:plain:app
             skopeo copy -q --dest-tls-verify=false --dest-compress-format zstd oci:zstd:app docker://{}/base/zstd:1",
            server.host
        ),
    );
    let kinds = |layout: &str| sh(folder.path(), &format!("skopeo inspect --raw oci:{layout}:app"));
    assert!(kinds("zstd").contains("tar+zstd"), "{}", kinds("zstd"));
    assert!(kinds("plain").contains("image.layer.v1.tar\""), "{}", kinds("plain"));
    let there = format!("{}/base/zstd:1", server.host);
    let raw = sh(folder.path(), &format!("skopeo inspect --raw --tls-verify=false docker://{there}"));
    assert!(raw.contains("tar+zstd"), "{raw}");
    for image in ["oci:zstd:app", "oci:plain:app", &there] {
        let made = composed(folder.path(), image, None).await;
        let uri = pushed(&made, &place(&server.host, "gzip")).await;
        let manifest = sh(folder.path(), &format!("skopeo inspect --raw --tls-verify=false docker://{uri}"));
        let manifest: serde_json::Value = serde_json::from_str(&manifest).unwrap();
        for layer in manifest["layers"].as_array().unwrap() {
            assert!(layer["mediaType"].as_str().unwrap().ends_with("gzip"), "{image}: {layer}");
        }
        let root = unpacked(folder.path(), &uri);
        check_function(&root);
        assert_eq!(fs::read_to_string(root.join("var/task/hello.txt")).unwrap(), "hello\n", "{image}");
    }
}

#[tokio::test]
async fn a_push_that_broke_off_goes_on() {
    let server = registry();
    let folder = workshop();
    big_image(folder.path());
    let image = composed(folder.path(), "oci:img:big", None).await;
    let broken = Recorder::before(&server.host);
    let cancel = CancellationToken::new();
    // As when the process is killed: connections end in the middle of a layer.
    let watch = |progress: PushProgress| {
        let half_way = progress.blobs >= 1 && progress.bytes < progress.bytes_total;
        if half_way {
            cancel.cancel();
        }
    };
    push(&image, &place(&broken.host(), "f"), watch, &cancel).await.expect_err("it was broken off");
    let whole = Recorder::before(&server.host);
    let last = std::sync::Mutex::new(PushProgress::default());
    let note = |progress| *last.lock().unwrap() = progress;
    let uri =
        push(&image, &place(&whole.host(), "f"), note, &CancellationToken::new()).await.expect("it goes on");
    let last = last.lock().unwrap().clone();
    assert!(last.skipped > 0, "something was there already: {last:?}");
    assert!(whole.sent() < last.bytes - last.skipped + SMALL, "{} bytes sent, {last:?}", whole.sent());
    let root = unpacked(folder.path(), &uri);
    check_function(&root);
    check_data(folder.path(), &root);
}

/// A registry that wants tokens, and the server that gives them to the user `me` with the password `pass`.
struct Guarded {
    tokens: Server,
    registry: Server,
}

impl Guarded {
    fn start() -> Self {
        super::rig::programs();
        let tokens = Server::start(|port, folder| {
            sh(
                folder,
                "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=tokens -keyout key.pem -out cert.pem 2>&1",
            );
            let mut command = Command::new("python3");
            command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/tokens.py")).args([
                &port.to_string(),
                "registry",
                "cert.pem",
                "key.pem",
                "me",
                "pass",
            ]);
            command
        });
        let registry = docker_registry(|_| {
            format!(
                "auth: {{token: {{realm: '{}/token', service: registry, issuer: tokens, rootcertbundle: {}}}}}\n",
                tokens.url(),
                tokens.folder().join("cert.pem").display()
            )
        });
        Self { tokens, registry }
    }

    fn push_by_skopeo(&self, folder: &Path, repository: &str) {
        let to = format!("docker://{}/{repository}:1", self.registry.host);
        sh(folder, &format!("skopeo copy -q --dest-tls-verify=false --dest-creds me:pass oci:img:big {to}"));
    }
}

#[tokio::test]
async fn a_registry_with_tokens_is_pulled_from_and_pushed_to() {
    let guarded = Guarded::start();
    let folder = workshop();
    big_image(folder.path());
    let recorder = Recorder::before(&guarded.registry.host);
    let login = |password: &str| Some(Credentials { user: "me".into(), password: password.into() });
    guarded.push_by_skopeo(folder.path(), "base/big");
    let base = format!("{}/base/big:1", recorder.host());

    let image: Composed = composed(folder.path(), &base, login("pass")).await;
    let mut target = place(&recorder.host(), "team/f");
    for wrong in [None, login("wrong")] {
        target.credentials = wrong;
        let error = push(&image, &target, |_| {}, &CancellationToken::new()).await.expect_err("not allowed");
        assert!(error.to_string().contains("credentials"), "{error}");
    }
    target.credentials = login("pass");
    let before = recorder.sent();
    let uri = pushed(&image, &target).await;
    let sent = recorder.sent() - before;
    assert!(
        sent < SMALL,
        "{sent} bytes were sent, though the base is there; scopes asked for:\n{}",
        guarded.tokens.log()
    );

    let whole = format!("docker://{}", uri.replace(&recorder.host(), &guarded.registry.host));
    let raw = sh(folder.path(), &format!("skopeo inspect --raw --tls-verify=false --creds me:pass {whole}"));
    assert_eq!(raw.as_bytes(), image.manifest);
    run(Command::new("skopeo").current_dir(folder.path()).args([
        "copy",
        "-q",
        "--src-tls-verify=false",
        "--src-creds",
        "me:pass",
        &whole,
        "oci:back:x",
    ]));
    sh(folder.path(), "umoci unpack --rootless --image back:x bundle");
    check_function(&folder.path().join("bundle/rootfs"));
    check_data(folder.path(), &folder.path().join("bundle/rootfs"));

    // What anybody may read is read without a login.
    guarded.push_by_skopeo(folder.path(), "public/big");
    let public = Source::parse(&format!("{}/public/big:1", recorder.host()), folder.path()).unwrap();
    let cache = Cache::at(&folder.path().join("cache"));
    assert!(inspect(&public, None, None, &cache).await.is_ok());
    let closed = Source::parse(&base, folder.path()).unwrap();
    let error = inspect(&closed, None, None, &cache).await.expect_err("it is not public").to_string();
    assert!(error.contains("credentials"), "{error}");
}
