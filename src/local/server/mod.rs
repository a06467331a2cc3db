//! One listener on loopback; decides who is asked and checks who asks.
//!
//! ```text
//! activity    what the daemon is doing
//! control     /_throng/proof, /_throng/status, /_throng/gc and /_throng/stop
//! dispatch    which service a request is for
//! hosts       which names of this machine a request may be for
//! limits      how many connections and open files there may be
//! listener    accepts connections until told to stop, then lets the open ones end
//! reserve     space that is given up when a full disk is to be emptied
//! services    everything behind the port
//! s3_errors   completes error documents of S3
//! sts         who a caller is, and becoming a role
//! timed       bodies that must go on arriving
//! ```

mod activity;
mod control;
mod dispatch;
mod hosts;
mod limits;
mod listener;
mod reserve;
mod s3_errors;
mod services;
mod sts;
mod timed;

pub use activity::Activity;
pub use limits::raise_open_files;
pub use listener::serve;
pub use reserve::Reserve;
pub use services::Services;
pub use sts::Sts;
