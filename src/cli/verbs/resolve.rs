//! The run that a person means.

use crate::fail::Fail;
use throng_core::run::{Lister, RunContext};

/// A run's id from what a person wrote: an id, or `last`.
pub async fn resolve(context: &RunContext, run: &str) -> Result<String, Fail> {
    if run != "last" {
        return Ok(run.to_owned());
    }
    let newest = Lister::new(context.clone()).newest().await?;
    newest.map(|run| run.id).ok_or_else(|| Fail::not_found("there is no run yet; `throng run` launches one"))
}
