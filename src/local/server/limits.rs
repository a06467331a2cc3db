//! How many connections and open files there may be.

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Most connections at a time, where the system allows as many files. Each costs some 20 KiB.
const CONNECTIONS_MAX: u64 = 4096;
/// Descriptors that are not connections: database, objects, layers, pipes of environments.
const OTHER_FILES: u64 = 512;
/// What systems allow where it cannot be told.
const USUAL_FILES: u64 = 1024;

/// Raises the limit of open files of this process to the highest that it may set. Answers what holds then.
pub fn raise_open_files() -> u64 {
    match getrlimit(Resource::RLIMIT_NOFILE) {
        Ok((soft, hard)) if soft < hard => match setrlimit(Resource::RLIMIT_NOFILE, hard, hard) {
            Ok(()) => hard,
            Err(error) => {
                tracing::warn!(%error, soft, hard, "the limit of open files stays");
                soft
            }
        },
        Ok((soft, _)) => soft,
        Err(_) => USUAL_FILES,
    }
}

/// How long a client may take for the head of a request, and a connection may be kept without one. S3 closes idle
/// connections after about 20 s; clients open another.
const PATIENCE: Duration = Duration::from_mins(1);
/// The same while most of the room is taken.
const CROWDED: Duration = Duration::from_secs(5);

/// Lets in as many connections as there are descriptors for. The others wait in the system's queue.
#[derive(Clone, Debug)]
pub struct Admission {
    room: Arc<Semaphore>,
    most: usize,
}

impl Admission {
    /// For a process that may open so many files.
    pub fn new(files: u64) -> Self {
        let most = usize::try_from(connections(files)).unwrap_or(1);
        Self { room: Arc::new(Semaphore::new(most)), most }
    }

    /// How long the next connection may stand idle.
    pub fn patience(&self) -> Duration {
        if self.room.available_permits() < self.most / 4 { CROWDED } else { PATIENCE }
    }

    /// Waits until there is room for one more.
    pub async fn room(&self) -> Option<OwnedSemaphorePermit> {
        self.room.clone().acquire_owned().await.ok()
    }
}

fn connections(files: u64) -> u64 {
    // Half of few files: the rest is for what the connections ask for.
    files.saturating_sub(OTHER_FILES).max(files / 2).clamp(16, CONNECTIONS_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_crowd_is_given_less_time_and_the_last_one_waits() {
        let admission = Admission::new(1);
        assert_eq!(admission.patience(), PATIENCE);
        let mut inside = Vec::new();
        for _ in 0..16 {
            inside.push(admission.room().await);
        }
        assert_eq!(admission.patience(), CROWDED);
        let mut next = Box::pin(admission.room());
        assert!(futures::poll!(&mut next).is_pending());
        inside.pop();
        assert!(next.await.is_some());
    }

    #[test]
    fn connections_leave_files_for_the_rest() {
        for (files, expected) in [(1024, 512), (256, 128), (4096, 3584), (1 << 20, CONNECTIONS_MAX), (1, 16)]
        {
            assert_eq!(connections(files), expected, "{files}");
        }
    }
}
