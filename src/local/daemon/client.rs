//! Starting, asking and ending the daemon from another process.

use super::files::Files;
use super::proven::{Listening, connect};
use crate::private;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use throng_contract::local::LocalEndpoint;

/// How long a daemon may take to listen, and to end.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);
/// How long removing what is of no use may take.
const COLLECTING: Duration = Duration::from_mins(10);
pub(super) const POLL: Duration = Duration::from_millis(10);
/// How many daemons one caller starts, when each of them, or the one that was there in its place, was killed.
const STARTS: u32 = 5;

/// Why it did not work.
#[derive(Debug, thiserror::Error)]
pub enum DaemonError {
    /// A file or a process.
    #[error("{0}: {1}")]
    Io(String, #[source] io::Error),
    /// It ended, or did not listen in time: where its log is, and the last that it said.
    #[error("the local cloud did not start{said}; {log} says more", said = after_colon(.1), log = .0.display())]
    NotStarted(PathBuf, String),
    /// It did not end in time.
    #[error("the local cloud (process {0}) does not end; see {1}")]
    NotStopped(u32, PathBuf),
    /// One runs, but does not prove that it is ours.
    #[error(
        "the local cloud that runs already (process {0}) is of an older throng and cannot prove that it is yours; end it \
         (`throng local stop`), then try again"
    )]
    Unproven(u32),
    /// It does not answer.
    #[error("the local cloud does not answer; `throng local status` says whether it runs")]
    NotRunning,
    /// Its data cannot be deleted while it runs.
    #[error("the local cloud is running; stop it first (`throng local stop`)")]
    Running,
}

/// Whether a daemon is there.
#[derive(Clone, Debug, PartialEq)]
pub enum State {
    /// It answers.
    Running(LocalEndpoint, serde_json::Value),
    /// There is none.
    Stopped,
}

/// Asks the daemon in `folder`.
#[must_use]
pub fn status(folder: &Path) -> State {
    ask_status(folder, "/_throng/status")
}

/// Asks the daemon in `folder`, with the numbers of buckets, objects and bytes.
#[must_use]
pub fn status_with_counts(folder: &Path) -> State {
    ask_status(folder, "/_throng/status?counts")
}

fn ask_status(folder: &Path, path: &str) -> State {
    let files = Files::new(folder);
    let Some(endpoint) = files.read_endpoint() else { return State::Stopped };
    // Another program may have taken a dead daemon's port.
    let Listening::Ours(mut connection) = connect(&files, &endpoint) else { return State::Stopped };
    match connection.json(&files, "GET", path) {
        Some(value) => State::Running(endpoint, value),
        None => State::Stopped,
    }
}

/// Makes sure that a daemon runs in `folder`. `arguments` are those of this program that run it
/// (`local serve --detach …`). Two callers at a time get the same daemon; when it is killed before it listens, the other
/// caller's takes its place.
///
/// # Errors
/// [`DaemonError`]
pub fn start(folder: &Path, arguments: &[String]) -> Result<LocalEndpoint, DaemonError> {
    if let State::Running(endpoint, _) = status(folder) {
        return Ok(endpoint);
    }
    let files = Files::new(folder);
    let failed = |what: PathBuf| move |error| DaemonError::Io(what.display().to_string(), error);
    files.create_folder().map_err(failed(files.folder.clone()))?;
    if let Some(endpoint) = unproven(&files) {
        return Err(DaemonError::Unproven(endpoint.pid));
    }
    let log = private::options().create(true).append(true).open(files.log()).map_err(failed(files.log()))?;
    let said_before = log.metadata().map_or(0, |log| log.len());
    let program = std::env::current_exe().map_err(failed("this program".into()))?;
    let spawn = || spawn(&program, arguments, &log).map_err(failed(program.clone()));
    let mut child = spawn()?;
    let (begin, mut starts) = (Instant::now(), 1);
    let mut ended = None;
    while begin.elapsed() < PATIENCE {
        if let State::Running(endpoint, _) = status(folder) {
            return Ok(endpoint);
        }
        ended = ended.or_else(|| child.try_wait().ok().flatten());
        if let Some(how) = ended
            && files.try_lock().is_ok_and(|lock| lock.is_some())
        {
            // It found another one, which is gone since, or it was killed.
            let may_go_well = how.success() || how.code().is_none();
            if !may_go_well || starts == STARTS {
                break;
            }
            (child, ended, starts) = (spawn()?, None, starts + 1);
        }
        std::thread::sleep(POLL);
    }
    Err(DaemonError::NotStarted(files.log(), last_line(&files.log(), said_before)))
}

