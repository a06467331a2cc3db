//! The helper process: forks an init into new namespaces for every request, and maps its user.

use super::wire::{self, Failure, FrameKind};
use super::{init, sys};
use crate::sandbox::INSIDE_ID;
use nix::errno::Errno;
use nix::libc;
use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg};
use std::fs;
use std::io::{self, IoSliceMut};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

const NAMESPACES: libc::c_int =
    libc::CLONE_NEWUSER | libc::CLONE_NEWNS | libc::CLONE_NEWPID | libc::CLONE_NEWIPC | libc::CLONE_NEWUTS;

/// Functions yield to the screen and to whatever else a person does with this machine.
const NICE: libc::c_int = 10;

/// Ids of the host that a root daemon's functions run as, best first: ranges that no distribution hands out
/// (<https://systemd.io/UIDS-GIDS>); the second for containers that have only 65,536 ids.
const HOST_IDS: [u32; 2] = [1_879_050_993, 60_993];

/// The helper's whole life; called by `main` before anything else when the first argument is
/// [`HELPER_ARGUMENT`](crate::sandbox::HELPER_ARGUMENT). Standard input is the socket to the daemon; the
/// other arguments are where control groups are made, and the prefix of their names.
pub fn main() -> ! {
    let socket = 0;
    sys::close_from(3, false);
    sys::ignore_children();
    let _ = nix::unistd::setsid();
    sys::be_nice(NICE);
    // Where the kernel shares the processor out by sessions, it is the session that must be nice (sched(7)).
    let _ = fs::write("/proc/self/autogroup", NICE.to_string());
    let _ = nix::unistd::setgroups(&[]);
    let _ = nix::unistd::chdir("/");
    let _ = nix::sys::prctl::set_name(c"throng-sandbox");
    while let Some(request) = next_request(socket) {
        serve(request);
    }
    // The daemon is gone, and every init sees that, too.
    let mut arguments = std::env::args_os().skip(2);
    if let (Some(parent), Some(prefix)) = (arguments.next(), arguments.next()) {
        remove_groups(Path::new(&parent), &prefix.to_string_lossy());
    }
    std::process::exit(0)
}

struct Request {
    namespaces: libc::c_int,
    control: UnixStream,
    output: OwnedFd,
}

fn next_request(socket: RawFd) -> Option<Request> {
    loop {
        let mut byte = [0];
        let mut buffers = [IoSliceMut::new(&mut byte)];
        let mut space = nix::cmsg_space!([RawFd; 2]);
        let flags = MsgFlags::MSG_CMSG_CLOEXEC;
        let message = match recvmsg::<()>(socket, &mut buffers, Some(&mut space), flags) {
            Ok(message) => message,
            Err(Errno::EINTR) => continue,
            Err(_) => return None,
        };
        let mut fds = Vec::new();
        for part in message.cmsgs().ok()? {
            if let ControlMessageOwned::ScmRights(received) = part {
                fds.extend(received);
            }
        }
        let length = message.bytes;
        let mut fds = sys::adopt(fds).into_iter();
        if length == 0 {
            return None;
        }
        let namespaces = match byte[0] {
            wire::REQUEST => NAMESPACES | libc::CLONE_NEWNET,
            wire::REQUEST_HOST => NAMESPACES,
            _ => continue,
        };
        if let (Some(control), Some(output)) = (fds.next(), fds.next()) {
            return Some(Request { namespaces, control: UnixStream::from(control), output });
        }
    }
}

fn serve(Request { namespaces, mut control, output }: Request) {
    match sys::fork_into(namespaces) {
        Ok(0) => {
            // The daemon's socket is not for the sandbox.
            if sys::null_input().is_err() {
                std::process::abort();
            }
            init::run(control, output)
        }
        Ok(pid) => {
            drop(output);
            let _ = match map_user(pid) {
                Ok(()) => wire::write(&mut control, wire::PID, &pid.to_le_bytes()),
                Err(failure) => wire::write(&mut control, wire::FAILED, &failure.encode()),
            };
        }
        Err(error) => {
            let failure =
                Failure { kind: FrameKind::Unsupported, text: super::check::why_no_namespaces(error) };
            let _ = wire::write(&mut control, wire::FAILED, &failure.encode());
        }
    }
}

/// Maps [`INSIDE_ID`] to an id of the host: one without any rights when we are root, our own otherwise.
fn map_user(pid: libc::pid_t) -> Result<(), Failure> {
    let folder = format!("/proc/{pid}");
    let uid = nix::unistd::geteuid().as_raw();
    let gid = nix::unistd::getegid().as_raw();
    let write = |name: &str, text: &str| fs::write(format!("{folder}/{name}"), text);
    let map = |host_uid: u32, host_gid: u32| -> io::Result<()> {
        write("gid_map", &format!("{INSIDE_ID} {host_gid} 1"))?;
        write("uid_map", &format!("{INSIDE_ID} {host_uid} 1"))
    };
    // No process of the sandbox may ever change its groups; needed before an ordinary user may map one.
    let _ = write("setgroups", "deny");
    if uid == 0 {
        for id in HOST_IDS {
            if id_exists(id) && map(id, id).is_ok() {
                return Ok(());
            }
        }
    }
    map(uid, gid).map_err(|error| Failure {
        kind: FrameKind::Unsupported,
        text: format!(
            "the kernel refused to map user {uid} into a user namespace ({error}); run `throng doctor`"
        ),
    })
}

/// Whether this user namespace has the id at all.
fn id_exists(id: u32) -> bool {
    let contains = |file: &str| {
        let ranges = fs::read_to_string(file).unwrap_or_default();
        ranges.lines().any(|line| {
            let mut numbers = line.split_whitespace().map(|number| number.parse::<u64>().unwrap_or(0));
            let (first, _, count) = (numbers.next(), numbers.next(), numbers.next());
            let (first, count) = (first.unwrap_or(0), count.unwrap_or(0));
            (first..first + count).contains(&u64::from(id))
        })
    };
    contains("/proc/self/uid_map") && contains("/proc/self/gid_map")
}

/// Removes the control groups of a daemon that has died, as soon as their processes have ended.
fn remove_groups(parent: &Path, prefix: &str) {
    let end = Instant::now() + Duration::from_secs(5);
    loop {
        let mut left = false;
        for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
            if entry.file_name().to_string_lossy().starts_with(prefix) {
                left |= fs::remove_dir(entry.path()).is_err();
            }
        }
        if !left || Instant::now() > end {
            return;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Sends a request to a helper.
pub fn send_request(socket: &OwnedFd, request: u8, control: &OwnedFd, output: &OwnedFd) -> nix::Result<()> {
    use nix::sys::socket::{ControlMessage, sendmsg};
    let fds = [control.as_raw_fd(), output.as_raw_fd()];
    let bytes = [request];
    let parts = [io::IoSlice::new(&bytes)];
    let rights = [ControlMessage::ScmRights(&fds)];
    loop {
        match sendmsg::<()>(socket.as_raw_fd(), &parts, &rights, MsgFlags::MSG_NOSIGNAL, None) {
            Err(Errno::EINTR) => {}
            other => return other.map(drop),
        }
    }
}
