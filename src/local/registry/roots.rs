//! Layers unpacked once, and roots made of them once.

use super::content::Content;
use super::names::hex_of;
use super::unpack::{self, Below, UnpackError, Unpacked, unpack};
use super::{ImageError, rootfs};
use crate::private;
use crate::sandbox::prepare_root;
use flate2::read::MultiGzDecoder;
use sha2::{Digest, Sha256};
use std::fs::{self, File};
use std::io::{self, BufReader, Read, Write as _};
use std::os::unix::ffi::OsStringExt as _;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// The name of a chain of layers.
pub fn chain(layers: &[String]) -> String {
    hex::encode(Sha256::digest(layers.join("\n")))
}

/// The root of a chain of layers, when it has been made.
pub fn existing(content: &Content, layers: &[String]) -> Option<PathBuf> {
    let root = content.folder("roots").join(chain(layers));
    root.is_dir().then_some(root)
}

/// Makes the root of a chain of layers. One at a time.
pub fn make(content: &Content, layers: &[String]) -> Result<PathBuf, ImageError> {
    if let Some(root) = existing(content, layers) {
        return Ok(root);
    }
    let mut unpacked: Vec<PathBuf> = Vec::new();
    let mut left = unpack::MAX_BYTES;
    for (at, layer) in layers.iter().enumerate() {
        let under = chain(layers.get(..at).unwrap_or_default());
        let (path, bytes) = unpacked_layer(content, layer, &unpacked, &under, left)?;
        left = left.checked_sub(bytes).ok_or_else(|| invalid(layer, &UnpackError::TooLarge))?;
        unpacked.push(path);
    }
    let root = content.folder("roots").join(chain(layers));
    let temporary = content.folder("roots").join(format!(".{}", chain(layers)));
    rootfs::remove(&temporary)?;
    fs::create_dir(&temporary)?;
    for layer in &unpacked {
        rootfs::add_layer(layer, &temporary)?;
    }
    prepare_root(&temporary)?;
    fs::set_permissions(&temporary, fs::Permissions::from_mode(0o755))?;
    fs::rename(&temporary, &root)?;
    Ok(root)
}

/// The folder of an unpacked layer, and the bytes of its files. `under` is the name of the chain of layers below it.
fn unpacked_layer(
    content: &Content,
    digest: &str,
    below: &[PathBuf],
    under: &str,
    budget: u64,
) -> Result<(PathBuf, u64), ImageError> {
    let hex = hex_of(digest).ok_or_else(|| ImageError::Rejected(format!("{digest} is not a digest")))?;
    let layers = content.folder("layers");
    let (folder, size_file) = (layers.join(hex), layers.join(format!("{hex}.size")));
    // Bytes, and the layers below if those decided where files are.
    if let Ok(text) = fs::read_to_string(&size_file)
        && let Some(Ok(size)) = text.split_whitespace().next().map(str::parse)
        && text.split_whitespace().nth(1).is_none_or(|over| over == under)
        && folder.is_dir()
    {
        return Ok((folder, size));
    }
    let (blob, _) = content
        .blob(digest)
        .ok_or_else(|| ImageError::NotFound(format!("Layer {digest} does not exist.")))?;
    let temporary = layers.join(format!(".{hex}"));
    rootfs::remove(&temporary)?;
    rootfs::remove(&folder)?;
    fs::create_dir(&temporary)?;
    fs::set_permissions(&temporary, fs::Permissions::from_mode(0o755))?;
    let in_lower = |path: &Path| below.iter().rev().find_map(|layer| found_in(layer, path));
    let outcome = unpack(decoded(&blob)?, &temporary, budget, &in_lower);
    let Unpacked { bytes, leans, left_out } = match outcome {
        Ok(unpacked) => unpacked,
        Err(error) => {
            let _ = fs::remove_dir_all(&temporary);
            return Err(match error {
                UnpackError::Write(reason) => ImageError::Store(format!("layer {digest}: {reason}")),
                refused => invalid(digest, &refused),
            });
        }
    };
    if left_out > 0 {
        tracing::info!(layer = digest, left_out, "devices and named pipes were left out");
    }
    // The size first: the folder's name is what makes the layer exist.
    let size_temporary = content.temporary();
    let mut file = private::options().write(true).create_new(true).open(&size_temporary)?;
    let over = if leans { format!(" {under}") } else { String::new() };
    file.write_all(format!("{bytes}{over}").as_bytes())?;
    fs::rename(size_temporary, size_file)?;
    fs::rename(&temporary, &folder)?;
    Ok((folder, bytes))
}

/// What a layer has at a path, of which no part may be a link there.
fn found_in(layer: &Path, path: &Path) -> Option<Below> {
    let mut at = layer.to_owned();
    let mut parts = path.components().peekable();
    while let Some(part) = parts.next() {
        at.push(part);
        let found = fs::symlink_metadata(&at).ok()?;
        if found.is_dir() && parts.peek().is_none() {
            return Some(Below::Folder(found.permissions().mode()));
        }
        if !found.is_dir() {
            let link = found.is_symlink() && parts.peek().is_none();
            return link
                .then(|| fs::read_link(&at).ok())
                .flatten()
                .map(|to| Below::Link(to.into_os_string().into_vec()));
        }
    }
    None
}

/// In AWS's words only what AWS refuses as well.
fn invalid(layer: &str, error: &UnpackError) -> ImageError {
    let reason = match error {
        UnpackError::MissingParent(_) => format!("InvalidImage(MissingParentDirectory: {error})"),
        UnpackError::TooLarge => format!("InvalidImage(ImageLayerFailure: Layer Digest {layer}: {error})"),
        _ => format!("the local cloud cannot unpack layer {layer}: {error} (Lambda was not asked)"),
    };
    ImageError::Invalid { code: "InvalidImage".into(), reason }
}

/// A layer's archive, whichever way it is packed.
fn decoded(blob: &Path) -> io::Result<Box<dyn Read>> {
    let mut head = [0; 2];
    let mut file = File::open(blob)?;
    let length = file.read(&mut head)?;
    let file = BufReader::with_capacity(1 << 16, File::open(blob)?);
    if length == 2 && head == [0x1f, 0x8b] {
        return Ok(Box::new(BufReader::with_capacity(1 << 16, MultiGzDecoder::new(file))));
    }
    Ok(Box::new(file))
}
