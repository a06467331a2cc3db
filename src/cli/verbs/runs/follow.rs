//! Follows a run to its end, with a status line.

use crate::fail::{Fail, INTERRUPTED};
use crate::print::{self, StatusLine};
use crate::session::Session;
use std::fmt::Write as _;
use throng_core::lines;
use throng_core::model::{Counts, RunSummary};
use throng_core::run::{self, Follower, RunError};
use throng_core::words;

/// Follows a run to its end, with a status line.
pub(super) async fn follow(session: &Session, follower: &mut Follower) -> Result<RunSummary, Fail> {
    let id = follower.summary().id;
    let mut line = StatusLine::new();
    let (mut told, mut warned, mut resent) = (false, false, 0);
    let each = |follower: &Follower| {
        let summary = follower.summary();
        line.show(status(&summary));
        if summary.resent > resent {
            let tasks = words::plural(summary.resent - resent, "task");
            resent = summary.resent;
            print::note(lines!("sent once more: {tasks} whose events were lost"));
        }
        let lost = summary.may_have_lost();
        if (!told || lost && !warned)
            && let Some(words) = stalled(&summary)
        {
            (told, warned) = (true, lost);
            print::note(words);
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
pub(crate) fn stalled(run: &RunSummary) -> Option<String> {
    let quiet = words::duration(run.stalled_ms?);
    let pending = words::plural(run.counts.pending, "task");
    let what = if run.may_have_lost() {
        format!("not begun: {pending}; nothing was heard of the run for {quiet}: events may be lost.")
    } else {
        format!(
            "waiting: {pending}; nothing of the run has begun or ended for {quiet} (the cloud may be busy, or events were \
             lost)."
        )
    };
    let id = &run.id;
    Some(format!("{what}\n`throng run --resume {id}` sends them again (what was only late is counted once)"))
}

pub(crate) fn status(run: &RunSummary) -> String {
    if !run.is_counted() {
        return format!("reading {} …", words::plural(run.counts.total(), "task"));
    }
    let Counts { running, succeeded, .. } = run.counts;
    let (done, total) = (run.counts.done(), run.counts.total());
    let bad = run.counts.unsuccessful();
    let waiting = match run.waiting {
        0 => String::new(),
        waiting => format!(", {waiting} to be tried again"),
    };
    let held = match run.held {
        0 => String::new(),
        held => format!(", {} held back", words::count(held)),
    };
    let eta = run.eta_s.map(|eta| format!(", {} left", words::seconds(eta)));
    format!(
        "{} {done}/{total}: {succeeded} succeeded, {bad} not, {running} running{waiting}{held}, {}{}",
        print::bar(done, total, 24),
        words::per_second(run.rate),
        eta.unwrap_or_default()
    )
}
