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
//! connect        connects to the cloud of a context: finds or starts the local one
//! credentials    credentials that say what to do when there are none
//! deadline       calls with a deadline, and answers that say that there is nothing
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
//! patience       calls that are refused for a while
//! proven         connections to the local cloud whose other end has proved that it is ours
//! regional       S3 in the region of each bucket
//! remote         the SDK's clients for a storage provider: another endpoint, other keys
//! repositories   repositories of Amazon ECR
//! roles          roles of IAM and what they may do
//! s3             objects
//! time           times in milliseconds since 1970
//! waiting        requests that nobody has answered yet
//! waking         functions that Lambda has put to sleep
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
mod connect;
mod credentials;
mod deadline;
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
mod patience;
mod proven;
mod regional;
pub(crate) mod remote;
mod repositories;
mod roles;
mod s3;
mod time;
mod waiting;
mod waking;
mod watch;

pub use account::AccountLimits;
pub(crate) use advice::sentence;
pub(crate) use budget::is_aws;
pub use budget::{Limits, Slowed};
pub use calls::{CallMeter, Calls};
pub use connect::ConnectOptions;
pub(crate) use deadline::{SMALL, within};
use deadline::{existed, found, small};
pub(crate) use error::chain;
pub use error::{CloudError, ErrorKind};
pub use explanation::Cause;
pub use functions::{BucketPermission, EventInvoke, FunctionDetail, FunctionSettings, FunctionState};
pub use identity::Identity;
pub use lambda::{Invoked, Lambda};
pub use limiter::{Limiter, Pace};
pub use logs::{LogGroup, Logs};
pub use multipart::Part;
pub(crate) use notify::is_refused;
pub use notify::{Notifications, Trigger};
pub use proven::{LocalIdentity, Stranger};
pub(crate) use regional::Regional;
pub use repositories::{RegistryLogin, Repositories, Repository};
pub use roles::{NewRole, Role, Roles};
pub use s3::{GetObject, ListQuery, ObjectBody, ObjectHead, ObjectPage, PutBody, S3, Stored};
pub use time::now_ms;
pub(crate) use time::{duration_ms, millis};
pub use waiting::waiting_for;

use crate::config::ContextConfig;
use clients::Clients;
use std::collections::BTreeMap;
use std::sync::Arc;
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
