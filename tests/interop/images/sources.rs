//! Images of other people's tools, pushed and read back.

use super::rig::{
    check_function, composed, place, pushed, registry, registry_with_password, sh, tree, unpacked, workshop,
};
use std::fs;
use std::process::Command;
use std::time::Instant;
use throng_core::image::{Cache, Credentials, Source, inspect, list, push, remove};
use tokio_util::sync::CancellationToken;

#[tokio::test]
async fn umoci_s_image_goes_through_the_registry() {
    let server = registry();
    let folder = workshop();
    let image = composed(folder.path(), "oci:img:app", None).await;
    assert_eq!(image.function_config.entrypoint, ["/bin/sh"]);
    assert_eq!(image.function_config.cmd, ["-c", "echo hi"]);
    assert_eq!(image.function_config.workdir, "/etc");
    let uri = pushed(&image, &place(&server.host, "team/f")).await;
    let raw = sh(folder.path(), &format!("skopeo inspect --raw --tls-verify=false docker://{uri}"));
    assert_eq!(raw.as_bytes(), image.manifest);
    let tag = format!("{}/team/f:v1", server.host);
    let config = sh(folder.path(), &format!("skopeo inspect --config --tls-verify=false docker://{tag}"));
    let config: serde_json::Value = serde_json::from_str(&config).unwrap();
    assert_eq!(config["config"]["Entrypoint"], serde_json::json!(["/opt/throng/runtime"]));
    assert_eq!(config["config"]["Env"], serde_json::json!(["PATH=/bin"]));
    let root = unpacked(folder.path(), &uri);
    check_function(&root);
    assert_eq!(fs::read_to_string(root.join("var/task/hello.txt")).unwrap(), "hello\n");
    let said = Command::new(root.join("bin/busybox")).args(["echo", "runs"]).output().unwrap();
    assert_eq!(said.stdout, b"runs\n");
}

#[tokio::test]
async fn archives_of_skopeo_and_buildah_are_read() {
    let server = registry();
    let folder = workshop();
    sh(
        folder.path(),
        "skopeo copy -q oci:img:app docker-archive:s.tar:x/y:z; skopeo copy -q oci:img:app oci-archive:o.tar:app
         export BUILDAH_ISOLATION=chroot; B='buildah --storage-driver vfs --root st --runroot rr'
         c=$($B from scratch); $B copy -q $c rootfs /; $B config --entrypoint '[\"/bin/sh\",\"-c\"]' --cmd 'echo x' $c
         $B commit -q --format docker $c docker-archive:b.tar; $B commit -q --format oci $c oci:bl:latest",
    );
    let layout = composed(folder.path(), "oci:img:app", None).await;
    assert_eq!(composed(folder.path(), "oci-archive:o.tar", None).await.digest, layout.digest);
    for image in ["docker-archive:s.tar", "./s.tar", "./b.tar", "oci:bl"] {
        let made = composed(folder.path(), image, None).await;
        let root = unpacked(folder.path(), &pushed(&made, &place(&server.host, "a/f")).await);
        check_function(&root);
        assert!(root.join("bin/busybox").is_file(), "{image}");
        assert_eq!(made.function_config.entrypoint[0], "/bin/sh", "{image}");
    }
}

#[tokio::test]
async fn an_image_in_the_registry_is_mounted_not_copied() {
    let server = registry();
    let folder = workshop();
    for (format, name) in [("v2s2", "docker"), ("oci", "oci")] {
        let base = format!("{}/base/{name}", server.host);
        sh(
            folder.path(),
            &format!(
                "skopeo copy -q --dest-tls-verify=false --format {format} oci:img:app docker://{base}:1"
            ),
        );
        let image = composed(folder.path(), &format!("{base}:1"), None).await;
        let last = std::sync::Mutex::new(throng_core::image::PushProgress::default());
        let note = |progress| *last.lock().unwrap() = progress;
        let uri = push(&image, &place(&server.host, &format!("f-{name}")), note, &CancellationToken::new())
            .await
            .unwrap();
        let ours = image.blobs.first().unwrap().size + image.blobs.last().unwrap().size;
        let last = last.lock().unwrap().clone();
        assert_eq!(last.bytes - last.skipped, ours, "{name}: only our layer and the configuration are sent");
        check_function(&unpacked(folder.path(), &uri));
    }
    let images = list(&format!("http://{}", server.host), None).await.unwrap();
    assert_eq!(images.len(), 4, "{images:?}");
}

#[tokio::test]
async fn a_registry_with_a_login_is_used_as_ecr_s() {
    let server = registry_with_password();
    let folder = workshop();
    let image = composed(folder.path(), "oci:img:app", None).await;
    let mut place = place(&server.host, "demo/app");
    let error =
        push(&image, &place, |_| {}, &CancellationToken::new()).await.expect_err("no login").to_string();
    assert!(error.contains("credentials"), "{error}");
    let login = Credentials { user: "AWS".into(), password: "secret".into() };
    place.credentials = Some(login.clone());
    pushed(&image, &place).await;
    let uri = format!("{}/demo/app:v1", server.host);
    let raw = sh(
        folder.path(),
        &format!("skopeo inspect --raw --tls-verify=false --creds AWS:secret docker://{uri}"),
    );
    assert_eq!(raw.as_bytes(), image.manifest);
    let source = Source::parse(&uri, folder.path()).unwrap();
    let cache = Cache::at(&folder.path().join("cache"));
    let detail = inspect(&source, None, Some(&login), &cache).await.unwrap();
    assert_eq!(detail.digest.as_deref(), Some(image.digest.as_str()));
    remove(&place).await.unwrap();
    assert!(inspect(&source, None, Some(&login), &cache).await.is_err());
}

#[tokio::test]
async fn a_debian_root_arrives_as_it_was() {
    let server = registry();
    let folder = workshop();
    sh(
        folder.path(),
        "mmdebstrap --quiet --variant=extract --include=coreutils,dash bookworm deb.tar
         mkdir deb; tar -C deb -xpf deb.tar; gzip -1 -k deb.tar",
    );
    let begin = Instant::now();
    let from_tar = composed(folder.path(), "rootfs:deb.tar", None).await;
    println!(
        "Debian root of {} bytes composed in {:?}",
        fs::metadata(folder.path().join("deb.tar")).unwrap().len(),
        begin.elapsed()
    );
    assert_eq!(composed(folder.path(), "./deb.tar.gz", None).await.digest, from_tar.digest);
    let from_folder = composed(folder.path(), "rootfs:deb", None).await;
    let expected = tree(&folder.path().join("deb"));
    assert!(expected.len() > 500, "{}", expected.len());
    for image in [from_tar, from_folder] {
        let root = unpacked(folder.path(), &pushed(&image, &place(&server.host, "deb")).await);
        check_function(&root);
        let mut found = tree(&root);
        // Our folder, and its parent where the root has none.
        found.retain(|name, _| {
            !name.starts_with("opt/throng") && (name != "opt" || expected.contains_key(name))
        });
        for (name, text) in &expected {
            assert_eq!(found.get(name), Some(text), "{name}");
        }
        assert_eq!(found.len(), expected.len());
    }
}
