//! A workshop of images, registries to push to, and the way back through other people's programs.

use crate::support::server::{Server, docker_registry};
use crate::support::tools;
use bytes::Bytes;
use std::collections::BTreeMap;
use std::fs;
use std::io::Read as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;
use std::process::Command;
use tempfile::{TempDir, tempdir};
use throng_core::definition::Definition;
use throng_core::image::{Cache, Composed, Credentials, Registry, compose, push};
use tokio_util::sync::CancellationToken;

pub fn programs() {
    tools::debian(&[
        ("docker-registry", "docker-registry"),
        ("skopeo", "skopeo"),
        ("umoci", "umoci"),
        ("buildah", "buildah"),
        ("mmdebstrap", "mmdebstrap"),
        ("htpasswd", "apache2-utils"),
        ("openssl", "openssl"),
        ("busybox", "busybox-static"),
    ]);
}

/// Runs to its end; its output is the answer, and the failure's text.
pub fn run(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{command:?}\n{text}\n{}", String::from_utf8_lossy(&output.stderr));
    text
}

pub fn sh(folder: &Path, line: &str) -> String {
    run(Command::new("sh").args(["-ec", line]).current_dir(folder))
}

/// Debian's registry, open to everybody.
pub fn registry() -> Server {
    programs();
    docker_registry(|_| String::new())
}

/// The same with one user, `AWS` with the password `secret`.
pub fn registry_with_password() -> Server {
    programs();
    docker_registry(|folder| {
        sh(folder, "htpasswd -Bbn AWS secret > users");
        format!("auth: {{htpasswd: {{realm: test, path: {}}}}}\n", folder.join("users").display())
    })
}

/// A place in the registry at `host`.
pub fn place(host: &str, repository: &str) -> Registry {
    let base_url = format!("http://{host}");
    Registry { base_url, repository: repository.into(), tag: "v1".into(), credentials: None }
}

/// A folder with a busybox image made by umoci, as `img:app`, and a script.
pub fn workshop() -> TempDir {
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

pub async fn composed(folder: &Path, image: &str, credentials: Option<Credentials>) -> Composed {
    let mut definition = Definition::named("f", folder);
    definition.image = image.into();
    definition.script = Some(folder.join("run.sh"));
    let mut request =
        throng_core::deploy::compose_request(&definition, Bytes::from_static(b"\x7fELF runtime")).unwrap();
    request.credentials = credentials;
    let cache = Cache::at(&folder.join("cache"));
    compose(request, &cache, &CancellationToken::new())
        .await
        .unwrap_or_else(|error| panic!("{image}: {error}"))
}

pub async fn pushed(image: &Composed, registry: &Registry) -> String {
    push(image, registry, |_| {}, &CancellationToken::new()).await.unwrap_or_else(|error| panic!("{error}"))
}

/// Pulls with skopeo and unpacks with umoci: two programs that agree on nothing but the standards.
pub fn unpacked(folder: &Path, uri: &str) -> std::path::PathBuf {
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
pub fn tree(root: &Path) -> BTreeMap<String, String> {
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

pub fn check_function(root: &Path) {
    let read = |name: &str| fs::read(root.join(name)).unwrap();
    assert_eq!(read("opt/throng/runtime"), b"\x7fELF runtime");
    assert_eq!(read("opt/throng/script"), b"#!/bin/sh\necho from the script\n");
    let mode = fs::metadata(root.join("opt/throng/script")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o755);
    let config: serde_json::Value = serde_json::from_slice(&read("opt/throng/function.json")).unwrap();
    assert_eq!(config["name"], "f");
}
