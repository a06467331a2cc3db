//! Images that other tools make and take, and that need a second look here: what is mended, what is told before anything
//! is made.

use super::double::sha256;
use super::layouts::{GZIP, PLAIN, layout};
use super::support::{Entry, bytes_of, composed, config_in, definition, file, gzip, link, listing, tar_of};
use serde_json::Value;
use std::fs;
use std::path::Path;
use tempfile::tempdir;
use throng_core::image::{Cache, Source};

#[tokio::test]
async fn a_root_tar_keeps_absolute_names_and_what_lies_below_links_inside() {
    use tar::EntryType::Symlink;
    let folder = tempdir().unwrap();
    let entries = [
        file("/nix/tool", "tool"),
        link(Symlink, "lib", "usr/lib"),
        file("lib/x", "x"),
        link(Symlink, "out", "../../etc"),
        file("out/passwd", "mine"),
        Entry { name: "run/control", kind: tar::EntryType::Fifo, body: "" },
        Entry { name: "dev/null", kind: tar::EntryType::Char, body: "" },
    ];
    fs::write(folder.path().join("r.tar"), tar_of(&entries)).unwrap();
    let cache = Cache::at(&folder.path().join("cache"));
    let image = composed(&definition(folder.path(), "rootfs:r.tar"), &cache).await.unwrap();
    let layer = listing(&bytes_of(&image.blobs[1]));
    let names: Vec<_> = layer.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        ["etc/", "etc/passwd", "lib", "nix/", "nix/tool", "out", "usr/", "usr/lib/", "usr/lib/x"]
    );
    assert_eq!(image.warnings.len(), 1, "{:?}", image.warnings);
    assert!(
        image.warnings[0].contains("2 devices and pipes (`run/control`, `dev/null`)"),
        "{:?}",
        image.warnings
    );
}

