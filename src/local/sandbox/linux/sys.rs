//! System calls that `nix` does not have: the mount API of Linux 5.2 and 5.12, pidfds, capabilities.
#![allow(unsafe_code)]

use nix::errno::Errno;
use std::ffi::{CStr, c_int, c_long, c_uint};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

/// Read-only, as in `MOUNT_ATTR_RDONLY`.
pub const READ_ONLY: u64 = 0x1;
/// No set-user-id programs, as in `MOUNT_ATTR_NOSUID`.
pub const NO_SUID: u64 = 0x2;
/// No devices, as in `MOUNT_ATTR_NODEV`.
pub const NO_DEV: u64 = 0x4;
/// No programs, as in `MOUNT_ATTR_NOEXEC`.
pub const NO_EXEC: u64 = 0x8;

const OPEN_TREE_CLONE: c_uint = 1;
const OPEN_TREE_CLOEXEC: c_uint = libc::O_CLOEXEC as c_uint;
const FSOPEN_CLOEXEC: c_uint = 1;
const FSMOUNT_CLOEXEC: c_uint = 1;
const FSCONFIG_SET_STRING: c_uint = 1;
const FSCONFIG_CMD_CREATE: c_uint = 6;
const MOVE_MOUNT_F_EMPTY_PATH: c_uint = 4;

#[repr(C)]
struct MountAttributes {
    set: u64,
    clear: u64,
    propagation: u64,
    user_namespace: u64,
}

fn descriptor(result: c_long) -> nix::Result<OwnedFd> {
    let fd = Errno::result(result)?;
    let fd = c_int::try_from(fd).map_err(|_| Errno::EBADF)?;
    // SAFETY: the kernel has just returned this descriptor to us; nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// A detached copy of the mount at `path`. Follows symbolic links.
pub fn open_tree(path: &CStr) -> nix::Result<OwnedFd> {
    let flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC;
    // SAFETY: `path` is a terminated string that outlives the call; the other arguments are plain numbers.
    descriptor(unsafe { libc::syscall(libc::SYS_open_tree, libc::AT_FDCWD, path.as_ptr(), flags) })
}

/// A new detached file system of this kind.
pub fn new_file_system(kind: &CStr, options: &[(&CStr, &CStr)], attributes: u64) -> nix::Result<OwnedFd> {
    // SAFETY: `kind` is a terminated string that outlives the call.
    let context = descriptor(unsafe { libc::syscall(libc::SYS_fsopen, kind.as_ptr(), FSOPEN_CLOEXEC) })?;
    let null = std::ptr::null::<libc::c_char>();
    let configure = |command: c_uint, key: *const libc::c_char, value: *const libc::c_char| {
        // SAFETY: key and value are null or terminated strings that outlive the call, as the command wants them.
        Errno::result(unsafe {
            libc::syscall(libc::SYS_fsconfig, context.as_raw_fd(), command, key, value, 0)
        })
    };
    for (key, value) in options {
        configure(FSCONFIG_SET_STRING, key.as_ptr(), value.as_ptr())?;
    }
    configure(FSCONFIG_CMD_CREATE, null, null)?;
    let fd = context.as_raw_fd();
    // SAFETY: plain numbers only.
    descriptor(unsafe { libc::syscall(libc::SYS_fsmount, fd, FSMOUNT_CLOEXEC, attributes) })
}

/// Adds attributes to a mount.
pub fn restrict(mount: BorrowedFd<'_>, attributes: u64) -> nix::Result<()> {
    let wanted = MountAttributes { set: attributes, clear: 0, propagation: 0, user_namespace: 0 };
    // SAFETY: the path is an empty terminated string, `wanted` has the layout and the size that are given.
    Errno::result(unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            mount.as_raw_fd(),
            c"".as_ptr(),
            libc::AT_EMPTY_PATH,
            &raw const wanted,
            size_of::<MountAttributes>(),
        )
    })
    .map(drop)
}

/// Puts a detached mount at `path`. A symbolic link at the end of `path` is not followed.
pub fn attach(mount: BorrowedFd<'_>, path: &CStr) -> nix::Result<()> {
    // SAFETY: both paths are terminated strings that outlive the call.
    Errno::result(unsafe {
        libc::syscall(
            libc::SYS_move_mount,
            mount.as_raw_fd(),
            c"".as_ptr(),
            libc::AT_FDCWD,
            path.as_ptr(),
            MOVE_MOUNT_F_EMPTY_PATH,
        )
    })
    .map(drop)
}

/// Forks into new namespaces: 0 in the child, its process id in the parent. The caller must have one thread.
pub fn fork_into(namespaces: c_int) -> nix::Result<libc::pid_t> {
    let flags = c_long::from(namespaces | libc::SIGCHLD);
    let zero: c_long = 0;
    // SAFETY: without CLONE_VM and with a null stack this is `fork`; the one thread of the caller means that no lock
    // can be held by a thread that is missing in the child. All other arguments are zero, so their order, which
    // differs between architectures, does not matter.
    let pid = Errno::result(unsafe { libc::syscall(libc::SYS_clone, flags, zero, zero, zero, zero) })?;
    libc::pid_t::try_from(pid).map_err(|_| Errno::EOVERFLOW)
}

/// Ends this process at once: nothing of whose copy it is may be flushed or run.
pub fn exit_now(code: c_int) -> ! {
    // SAFETY: `_exit` never returns and runs none of our code.
    unsafe { libc::_exit(code) }
}

