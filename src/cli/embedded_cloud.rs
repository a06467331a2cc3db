//! The embedded cloud, as the command line asks for it. The program that both are part of answers.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;
use throng_contract::local::{LocalCredentials, LocalEndpoint};
use throng_core::config::{LocalConfig, SandboxNetwork};
use throng_core::doctor::Check;

/// How the local cloud is to serve.
#[derive(Clone, Debug)]
pub struct ServeRequest {
    /// The folder of its state.
    pub folder: PathBuf,
    /// The port; the last one, or a free one, when `None`.
    pub port: Option<u16>,
    /// After how long without work it ends.
    pub idle: Duration,
    /// Real seconds per second of its clock.
    pub time_scale: f64,
    /// How many environments it runs at once; as the machine allows when `None`.
    pub max_environments: Option<u32>,
    /// Which network functions have.
    pub network: SandboxNetwork,
    /// Ports of other machines that they reach in a private network.
    pub ports: Vec<u16>,
    /// Whether it leaves the terminal.
    pub detach: bool,
    /// Bytes of logs that are kept of each function.
    pub log_bytes_per_function: u64,
    /// Bytes of logs that are kept of all functions together.
    pub log_bytes: u64,
    /// A plan of faults.
    pub faults: Option<PathBuf>,
}

/// Why the local cloud does not serve.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServeFailure {
    /// The request is wrong: its plan of faults.
    Request(String),
    /// It could not run.
    Cloud(String),
}

/// Controls the local cloud of a folder. Errors are sentences.
pub trait EmbeddedCloud: fmt::Debug + Sync {
    /// Serves, until it is stopped or idle.
    ///
    /// # Errors
    /// The plan of faults is wrong, or it cannot run.
    fn serve(&self, request: &ServeRequest) -> Result<(), ServeFailure>;

    /// Starts this program as a daemon with these arguments, when none runs.
    ///
    /// # Errors
    /// It did not start.
    fn start(&self, folder: &Path, arguments: &[String]) -> Result<LocalEndpoint, String>;

    /// Stops the daemon; gives whether it ran.
    ///
    /// # Errors
    /// It does not end.
    fn stop(&self, folder: &Path) -> Result<bool, String>;

    /// Where a daemon listens and what it says of itself; `None` when none runs.
    fn status(&self, folder: &Path) -> Option<(LocalEndpoint, serde_json::Value)>;

    /// The keys of the folder's cloud.
    ///
    /// # Errors
    /// They cannot be read.
    fn credentials(&self, folder: &Path) -> std::io::Result<LocalCredentials>;

    /// Has the daemon remove image layers that nothing needs, and give up uploads in parts that are so many hours old; gives
    /// `imageBytes` and `uploads`.
    ///
    /// # Errors
    /// None runs, or it could not.
    fn collect(&self, folder: &Path, hours: u32) -> Result<serde_json::Value, String>;

    /// Deletes everything in a stopped cloud.
    ///
    /// # Errors
    /// It runs, or its files cannot be deleted.
    fn reset(&self, folder: &Path) -> Result<(), String>;

    /// Whether this machine can run functions, and what they reach with these settings.
    fn check_sandbox(&self, config: &LocalConfig) -> Vec<Check>;
}
