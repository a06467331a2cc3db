//! Which program becomes the helper process.

use std::path::PathBuf;
use std::sync::OnceLock;

/// Overrides which binary becomes the helper.
const ENV_HELPER: &str = "THRONG_SANDBOX_HELPER";

static BINARY: OnceLock<PathBuf> = OnceLock::new();

/// Sets the binary that becomes the helper when it is called with
/// [`HELPER_ARGUMENT`](crate::sandbox::HELPER_ARGUMENT); without it, the running binary. For tests, whose binary is another.
pub fn use_helper(binary: PathBuf) {
    let _ = BINARY.set(binary);
}

/// The helper's binary.
pub fn binary() -> PathBuf {
    // Not the path of the running binary: it may have been replaced since.
    let running = || PathBuf::from("/proc/self/exe");
    let set = std::env::var_os(ENV_HELPER).map(PathBuf::from).or_else(|| BINARY.get().cloned());
    set.unwrap_or_else(running)
}
