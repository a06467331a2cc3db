//! Images with third-party programs: Debian's docker-registry, skopeo, umoci, buildah and mmdebstrap.
//!
//! `cargo test --features interop --test interop_images`. What is missing is installed with apt-get, as root.

#![cfg(feature = "interop")]
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use bytes::Bytes;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::Read as _;
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Once;
use std::time::{Duration, Instant};
use tempfile::{TempDir, tempdir};
use throng::core::definition::Definition;
use throng::core::image::{
    Cache, ComposeRequest, Composed, Credentials, Registry, Source, compose, inspect, list, push, remove,
};
use tokio_util::sync::CancellationToken;

const PROGRAMS: &[(&str, &str)] = &[
    ("docker-registry", "docker-registry"),
    ("skopeo", "skopeo"),
    ("umoci", "umoci"),
    ("buildah", "buildah"),
    ("mmdebstrap", "mmdebstrap"),
    ("htpasswd", "apache2-utils"),
    ("busybox", "busybox-static"),
];

/// Installs what is missing, once.
fn programs() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let there = |name: &str| {
            let paths = std::env::var_os("PATH").unwrap();
            std::env::split_paths(&paths).any(|folder| folder.join(name).is_file())
        };
        let missing: Vec<_> =
            PROGRAMS.iter().filter(|(name, _)| !there(name)).map(|(_, package)| *package).collect();
        if !missing.is_empty() {
            let mut command = Command::new("apt-get");
            command.args(["-o", "DPkg::Lock::Timeout=300", "install", "-y", "--no-install-recommends"]);
            run(command.args(missing));
        }
    });
}

/// Runs to its end; its output is the answer, and the failure's text.
fn run(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{command:?}\n{text}\n{}", String::from_utf8_lossy(&output.stderr));
    text
}

fn sh(folder: &Path, line: &str) -> String {
    run(Command::new("sh").args(["-ec", line]).current_dir(folder))
}

/// Debian's registry on a free port; ended when dropped.
struct Server {
    child: Child,
    host: String,
    _folder: TempDir,
}

