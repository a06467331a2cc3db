//! What tests and benchmarks of the whole program share: a home of their own, the program, a small root filesystem; below,
//! a terminal, an S3 client, and for the tests with third-party programs what those need.
//!
//! Each binary includes it once; none uses all of it.

#![allow(dead_code, clippy::expect_used, clippy::unwrap_used, clippy::panic, missing_docs)]

pub mod dav;
pub mod forgery;
pub mod lab;
#[cfg(target_os = "linux")]
pub mod processes;
#[cfg(feature = "interop")]
pub mod recorder;
#[cfg(feature = "interop")]
pub mod report;
#[cfg(all(feature = "interop", target_os = "linux", target_arch = "x86_64"))]
pub mod rie;
pub mod s3;
pub mod screen;
#[cfg(feature = "interop")]
pub mod server;
pub mod svg;
#[cfg(feature = "interop")]
pub mod tools;

use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use throng_local::daemon::{self, State};

/// A home of its own for one test. Its local cloud ends with it.
pub struct Home {
    folder: tempfile::TempDir,
    variables: Vec<(String, String)>,
}

impl Home {
    pub fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a folder"), variables: Vec::new() }
    }

    /// A home whose context is `name`, with these lines in `config.toml`, and keys in the environment.
    pub fn in_context(name: &str, lines: &str) -> Self {
        let mut home = Self::new();
        home.write(
            "home/config/config.toml",
            &format!("[contexts.{name}]\nregion = \"us-east-1\"\n{lines}\n"),
        );
        let pairs = [
            ("THRONG_CONTEXT", name),
            ("AWS_ACCESS_KEY_ID", "test"),
            ("AWS_SECRET_ACCESS_KEY", "test"),
            ("AWS_EC2_METADATA_DISABLED", "true"),
        ];
        home.variables = pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        home
    }

    /// Further variables of the programs that it runs.
    pub fn variables(&self) -> &[(String, String)] {
        &self.variables
    }

    /// Sets a variable for the programs that it runs.
    pub fn set(&mut self, name: &str, value: &str) {
        self.variables.retain(|(known, _)| known != name);
        self.variables.push((name.to_owned(), value.to_owned()));
    }

    /// A folder for the test's files; programs run in it.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_throng"));
        command
            .args(arguments)
            .current_dir(self.path())
            .env("THRONG_HOME", self.path().join("home"))
            .env_remove("THRONG_CONTEXT")
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null());
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().expect("throng runs")
    }

    /// Runs a verb that must succeed; gives what it printed.
    pub fn ok(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        assert!(
            output.status.success(),
            "throng {arguments:?}: {}\n{}\n{}",
            output.status,
            text(&output.stdout),
            text(&output.stderr)
        );
        text(&output.stdout)
    }

    /// Runs a verb with `--output json`, whatever its exit code.
    pub fn json(&self, arguments: &[&str]) -> Value {
        let mut all = arguments.to_vec();
        all.extend(["--output", "json"]);
        let output = self.run(&all);
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            panic!("throng {all:?}: {error}\n{}\n{}", text(&output.stdout), text(&output.stderr))
        })
    }

    /// The daemon's process id, when it runs.
    pub fn daemon(&self) -> Option<u32> {
        let path = self.path().join("home/data/local/endpoint.json");
        let endpoint: Value = serde_json::from_slice(&std::fs::read(path).ok()?).ok()?;
        u32::try_from(endpoint["pid"].as_u64()?).ok()
    }

    pub fn write(&self, name: &str, body: &str) -> PathBuf {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("makes the folder");
        std::fs::write(&path, body).expect("writes the file");
        path
    }

    /// Writes the script and the definition of a function from a root filesystem with a shell; gives the definition's
    /// name. `more` are further lines: six spaces before a setting of the function, eight before one of its container.
    pub fn function(&self, name: &str, script: &str, more: &str) -> String {
        let root = self.path().join("root");
        if !root.exists() {
            shell_root(&root);
        }
        self.write(&format!("{name}.sh"), script);
        let file = format!("{name}.yaml");
        let definition = format!(
            "functions:\n  aws:\n  - lambda:\n      name: {name}\n      init_script: {name}.sh\n      \
             container:\n        image: 'rootfs:root'\n{more}"
        );
        self.write(&file, &definition);
        file
    }
}

/// Lines for [`Home::function`]: inputs come from one folder, as `bucket/prefix`, and outputs go to another.
pub fn between(input: &str, output: &str) -> String {
    format!(
        "      input: [{{storage_provider: s3, path: {input}}}]\n      \
         output: [{{storage_provider: s3, path: {output}}}]\n"
    )
}

/// What the test runner calls a test, from the `module_path!()` of its module: without the binary's own name.
pub fn test_name(module: &str, test: &str) -> String {
    let (_, module) = module.split_once("::").expect("a module of the binary");
    format!("{module}::{test}")
}

