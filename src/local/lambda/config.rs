//! What the person may set.

use super::clock::TimeScale;
use crate::access::Access;
use std::sync::Arc;
use std::time::Duration;

/// Settings of the local Lambda.
#[derive(Clone, Debug)]
pub struct LambdaConfig {
    /// `127.0.0.1:<port>`: where the Runtime API and the cloud listen.
    pub address: String,
    /// Gives environments the keys of their role.
    pub access: Arc<Access>,
    /// Factor on retry delays, event ages and idle times.
    pub time_scale: TimeScale,
    /// The account's limit of concurrent invocations.
    pub account_concurrency: u32,
    /// How many asynchronous invocations run at a time on this machine.
    pub async_concurrency: u32,
    /// Sum of the memory sizes of all environments, in MiB.
    pub memory_mb: u64,
    /// An environment that had nothing to do for so long is ended (scaled).
    pub idle: Duration,
}

impl LambdaConfig {
    /// The defaults for this machine: two asynchronous invocations per core, three quarters of the memory.
    #[must_use]
    pub fn for_machine(address: String, access: Arc<Access>) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self {
            address,
            access,
            time_scale: TimeScale::new(1.0),
            account_concurrency: 1000,
            async_concurrency: u32::try_from(2 * cores).unwrap_or(2),
            memory_mb: machine_memory_mb().unwrap_or(4096) * 3 / 4,
            idle: Duration::from_mins(1),
        }
    }
}

/// Total memory of this machine in MiB, where /proc tells.
fn machine_memory_mb() -> Option<u64> {
    let info = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = info.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    line.split_whitespace().next()?.parse::<u64>().ok().map(|kib| kib / 1024)
}
