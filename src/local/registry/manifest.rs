//! What Lambda checks of a manifest and a configuration before it accepts an image.

use super::{ImageError, LocalImage};
use serde::Deserialize;

const DOCKER: &str = "application/vnd.docker.distribution.manifest.v2+json";
const OCI: &str = "application/vnd.oci.image.manifest.v1+json";
const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
const DOCKER_CONFIG: &str = "application/vnd.docker.container.image.v1+json";
const OCI_CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const DOCKER_TAR: &str = "application/vnd.docker.image.rootfs.diff.tar";
const LAYERS: [&str; 6] = [
    "application/vnd.docker.image.rootfs.diff.tar.gzip",
    "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
    DOCKER_TAR,
    "application/vnd.oci.image.layer.v1.tar",
    "application/vnd.oci.image.layer.v1.tar+gzip",
    "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
];
/// Lambda's limit for ENTRYPOINT, CMD, WORKDIR and ENV together.
const MAX_SETTINGS: usize = 16 << 10;

/// A part of a manifest.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    /// Media type
    #[serde(default)]
    pub media_type: String,
    /// `sha256:…`
    pub digest: String,
    /// How many bytes the blob has.
    #[serde(default)]
    pub size: u64,
}

/// An image's manifest or an index, as far as the store needs it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    /// Absent in what umoci writes.
    #[serde(default)]
    pub media_type: Option<String>,
    /// Configuration of an image.
    pub config: Option<Descriptor>,
    /// Layers of an image, lowest first.
    #[serde(default)]
    pub layers: Vec<Descriptor>,
    /// Manifests of an index.
    #[serde(default)]
    pub manifests: Option<Vec<Descriptor>>,
}

impl Manifest {
    /// Its media type, guessed when it does not say.
    pub fn kind(&self) -> &str {
        match &self.media_type {
            Some(kind) => kind,
            None if self.manifests.is_some() => OCI_INDEX,
            None => OCI,
        }
    }

    /// Digests of all blobs it needs.
    pub fn blobs(&self) -> impl Iterator<Item = &str> {
        self.config.iter().chain(&self.layers).map(|part| part.digest.as_str())
    }

    /// Digests of other manifests it names.
    pub fn children(&self) -> impl Iterator<Item = &str> {
        self.manifests.iter().flatten().map(|part| part.digest.as_str())
    }

    /// Checks media types as Lambda does.
    ///
    /// # Errors
    /// [`ImageError`] in AWS's words.
    pub fn check(&self, uri: &str) -> Result<&Descriptor, ImageError> {
        let unsupported = || {
            ImageError::Rejected(format!(
                "The image manifest, config or layer media type for the source image {uri} is not supported."
            ))
        };
        let kind = self.kind();
        if matches!(kind, DOCKER_LIST | OCI_INDEX) || !matches!(kind, DOCKER | OCI) {
            return Err(unsupported());
        }
        let config = self.config.as_ref().ok_or_else(unsupported)?;
        if !matches!(config.media_type.as_str(), DOCKER_CONFIG | OCI_CONFIG) {
            return Err(unsupported());
        }
        if self.layers.is_empty()
            || self.layers.iter().any(|layer| !LAYERS.contains(&layer.media_type.as_str()))
        {
            return Err(unsupported());
        }
        if let Some(layer) = self.layers.iter().find(|layer| layer.media_type == DOCKER_TAR) {
            return Err(ImageError::Invalid {
                code: "InvalidImage".into(),
                reason: format!(
                    "InvalidImage(ImageLayerFailure: UnsupportedImageLayerDetected - Layer Digest {})",
                    layer.digest
                ),
            });
        }
        Ok(config)
    }
}

