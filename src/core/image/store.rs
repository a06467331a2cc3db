//! What a registry holds: list, inspect, remove.

use super::origin::{self, OriginLayer};
use super::registry::{ATTEMPTS, authentication, client, explain, http, log_in, pause, retryable};
use super::{Cache, Credentials, ImageError, ImageSettings, Registry, Remote, Source};
use crate::model::Architecture;
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use oci_client::client::Client;
use oci_client::errors::OciDistributionError;
use oci_client::{Reference, RegistryOperation};
use std::collections::BTreeMap;

/// Repositories per page of a catalogue, and tags per page.
const PAGE: usize = 200;
/// Requests at a time.
const PARALLEL: usize = 4;

/// An image of a registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageEntry {
    /// Where its function's images are, without the registry's host.
    pub repository: String,
    /// Tags that name it, sorted.
    pub tags: Vec<String>,
    /// Digest of its manifest.
    pub digest: String,
}

/// An image in detail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageDetail {
    /// Where it is from.
    pub name: String,
    /// Digest of its manifest, when it is in a registry.
    pub digest: Option<String>,
    /// What it is for.
    pub architecture: Architecture,
    /// What it says about itself.
    pub settings: ImageSettings,
    /// Its layers, bottom first.
    pub layers: Vec<LayerDetail>,
}

impl ImageDetail {
    /// Bytes of all layers, as they are stored.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.layers.iter().map(|layer| layer.size).sum()
    }
}

/// A layer of an [`ImageDetail`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayerDetail {
    /// Of the bytes as stored; docker-archives do not say it.
    pub digest: Option<String>,
    /// Bytes as stored.
    pub size: u64,
    /// As the manifest has it; empty when it is not known.
    pub media_type: String,
}

/// Whether a registry answers and takes our credentials. Nothing is read of it.
///
/// # Errors
/// It does not.
pub async fn greet(registry: &Registry) -> Result<(), ImageError> {
    let client = client(registry.host(), registry.plain_http())?;
    log_in(&client, &registry.reference(), registry.credentials.as_ref(), RegistryOperation::Pull).await
}

/// Every tagged image of a registry, by repository. `base_url` as in [`Registry`].
///
/// # Errors
/// When the registry does not answer, or has no catalogue (Docker Hub, Amazon ECR).
pub async fn list(base_url: &str, credentials: Option<&Credentials>) -> Result<Vec<ImageEntry>, ImageError> {
    let any = place(base_url, "library/catalogue", credentials);
    let client = client(any.host(), any.plain_http())?;
    let auth = authentication(credentials);
    let mut repositories: Vec<String> = Vec::new();
    loop {
        let last = repositories.last().cloned();
        let page = client.catalog(&any.reference(), &auth, Some(PAGE), last.as_deref()).await;
        let page = page.map_err(|error| explain(any.host(), "cannot list the repositories", &error))?;
        let fresh: Vec<_> =
            page.repositories.into_iter().filter(|name| !repositories.contains(name)).collect();
        let more = fresh.len() >= PAGE;
        repositories.extend(fresh);
        if !more {
            break;
        }
    }
    list_in(base_url, credentials, repositories).await
}

/// Every tagged image of some repositories of a registry, in their order.
///
/// # Errors
/// When the registry does not answer.
pub async fn list_in(
    base_url: &str,
    credentials: Option<&Credentials>,
    repositories: Vec<String>,
) -> Result<Vec<ImageEntry>, ImageError> {
    let places: Vec<_> = repositories.iter().map(|name| place(base_url, name, credentials)).collect();
    let images = stream::iter(places).map(images_of).buffered(PARALLEL).try_collect::<Vec<_>>().await?;
    Ok(images.into_iter().flatten().collect())
}

fn place(base_url: &str, repository: &str, credentials: Option<&Credentials>) -> Registry {
    Registry {
        base_url: base_url.to_owned(),
        repository: repository.to_owned(),
        tag: "latest".to_owned(),
        credentials: credentials.cloned(),
    }
}

async fn images_of(registry: Registry) -> Result<Vec<ImageEntry>, ImageError> {
    let client = client(registry.host(), registry.plain_http())?;
    let auth = authentication(registry.credentials.as_ref());
    let place = format!("{}/{}", registry.host(), registry.repository);
    let mut by_digest: BTreeMap<String, Vec<String>> = BTreeMap::new();
    // A repository whose tags are all deleted answers 404 or an empty list.
    let Ok(tags) = client.list_tags(&registry.reference(), &auth, None, None).await else {
        return Ok(Vec::new());
    };
    for tag in tags.tags {
        let reference = Registry { tag: tag.clone(), ..registry.clone() }.reference();
        let digest = client.fetch_manifest_digest(&reference, &auth).await;
        let digest = digest.map_err(|error| explain(&place, &format!("cannot read tag {tag}"), &error))?;
        by_digest.entry(digest).or_default().push(tag);
    }
    let entry = |(digest, mut tags): (String, Vec<String>)| {
        tags.sort();
        ImageEntry { repository: registry.repository.clone(), tags, digest }
    };
    Ok(by_digest.into_iter().map(entry).collect())
}

