//! The sandbox on Linux.
//!
//! ```text
//! cgroup     control groups: one per sandbox, below a place that is found once
//! check      what throng doctor says about running functions here
//! filter     which system calls the programs of a sandbox may not make
//! helper     the helper process: forks an init into new namespaces for every request, and maps its user
//! init       the first process of a sandbox: builds the root, starts the program, reaps
//! launcher   the daemon's side of the helper process
//! memory     how much memory a sandbox uses, and whether that is too much
//! network    a sandbox's own network: its loopback device, and the sockets that listen there
//! program    which program becomes the helper process
//! sys        system calls that nix does not have: the mount API, pidfds, capabilities
//! wire       what daemon, helper and init say to each other
//! ```

mod cgroup;
mod check;
mod filter;
mod helper;
mod init;
mod launcher;
mod memory;
mod network;
mod program;
mod sys;
mod wire;

pub use check::check;
pub use helper::main as helper_main;
pub use program::use_helper;

use super::{Exit, Network, SandboxError, SandboxSpec, Sockets};
use memory::MemoryWatch;
use std::io::{IoSliceMut, Read};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::unix::AsyncFd;
use tokio::io::{AsyncReadExt, AsyncWriteExt, Interest};
use tokio::net::UnixStream;
use tokio::sync::watch;
use wire::{Failure, FrameKind, Plan};

/// How long a sandbox may take to be made, on a machine that is very busy.
const START_LIMIT: Duration = Duration::from_mins(1);
/// Most descriptors that come with a frame: /tmp, the cloud, two of the name server, the ports.
const MOST_DESCRIPTORS: usize = 4 + super::MOST_PORTS;
/// How often memory is looked at, where the kernel does not do it alone.
const WATCH_EVERY: Duration = Duration::from_millis(100);

/// What a sandbox writes to standard output and error, in one stream. Ends when the sandbox has.
pub type Output = tokio::net::unix::pipe::Receiver;

/// A running sandbox. Dropping it ends it.
#[derive(Debug)]
pub struct Sandbox {
    shared: Arc<Shared>,
    exit: watch::Receiver<Option<Exit>>,
    output: Option<Output>,
    sockets: Option<Sockets>,
}

#[derive(Debug)]
struct Shared {
    pid: u32,
    pidfd: AsyncFd<OwnedFd>,
    memory: MemoryWatch,
}

impl Shared {
    fn kill(&self) {
        // Fails only when it has ended.
        let _ = sys::pidfd_kill(self.pidfd.get_ref().as_fd());
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.shared.kill();
    }
}

impl Sandbox {
    /// Makes a sandbox and starts the program in it. Must be called within a tokio runtime. Answers when the program
    /// runs, or could not be executed.
    ///
    /// # Errors
    /// [`SandboxError`]
    pub async fn spawn(spec: SandboxSpec) -> Result<Self, SandboxError> {
        tokio::time::timeout(START_LIMIT, Self::start(spec))
            .await
            .map_err(|_| SandboxError::Failed(format!("not started within {} s", START_LIMIT.as_secs())))?
    }

    async fn start(spec: SandboxSpec) -> Result<Self, SandboxError> {
        let failed = |error: std::io::Error| SandboxError::Failed(error.to_string());
        let limits = memory::Limits::of(&spec);
        let plan = Plan {
            rootfs: spec.rootfs,
            command: spec.command,
            workdir: spec.workdir,
            env: spec.env,
            tmp_mb: spec.tmp_mb,
            // Before, they were counted together with all others of the host's user.
            counts_processes: *check::KERNEL >= (5, 14),
            network: spec.network,
        };
        let (control, output) = launcher::launch(&plan.network)?;
        let network = plan.network.clone();
        let plan = serde_json::to_vec(&plan).map_err(|error| SandboxError::Failed(error.to_string()))?;
        let mut control = UnixStream::from_std(control).map_err(failed)?;
        let output = Output::from_owned_fd(output).map_err(failed)?;

        let (pid, _) = answer(&mut control, wire::PID).await?;
        let pid = pid
            .try_into()
            .map(u32::from_le_bytes)
            .map_err(|_| SandboxError::Failed("the helper gave no process id".into()))?;
        let pidfd = sys::pidfd_open(pid).map_err(|error| SandboxError::Failed(format!("pidfd: {error}")))?;
        let pidfd = sys::watched(pidfd).map_err(failed)?;
        let mut shared = Shared { pid, pidfd, memory: MemoryWatch::new(pid, limits) };
        let started = async {
            let mut frame = Vec::with_capacity(plan.len() + 5);
            wire::write(&mut frame, wire::GO, &plan)?;
            control.write_all(&frame).await
        };
        started.await.map_err(failed)?;
        let (_, fds) = answer(&mut control, wire::STARTED).await.inspect_err(|_| shared.kill())?;
        let mut fds = fds.into_iter();
        shared.memory.tmp = fds.next();
        let sockets = match &network {
            Network::Host => None,
            Network::Own(listens) => Some(network::sockets(listens, fds).ok_or_else(|| {
                shared.kill();
                SandboxError::Failed("its first process did not hand over its sockets".into())
            })?),
        };
        let shared = Arc::new(shared);
        let (sender, exit) = watch::channel(None);
        tokio::spawn(supervise(Arc::clone(&shared), control, sender));
        Ok(Self { shared, exit, output: Some(output), sockets })
    }

