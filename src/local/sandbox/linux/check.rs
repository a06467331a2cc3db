//! What `throng doctor` says about running functions here.

use super::{cgroup, sys};
use crate::sandbox::{Finding, Level};
use nix::errno::Errno;
use std::fs;
use std::sync::LazyLock;

fn setting(path: &str) -> Option<String> {
    fs::read_to_string(path).ok().map(|text| text.trim().to_owned())
}

const MAX: &str = "/proc/sys/user/max_user_namespaces";
const MAX_NETWORKS: &str = "/proc/sys/user/max_net_namespaces";
const DEBIAN: &str = "/proc/sys/kernel/unprivileged_userns_clone";
const APPARMOR: &str = "/proc/sys/kernel/apparmor_restrict_unprivileged_userns";

/// What to change so that user namespaces can be made.
fn remedy() -> String {
    if setting(MAX).as_deref() == Some("0") {
        return "as root: sysctl -w user.max_user_namespaces=15000".into();
    }
    if setting(MAX_NETWORKS).as_deref() == Some("0") {
        return "as root: sysctl -w user.max_net_namespaces=15000".into();
    }
    if setting(DEBIAN).as_deref() == Some("0") {
        return "as root: sysctl -w kernel.unprivileged_userns_clone=1".into();
    }
    if setting(APPARMOR).as_deref() == Some("1") {
        return "as root: sysctl -w kernel.apparmor_restrict_unprivileged_userns=0, or an AppArmor profile for \
                throng that allows `userns`"
            .into();
    }
    "in a container: start it with a seccomp profile that allows clone and unshare with CLONE_NEWUSER (docker run \
     --security-opt seccomp=unconfined)"
        .into()
}

/// A sentence for a person whose kernel refused.
pub fn why_no_namespaces(error: Errno) -> String {
    format!("the kernel refused to make namespaces ({error}); {}", remedy())
}

/// Looks at what sandboxes need.
#[must_use]
pub fn check() -> Vec<Finding> {
    vec![version(), namespaces(), network(), proc(), memory()]
}

fn finding(subject: &str, level: Level, detail: String, remedy: impl Into<String>) -> Finding {
    Finding { subject: subject.into(), level, detail, remedy: remedy.into() }
}

fn release() -> String {
    setting("/proc/sys/kernel/osrelease").unwrap_or_default()
}

/// The kernel's version, as far as it counts.
pub static KERNEL: LazyLock<(u32, u32)> = LazyLock::new(|| {
    let release = release();
    let mut numbers = release.split(['.', '-']).map(|part| part.parse::<u32>().unwrap_or(0));
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
});

fn version() -> Finding {
    let release = release();
    if *KERNEL >= (5, 12) {
        finding("kernel", Level::Good, format!("Linux {release}"), "")
    } else {
        let remedy = "a kernel from 5.12 on (mount_setattr)";
        finding("kernel", Level::Bad, format!("Linux {release} is too old for sandboxes"), remedy)
    }
}

/// Runs `probe` in a child in new namespaces; `Ok` when it says so.
fn in_namespaces(namespaces: i32, probe: fn() -> bool) -> Result<bool, Errno> {
    // A thread of the daemon may hold a lock, which no system call of the probes needs.
    let pid = sys::fork_into(namespaces)?;
    if pid == 0 {
        sys::exit_now(i32::from(!probe()));
    }
    let status = nix::sys::wait::waitpid(nix::unistd::Pid::from_raw(pid), None)?;
    Ok(matches!(status, nix::sys::wait::WaitStatus::Exited(_, 0)))
}

fn namespaces() -> Finding {
    let wanted = libc::CLONE_NEWUSER
        | libc::CLONE_NEWNS
        | libc::CLONE_NEWPID
        | libc::CLONE_NEWIPC
        | libc::CLONE_NEWUTS;
    let capable = || sys::new_file_system(c"tmpfs", &[], 0).is_ok();
    match in_namespaces(wanted, capable) {
        Ok(true) => {
            finding("namespaces", Level::Good, "user, mount, pid, ipc and uts namespaces work".into(), "")
        }
        // AppArmor of Ubuntu 24.04 lets them be made, and takes every capability in them.
        Ok(false) => {
            finding("namespaces", Level::Bad, "nothing can be mounted in a user namespace".into(), remedy())
        }
        Err(error) => {
            finding("namespaces", Level::Bad, format!("user namespaces are refused: {error}"), remedy())
        }
    }
}

fn network() -> Finding {
    let wanted = libc::CLONE_NEWUSER | libc::CLONE_NEWNET;
    let detail = match in_namespaces(wanted, || super::network::raise(true).is_ok()) {
        Ok(true) => {
            let detail = "each environment has a network of its own";
            return finding("network", Level::Good, detail.into(), "");
        }
        Ok(false) => "the loopback device of a network namespace cannot be set up".to_owned(),
        Err(error) => format!("network namespaces are refused: {error}"),
    };
    let remedy = if setting(MAX_NETWORKS).as_deref() == Some("0") {
        "as root: sysctl -w user.max_net_namespaces=15000"
    } else {
        "sandbox_network = \"host\" in [local] of config.toml gives functions this machine's network, with every service \
         that listens on it"
    };
    finding("network", Level::Bad, detail, remedy)
}

fn proc() -> Finding {
    let wanted = libc::CLONE_NEWUSER | libc::CLONE_NEWNS | libc::CLONE_NEWPID;
    let mountable = || sys::new_file_system(c"proc", &[], 0).is_ok();
    if in_namespaces(wanted, mountable) == Ok(true) {
        return finding("/proc", Level::Good, "functions have a /proc of their own".into(), "");
    }
    let detail = "functions run without /proc: parts of it are masked here";
    finding("/proc", Level::Weak, detail.into(), "docker run --security-opt systempaths=unconfined")
}

fn memory() -> Finding {
    match cgroup::PARENT.as_ref() {
        Ok(parent) => {
            let version = match parent.version {
                cgroup::Version::V1 => 1,
                cgroup::Version::V2 => 2,
            };
            let detail = format!("limited by the kernel (cgroup v{version} at {})", parent.path.display());
            finding("memory limit", Level::Good, detail, "")
        }
        Err(reason) => finding(
            "memory limit",
            Level::Weak,
            format!("watched ten times a second, because no control group can be made ({reason})"),
            "run the daemon in a delegated cgroup: systemd-run --user --scope -p Delegate=yes throng local start",
        ),
    }
}
