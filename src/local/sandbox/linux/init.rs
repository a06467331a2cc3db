//! The first process of a sandbox: builds the root, gives up every right, starts the program, reaps, and ends when
//! the program or the daemon does.

use super::sys::{self, NO_DEV, NO_EXEC, NO_SUID, READ_ONLY};
use super::wire::{self, Failure, FrameKind, Plan};
use super::{filter, network};
use crate::sandbox::{INSIDE_ID, Network};
use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::resource::{Resource, setrlimit};
use nix::sys::signal::{SigSet, SigmaskHow, Signal, sigprocmask};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::socket::{ControlMessage, MsgFlags, sendmsg};
use nix::sys::stat::{Mode, umask};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{ForkResult, Gid, Pid, Uid, chdir, pipe2, pivot_root, setresgid, setresuid};
use std::convert::Infallible;
use std::ffi::{CStr, CString};
use std::fs::File;
use std::io::{IoSlice, Read, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixStream;

/// Runs the sandbox to its end.
pub fn run(mut control: UnixStream, output: OwnedFd) -> ! {
    if let Err(failure) = live(&mut control, output) {
        let _ = wire::write(&mut control, wire::FAILED, &failure.encode());
    }
    sys::exit_now(0)
}

fn failed<T: std::fmt::Display>(what: &str) -> impl FnOnce(T) -> Failure + '_ {
    move |error| Failure { kind: FrameKind::Other, text: format!("{what}: {error}") }
}

fn live(control: &mut UnixStream, output: OwnedFd) -> Result<(), Failure> {
    let (tag, payload) = wire::read(control).map_err(failed("reading the plan"))?;
    if tag != wire::GO {
        return Err(Failure { kind: FrameKind::Other, text: "not a plan".into() });
    }
    let plan: Plan = serde_json::from_slice(&payload).map_err(failed("reading the plan"))?;
    let program = Program::new(&plan)?;

    let mut children = SigSet::empty();
    children.add(Signal::SIGCHLD);
    sys::default_signals();
    sigprocmask(SigmaskHow::SIG_BLOCK, Some(&children), None).map_err(failed("sigprocmask"))?;
    let signals = SignalFd::with_flags(&children, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)
        .map_err(failed("signalfd"))?;

    let sockets = match &plan.network {
        Network::Host => Vec::new(),
        Network::Own(listens) => network::open(listens)?,
    };
    let tmp = build_root(&plan)?;
    give_up_rights()?;

    let (answer, question) = pipe2(OFlag::O_CLOEXEC).map_err(failed("pipe"))?;
    let child = match sys::fork().map_err(failed("fork"))? {
        ForkResult::Child => {
            drop(answer);
            let Err(failure) = program.execute(&output);
            let _ = File::from(question).write_all(&failure.encode());
            sys::exit_now(127)
        }
        ForkResult::Parent { child } => child,
    };
    drop(question);
    drop(output);
    let mut text = Vec::new();
    File::from(answer).read_to_end(&mut text).map_err(failed("starting the program"))?;
    if !text.is_empty() {
        return Err(Failure::decode(&text));
    }
    tell_started(control, &tmp, &sockets).map_err(failed("answering"))?;
    // The daemon has them now; what is open here would hear on for it.
    drop((tmp, sockets, plan, payload));
    watch(control, &signals, child)
}

/// Waits until the program has ended, which is told, or the daemon has.
fn watch(control: &mut UnixStream, signals: &SignalFd, child: Pid) -> Result<(), Failure> {
    loop {
        let mut events = [
            PollFd::new(control.as_fd(), PollFlags::POLLIN | PollFlags::POLLHUP),
            PollFd::new(signals.as_fd(), PollFlags::POLLIN),
        ];
        match poll(&mut events, PollTimeout::NONE) {
            Err(Errno::EINTR) => continue,
            other => other.map_err(failed("poll"))?,
        };
        let closed = events[0].revents().is_some_and(|seen| !seen.is_empty());
        while let Ok(Some(_)) = signals.read_signal() {}
        loop {
            let (kind, number) = match waitpid(None::<Pid>, Some(WaitPidFlag::WNOHANG)) {
                Ok(WaitStatus::Exited(pid, code)) if pid == child => (b'c', code),
                Ok(WaitStatus::Signaled(pid, signal, _)) if pid == child => (b's', signal as i32),
                Ok(WaitStatus::StillAlive) | Err(_) => break,
                Ok(_) => continue,
            };
            let payload = [&[kind][..], &number.to_le_bytes()].concat();
            let _ = wire::write(control, wire::EXITED, &payload);
            return Ok(());
        }
        if closed {
            return Ok(());
        }
    }
}

