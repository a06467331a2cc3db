//! Everything behind the port.

use super::activity::Activity;
use super::reserve::Reserve;
use crate::access::Access;
use crate::faults::Faults;
use crate::identity::Identity;
use crate::protocol::{Collected, SignedService, UnsignedService};
use crate::s3::ObjectStore;
use s3s::service::S3Service;
use std::path::PathBuf;
use std::sync::Arc;

/// Everything behind the port. A service that is `None` answers 501.
pub struct Services {
    /// Where everything is stored: named when its disk is full.
    pub folder: PathBuf,
    /// Space for emptying a full disk.
    pub reserve: Reserve,
    /// Who may ask.
    pub access: Arc<Access>,
    /// By which it proves who it is.
    pub identity: Identity,
    /// Requests that are being answered.
    pub activity: Activity,
    /// What goes wrong on purpose.
    pub faults: Faults,
    /// The store of objects.
    pub store: ObjectStore,
    /// Images, of which functions need some.
    pub images: Arc<dyn Collected>,
    /// S3 over `store`.
    pub s3: S3Service,
    /// Lambda's API.
    pub lambda: Option<Arc<dyn SignedService>>,
    /// `CloudWatch` Logs' API.
    pub logs: Option<Arc<dyn SignedService>>,
    /// IAM's API.
    pub iam: Option<Arc<dyn SignedService>>,
    /// STS's API.
    pub sts: Arc<dyn SignedService>,
    /// The Runtime API: paths `/_env/<token>/2018-06-01/…`.
    pub runtime: Option<Arc<dyn UnsignedService>>,
    /// The image registry: paths `/v2/…`.
    pub registry: Option<Arc<dyn UnsignedService>>,
}

impl std::fmt::Debug for Services {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Services").field("activity", &self.activity).finish_non_exhaustive()
    }
}

impl Services {
    /// Whether a service has something queued or running.
    #[must_use]
    pub fn busy(&self) -> bool {
        [&self.lambda, &self.logs].into_iter().flatten().any(|service| service.busy())
    }
}
