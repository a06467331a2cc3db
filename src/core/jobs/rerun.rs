//! A new run of what did not succeed in another one.

use super::{Job, JobContext, JobError, Observer};
use crate::run::{self, Follower, Inputs, Launch, LaunchRequest};

/// Makes a run, with the same function, of the inputs of all tasks without success. Inputs that are no longer there are left
/// out: see [`Launch::absent`].
///
/// # Errors
/// The run has not ended, all of it succeeded, or none of the inputs is there.
pub async fn rerun(context: &JobContext, run: &str, observer: &Observer) -> Result<Launch, JobError> {
    context.permit(Job::Rerun)?;
    let runs = context.runs()?;
    observer.doing(format!("run again what did not succeed of run {run}"));
    let again = async {
        let header = Follower::open(&runs, run).await?.chain().header().clone();
        let inputs = Inputs::Unsuccessful { run: run.to_owned() };
        let parameters = header.parameters;
        let request = LaunchRequest { parameters, ..LaunchRequest::new(header.function, inputs) };
        run::prepare(&runs, request, observer.token()).await
    };
    observer.until_cancelled(again).await
}
