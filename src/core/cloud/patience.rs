//! Calls that are refused for a while and then are not.

use super::error::CloudError;
use std::time::Duration;
use tokio::time::Instant;

/// How long, and how often, is asked again.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    pub longest: Duration,
    pub first_pause: Duration,
    pub longest_pause: Duration,
}

impl Patience {
    /// Calls, and calls again as long as `passes` says of the refusal that it passes.
    ///
    /// # Errors
    /// The last refusal.
    pub async fn insist<T, F>(
        self,
        mut passes: impl FnMut(&CloudError) -> bool,
        call: impl Fn() -> F,
    ) -> Result<T, CloudError>
    where
        F: Future<Output = Result<T, CloudError>>,
    {
        let (began, mut pause) = (Instant::now(), self.first_pause);
        loop {
            match call().await {
                Err(error) if passes(&error) && began.elapsed() < self.longest => {}
                ended => return ended,
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 3 / 2).min(self.longest_pause);
        }
    }
}
