//! Keeps a context connected: the local cloud is started when it is needed, also when it has ended meanwhile.

use super::EngineOptions;
use super::context::Ctx;
use super::snapshot::Connection;
use super::state::State;
use crate::cloud::{Cloud, ConnectOptions, ErrorKind};
use crate::config::ContextConfig;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, watch};

const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(15);

/// Connects, and connects again whenever `lost` is notified.
pub(super) async fn keep(
    ctx: Ctx,
    context: ContextConfig,
    options: Arc<EngineOptions>,
    cloud: watch::Sender<Option<Cloud>>,
    lost: Arc<Notify>,
) {
    let connect = ConnectOptions { exe: options.exe.clone(), no_start: false, ..ConnectOptions::default() };
    let mut pause = FIRST_PAUSE;
    let mut before = None;
    loop {
        match Cloud::connect_with(&context, &options.dirs, &connect).await {
            Ok(connected) => {
                pause = FIRST_PAUSE;
                let (local, region) = (connected.is_local(), connected.region().to_owned());
                let home = connected.home_bucket().ok().map(str::to_owned);
                ctx.show(move |snap| {
                    snap.context.region = region;
                    snap.context.home = home;
                    // Of AWS nothing has been asked yet.
                    if local {
                        snap.connection = Connection::Online;
                    }
                });
                let started = connected.local_start();
                if before.is_some() && started != before {
                    ctx.update(State::restarted);
                }
                before = started.or(before);
                cloud.send_replace(Some(connected));
                lost.notified().await;
                // Several tasks may have noticed; one new connection serves them all.
                tokio::time::sleep(FIRST_PAUSE).await;
            }
            Err(error) => {
                let region = if context.is_local() { None } else { Cloud::region_of(&context).await };
                let text = error.sentence();
                let connection = match error.kind {
                    ErrorKind::Auth => Connection::NotSignedIn(text),
                    _ if context.is_local() => Connection::Offline(text),
                    ErrorKind::Unreachable | ErrorKind::Throttled => Connection::Offline(text),
                    _ => Connection::Unusable(text),
                };
                ctx.show(move |snap| {
                    snap.connection = connection;
                    snap.context.region = region.unwrap_or_else(|| std::mem::take(&mut snap.context.region));
                });
                tokio::select! {
                    () = tokio::time::sleep(pause) => {}
                    () = ctx.refresh.notified() => {}
                }
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        }
    }
}
