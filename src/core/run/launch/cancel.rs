//! The cancellation of a run: cancel.json, written and watched for.

use crate::cloud::{CloudError, ErrorKind, now_ms};
use crate::dataset::objects::Put;
use crate::dataset::pace::Pace;
use crate::run::RunContext;
use crate::run::header::Cancelled;
use std::time::Duration;
use throng_contract::keys::cancel_key;
use throng_contract::versions;
use tokio_util::sync::CancellationToken;

/// Cancels a run: no more of its tasks are sent, and those without a sign of life count as cancelled. Invocations
/// that are under way end by themselves; events that are queued already may still run, and then count as what they
/// become.
///
/// # Errors
/// What the cloud said.
pub async fn cancel(context: &RunContext, run: &str) -> Result<(), CloudError> {
    let body =
        serde_json::to_vec(&Cancelled { version: versions::LEDGER, at_ms: now_ms() }).unwrap_or_default();
    let put = Put {
        bucket: context.home.clone(),
        key: cancel_key(run),
        body: body.into(),
        only_new: true,
        ..Put::default()
    };
    match Pace::new(1).insist(|| context.store.put(put.clone())).await {
        Err(error) if matches!(error.kind, ErrorKind::Conflict) => Ok(()),
        outcome => outcome.map(drop),
    }
}

/// Cancels the token when the run's cancel.json appears.
pub(super) async fn watch(context: RunContext, run: String, cancel: CancellationToken) {
    let pause = if context.local { Duration::from_secs(1) } else { Duration::from_secs(5) };
    loop {
        tokio::time::sleep(pause).await;
        if matches!(context.store.head(&context.home, &cancel_key(&run)).await, Ok(Some(_))) {
            cancel.cancel();
            return;
        }
    }
}
