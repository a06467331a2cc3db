//! The local cloud as a process: start, run, stop, found through its endpoint file.
//!
//! One daemon per folder: it holds a lock on `daemon.lock` for as long as it lives, so the kernel frees it whatever
//! ends the daemon. `endpoint.json` is there while it listens; after a `kill -9` it is stale, and whoever reads it
//! finds nobody listening, or somebody who cannot prove to be the daemon. A daemon whose folder was deleted ends by itself.
//!
//! ```text
//! client   starting, asking and ending the daemon from another process
//! files    the daemon's files
//! proven   a connection to the daemon, which has proved that it is ours
//! run      the daemon itself
//! ```

mod client;
mod files;
mod proven;
mod run;

pub use client::{DaemonError, State, collect, reset, start, status, status_with_counts, stop};
pub use files::{Files, read_credentials};
pub use run::{ServeOptions, serve};
