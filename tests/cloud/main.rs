//! The whole program on the embedded cloud: the daemon, its ends and its faults, sandboxes, the command line, and the
//! screen on a terminal of its own.
//!
//! All tests share this process, and two run at a time on two processors: each has a home, a port and processes of its own,
//! and none sets a variable. Needs a kernel that allows user namespaces; `throng doctor` says how to get one.
#![cfg(target_os = "linux")]
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, missing_docs)]

#[path = "../support/mod.rs"]
mod support;

mod campaign;
mod chains;
mod command_line;
mod credentials;
mod daemon;
mod e2e;
mod engine;
mod examples;
mod faults;
mod formats;
mod front_ends;
mod full_disk;
mod groups;
mod images;
mod joins;
mod joins_again;
mod json;
mod limits;
mod memory;
mod names;
mod owner;
mod packs;
mod picture;
mod providers;
mod rights;
mod sandbox;
mod sandbox_network;
mod scar;
mod screen;
mod secrets;
mod starters;
mod storage;
mod subjects;
mod task_gets;
mod two_machines;
mod unchanged;
mod webdav;
