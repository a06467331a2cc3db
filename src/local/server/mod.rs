//! One listener on loopback; decides who is asked and checks who asks.
//!
//! ```text
//! activity    what the daemon is doing
//! control     /_throng/proof, /_throng/status and /_throng/stop
//! dispatch    which service a request is for
//! hosts       which names of this machine a request may be for
//! listener    accepts connections until told to stop, then lets the open ones end
//! services    everything behind the port
//! s3_errors   completes error documents of S3
//! sts         the one call of STS that clients make to learn who they are
//! ```

mod activity;
mod control;
mod dispatch;
mod hosts;
mod listener;
mod s3_errors;
mod services;
mod sts;

pub use activity::Activity;
pub use listener::serve;
pub use services::Services;
