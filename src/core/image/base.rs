//! A user's image, wherever it came from: layers that are gzip and a configuration.

use super::blob::{BaseLayer, Blob, BlobSource, blocking};
use super::files::{add_folder, add_named, add_tar};
use super::layer::{Layer, LayerWriter};
use super::normalise::normalise;
use super::request::ComposeRequest;
use super::source::Source;
use super::{Cache, ImageError, LAYER, Remote, layer_cache, origin};
use std::io::BufWriter;
use tempfile::NamedTempFile;
use tokio_util::sync::CancellationToken;

/// What an image says about itself, as far as functions care.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImageSettings {
    /// What the image executes (ENTRYPOINT).
    pub entrypoint: Vec<String>,
    /// The arguments of that, or what it executes (CMD).
    pub cmd: Vec<String>,
    /// ENV, as `NAME=value`.
    pub env: Vec<String>,
    /// WORKDIR; may be empty.
    pub workdir: String,
    /// Names and values for people and programs (LABEL).
    pub labels: std::collections::BTreeMap<String, String>,
}

/// A user's image.
#[derive(Clone, Debug, Default)]
pub(super) struct Base {
    pub layers: Vec<BaseLayer>,
    pub settings: ImageSettings,
    /// `arm64` has `v8`; others have none.
    pub variant: Option<String>,
    pub warnings: Vec<String>,
}

/// Reads an image so that every layer of it is gzip.
pub(super) async fn read(
    request: &ComposeRequest,
    cache: &Cache,
    cancel: &CancellationToken,
) -> Result<Base, ImageError> {
    let source = &request.source;
    let remote = match source {
        Source::Scratch(_) | Source::Rootfs(_) => {
            let (source, cache, cancel) = (source.clone(), cache.clone(), cancel.clone());
            return blocking(move || from_files(&source, &cache, &cancel)).await;
        }
        Source::Registry(reference) => Some(Remote::open(reference, request.credentials.as_ref()).await?),
        Source::DockerArchive(_) | Source::OciArchive(..) | Source::OciLayout(..) => None,
    };
    let origin = origin::find(source, request.architecture, remote, cache).await?;
    let mut base = Base {
        settings: origin.config.settings(),
        variant: origin.config.variant.clone(),
        ..Base::default()
    };
    for (layer, diff_id) in origin.layers.into_iter().zip(origin.config.diff_ids()) {
        base.layers.push(normalise(layer, diff_id, &origin.name, cache, cancel).await?);
    }
    Ok(base)
}

/// What programs without an ENV of their own are found by.
const PATH: &str = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// One layer of files.
fn from_files(source: &Source, cache: &Cache, cancel: &CancellationToken) -> Result<Base, ImageError> {
    let mut base = Base::default();
    base.settings.env = vec![PATH.into()];
    let files = match source {
        Source::Scratch(files) => &files[..],
        _ => &[],
    };
    base.settings.entrypoint = files.first().map(|file| file.destination.clone()).into_iter().collect();
    let key = match source {
        Source::Rootfs(path) => Some(layer_cache::key(path)?),
        _ if files.is_empty() => return Ok(base),
        _ => None,
    };
    if let Some((layer, warnings)) = key.as_deref().and_then(|key| layer_cache::find(key, cache)) {
        return Ok(Base { layers: vec![layer], warnings, ..base });
    }
    let output = BufWriter::with_capacity(256 * 1024, cache.temporary()?);
    let mut writer = LayerWriter::new(output, &source.describe(), cancel);
    match source {
        Source::Rootfs(path) if path.is_dir() => add_folder(&mut writer, path, &mut base.warnings)?,
        Source::Rootfs(path) => add_tar(&mut writer, path, &mut base.warnings)?,
        _ => add_named(&mut writer, files)?,
    }
    let layer = stored(writer.finish()?, cache)?;
    if let Some(key) = key {
        layer_cache::keep(&key, &layer, &base.warnings, cache)?;
    }
    base.layers.push(layer);
    Ok(base)
}

/// Moves a finished layer into the cache.
pub(super) fn stored(layer: Layer<BufWriter<NamedTempFile>>, cache: &Cache) -> Result<BaseLayer, ImageError> {
    let Layer { output, digest, size, diff_id, uncompressed } = layer;
    let file = output.into_inner().map_err(|error| ImageError::File {
        what: "cannot write to the image cache".into(),
        error: error.into_error(),
    })?;
    let path = cache.keep(file, &digest)?;
    let source = BlobSource::File { path, offset: 0 };
    let blob = Blob { digest, size, media_type: LAYER.into(), source };
    Ok(BaseLayer { blob, diff_id, uncompressed: Some(uncompressed) })
}