fn tell_started(control: &UnixStream, tmp: &OwnedFd, sockets: &[OwnedFd]) -> nix::Result<()> {
    let frame = [wire::STARTED, 0, 0, 0, 0];
    let fds: Vec<_> = std::iter::once(tmp).chain(sockets).map(AsRawFd::as_raw_fd).collect();
    let rights = [ControlMessage::ScmRights(&fds)];
    sendmsg::<()>(control.as_raw_fd(), &[IoSlice::new(&frame)], &rights, MsgFlags::MSG_NOSIGNAL, None)
        .map(drop)
}

/// Open files and processes (threads are such) that a function may have, as on Lambda
/// (<https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>).
const FILES: u64 = 1024;
const PROCESSES: u64 = 1024;

/// What is bound from the host's `/dev`.
const DEVICES: [(&CStr, &CStr); 5] = [
    (c"/dev/null", c"null"),
    (c"/dev/zero", c"zero"),
    (c"/dev/full", c"full"),
    (c"/dev/random", c"random"),
    (c"/dev/urandom", c"urandom"),
];

const LINKS: [(&CStr, &CStr); 4] = [
    (c"/proc/self/fd", c"fd"),
    (c"/proc/self/fd/0", c"stdin"),
    (c"/proc/self/fd/1", c"stdout"),
    (c"/proc/self/fd/2", c"stderr"),
];

/// Makes the sandbox's file system and enters it. Returns its `/tmp`.
///
/// All mounts are made detached, while the host is still there and before this process becomes an unprivileged user
/// of the host, who might not be allowed to reach the root. They are attached when the host is gone, so that no
/// link of a hostile image can lead to it.
fn build_root(plan: &Plan) -> Result<OwnedFd, Failure> {
    let unsupported = |what: &'static str| {
        move |error: Errno| Failure {
            kind: if matches!(error, Errno::ENOSYS | Errno::EPERM) {
                FrameKind::Unsupported
            } else {
                FrameKind::Other
            },
            text: format!("{what}: {error} (Linux 5.12 or newer is needed; run `throng doctor`)"),
        }
    };
    let rootfs = CString::new(plan.rootfs.as_os_str().as_bytes()).map_err(failed("root filesystem"))?;
    private_mounts().map_err(unsupported("making mounts private"))?;
    let root = sys::open_tree(&rootfs).map_err(|error| Failure {
        kind: if error == Errno::ENOSYS { FrameKind::Unsupported } else { FrameKind::Other },
        text: format!("root filesystem {}: {error}", plan.rootfs.display()),
    })?;
    sys::restrict(root.as_fd(), READ_ONLY | NO_SUID | NO_DEV).map_err(unsupported("read-only root"))?;
    let mut devices = Vec::with_capacity(DEVICES.len());
    for (host, name) in DEVICES {
        devices.push((sys::open_tree(host).map_err(unsupported("devices"))?, name));
    }
    let resolver = match &plan.network {
        Network::Host => None,
        Network::Own(listens) => Some(network::resolver(listens)),
    };
    let names = [c"/etc/hosts", c"/etc/resolv.conf"];
    let files: Vec<_> = names
        .into_iter()
        .take(if resolver.is_some() { 1 } else { 2 })
        .filter_map(|name| {
            let mount = sys::open_tree(name).ok()?;
            sys::restrict(mount.as_fd(), READ_ONLY | NO_SUID | NO_DEV | NO_EXEC).ok()?;
            Some((mount, name))
        })
        .collect();
    // Not in every container: where parts of the host's /proc are masked, the kernel allows no new one.
    let proc = sys::new_file_system(c"proc", &[], NO_SUID | NO_DEV | NO_EXEC).ok();
    forbid_user_namespaces();

    sys::attach(root.as_fd(), &rootfs).map_err(failed("attaching the root"))?;
    chdir(rootfs.as_c_str()).map_err(failed("entering the root"))?;
    pivot_root(".", ".").map_err(unsupported("pivot_root"))?;
    nix::mount::umount2(".", nix::mount::MntFlags::MNT_DETACH).map_err(failed("leaving the host"))?;
    chdir("/").map_err(failed("entering the root"))?;

    become_inside_user()?;
    make_dev(&devices, resolver.as_deref())?;
    let tmp = temporary(plan.tmp_mb, c"1777", NO_SUID | NO_DEV).map_err(failed("/tmp"))?;
    sys::attach(tmp.as_fd(), c"/tmp").map_err(failed("/tmp"))?;
    if let Some(proc) = proc {
        sys::attach(proc.as_fd(), c"/proc").map_err(failed("/proc"))?;
    }
    for (mount, name) in files {
        // An image whose /etc is a link has no place for them, and does without.
        let _ = sys::attach(mount.as_fd(), name);
    }
    let flags = OFlag::O_PATH | OFlag::O_CLOEXEC | OFlag::O_DIRECTORY;
    open(c"/tmp", flags, Mode::empty()).map_err(failed("/tmp"))
}

