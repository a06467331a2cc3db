//! skopeo and umoci against the image registry. Feature `interop`; needs both
//! (`apt-get install skopeo umoci busybox-static`).

use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use std::path::Path;
use std::process::Output;
use throng_local::registry::{ImageError, ImageStore, Registry};
use tokio::process::Command;

async fn run(folder: &Path, command: &str) -> Output {
    Command::new("sh").arg("-ec").arg(command).current_dir(folder).output().await.unwrap()
}

async fn succeed(folder: &Path, command: &str) -> String {
    let output = run(folder, command).await;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{command}\n{text}{}", String::from_utf8_lossy(&output.stderr));
    text
}

/// The registry on a free port.
async fn serve(registry: Registry) -> u16 {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let registry = registry.clone();
            tokio::spawn(async move {
                let service = hyper::service::service_fn(move |request| {
                    let registry = registry.clone();
                    async move { Ok::<_, Infallible>(registry.handle(request).await) }
                });
                let _ = hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service)
                    .await;
            });
        }
    });
    port
}

const MAKE: &str = "
    umoci init --layout img; umoci new --image img:base
    mkdir -p root/bin root/etc; cp $(command -v busybox) root/bin/busybox; ln -s busybox root/bin/sh; echo one > root/etc/which
    umoci insert --image img:base --rootless root /
    umoci config --image img:base --config.entrypoint /bin/busybox --config.cmd true --config.env PATH=/bin --architecture amd64 --os linux
    umoci insert --image img:base --tag app --rootless /etc/hostname /etc/which";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn skopeo_pushes_pulls_and_deletes_what_umoci_made() {
    let folder = tempfile::tempdir().unwrap();
    let store = ImageStore::open(&folder.path().join("store")).unwrap();
    let port = serve(store.registry()).await;
    succeed(folder.path(), MAKE).await;
    let at = format!("127.0.0.1:{port}/demo/app");
    let push = "skopeo copy -q --dest-tls-verify=false";
    // A manifest without a media type of its own.
    succeed(folder.path(), &format!("{push} oci:img:app docker://{at}:v1")).await;
    succeed(folder.path(), &format!("{push} oci:img:base docker://{at}:base")).await;
    succeed(
        folder.path(),
        &format!("{push} --format v2s2 oci:img:app docker://127.0.0.1:{port}/other:docker"),
    )
    .await;
    let image = store.resolve(&format!("{at}:v1")).await.unwrap();
    assert_eq!(
        (image.entrypoint.as_slice(), image.cmd.as_slice()),
        (&["/bin/busybox".into()][..], &["true".into()][..])
    );
    let root = store.rootfs(&image.digest).await.unwrap();
    let expected = std::fs::read("/etc/hostname").unwrap();
    assert_eq!(std::fs::read(root.join("etc/which")).unwrap(), expected);
    store.resolve(&format!("127.0.0.1:{port}/other:docker")).await.unwrap();

    // Out again, unchanged.
    succeed(folder.path(), &format!("skopeo copy -q --src-tls-verify=false docker://{at}:v1 oci:back:v1"))
        .await;
    let original = succeed(folder.path(), "skopeo inspect --raw oci:img:app | sha256sum").await;
    let back = succeed(folder.path(), "skopeo inspect --raw oci:back:v1 | sha256sum").await;
    assert_eq!(original, back);
    let tags = succeed(folder.path(), &format!("skopeo list-tags --tls-verify=false docker://{at}")).await;
    assert!(tags.contains("\"v1\"") && tags.contains("\"base\""), "{tags}");

    succeed(folder.path(), &format!("skopeo delete --tls-verify=false docker://{at}:v1")).await;
    let error = store.resolve(&format!("{at}:v1")).await.unwrap_err();
    assert!(matches!(error, ImageError::NotFound(_)), "{error}");
    assert!(
        !run(folder.path(), &format!("skopeo inspect --tls-verify=false docker://{at}:v1"))
            .await
            .status
            .success()
    );
    store.resolve(&format!("{at}:base")).await.unwrap();
}