/// Waits until a local cloud answers in its folder; gives its endpoint.
pub fn wait_until_running(folder: &Path) -> String {
    let mut found = None;
    wait_for("the local cloud runs", || {
        if let State::Running(endpoint, _) = daemon::status(folder) {
            found = Some(endpoint.endpoint);
        }
        found.is_some()
    });
    found.expect("an endpoint")
}

/// Waits for a condition, two minutes at the most.
pub fn wait_for(what: &str, mut condition: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !condition() {
        assert!(begin.elapsed() < Duration::from_mins(2), "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Waits for a condition for as long as something goes on: two minutes after `progress` last said something new.
pub fn wait_while_it_goes_on<P: PartialEq>(
    what: &str,
    mut condition: impl FnMut() -> bool,
    mut progress: impl FnMut() -> P,
) {
    let (mut told, mut since) = (progress(), Instant::now());
    while !condition() {
        let now = progress();
        if now != told {
            (told, since) = (now, Instant::now());
        }
        assert!(since.elapsed() < Duration::from_mins(2), "waited in vain: {what}");
        // Who asks takes time from what is waited for.
        std::thread::sleep(Duration::from_millis(500));
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let _ = self.run(&["local", "stop"]);
    }
}

/// A root filesystem with a shell and the usual small programs: busybox when it is there and static, else this machine's
/// own with the libraries that they need.
pub fn shell_root(root: &Path) {
    for folder in ["bin", "etc"] {
        std::fs::create_dir_all(root.join(folder)).expect("makes a folder");
    }
    let names = [
        "sh", "cat", "wc", "sleep", "ls", "cp", "mkdir", "head", "dd", "env", "rm", "touch", "pwd", "seq",
        "tr", "id",
    ];
    for name in names {
        let program =
            ["/bin", "/usr/bin"].iter().map(|folder| Path::new(folder).join(name)).find(|path| path.exists());
        let Some(program) = program else { panic!("this machine has no {name}") };
        std::fs::copy(program.canonicalize().expect("a path"), root.join("bin").join(name)).expect("copies");
        for library in libraries(&program) {
            let to = root.join(library.strip_prefix("/").expect("absolute"));
            if !to.exists() {
                std::fs::create_dir_all(to.parent().expect("a folder")).expect("makes a folder");
                std::fs::copy(library.canonicalize().expect("a library"), to).expect("copies");
            }
        }
    }
}

fn libraries(program: &Path) -> Vec<PathBuf> {
    let Ok(output) = Command::new("ldd").arg(program).output() else { return Vec::new() };
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.split_whitespace().filter(|word| word.starts_with('/')).map(PathBuf::from).collect()
}

/// Watches the peak memory of the processes of a home's cloud.
pub struct Peak {
    stop: Arc<AtomicBool>,
    thread: std::thread::JoinHandle<BTreeMap<String, u64>>,
}

impl Peak {
    pub fn watch(home: &Home) -> Self {
        let daemon = home.daemon().expect("the local cloud runs");
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let thread = std::thread::spawn(move || {
            let mut peaks = BTreeMap::new();
            while !stopped.load(Ordering::Relaxed) {
                for pid in descendants(daemon) {
                    let Some((name, bytes)) = peak_of(pid, daemon) else { continue };
                    let peak = peaks.entry(name).or_insert(0);
                    *peak = bytes.max(*peak);
                }
                std::thread::sleep(Duration::from_millis(200));
            }
            peaks
        });
        Self { stop, thread }
    }

    pub fn stop(self) -> BTreeMap<String, u64> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().expect("the watcher")
    }
}

fn status_field(pid: u32, field: &str) -> Option<String> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    status
        .lines()
        .find_map(|line| line.strip_prefix(field))
        .map(|value| value.trim_start_matches(':').trim().to_owned())
}

fn peak_of(pid: u32, daemon: u32) -> Option<(String, u64)> {
    let name = if pid == daemon { "the daemon".to_owned() } else { status_field(pid, "Name")? };
    let kib: u64 = status_field(pid, "VmHWM")?.split(' ').next()?.parse().ok()?;
    Some((name, kib * 1024))
}

/// A process and all below it.
pub fn descendants(root: u32) -> Vec<u32> {
    let parents: Vec<(u32, u32)> = std::fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let pid = entry.file_name().to_str()?.parse().ok()?;
            Some((pid, status_field(pid, "PPid")?.parse().ok()?))
        })
        .collect();
    let mut found = vec![root];
    let mut at = 0;
    while let Some(&pid) = found.get(at) {
        found.extend(parents.iter().filter(|(_, parent)| *parent == pid).map(|(child, _)| *child));
        at += 1;
    }
    found
}
