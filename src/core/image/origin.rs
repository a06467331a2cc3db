//! Finds an image in a registry, a layout or an archive: its configuration and its layers as they are there.

use super::blob::{BlobSource, blocking};
use super::digest::sha256;
use super::manifest::{ConfigFile, Descriptor, Document, MAX_JSON, Manifest, check_digest, choose};
use super::names::safe;
use super::registry::Remote;
use super::tarfile::{TarFile, read_small};
use super::{Cache, ImageError, Source};
use crate::model::Architecture;
use serde::Deserialize;
use std::path::{Path, PathBuf};

/// A layer as it is at its origin.
#[derive(Clone, Debug)]
pub(super) struct OriginLayer {
    /// Of the bytes as they are; docker-archives do not say it.
    pub digest: Option<String>,
    pub size: u64,
    /// As the manifest has it; empty when it is not known.
    pub media_type: String,
    pub source: BlobSource,
}

/// An image as it is at its origin.
#[derive(Clone, Debug)]
pub(super) struct Origin {
    pub name: String,
    pub config: ConfigFile,
    pub layers: Vec<OriginLayer>,
}

/// Where blobs are found by digest.
enum Blobs {
    Layout(PathBuf),
    Archive(TarFile),
    Remote(Remote),
}

impl Blobs {
    fn locate(&self, digest: &str, size: u64) -> Result<(BlobSource, u64), ImageError> {
        let member = format!("blobs/{}", digest.replacen(':', "/", 1));
        match self {
            Self::Layout(folder) => {
                let path = folder.join(member);
                let found = std::fs::metadata(&path)
                    .map_err(|error| ImageError::file("cannot read", &path, error))?;
                Ok((BlobSource::File { path, offset: 0 }, found.len()))
            }
            Self::Archive(tar) => {
                let (offset, size) = tar.find(&member)?;
                Ok((BlobSource::File { path: tar.path.clone(), offset }, size))
            }
            Self::Remote(remote) => Ok((BlobSource::Registry(remote.clone()), size)),
        }
    }

    /// A small blob, checked against its digest.
    async fn small(&self, descriptor: &Descriptor, name: &str) -> Result<Vec<u8>, ImageError> {
        let digest = &descriptor.digest;
        let bytes = match self.locate(digest, descriptor.size)? {
            (BlobSource::File { path, offset }, size) => read_small(&path, offset, size)?,
            (BlobSource::Bytes(bytes), _) => bytes.to_vec(),
            (BlobSource::Registry(remote), _) => remote.small_blob(digest, MAX_JSON).await?,
        };
        verified(bytes, digest, name)
    }

    async fn manifest(&self, descriptor: &Descriptor, name: &str) -> Result<Vec<u8>, ImageError> {
        match self {
            Self::Remote(remote) => {
                remote.manifest(Some(&descriptor.digest)).await.map(|bytes| bytes.to_vec())
            }
            _ => self.small(descriptor, name).await,
        }
    }
}

fn verified(bytes: Vec<u8>, digest: &str, name: &str) -> Result<Vec<u8>, ImageError> {
    if sha256(&bytes) == digest {
        return Ok(bytes);
    }
    Err(ImageError::Content(format!("{name}: the bytes of {digest} do not have that digest: it is damaged")))
}

/// Finds the image for an architecture.
pub(super) async fn find(
    source: &Source,
    architecture: Architecture,
    remote: Option<Remote>,
    cache: &Cache,
) -> Result<Origin, ImageError> {
    let open = |path: &Path| {
        let (path, cache) = (path.to_owned(), cache.clone());
        blocking(move || TarFile::open(&path, &cache))
    };
    match (source, remote) {
        (Source::DockerArchive(path, name), _) => {
            docker_archive(&open(path).await?, path, name.as_deref(), architecture)
        }
        (Source::OciArchive(path, name), _) => {
            let tar = open(path).await?;
            let index = tar.read("index.json")?;
            layout(Blobs::Archive(tar), &index, path, name.as_deref(), architecture).await
        }
        (Source::OciLayout(path, name), _) => {
            let file = path.join("index.json");
            let size = std::fs::metadata(&file)
                .map_err(|error| ImageError::file("cannot read", &file, error))?
                .len();
            let index = read_small(&file, 0, size)?;
            layout(Blobs::Layout(path.clone()), &index, path, name.as_deref(), architecture).await
        }
        (Source::Registry(reference), Some(remote)) => {
            let name = reference.whole();
            let manifest = remote.manifest(None).await?;
            let document = Document::read(&manifest, &name)?;
            image(Blobs::Remote(remote), document, &name, architecture).await
        }
        _ => Err(ImageError::Spec(format!("{} has no layers of its own", source.describe()))),
    }
}

/// The image of a layout that is meant: the named one, or the only one.
async fn layout(
    blobs: Blobs,
    index: &[u8],
    path: &Path,
    wanted: Option<&str>,
    architecture: Architecture,
) -> Result<Origin, ImageError> {
    const NAME: &str = "org.opencontainers.image.ref.name";
    let name = path.display().to_string();
    let Document::Index(list) = Document::read(index, &name)? else {
        return Err(ImageError::Content(format!("{name}: index.json is not an index")));
    };
    let name_of = |entry: &Descriptor| entry.annotations.get(NAME).cloned().unwrap_or_default();
    let chosen: Vec<Descriptor> = match wanted {
        Some(wanted) => list.iter().filter(|entry| name_of(entry) == wanted).cloned().collect(),
        None => list.clone(),
    };
    let known = || {
        let names: Vec<String> = list.iter().map(name_of).filter(|name| !name.is_empty()).collect();
        safe(&names.join(", "))
    };
    let document = match &chosen[..] {
        [] if list.is_empty() => {
            return Err(ImageError::Content(format!("{name}: the layout holds no image")));
        }
        [] => {
            let wanted = safe(wanted.unwrap_or_default());
            return Err(ImageError::Spec(format!("{name} has no image `{wanted}`; it has {}", known())));
        }
        [only] => Document::read(&blobs.manifest(only, &name).await?, &name)?,
        several if several.iter().all(|entry| entry.platform.is_some()) => Document::Index(chosen.clone()),
        _ => {
            let message = format!("{name} has several images ({}): append `:name` to the path", known());
            return Err(ImageError::Spec(message));
        }
    };
    image(blobs, document, &name, architecture).await
}

