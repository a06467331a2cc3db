//! Where functions run: namespaces, a read-only root, limits, and the helper process that makes them.
//!
//! ```text
//! daemon ──(two descriptors per sandbox)──> helper       one process, single-threaded, `throng __sandbox`
//!    │                                        │ clone with new user, mount, pid, ipc, uts and network namespaces
//!    └──(control socket, output pipe)──────> init        pid 1 of the sandbox: builds the root, reaps
//!                                             └──> the program
//! ```
//!
//! The helper exists because namespaces cannot be made by a process with threads; it is forked, not executed, for
//! every sandbox, so a start costs no dynamic linking. The sandbox's init ends when its control socket closes, and
//! the kernel ends everything else in the namespace with it: nothing outlives the daemon, not even `kill -9` of it.
//!
//! The network is the sandbox's own ([`Network`]): a loopback device, and on it sockets that the init opened and handed
//! to the daemon. `/etc/hosts` is the host's. No other file of the host is visible.
//!
//! ```text
//! heap     memory that the allocator keeps, given back
//! linux    sandboxes on Linux
//! network  which network a sandbox has
//! other    platforms without namespaces: everything compiles, nothing runs
//! root     what a root filesystem must have before it can be a sandbox's read-only root
//! ```

mod heap;
#[cfg(target_os = "linux")]
mod linux;
mod network;
#[cfg(not(target_os = "linux"))]
mod other;
mod root;

pub use heap::give_back;
#[cfg(target_os = "linux")]
pub use linux::{Output, Sandbox, check, helper_main, use_helper};
pub use network::{Listens, MOST_PORTS, Network, Sockets};
#[cfg(not(target_os = "linux"))]
pub use other::{Output, Sandbox, check, helper_main, use_helper};
pub use root::prepare_root;

use std::path::PathBuf;

/// The hidden argument that makes the binary the helper process.
pub const HELPER_ARGUMENT: &str = "__sandbox";

/// User and group id that functions see, as on Lambda.
pub const INSIDE_ID: u32 = 993;

/// What a sandbox is made of.
#[derive(Clone, Debug)]
pub struct SandboxSpec {
    /// The unpacked root filesystem; seen read-only as `/`. It must have gone through [`prepare_root`] (the image
    /// store does that).
    pub rootfs: PathBuf,
    /// Program and arguments. A program without a slash is searched in the `PATH` of `env`.
    pub command: Vec<String>,
    /// Working directory within the root; empty means `/`.
    pub workdir: String,
    /// The whole environment.
    pub env: Vec<(String, String)>,
    /// Memory limit in MiB. Files in /tmp do not count.
    pub memory_mb: u32,
    /// Size of /tmp in MiB.
    pub tmp_mb: u32,
    /// Its network.
    pub network: Network,
}

/// How the first process of a sandbox ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exit {
    /// Its exit code, when it exited.
    pub code: Option<i32>,
    /// The signal that ended it, when one did.
    pub signal: Option<i32>,
    /// Whether the memory limit was what ended it or one of its children.
    pub out_of_memory: bool,
}

/// Why there is no sandbox.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// This platform or kernel cannot; says what to change.
    #[error("{0}")]
    Unsupported(String),
    /// The program is not in the root, or cannot be executed there. In Lambda's words.
    #[error("{0}")]
    InvalidEntrypoint(String),
    /// The working directory is not in the root. In Lambda's words.
    #[error("{0}")]
    InvalidWorkdir(String),
    /// Anything else.
    #[error("sandbox: {0}")]
    Failed(String),
}

/// One line of what `throng doctor` says about running functions here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What was looked at.
    pub subject: String,
    /// Whether functions run as they should.
    pub level: Level,
    /// What was found.
    pub detail: String,
    /// What to change; empty when nothing.
    pub remedy: String,
}

/// How good a [`Finding`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// As it should be.
    Good,
    /// Works, with less than it could.
    Weak,
    /// Functions do not run.
    Bad,
}
