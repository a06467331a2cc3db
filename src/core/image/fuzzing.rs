//! Readers of outside input that are private otherwise, for the fuzz targets.

use super::layer::LayerWriter;
use super::manifest::{ConfigFile, Document, choose};
use super::tarfile::TarFile;
use super::{Cache, Credentials, ImageError, ImageSettings, auth, files};
use crate::model::Architecture;
use std::path::Path;
use tokio_util::sync::CancellationToken;

/// The digests that a manifest or an index names, and the one of an index that is for an architecture.
///
/// # Errors
/// It is neither.
pub fn manifest(
    json: &[u8],
    architecture: Architecture,
) -> Result<(Vec<String>, Option<String>), ImageError> {
    Ok(match Document::read(json, "image")? {
        Document::Image(manifest) => {
            let all = std::iter::once(manifest.config).chain(manifest.layers);
            (all.map(|part| part.digest).collect(), None)
        }
        Document::Index(list) => {
            let chosen = choose(&list, architecture, "image").ok().map(|entry| entry.digest.clone());
            (list.into_iter().map(|entry| entry.digest).collect(), chosen)
        }
    })
}

/// What an image's configuration says, and the digests of its layers' tars.
///
/// # Errors
/// It is none.
pub fn config(json: &[u8]) -> Result<(ImageSettings, Vec<String>), ImageError> {
    let config = ConfigFile::read(json, "image")?;
    let _ = config.check_platform(Architecture::X86_64, "image");
    Ok((config.settings(), config.diff_ids().to_vec()))
}

/// A root filesystem's tar as the gzip layer that functions get, and the warnings.
///
/// # Errors
/// What no layer may have.
pub fn root_tar(tar: &Path) -> Result<(Vec<u8>, Vec<String>), ImageError> {
    let mut writer = LayerWriter::new(Vec::new(), "root", &CancellationToken::new());
    let noticed = files::add_tar(&mut writer, tar)?;
    Ok((writer.finish()?.output, noticed.told("root")))
}

/// A small member of an archive that holds an image.
///
/// # Errors
/// It is not there.
pub fn member(tar: &Path, cache: &Path, name: &str) -> Result<Vec<u8>, ImageError> {
    TarFile::open(tar, &Cache::at(cache))?.read(name)
}

/// What a Docker configuration has for a repository.
pub fn login(json: &[u8], host: &str, repository: &str) -> Option<Credentials> {
    auth::in_config(json, host, repository)
}
