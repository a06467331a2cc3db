//! Images as other tools make them, and inputs as people have them, through the whole program. The makers are those of
//! nix (names with a slash in front), of systems with a merged /usr, of Bazel (no folders), and of Docker 25.

use crate::support::{Home, between, shell_root, wait_for};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use std::path::Path;
use tar::EntryType;

fn sha256(bytes: &[u8]) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(bytes)))
}

/// Adds an entry whose name is written as it is.
fn add(to: &mut Vec<u8>, name: &str, kind: EntryType, link: &str, body: &[u8]) {
    let mut header = tar::Header::new_ustar();
    header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
    header.as_old_mut().linkname[..link.len()].copy_from_slice(link.as_bytes());
    header.set_entry_type(kind);
    header.set_mode(0o755);
    header.set_size(body.len() as u64);
    header.set_cksum();
    to.extend_from_slice(header.as_bytes());
    to.extend_from_slice(body);
    to.resize(to.len().next_multiple_of(512), 0);
}

fn file(to: &mut Vec<u8>, name: &str, body: &[u8]) {
    add(to, name, EntryType::Regular, "", body);
}

/// A layer with a shell and small programs.
fn base(home: &Home) -> Vec<u8> {
    let root = home.path().join("base");
    if !root.exists() {
        shell_root(&root);
    }
    let mut builder = tar::Builder::new(Vec::new());
    builder.append_dir_all("", &root).unwrap();
    builder.into_inner().unwrap()
}

/// A docker-archive: blobs first, then what names them.
fn save(to: &Path, layers: &[Vec<u8>], settings: &serde_json::Value) {
    let config =
        json!({"architecture": "amd64", "os": "linux", "config": settings, "rootfs": {"type": "layers",
        "diff_ids": layers.iter().map(|layer| sha256(layer)).collect::<Vec<_>>()}})
        .to_string();
    let mut builder = tar::Builder::new(std::fs::File::create(to).unwrap());
    let mut put = |name: &str, body: &[u8]| {
        let mut header = tar::Header::new_gnu();
        header.set_mode(0o644);
        header.set_size(body.len() as u64);
        builder.append_data(&mut header, name, body).unwrap();
    };
    let names: Vec<_> = layers.iter().map(|layer| format!("blobs/sha256/{}", &sha256(layer)[7..])).collect();
    names.iter().zip(layers).for_each(|(name, layer)| put(name, layer));
    put("config.json", config.as_bytes());
    put(
        "manifest.json",
        json!([{"Config": "config.json", "RepoTags": null, "Layers": names}]).to_string().as_bytes(),
    );
    builder.finish().unwrap();
}

/// A record of an extended header.
fn record(key: &[u8], value: &[u8]) -> Vec<u8> {
    let rest = [b" ", key, b"=", value, b"\n"].concat();
    let mut size = rest.len();
    while size.to_string().len() + rest.len() != size {
        size = size.to_string().len() + rest.len();
    }
    [size.to_string().as_bytes(), &rest].concat()
}

