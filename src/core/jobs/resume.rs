//! Sends what was left of a run whose sending broke off, or what was sent and never began.

use super::{Job, JobContext, JobError, Observer};
use crate::run::{self, Launch, Resend, RunError, SendReport};

/// How a run goes on.
#[derive(Debug)]
pub enum Resumption {
    /// These inputs were not sent: [`send`](super::send()) sends them.
    Rest(Box<Launch>),
    /// All were sent from here, or another machine sends them: [`send_again`] sends those that never began.
    AllSent,
}

/// Finds out what was left of a run.
///
/// # Errors
/// There is no such run, it was cancelled, or its inputs are being sent already.
pub async fn resume(context: &JobContext, run: &str) -> Result<Resumption, JobError> {
    context.permit(Job::Resume)?;
    match run::resume(&context.runs()?, run).await {
        Ok(launch) => Ok(Resumption::Rest(Box::new(launch))),
        Err(RunError::AllSent(_)) => Ok(Resumption::AllSent),
        Err(error) => Err(error.into()),
    }
}

/// Sends the inputs of a run once more of which nothing was ever heard, or also those that did not succeed.
///
/// # Errors
/// There are none, the run was cancelled, or what the cloud said.
pub async fn send_again(
    context: &JobContext,
    run: &str,
    which: Resend,
    observer: &Observer,
) -> Result<SendReport, JobError> {
    context.permit(Job::Resume)?;
    observer.doing(format!("send again for run {run}"));
    Ok(run::send_again(&context.runs()?, run, which, observer.meter(), observer.token()).await?)
}

/// Runs that were launched on this machine and whose inputs were perhaps not all sent.
///
/// # Errors
/// The context is read-only, so that they stay as they are, or names no home bucket.
pub fn interrupted_runs(context: &JobContext) -> Result<Vec<String>, JobError> {
    let runs = run::unsent(&context.runs()?);
    if !runs.is_empty() {
        context.permit(Job::Resume)?;
    }
    Ok(runs)
}
