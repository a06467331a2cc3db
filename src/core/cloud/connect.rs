//! Connects to the cloud of a context: finds or starts the local one, asks AWS whose the account is.

use super::budget::{self, Account, Limits, is_aws};
use super::deadline::{SMALL, within};
use super::error::{CloudError, ErrorKind};
use super::explanation::Cause;
use super::identity::{self, Identity};
use super::{Cloud, Inner, clients, local};
use crate::config::ContextConfig;
use crate::dirs::Dirs;
use futures::future::BoxFuture;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// How to connect.
#[derive(Clone, Debug, Default)]
pub struct ConnectOptions {
    /// The program that starts the local cloud with `local start`; this one when `None`.
    pub exe: Option<PathBuf>,
    /// Do not start the local cloud, only find it.
    pub no_start: bool,
    /// Start it again when it dies meanwhile, and say so with this. Who is `None` connects again by itself.
    pub revived: Option<fn()>,
}

/// The local cloud, which is started again when it turns out to have died.
fn reviving(found: local::Found, dirs: &Dirs, options: &ConnectOptions, tell: fn()) -> local::Found {
    let (dirs, exe) = (dirs.clone(), options.exe.clone());
    let start = move || -> BoxFuture<'static, Result<(), String>> {
        let (dirs, exe) = (dirs.clone(), exe.clone());
        Box::pin(async move {
            let started = local::ensure(&dirs, exe.as_deref()).await;
            started.map(|_| tell()).map_err(|error| error.message)
        })
    };
    local::Found { identity: found.identity.map(|one| one.reviving(Box::new(start))), ..found }
}

/// How long an endpoint for S3 is waited for to say whose the account is: many say nothing of the kind.
const NO_STS: Duration = Duration::from_secs(5);

impl Inner {
    fn know(&mut self, identity: Identity) {
        self.default_home = Some(format!("throng-home-{}-{}", identity.account, self.clients.region));
        self.identity = tokio::sync::OnceCell::from(identity);
    }
}

impl Cloud {
    /// Connects to a context; the local cloud is started if it does not run. AWS is asked nothing yet, except, for a
    /// context without a home bucket, for the account's number, which is in the bucket's name. An endpoint of its own for S3
    /// need not know that: what needs the home bucket fails then, and nothing else.
    ///
    /// # Errors
    /// The local cloud cannot be started, or the context has no region.
    pub async fn connect(context: &ContextConfig, dirs: &Dirs) -> Result<Self, CloudError> {
        Self::connect_with(context, dirs, &ConnectOptions::default()).await
    }

    /// As [`Cloud::connect`], with options.
    ///
    /// # Errors
    /// The local cloud cannot be started, or the context has no region.
    pub async fn connect_with(
        context: &ContextConfig,
        dirs: &Dirs,
        options: &ConnectOptions,
    ) -> Result<Self, CloudError> {
        if !context.is_local() {
            let config = clients::aws_sdk_config(context).await?;
            let mut inner = Self::over(context, &config, None);
            if context.home_bucket.is_none() {
                let asked = identity::ask(&inner.clients.sts);
                // S3 at an endpoint of its own, with keys that STS elsewhere need not know.
                let apart = context.endpoints.contains_key("s3");
                let elsewhere = inner.clients.s3.is_elsewhere();
                let patience = if apart { NO_STS } else { SMALL };
                match within(patience, "sts:GetCallerIdentity", asked).await {
                    Ok(identity) => inner.know(identity),
                    Err(error) if elsewhere && (apart || identity::is_no_sts(&error)) => {
                        inner.no_home = Some(error);
                    }
                    Err(error) => return Err(error),
                }
            }
            return Ok(Self(Arc::new(inner)));
        }
        let found = if options.no_start {
            let Some(found) = local::find(dirs).await else {
                let why = local::why_not(dirs).await;
                let error = CloudError::new(ErrorKind::Unreachable, "local cloud", "", why);
                return Err(CloudError { cause: Cause::Explained, ..error });
            };
            found
        } else {
            let found = local::ensure(dirs, options.exe.as_deref()).await?;
            match options.revived {
                Some(tell) => reviving(found, dirs, options, tell),
                None => found,
            }
        };
        Ok(Self::at(context, found))
    }

    /// The local cloud that was found.
    #[must_use]
    pub fn at(context: &ContextConfig, found: local::Found) -> Self {
        Self(Arc::new(Self::over(context, &clients::local_sdk_config(&found), Some(found))))
    }

    fn over(context: &ContextConfig, config: &aws_config::SdkConfig, local: Option<local::Found>) -> Inner {
        let endpoint = config.endpoint_url().map(str::to_owned);
        let limits = if local.is_some() {
            Arc::new(Limits::local())
        } else {
            let region = config.region().map_or_else(String::new, ToString::to_string);
            let profile = context.profile.clone().or_else(|| std::env::var("AWS_PROFILE").ok());
            let of = |service: &str| context.endpoints.get(service).or(endpoint.as_ref()).cloned();
            let elsewhere = ["s3", "lambda", "logs"].map(|service| of(service).filter(|url| !is_aws(url)));
            budget::shared(Account { profile, region, elsewhere })
        };
        let clients = clients::build(context, config, local.is_some(), &limits);
        let identity = tokio::sync::OnceCell::new();
        let (default_home, no_home) = (None, None);
        let context = context.clone();
        Inner { context, clients, limits, local, endpoint, identity, default_home, no_home }
    }

    /// The region that a context would be used in, when it, its profile or the environment says one. Asks no cloud.
    pub async fn region_of(context: &ContextConfig) -> Option<String> {
        let config = clients::aws_sdk_config(context).await.ok()?;
        config.region().map(ToString::to_string)
    }
}
