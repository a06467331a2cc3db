//! A context's cloud: SDK clients, retry policy, shared limits. Cheap to clone; no SDK type leaves `core`.
//!
//! ```text
//! account        what an account allows, and its clock
//! advice         what a person can do about an error
//! bounds         answers are read with bounds
//! buckets        buckets: made in the context's region, shut to the public, tagged
//! api            one signed client for the small services: IAM, ECR
//! budget         the budget of calls, one per account and region in the process
//! calls          A meter of calls: every attempt that the SDK sends, by operation
//! clients        SDK clients over one shared connection pool
//! credentials    credentials that say what to do when there are none
//! error          one error type for every call to a cloud
//! explanation    why something is not there, and whether its text says what to do
//! functions      lists, details, and the calls that a deployment makes
//! host           the HTTP client, whose failures say which host was asked
//! identity       who a context's credentials are
//! keys           keys in documents: encoded lists, and what cannot be in one
//! lambda         invocations
//! limiter        a token bucket whose rate falls when the cloud throttles
//! local          finds the local cloud, and starts it when it does not run
//! logs           log groups
//! multipart      uploads in parts
//! notify         a bucket's notifications: read, change our part, write
//! proven         connections to the local cloud whose other end has proved that it is ours
//! regional       S3 in the region of each bucket
//! remote         the SDK's clients for a storage provider: another endpoint, other keys
//! repositories   repositories of Amazon ECR
//! roles          roles of IAM and what they may do
//! s3             objects
//! waiting        requests that nobody has answered yet
//! watch          interceptors: what is sent and throttled is told to the budget
//! ```

mod account;
mod advice;
mod api;
mod bounds;
mod buckets;
mod budget;
mod calls;
mod clients;
mod credentials;
mod error;
mod explanation;
mod functions;
mod host;
mod identity;
pub(crate) mod keys;
mod lambda;
mod limiter;
pub mod local;
mod logs;
mod multipart;
mod notify;
mod proven;
mod regional;
pub(crate) mod remote;
mod repositories;
mod roles;
mod s3;
mod waiting;
mod watch;

pub use account::AccountLimits;
pub(crate) use advice::sentence;
pub(crate) use budget::is_aws;
pub use budget::{Limits, Slowed};
pub use calls::{CallMeter, Calls};
pub use error::{CloudError, ErrorKind};
pub use explanation::Cause;
pub use functions::{BucketPermission, EventInvoke, FunctionDetail, FunctionSettings, FunctionState};
pub use identity::{Identity, partition};
pub use lambda::{Invoked, Lambda};
pub use limiter::{Limiter, Pace};
pub use logs::{LogGroup, Logs};
pub use multipart::Part;
pub use notify::{Notifications, Trigger};
pub use proven::{LocalIdentity, Stranger};
pub(crate) use regional::Regional;
pub use repositories::{RegistryLogin, Repositories, Repository};
pub use roles::{NewRole, Role, Roles};
pub use s3::{GetObject, ListQuery, ObjectBody, ObjectHead, ObjectPage, PutBody, S3, Stored};
pub use waiting::waiting_for;

use crate::config::ContextConfig;
use crate::dirs::Dirs;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use budget::Account;
use clients::Clients;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use throng_contract::local as contract;

/// The cloud of a context.
#[derive(Clone)]
pub struct Cloud(Arc<Inner>);

struct Inner {
    context: ContextConfig,
    clients: Clients,
    limits: Arc<Limits>,
    local: Option<local::Found>,
    endpoint: Option<String>,
    identity: tokio::sync::OnceCell<Identity>,
    /// The home bucket, where neither the context names one nor the cloud is the local one.
    default_home: Option<String>,
    /// Why that is not known, where an endpoint for S3 has no STS beside it. Transfers need neither.
    no_home: Option<CloudError>,
}

/// How to connect.
#[derive(Clone, Debug, Default)]
pub struct ConnectOptions {
    /// The program that starts the local cloud with `local start`; this one when `None`.
    pub exe: Option<PathBuf>,
    /// Do not start the local cloud, only find it.
    pub no_start: bool,
}

