//! Follows a run to its end, with a status line.

use crate::cli::fail::{Fail, INTERRUPTED};
use crate::cli::print::{self, StatusLine};
use crate::cli::session::Session;
use crate::cli::units;
use std::fmt::Write as _;
use throng::core::model::{Counts, RunSummary};
use throng::core::run::{self, Follower, RunError};

/// Follows a run to its end, with a status line.
pub(super) async fn follow(session: &Session, follower: &mut Follower) -> Result<RunSummary, Fail> {
    let id = follower.summary().id;
    let mut line = StatusLine::new();
    let mut told = false;
    let each = |follower: &Follower| {
        line.show(&status(&follower.summary()));
        if !told && let Some(words) = stalled(follower) {
            told = true;
            print::note(&words);
        }
    };
    let outcome = run::wait(follower, &session.interrupt, each).await;
    line.clear();
    outcome.map_err(|error| match error {
        RunError::Cancelled => Fail::new(
            INTERRUPTED,
            format!(
                "what was sent goes on; `throng runs {id} --wait` follows it, `throng cancel {id}` ends it"
            ),
        ),
        error => {
            let mut fail = Fail::from(error);
            let _ =
                write!(fail.message, "\nThe run goes on by itself; `throng runs {id} --wait` follows it.");
            fail
        }
    })
}

/// What to do when tasks have not begun and nothing is heard of the run.
pub(super) fn stalled(follower: &Follower) -> Option<String> {
    let quiet = follower.stalled_for()?;
    let (id, pending) = (&follower.tracker().header().id, follower.tracker().counts().pending);
    let quiet = units::millis(u64::try_from(quiet.as_millis()).unwrap_or(u64::MAX));
    Some(format!(
        "not begun: {}; nothing was heard of the run for {quiet}: events may be lost.\n\
         `throng run --resume {id}` sends them again (what was only late is counted once)",
        units::plural(pending, "task")
    ))
}

fn status(run: &RunSummary) -> String {
    let Counts { running, succeeded, .. } = run.counts;
    let (done, total) = (run.counts.done(), run.counts.total());
    let bad = run.counts.unsuccessful();
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "for people")]
    let eta = run.eta_s.map(|eta| format!(", {} left", units::millis((eta.max(0.0) * 1000.0) as u64)));
    format!(
        "{} {done}/{total}: {succeeded} succeeded, {bad} not, {running} running, {:.0}/s{}",
        print::bar(done, total, 24),
        run.rate,
        eta.unwrap_or_default()
    )
}