/// Forks. The caller must have one thread.
pub fn fork() -> nix::Result<nix::unistd::ForkResult> {
    // SAFETY: the caller has one thread, so the child may do whatever the parent may.
    unsafe { nix::unistd::fork() }
}

/// A descriptor for a process, readable when it has ended.
pub fn pidfd_open(pid: u32) -> nix::Result<OwnedFd> {
    // SAFETY: plain numbers only.
    descriptor(unsafe { libc::syscall(libc::SYS_pidfd_open, c_long::from(pid), libc::PIDFD_NONBLOCK) })
}

/// Registers a descriptor, so that it can be awaited to be readable.
pub fn watched(fd: OwnedFd) -> std::io::Result<tokio::io::unix::AsyncFd<OwnedFd>> {
    // SAFETY: the descriptor is moved into the registration, which closes it; nobody else can close it before.
    let registered =
        unsafe { tokio::io::unix::AsyncFd::register_with_interest(fd, tokio::io::Interest::READABLE) };
    registered.map_err(std::io::Error::from)
}

/// Sends SIGKILL.
pub fn pidfd_kill(pidfd: BorrowedFd<'_>) -> nix::Result<()> {
    let null = std::ptr::null::<libc::siginfo_t>();
    // SAFETY: a null `siginfo` is allowed and means what `kill` sends.
    Errno::result(unsafe {
        libc::syscall(libc::SYS_pidfd_send_signal, pidfd.as_raw_fd(), libc::SIGKILL, null, 0)
    })
    .map(drop)
}

/// Gives up every capability of this process.
pub fn drop_capabilities() -> nix::Result<()> {
    // _LINUX_CAPABILITY_VERSION_3, this process; then effective, permitted, inheritable, twice 32 bits.
    let header: [u32; 2] = [0x2008_0522, 0];
    let none = [0_u32; 6];
    // SAFETY: both point to memory of the layout and size that version 3 of this call reads.
    Errno::result(unsafe { libc::syscall(libc::SYS_capset, header.as_ptr(), none.as_ptr()) }).map(drop)
}

/// Makes this process, and all that come from it, wait for others that want the processor: by so much, up to 19.
pub fn be_nice(by: c_int) {
    // SAFETY: plain numbers only. Asking for less is refused to nobody.
    unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, by) };
}

/// Has the kernel run a filter for every system call of this process, and of all that come from it, from now on.
pub fn set_filter(program: &[libc::sock_filter]) -> nix::Result<()> {
    let len = u16::try_from(program.len()).map_err(|_| Errno::E2BIG)?;
    let program = libc::sock_fprog { len, filter: program.as_ptr().cast_mut() };
    // SAFETY: `program` has the length that it says and outlives the call, which copies it and changes nothing.
    Errno::result(unsafe {
        libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const program, 0, 0)
    })
    .map(drop)
}

/// Leaves the session keyring of whoever started the daemon. Without keyrings in the kernel there is nothing to leave.
pub fn leave_keyring() {
    const KEYCTL_JOIN_SESSION_KEYRING: c_int = 1;
    let null = std::ptr::null::<libc::c_char>();
    // SAFETY: a null name asks for a new anonymous keyring.
    unsafe { libc::syscall(libc::SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, null) };
}

/// Closes every descriptor from `first` on, or marks it to be closed by `exec`.
pub fn close_from(first: c_uint, only_at_exec: bool) {
    const CLOSE_RANGE_CLOEXEC: c_uint = 4;
    let flags = if only_at_exec { CLOSE_RANGE_CLOEXEC } else { 0 };
    // SAFETY: nothing of this process uses descriptors from `first` on any more; the callers see to that.
    unsafe { libc::syscall(libc::SYS_close_range, first, c_uint::MAX, flags) };
}

/// Makes `to`, one of the standard streams, another name of `from`.
pub fn duplicate(from: BorrowedFd<'_>, to: c_int) -> nix::Result<()> {
    // SAFETY: only standard streams are replaced, which nothing of ours owns as a descriptor.
    Errno::result(unsafe { libc::dup2(from.as_raw_fd(), to) }).map(drop)
}

/// Makes standard input empty.
pub fn null_input() -> std::io::Result<()> {
    let null = std::fs::File::open("/dev/null")?;
    Ok(duplicate(std::os::fd::AsFd::as_fd(&null), 0)?)
}

/// Makes the descriptors that came with a message ours.
pub fn adopt(fds: Vec<c_int>) -> Vec<OwnedFd> {
    // SAFETY: the kernel installed them for us when the message was received; nobody else owns them.
    fds.into_iter().map(|fd| unsafe { OwnedFd::from_raw_fd(fd) }).collect()
}

/// Gives standard streams their default meaning again for a program: `SIGPIPE` ends it, no signal is blocked.
pub fn default_signals() {
    use nix::sys::signal::{
        SaFlags, SigAction, SigHandler, SigSet, SigmaskHow, Signal, sigaction, sigprocmask,
    };
    let default = SigAction::new(SigHandler::SigDfl, SaFlags::empty(), SigSet::empty());
    for signal in Signal::iterator() {
        // SAFETY: the default action calls none of our code. Those that cannot be changed are refused: no harm.
        let _ = unsafe { sigaction(signal, &default) };
    }
    let _ = sigprocmask(SigmaskHow::SIG_SETMASK, Some(&SigSet::empty()), None);
}

/// Has the kernel reap our children.
pub fn ignore_children() {
    use nix::sys::signal::{SigHandler, Signal, signal};
    // SAFETY: ignoring a signal calls none of our code.
    let _ = unsafe { signal(Signal::SIGCHLD, SigHandler::SigIgn) };
}
