//! Looks again and again: for a screen until it is closed, for a command until the run has ended.

use super::Follower;
use crate::model::RunSummary;
use crate::model::RunView;
use crate::run::RunError;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// Whoever waits hears of the run this often, although nothing changes.
const NOW_AND_THEN: Duration = Duration::from_secs(5);

/// Follows until cancelled: sends a view whenever something changed, at least every second while the run is open,
/// and every error. Goes on looking (slowly) when the run is settled, because a late record may come.
pub async fn follow(
    mut follower: Follower,
    views: watch::Sender<Option<Arc<RunView>>>,
    errors: impl Fn(Option<RunError>) + Send,
    cancel: CancellationToken,
) {
    let _ = views.send(Some(Arc::new(follower.view())));
    let mut shown = Instant::now();
    let mut failing = false;
    loop {
        let known = follower.chain.has_inputs();
        let mut outcome = follower.poll().await;
        if outcome.is_ok() && !known {
            // The counts first, then the names.
            let _ = views.send(Some(Arc::new(follower.view())));
            outcome = follower.load_inputs().await.map(|()| true);
        }
        let changed = match outcome {
            Ok(changed) => {
                if std::mem::take(&mut failing) {
                    errors(None);
                }
                changed | follower.start_some().await
            }
            Err(error) => {
                failing = true;
                errors(Some(error));
                follower.pause = follower.options.slow;
                false
            }
        };
        if changed || (!follower.settled && shown.elapsed() >= Duration::from_secs(1)) {
            shown = Instant::now();
            if views.send(Some(Arc::new(follower.view()))).is_err() {
                return;
            }
        }
        tokio::select! {
            () = cancel.cancelled() => return,
            () = views.closed() => return,
            () = tokio::time::sleep(follower.pause) => {}
        }
    }
}

/// Waits until every task of a run is final and every record has been read. `each` sees every change, and is called
/// now and then when there is none.
///
/// # Errors
/// [`RunError`]; errors that may pass are waited out for half a minute.
pub async fn wait(
    follower: &mut Follower,
    cancel: &CancellationToken,
    mut each: impl FnMut(&Follower) + Send,
) -> Result<RunSummary, RunError> {
    let mut failing: Option<Instant> = None;
    let mut shown = Instant::now();
    loop {
        match follower.poll().await {
            Ok(changed) => {
                failing = None;
                let changed = changed | follower.start_some().await;
                if changed || shown.elapsed() >= NOW_AND_THEN {
                    shown = Instant::now();
                    each(follower);
                }
                if follower.settled {
                    // A convenience for others: the run has ended without it, too.
                    if let Err(error) = follower.finish().await {
                        tracing::debug!(%error, "a run was not summarised");
                    }
                    return Ok(follower.summary());
                }
            }
            Err(RunError::Cloud(error)) if error.is_transient() => {
                let since = *failing.get_or_insert_with(Instant::now);
                if since.elapsed() > Duration::from_secs(30) {
                    return Err(error.into());
                }
            }
            Err(error) => return Err(error),
        }
        tokio::select! {
            () = cancel.cancelled() => return Err(RunError::Cancelled),
            () = tokio::time::sleep(follower.pause) => {}
        }
    }
}
