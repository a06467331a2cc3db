//! Says for whom a verb waits, to a person who would see nothing.

use super::print;
use std::time::Duration;
use throng_core::cloud::waiting_for;
use throng_core::lines;

/// Answers usually come sooner.
const PATIENCE: Duration = Duration::from_secs(2);
/// How often it is looked.
const EVERY: Duration = Duration::from_millis(250);

/// Tells once, on a terminal, which host does not answer.
pub fn tell() {
    if !print::notes_are_seen() {
        return;
    }
    tokio::spawn(async {
        loop {
            tokio::time::sleep(EVERY).await;
            if let Some(host) = waiting_for(PATIENCE).filter(|_| !print::has_status()) {
                return print::note(lines!("waiting for {host} …"));
            }
        }
    });
}

/// Does something that takes its time; tells so on a terminal when it does.
pub fn patiently<T: Send>(what: &'static str, work: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| {
        let (done, ended) = std::sync::mpsc::channel::<()>();
        if print::notes_are_seen() {
            scope.spawn(move || {
                if ended.recv_timeout(PATIENCE / 2) == Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
                    print::note(what);
                }
            });
        }
        let result = work();
        drop(done);
        result
    })
}
