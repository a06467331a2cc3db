//! Removes what no image needs any more.

use super::content::Content;
use super::names::hex_of;
use super::{rootfs, roots};
use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::Path;
use std::time::{Duration, SystemTime};

/// How long a blob may wait for the manifest that names it, and an upload for its next part.
pub const GRACE: Duration = Duration::from_hours(1);

/// Sweeps. Answers how many bytes of blobs were removed.
pub fn sweep(content: &Content, in_use: &[String], grace: Duration) -> io::Result<u64> {
    let mut manifests: Vec<String> = in_use.to_vec();
    for repository in content.repositories() {
        manifests.extend(content.manifests(&repository));
    }
    let (mut blobs, mut layers, mut chains) = (HashSet::new(), HashSet::new(), HashSet::new());
    while let Some(digest) = manifests.pop() {
        if !blobs.insert(digest.clone()) {
            continue;
        }
        let Ok(Some(manifest)) = content.manifest(&digest) else { continue };
        manifests.extend(manifest.children().map(str::to_owned));
        blobs.extend(manifest.blobs().map(str::to_owned));
        let chain: Vec<String> = manifest.layers.iter().map(|layer| layer.digest.clone()).collect();
        layers.extend(chain.iter().filter_map(|digest| hex_of(digest)).map(str::to_owned));
        chains.insert(roots::chain(&chain));
    }
    // Roots before the layers they are made of.
    remove_others(&content.folder("roots"), |name| chains.contains(name))?;
    remove_others(&content.folder("layers"), |name| layers.contains(name.trim_end_matches(".size")))?;
    let mut bytes = 0;
    for (part, prefix) in [("blobs/sha256", "sha256:"), ("uploads", "")] {
        for entry in fs::read_dir(content.folder(part))?.flatten() {
            let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
            let Ok(found) = entry.metadata() else { continue };
            let age = found.modified().ok().and_then(|time| SystemTime::now().duration_since(time).ok());
            if !blobs.contains(&name) && age.is_some_and(|age| age >= grace) {
                fs::remove_file(entry.path())?;
                bytes += found.len();
            }
        }
    }
    Ok(bytes)
}

fn remove_others(folder: &Path, keep: impl Fn(&str) -> bool) -> io::Result<()> {
    for entry in fs::read_dir(folder)?.flatten() {
        let name = entry.file_name();
        if !keep(&name.to_string_lossy()) {
            // Out of the way first, so that half of it is never taken for all of it.
            let doomed = folder.join(format!(".{}", name.to_string_lossy().trim_start_matches('.')));
            if fs::rename(entry.path(), &doomed).is_ok() {
                rootfs::remove(&doomed)?;
            }
        }
    }
    Ok(())
}
