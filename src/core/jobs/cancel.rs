//! Ends a run: nothing more of it begins.

use super::{Job, JobContext, JobError};
use crate::run::{self, Follower, RunContext};

/// What came of cancelling a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cancellation {
    /// What has not begun does no more work.
    Cancelled,
    /// Every task had ended already; nothing was changed.
    Ended {
        /// Whether it had been cancelled.
        cancelled: bool,
    },
}

/// Cancels a run. Tasks that run go on to their end.
///
/// # Errors
/// There is no such run, or what the cloud said.
pub async fn cancel(context: &JobContext, run: &str) -> Result<Cancellation, JobError> {
    context.permit(Job::Cancel)?;
    end(&context.runs()?, run).await
}

pub(super) async fn end(runs: &RunContext, run: &str) -> Result<Cancellation, JobError> {
    run::refuse_standing(
        run,
        "cancelled",
        "take the trigger out of the function's definition and deploy it again",
    )?;
    let mut follower = Follower::open(runs, run).await?;
    follower.read().await?;
    if follower.chain().is_complete() {
        return Ok(Cancellation::Ended { cancelled: follower.chain().is_cancelled() });
    }
    run::cancel(runs, run).await?;
    Ok(Cancellation::Cancelled)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::jobs::fixture::{launched, succeed};
    use crate::run::launch_tests::World;
    use throng_contract::keys::cancel_key;

    #[tokio::test]
    async fn a_run_that_has_ended_is_not_cancelled() {
        let world = World::new(Vec::new());
        let run = launched(&world).await;
        succeed(&world, &run);
        let ended = end(&world.context, &run).await.unwrap();
        assert_eq!(ended, Cancellation::Ended { cancelled: false });
        assert!(world.store.get("home", &cancel_key(&run)).is_none(), "nothing was written");
    }

    #[tokio::test]
    async fn an_open_run_is_cancelled_and_one_that_is_not_there_is_not() {
        let world = World::new(Vec::new());
        let run = launched(&world).await;
        assert_eq!(end(&world.context, &run).await.unwrap(), Cancellation::Cancelled);
        assert!(world.store.get("home", &cancel_key(&run)).is_some());
        let missing = "20200101-000000-none";
        assert!(end(&world.context, missing).await.unwrap_err().is_not_found());
        assert!(world.store.get("home", &cancel_key(missing)).is_none(), "nothing was written");
    }
}
