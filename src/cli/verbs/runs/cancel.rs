//! `cancel`: nothing more of a run begins.

use super::{context, resolve};
use crate::args;
use crate::fail::Outcome;
use crate::print;
use crate::session::Session;
use serde_json::json;
use throng_core::lines;
use throng_core::run::{self, Follower};

pub async fn cancel(session: &Session, args: args::Cancel) -> Outcome {
    let cloud = session.cloud_for_changes().await?;
    let context = context(session, &cloud)?;
    let run = resolve(&context, &args.run).await?;
    let mut follower = Follower::open(&context, &run).await?;
    follower.poll().await?;
    if follower.tracker().is_complete() {
        print::result(
            session.format,
            &json!({"id": run, "cancelled": follower.tracker().is_cancelled()}),
            || lines!("Run {run} has ended already: nothing was changed.\n"),
        );
        return Ok(());
    }
    run::cancel(&context, &run).await?;
    print::result(session.format, &json!({"id": run, "cancelled": true}), || {
        lines!("Run {run} is cancelled: what runs goes on to its end, what is queued does no work.\n")
    });
    Ok(())
}
