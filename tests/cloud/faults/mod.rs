//! The deploy and the run path under each fault of the local cloud: they end right, or with a clear error and nothing
//! half-made.
//!
//! Needs a kernel that allows user namespaces; `throng doctor` says how to get one.
#![cfg(target_os = "linux")]
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, missing_docs)]

#[path = "../support/mod.rs"]
mod support;

mod again;
mod deploying;
mod killed;
mod logs;
mod plans;
mod rivals;
mod running;
mod world;
