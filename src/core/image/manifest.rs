//! The JSON of images, read leniently: Docker's and OCI's, with and without `mediaType`.

use super::digest::is_sha256;
use super::names::safe;
use super::{ImageError, ImageSettings};
use crate::model::Architecture;
use serde::{Deserialize, Deserializer};
use std::collections::BTreeMap;

/// Larger manifests and configurations are refused.
pub(super) const MAX_JSON: u64 = 8 * 1024 * 1024;

/// Names a blob.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Descriptor {
    #[serde(default)]
    pub media_type: String,
    pub digest: String,
    #[serde(default)]
    pub size: u64,
    #[serde(default)]
    pub platform: Option<Platform>,
    #[serde(default, deserialize_with = "nullable")]
    pub annotations: BTreeMap<String, String>,
    #[serde(default, deserialize_with = "nullable")]
    pub urls: Vec<String>,
}

/// What an image of an index is for.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct Platform {
    #[serde(default)]
    pub architecture: String,
    #[serde(default)]
    pub os: String,
    #[serde(default)]
    pub variant: Option<String>,
}

/// An image manifest.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Manifest {
    pub config: Descriptor,
    pub layers: Vec<Descriptor>,
}

/// A document of one of the two kinds.
#[derive(Clone, Debug)]
pub(super) enum Document {
    Image(Manifest),
    Index(Vec<Descriptor>),
}

impl Document {
    /// Reads a manifest or an index. `name` is the image, for messages.
    pub fn read(bytes: &[u8], name: &str) -> Result<Self, ImageError> {
        let bad = |why: &str| ImageError::Content(format!("{name}: the manifest {why}"));
        let value: serde_json::Value =
            serde_json::from_slice(bytes).map_err(|error| bad(&format!("is no JSON ({error})")))?;
        let document = if value.get("manifests").is_some() {
            let list = value["manifests"].clone();
            Self::Index(
                serde_json::from_value(list).map_err(|error| bad(&format!("cannot be read ({error})")))?,
            )
        } else if value.get("layers").is_some() {
            let manifest = serde_json::from_value(value);
            Self::Image(manifest.map_err(|error| bad(&format!("cannot be read ({error})")))?)
        } else if value.get("fsLayers").is_some() || value["schemaVersion"] == 1 {
            return Err(bad("is of Docker's old schema 1: push the image again with a current tool"));
        } else {
            return Err(bad("is neither of an image nor an index: is this an artifact of another kind?"));
        };
        let descriptors: Vec<&Descriptor> = match &document {
            Self::Image(manifest) => std::iter::once(&manifest.config).chain(&manifest.layers).collect(),
            Self::Index(list) => list.iter().collect(),
        };
        for descriptor in descriptors {
            check_digest(&descriptor.digest, name)?;
        }
        Ok(document)
    }
}

/// Only SHA-256 is read; the digest becomes a file name, so it is checked first.
pub(super) fn check_digest(digest: &str, name: &str) -> Result<(), ImageError> {
    if is_sha256(digest) {
        return Ok(());
    }
    let shown = safe(digest);
    Err(ImageError::Content(format!(
        "{name}: `{shown}` is not a digest of the kind sha256:<64 hexadecimal digits>"
    )))
}

/// The entry of an index for an architecture.
pub(super) fn choose<'a>(
    list: &'a [Descriptor],
    architecture: Architecture,
    name: &str,
) -> Result<&'a Descriptor, ImageError> {
    let fits = |entry: &&Descriptor| {
        entry.platform.as_ref().is_some_and(|platform| {
            platform.os == "linux"
                && platform.architecture == architecture.as_oci()
                && matches!(platform.variant.as_deref(), None | Some("" | "v8"))
        })
    };
    if let Some(entry) = list.iter().find(fits) {
        return Ok(entry);
    }
    if let [only] = list
        && only.platform.as_ref().is_none_or(|platform| platform.architecture.is_empty())
    {
        return Ok(only);
    }
    let mut known: Vec<String> = list
        .iter()
        .filter_map(|entry| entry.platform.as_ref())
        .filter(|platform| platform.os != "unknown" && !platform.os.is_empty())
        .map(|platform| {
            let variant = platform.variant.as_ref().map(|v| format!("/{v}")).unwrap_or_default();
            safe(&format!("{}/{}{variant}", platform.os, platform.architecture))
        })
        .collect();
    known.dedup();
    Err(ImageError::Refused(format!(
        "{name} has no image for linux/{}; it has {}. Change `architectures` or choose another image",
        architecture.as_oci(),
        if known.is_empty() { "none that says what it is for".to_owned() } else { known.join(", ") }
    )))
}

/// An image's configuration.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct ConfigFile {
    #[serde(default, deserialize_with = "nullable")]
    architecture: String,
    #[serde(default, deserialize_with = "nullable")]
    os: String,
    #[serde(default)]
    pub variant: Option<String>,
    #[serde(default, deserialize_with = "nullable")]
    config: ContainerConfig,
    #[serde(default, deserialize_with = "nullable")]
    rootfs: RootFs,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct ContainerConfig {
    #[serde(deserialize_with = "nullable")]
    env: Vec<String>,
    #[serde(deserialize_with = "nullable")]
    entrypoint: Vec<String>,
    #[serde(deserialize_with = "nullable")]
    cmd: Vec<String>,
    #[serde(deserialize_with = "nullable")]
    working_dir: String,
    #[serde(deserialize_with = "nullable")]
    labels: BTreeMap<String, String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct RootFs {
    #[serde(deserialize_with = "nullable")]
    diff_ids: Vec<String>,
}

impl ConfigFile {
    /// Reads a configuration. `name` is the image, for messages.
    pub fn read(bytes: &[u8], name: &str) -> Result<Self, ImageError> {
        let config: Self = serde_json::from_slice(bytes).map_err(|error| {
            ImageError::Content(format!("{name}: the image's configuration cannot be read: {error}"))
        })?;
        config.rootfs.diff_ids.iter().try_for_each(|digest| check_digest(digest, name))?;
        Ok(config)
    }

    /// Digests of the layers' tars, bottom first.
    pub fn diff_ids(&self) -> &[String] {
        &self.rootfs.diff_ids
    }

    /// What functions care about.
    pub fn settings(&self) -> ImageSettings {
        let ContainerConfig { env, entrypoint, cmd, working_dir, labels } = self.config.clone();
        ImageSettings { entrypoint, cmd, env, workdir: working_dir, labels }
    }

    /// Lambda runs Linux, on one architecture.
    pub fn check_platform(&self, architecture: Architecture, name: &str) -> Result<(), ImageError> {
        let linux = matches!(self.os.as_str(), "linux" | "");
        if linux && (self.architecture == architecture.as_oci() || self.architecture.is_empty()) {
            return Ok(());
        }
        let (os, found) = (safe(&self.os), safe(&self.architecture));
        let wanted = architecture.as_aws();
        Err(ImageError::Refused(format!(
            "{name} is for {os}/{found}, the function is for linux/{} ({wanted}). Change `architectures` or choose \
             another image",
            architecture.as_oci()
        )))
    }
}

/// Docker writes `null` where OCI leaves out.
fn nullable<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(input: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(input)?.unwrap_or_default())
}
