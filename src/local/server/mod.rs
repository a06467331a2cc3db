//! One listener on loopback; decides who is asked and checks who asks.

mod control;
mod dispatch;
mod listener;
mod s3_errors;
mod sts;

pub use control::Activity;
pub use dispatch::Services;
pub use listener::serve;
