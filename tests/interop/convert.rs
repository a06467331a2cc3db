//! A real image that no one here made: Debian with `ImageMagick`, packed by umoci and skopeo, converts 200 pictures, one of
//! them broken. What it stores is what the same script stores when it is run by hand in the same root.
//!
//! Needs root, `mmdebstrap`, `umoci` and `skopeo` (Debian packages of these names).

use crate::support::Home;
use std::path::Path;
use std::process::Command;

const SCRIPT: &str = r#"#!/bin/bash
name=$(basename "$INPUT_FILE_PATH")
# Without the dates that it would write into the file, which are those of the input's copy.
convert "$INPUT_FILE_PATH" -type Grayscale -resize 50% +set date:create +set date:modify \
  -define png:exclude-chunks=date,time "$TMP_OUTPUT_DIR/${name%.*}.png"
"#;

const DEFINITION: &str = "functions:
  aws:
  - lambda:
      name: grayify
      memory: 1024
      timeout: 120
      init_script: convert.sh
      container: {image_file: debian.tar}
      input: [{storage_provider: s3, path: pictures/in}]
      output: [{storage_provider: s3, path: pictures/out}]
";

fn shell(folder: &Path, command: &str) {
    let output = Command::new("sh").args(["-ec", command]).current_dir(folder).output().expect("a shell");
    assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
}

/// 199 small pictures of noise that differ from each other, and one file that is none.
fn pictures(folder: &Path) {
    std::fs::create_dir_all(folder).unwrap();
    for index in 0..199u32 {
        let mut body = b"P6\n64 48\n255\n".to_vec();
        let mut state = index.wrapping_mul(2_654_435_761).wrapping_add(1);
        for _ in 0..64 * 48 * 3 {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            body.push(state.to_le_bytes()[1]);
        }
        std::fs::write(folder.join(format!("p{index}.ppm")), body).unwrap();
    }
    std::fs::write(folder.join("broken.ppm"), "this is not a picture").unwrap();
}

#[test]
fn a_debian_image_converts_what_it_can_and_says_why_it_cannot() {
    let home = Home::new();
    let work = home.path();
    shell(work, "mmdebstrap --quiet --variant=minbase --include=imagemagick bookworm root.tar");
    shell(work, "mkdir root && tar xf root.tar -C root --exclude='./dev/*' && mkdir -p root/dev");
    shell(
        work,
        "umoci init --layout oci && umoci new --image oci:base && umoci insert --image oci:base root / \
         && umoci config --image oci:base --config.cmd /bin/bash \
         && skopeo copy -q oci:oci:base docker-archive:debian.tar:demo/imagemagick:latest",
    );
    home.write("convert.sh", SCRIPT);
    home.write("grayify.yaml", DEFINITION);
    pictures(&work.join("set"));

    home.ok(&["deploy", "grayify.yaml"]);
    let output = home.run(&["run", "grayify", "set", "--wait", "--to", "results"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "one task failed: {said}");
    assert!(said.contains("broken.ppm") && said.contains("no images defined"), "the reason is shown: {said}");
    let summary = &home.json(&["runs", "last"])["counts"];
    assert_eq!((&summary["succeeded"], &summary["failed"]), (&199.into(), &1.into()), "{summary}");

    shell(
        work,
        "mkdir -p root/tmp/in root/tmp/out && cp set/p*.ppm root/tmp/in/ && cp convert.sh root/tmp/ \
         && chroot root /bin/bash -ec 'export TMP_OUTPUT_DIR=/tmp/out; for file in /tmp/in/*; do \
            INPUT_FILE_PATH=$file /bin/bash /tmp/convert.sh; done'",
    );
    for entry in std::fs::read_dir(work.join("root/tmp/out")).unwrap().flatten() {
        let by_hand = std::fs::read(entry.path()).unwrap();
        let by_throng = std::fs::read(work.join("results").join(entry.file_name())).expect("a result");
        assert_eq!(by_hand, by_throng, "{:?} differs", entry.file_name());
    }
    assert_eq!(std::fs::read_dir(work.join("results")).unwrap().count(), 199);
}
