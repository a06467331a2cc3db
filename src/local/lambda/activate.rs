//! Pending → Active: the image is unpacked, and invocations may begin.

use super::Lambda;
use super::model::{Function, State, UpdateStatus};
use super::pool::Live;
use crate::registry::ImageError;
use std::sync::Arc;

impl Lambda {
    /// Makes the function's current state the one that is invoked, in the background.
    pub(super) fn activate(&self, name: &str) {
        let (lambda, name) = (self.clone(), name.to_owned());
        tokio::spawn(async move { lambda.activate_now(&name).await });
    }

    async fn activate_now(&self, name: &str) {
        let Some(function) = self.inner.functions.get(name) else { return };
        let outcome = self.prepare(function.clone()).await;
        let revision = function.revision.clone();
        match outcome {
            Ok(live) => {
                // The function may have changed or gone meanwhile: then another activation is under way.
                let current = self.inner.functions.get(name);
                let Some(current) = current.filter(|current| current.code_sha256 == function.code_sha256)
                else {
                    return;
                };
                self.inner.scheduler.set_live(name, Some(Arc::new(live)), current.reserved);
                let _ = self
                    .note(name, &revision, |function| {
                        function.state = State::Active;
                        function.update = UpdateStatus::Successful;
                    })
                    .await;
            }
            Err((code, reason)) => {
                tracing::warn!(function = %name, code, reason, "not active");
                if self.inner.functions.get(name).is_none() {
                    return;
                }
                if function.state == State::Active && function.update == UpdateStatus::InProgress {
                    // What ran before goes on.
                    let _ = self
                        .note(name, &revision, |function| {
                            function.update =
                                UpdateStatus::Failed { code: code.clone(), reason: reason.clone() };
                        })
                        .await;
                } else {
                    self.inner.scheduler.set_live(name, None, function.reserved);
                    let _ = self
                        .note(name, &revision, |function| {
                            function.state = State::Failed { code: code.clone(), reason: reason.clone() };
                            function.update =
                                UpdateStatus::Failed { code: code.clone(), reason: reason.clone() };
                        })
                        .await;
                }
            }
        }
        self.inner.activated.notify_waiters();
    }

    /// Stores what became of an activation, unless the function was changed meanwhile.
    async fn note(
        &self,
        name: &str,
        revision: &str,
        change: impl FnOnce(&mut Function),
    ) -> Option<Arc<Function>> {
        let changed = self.inner.functions.change(name, |function| {
            if function.revision == revision {
                change(function);
                function.revision = uuid::Uuid::new_v4().to_string();
            } else if function.update == UpdateStatus::InProgress || function.state == State::Pending {
                change(function);
            }
            Ok(())
        });
        changed.await.ok()
    }

    async fn prepare(&self, function: Arc<Function>) -> Result<Live, (String, String)> {
        let told = |error: ImageError| match error {
            ImageError::Invalid { code, reason } => (code, reason),
            ImageError::NotFound(reason) => ("ImageDeleted".to_owned(), reason),
            ImageError::Rejected(reason) => ("InvalidImage".to_owned(), reason),
            ImageError::Store(reason) => ("InternalError".to_owned(), reason),
        };
        let image = self.inner.images.resolve(&function.resolved_uri).await.map_err(told)?;
        let rootfs = self.inner.images.rootfs(&image.digest).await.map_err(told)?;
        let endpoints = super::named::endpoints(&rootfs);
        Ok(Live { function, image, rootfs, endpoints })
    }
}
