//! A connection that is reset in place of being closed.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

/// Makes the end of a connection a reset.
#[derive(Clone, Debug)]
pub struct Abort(Arc<OwnedFd>);

impl Abort {
    /// For a connection. `None` when its descriptor cannot be had a second time.
    pub fn of(stream: &impl AsFd) -> Option<Self> {
        stream.as_fd().try_clone_to_owned().ok().map(|fd| Self(Arc::new(fd)))
    }

    /// When the connection is closed the next time, what is under way is dropped and the peer sees a reset.
    pub(super) fn arm(&self) {
        let linger = libc::linger { l_onoff: 1, l_linger: 0 };
        if let Err(error) = nix::sys::socket::setsockopt(&self.0, nix::sys::socket::sockopt::Linger, &linger)
        {
            tracing::warn!(%error, "a fault: the connection is closed, not reset");
        }
    }
}
