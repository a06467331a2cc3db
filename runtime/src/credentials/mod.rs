//! Credentials for scripts. A script is not trusted: it never gets those of the function's role, which can write the ledger,
//! unless the definition says so. It gets the same role narrowed: everything but the home bucket and other roles.
//!
//! ```text
//! endpoint   answers a script's SDK on loopback, as the container credentials provider of AWS's SDKs asks
//! narrow     the policy that narrows a role
//! sts        the role, assumed by itself with a policy that narrows it
//! ```

mod endpoint;
mod narrow;
mod sts;

use crate::config::RuntimeSettings;
use crate::sigv4::Credentials as Keys;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use throng_contract::Credentials;

/// Variables that name credentials.
const KEYS: [&str; 3] = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"];
/// New ones are asked for so long before the old ones end.
const EARLY: Duration = Duration::from_mins(10);

/// Narrowed credentials.
#[derive(Clone)]
pub struct Narrowed {
    keys: Keys,
    /// When they end, as STS writes it.
    expiration: String,
    until: Instant,
}

/// Where a function's scripts get credentials from.
pub struct ScriptCredentials {
    mode: Credentials,
    source: Arc<Source>,
    endpoint: Option<endpoint::Endpoint>,
}

/// Asks STS, and keeps what it said while it is good.
pub struct Source {
    /// The role to narrow; what is wrong when it is not known.
    sts: Result<sts::Sts, String>,
    known: Mutex<Option<Narrowed>>,
}

impl Source {
    /// Narrowed credentials. The error is a sentence; the role's own are never given in their place.
    pub fn narrowed(&self) -> Result<Narrowed, String> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(narrowed) = known.as_ref().filter(|narrowed| narrowed.until > Instant::now() + EARLY) {
            return Ok(narrowed.clone());
        }
        let narrowed = self.sts.as_ref().map_err(Clone::clone)?.assume()?;
        *known = Some(narrowed.clone());
        Ok(narrowed)
    }
}

impl ScriptCredentials {
    /// As the function's definition says. The endpoint listens from now on; STS is asked at the first question.
    pub fn new(settings: &RuntimeSettings) -> Self {
        let mode = settings.function.credentials;
        let source = Arc::new(Source { sts: sts::Sts::of(settings), known: Mutex::default() });
        let endpoint = match mode {
            Credentials::Ask => endpoint::Endpoint::start(Arc::clone(&source))
                .inspect_err(|error| eprintln!("throng-runtime: no endpoint for credentials: {error}"))
                .ok(),
            _ => None,
        };
        Self { mode, source, endpoint }
    }

    /// Takes the role's own credentials out of the variables of scripts, and puts in how they get narrowed ones.
    pub fn apply(&self, base: &mut BTreeMap<OsString, OsString>) {
        if self.mode == Credentials::Role {
            return;
        }
        for name in KEYS {
            base.remove(&OsString::from(name));
        }
        if let Some(endpoint) = &self.endpoint {
            base.insert("AWS_CONTAINER_CREDENTIALS_FULL_URI".into(), endpoint.url().into());
            base.insert("AWS_CONTAINER_AUTHORIZATION_TOKEN".into(), endpoint.token().into());
        }
    }

    /// Narrowed ones as variables, where the definition asks for that; and why there are none.
    pub fn of_task(&self) -> Result<Vec<(&'static str, String)>, String> {
        if self.mode != Credentials::Env {
            return Ok(Vec::new());
        }
        let Keys { access_key, secret_key, token } = self.source.narrowed()?.keys;
        Ok(KEYS.into_iter().zip([access_key, secret_key, token.unwrap_or_default()]).collect())
    }
}
