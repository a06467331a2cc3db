//! Shows what is called more slowly than it could be, because the cloud throttled.

use super::context::Ctx;
use crate::cloud::Slowed;
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::cloud::{Cloud, local};
    use crate::config::{ContextConfig, UploadConfig};
    use crate::dirs::Dirs;
    use crate::engine::Snapshot;
    use crate::engine::state::State;
    use crate::image::Programs;
    use crate::jobs::JobSettings;
    use throng_contract::local::{AccessKey, LocalCredentials, LocalEndpoint};
    use tokio::sync::{Notify, mpsc, watch};
    use tokio_util::sync::CancellationToken;

    fn settings() -> Arc<JobSettings> {
        Arc::new(JobSettings {
            dirs: Dirs::under(std::path::Path::new("/nowhere")),
            upload: UploadConfig::default(),
            programs: Programs::NONE,
            resend_after: None,
        })
    }

    #[tokio::test]
    async fn what_is_throttled_is_in_the_snapshot() {
        let key = AccessKey { access_key_id: "id".into(), secret_access_key: "secret".into() };
        let endpoint = "http://127.0.0.1:9".to_owned();
        let cloud = Cloud::at(
            &ContextConfig::local(),
            local::Found {
                endpoint: LocalEndpoint { endpoint, pid: 0, version: String::new(), started_ms: 0 },
                credentials: LocalCredentials { user: key.clone(), function: key },
                identity: None,
                stranger: None,
            },
        );
        let (updates, mut arriving) = mpsc::unbounded_channel();
        let (_keeper, connected) = watch::channel(Some(cloud.clone()));
        let ctx = Ctx {
            updates,
            context: None,
            scope: None,
            cloud: connected,
            token: CancellationToken::new(),
            refresh: Arc::new(Notify::new()),
            settings: settings(),
            period: Duration::from_secs(1),
        };
        let watching = tokio::spawn(super::watch(ctx));
        cloud.limits().throttled("CloudWatch Logs", "FilterLogEvents", None);
        let mut state = State::new(Snapshot::default());
        (arriving.recv().await.unwrap().apply)(&mut state);
        let slowed: Vec<_> = state.snap.slowed.iter().map(|one| (one.what, one.throttled)).collect();
        assert_eq!(slowed, [("logs", 1)]);
        assert!(state.dirty);
        watching.abort();
    }
}
