//! Processes: those of a home, those below one, and `kill -9`.

use super::{descendants, wait_for};
use nix::sys::signal::{Signal, kill as signal};
use nix::unistd::Pid;
use std::collections::BTreeSet;
use std::path::Path;

/// A process, apart from a later one with the same number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Process {
    pub pid: u32,
    born: u64,
}

impl Process {
    /// The process that has this number now.
    pub fn now(pid: u32) -> Option<Self> {
        let (state, born) = stat(pid)?;
        (state != 'Z' && state != 'X').then_some(Self { pid, born })
    }

    pub fn lives(self) -> bool {
        Self::now(self.pid) == Some(self)
    }
}

/// State and time of birth.
fn stat(pid: u32) -> Option<(char, u64)> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut fields = text.rsplit_once(") ")?.1.split(' ');
    let state = fields.next()?.chars().next()?;
    // The 22nd of all, the 20th of these.
    Some((state, fields.nth(18)?.parse().ok()?))
}

/// `kill -9`, and waits until it has hit.
pub fn kill(pid: u32) {
    let Some(process) = Process::now(pid) else { return };
    send(pid, Signal::SIGKILL);
    wait_for("what was killed is dead", || !process.lives());
}

/// A signal to a process that may be gone by now.
pub fn send(pid: u32, what: Signal) {
    let _ = signal(Pid::from_raw(pid.cast_signed()), what);
}

/// Processes of this program with this home (the folder of a test) whose arguments begin like this.
fn of_home(folder: &Path, arguments: &[&str]) -> Vec<u32> {
    let home = format!("THRONG_HOME={}\0", folder.join("home").display());
    let pids = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = pids.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let is_it = |pid: &u32| {
        let read = |name: &str| std::fs::read(format!("/proc/{pid}/{name}")).unwrap_or_default();
        let command = read("cmdline");
        let given: Vec<_> = command.split(|byte| *byte == 0).skip(1).take(arguments.len()).collect();
        given.iter().map(|word| String::from_utf8_lossy(word)).eq(arguments.iter().copied())
            && [b"\0".to_vec(), read("environ")]
                .concat()
                .windows(home.len() + 1)
                .any(|part| part[0] == 0 && &part[1..] == home.as_bytes())
            && Process::now(*pid).is_some()
    };
    pids.filter(is_it).collect()
}

/// Daemons of a home, those included that do not listen yet.
pub fn serving(folder: &Path) -> Vec<u32> {
    of_home(folder, &["local", "serve"])
}

/// What starts daemons of a home.
pub fn starting(folder: &Path) -> Vec<u32> {
    of_home(folder, &["local", "start"])
}

/// Every process that was seen below the daemons of a home, also when what was between has been killed since.
#[derive(Debug, Default)]
pub struct Seen(BTreeSet<Process>);

impl Seen {
    /// Looks at what is below the home's daemons now, and below what was seen before.
    pub fn look(&mut self, folder: &Path) {
        let roots: Vec<u32> =
            serving(folder).into_iter().chain(self.living().map(|process| process.pid)).collect();
        self.0.retain(|process| process.lives());
        self.0.extend(roots.into_iter().flat_map(descendants).filter_map(Process::now));
    }

    /// Those that live.
    pub fn living(&self) -> impl Iterator<Item = Process> {
        self.0.iter().copied().filter(|process| process.lives())
    }
}
