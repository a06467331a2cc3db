//! What the client must know of a service, and of an operation.

use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt::Debug;

/// A service of AWS.
#[derive(Debug)]
pub struct Service {
    /// The name that SDKs have for it: in the table of calls, and in `AWS_ENDPOINT_URL_…`.
    pub id: &'static str,
    /// The name that it is signed for, which is also the one in actions: `ecr:DescribeRepositories`.
    pub signing_name: &'static str,
    /// How it is spoken to.
    pub protocol: Protocol,
    /// Where it is.
    pub hosts: Hosts,
}

/// How a service is spoken to. Every request is a POST.
#[derive(Clone, Copy, Debug)]
pub enum Protocol {
    /// A form is sent, XML comes back (also EC2's kind of it).
    Query {
        /// The API's version, which is a date.
        version: &'static str,
    },
    /// JSON both ways.
    Json {
        /// What is before the operation's name in `X-Amz-Target` (JSON 1.1). `None`: the operation is told by the path,
        /// `/v1/` and its name in lower case, as Batch has it.
        target: Option<&'static str>,
    },
}

/// Where a service is.
#[derive(Clone, Copy, Debug)]
pub enum Hosts {
    /// At `NAME.REGION.SUFFIX`, in each region.
    Regional {
        /// The name.
        name: &'static str,
        /// The name for IPv6, where it is another one.
        dual_stack: Option<&'static str>,
    },
    /// At one host per partition.
    Global(&'static [GlobalHost]),
}

/// The hosts of a service in a partition that has it once.
#[derive(Debug)]
pub struct GlobalHost {
    /// The partition, as in ARNs.
    pub partition: &'static str,
    /// The region that requests are signed for.
    pub region: &'static str,
    /// The host.
    pub plain: &'static str,
    /// The host whose cryptography is certified.
    pub fips: &'static str,
    /// The host that has IPv6, too.
    pub dual_stack: &'static str,
    /// The host that is both.
    pub fips_dual_stack: &'static str,
}

/// An operation of a service: its input.
pub trait Operation: Serialize + Sync {
    /// Its name.
    const NAME: &'static str;
    /// What IAM calls it.
    const ACTION: &'static str;
    /// What is answered.
    type Output: DeserializeOwned + Debug + Send + Sync + 'static;
}

/// Inputs that are named as their operations, with what these answer.
macro_rules! operations {
    ($service:literal: $($name:ident $(<$life:lifetime>)? -> $output:ty,)*) => {
        $(impl $crate::cloud::api::Operation for $name $(<$life>)? {
            const NAME: &'static str = stringify!($name);
            const ACTION: &'static str = concat!($service, ":", stringify!($name));
            type Output = $output;
        })*
    };
}
pub(super) use operations;
