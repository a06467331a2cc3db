//! The daemon's side of the helper process: starts it when it is needed, and again when it has died.

use super::{cgroup, helper};
use crate::sandbox::{HELPER_ARGUMENT, SandboxError};
use nix::fcntl::OFlag;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, OnceLock, PoisonError};

/// Overrides which binary becomes the helper.
const ENV_HELPER: &str = "THRONG_SANDBOX_HELPER";

static BINARY: OnceLock<PathBuf> = OnceLock::new();
static HELPER: Mutex<Option<Helper>> = Mutex::new(None);

struct Helper {
    socket: OwnedFd,
    process: Child,
}

/// Sets the binary that becomes the helper when it is called with
/// [`HELPER_ARGUMENT`]; without it, the running binary. For tests, whose binary is another.
pub fn use_helper(binary: PathBuf) {
    let _ = BINARY.set(binary);
}

/// Asks for an init: the control socket to it, and what the sandbox writes.
pub fn launch() -> Result<(UnixStream, OwnedFd), SandboxError> {
    let failed = |what: &str, error: &dyn std::fmt::Display| SandboxError::Failed(format!("{what}: {error}"));
    let (ours, theirs) = UnixStream::pair().map_err(|error| failed("socket", &error))?;
    ours.set_nonblocking(true).map_err(|error| failed("socket", &error))?;
    let (read, write) = nix::unistd::pipe2(OFlag::O_CLOEXEC).map_err(|error| failed("pipe", &error))?;
    nix::fcntl::fcntl(&read, nix::fcntl::FcntlArg::F_SETFL(OFlag::O_NONBLOCK))
        .map_err(|error| failed("pipe", &error))?;
    let theirs = OwnedFd::from(theirs);

    let mut helper = HELPER.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(running) = helper.as_ref()
        && helper::send_request(&running.socket, &theirs, &write).is_ok()
    {
        return Ok((ours, read));
    }
    if let Some(mut dead) = helper.take() {
        let _ = dead.process.kill();
        let _ = dead.process.wait();
    }
    let running = start().map_err(|error| failed("starting the helper process", &error))?;
    helper::send_request(&running.socket, &theirs, &write)
        .map_err(|error| failed("helper process", &error))?;
    *helper = Some(running);
    Ok((ours, read))
}

/// The helper's binary.
pub fn binary() -> PathBuf {
    // Not the path of the running binary: it may have been replaced since.
    let running = || PathBuf::from("/proc/self/exe");
    let set = std::env::var_os(ENV_HELPER).map(PathBuf::from).or_else(|| BINARY.get().cloned());
    set.unwrap_or_else(running)
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
