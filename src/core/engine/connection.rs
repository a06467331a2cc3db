//! Keeps a context connected: the local cloud is started when it is needed, also when it has ended meanwhile.

use super::EngineOptions;
use super::context::{Ctx, sentence};
use super::snapshot::Connection;
use crate::core::cloud::{Cloud, ConnectOptions};
use crate::core::config::ContextConfig;
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
    let connect = ConnectOptions { exe: options.exe.clone(), no_start: false };
    let mut pause = FIRST_PAUSE;
    loop {
        match Cloud::connect_with(&context, &options.dirs, &connect).await {
            Ok(connected) => {
                pause = FIRST_PAUSE;
                let (local, region) = (connected.is_local(), connected.region().to_owned());
                ctx.show(move |snap| {
                    snap.context.region = region;
                    // Of AWS nothing has been asked yet.
                    if local {
                        snap.connection = Connection::Online;
                    }
                });
                cloud.send_replace(Some(connected));
                lost.notified().await;
                // Several tasks may have noticed; one new connection serves them all.
                tokio::time::sleep(FIRST_PAUSE).await;
            }
            Err(error) => {
                let text = sentence(&error);
                ctx.show(move |snap| snap.connection = Connection::Offline(text));
                tokio::select! {
                    () = tokio::time::sleep(pause) => {}
                    () = ctx.refresh.notified() => {}
                }
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        }
    }
}
