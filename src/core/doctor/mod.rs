//! Whether a context can do the job, and what to change. Nothing is changed here.
//!
//! ```text
//! cloud         every context: does each service answer, where is the home bucket
//! account       AWS: credentials, clock, quotas, registry
//! permissions   AWS: which actions a person and a role lack
//! ```

mod account;
mod cloud;
mod permissions;

pub use account::policy_scope;

use crate::cloud::{Cloud, CloudError};
use serde::Serialize;

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What was looked at, in a few words.
    pub what: String,
    /// Whether the job can be done with it.
    pub ok: bool,
    /// What was found.
    pub found: String,
    /// What to change; empty when nothing has to be.
    pub advice: String,
    /// Whether nobody answered.
    #[serde(skip)]
    pub unreachable: bool,
}

impl Check {
    /// All is well.
    pub fn good(what: &str, found: impl Into<String>) -> Self {
        Self::note(what, found, "")
    }

    /// The job can be done; something could be better, or was not to be found out.
    pub fn note(what: &str, found: impl Into<String>, advice: impl Into<String>) -> Self {
        let (what, found, advice) = (what.to_owned(), found.into(), advice.into());
        Self { what, ok: true, found, advice, unreachable: false }
    }

    /// The job cannot be done.
    pub fn bad(what: &str, found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { ok: false, ..Self::note(what, found, advice) }
    }

    /// Of a call's outcome.
    pub fn of<T>(what: &str, outcome: Result<T, CloudError>, found: impl FnOnce(T) -> String) -> Self {
        match outcome {
            Ok(value) => Self::good(what, found(value)),
            Err(error) => Self::failed(what, &error),
        }
    }

    /// Of a call that failed.
    #[must_use]
    pub fn failed(what: &str, error: &CloudError) -> Self {
        let unreachable = error.is_unreachable();
        Self { unreachable, ..Self::bad(what, error.to_string(), error.advice()) }
    }
}

/// Looks at a connected context. `buckets` are those that the person wants to work with.
pub async fn examine(cloud: &Cloud, buckets: &[String]) -> Vec<Check> {
    let mut checks = Vec::new();
    if !cloud.is_local() {
        checks.extend(account::examine(cloud).await);
        // Without credentials every other check says the same again.
        if checks.iter().any(|check| !check.ok && check.what == account::CREDENTIALS) {
            return checks;
        }
    }
    checks.extend(Box::pin(cloud::examine(cloud)).await);
    if !cloud.is_local() {
        checks.extend(permissions::examine(cloud, buckets).await);
    }
    checks
}