/// How long an endpoint for S3 is waited for to say whose the account is: many say nothing of the kind.
const NO_STS: Duration = Duration::from_secs(5);

impl Inner {
    fn know(&mut self, identity: Identity) {
        self.default_home = Some(format!("throng-home-{}-{}", identity.account, self.clients.region));
        self.identity = tokio::sync::OnceCell::from(identity);
    }
}

impl std::fmt::Debug for Cloud {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cloud")
            .field("context", &self.0.context.name)
            .field("region", &self.0.clients.region)
            .field("endpoint", &self.0.endpoint)
            .finish_non_exhaustive()
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
            local::ensure(dirs, options.exe.as_deref()).await?
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

    /// Whether both are one connection to one cloud.
    #[must_use]
    pub fn same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// The context's settings.
    #[must_use]
    pub fn context(&self) -> &ContextConfig {
        &self.0.context
    }

    /// Whether it is the embedded cloud.
    #[must_use]
    pub fn is_local(&self) -> bool {
        self.0.local.is_some()
    }

    /// The region.
    #[must_use]
    pub fn region(&self) -> &str {
        &self.0.clients.region
    }

    /// The endpoint, when it is not AWS's own.
    #[must_use]
    pub fn endpoint(&self) -> Option<&str> {
        self.0.endpoint.as_deref()
    }

    /// Another endpoint than AWS's own for Amazon ECR.
    #[must_use]
    pub fn ecr_endpoint(&self) -> Option<&str> {
        self.0.context.endpoints.get("ecr").map(String::as_str).or(self.endpoint())
    }

    /// The person's keys for the local cloud; `None` for other contexts.
    #[must_use]
    pub fn local_key(&self) -> Option<&contract::AccessKey> {
        self.0.local.as_ref().map(|found| &found.credentials.user)
    }

    /// User and password of the local cloud's image registry, when it has proved just now that it is ours; `None` for
    /// other contexts.
    ///
    /// # Errors
    /// Nobody listens, or another program does.
    pub async fn local_registry(&self) -> Result<Option<(String, String)>, CloudError> {
        let Some(found) = &self.0.local else { return Ok(None) };
        let user = found.credentials.user.access_key_id.clone();
        let Some(identity) = &found.identity else {
            return Ok(Some((user, found.credentials.user.secret_access_key.clone())));
        };
        identity.connect().await.map_err(|error| {
            CloudError::new(
                ErrorKind::Unreachable,
                "local cloud",
                &found.endpoint.endpoint,
                error.to_string(),
            )
        })?;
        Ok(Some((user, identity.registry_password())))
    }

    /// What answered in the local cloud's place when it was looked for, before it was started at another address.
    #[must_use]
    pub fn stranger(&self) -> Option<&Stranger> {
        self.0.local.as_ref()?.stranger.as_ref()
    }

    /// Which daemon it is, when it is the local cloud: its process and when it began, in milliseconds since 1970.
    #[must_use]
    pub fn local_start(&self) -> Option<(u32, u64)> {
        self.0.local.as_ref().map(|found| (found.endpoint.pid, found.endpoint.started_ms))
    }

    /// The region that a context would be used in, when it, its profile or the environment says one. Asks no cloud.
    pub async fn region_of(context: &ContextConfig) -> Option<String> {
        let config = clients::aws_sdk_config(context).await.ok()?;
        config.region().map(ToString::to_string)
    }

    /// The home bucket: manifests, records, failed events.
    ///
    /// # Errors
    /// The context does not name one, and none could be derived.
    pub fn home_bucket(&self) -> Result<&str, CloudError> {
        match self.0.context.home_bucket.as_ref().or(self.0.default_home.as_ref()) {
            Some(bucket) => Ok(bucket),
            None if self.is_local() => Ok(contract::HOME_BUCKET),
            None => Err(match &self.0.no_home {
                Some(error) => CloudError {
                    message: format!(
                        "{} (the account's number is in the home bucket's name; `home_bucket` in [contexts.{}] of \
                         config.toml names one without it)",
                        error.message.trim_end(),
                        self.0.context.name
                    ),
                    ..error.clone()
                },
                None => self.unset("home_bucket"),
            }),
        }
    }

