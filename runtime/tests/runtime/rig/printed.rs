//! What the runtime prints, read before the pipe is full.

use std::io::Read as _;
use std::os::fd::AsFd as _;
use std::process::ChildStdout;
use std::sync::Mutex;

/// What the runtime printed, and the pipe that it comes by.
pub(super) struct Printed {
    pub bytes: Vec<u8>,
    pub pipe: ChildStdout,
}

impl Printed {
    /// Reads what waits in the pipe. `false` when the other side has closed.
    pub(super) fn take_waiting(&mut self) -> bool {
        while rustix::io::ioctl_fionread(&self.pipe).is_ok_and(|waiting| waiting > 0) {
            let mut buffer = vec![0; 65536];
            match self.pipe.read(&mut buffer) {
                Ok(read @ 1..) => self.bytes.extend_from_slice(&buffer[..read]),
                _ => return false,
            }
        }
        true
    }
}

/// Empties the pipe, so that the runtime never waits for us.
pub(super) fn drain(log: &Mutex<Printed>) {
    use rustix::event::{PollFd, PollFlags, poll};
    let pipe = log.lock().unwrap().pipe.as_fd().try_clone_to_owned().unwrap();
    loop {
        let mut waits = [PollFd::new(&pipe, PollFlags::IN)];
        if poll(&mut waits, None).is_err() {
            return;
        }
        let closed = !waits[0].revents().contains(PollFlags::IN);
        if !log.lock().unwrap().take_waiting() || closed {
            return;
        }
    }
}
