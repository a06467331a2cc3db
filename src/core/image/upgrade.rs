//! An image that throng made gets today's runtime; everything else in it stays.

use super::base::{self, Base};
use super::blob::blocking;
use super::compose::assemble;
use super::origin::{self, OriginLayer};
use super::{Cache, ComposeRequest, Composed, ImageError, Registry, Remote, Source};
use crate::model::Architecture;
use bytes::Bytes;
use flate2::read::GzDecoder;
use std::collections::BTreeSet;
use std::io::Read as _;
use throng_contract::{FunctionConfig, layout, versions};
use tokio_util::sync::CancellationToken;

/// Largest layer of ours: runtime and script.
const MOST: u64 = 64 << 20;

/// What is wanted of an image that throng made.
#[derive(Debug)]
pub struct Upgrade<'a> {
    /// Where it is.
    pub registry: &'a Registry,
    /// Digest of its manifest.
    pub digest: &'a str,
    /// What the function runs on.
    pub architecture: Architecture,
    /// Today's runtime for that.
    pub runtime: Bytes,
    /// Names of the variables that are set on the Lambda function: these win over the image's.
    pub function_variables: BTreeSet<String>,
}

/// What throng once added to an image.
struct Added {
    config: FunctionConfig,
    script: Option<Vec<u8>>,
}

/// Makes the image anew with another runtime: the user's layers, script and settings are those of before.
///
/// # Errors
/// The image cannot be read, or throng did not make it.
pub async fn upgrade(
    wanted: Upgrade<'_>,
    cache: &Cache,
    cancel: &CancellationToken,
) -> Result<Composed, ImageError> {
    let work = async {
        let reference = wanted.registry.reference().clone_with_digest(wanted.digest.to_owned());
        let credentials = wanted.registry.credentials.clone();
        let remote = Remote::open(&reference, credentials.as_ref()).await?;
        let source = Source::Registry(Box::new(reference));
        let found = origin::find(&source, wanted.architecture, Some(remote.clone()), cache).await?;
        let added = added(&remote, found.layers.last(), &found.name).await?;
        let request = ComposeRequest {
            source,
            credentials,
            architecture: wanted.architecture,
            runtime: wanted.runtime,
            script: added.script.map(Bytes::from),
            // Their layer is one of the image.
            files: Vec::new(),
            config: as_it_was(added.config),
            function_variables: wanted.function_variables,
        };
        let base = without_ours(base::read(&request, cache, cancel).await?, &request.config);
        blocking(move || assemble(&request, base)).await
    };
    tokio::select! {
        biased;
        () = cancel.cancelled() => Err(ImageError::Cancelled),
        result = work => result,
    }
}

/// Today's configuration, which means what it meant. The first version started scripts in `/` where the image had no WORKDIR.
fn as_it_was(mut config: FunctionConfig) -> FunctionConfig {
    if config.version < 2 && config.workdir.is_empty() {
        "/".clone_into(&mut config.workdir);
    }
    FunctionConfig { version: versions::CONFIG, ..config }
}

/// The user's image, as it was before throng added its layer.
fn without_ours(mut base: Base, config: &FunctionConfig) -> Base {
    base.layers.pop();
    base.settings.entrypoint.clone_from(&config.entrypoint);
    base.settings.cmd.clone_from(&config.cmd);
    base.settings.workdir.clone_from(&config.workdir);
    base
}

/// What is in the last layer of an image.
async fn added(remote: &Remote, layer: Option<&OriginLayer>, name: &str) -> Result<Added, ImageError> {
    let foreign = || {
        ImageError::Refused(format!(
            "{name}: its last layer is not one that throng adds: deploy the function's definition again"
        ))
    };
    let layer = layer.filter(|layer| layer.size <= MOST).ok_or_else(foreign)?;
    let digest = layer.digest.as_deref().ok_or_else(foreign)?;
    let bytes = remote.small_blob(digest, MOST).await?;
    blocking(move || read(&bytes)).await?.ok_or_else(foreign)
}

/// Reads a layer of ours; `None` when it is none.
fn read(layer: &[u8]) -> Result<Option<Added>, ImageError> {
    let broken =
        |error: std::io::Error| ImageError::Content(format!("the function's layer is damaged: {error}"));
    let mut archive = tar::Archive::new(GzDecoder::new(layer).take(MOST * 2));
    let (mut config, mut script, mut runtime) = (None, None, false);
    for entry in archive.entries().map_err(broken)? {
        let mut entry = entry.map_err(broken)?;
        let path = format!("/{}", String::from_utf8_lossy(&entry.path_bytes()));
        let mut body = Vec::new();
        match path.as_str() {
            layout::CONFIG => {
                entry.read_to_end(&mut body).map_err(broken)?;
                config = serde_json::from_slice(&body).ok();
            }
            layout::SCRIPT => {
                entry.read_to_end(&mut body).map_err(broken)?;
                script = Some(body);
            }
            layout::RUNTIME => runtime = true,
            _ => {}
        }
    }
    Ok(config.filter(|_| runtime).map(|config| Added { config, script }))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_layer_of_ours_is_read_and_another_is_not() {
        let config: FunctionConfig = serde_json::from_str(r#"{"version": 1, "name": "f"}"#).unwrap();
        let layer = crate::image::added::layer(b"runtime", Some(b"#!/bin/sh"), &config).unwrap();
        let added = read(&layer.output).unwrap().unwrap();
        assert_eq!((added.config, added.script.as_deref()), (config, Some(&b"#!/bin/sh"[..])));
        let mut empty = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        std::io::Write::write_all(&mut empty, &[0; 1024]).unwrap();
        assert!(read(&empty.finish().unwrap()).unwrap().is_none());
        assert!(read(b"no gzip").is_err());
    }
}
