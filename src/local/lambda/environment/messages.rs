//! What an environment is told and asked, and what becomes of a job.

use crate::lambda::pool::Lease;
use bytes::Bytes;
use tokio::sync::oneshot;

/// The largest response of a function.
pub const MAX_RESPONSE: usize = 6 * 1024 * 1024;

/// An invocation.
#[derive(Clone, Debug)]
pub struct Invocation {
    pub request_id: String,
    pub payload: Bytes,
    pub client_context: Option<String>,
    pub trace_id: Option<String>,
    /// The caller wants the log's end.
    pub tail: bool,
}

/// An invocation on its way into an environment.
#[derive(Debug)]
pub struct Job {
    pub invocation: Invocation,
    pub lease: Lease,
    pub reply: oneshot::Sender<JobOutcome>,
}

/// What became of a job.
#[derive(Debug)]
pub enum JobOutcome {
    /// It ran. `failed`: the payload is an error.
    Done { payload: Bytes, failed: bool, tail: Option<String> },
    /// The cloud could not run it; it may be tried again.
    System(String),
    /// The environment ended before it began.
    NotRun(Box<Job>),
}

/// What an environment is told.
pub enum Message {
    /// A job for an idle environment.
    Invoke(Box<Job>),
    /// End when there is nothing to do.
    End,
    /// End now.
    Kill,
    /// From its runtime: what next?
    Next(oneshot::Sender<NextEvent>),
    /// From its runtime: the result of an invocation. `None`: it was too large.
    Response { id: String, body: Option<Bytes>, size: usize, reply: oneshot::Sender<Verdict> },
    /// From its runtime: an invocation failed.
    Error { id: String, body: Bytes, reply: oneshot::Sender<Verdict> },
    /// From its runtime: it cannot start.
    InitError { body: Bytes, kind: Option<String>, reply: oneshot::Sender<Verdict> },
}

/// What a runtime gets for its question.
#[derive(Debug)]
pub struct NextEvent {
    pub invocation: Invocation,
    pub deadline_ms: i64,
    pub arn: String,
}

/// What a runtime is told about what it posted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Accepted,
    UnknownRequest,
    WrongState,
    TooLarge,
}

pub(super) fn give_back(job: Job) {
    let (reply, unused) = oneshot::channel();
    drop(unused);
    let Job { invocation, lease, reply: sender } = job;
    let _ = sender.send(JobOutcome::NotRun(Box::new(Job { invocation, lease, reply })));
}