/// Follows indexes to the one image and reads it.
async fn image(
    blobs: Blobs,
    mut document: Document,
    name: &str,
    architecture: Architecture,
) -> Result<Origin, ImageError> {
    for _ in 0..4 {
        match document {
            Document::Image(manifest) => return layers(&blobs, &manifest, name, architecture).await,
            Document::Index(list) => {
                let entry = choose(&list, architecture, name)?;
                document = Document::read(&blobs.manifest(entry, name).await?, name)?;
            }
        }
    }
    Err(ImageError::Content(format!("{name}: indexes within indexes, too deep")))
}

async fn layers(
    blobs: &Blobs,
    manifest: &Manifest,
    name: &str,
    architecture: Architecture,
) -> Result<Origin, ImageError> {
    let config = ConfigFile::read(&blobs.small(&manifest.config, name).await?, name)?;
    config.check_platform(architecture, name)?;
    let layer = |descriptor: &Descriptor| {
        if !descriptor.urls.is_empty() || descriptor.media_type.contains("nondistributable") {
            let digest = &descriptor.digest;
            let message =
                format!("{name}: layer {digest} is kept elsewhere (foreign layer); Lambda takes none");
            return Err(ImageError::Refused(message));
        }
        let (source, size) = blobs.locate(&descriptor.digest, descriptor.size)?;
        let (digest, media_type) = (Some(descriptor.digest.clone()), descriptor.media_type.clone());
        Ok(OriginLayer { digest, size, media_type, source })
    };
    let layers: Vec<_> = manifest.layers.iter().map(layer).collect::<Result<_, _>>()?;
    complete(Origin { name: name.to_owned(), config, layers })
}

/// One image of `docker save`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Saved {
    config: String,
    /// Its names; `null` when it has none.
    repo_tags: Option<Vec<String>>,
    #[serde(default)]
    layers: Vec<String>,
}

impl Saved {
    /// Whether it is what a person calls `wanted`: with its registry, its folder and its tag, or without.
    fn is_called(&self, wanted: &str) -> bool {
        let short = |name: &str| {
            let name = name.strip_prefix("docker.io/").unwrap_or(name);
            name.strip_prefix("library/").unwrap_or(name).to_owned()
        };
        let tagged = wanted.rsplit('/').next().is_some_and(|last| last.contains(':'));
        let wanted = if tagged { short(wanted) } else { format!("{}:latest", short(wanted)) };
        self.repo_tags.iter().flatten().any(|name| short(name) == wanted)
    }
}

/// The image of an archive that is meant: the named one, or the only one.
fn chosen<'a>(saved: &'a [Saved], wanted: Option<&str>, name: &str) -> Result<&'a Saved, ImageError> {
    let known = || {
        let names: Vec<&str> =
            saved.iter().flat_map(|saved| saved.repo_tags.iter().flatten()).map(String::as_str).collect();
        if names.is_empty() { "without names".to_owned() } else { safe(&names.join(", ")) }
    };
    match (saved, wanted) {
        (_, Some(wanted)) => saved.iter().find(|saved| saved.is_called(wanted)).ok_or_else(|| {
            ImageError::Spec(format!("{name} has no image `{}`; it has {}", safe(wanted), known()))
        }),
        ([only], None) => Ok(only),
        ([], None) => Err(ImageError::Content(format!("{name} holds no image"))),
        (several, None) => Err(ImageError::Spec(format!(
            "{name} holds {} images: {}. Say which: `docker-archive:{name}:NAME`",
            several.len(),
            known()
        ))),
    }
}

fn docker_archive(
    tar: &TarFile,
    path: &Path,
    wanted: Option<&str>,
    architecture: Architecture,
) -> Result<Origin, ImageError> {
    let name = path.display().to_string();
    let saved: Vec<Saved> = serde_json::from_slice(&tar.read("manifest.json")?).map_err(|error| {
        ImageError::Content(format!(
            "{name}: manifest.json cannot be read ({error}): is it from docker save?"
        ))
    })?;
    let saved = chosen(&saved, wanted, &name)?;
    let config = ConfigFile::read(&tar.read(&saved.config)?, &name)?;
    config.check_platform(architecture, &name)?;
    let layer = |member: &String| {
        let (offset, size) = tar.find(member)?;
        let source = BlobSource::File { path: tar.path.clone(), offset };
        Ok(OriginLayer { digest: None, size, media_type: String::new(), source })
    };
    let layers: Vec<_> = saved.layers.iter().map(layer).collect::<Result<_, ImageError>>()?;
    complete(Origin { name, config, layers })
}

fn complete(origin: Origin) -> Result<Origin, ImageError> {
    let (name, layers, ids) = (&origin.name, origin.layers.len(), origin.config.diff_ids().len());
    if layers != ids {
        let message =
            format!("{name}: {layers} layers, but the configuration names {ids}: the image is damaged");
        return Err(ImageError::Content(message));
    }
    for layer in &origin.layers {
        if let Some(digest) = &layer.digest {
            check_digest(digest, name)?;
        }
    }
    Ok(origin)
}
