//! Environments as plain processes of this machine, without isolation: for tests of everything but the sandbox.

use super::launcher::{Launcher, Process};
use crate::sandbox::{Exit, SandboxError, SandboxSpec};
use async_trait::async_trait;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use std::os::unix::process::ExitStatusExt;
use std::process::Stdio;
use tokio::net::unix::pipe;
use tokio::process::{Child, Command};

/// Runs commands as they are, in a process group of their own. `SandboxSpec::rootfs` is ignored but for relative
/// programs; limits are not enforced.
#[derive(Clone, Copy, Debug, Default)]
pub struct PlainLauncher;

#[async_trait]
impl Launcher for PlainLauncher {
    async fn launch(&self, spec: SandboxSpec) -> Result<Box<dyn Process>, SandboxError> {
        let failed = |error: std::io::Error| SandboxError::Failed(error.to_string());
        let (program, arguments) = spec
            .command
            .split_first()
            .ok_or_else(|| SandboxError::InvalidEntrypoint("no entry point".into()))?;
        let (reader, writer) = std::io::pipe().map_err(failed)?;
        let child = Command::new(program)
            .args(arguments)
            .env_clear()
            .envs(spec.env)
            .stdin(Stdio::null())
            .stdout(writer.try_clone().map_err(failed)?)
            .stderr(writer)
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| SandboxError::InvalidEntrypoint(format!("fork/exec {program}: {error}")))?;
        let output = pipe::Receiver::from_owned_fd(reader.into()).map_err(failed)?;
        let group = child.id().and_then(|id| i32::try_from(id).ok()).map(Pid::from_raw);
        Ok(Box::new(PlainProcess { child, group, output: Some(output) }))
    }
}

struct PlainProcess {
    child: Child,
    group: Option<Pid>,
    output: Option<pipe::Receiver>,
}

impl PlainProcess {
    fn kill_group(&self) {
        if let Some(group) = self.group {
            let _ = killpg(group, Signal::SIGKILL);
        }
    }
}

#[async_trait]
impl Process for PlainProcess {
    fn take_output(&mut self) -> Option<pipe::Receiver> {
        self.output.take()
    }

    async fn wait(&mut self) -> Exit {
        match self.child.wait().await {
            Ok(status) => Exit { code: status.code(), signal: status.signal(), out_of_memory: false },
            Err(_) => Exit { code: None, signal: None, out_of_memory: false },
        }
    }

    async fn kill(&mut self) {
        self.kill_group();
        let _ = self.child.wait().await;
    }

    fn peak_memory(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()?)).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        line.split_whitespace().next()?.parse::<u64>().ok().map(|kib| kib * 1024)
    }
}

impl Drop for PlainProcess {
    fn drop(&mut self) {
        self.kill_group();
    }
}