impl Server {
    fn start(login: bool) -> Self {
        programs();
        let folder = tempdir().unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut config = format!(
            "version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: {}}}, delete: {{enabled: true}}}}\n\
             http: {{addr: '127.0.0.1:{port}'}}\n",
            folder.path().join("store").display()
        );
        if login {
            sh(folder.path(), "htpasswd -Bbn AWS secret > users");
            let users = folder.path().join("users");
            let _ = writeln!(config, "auth: {{htpasswd: {{realm: test, path: {}}}}}", users.display());
        }
        fs::write(folder.path().join("registry.yml"), config).unwrap();
        let child = Command::new("docker-registry")
            .args(["serve", "registry.yml"])
            .current_dir(folder.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let server = Self { child, host: format!("127.0.0.1:{port}"), _folder: folder };
        let begin = Instant::now();
        while TcpStream::connect(&server.host).is_err() {
            assert!(begin.elapsed() < Duration::from_secs(20), "docker-registry does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
        server
    }

    fn place(&self, repository: &str) -> Registry {
        let base_url = format!("http://{}", self.host);
        Registry { base_url, repository: repository.into(), tag: "v1".into(), credentials: None }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A folder with a busybox image made by umoci, as `img:app`, and a script.
fn workshop() -> TempDir {
    programs();
    let folder = tempdir().unwrap();
    sh(
        folder.path(),
        "umoci init --layout img; umoci new --image img:base
         mkdir -p rootfs/bin rootfs/etc; cp $(command -v busybox) rootfs/bin/busybox; ln -s busybox rootfs/bin/sh
         echo hello > hello.txt; printf '#!/bin/sh\\necho from the script\\n' > run.sh
         umoci insert --image img:base --rootless rootfs /
         umoci config --image img:base --config.entrypoint /bin/sh --config.cmd -c --config.cmd 'echo hi' \
             --config.env PATH=/bin --config.workingdir /etc --architecture amd64 --os linux
         umoci insert --image img:base --tag app --rootless hello.txt /var/task/hello.txt",
    );
    folder
}

async fn composed(folder: &Path, image: &str, credentials: Option<Credentials>) -> Composed {
    let mut definition = Definition::named("f", folder);
    definition.image = image.into();
    definition.script = Some(folder.join("run.sh"));
    let mut request = ComposeRequest::of(&definition, Bytes::from_static(b"\x7fELF runtime")).unwrap();
    request.credentials = credentials;
    let cache = Cache::at(&folder.join("cache"));
    compose(request, &cache, &CancellationToken::new())
        .await
        .unwrap_or_else(|error| panic!("{image}: {error}"))
}

async fn pushed(image: &Composed, registry: &Registry) -> String {
    push(image, registry, |_| {}, &CancellationToken::new()).await.unwrap_or_else(|error| panic!("{error}"))
}

/// Pulls with skopeo and unpacks with umoci: two programs that agree on nothing but the standards.
fn unpacked(folder: &Path, uri: &str) -> std::path::PathBuf {
    let name = format!("out-{}", uri.rsplit(':').next().unwrap());
    sh(
        folder,
        &format!(
            "rm -rf {name} {name}-bundle; skopeo copy -q --src-tls-verify=false docker://{uri} oci:{name}:x"
        ),
    );
    let rootless = if nix::unistd::geteuid().is_root() { "" } else { "--rootless" };
    sh(folder, &format!("umoci unpack {rootless} --image {name}:x {name}-bundle"));
    folder.join(format!("{name}-bundle/rootfs"))
}

/// Every path below a folder: kind, permissions, and size or target.
fn tree(root: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for entry in walkdir::WalkDir::new(root).min_depth(1) {
        let entry = entry.unwrap();
        let data = entry.metadata().unwrap();
        let name = entry.path().strip_prefix(root).unwrap().to_str().unwrap().to_owned();
        let owner = format!("{}:{}", data.uid(), data.gid());
        let text = if data.is_symlink() {
            format!("-> {}", fs::read_link(entry.path()).unwrap().display())
        } else if data.is_dir() {
            format!("dir {:o} {owner}", data.mode() & 0o7777)
        } else if data.is_file() {
            let mut bytes = Vec::new();
            fs::File::open(entry.path()).unwrap().read_to_end(&mut bytes).unwrap();
            format!("file {:o} {owner} {} {}", data.mode() & 0o7777, data.nlink(), crc32fast::hash(&bytes))
        } else {
            continue; // devices are left out on purpose
        };
        found.insert(name, text);
    }
    found
}

fn check_function(root: &Path) {
    let read = |name: &str| fs::read(root.join(name)).unwrap();
    assert_eq!(read("opt/throng/runtime"), b"\x7fELF runtime");
    assert_eq!(read("opt/throng/script"), b"#!/bin/sh\necho from the script\n");
    let mode = fs::metadata(root.join("opt/throng/script")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o755);
    let config: serde_json::Value = serde_json::from_slice(&read("opt/throng/function.json")).unwrap();
    assert_eq!(config["name"], "f");
}

#[tokio::test]
async fn umoci_s_image_goes_through_the_registry() {
    let server = Server::start(false);
    let folder = workshop();
    let image = composed(folder.path(), "oci:img:app", None).await;
    assert_eq!(image.function_config.entrypoint, ["/bin/sh"]);
    assert_eq!(image.function_config.cmd, ["-c", "echo hi"]);
    assert_eq!(image.function_config.workdir, "/etc");
    let uri = pushed(&image, &server.place("team/f")).await;
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
    let server = Server::start(false);
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
        let root = unpacked(folder.path(), &pushed(&made, &server.place("a/f")).await);
        check_function(&root);
        assert!(root.join("bin/busybox").is_file(), "{image}");
        assert_eq!(made.function_config.entrypoint[0], "/bin/sh", "{image}");
    }
}

#[tokio::test]
async fn an_image_in_the_registry_is_mounted_not_copied() {
    let server = Server::start(false);
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
        let last = std::sync::Mutex::new(throng::core::image::PushProgress::default());
        let note = |progress| *last.lock().unwrap() = progress;
        let uri =
            push(&image, &server.place(&format!("f-{name}")), note, &CancellationToken::new()).await.unwrap();
        let ours = image.blobs.first().unwrap().size + image.blobs.last().unwrap().size;
        let last = *last.lock().unwrap();
        assert_eq!(last.bytes - last.skipped, ours, "{name}: only our layer and the configuration are sent");
        check_function(&unpacked(folder.path(), &uri));
    }
    let images = list(&format!("http://{}", server.host), None).await.unwrap();
    assert_eq!(images.len(), 4, "{images:?}");
}

#[tokio::test]
async fn a_registry_with_a_login_is_used_as_ecr_s() {
    let server = Server::start(true);
    let folder = workshop();
    let image = composed(folder.path(), "oci:img:app", None).await;
    let mut place = server.place("demo/app");
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
    let server = Server::start(false);
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
        let root = unpacked(folder.path(), &pushed(&image, &server.place("deb")).await);
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
