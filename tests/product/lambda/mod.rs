//! The local Lambda through the AWS SDK, with plain processes for environments.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod bootstrap;
mod cloud;
mod control;
#[cfg(feature = "interop")]
mod interop;
mod invoke;
mod queue;
#[cfg(feature = "interop")]
#[path = "../support/tools.rs"]
mod tools;
