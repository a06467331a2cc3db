//! A local cloud of its own for each test, and waiting for snapshots.

use std::path::{Path, PathBuf};
use std::process::{Command as Process, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};
use throng_core::cloud::{Cloud, ConnectOptions};
use throng_core::config::{Config, ContextConfig};
use throng_core::dirs::Dirs;
use throng_core::engine::{Command, Engine, EngineOptions, Snapshot};
use throng_core::image::Programs;

pub const EXE: &str = env!("CARGO_BIN_EXE_throng");

/// A folder with everything of a person in it. Its daemon, if one was started, ends with it.
pub struct Home {
    pub dirs: Dirs,
    folder: tempfile::TempDir,
}

impl Home {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { dirs: Dirs::under(folder.path()), folder }
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// A client, which starts the daemon.
    pub async fn cloud(&self) -> Cloud {
        let options = ConnectOptions { exe: Some(EXE.into()), no_start: false, ..ConnectOptions::default() };
        Cloud::connect_with(&ContextConfig::local(), &self.dirs, &options).await.unwrap()
    }

    pub fn options(&self) -> EngineOptions {
        EngineOptions {
            config: Config::default(),
            dirs: self.dirs.clone(),
            context: None,
            exe: Some(PathBuf::from(EXE)),
            // What is deployed here is not run.
            programs: Programs { runtime: |_| Some(bytes::Bytes::from_static(b"runtime")), ..Programs::NONE },
        }
    }

    pub fn local(&self, verb: &str) {
        let mut command = Process::new(EXE);
        command.args(["local", verb]).env("THRONG_HOME", self.path());
        let _ = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    }

    /// Whether any process has this home: a daemon, or what starts one.
    fn is_used(&self) -> bool {
        let variable = format!("THRONG_HOME={}", self.path().display());
        let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
        processes.into_iter().any(|process| {
            let environment = std::fs::read(process.path().join("environ")).unwrap_or_default();
            environment.split(|byte| *byte == 0).any(|entry| entry == variable.as_bytes())
        })
    }

    /// The daemon's process id.
    pub fn pid(&self) -> i32 {
        let text = std::fs::read_to_string(self.dirs.local_cloud().join("endpoint.json")).unwrap();
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        i32::try_from(value["pid"].as_i64().unwrap()).unwrap()
    }
}

impl Drop for Home {
    /// Stops the daemon, and again whatever was being started: an engine that has just ended may have asked for it.
    fn drop(&mut self) {
        let begin = Instant::now();
        loop {
            self.local("stop");
            if !self.is_used() || begin.elapsed() > Duration::from_secs(20) {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

/// An engine with the way to wait for what it shows.
pub struct Watched {
    pub engine: Engine,
}

impl Watched {
    pub fn start(options: EngineOptions) -> Self {
        Self { engine: Engine::start(options).unwrap() }
    }

    pub fn send(&self, command: Command) {
        self.engine.send(command);
    }

    pub fn now(&self) -> Arc<Snapshot> {
        self.engine.snapshots().borrow().clone()
    }

    /// The first snapshot for which `test` holds.
    pub async fn until(&self, what: &str, test: impl Fn(&Snapshot) -> bool) -> Arc<Snapshot> {
        let mut snapshots = self.engine.snapshots();
        let wait = snapshots.wait_for(|snapshot| test(snapshot));
        match tokio::time::timeout(Duration::from_mins(1), wait).await {
            Ok(found) => found.unwrap().clone(),
            Err(late) => panic!("{what} did not come ({late}); last: {:#?}", self.now()),
        }
    }
}
