//! Which registry a function's image goes to: the local cloud's, a named one, or Amazon ECR.

use super::DeployError;
use crate::cloud::Cloud;
use crate::definition::Definition;
use crate::image::{self, Credentials, ImageEntry, Registry, Source};

/// Tag that images are pushed with. Functions are created with the digest.
const TAG: &str = "latest";
/// Folder of the repositories that throng makes.
const FOLDER: &str = "throng/";

/// A place for an image.
#[derive(Clone, Debug)]
pub struct ImageDestination {
    /// Where it is pushed to.
    pub registry: Registry,
    /// `host/repository`, by which functions name it.
    pub uri: String,
    /// Whether it is in Amazon ECR, whose repositories are made, tagged and emptied by calls of their own.
    pub ecr: Ecr,
}

/// How a place belongs to Amazon ECR.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ecr {
    /// Not at all.
    No,
    /// It is the context's own account's.
    Own,
    /// It is another account's: its repository must exist.
    Foreign,
}

impl ImageDestination {
    /// The image's URI with its digest.
    #[must_use]
    pub fn image(&self, digest: &str) -> String {
        format!("{}@{digest}", self.uri)
    }
}

/// The place for a function's image.
///
/// # Errors
/// The registry's credentials cannot be had.
pub(super) async fn of_function(cloud: &Cloud, function: &str) -> Result<ImageDestination, DeployError> {
    // Names of repositories are in lower case.
    place_of(cloud, &format!("{FOLDER}{}", function.to_lowercase())).await
}

/// A repository of the context's registry.
///
/// # Errors
/// The registry's credentials cannot be had.
pub async fn place_of(cloud: &Cloud, repository: &str) -> Result<ImageDestination, DeployError> {
    if let (Some((user, password)), Some(endpoint)) = (cloud.local_registry().await?, cloud.endpoint()) {
        let credentials = Some(Credentials { user, password });
        return Ok(plain(endpoint.to_owned(), repository.to_owned(), credentials));
    }
    match cloud.context().registry.as_deref() {
        Some(named) if !is_ecr(named) => {
            let (host, repository) = below(named, repository);
            let loopback = host.starts_with("127.") || host.starts_with("localhost");
            let scheme = if loopback { "http" } else { "https" };
            let credentials = image::find_credentials(&host, &repository).await?;
            Ok(plain(format!("{scheme}://{host}"), repository, credentials))
        }
        named => ecr(cloud, named, repository).await,
    }
}

/// The way into the registry of the base image, when it is the same ECR; else that of the Docker configuration.
pub(super) fn credentials_for_base(
    cloud: &Cloud,
    definition: &Definition,
    target: &ImageDestination,
) -> Option<Credentials> {
    let Ok(Source::Registry(reference)) = Source::parse(&definition.image, &definition.base) else {
        return None;
    };
    let host = reference.registry();
    // ECR's token opens every registry of the region that the person may read.
    let readable = target.ecr != Ecr::No && is_ecr(host) && host.contains(cloud.region());
    (readable || host == target.registry.host()).then(|| target.registry.credentials.clone()).flatten()
}

fn plain(base_url: String, repository: String, credentials: Option<Credentials>) -> ImageDestination {
    let registry = Registry { base_url, repository, tag: TAG.into(), credentials };
    ImageDestination { uri: format!("{}/{}", registry.host(), registry.repository), registry, ecr: Ecr::No }
}

/// Whether a host is a private registry of Amazon ECR.
fn is_ecr(registry: &str) -> bool {
    registry.contains(".dkr.ecr.") || registry.contains(".dkr-ecr.")
}

/// Splits `host[:port][/prefix]` and puts the repository below the prefix.
fn below(registry: &str, repository: &str) -> (String, String) {
    let (host, prefix) = registry.split_once('/').unwrap_or((registry, ""));
    let prefix = prefix.trim_matches('/');
    let repository = if prefix.is_empty() { repository.to_owned() } else { format!("{prefix}/{repository}") };
    (host.to_owned(), repository)
}

/// ECR of the account, or of the account in the name; its token opens both.
async fn ecr(cloud: &Cloud, named: Option<&str>, repository: &str) -> Result<ImageDestination, DeployError> {
    let login = cloud.repositories().login().await?;
    let own = login.endpoint.split_once("://").map_or(login.endpoint.as_str(), |(_, host)| host).to_owned();
    let (host, repository) = match named {
        Some(named) => below(named, repository),
        None => (own.clone(), repository.to_owned()),
    };
    // What answers in the place of AWS has its registry at the same address.
    let base_url = match cloud.ecr_endpoint() {
        Some(endpoint) => endpoint.trim_end_matches('/').to_owned(),
        None => format!("https://{host}"),
    };
    let ecr = if host == own { Ecr::Own } else { Ecr::Foreign };
    let uri = format!("{host}/{repository}");
    let credentials = Some(Credentials { user: login.user, password: login.password });
    Ok(ImageDestination {
        registry: Registry { base_url, repository, tag: TAG.into(), credentials },
        uri,
        ecr,
    })
}

/// Every tagged image of the context's registry; of Amazon ECR, those that throng made repositories for.
///
/// # Errors
/// The registry does not answer.
pub async fn images(cloud: &Cloud) -> Result<Vec<ImageEntry>, DeployError> {
    let ImageDestination { registry, ecr, .. } = place_of(cloud, &format!("{FOLDER}any")).await?;
    let credentials = registry.credentials.as_ref();
    if ecr == Ecr::No {
        return Ok(image::list(&registry.base_url, credentials).await?);
    }
    let folder = registry.repository.trim_end_matches("any");
    let mut names = cloud.repositories().names().await?;
    names.retain(|name| name.starts_with(folder));
    Ok(image::list_in(&registry.base_url, credentials, names).await?)
}

/// Removes one image; the registry's tag says which.
///
/// # Errors
/// There is none, or the registry refuses.
pub async fn remove_image(cloud: &Cloud, target: &ImageDestination) -> Result<(), DeployError> {
    let Registry { repository, tag, .. } = &target.registry;
    if target.ecr == Ecr::No {
        return Ok(image::remove(&target.registry).await?);
    }
    if cloud.repositories().delete_image(repository, tag).await? {
        return Ok(());
    }
    Err(DeployError::Unfit(format!("there is no image {tag} in {}", target.uri)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registries_are_told_apart_and_prefixes_kept() {
        assert!(is_ecr("123456789012.dkr.ecr.eu-west-1.amazonaws.com/team"));
        assert!(!is_ecr("127.0.0.1:5000/team"));
        assert_eq!(below("h:1/a/b/", "throng/f"), ("h:1".into(), "a/b/throng/f".into()));
        assert_eq!(below("h:1", "throng/f"), ("h:1".into(), "throng/f".into()));
    }
}
