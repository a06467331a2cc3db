//! Whether a function's role may read objects that are not among the inputs it was deployed with.

use super::role::{POLICY, name_of};
use crate::cloud::{Cloud, CloudError};
use crate::policies::Policy;
use throng_contract::partition::partition;

/// An object that a function may not read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// `bucket/key`
    pub object: String,
    /// ARN of the function's role.
    pub role: String,
    /// Whether the role's whole policy is known. IAM's simulation knows no policies of buckets.
    pub sure: bool,
}

const READ: &str = "s3:GetObject";

/// The first of some objects (`bucket/key`) that a role may not read; `None` when it may read all, or nobody can say: IAM's
/// simulation may be asked by few, and a policy of a bucket can let somebody in.
///
/// # Errors
/// The cloud does not answer.
pub async fn unreadable(
    cloud: &Cloud,
    function: &str,
    role: &str,
    objects: &[String],
) -> Result<Option<Unreadable>, CloudError> {
    let arn = |object: &String| format!("arn:{}:s3:::{object}", partition(cloud.region()));
    let name = role.rsplit('/').next().unwrap_or(role);
    let sure = name == name_of(cloud.region(), function);
    let first = if sure {
        // One of throng's: its whole policy is known, and may be read by whoever deploys.
        let Some(text) = cloud.roles().policy(name, POLICY).await? else { return Ok(None) };
        let Ok(policy) = serde_json::from_str::<Policy>(&text) else { return Ok(None) };
        objects.iter().find(|object| !policy.allows(READ, &arn(object)))
    } else {
        let resources: Vec<_> = objects.iter().map(arn).collect();
        let denied = cloud.roles().denied(role, &[READ], &resources).await?;
        objects.iter().find(|object| denied.iter().any(|(_, resource)| *resource == arn(object)))
    };
    Ok(first.map(|object| Unreadable { object: object.clone(), role: role.to_owned(), sure }))
}
