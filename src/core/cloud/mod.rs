//! A context's cloud: SDK clients, retry policy, shared limits. Cheap to clone; no SDK type leaves `core`.

mod budget;
mod calls;
mod clients;
mod error;
mod functions;
mod lambda;
mod limiter;
pub mod local;
mod logs;
mod multipart;
mod notify;
mod s3;
mod watch;

pub use budget::{Limits, Slowed};
pub use calls::{CallMeter, Calls};
pub use error::{CloudError, ErrorKind};
pub use functions::{BucketPermission, EventInvoke, FunctionDetail, FunctionSettings, FunctionState};
pub use lambda::{Invoked, Lambda};
pub use limiter::{Limiter, Pace};
pub use logs::{LogGroup, Logs};
pub use multipart::Part;
pub use notify::{Notifications, Trigger};
pub use s3::{GetObject, ListQuery, ObjectBody, ObjectHead, ObjectPage, PutBody, S3, Stored};

use crate::core::config::ContextConfig;
use crate::core::dirs::Dirs;
use budget::Account;
use clients::Clients;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use throng_runtime::contract::local as contract;

/// The cloud of a context.
#[derive(Clone)]
pub struct Cloud(Arc<Inner>);

struct Inner {
    context: ContextConfig,
    clients: Clients,
    limits: Arc<Limits>,
    local: Option<local::Found>,
    endpoint: Option<String>,
}

/// How to connect.
#[derive(Clone, Debug, Default)]
pub struct ConnectOptions {
    /// The program that starts the local cloud with `local start`; this one when `None`.
    pub exe: Option<PathBuf>,
    /// Do not start the local cloud, only find it.
    pub no_start: bool,
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
    /// Connects to a context; the local cloud is started if it does not run. For AWS nothing is asked yet.
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
            return Ok(Self::over(context, &config, None));
        }
        let found = if options.no_start {
            local::find(dirs).await.ok_or_else(|| {
                CloudError::new(
                    ErrorKind::Unreachable,
                    "local cloud",
                    "",
                    "it is not running; `throng local start` starts it",
                )
            })?
        } else {
            local::ensure(dirs, options.exe.as_deref()).await?
        };
        Ok(Self::at(context, found))
    }

    /// The local cloud that was found.
    #[must_use]
    pub fn at(context: &ContextConfig, found: local::Found) -> Self {
        Self::over(context, &clients::local_sdk_config(&found), Some(found))
    }

    fn over(context: &ContextConfig, config: &aws_config::SdkConfig, local: Option<local::Found>) -> Self {
        let endpoint = config.endpoint_url().map(str::to_owned);
        let limits = if local.is_some() {
            Arc::new(Limits::local())
        } else {
            let region = config.region().map_or_else(String::new, ToString::to_string);
            let profile = context.profile.clone().or_else(|| std::env::var("AWS_PROFILE").ok());
            budget::shared(Account { profile, region, endpoint: endpoint.clone() })
        };
        let clients = clients::build(config, local.is_some(), &limits);
        Self(Arc::new(Inner { context: context.clone(), clients, limits, local, endpoint }))
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

    /// The person's keys for the local cloud; `None` for other contexts.
    #[must_use]
    pub fn local_key(&self) -> Option<&contract::AccessKey> {
        self.0.local.as_ref().map(|found| &found.credentials.user)
    }

    /// The home bucket: manifests, records, failed events.
    ///
    /// # Errors
    /// The context does not name one.
    pub fn home_bucket(&self) -> Result<&str, CloudError> {
        match &self.0.context.home_bucket {
            Some(bucket) => Ok(bucket),
            None if self.is_local() => Ok(contract::HOME_BUCKET),
            None => Err(self.unset("home_bucket")),
        }
    }

    /// The role that functions run as.
    ///
    /// # Errors
    /// The context does not name one.
    pub fn role(&self) -> Result<&str, CloudError> {
        match &self.0.context.role {
            Some(role) => Ok(role),
            None if self.is_local() => Ok(contract::ROLE_ARN),
            None => Err(self.unset("role")),
        }
    }

    fn unset(&self, key: &str) -> CloudError {
        let name = &self.0.context.name;
        CloudError::new(
            ErrorKind::Invalid,
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

    /// Functions.
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

    /// The SDK's client for S3, for what [`S3`] does not wrap.
    #[allow(dead_code, reason = "for dataset")]
    pub(crate) fn s3_client(&self) -> &aws_sdk_s3::Client {
        &self.0.clients.s3
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