fn private_mounts() -> nix::Result<()> {
    use nix::mount::{MsFlags, mount};
    mount(None::<&str>, "/", None::<&str>, MsFlags::MS_REC | MsFlags::MS_PRIVATE, None::<&str>)
}

/// Less of the kernel to attack. Best effort: not every kernel has the switch.
fn forbid_user_namespaces() {
    let _ = std::fs::write("/proc/sys/user/max_user_namespaces", "0");
}

fn become_inside_user() -> Result<(), Failure> {
    let (uid, gid) = (Uid::from_raw(INSIDE_ID), Gid::from_raw(INSIDE_ID));
    setresgid(gid, gid, gid).map_err(failed("setresgid"))?;
    // Capabilities stay: this is not a change from the namespace's user 0, which does not exist.
    setresuid(uid, uid, uid).map_err(failed("setresuid"))
}

fn temporary(megabytes: u32, mode: &CStr, attributes: u64) -> nix::Result<OwnedFd> {
    let size = CString::new(format!("{megabytes}m")).map_err(|_| Errno::EINVAL)?;
    let id = CString::new(INSIDE_ID.to_string()).map_err(|_| Errno::EINVAL)?;
    let options =
        [(c"size", size.as_c_str()), (c"mode", mode), (c"uid", id.as_c_str()), (c"gid", id.as_c_str())];
    sys::new_file_system(c"tmpfs", &options, attributes)
}

/// Without `/dev/shm`, as on Lambda. `resolver` becomes what `/etc/resolv.conf` says.
fn make_dev(devices: &[(OwnedFd, &CStr)], resolver: Option<&str>) -> Result<(), Failure> {
    use nix::unistd::symlinkat;
    let dev = temporary(1, c"755", NO_SUID | NO_EXEC).map_err(failed("/dev"))?;
    sys::attach(dev.as_fd(), c"/dev").map_err(failed("/dev"))?;
    chdir("/dev").map_err(failed("/dev"))?;
    for (mount, name) in devices {
        let flags = OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_WRONLY | OFlag::O_CLOEXEC;
        open(*name, flags, Mode::from_bits_truncate(0o666)).map_err(failed("/dev"))?;
        sys::attach(mount.as_fd(), name).map_err(failed("/dev"))?;
    }
    for (target, name) in LINKS {
        symlinkat(target, nix::fcntl::AT_FDCWD, name).map_err(failed("/dev"))?;
    }
    resolver.map_or(Ok(()), resolve_by).map_err(failed("/etc/resolv.conf"))?;
    sys::restrict(dev.as_fd(), READ_ONLY).map_err(failed("/dev"))?;
    chdir("/").map_err(failed("/"))
}

/// Makes `/etc/resolv.conf` a file in memory. In the working directory, where it is made, nothing is left of it.
fn resolve_by(text: &str) -> std::io::Result<()> {
    const NAME: &CStr = c"resolv.conf";
    let flags = OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_WRONLY | OFlag::O_CLOEXEC;
    let file = open(NAME, flags, Mode::from_bits_truncate(0o444))?;
    File::from(file).write_all(text.as_bytes())?;
    let mount = sys::open_tree(NAME)?;
    sys::restrict(mount.as_fd(), READ_ONLY | NO_SUID | NO_DEV | NO_EXEC)?;
    // An image whose /etc is a link has no place for it, and does without. What is unlinked cannot be attached.
    let _ = sys::attach(mount.as_fd(), c"/etc/resolv.conf");
    nix::unistd::unlink(NAME)?;
    Ok(())
}