/// A docker-archive of layers; the configuration has these settings, and each image these names.
fn saved(to: &Path, layers: &[Vec<u8>], settings: &Value, tags: &[&str]) {
    let diff_ids: Vec<_> = layers.iter().map(|tar| sha256(tar)).collect();
    let mut builder = tar::Builder::new(fs::File::create(to).unwrap());
    let mut put = |name: &str, body: &[u8]| {
        let mut header = tar::Header::new_gnu();
        header.set_mode(0o644);
        header.set_size(body.len() as u64);
        builder.append_data(&mut header, name, body).unwrap();
    };
    let config = serde_json::json!({"architecture": "amd64", "os": "linux", "config": settings,
        "rootfs": {"type": "layers", "diff_ids": diff_ids}});
    // As Docker 25 has it: blobs by digest, what names them after.
    let blob = |tar: &[u8]| format!("blobs/sha256/{}", &sha256(tar)[7..]);
    for tar in layers {
        put(&blob(tar), tar);
    }
    put("config.json", config.to_string().as_bytes());
    let paths: Vec<_> = layers.iter().map(|tar| blob(tar)).collect();
    let images: Vec<_> = tags
        .iter()
        .map(|tag| serde_json::json!({"Config": "config.json", "RepoTags": [tag], "Layers": paths}))
        .collect();
    put("index.json", br#"{"schemaVersion":2,"manifests":[]}"#);
    put("manifest.json", Value::from(images).to_string().as_bytes());
    builder.finish().unwrap();
}

fn cmd() -> Value {
    serde_json::json!({"Cmd": ["/bin/sh"]})
}

/// The first layer has `usr/lib` and `lib`, a link to it.
fn merged() -> Vec<u8> {
    let folder = |name| Entry { name, kind: tar::EntryType::Directory, body: "" };
    tar_of(&[folder("usr"), folder("usr/lib"), link(tar::EntryType::Symlink, "lib", "usr/lib")])
}

#[tokio::test]
async fn layers_that_not_everybody_unpacks_are_written_again() {
    let folder = tempdir().unwrap();
    let cache = Cache::at(&folder.path().join("cache"));
    let pipe = Entry { name: "usr/control", kind: tar::EntryType::Fifo, body: "" };
    let odd = tar_of(&[file("lib/x", "x"), file("/app/deep/run", "r"), file("app/.wh.old", ""), pipe]);
    for (name, kind, layer) in [("plain", PLAIN, odd.clone()), ("packed", GZIP, gzip(&odd))] {
        let layers = [(PLAIN, merged(), merged()), (kind, layer, odd.clone())];
        layout(&folder.path().join(name), "amd64", &layers, "app");
        let cache = Cache::at(&folder.path().join(format!("cache-{name}")));
        for pass in ["read", "remembered"] {
            let image = composed(&definition(folder.path(), &format!("oci:{name}")), &cache).await.unwrap();
            let layer = listing(&bytes_of(&image.blobs[2]));
            let names: Vec<_> = layer.keys().map(String::as_str).collect();
            let expected =
                ["app/", "app/.wh.old", "app/deep/", "app/deep/run", "usr/", "usr/lib/", "usr/lib/x"];
            assert_eq!(names, expected, "{name}, {pass}: the link of the layer below is followed");
            assert_eq!(image.warnings.len(), 1, "{:?}", image.warnings);
            assert!(image.warnings[0].contains("`usr/control`"), "{:?}", image.warnings);
            let config: Value = serde_json::from_slice(&image.config).unwrap();
            let mut plain = Vec::new();
            std::io::Read::read_to_end(
                &mut flate2::read::GzDecoder::new(&bytes_of(&image.blobs[2])[..]),
                &mut plain,
            )
            .unwrap();
            assert_eq!(config["rootfs"]["diff_ids"][1], sha256(&plain));
        }
    }
    // What everybody unpacks stays as it is, byte for byte.
    let fine = tar_of(&[Entry { name: "a/", kind: tar::EntryType::Directory, body: "" }, file("a/b", "x")]);
    saved(&folder.path().join("fine.tar"), std::slice::from_ref(&fine), &cmd(), &["x:1"]);
    let image = composed(&definition(folder.path(), "docker-archive:fine.tar"), &cache).await.unwrap();
    let config: Value = serde_json::from_slice(&image.config).unwrap();
    assert_eq!(config["rootfs"]["diff_ids"][0], sha256(&fine));
}

#[tokio::test]
async fn a_layer_that_cannot_be_unpacked_is_refused_before_anything_is_made() {
    use tar::EntryType::Link;
    let folder = tempdir().unwrap();
    let cases: &[(&[Entry], &str)] = &[
        (&[file("../x", "x")], "`..`"),
        (&[link(Link, "x", "nothing")], "no earlier entry"),
        (&[file("a", "x"), file("a/b", "x")], "not a folder"),
    ];
    for (at, (entries, why)) in cases.iter().enumerate() {
        for packed in [false, true] {
            let tar = tar_of(entries);
            let img = folder.path().join(format!("img{at}{packed}"));
            let layer = if packed { (GZIP, gzip(&tar), tar) } else { (PLAIN, tar.clone(), tar) };
            layout(&img, "amd64", &[layer], "app");
            let cache = Cache::at(&folder.path().join("cache"));
            let spelling = format!("oci:img{at}{packed}");
            let error =
                composed(&definition(folder.path(), &spelling), &cache).await.expect_err(why).to_string();
            assert!(error.contains(why) && !error.contains("Lambda"), "{error}");
        }
    }
}

#[tokio::test]
async fn an_archive_of_many_layers_is_known_without_a_scheme() {
    let folder = tempdir().unwrap();
    let layers: Vec<_> =
        (0..70).map(|n| tar_of(&[file("n", "x"), file(["a", "b"][n % 2], "x".repeat(n).leak())])).collect();
    saved(&folder.path().join("many.tar"), &layers, &cmd(), &["many:latest"]);
    let bytes = fs::read(folder.path().join("many.tar")).unwrap();
    fs::write(folder.path().join("many.tar.gz"), gzip(&bytes)).unwrap();
    let cache = Cache::at(&folder.path().join("cache"));
    for spelling in ["./many.tar", "many.tar.gz"] {
        let image = composed(&definition(folder.path(), spelling), &cache).await.unwrap();
        assert_eq!(image.blobs.len(), 72, "{spelling}");
        assert_eq!(config_in(&image).cmd, ["/bin/sh"]);
    }
}

#[tokio::test]
async fn an_archive_of_several_images_says_which_and_is_told() {
    let folder = tempdir().unwrap();
    let archive = folder.path().join("two.tar");
    saved(&archive, &[merged()], &cmd(), &["lab/one:1", "localhost:5000/two:latest"]);
    let cache = Cache::at(&folder.path().join("cache"));
    let of = async |spelling: &str| composed(&definition(folder.path(), spelling), &cache).await;
    for name in ["lab/one:1", "docker.io/lab/one:1", "localhost:5000/two:latest", "localhost:5000/two"] {
        let image = of(&format!("docker-archive:two.tar:{name}")).await;
        assert!(image.is_ok(), "{name}: {image:?}");
    }
    for (spelling, word) in [
        ("docker-archive:two.tar", "holds 2 images: lab/one:1, localhost:5000/two:latest"),
        ("./two.tar", "docker-archive:"),
        ("docker-archive:two.tar:lab/one", "no image `lab/one`; it has lab/one:1"),
    ] {
        let error = of(spelling).await.expect_err(spelling).to_string();
        assert!(error.contains(word), "{spelling}: {error}");
    }
}

#[tokio::test]
async fn other_compressions_are_named_with_what_to_do() {
    let folder = tempdir().unwrap();
    for (name, magic, word) in [
        ("r.tar.xz", &b"\xfd7zXZ\0\0"[..], "is compressed with xz, which is not read here: `xz -dk"),
        ("r.tar.bz2", b"BZh91AY", "is compressed with bzip2, which is not read here: `bzip2 -dk"),
    ] {
        fs::write(folder.path().join(name), magic).unwrap();
        for scheme in ["./", "rootfs:", "docker-archive:", "oci-archive:"] {
            let source = Source::parse(&format!("{scheme}{name}"), folder.path());
            let error = source.and_then(|source| source.check_files()).expect_err(name).to_string();
            assert!(error.contains(word) && error.lines().count() == 1, "{scheme}{name}: {error}");
            assert!(error.ends_with("r.tar, which is"), "{error}");
        }
    }
}

#[tokio::test]
async fn an_entry_point_with_dos_line_ends_is_refused() {
    let folder = tempdir().unwrap();
    let cache = Cache::at(&folder.path().join("cache"));
    let script = |name: &str, text: &str| {
        let mut builder = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_gnu();
        header.set_mode(0o755);
        header.set_size(text.len() as u64);
        builder.append_data(&mut header, name, text.as_bytes()).unwrap();
        builder.into_inner().unwrap()
    };
    for (at, settings) in [
        serde_json::json!({"Entrypoint": ["/usr/bin/run.sh"]}),
        serde_json::json!({"Cmd": ["run.sh", "x"], "Env": ["PATH=/bin:/usr/bin"]}),
        serde_json::json!({"Entrypoint": ["bin/run.sh"], "WorkingDir": "/usr"}),
    ]
    .iter()
    .enumerate()
    {
        let name = format!("dos{at}.tar");
        let layers = [script("usr/bin/run.sh", "#!/bin/sh\r\necho hi\r\n")];
        saved(&folder.path().join(&name), &layers, settings, &["x:1"]);
        let mut definition = definition(folder.path(), &format!("docker-archive:{name}"));
        composed(&definition, &cache).await.expect("a script of its own runs in its place");
        definition.script = None;
        for _ in 0..2 {
            let error = composed(&definition, &cache).await.expect_err("DOS").to_string();
            assert!(
                error.contains("run.sh") && error.contains("`\\r`") && error.contains("dos2unix"),
                "{error}"
            );
        }
    }
    fs::write(folder.path().join("run"), "#!/bin/sh\r\n").unwrap();
    let mut of_files = definition(folder.path(), "scratch:run");
    of_files.script = None;
    let error = composed(&of_files, &cache).await.expect_err("DOS").to_string();
    assert!(error.contains("`/run`") && error.contains("DOS"), "{error}");
}
