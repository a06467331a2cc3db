//! Files that a script finds beside its input: a layer of their own, the same for every function that names the same files.
//!
//! Only names, contents and whether a file can be executed decide what the layer is, so that it has one digest wherever it
//! is made, and a registry that has it is sent nothing.

use super::blob::BaseLayer;
use super::layer::{Attributes, LayerWriter};
use super::{Cache, ImageError, layer_cache};
use sha2::{Digest as _, Sha256};
use std::fs::{File, Metadata};
use std::io::BufWriter;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use throng_contract::layout;
use tokio_util::sync::CancellationToken;

/// Raised when the same files would give another layer.
const VERSION: u32 = 1;
/// Repositories that are remembered to have a layer.
const REMEMBERED: usize = 8;

/// A file or folder that goes into the layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SharedFile {
    /// On this machine.
    pub path: PathBuf,
    /// Its name below [`layout::FILES`].
    pub name: String,
}

/// The layer in an image that is ready to be pushed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SharedLayer {
    /// Of the compressed layer.
    pub digest: String,
    /// Its compressed bytes.
    pub size: u64,
    /// Repositories, as `host/name`, that may have it already.
    pub(super) also_in: Vec<String>,
}

impl SharedLayer {
    /// Names of other repositories of a registry that may have it.
    pub(super) fn elsewhere<'a>(
        &'a self,
        host: &'a str,
        repository: &'a str,
    ) -> impl Iterator<Item = &'a str> {
        let places = self.also_in.iter().filter_map(|place| place.split_once('/'));
        places.filter(move |(other, name)| *other == host && *name != repository).map(|(_, name)| name)
    }

    /// Reads which repositories may have it, and remembers that one more will: `repository` of the registry at `host`.
    ///
    /// # Errors
    /// The cache cannot be written.
    pub fn look_up(&mut self, host: &str, repository: &str, cache: &Cache) -> Result<(), ImageError> {
        let name = format!("shared-{}.json", self.digest.trim_start_matches("sha256:"));
        self.also_in = cache.note(&name).unwrap_or_default();
        let own = format!("{host}/{repository}");
        if self.also_in.contains(&own) {
            return Ok(());
        }
        let mut all = vec![own];
        all.extend(self.also_in.iter().take(REMEMBERED - 1).cloned());
        cache.write_note(&name, &all)
    }
}

/// Makes the layer, or finds the one that the same files became before.
pub(super) fn layer(
    files: &[SharedFile],
    cache: &Cache,
    cancel: &CancellationToken,
) -> Result<BaseLayer, ImageError> {
    let entries = entries(files)?;
    let key = key(&entries);
    if let Some((layer, _)) = layer_cache::find(&key, cache) {
        return Ok(layer);
    }
    let output = BufWriter::with_capacity(256 * 1024, cache.temporary()?);
    let mut writer = LayerWriter::new(output, "the function's files", cancel);
    for entry in &entries {
        if entry.found.is_dir() {
            writer.folder(&entry.name, Attributes::fixed(0o755))?;
            continue;
        }
        let fail = |error| ImageError::file("cannot read", &entry.path, error);
        let mut file = File::open(&entry.path).map_err(fail)?;
        writer.file(&entry.name, Attributes::fixed(entry.mode()), entry.found.len(), &mut file)?;
    }
    let layer = layer_cache::stored(writer.finish()?, cache)?;
    layer_cache::keep(&key, &layer, &[], cache)?;
    Ok(layer)
}

/// A file or folder with its name in the image.
struct Entry {
    name: String,
    path: PathBuf,
    found: Metadata,
}

impl Entry {
    fn mode(&self) -> u32 {
        if self.found.mode() & 0o111 == 0 { 0o644 } else { 0o755 }
    }
}

