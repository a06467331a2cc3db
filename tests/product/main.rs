//! The parts of throng in this process, against doubles and against the local cloud's services, and verbs that need no
//! daemon.
//!
//! All tests share this process: its environment, its descriptors, its helpers. None sets a variable or changes a folder,
//! and each has its own home and ports.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, missing_docs)]

#[path = "../support/mod.rs"]
mod support;

mod documents;
mod forgery;
mod images;
mod lambda;
mod log_follow;
#[cfg(target_os = "linux")]
mod newer_aws;
mod order;
mod packages;
mod runs;
mod s3;
