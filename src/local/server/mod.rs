//! One listener on loopback; decides who is asked and checks who asks.

pub mod auth;
pub mod body;
mod control;
mod dispatch;
mod listener;
mod s3_errors;
mod sts;

pub use body::Body;
pub use control::Activity;
pub use dispatch::{Services, SignedService, UnsignedService};
pub use listener::serve;
