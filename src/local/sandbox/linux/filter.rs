//! Which system calls the programs of a sandbox may not make: a seccomp filter, built here.
//!
//! Lambda filters system calls, too, and does not say which. What is denied here is what no function can do there (it has
//! no right to), what has been a way out of sandboxes, and looking into other processes. All else is allowed: which calls
//! programs need is theirs to know. The kernel remembers for every allowed call that it is (since Linux 5.11), so the
//! length of the list costs nothing.

use std::ffi::c_long;

/// Calls that fail with `EPERM`.
const DENIED: &[c_long] = &[
    // Requests to the kernel by shared memory; many a kernel's last hole.
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    // Handling page faults of the kernel: what makes races into exploits.
    libc::SYS_userfaultfd,
    // Keyrings know no namespaces.
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_keyctl,
    // Programs in the kernel, and its counters.
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    // Other kernels and parts of kernels.
    libc::SYS_kexec_load,
    libc::SYS_kexec_file_load,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_reboot,
    // Mounts: the root is as it is.
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_move_mount,
    libc::SYS_open_tree,
    libc::SYS_mount_setattr,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_quotactl,
    libc::SYS_acct,
    libc::SYS_open_by_handle_at,
    // Namespaces of its own, with rights of its own in them; `unshare` is looked at more closely.
    libc::SYS_setns,
    // Other processes: a script's siblings are its runtime.
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_pidfd_getfd,
    libc::SYS_kcmp,
    // The machine's log, clock and ports.
    libc::SYS_syslog,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_iopl,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_ioperm,
];

/// Families of sockets; others fail with `EAFNOSUPPORT`, as they do where the kernel lacks them: virtual machines' own
/// sockets (`AF_VSOCK`), the kernel's cryptography, packets, and the many that load a module when they are asked for.
const FAMILIES: [i32; 4] = [libc::AF_UNIX, libc::AF_INET, libc::AF_INET6, libc::AF_NETLINK];

/// Flags of `clone` and `unshare` that make namespaces.
const NAMESPACES: i32 = libc::CLONE_NEWUSER
    | libc::CLONE_NEWNS
    | libc::CLONE_NEWPID
    | libc::CLONE_NEWNET
    | libc::CLONE_NEWIPC
    | libc::CLONE_NEWUTS
    | libc::CLONE_NEWCGROUP;

/// What the kernel calls this architecture (`linux/audit.h`).
#[cfg(target_arch = "x86_64")]
const ARCHITECTURE: u32 = 0xC000_003E;
#[cfg(target_arch = "aarch64")]
const ARCHITECTURE: u32 = 0xC000_00B7;

/// Offsets in `struct seccomp_data`: the call, the architecture, the low half of the first argument (both architectures are
/// little endian).
const CALL: u32 = 0;
const ARCH: u32 = 4;
const FIRST: u32 = 16;

/// What the filter answers: a number of an error in the low half of `ERROR`.
const ALLOW: u32 = 0x7fff_0000;
const ERROR: u32 = 0x0005_0000;
const KILL: u32 = 0x8000_0000;

/// Installs the filter for this process and all that come from it. They must have no way to new privileges.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
pub fn install() -> nix::Result<()> {
    super::sys::set_filter(&program())
}

/// Other architectures have no filter.
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
pub fn install() -> nix::Result<()> {
    Ok(())
}

/// Instructions of the kernel's filter machine: load a field, compare what was loaded, end with an answer.
const LOAD: u16 = 0x20;
const IS: u16 = 0x15;
const IS_AT_LEAST: u16 = 0x35;
const HAS_ANY_BIT: u16 = 0x45;
const ANSWER: u16 = 0x06;

/// An instruction; comparisons go over `yes` or `no` instructions.
const fn step(code: u16, k: u32, yes: u8, no: u8) -> libc::sock_filter {
    libc::sock_filter { code, jt: yes, jf: no, k }
}