fn spawn(program: &Path, arguments: &[String], log: &std::fs::File) -> io::Result<Child> {
    let mut command = Command::new(program);
    command.args(arguments).current_dir("/").stdin(Stdio::null());
    command.stdout(log.try_clone()?).stderr(log.try_clone()?).spawn()
}

fn after_colon(said: &str) -> String {
    if said.is_empty() { String::new() } else { format!(": {said}") }
}

/// The last line that was written to a log after a position, without what is before its message.
fn last_line(log: &Path, from: u64) -> String {
    use std::io::{Read as _, Seek as _, SeekFrom};
    let read = || -> io::Result<String> {
        let mut file = std::fs::File::open(log)?;
        let from = from.max(file.metadata()?.len().saturating_sub(16 * 1024));
        file.seek(SeekFrom::Start(from))?;
        let mut bytes = Vec::new();
        file.take(16 * 1024).read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    };
    let text = read().unwrap_or_default();
    let line = text.lines().rev().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    line.trim_start_matches("throng: ").trim_start_matches("local cloud: ").chars().take(500).collect()
}

/// Ends the daemon in `folder`, and waits until it has; tells whether there was one.
///
/// # Errors
/// [`DaemonError`]
pub fn stop(folder: &Path) -> Result<bool, DaemonError> {
    let files = Files::new(folder);
    let Some(endpoint) = files.read_endpoint() else { return Ok(false) };
    match connect(&files, &endpoint) {
        Listening::Ours(mut connection) => {
            let _ = connection.json(&files, "POST", "/_throng/stop");
        }
        _ => match unproven(&files) {
            Some(LocalEndpoint { pid, .. }) => {
                let _ = kill(Pid::from_raw(pid.cast_signed()), Signal::SIGTERM);
            }
            None => return Ok(false),
        },
    }
    // Somebody may have been waiting to take its place.
    let is_replaced = || files.read_endpoint().is_some_and(|now| now != endpoint);
    let begin = Instant::now();
    while begin.elapsed() < PATIENCE {
        if files.try_lock().is_ok_and(|lock| lock.is_some()) || is_replaced() {
            return Ok(true);
        }
        std::thread::sleep(POLL);
    }
    Err(DaemonError::NotStopped(endpoint.pid, files.log()))
}

/// A daemon that lives and does not prove that it is ours: an older version's. The endpoint file is its own, since a new
/// daemon removes that of a dead one as soon as it has the lock.
fn unproven(files: &Files) -> Option<LocalEndpoint> {
    let before = files.read_endpoint()?;
    let held = || files.try_lock().is_ok_and(|lock| lock.is_none());
    let lives = matches!(connect(files, &before), Listening::Stranger) && held();
    (lives && files.read_endpoint().as_ref() == Some(&before)).then_some(before)
}

/// Has the daemon in `folder` remove what nobody needs any more, and give up uploads in parts that are so many hours old.
///
/// # Errors
/// [`DaemonError::NotRunning`]
pub fn collect(folder: &Path, hours: u32) -> Result<serde_json::Value, DaemonError> {
    let files = Files::new(folder);
    let endpoint = files.read_endpoint().ok_or(DaemonError::NotRunning)?;
    let Listening::Ours(mut connection) = connect(&files, &endpoint) else {
        return Err(DaemonError::NotRunning);
    };
    connection.wait_for(COLLECTING);
    connection.json(&files, "POST", &format!("/_throng/gc?{hours}")).ok_or(DaemonError::NotRunning)
}

/// Deletes everything that the local cloud keeps in `folder`, credentials and port excepted.
///
/// # Errors
/// [`DaemonError::Running`], or when a file cannot be removed.
pub fn reset(folder: &Path) -> Result<(), DaemonError> {
    let files = Files::new(folder);
    let failed = |error| DaemonError::Io(files.folder.display().to_string(), error);
    files.create_folder().map_err(failed)?;
    let Some(_lock) = files.try_lock().map_err(failed)? else { return Err(DaemonError::Running) };
    for path in [files.data(), files.endpoint(), files.log()] {
        let outcome =
            if path.is_dir() { std::fs::remove_dir_all(&path) } else { std::fs::remove_file(&path) };
        match outcome {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
            _ => {}
        }
    }
    Ok(())
}

/// Whether a daemon answers where the endpoint file says, of whatever version.
pub(super) fn is_answered(files: &Files) -> bool {
    files.read_endpoint().is_some_and(|endpoint| !matches!(connect(files, &endpoint), Listening::Nobody))
}
