//! A run whose tasks are sent once more is open again: what was called lost is not, and its end is not its end.

use crate::cloud::{CloudError, ErrorKind, now_ms};
use crate::dataset::objects::{List, Put, each_page};
use crate::dataset::pace::Pace;
use crate::run::{RunContext, RunError};
use serde_json::json;
use throng_contract::keys::{again_key, again_prefix, end_key};

/// Tries to find a number that nobody else takes.
const TRIES: u32 = 20;

/// Says in the run's folder that its tasks are sent once more, now: every follower counts the time until they are lost from
/// here. Written before they are sent.
pub(super) async fn reopen(context: &RunContext, run: &str) -> Result<(), RunError> {
    let mut number = 1;
    let list = List { bucket: context.home.clone(), prefix: again_prefix(run), ..List::default() };
    each_page(context.store.as_ref(), list, |page| {
        number += u32::try_from(page.objects.len()).unwrap_or(u32::MAX - number);
        true
    })
    .await?;
    let body = serde_json::to_vec(&json!({"at_ms": now_ms(), "blocks": {}})).unwrap_or_default();
    let put = |key: String, body: &[u8], only_new| Put {
        bucket: context.home.clone(),
        key,
        body: body.to_vec().into(),
        only_new,
        ..Put::default()
    };
    for number in number..number.saturating_add(TRIES) {
        let again = put(again_key(run, number), &body, true);
        match Pace::new(1).insist(|| context.store.put(again.clone())).await {
            Ok(_) => break,
            Err(CloudError { kind: ErrorKind::Conflict, .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let end = end_key(run);
    if context.store.head(&context.home, &end).await?.is_some() {
        // An end that fits no run is none: lists count.
        let none = put(end, b"{}", false);
        Pace::new(1).insist(|| context.store.put(none.clone())).await?;
    }
    Ok(())
}
