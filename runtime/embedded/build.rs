//! Builds what runs inside functions, and has it embedded.
//!
//! `throng-runtime` and the demo's `throng-slices` are built by a cargo of their own, statically linked, into
//! `target/functions`, which all profiles share: they are built once. Where that is not possible (no static libc, not
//! Linux) the build goes on without them and says so; `THRONG_RUNTIME_BINARY` names a runtime that was built elsewhere.

use std::env;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Programs, with the name of the constant that holds each.
const PROGRAMS: [(&str, &str, &str); 2] = [
    ("throng-runtime", "RUNTIME", "The runtime, which every function gets."),
    ("throng-slices", "SLICES", "The program of the demo's function."),
];
/// Architectures, as Lambda calls them, with the targets that can be used, best first.
const TARGETS: [(&str, [&str; 2]); 2] = [
    ("x86_64", ["x86_64-unknown-linux-musl", "x86_64-unknown-linux-gnu"]),
    ("arm64", ["aarch64-unknown-linux-musl", "aarch64-unknown-linux-gnu"]),
];
/// What the programs are made of.
const SOURCES: [&str; 6] = [
    "Cargo.toml",
    "Cargo.lock",
    "runtime/Cargo.toml",
    "runtime/src",
    "runtime/contract/Cargo.toml",
    "runtime/contract/src",
];
/// What the cargo that runs us sets for us, and what would make the inner one build something else.
const FOREIGN: [&str; 9] = [
    "RUSTFLAGS",
    "CARGO_ENCODED_RUSTFLAGS",
    "CARGO_BUILD_RUSTFLAGS",
    "CARGO_BUILD_TARGET",
    "CARGO_BUILD_TARGET_DIR",
    "CARGO_TARGET_DIR",
    "CARGO_MAKEFLAGS",
    "RUSTC_WRAPPER",
    "RUSTC_WORKSPACE_WRAPPER",
];

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let manifest = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    let root = manifest.ancestors().nth(2).unwrap_or(&manifest).to_owned();
    for file in SOURCES {
        println!("cargo::rerun-if-changed={}", root.join(file).display());
    }
    println!("cargo::rerun-if-env-changed=THRONG_RUNTIME_BINARY");
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
    let built = TARGETS.map(|(architecture, targets)| build(architecture, &targets, &root, &out));
    let mut code = String::new();
    for (program, name, what) in PROGRAMS {
        let embedded = |paths: &[PathBuf]| {
            let path = paths.iter().find(|path| path.file_name().is_some_and(|file| file == program));
            path.map_or_else(
                || "None".to_owned(),
                |path| format!("Some(include_bytes!({:?}))", path.to_string_lossy()),
            )
        };
        let [x86_64, arm64] = built.each_ref().map(|paths| embedded(paths));
        let _ = writeln!(
            code,
            "/// {what}\npub const {name}: Program = Program {{ x86_64: {x86_64}, arm64: {arm64} }};"
        );
    }
    if let Err(error) = fs::write(out.join("embedded.rs"), code) {
        println!("cargo::error=writing embedded.rs: {error}");
    }
}

/// The programs for one architecture, copied to `out`. Empty when they cannot be built here.
fn build(architecture: &str, targets: &[&str], root: &Path, out: &Path) -> Vec<PathBuf> {
    let native = env::var("CARGO_CFG_TARGET_ARCH").unwrap_or_default().replace("aarch64", "arm64");
    let given =
        env::var_os("THRONG_RUNTIME_BINARY").filter(|path| !path.is_empty() && native == architecture);
    let folder = out.join(architecture);
    let made = fs::create_dir_all(&folder);
    if let (Some(given), Ok(())) = (given, made) {
        let to = folder.join("throng-runtime");
        return match fs::copy(&given, &to) {
            Ok(_) => vec![to],
            Err(error) => {
                println!("cargo::error=THRONG_RUNTIME_BINARY {}: {error}", given.display());
                Vec::new()
            }
        };
    }
    let installed: Vec<&str> = targets.iter().copied().filter(|target| is_installed(target)).collect();
    let mut problem = format!("none of the targets {} is installed", targets.join(", "));
    for target in installed {
        match build_for(target, root) {
            Ok(built) => return copy(&built, &folder),
            Err(error) => problem = error,
        }
    }
    // Other architectures are an extra: nothing is said about them unless they were meant to work.
    if native == architecture {
        println!(
            "cargo::warning=no runtime for {architecture} is embedded, so functions cannot be deployed: {problem}. \
             `rustup target add {}` helps on most machines",
            targets[0]
        );
    }
    Vec::new()
}

fn copy(built: &Path, folder: &Path) -> Vec<PathBuf> {
    let copies = PROGRAMS.iter().map(|(program, ..)| (built.join(program), folder.join(program)));
    copies.filter(|(from, to)| fs::copy(from, to).is_ok()).map(|(_, to)| to).collect()
}

/// Whether the standard library for a target is there.
fn is_installed(target: &str) -> bool {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let printed = Command::new(rustc).args(["--print", "target-libdir", "--target", target]).output();
    printed.is_ok_and(|printed| {
        let folder = String::from_utf8_lossy(&printed.stdout).trim().to_owned();
        fs::read_dir(folder).is_ok_and(|mut entries| {
            entries.any(|entry| {
                entry.is_ok_and(|entry| entry.file_name().to_string_lossy().starts_with("libstd-"))
            })
        })
    })
}

/// Runs the inner cargo; gives the folder of the programs.
fn build_for(target: &str, root: &Path) -> Result<PathBuf, String> {
    let folder = target_dir(root).join("functions");
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        let ours = ["CARGO_CFG_", "CARGO_FEATURE_", "CARGO_PKG_", "CARGO_PROFILE_", "CARGO_MANIFEST_"];
        if FOREIGN.contains(&&*text) || ours.iter().any(|prefix| text.starts_with(prefix)) {
            command.env_remove(&name);
        }
    }
    let flags = format!("CARGO_TARGET_{}_RUSTFLAGS", target.to_uppercase().replace('-', "_"));
    let output = command
        .current_dir(root)
        .env(flags, "-C target-feature=+crt-static")
        .args([
            "build",
            "--quiet",
            "--locked",
            "--package",
            "throng-runtime",
            "--bins",
            "--profile",
            "runtime",
        ])
        .args(["--target", target, "--target-dir"])
        .arg(&folder)
        .output()
        .map_err(|error| format!("cargo cannot be started: {error}"))?;
    if !output.status.success() {
        let text = String::from_utf8_lossy(&output.stderr);
        let lines: Vec<_> = text.lines().filter(|line| line.contains("error")).take(3).collect();
        return Err(format!("building for {target} failed: {}", lines.join("; ")));
    }
    Ok(folder.join(target).join("runtime"))
}

/// The folder that the outer cargo builds into: the one above `<profile>/build/<package>/out`, and above the target's
/// name when there is one.
fn target_dir(root: &Path) -> PathBuf {
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
    out.ancestors()
        .find(|folder| folder.join("CACHEDIR.TAG").exists())
        .map_or_else(|| root.join("target"), Path::to_owned)
}
