//! Follows the logs that a front end asks for.

use super::context::Ctx;
use crate::cloud::{Cloud, CloudError};
use crate::config::LogsConfig;
use crate::logs::{Bound, Follow, LogClient, LogGroup};
use crate::model::{Arrival, LogMode, LogQuery, LogView};
use std::collections::HashMap;
use std::time::Duration;

const AGAIN: Duration = Duration::from_secs(5);

/// Follows until its token is cancelled. After the cloud was lost it begins anew.
pub(super) async fn follow(mut ctx: Ctx, query: LogQuery, config: LogsConfig) {
    let shown = LogView { query: query.clone(), ..LogView::default() };
    ctx.show(move |snap| snap.logs = Some(shown));
    loop {
        let Some(cloud) = ctx.cloud().await else { return };
        ctx.cloud.mark_unchanged();
        let groups = match groups(&cloud, &query).await {
            Ok(groups) => groups,
            Err(error) => {
                ctx.update(move |state| {
                    if let Some(view) = &mut state.snap.logs {
                        view.mode = LogMode { arrival: Arrival::Waiting, why: error.to_string() };
                    }
                    state.dirty = true;
                    state.answered(Err(&error));
                });
                tokio::time::sleep(AGAIN).await;
                continue;
            }
        };
        let bound = Bound { lines: config.lines as usize, bytes: (config.memory_mb as usize) << 20 };
        let follow = Follow::start(LogClient::new(cloud), groups, query.clone(), bound);
        let mut views = follow.views();
        loop {
            tokio::select! {
                changed = views.changed() => {
                    if changed.is_err() {
                        break;
                    }
                    let view = views.borrow_and_update().clone();
                    ctx.show(move |snap| snap.logs = Some(view));
                }
                _ = ctx.cloud.changed() => break,
            }
        }
    }
}

/// The log groups of the functions that are asked for.
async fn groups(cloud: &Cloud, query: &LogQuery) -> Result<Vec<LogGroup>, CloudError> {
    let all = cloud.lambda().list().await?;
    let known: HashMap<_, _> = all.into_iter().map(|function| (function.name.clone(), function)).collect();
    if query.functions.is_empty() {
        return Ok(known.values().filter(|function| function.managed).map(LogGroup::of).collect());
    }
    let group = |function: &String| match known.get(function) {
        Some(function) => LogGroup::of(function),
        // A function that is gone may have left its log.
        None => LogGroup::of_function(function),
    };
    Ok(query.functions.iter().map(group).collect())
}
