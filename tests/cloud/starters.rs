//! Clients that start the daemon at the same moment, and the one that wins is killed before it listens: the other one's takes
//! its place.

use crate::support::processes::{kill, serving};
use crate::support::{Home, wait_for};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The daemon reads the port of the last time when it has the lock and does not listen yet. Here it never comes to the end of
/// it: it waits for somebody to write.
struct Hanging {
    port: PathBuf,
}

impl Hanging {
    fn before_it_listens(home: &Home) -> Self {
        let port = home.path().join("home/data/local/port");
        std::fs::remove_file(&port).expect("a port file");
        nix::unistd::mkfifo(&port, nix::sys::stat::Mode::S_IRWXU).expect("a pipe");
        Self { port }
    }

    /// Whoever waits goes on, and nobody waits any more.
    fn end(self) {
        let both = std::fs::File::options().read(true).write(true).open(&self.port).expect("opens");
        std::fs::remove_file(&self.port).expect("removes");
        drop(both);
    }
}

/// Whether a process holds a lock on a file.
fn has_lock(pid: u32, file: &Path) -> bool {
    let entries = std::fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
    entries.filter(|entry| std::fs::read_link(entry.path()).is_ok_and(|to| to == file)).any(|entry| {
        let info = format!("/proc/{pid}/fdinfo/{}", entry.file_name().to_string_lossy());
        std::fs::read_to_string(info).is_ok_and(|info| info.contains("FLOCK"))
    })
}

fn start(home: &Home, verb: &[&str]) -> Child {
    let mut command: Command = home.command(verb);
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("throng runs")
}

fn ends_well(verb: Child) {
    let output = verb.wait_with_output().expect("it ends");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// A home whose next daemon hangs once it has the lock.
fn hanging() -> (Home, Hanging, PathBuf) {
    let home = Home::new();
    home.ok(&["local", "start"]);
    home.ok(&["local", "stop"]);
    let lock = home.path().join("home/data/local/daemon.lock").canonicalize().expect("a lock");
    let hanging = Hanging::before_it_listens(&home);
    (home, hanging, lock)
}

fn winner(home: &Home, lock: &Path) -> u32 {
    let mut found = None;
    wait_for("a daemon has the lock", || {
        found = serving(home.path()).into_iter().find(|pid| has_lock(*pid, lock));
        found.is_some()
    });
    found.expect("a daemon")
}

#[test]
fn when_the_winner_of_two_starters_is_killed_the_other_one_takes_over() {
    let (home, hanging, lock) = hanging();
    let verbs = [start(&home, &["ls"]), start(&home, &["local", "start"]), start(&home, &["runs"])];
    let first = winner(&home, &lock);
    wait_for("all have started a daemon", || serving(home.path()).len() == 3);
    kill(first);
    let killed = Instant::now();
    let second = winner(&home, &lock);
    assert_ne!(first, second);
    hanging.end();
    verbs.into_iter().for_each(ends_well);
    assert!(killed.elapsed() < Duration::from_secs(10), "{:?}", killed.elapsed());
    assert_eq!(home.daemon(), Some(second), "one that was there already took its place");
    // Those that lost go away.
    wait_for("one daemon is left", || serving(home.path()) == [second]);
}

#[test]
fn a_starter_whose_daemon_is_killed_before_it_listens_starts_another() {
    let (home, hanging, lock) = hanging();
    let verb = start(&home, &["ls"]);
    let first = winner(&home, &lock);
    kill(first);
    let second = winner(&home, &lock);
    assert_ne!(first, second);
    hanging.end();
    ends_well(verb);
    assert_eq!(home.daemon(), Some(second));
}

/// The daemon that is ending has the lock, and answers no more.
#[test]
fn a_start_while_the_daemon_ends_succeeds() {
    let home = Home::new();
    home.ok(&["local", "start"]);
    for _ in 0..5 {
        let stop = start(&home, &["local", "stop"]);
        let starts = [start(&home, &["local", "start"]), start(&home, &["local", "start"])];
        for verb in starts.into_iter().chain([stop]) {
            ends_well(verb);
        }
    }
    home.ok(&["ls"]);
}
