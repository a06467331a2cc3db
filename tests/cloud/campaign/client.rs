//! Verbs as processes that are killed, and how they may end.

use super::site::Site;
use crate::support::processes::Process;
use std::process::{Child, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_mins(3);

/// A verb that is under way, or was.
pub struct Client {
    child: Child,
    verb: String,
    said: tempfile::NamedTempFile,
    ended: Option<ExitStatus>,
    killed: bool,
    /// Daemons that had been killed when it began.
    daemons_killed: u64,
}

/// How a verb ended.
#[derive(Debug)]
pub struct Ended {
    /// `None`: it was killed.
    pub code: Option<i32>,
    pub said: String,
}

impl Client {
    pub fn start(site: &mut Site, verb: &[&str]) -> Self {
        let said = tempfile::NamedTempFile::new_in(site.home.path()).expect("a file");
        let both = || Stdio::from(said.reopen().expect("the file"));
        let mut command = site.home.command(verb);
        let child = command.stdout(Stdio::null()).stderr(both()).spawn().expect("throng runs");
        let verb = format!("{} throng {}", child.id(), verb.join(" "));
        site.tell(format!("began {verb}"));
        let daemons_killed = site.daemons_killed();
        Self { child, verb, said, ended: None, killed: false, daemons_killed }
    }

    /// Kills it, if it has not ended; gives its name.
    pub fn kill(&mut self) -> Option<String> {
        if self.has_ended() || Process::now(self.child.id()).is_none() {
            return None;
        }
        self.child.kill().expect("kill -9");
        let status = self.child.wait().expect("it is dead");
        self.ended = Some(status);
        // It may have come to its end by itself at that moment.
        self.killed = status.code().is_none();
        self.killed.then(|| self.verb.clone())
    }

    pub fn has_ended(&mut self) -> bool {
        if self.ended.is_none() {
            self.ended = self.child.try_wait().expect("its state");
        }
        self.ended.is_some()
    }

    /// Waits for the end. Where nothing went wrong it must be a good one; in any case it says what it is about, and never
    /// that throng itself is broken.
    pub fn end(mut self, site: &mut Site) -> Ended {
        let begin = Instant::now();
        while !self.has_ended() {
            site.check(begin.elapsed() < PATIENCE, || format!("{} does not end", self.verb));
            std::thread::sleep(Duration::from_millis(5));
        }
        let said = std::fs::read_to_string(self.said.path()).unwrap_or_default();
        let code = self.ended.and_then(|status| status.code());
        site.tell(format!("ended {}: {code:?} {}", self.verb, said.trim().replace('\n', " | ")));
        if !self.killed {
            let disturbed = site.faulty || site.daemons_killed() > self.daemons_killed;
            // Where the cloud is away, or refuses, that is said.
            let fine =
                matches!(code, Some(0..=2)) || disturbed && matches!(code, Some(3 | 4)) && !said.is_empty();
            site.check(fine && !said.contains("panicked"), || {
                format!("{} ended with {code:?}: {said}", self.verb)
            });
        }
        Ended { code, said }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
