//! Makes a run and sends its inputs.

use super::{Job, JobContext, JobError, JobEvent, Observer};
use crate::dataset::Meter;
use crate::run::{self, Launch, LaunchRequest, RunError, SendReport, Unchanged};
use std::sync::Arc;

/// What becomes of a run whose sending is ended by a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhenInterrupted {
    /// It stays open, and the rest can be sent later.
    KeepRest,
    /// It is cancelled, so that no task stays open for ever.
    CancelRun,
}

/// What came of asking for a run.
#[derive(Debug)]
pub enum Launched {
    /// It exists, and its inputs are to be sent.
    Run(Box<Launch>),
    /// Only what changed was asked for, and that is nothing: there is no run.
    Unchanged(Unchanged),
}

impl Launched {
    pub(super) fn of(launch: Result<Launch, RunError>) -> Result<Self, RunError> {
        match launch {
            Ok(launch) => Ok(Self::Run(Box::new(launch))),
            Err(RunError::Unchanged(unchanged)) => Ok(Self::Unchanged(*unchanged)),
            Err(error) => Err(error),
        }
    }
}

/// Makes a run, unless nothing has changed and only that was asked for.
///
/// # Errors
/// No run was made.
pub async fn launch(
    context: &JobContext,
    request: LaunchRequest,
    observer: &Observer,
) -> Result<Launched, JobError> {
    context.permit(Job::Launch)?;
    let runs = context.runs()?;
    observer.doing(format!("run {}", request.function));
    let launch = async { Launched::of(run::prepare(&runs, request, observer.token()).await) };
    observer.until_cancelled(launch).await
}

/// Sends the inputs of a run; `meter` counts them.
///
/// # Errors
/// Not every input was sent. Files that alone could not be are in the report; their tasks have failed.
pub async fn send(
    launch: Launch,
    meter: Arc<Meter>,
    interrupted: WhenInterrupted,
    observer: &Observer,
) -> Result<SendReport, JobError> {
    let (id, tasks) = (launch.header().id.clone(), launch.header().tasks);
    observer.doing(format!("send {tasks} inputs of run {id}"));
    observer.tell(JobEvent::Counting(meter.clone()));
    let runs = launch.context().clone();
    let sent = launch.send(meter, observer.token()).await.map_err(JobError::from);
    if interrupted == WhenInterrupted::CancelRun && sent.as_ref().is_err_and(JobError::is_interrupted) {
        run::cancel(&runs, &id).await?;
    }
    sent
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::jobs::JobErrorKind;
    use crate::jobs::fixture::prepared;
    use crate::run::launch_tests::World;
    use throng_contract::keys::cancel_key;
    use tokio_util::sync::CancellationToken;

    async fn interrupted(when: WhenInterrupted) -> bool {
        let world = World::new(Vec::new());
        let launch = prepared(&world).await;
        let id = launch.header().id.clone();
        let token = CancellationToken::new();
        token.cancel();
        let ended = send(launch, Arc::default(), when, &Observer::silent(token)).await;
        assert_eq!(ended.unwrap_err().kind(), JobErrorKind::Interrupted);
        world.store.get("home", &cancel_key(&id)).is_some()
    }

    #[tokio::test]
    async fn whoever_ends_the_sending_says_what_becomes_of_the_run() {
        assert!(interrupted(WhenInterrupted::CancelRun).await);
        assert!(!interrupted(WhenInterrupted::KeepRest).await);
    }
}
