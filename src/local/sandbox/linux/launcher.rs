//! The daemon's side of the helper process: starts it when it is needed, and again when it has died.

use super::program::binary;
use super::{cgroup, helper, wire};
use crate::sandbox::{HELPER_ARGUMENT, Network, SandboxError};
use nix::fcntl::OFlag;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};

static HELPER: Mutex<Option<Helper>> = Mutex::new(None);

struct Helper {
    socket: OwnedFd,
    process: Child,
}

/// Asks for an init: the control socket to it, and what the sandbox writes.
pub fn launch(network: &Network) -> Result<(UnixStream, OwnedFd), SandboxError> {
    let failed = |what: &str, error: &dyn std::fmt::Display| SandboxError::Failed(format!("{what}: {error}"));
    let (ours, theirs) = UnixStream::pair().map_err(|error| failed("socket", &error))?;
    ours.set_nonblocking(true).map_err(|error| failed("socket", &error))?;
    let (read, write) = nix::unistd::pipe2(OFlag::O_CLOEXEC).map_err(|error| failed("pipe", &error))?;
    nix::fcntl::fcntl(&read, nix::fcntl::FcntlArg::F_SETFL(OFlag::O_NONBLOCK))
        .map_err(|error| failed("pipe", &error))?;
    let theirs = OwnedFd::from(theirs);
    let request = if *network == Network::Host { wire::REQUEST_HOST } else { wire::REQUEST };

    let mut helper = HELPER.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(running) = helper.as_ref()
        && helper::send_request(&running.socket, request, &theirs, &write).is_ok()
    {
        return Ok((ours, read));
    }
    if let Some(mut dead) = helper.take() {
        let _ = dead.process.kill();
        let _ = dead.process.wait();
    }
    let running = start().map_err(|error| failed("starting the helper process", &error))?;
    helper::send_request(&running.socket, request, &theirs, &write)
        .map_err(|error| failed("helper process", &error))?;
    *helper = Some(running);
    Ok((ours, read))
}

fn start() -> std::io::Result<Helper> {
    let (ours, theirs) = UnixStream::pair()?;
    let mut command = Command::new(binary());
    command.arg0("throng").arg(HELPER_ARGUMENT).env_clear().current_dir("/");
    if let Some((parent, prefix)) = cgroup::place() {
        command.arg(parent).arg(prefix);
    }
    command.stdin(Stdio::from(OwnedFd::from(theirs))).stdout(Stdio::null());
    let process = command.spawn()?;
    Ok(Helper { socket: ours.into(), process })
}