const fn answer(answer: u32) -> libc::sock_filter {
    step(ANSWER, answer, 0, 0)
}

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
fn program() -> Vec<libc::sock_filter> {
    let error = |number: i32| ERROR | number.unsigned_abs();
    let number = |call: c_long| u32::try_from(call).unwrap_or(u32::MAX);
    // Programs of another architecture make other calls by the same numbers.
    let mut all =
        vec![step(LOAD, ARCH, 0, 0), step(IS, ARCHITECTURE, 1, 0), answer(KILL), step(LOAD, CALL, 0, 0)];
    if cfg!(target_arch = "x86_64") {
        // The same calls once more, with pointers of 32 bits.
        all.extend([step(IS_AT_LEAST, 0x4000_0000, 0, 1), answer(error(libc::ENOSYS))]);
    }
    for call in DENIED {
        all.extend([step(IS, number(*call), 0, 1), answer(error(libc::EPERM))]);
    }
    // Its flags are in memory, where no filter can look; whoever hears that it is unknown uses `clone`.
    all.extend([step(IS, number(libc::SYS_clone3), 0, 1), answer(error(libc::ENOSYS))]);
    all.extend([
        step(IS, number(libc::SYS_clone), 1, 0),
        step(IS, number(libc::SYS_unshare), 0, 4),
        step(LOAD, FIRST, 0, 0),
        step(HAS_ANY_BIT, NAMESPACES.cast_unsigned(), 0, 1),
        answer(error(libc::EPERM)),
        answer(ALLOW),
    ]);
    let mut families = vec![step(LOAD, FIRST, 0, 0)];
    for family in FAMILIES {
        families.extend([step(IS, family.cast_unsigned(), 0, 1), answer(ALLOW)]);
    }
    families.push(answer(error(libc::EAFNOSUPPORT)));
    all.push(step(IS, number(libc::SYS_socket), 0, u8::try_from(families.len()).unwrap_or(0)));
    all.extend(families);
    all.push(answer(ALLOW));
    all
}

#[cfg(test)]
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;

    /// What the kernel would do.
    fn run(arch: u32, call: c_long, first: u32) -> u32 {
        let (program, mut at, mut loaded) = (program(), 0, 0);
        loop {
            let now = program[at];
            at += 1;
            let yes = match now.code {
                ANSWER => return now.k,
                LOAD => {
                    loaded = match now.k {
                        CALL => u32::try_from(call).unwrap(),
                        ARCH => arch,
                        FIRST => first,
                        other => panic!("offset {other}"),
                    };
                    continue;
                }
                IS => loaded == now.k,
                IS_AT_LEAST => loaded >= now.k,
                HAS_ANY_BIT => loaded & now.k != 0,
                other => panic!("code {other}"),
            };
            at += usize::from(if yes { now.jt } else { now.jf });
        }
    }

    #[test]
    fn calls_are_denied_by_name_and_by_what_they_ask_for() {
        let of = |call, first: i32| run(ARCHITECTURE, call, first.cast_unsigned());
        let refused = ERROR | libc::EPERM.unsigned_abs();
        for call in DENIED {
            assert_eq!(of(*call, 0), refused, "{call}");
        }
        for call in [libc::SYS_read, libc::SYS_execve, libc::SYS_pidfd_open, libc::SYS_exit_group] {
            assert_eq!(of(call, 0), ALLOW, "{call}");
        }
        for call in [libc::SYS_clone, libc::SYS_unshare] {
            assert_eq!(of(call, libc::CLONE_NEWUSER | libc::SIGCHLD), refused);
            assert_eq!(of(call, libc::CLONE_FS | libc::CLONE_FILES), ALLOW);
        }
        assert_eq!(of(libc::SYS_clone3, 0), ERROR | libc::ENOSYS.unsigned_abs());
        for family in FAMILIES {
            assert_eq!(of(libc::SYS_socket, family), ALLOW);
        }
        for family in [libc::AF_VSOCK, libc::AF_PACKET, libc::AF_ALG] {
            assert_eq!(of(libc::SYS_socket, family), ERROR | libc::EAFNOSUPPORT.unsigned_abs());
        }
        assert_eq!(run(0x4000_0003, libc::SYS_read, 0), KILL);
    }
}