    /// The role that functions run as, when the context has one for all of them.
    #[must_use]
    pub fn role(&self) -> Option<&str> {
        self.0.context.role.as_deref()
    }

    fn unset(&self, key: &str) -> CloudError {
        let name = &self.0.context.name;
        CloudError::new(
            ErrorKind::Unset,
            "context",
            name,
            format!("no {key} is set: add `{key}` to [contexts.{name}] in config.toml"),
        )
    }

    /// Tags for everything that is created.
    #[must_use]
    pub fn tags(&self) -> &BTreeMap<String, String> {
        &self.0.context.tags
    }

    /// The shared limits.
    #[must_use]
    pub fn limits(&self) -> &Arc<Limits> {
        &self.0.limits
    }

    /// Every attempt that was sent so far, by operation; of all contexts that share this one's budget.
    #[must_use]
    pub fn calls(&self) -> Vec<Calls> {
        self.0.limits.calls().table()
    }

    /// Buckets and objects.
    #[must_use]
    pub fn s3(&self) -> S3<'_> {
        S3::new(&self.0.clients.s3, &self.0.limits, &self.0.clients.region)
    }

    /// What is asked of Lambda.
    #[must_use]
    pub fn lambda(&self) -> Lambda<'_> {
        Lambda::new(&self.0.clients.lambda, &self.0.clients.lambda_sync, &self.0.limits)
    }

    /// Log groups.
    #[must_use]
    pub fn logs(&self) -> Logs<'_> {
        Logs::new(&self.0.clients.logs, &self.0.limits)
    }

    /// The SDK's client for logs, for `core::logs`.
    pub(crate) fn logs_client(&self) -> &aws_sdk_cloudwatchlogs::Client {
        &self.0.clients.logs
    }

    /// The SDK's clients for S3, for what [`S3`] does not wrap.
    pub(crate) fn s3_clients(&self) -> &Regional {
        &self.0.clients.s3
    }

    /// Repositories for images, of Amazon ECR.
    #[must_use]
    pub fn repositories(&self) -> Repositories<'_> {
        Repositories::new(&self.0.clients.ecr)
    }

    /// What is asked of IAM.
    #[must_use]
    pub fn roles(&self) -> Roles<'_> {
        Roles::new(&self.0.clients.iam)
    }
}

/// Gives a call a deadline.
pub(crate) async fn within<T>(
    deadline: Duration,
    action: &'static str,
    call: impl Future<Output = Result<T, CloudError>>,
) -> Result<T, CloudError> {
    match tokio::time::timeout(deadline, call).await {
        Ok(result) => result,
        Err(_) => Err(CloudError::new(
            ErrorKind::Unreachable,
            action,
            "",
            format!("no answer within {} s", deadline.as_secs()),
        )),
    }
}

/// Deadline of a small call, with its retries.
pub(crate) const SMALL: Duration = Duration::from_secs(30);

/// A small call about `what` as it is sent: it has a deadline, and its error is told in our words.
fn small<T, E>(
    action: &'static str,
    what: &str,
    sent: impl Future<Output = Result<T, SdkError<E, HttpResponse>>>,
) -> impl Future<Output = Result<T, CloudError>>
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    // The SDK's futures are large: they stay out of those that await them.
    let sent = Box::pin(sent);
    within(
        SMALL,
        action,
        async move { sent.await.map_err(|error| CloudError::from_sdk(action, what, &error)) },
    )
}

/// Whether what was to be deleted was there.
fn existed<T>(result: Result<T, CloudError>) -> Result<bool, CloudError> {
    match result {
        Ok(_) => Ok(true),
        Err(error) if error.is_not_found() => Ok(false),
        Err(error) => Err(error),
    }
}

/// What was asked for; `None` when there is none.
fn found<T>(result: Result<T, CloudError>) -> Result<Option<T>, CloudError> {
    match result {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}

pub(crate) fn millis(time: &aws_smithy_types::DateTime) -> Option<u64> {
    time.to_millis().ok().and_then(|millis| u64::try_from(millis).ok())
}

/// Milliseconds since 1970, now.
#[must_use]
pub fn now_ms() -> u64 {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |elapsed| u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX))
}
