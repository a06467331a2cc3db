//! `cancel`: nothing more of a run begins.

use crate::args;
use crate::fail::CliResult;
use crate::print;
use crate::session::Session;
use crate::verbs::resolve::resolve;
use serde_json::json;
use throng_core::jobs::{self, Cancellation, Job};
use throng_core::lines;

pub async fn cancel(session: &Session, args: args::Cancel) -> CliResult {
    let job = session.job(Job::Cancel).await?;
    let run = resolve(&job.runs()?, &args.run).await?;
    match jobs::cancel(&job, &run).await? {
        Cancellation::Ended { cancelled } => {
            print::result(session.format, &json!({"id": run, "cancelled": cancelled}), || {
                lines!("Run {run} has ended already: nothing was changed.\n")
            });
        }
        Cancellation::Cancelled => {
            print::result(session.format, &json!({"id": run, "cancelled": true}), || {
                lines!(
                    "Run {run} is cancelled: what runs goes on to its end, what is queued does not begin.\n"
                )
            });
        }
    }
    Ok(())
}
