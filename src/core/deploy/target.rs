//! Which registry a function's image goes to.

use super::DeployError;
use crate::core::cloud::Cloud;
use crate::core::image::{Credentials, Registry};

/// Tag that images are pushed with. Functions are created with the digest.
const TAG: &str = "latest";

/// The place for a function's image.
///
/// # Errors
/// [`DeployError::Unfit`] for registries that this release cannot push to.
pub(super) fn registry(cloud: &Cloud, function: &str) -> Result<Registry, DeployError> {
    // Names of repositories are in lower case.
    place_of(cloud, &format!("throng/{}", function.to_lowercase()))
}

/// A repository of the context's registry.
///
/// # Errors
/// [`DeployError::Unfit`] for registries that this release cannot use.
pub fn place_of(cloud: &Cloud, repository: &str) -> Result<Registry, DeployError> {
    let repository = repository.to_owned();
    if let (Some(key), Some(endpoint)) = (cloud.local_key(), cloud.endpoint()) {
        let credentials =
            Credentials { user: key.access_key_id.clone(), password: key.secret_access_key.clone() };
        return Ok(Registry {
            base_url: endpoint.to_owned(),
            repository,
            tag: TAG.into(),
            credentials: Some(credentials),
        });
    }
    let name = &cloud.context().name;
    let Some(registry) = &cloud.context().registry else {
        return Err(DeployError::Unfit(format!(
            "context {name} has no registry: set `registry` in [contexts.{name}] of config.toml"
        )));
    };
    if registry.contains(".dkr.ecr.") {
        return Err(DeployError::Unfit(format!(
            "pushing to Amazon ECR ({registry}) is not in this release: deploy to the local context"
        )));
    }
    let (host, prefix) = registry.split_once('/').unwrap_or((registry, ""));
    let loopback = host.starts_with("127.") || host.starts_with("localhost");
    let scheme = if loopback { "http" } else { "https" };
    let prefix = prefix.trim_matches('/');
    let repository = if prefix.is_empty() { repository } else { format!("{prefix}/{repository}") };
    Ok(Registry { base_url: format!("{scheme}://{host}"), repository, tag: TAG.into(), credentials: None })
}