#[cfg(target_arch = "x86_64")]
#[test]
fn images_that_other_tools_take_run_here() {
    let home = Home::new();
    let base = base(&home);
    let tool = b"#!/bin/sh\necho tool\n";
    let layer = |build: &dyn Fn(&mut Vec<u8>)| {
        let mut tar = Vec::new();
        build(&mut tar);
        tar.resize(tar.len() + 1024, 0);
        tar
    };
    let absolute = layer(&|to| {
        add(to, "/nix", EntryType::Directory, "", b"");
        file(to, "/nix/tool", tool);
    });
    let newline = layer(&|to| {
        let capability = [1, 0, 0, 2, b'\n', b'\n', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        let header = record(b"SCHILY.xattr.security.capability", &capability);
        add(to, "PaxHeaders/x", EntryType::XHeader, "", &header);
        file(to, "tool", tool);
    });
    let below = layer(&|to| {
        add(to, "opt", EntryType::Directory, "", b"");
        add(to, "opt/real", EntryType::Directory, "", b"");
        add(to, "opt/way", EntryType::Symlink, "real", b"");
        file(to, "opt/way/tool", tool);
    });
    let pipe = layer(&|to| {
        add(to, "control", EntryType::Fifo, "", b"");
        add(to, "sda", EntryType::Block, "", b"");
        file(to, "tool", tool);
    });
    let bazel = layer(&|to| file(to, "app/deep/tool", tool));
    let cases = [
        ("absolute", absolute, "/nix/tool"),
        ("newline", newline, "/tool"),
        ("below", below, "/opt/real/tool"),
        ("pipe", pipe, "/tool"),
        ("bazel", bazel, "/app/deep/tool"),
    ];
    for (name, layer, path) in cases {
        let archive = format!("{name}.tar");
        let settings = json!({"Env": ["PATH=/bin"], "Cmd": [path]});
        save(&home.path().join(&archive), &[base.clone(), layer], &settings);
        // Without a scheme it is known, too.
        let output = home.run(&["deploy", "--name", name, "--image", &format!("./{archive}")]);
        let said =
            String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{name}: {said}");
        assert_eq!(said.matches("left out").count(), usize::from(name == "pipe"), "{said}");
        assert_eq!(home.ok(&["invoke", name, "--data", "{}"]), "tool\n", "{name}");
    }
}

#[test]
fn an_image_that_cannot_be_unpacked_leaves_nothing_behind() {
    let home = Home::new();
    let mut layer = Vec::new();
    add(&mut layer, "x", EntryType::Link, "nothing", b"");
    layer.resize(layer.len() + 1024, 0);
    save(&home.path().join("bad.tar"), &[layer], &json!({"Cmd": ["/x"]}));
    let output = home.run(&["deploy", "--name", "bad", "--image", "docker-archive:bad.tar"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && said.contains("entry `x` is a hard link to `nothing`"), "{said}");
    assert!(!said.contains("Lambda") && !said.contains("done:"), "{said}");
    assert!(home.ok(&["functions"]).contains("No functions"), "nothing was made");
    assert!(home.ok(&["ls"]).contains("No buckets"), "nothing was made");
}

#[test]
fn scripts_that_cannot_work_are_refused_before_anything_is_made() {
    let home = Home::new();
    let dos = home.function("dos", "#!/bin/sh\r\nset -e\r\necho hi\r\n", "");
    let wide = home.function("wide", "", "");
    let text: Vec<u8> = "\u{feff}#!/bin/sh\necho hi\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    std::fs::write(home.path().join("wide.sh"), text).unwrap();
    for (yaml, words) in [
        (&dos, "dos.sh has DOS line ends (CR LF): its first line asks for `/bin/sh\\r`"),
        (&wide, "wide.sh is in UTF-16"),
    ] {
        for verb in ["check", "deploy"] {
            let output = home.run(&[verb, yaml]);
            let said = String::from_utf8_lossy(&output.stderr).into_owned()
                + &String::from_utf8_lossy(&output.stdout);
            assert!(output.status.code() == Some(2) && said.contains(words), "{verb}: {said}");
        }
    }
    assert_eq!(home.daemon(), None, "the cloud was not even asked");
}

#[test]
fn folder_markers_start_no_task() {
    let home = Home::new();
    let places = between("marks-data/in", "marks-data/out");
    let yaml = home.function("marks", "#!/bin/sh\ncp \"$INPUT_FILE_PATH\" \"$TMP_OUTPUT_DIR/\"\n", &places);
    home.ok(&["deploy", &yaml]);
    let s3 = crate::support::s3::client(&home.path().join("home/data/local"));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let put = |key: &str, body: &'static [u8]| {
        let put = s3
            .put_object()
            .bucket("marks-data")
            .key(key)
            .body(aws_sdk_s3::primitives::ByteStream::from_static(body));
        runtime.block_on(async { put.send().await.unwrap() });
    };
    put("in/newfolder/", b"");
    put("in/newfolder/a.txt", b"x");
    wait_for("the file's result", || home.ok(&["ls", "-r", "marks-data/out/"]).contains("a.txt"));
    // Both events were answered; one left a record, and no line of an error.
    let mut log = String::new();
    wait_for("both were answered", || {
        log = home.ok(&["logs", "marks"]);
        log.matches("REPORT").count() == 2
    });
    assert!(!log.contains("ERROR") && !log.contains("WARN"), "{log}");
    let records = runtime.block_on(async {
        let buckets = s3.list_buckets().send().await.unwrap();
        let home_bucket = buckets
            .buckets()
            .iter()
            .filter_map(|bucket| bucket.name())
            .find(|name| name.starts_with("throng"));
        let list = s3
            .list_objects_v2()
            .bucket(home_bucket.expect("a home bucket"))
            .prefix("l/")
            .send()
            .await
            .unwrap();
        list.contents().iter().filter_map(|object| object.key().map(str::to_owned)).collect::<Vec<_>>()
    });
    assert_eq!(records.iter().filter(|key| key.contains("_succeeded_")).count(), 1, "{records:?}");
    let started = home.json(&["run", "marks", "s3://marks-data/in/", "--wait"]);
    assert_eq!(started["counts"]["succeeded"], 1, "the file alone: {started}");
}

#[test]
fn what_cannot_be_read_does_not_stop_the_rest_of_a_run() {
    let home = Home::new();
    let yaml = home.function(
        "same",
        "#!/bin/sh\ncp \"$INPUT_FILE_PATH\" \"$TMP_OUTPUT_DIR/\"\n",
        &between("same-data/in", "same-data/out"),
    );
    home.ok(&["deploy", &yaml]);
    home.write("partial/sub-01/T1w.json", "{}");
    std::os::unix::fs::symlink("../.store/nothing", home.path().join("partial/sub-01/T1w.nii")).unwrap();
    let output = home.run(&["run", "same", "partial", "--skip-unreadable", "--wait"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    assert!(
        said.contains(
            "left out: `partial/sub-01/T1w.nii` is a link to `../.store/nothing`, which is not there"
        ),
        "{said}"
    );
    assert!(home.ok(&["ls", "-r", "same-data/out/"]).contains("T1w.json"));
    // A folder with brackets in its name is that folder.
    home.write("study [2024]/a.nii", "x");
    let output = home.run(&["run", "same", "study [2024]/*.nii", "--wait"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(home.ok(&["ls", "-r", "same-data/out/"]).contains("a.nii"));
}