/// Everything in the order of names. Links are followed: a dataset's files are often links.
fn entries(files: &[SharedFile]) -> Result<Vec<Entry>, ImageError> {
    let mut sorted: Vec<_> = files.iter().collect();
    sorted.sort_by(|a, b| a.name.cmp(&b.name));
    let mut entries = Vec::new();
    for SharedFile { path: root, name } in sorted {
        for entry in walkdir::WalkDir::new(root).follow_links(true).sort_by_file_name() {
            let seen = entry.and_then(|entry| entry.metadata().map(|found| (entry.into_path(), found)));
            let (path, found) = seen.map_err(|error| {
                let path = error.path().unwrap_or(root).to_owned();
                let error = error.into_io_error().unwrap_or_else(|| std::io::Error::other("a loop of links"));
                ImageError::file("cannot read", &path, error)
            })?;
            if !found.is_file() && !found.is_dir() {
                return Err(ImageError::Spec(format!("{} is neither a file nor a folder", path.display())));
            }
            let below = path.strip_prefix(root).unwrap_or(Path::new("")).to_str();
            let below = below
                .ok_or_else(|| ImageError::Spec(format!("{}: its name is not UTF-8", path.display())))?;
            let folder = layout::FILES.trim_start_matches('/');
            let name = format!("{folder}/{name}/{below}").trim_end_matches('/').to_owned();
            entries.push(Entry { name, path, found });
        }
    }
    Ok(entries)
}

/// What the system says of each file; the change time is among it, which no program can set back.
fn key(entries: &[Entry]) -> String {
    let mut hash = Sha256::new();
    for Entry { name, found, .. } in entries {
        hash.update(name);
        hash.update([0]);
        for number in [found.dev(), found.ino(), found.size(), found.mode().into()] {
            hash.update(number.to_le_bytes());
        }
        // A folder's times change with what is in it, which is here as well.
        let times = if found.is_dir() {
            [0; 4]
        } else {
            [found.mtime(), found.mtime_nsec(), found.ctime(), found.ctime_nsec()]
        };
        for time in times {
            hash.update(time.to_le_bytes());
        }
    }
    format!("files{VERSION}-{}.json", hex::encode(hash.finalize()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn files(folder: &Path) -> Vec<SharedFile> {
        ["atlas", "model.onnx"].map(|name| SharedFile { path: folder.join(name), name: name.into() }).into()
    }

    fn folder(order: &[&str]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("atlas/sub")).unwrap();
        for name in order {
            std::fs::write(dir.path().join(name), name).unwrap();
        }
        dir
    }

    #[test]
    fn the_same_files_are_the_same_layer_wherever_and_whenever() {
        let (cache, never) = (tempfile::tempdir().unwrap(), CancellationToken::new());
        let cache = Cache::at(cache.path());
        let one = folder(&["atlas/sub/a.nii", "atlas/b.nii", "model.onnx"]);
        let two = folder(&["model.onnx", "atlas/b.nii", "atlas/sub/a.nii"]);
        let of = |dir: &Path| layer(&files(dir), &cache, &never).unwrap().blob.digest;
        let digest = of(one.path());
        assert_eq!(of(one.path()), digest, "from the cache");
        assert_eq!(of(two.path()), digest, "other places, times and orders");
        std::fs::write(two.path().join("atlas/b.nii"), "B").unwrap();
        assert_ne!(of(two.path()), digest);
        std::os::unix::fs::symlink("/no/such", two.path().join("atlas/link")).unwrap();
        let error = layer(&files(two.path()), &cache, &never).unwrap_err().to_string();
        assert!(error.contains("atlas/link"), "{error}");
    }

    #[test]
    fn repositories_that_have_it_are_remembered() {
        let cache = tempfile::tempdir().unwrap();
        let cache = Cache::at(cache.path());
        let mut layer = SharedLayer { digest: "sha256:ab".into(), size: 1, also_in: Vec::new() };
        for (host, name) in [("r", "one"), ("r", "two"), ("q", "three"), ("r", "two")] {
            layer.look_up(host, name, &cache).unwrap();
        }
        layer.look_up("r", "four", &cache).unwrap();
        assert_eq!(layer.elsewhere("r", "four").collect::<Vec<_>>(), ["two", "one"]);
        assert_eq!(layer.elsewhere("r", "two").collect::<Vec<_>>(), ["one"]);
    }
}
