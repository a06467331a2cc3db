//! The engine and the clients under it, against a real daemon of the local cloud.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod deploy;
mod listings;
mod offline;
mod runs;
mod support;
