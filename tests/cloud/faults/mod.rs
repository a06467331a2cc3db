//! The deploy and the run path under each fault of the local cloud: they end right, or with a clear error and nothing
//! half-made.
//!
//! Needs a kernel that allows user namespaces; `throng doctor` says how to get one.

mod as_aws;
mod conflicts;
mod deploying;
mod killed;
mod logs;
mod plans;
mod resumed;
mod running;
pub mod world;