#[derive(Deserialize)]
struct Config {
    #[serde(default)]
    architecture: String,
    #[serde(default)]
    os: String,
    #[serde(default, rename = "config")]
    settings: Option<ContainerConfig>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ContainerConfig {
    #[serde(default)]
    entrypoint: Option<Vec<String>>,
    #[serde(default)]
    cmd: Option<Vec<String>>,
    #[serde(default)]
    env: Option<Vec<String>>,
    #[serde(default)]
    working_dir: Option<String>,
}

/// Reads an image's configuration and checks it.
///
/// # Errors
/// [`ImageError`] when Lambda would not take it.
pub fn image(uri: &str, digest: &str, size: u64, config: &[u8]) -> Result<LocalImage, ImageError> {
    let config: Config = serde_json::from_slice(config).map_err(|error| {
        ImageError::Rejected(format!("The image config for the source image {uri} is not valid: {error}"))
    })?;
    if config.os != "linux" {
        return Err(ImageError::Rejected(format!(
            "The source image {uri} is for operating system {:?}; Lambda runs linux images only.",
            config.os
        )));
    }
    let architecture = match config.architecture.as_str() {
        "amd64" => "x86_64",
        "arm64" => "arm64",
        other => {
            return Err(ImageError::Rejected(format!(
                "The architecture {other:?} of the source image {uri} is not supported."
            )));
        }
    };
    let settings = config.settings.unwrap_or_default();
    let image = LocalImage {
        digest: digest.to_owned(),
        architecture: architecture.to_owned(),
        entrypoint: settings.entrypoint.unwrap_or_default(),
        cmd: settings.cmd.unwrap_or_default(),
        env: settings.env.unwrap_or_default(),
        workdir: settings.working_dir.unwrap_or_default(),
        size,
    };
    let texts = image.entrypoint.iter().chain(&image.cmd).chain(&image.env);
    let length: usize = texts.map(String::len).sum::<usize>() + image.workdir.len();
    if length > MAX_SETTINGS
        || image.entrypoint.len() > 1500
        || image.cmd.len() > 1500
        || image.workdir.len() > 1000
    {
        return Err(ImageError::Rejected(format!(
            "The container settings of the source image {uri} are larger than the limit of 16 KB."
        )));
    }
    Ok(image)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::json;

    fn manifest(kind: Option<&str>, layer: &str) -> Manifest {
        let mut value = json!({"schemaVersion": 2, "config": {"mediaType": OCI_CONFIG, "digest": "sha256:c", "size": 1},
            "layers": [{"mediaType": layer, "digest": "sha256:l", "size": 1}]});
        if let Some(kind) = kind {
            value["mediaType"] = kind.into();
        }
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn media_types_are_checked_in_awss_words() {
        let words = "The image manifest, config or layer media type for the source image u is not supported.";
        assert!(manifest(None, LAYERS[4]).check("u").is_ok());
        assert!(manifest(Some(DOCKER), LAYERS[0]).check("u").is_ok());
        for bad in [
            manifest(Some(OCI_INDEX), LAYERS[4]),
            manifest(Some(OCI), "application/vnd.oci.image.layer.v1.tar+zstd"),
            manifest(Some("text/plain"), LAYERS[4]),
        ] {
            let error = bad.check("u").unwrap_err();
            assert!(matches!(&error, ImageError::Rejected(text) if text == words), "{error}");
        }
        let index: Manifest = serde_json::from_value(json!({"manifests": []})).unwrap();
        assert!(index.check("u").unwrap_err().to_string().contains("is not supported."));
        let error = manifest(Some(DOCKER), DOCKER_TAR).check("u").unwrap_err().to_string();
        assert!(error.contains("UnsupportedImageLayerDetected - Layer Digest sha256:l"), "{error}");
    }

    #[test]
    fn configurations_are_read_and_checked() {
        let ok = json!({"architecture": "amd64", "os": "linux",
            "config": {"Entrypoint": ["/e"], "Cmd": null, "Env": ["A=b"], "WorkingDir": "/w"}});
        let image_of = |value: &serde_json::Value| image("u", "sha256:d", 5, value.to_string().as_bytes());
        let found = image_of(&ok).unwrap();
        assert_eq!(
            (found.entrypoint, found.cmd.len(), found.workdir.as_str()),
            (vec!["/e".to_owned()], 0, "/w")
        );
        assert_eq!(found.architecture, "x86_64");
        for bad in [
            json!({"architecture": "riscv64", "os": "linux"}),
            json!({"architecture": "amd64", "os": "windows"}),
            json!({"architecture": "amd64", "os": "linux", "config": {"Env": ["A".repeat(20_000)]}}),
        ] {
            assert!(matches!(image_of(&bad), Err(ImageError::Rejected(_))), "{bad}");
        }
    }
}
