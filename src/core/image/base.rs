//! A user's image, wherever it came from: layers that are gzip and a configuration.

use super::blob::{BaseLayer, blocking};
use super::files::{add_folder, add_named, add_tar};
use super::layer::LayerWriter;
use super::normalise::normalise;
use super::noticed::Noticed;
use super::request::ComposeRequest;
use super::shared::{self, SharedLayer};
use super::source::Source;
use super::tree::Links;
use super::{Cache, ImageError, Remote, layer_cache, origin};
use std::io::BufWriter;
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
    /// The topmost of them, when it is that of the definition's files.
    pub shared: Option<SharedLayer>,
    pub settings: ImageSettings,
    /// `arm64` has `v8`; others have none.
    pub variant: Option<String>,
    pub warnings: Vec<String>,
    /// Scripts whose first line ends with CR LF, relative to the root.
    pub dos_scripts: Vec<String>,
}

/// Reads an image so that every layer of it is gzip.
pub(super) async fn read(
    request: &ComposeRequest,
    cache: &Cache,
    cancel: &CancellationToken,
) -> Result<Base, ImageError> {
    let mut base = read_image(request, cache, cancel).await?;
    if !request.files.is_empty() {
        let (files, cache, cancel) = (request.files.clone(), cache.clone(), cancel.clone());
        let layer = blocking(move || shared::layer(&files, &cache, &cancel)).await?;
        let (digest, size) = (layer.blob.digest.clone(), layer.blob.size);
        base.shared = Some(SharedLayer { digest, size, also_in: Vec::new() });
        base.layers.push(layer);
    }
    Ok(base)
}

async fn read_image(
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
        Source::DockerArchive(..) | Source::OciArchive(..) | Source::OciLayout(..) => None,
    };
    let origin = origin::find(source, request.architecture, remote, cache).await?;
    let mut base = Base {
        settings: origin.config.settings(),
        variant: origin.config.variant.clone(),
        ..Base::default()
    };
    let (mut noticed, mut links) = (Noticed::default(), Links::new());
    for (layer, diff_id) in origin.layers.into_iter().zip(origin.config.diff_ids()) {
        let normal = normalise(layer, diff_id, &origin.name, &mut links, (cache, cancel)).await?;
        base.layers.push(normal.layer);
        base.dos_scripts.extend(normal.dos_scripts);
        noticed.merge(&normal.noticed);
    }
    base.warnings.extend(noticed.told(&origin.name));
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
    if let Source::Rootfs(path) = source {
        let folder = path.is_dir();
        let noticed = if folder { add_folder(&mut writer, path)? } else { add_tar(&mut writer, path)? };
        base.warnings.extend(noticed.told(&path.display().to_string()));
    } else {
        base.dos_scripts = add_named(&mut writer, files)?;
    }
    let layer = layer_cache::stored(writer.finish()?, cache)?;
    if let Some(key) = key {
        layer_cache::keep(&key, &layer, &base.warnings, cache)?;
    }
    base.layers.push(layer);
    Ok(base)
}