/// Reads an image of any source but files, for an architecture or, when `None`, whichever there is.
///
/// # Errors
/// When it cannot be read, or is not there for that architecture.
pub async fn inspect(
    source: &Source,
    architecture: Option<Architecture>,
    credentials: Option<&Credentials>,
    cache: &Cache,
) -> Result<ImageDetail, ImageError> {
    let mut digest = None;
    let remote = match source {
        Source::Registry(reference) => {
            let remote = Remote::open(reference, credentials).await?;
            digest = Some(super::digest::sha256(&remote.manifest(None).await?));
            Some(remote)
        }
        _ => None,
    };
    let wanted = match architecture {
        Some(one) => vec![one],
        None if Architecture::host() == Architecture::Arm64 => {
            vec![Architecture::Arm64, Architecture::X86_64]
        }
        None => vec![Architecture::X86_64, Architecture::Arm64],
    };
    let mut last = ImageError::Spec("no architecture".into());
    for architecture in wanted {
        match origin::find(source, architecture, remote.clone(), cache).await {
            Ok(origin) => {
                let detail = |layer: OriginLayer| LayerDetail {
                    digest: layer.digest,
                    size: layer.size,
                    media_type: layer.media_type,
                };
                return Ok(ImageDetail {
                    name: origin.name,
                    digest,
                    architecture,
                    settings: origin.config.settings(),
                    layers: origin.layers.into_iter().map(detail).collect(),
                });
            }
            Err(error @ ImageError::Refused(_)) => last = error,
            Err(error) => return Err(error),
        }
    }
    Err(last)
}

/// Removes an image by its tag: the manifest, with every tag that names it. Layers go when the registry cleans up.
///
/// # Errors
/// When it is not there, or the registry does not allow it.
pub async fn remove(registry: &Registry) -> Result<(), ImageError> {
    let client = client(registry.host(), registry.plain_http())?;
    let reference: Reference = registry.reference();
    log_in(&client, &reference, registry.credentials.as_ref(), RegistryOperation::Push).await?;
    let mut attempt = 1;
    loop {
        match remove_once(registry, &client, &reference).await {
            Ok(()) => return Ok(()),
            // Removed by the first try, whose answer was lost.
            Err(refusal) if attempt > 1 && refusal.status == Some(404) => return Ok(()),
            Err(refusal) if attempt < ATTEMPTS && refusal.may_pass => pause(attempt).await,
            Err(refusal) => return Err(refusal.error),
        }
        attempt += 1;
    }
}

/// Why an image was not removed.
struct Refusal {
    error: ImageError,
    status: Option<u16>,
    may_pass: bool,
}

async fn remove_once(registry: &Registry, client: &Client, reference: &Reference) -> Result<(), Refusal> {
    let place = format!("{}/{}", registry.host(), registry.repository);
    let auth = authentication(registry.credentials.as_ref());
    let fail = |error: OciDistributionError| Refusal {
        may_pass: retryable(&error),
        status: None,
        error: explain(&place, &format!("cannot remove {}", registry.tag), &error),
    };
    let digest = if super::digest::is_sha256(&registry.tag) {
        registry.tag.clone()
    } else {
        client.fetch_manifest_digest(reference, &auth).await.map_err(fail)?
    };
    let token = client.auth(reference, &auth, RegistryOperation::Push).await.map_err(fail)?;
    let scheme = if registry.plain_http() { "http" } else { "https" };
    let url = format!("{scheme}://{}/v2/{}/manifests/{digest}", registry.host(), registry.repository);
    let http = http(registry.host()).map_err(|error| fail(error.into()))?;
    let mut request = http.delete(url);
    request = match (token, &registry.credentials) {
        (Some(token), _) => request.bearer_auth(token),
        (None, Some(Credentials { user, password })) => request.basic_auth(user, Some(password)),
        (None, None) => request,
    };
    let answer = request.send().await.map_err(|error| fail(error.into()))?;
    let status = answer.status().as_u16();
    let words = match status {
        200..=299 => return Ok(()),
        405 => format!("{place}: the registry does not allow deletion"),
        code => {
            let text = super::registry::short(&answer.text().await.unwrap_or_default());
            format!("{place}: cannot remove {digest}: HTTP {code} {text}")
        }
    };
    let may_pass = status == 429 || status >= 500;
    Err(Refusal { error: ImageError::Registry(words), status: Some(status), may_pass })
}