fn give_up_rights() -> Result<(), Failure> {
    // A name that every /etc/hosts knows.
    let _ = nix::unistd::sethostname("localhost");
    sys::leave_keyring();
    nix::sys::prctl::set_no_new_privs().map_err(failed("no_new_privs"))?;
    sys::drop_capabilities().map_err(failed("capabilities"))?;
    // The program runs as the same user: it must not be able to look into, or stop, this process.
    nix::sys::prctl::set_dumpable(false).map_err(failed("dumpable"))?;
    filter::install().map_err(failed("the filter of system calls"))
}

/// What is executed, made ready before the fork.
struct Program {
    candidates: Vec<CString>,
    arguments: Vec<CString>,
    environment: Vec<CString>,
    workdir: CString,
    counts_processes: bool,
}

impl Program {
    fn new(plan: &Plan) -> Result<Self, Failure> {
        let text = |text: &str| {
            CString::new(text).map_err(|_| Failure {
                kind: FrameKind::Other,
                text: format!("{text:?} has a zero byte, which no argument or variable can have"),
            })
        };
        let Some(program) = plan.command.first().filter(|program| !program.is_empty()) else {
            return Err(Failure { kind: FrameKind::Entrypoint, text: "entrypoint is empty".into() });
        };
        let path = plan.env.iter().find(|(name, _)| name == "PATH").map_or("/usr/bin:/bin", |(_, path)| path);
        let candidates = if program.contains('/') {
            vec![text(program)?]
        } else {
            path.split(':').map(|folder| text(&format!("{folder}/{program}"))).collect::<Result<_, _>>()?
        };
        let workdir = if plan.workdir.is_empty() { "/" } else { &plan.workdir };
        Ok(Self {
            candidates,
            arguments: plan.command.iter().map(|part| text(part)).collect::<Result<_, _>>()?,
            environment: plan
                .env
                .iter()
                .map(|(name, value)| text(&format!("{name}={value}")))
                .collect::<Result<_, _>>()?,
            workdir: text(workdir)?,
            counts_processes: plan.counts_processes,
        })
    }

    /// Becomes the program, in the child.
    fn execute(&self, output: &OwnedFd) -> Result<Infallible, Failure> {
        sys::default_signals();
        // A group and no session of its own: the helper's session has no terminal, and yields (see there).
        let _ = nix::unistd::setpgid(Pid::from_raw(0), Pid::from_raw(0));
        umask(Mode::from_bits_truncate(0o022));
        for stream in [1, 2] {
            sys::duplicate(output.as_fd(), stream).map_err(failed("standard streams"))?;
        }
        // The failure pipe has close-on-exec already; this is for what the helper might have inherited.
        sys::close_from(3, true);
        let _ = setrlimit(Resource::RLIMIT_CORE, 0, 0);
        let _ = setrlimit(Resource::RLIMIT_NOFILE, FILES, FILES);
        if self.counts_processes {
            let _ = setrlimit(Resource::RLIMIT_NPROC, PROCESSES, PROCESSES);
        }
        chdir(self.workdir.as_c_str()).map_err(|error| Failure {
            kind: FrameKind::Workdir,
            text: format!("chdir {}: {}", self.workdir.to_string_lossy(), words(error)),
        })?;
        let mut found = Errno::ENOENT;
        for candidate in &self.candidates {
            let Err(error) = nix::unistd::execve(candidate, &self.arguments, &self.environment);
            if !matches!(error, Errno::ENOENT | Errno::ENOTDIR) {
                found = error;
            }
        }
        Err(Failure {
            kind: FrameKind::Entrypoint,
            text: format!("fork/exec {}: {}", self.arguments[0].to_string_lossy(), words(found)),
        })
    }
}

/// An error as Lambda (Go) words it.
fn words(error: Errno) -> String {
    error.desc().to_lowercase()
}
