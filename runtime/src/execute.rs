//! Runs a program: its output into the log, its time limited, nothing of it left.

use crate::logs::Log;
use crate::processes;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::ExitStatusExt;
use std::process::{ChildStderr, ChildStdout, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};
use throng_contract::Source;

/// How long output is waited for after the program ended: something it started may still be writing.
const LINGER: Duration = Duration::from_millis(100);
/// How long output is read after everything was killed.
const DRAIN: Duration = Duration::from_millis(300);
/// How often the program is looked after when the kernel has no pidfd.
const LOOK: Duration = Duration::from_millis(5);
/// How long a killed program is waited for.
const KILLED: Duration = Duration::from_secs(1);
/// Bytes read from a pipe at a time: all that it holds.
const CHUNK: usize = 64 * 1024;

/// How long a program may run.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Then it is asked to end.
    pub until: Instant,
    /// So much later it is killed.
    pub grace: Duration,
}

/// How a program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended {
    /// Its exit code, when it exited.
    pub code: Option<i32>,
    /// The signal that ended it, when one did.
    pub signal: Option<i32>,
    /// Whether its time was up.
    pub timed_out: bool,
    /// Peak resident memory of its largest process, in bytes.
    pub peak: u64,
}

/// Something to do once a program has run for a while.
pub struct Alarm<'a> {
    /// When it rings, unless the script has ended.
    pub at: Instant,
    /// What is done then; called once.
    pub ring: &'a mut dyn FnMut(),
}

/// Where a run stands.
#[derive(Clone, Copy)]
enum Phase {
    Running,
    /// Asked to end.
    Asked(Instant),
    /// SIGKILL was sent, then.
    Killed(Instant),
    /// Ended by itself or otherwise; output may follow until then.
    Over(Instant),
    /// Everything was killed; the pipes are read to their end.
    Draining(Instant),
}

impl Phase {
    const fn until(self, limits: Limits) -> Instant {
        match self {
            Self::Running => limits.until,
            Self::Asked(until) | Self::Killed(until) | Self::Over(until) | Self::Draining(until) => until,
        }
    }
}

/// Runs a program to its end.
pub fn run(command: &mut Command, limits: Limits, log: &mut Log<'_>, alarm: Alarm<'_>) -> io::Result<Ended> {
    let mut run = Run::start(command, limits, alarm)?;
    let mut buffer = vec![0; CHUNK];
    while !run.is_done() {
        run.wait(log)?;
        run.read(&mut buffer, log);
        run.look_after_child();
        run.step();
        if log.due().is_some_and(|due| due <= Instant::now()) {
            log.flush();
        }
    }
    processes::end_all(run.pid);
    log.finish();
    let status = run.status;
    Ok(Ended {
        code: status.and_then(|status| status.code()),
        signal: status.and_then(|status| status.signal()),
        timed_out: run.timed_out,
        peak: run.peak,
    })
}

struct Run<'a> {
    pid: Pid,
    pidfd: Option<OwnedFd>,
    out: Option<ChildStdout>,
    err: Option<ChildStderr>,
    phase: Phase,
    limits: Limits,
    alarm: Option<(Instant, &'a mut dyn FnMut())>,
    status: Option<ExitStatus>,
    peak: u64,
    timed_out: bool,
}

impl<'a> Run<'a> {
    fn start(command: &mut Command, limits: Limits, alarm: Alarm<'a>) -> io::Result<Self> {
        let Alarm { at, ring } = alarm;
        // An empty standard input that needs no /dev/null.
        let (input, _) = io::pipe()?;
        let mut child = command.stdin(input).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        let pid = Pid::from_child(&child);
        let (out, err) = (child.stdout.take(), child.stderr.take());
        for pipe in [out.as_ref().map(AsFd::as_fd), err.as_ref().map(AsFd::as_fd)].into_iter().flatten() {
            rustix::io::ioctl_fionbio(pipe, true)?;
        }
        Ok(Self {
            pid,
            pidfd: pidfd_open(pid, PidfdFlags::empty()).ok(),
            out,
            err,
            phase: Phase::Running,
            limits,
            alarm: Some((at, ring)),
            status: None,
            peak: 0,
            timed_out: false,
        })
    }

    const fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Over(_) | Phase::Draining(_))
    }

    fn is_done(&self) -> bool {
        let silent = self.out.is_none() && self.err.is_none();
        match self.phase {
            Phase::Over(_) => silent,
            Phase::Draining(until) => silent || until <= Instant::now(),
            _ => false,
        }
    }

    /// Sleeps until there is something to do.
    fn wait(&self, log: &Log<'_>) -> io::Result<()> {
        let now = Instant::now();
        let mut wake = self.phase.until(self.limits);
        wake = self.alarm.as_ref().map_or(wake, |(at, _)| wake.min(*at));
        wake = log.due().map_or(wake, |due| wake.min(due));
        if self.pidfd.is_none() && !self.is_over() {
            wake = wake.min(now + LOOK);
        }
        let timeout = Timespec::try_from(wake.saturating_duration_since(now)).map_err(io::Error::other)?;
        let pidfd = self.pidfd.as_ref().filter(|_| !self.is_over()).map(AsFd::as_fd);
        let fds = [self.out.as_ref().map(AsFd::as_fd), self.err.as_ref().map(AsFd::as_fd), pidfd];
        let mut fds: Vec<_> =
            fds.into_iter().flatten().map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN)).collect();
        match poll(&mut fds, Some(&timeout)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Reads what the pipes hold; a pipe at its end is closed.
    fn read(&mut self, buffer: &mut [u8], log: &mut Log<'_>) {
        if self.out.as_mut().is_some_and(|pipe| is_at_end(pipe, Source::Stdout, buffer, log)) {
            self.out = None;
        }
        if self.err.as_mut().is_some_and(|pipe| is_at_end(pipe, Source::Stderr, buffer, log)) {
            self.err = None;
        }
    }

    fn look_after_child(&mut self) {
        if self.is_over() {
            return;
        }
        match wait4::try_wait4_pid(self.pid.as_raw_nonzero().get().unsigned_abs()) {
            Ok(Some(ended)) => {
                self.status = Some(ended.status);
                self.peak = ended.rusage.maxrss;
                self.phase = Phase::Over(Instant::now() + LINGER);
            }
            Ok(None) => {}
            // Somebody else collected it; nothing more is known.
            Err(_) => self.phase = Phase::Over(Instant::now() + LINGER),
        }
    }

    /// Does what is due.
    fn step(&mut self) {
        let now = Instant::now();
        if let Some((_, ring)) = self.alarm.take_if(|(at, _)| *at <= now) {
            ring();
        }
        if self.phase.until(self.limits) > now {
            return;
        }
        self.phase = match self.phase {
            Phase::Running => {
                self.timed_out = true;
                processes::terminate(self.pid);
                Phase::Asked(now + self.limits.grace)
            }
            Phase::Asked(_) => {
                let _ = rustix::process::kill_process_group(self.pid, rustix::process::Signal::KILL);
                Phase::Killed(now + KILLED)
            }
            Phase::Killed(_) | Phase::Over(_) => {
                processes::end_all(self.pid);
                Phase::Draining(now + DRAIN)
            }
            Phase::Draining(until) => Phase::Draining(until),
        };
    }
}

/// Reads once and says whether the pipe is at its end.
fn is_at_end(pipe: &mut impl Read, source: Source, buffer: &mut [u8], log: &mut Log<'_>) -> bool {
    match pipe.read(buffer) {
        Ok(0) => true,
        Ok(read) => {
            log.take(source, &buffer[..read]);
            false
        }
        Err(error) => !matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted),
    }
}
