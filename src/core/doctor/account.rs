//! Credentials, clock, quotas and registry of an AWS context.

use super::Check;
use crate::cloud::{AccountLimits, Cloud, CloudError};
use crate::deploy;
use crate::image;
use crate::policies::Scope;

/// Name of the check that all others depend on.
pub(super) const CREDENTIALS: &str = "credentials";
/// From here on requests are refused (`SigV4`; S3 allows 15 minutes).
const REFUSED_MS: u64 = 5 * 60 * 1000;
/// From here on it is worth a word.
const ODD_MS: u64 = 30 * 1000;
/// New accounts begin with ten; the documented default is 1,000.
const FEW: u64 = 100;

pub(super) async fn examine(cloud: &Cloud) -> Vec<Check> {
    let credentials = Check::of(CREDENTIALS, cloud.identity().await, |identity| {
        format!("{} (account {})", identity.arn, identity.account)
    });
    let mut checks = vec![credentials, clock(cloud).await];
    if checks[0].ok {
        checks.push(quotas(cloud).await);
        checks.push(registry(cloud).await);
    }
    checks
}

async fn clock(cloud: &Cloud) -> Check {
    const WHAT: &str = "clock";
    let ahead = match cloud.clock_ahead_ms().await {
        Ok(ahead) => ahead,
        Err(error) => return Check::note(WHAT, format!("could not be compared: {error}"), ""),
    };
    let found = || {
        let word = if ahead > 0 { "behind" } else { "ahead of" };
        format!("{} s {word} the cloud's", ahead.unsigned_abs() / 1000)
    };
    let advice = "Set this machine's clock (timedatectl set-ntp true).";
    match ahead.unsigned_abs() {
        REFUSED_MS.. => Check::bad(WHAT, found(), advice),
        ODD_MS.. => Check::note(WHAT, found(), advice),
        _ => Check::good(WHAT, "right"),
    }
}

async fn quotas(cloud: &Cloud) -> Check {
    const WHAT: &str = "quotas";
    match cloud.lambda().account_limits().await {
        Ok(AccountLimits { concurrent, unreserved }) => {
            let found = format!(
                "{concurrent} invocations at a time ({unreserved} of them not reserved), /tmp up to 10,240 MiB, \
                 images up to 10 GiB"
            );
            if concurrent < FEW {
                let advice =
                    "Ask for more in the console: Service Quotas, AWS Lambda, Concurrent executions.";
                return Check::note(WHAT, found, advice);
            }
            Check::good(WHAT, found)
        }
        Err(error) => Check::note(WHAT, format!("not known: {error}"), error.advice()),
    }
}

async fn registry(cloud: &Cloud) -> Check {
    const WHAT: &str = "registry";
    let target = match deploy::place_of(cloud, "throng/doctor").await {
        Ok(target) => target,
        Err(error) => {
            let advice = error.cloud().map(CloudError::advice).unwrap_or_default();
            return Check::bad(WHAT, error.to_string(), advice);
        }
    };
    let host = target.registry.host().to_owned();
    match image::greet(&target.registry).await {
        Ok(()) => Check::good(WHAT, format!("{host} lets us in")),
        Err(error) => {
            Check::bad(WHAT, error.to_string(), "Check `registry` of the context, and the network.")
        }
    }
}

/// What the policies of a person and of a function's role are about in a context.
///
/// # Errors
/// The credentials are no good, or there is no home bucket.
pub async fn policy_scope(cloud: &Cloud, buckets: &[String]) -> Result<Scope, CloudError> {
    let place = |bucket: &String| crate::model::Place { bucket: bucket.clone(), prefix: String::new() };
    Ok(Scope {
        // A deployment reads them of the buckets that the definition names.
        keys: Vec::new(),
        region: cloud.region().to_owned(),
        account: cloud.identity().await?.account.clone(),
        home: cloud.home_bucket()?.to_owned(),
        function: None,
        inputs: buckets.iter().map(place).collect(),
        outputs: buckets.iter().map(place).collect(),
        buckets: buckets.to_vec(),
        // What a function needs in a VPC, a deployment gives its role.
        network: false,
        access_points: Vec::new(),
        joins: true,
        role: cloud.context().role.clone(),
    })
}