    /// What the program and its children write. Only once.
    pub fn take_output(&mut self) -> Option<Output> {
        self.output.take()
    }

    /// The sockets that listen in its network, when it has one of its own. Only once.
    pub fn take_sockets(&mut self) -> Option<Sockets> {
        self.sockets.take()
    }

    /// The process id of the sandbox's init, as the host sees it.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.shared.pid
    }

    /// Waits until the program, and every other process of the sandbox with it, has ended.
    pub async fn wait(&self) -> Exit {
        let gone = Exit { code: None, signal: Some(libc::SIGKILL), out_of_memory: self.out_of_memory() };
        let mut exit = self.exit.clone();
        match exit.wait_for(Option::is_some).await {
            Ok(exit) => exit.unwrap_or(gone),
            Err(_) => gone,
        }
    }

    /// Ends every process of the sandbox, whatever it does about signals. [`Sandbox::wait`] answers when they are
    /// gone.
    pub fn kill(&self) {
        self.shared.kill();
    }

    /// Whether a process of the sandbox was ended because of the memory limit.
    #[must_use]
    pub fn out_of_memory(&self) -> bool {
        self.shared.memory.exceeded()
    }

    /// Peak memory of all processes together since the start or the last [`Sandbox::reset_peak_memory`], in bytes.
    /// Files in /tmp do not count, as on Lambda, where they are on a disk.
    #[must_use]
    pub fn peak_memory(&self) -> u64 {
        self.shared.memory.peak()
    }

    /// Begins to measure anew.
    pub fn reset_peak_memory(&self) {
        self.shared.memory.reset();
    }
}

/// Reads the frame that must come next, with the descriptors that came with it.
async fn answer(control: &mut UnixStream, wanted: u8) -> Result<(Vec<u8>, Vec<OwnedFd>), SandboxError> {
    let failed = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::UnexpectedEof => {
            SandboxError::Failed("its first process died at the start".into())
        }
        _ => SandboxError::Failed(error.to_string()),
    };
    let (tag, fds) =
        control.async_io(Interest::READABLE, || receive_tag(control.as_raw_fd())).await.map_err(failed)?;
    let length = control.read_u32_le().await.map_err(failed)? as usize;
    let mut payload = vec![0; length.min(wire::LIMIT)];
    control.read_exact(&mut payload).await.map_err(failed)?;
    if tag == wanted {
        return Ok((payload, fds));
    }
    let failure = Failure::decode(&payload);
    Err(match failure.kind {
        _ if tag != wire::FAILED => SandboxError::Failed("the helper speaks another language".into()),
        FrameKind::Unsupported => SandboxError::Unsupported(failure.text),
        FrameKind::Entrypoint => SandboxError::InvalidEntrypoint(failure.text),
        FrameKind::Workdir => SandboxError::InvalidWorkdir(failure.text),
        FrameKind::Other => SandboxError::Failed(failure.text),
    })
}

fn receive_tag(socket: i32) -> std::io::Result<(u8, Vec<OwnedFd>)> {
    use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg};
    let mut byte = [0];
    let mut buffers = [IoSliceMut::new(&mut byte)];
    let mut space = nix::cmsg_space!([i32; MOST_DESCRIPTORS]);
    let message = recvmsg::<()>(socket, &mut buffers, Some(&mut space), MsgFlags::MSG_CMSG_CLOEXEC)?;
    let mut fds = Vec::new();
    for part in message.cmsgs()? {
        if let ControlMessageOwned::ScmRights(received) = part {
            fds.extend(received);
        }
    }
    let length = message.bytes;
    let fds = sys::adopt(fds);
    if length == 0 { Err(std::io::ErrorKind::UnexpectedEof.into()) } else { Ok((byte[0], fds)) }
}

/// Lives as long as the sandbox: looks at its memory, and tells how it ended once all its processes are gone.
async fn supervise(shared: Arc<Shared>, control: UnixStream, exit: watch::Sender<Option<Exit>>) {
    let mut tick = tokio::time::interval(WATCH_EVERY);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            _ = shared.pidfd.readable() => break,
            _ = tick.tick() => {
                if shared.memory.look() {
                    shared.kill();
                }
            }
        }
    }
    // Its init is gone, and the kernel lets an init go only after all others: what it said is in the socket.
    let (mut code, mut signal) = (None, Some(libc::SIGKILL));
    if let Some((kind, number)) = last_word(control) {
        (code, signal) = if kind == b'c' { (Some(number), None) } else { (None, Some(number)) };
    }
    shared.memory.end();
    exit.send_replace(Some(Exit { code, signal, out_of_memory: shared.memory.exceeded() }));
}

fn last_word(control: UnixStream) -> Option<(u8, i32)> {
    let mut control = control.into_std().ok()?;
    // Never blocks for long: the other end is closed.
    control.set_nonblocking(false).ok()?;
    control.set_read_timeout(Some(Duration::from_millis(100))).ok()?;
    let mut frame = [0; 10];
    control.read_exact(&mut frame).ok()?;
    let [wire::EXITED, _, _, _, _, kind, number @ ..] = frame else { return None };
    Some((kind, i32::from_le_bytes(number)))
}
