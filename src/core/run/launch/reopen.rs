//! A run whose tasks are sent once more is open again: what was called lost is not, and its end is not its end.

use crate::cloud::{CloudError, ErrorKind, now_ms};
use crate::dataset::objects::{List, Put, each_page, read};
use crate::dataset::pace::Pace;
use crate::model::{Millis, TaskName};
use crate::run::{RunContext, RunError};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use throng_contract::keys::{again_key, again_prefix, end_key};

/// Tries to find a number that nobody else takes.
const TRIES: u32 = 20;

/// That tasks of a run are sent once more: every follower counts the time until they are lost from here.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(in crate::run) struct Again {
    /// When, in milliseconds since 1970.
    pub at_ms: Millis,
    /// Blocks whose summaries do not hold any more.
    pub blocks: BTreeMap<String, u32>,
    /// Tasks that a throng sent by itself, which nobody does a second time; empty when a person asked for it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tasks: Vec<TaskName>,
    /// Tasks that had ended without success and that a person sends once more, each with how many of its attempts had ended:
    /// these decide nothing any more.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub retried: Vec<(TaskName, u32)>,
    /// Tasks of joins that had begun and are done anew when these have ended, each with how many of its attempts had begun.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub anew: Vec<(TaskName, u32)>,
}

impl Again {
    /// Of this moment.
    pub fn now() -> Self {
        Self { at_ms: now_ms(), ..Self::default() }
    }

    /// Says that tasks are sent by itself, if so many sendings are all that there are. Returns whether that was so: else somebody
    /// else is doing it.
    pub async fn announce(&self, context: &RunContext, run: &str, known: u32) -> Result<bool, RunError> {
        self.store(context, run, known + 1).await
    }

    /// Stores it under a number; `false` when the number is taken.
    async fn store(&self, context: &RunContext, run: &str, number: u32) -> Result<bool, RunError> {
        let body = serde_json::to_vec(self).unwrap_or_default();
        let put = put(context, again_key(run, number), &body, true);
        match Pace::new(1).insist(|| context.store.put(put.clone())).await {
            Ok(_) => Ok(true),
            Err(CloudError { kind: ErrorKind::Conflict, .. }) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

fn put(context: &RunContext, key: String, body: &[u8], only_new: bool) -> Put {
    Put { bucket: context.home.clone(), key, body: body.to_vec().into(), only_new, ..Put::default() }
}

async fn keys(context: &RunContext, run: &str) -> Result<Vec<String>, CloudError> {
    let list = List { bucket: context.home.clone(), prefix: again_prefix(run), ..List::default() };
    let mut keys = Vec::new();
    each_page(context.store.as_ref(), list, |page| {
        keys.extend(page.objects.into_iter().map(|object| object.key));
        true
    })
    .await?;
    Ok(keys)
}

/// How often tasks of a run were sent once more, and what was said of each time.
pub(in crate::run) async fn agains(context: &RunContext, run: &str) -> Result<(u32, Vec<Again>), CloudError> {
    let keys = keys(context, run).await?;
    let mut agains = Vec::new();
    for key in &keys {
        let body = read(context.store.as_ref(), &context.home, key).await?;
        agains.extend(body.and_then(|body| serde_json::from_slice(&body).ok()));
    }
    Ok((u32::try_from(keys.len()).unwrap_or(u32::MAX), agains))
}

/// Says in the run's folder that a person sends its tasks once more, now. Written before they are sent.
pub(super) async fn reopen(context: &RunContext, run: &str, mut again: Again) -> Result<(), RunError> {
    let known = u32::try_from(keys(context, run).await?.len()).unwrap_or(u32::MAX - TRIES - 1);
    for number in known + 1..=known + TRIES {
        again.at_ms = now_ms();
        if again.store(context, run, number).await? {
            break;
        }
    }
    let end = end_key(run);
    if context.store.head(&context.home, &end).await?.is_some() {
        // An end that fits no run is none: lists count.
        let none = put(context, end, b"{}", false);
        Pace::new(1).insist(|| context.store.put(none.clone())).await?;
    }
    Ok(())
}
