//! The runtime under a Runtime API that no one here wrote: ministack runs it as a function's `bootstrap`. Needs Python with
//! pip; ministack and boto3 are installed once into target/interop.
#![cfg(all(feature = "interop", target_os = "linux", target_arch = "x86_64"))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use throng::core::definition::Architecture;
use throng::core::image::embedded;

/// The folder with ministack's programs.
fn tools() -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/interop/ministack");
    if !folder.join("bin/ministack").exists() {
        let venv = Command::new("python3").args(["-m", "venv"]).arg(&folder).status().expect("python3");
        assert!(venv.success());
        let pip =
            Command::new(folder.join("bin/pip")).args(["install", "--quiet", "ministack", "boto3"]).status();
        assert!(pip.expect("pip").success());
    }
    folder.join("bin")
}

#[test]
fn the_runtime_is_a_bootstrap_for_ministack() {
    let tools = tools();
    let work = tempfile::tempdir().unwrap();
    let runtime = work.path().join("runtime");
    std::fs::write(&runtime, embedded::runtime(Architecture::X86_64).expect("a runtime")).unwrap();
    std::fs::set_permissions(&runtime, std::fs::Permissions::from_mode(0o755)).unwrap();
    let tmp = work.path().join("tmp");
    std::fs::create_dir(&tmp).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/ministack.py");
    let output = Command::new(tools.join("python3"))
        .arg(script)
        .arg(&runtime)
        .arg(tools.join("ministack"))
        .arg(&tmp)
        .output();
    let output = output.expect("python3");
    let text =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && text.contains("all is well"), "{text}");
}
