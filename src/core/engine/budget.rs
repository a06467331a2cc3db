//! Shows what is called more slowly than it could be, because the cloud throttled.

use super::context::Ctx;
use crate::core::cloud::Slowed;
use std::sync::Arc;
use std::time::Duration;

/// How often the rates are shown while something is slowed down.
const EVERY: Duration = Duration::from_secs(1);

/// Watches the budget of the context's cloud. Sleeps while nothing is throttled.
pub(super) async fn watch(mut ctx: Ctx) {
    loop {
        let Some(cloud) = ctx.cloud().await else { return };
        ctx.cloud.mark_unchanged();
        let mut throttles = cloud.limits().throttles();
        let mut shown: Arc<[Slowed]> = Arc::default();
        loop {
            throttles.mark_unchanged();
            let slowed: Arc<[Slowed]> = cloud.limits().slowed().into();
            if slowed != shown {
                shown = slowed.clone();
                ctx.show(move |snap| snap.slowed = slowed);
            }
            let wait = async {
                if shown.is_empty() {
                    let _ = throttles.changed().await;
                } else {
                    tokio::time::sleep(EVERY).await;
                }
            };
            tokio::select! {
                () = wait => {}
                _ = ctx.cloud.changed() => break,
            }
        }
    }
}
