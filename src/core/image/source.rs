//! Where an image comes from.

use super::ImageError;
use super::files::{Archive, NamedFile, check_compression, what_is};
use std::path::{Path, PathBuf};

/// An image, as a definition names it.
///
/// | spelling | what |
/// |---|---|
/// | `ubuntu:22.04`, `docker://host/repo:tag@sha256:…` | of a registry; Docker Hub when no host is named |
/// | `docker-archive:PATH[:ref]` | a tar made by `docker save` or skopeo; `ref` is an image's name and tag in it |
/// | `oci-archive:PATH[:ref]` | a tar with an OCI layout |
/// | `oci:PATH[:ref]` | a folder with an OCI layout |
/// | `rootfs:PATH` | a root filesystem: a folder, or a tar, plain or with gzip or zstd |
/// | `scratch:FILE[=/destination][,FILE…]` | nothing but these files; without a script, the first one runs |
/// | `PATH` | any of these, when it exists: a layout folder, a root folder, a tar |
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A registry reference.
    Registry(Box<oci_client::Reference>),
    /// A tar made by `docker save`, and which image of it.
    DockerArchive(PathBuf, Option<String>),
    /// A tar with an OCI layout, and which image of it.
    OciArchive(PathBuf, Option<String>),
    /// A folder with an OCI layout, and which image of it.
    OciLayout(PathBuf, Option<String>),
    /// A root filesystem: folder or tar.
    Rootfs(PathBuf),
    /// Named files only.
    Scratch(Vec<NamedFile>),
}

impl Source {
    /// Reads a spelling. Relative paths start at `base`.
    ///
    /// # Errors
    /// [`ImageError::Spec`], with what is allowed.
    pub fn parse(spec: &str, base: &Path) -> Result<Self, ImageError> {
        let spec = spec.trim();
        let (scheme, rest) = spec.split_once(':').unwrap_or(("", spec));
        match scheme {
            "docker" => Self::registry(rest.strip_prefix("//").unwrap_or(rest)),
            "docker-archive" => saved(rest, base),
            "oci-archive" => with_reference(rest, base).map(|(path, name)| Self::OciArchive(path, name)),
            "oci" => with_reference(rest, base).map(|(path, name)| Self::OciLayout(path, name)),
            "rootfs" => Ok(Self::Rootfs(path(rest, base)?)),
            "scratch" => scratch(rest, base),
            _ if spec == "scratch" => scratch("", base),
            _ => Self::plain(spec, base),
        }
    }

    /// A path that exists and looks like an image, else a registry reference.
    fn plain(spec: &str, base: &Path) -> Result<Self, ImageError> {
        let as_path =
            spec.starts_with(['/', '.', '~']) || [".tar", ".tgz"].iter().any(|end| spec.contains(end));
        let path = base.join(spec);
        if spec.is_empty() {
            return Err(ImageError::Spec("no image is named".into()));
        }
        if path.is_dir() && (as_path || path.join("oci-layout").is_file()) {
            let layout = path.join("oci-layout").is_file();
            return Ok(if layout { Self::OciLayout(path, None) } else { Self::Rootfs(path) });
        }
        if path.is_file() {
            return detect(&path);
        }
        if as_path {
            let shown = path.display();
            return Err(ImageError::Spec(format!("there is no image at {shown}")));
        }
        Self::registry(spec)
    }

    fn registry(reference: &str) -> Result<Self, ImageError> {
        let bad = |why: String| {
            ImageError::Spec(format!(
                "`{reference}` is not an image reference ({why}); write `name:tag`, `host/name:tag` or `name@sha256:…`, or a \
                 path after docker-archive:, oci-archive:, oci:, rootfs: or scratch:"
            ))
        };
        let parsed: oci_client::Reference =
            reference.parse().map_err(|error: oci_client::ParseError| bad(error.to_string()))?;
        // The parser takes `Team/app` for a host and its repository, and finds too late that it is not a host.
        if parsed.repository().contains(|char: char| char.is_ascii_uppercase()) {
            return Err(bad("repository name must be lowercase".into()));
        }
        if let Some(digest) = parsed.digest()
            && !super::digest::is_sha256(digest)
        {
            return Err(bad("the digest must be sha256: and 64 hexadecimal digits".into()));
        }
        Ok(Self::Registry(Box::new(parsed)))
    }

    /// Checks that the files it names are there. Nothing is asked of a registry.
    ///
    /// # Errors
    /// The first that is missing.
    pub fn check_files(&self) -> Result<(), ImageError> {
        let exists = |path: &Path| match std::fs::metadata(path) {
            Ok(found) => Ok(found),
            Err(error) => Err(ImageError::file("cannot read", path, error)),
        };
        match self {
            Self::Registry(_) => Ok(()),
            Self::Rootfs(path) if exists(path)?.is_dir() => Ok(()),
            Self::Rootfs(path) => check_compression(path),
            Self::DockerArchive(path, _) | Self::OciArchive(path, _) => {
                if exists(path)?.is_file() {
                    return check_compression(path);
                }
                Err(ImageError::Spec(format!("{} is not a file", path.display())))
            }
            Self::OciLayout(path, _) => {
                exists(path)?;
                if path.join("index.json").is_file() {
                    return Ok(());
                }
                Err(ImageError::Spec(format!("{} has no index.json: not an OCI layout", path.display())))
            }
            Self::Scratch(files) => files.iter().try_for_each(|file| {
                if exists(&file.path)?.is_file() {
                    return Ok(());
                }
                Err(ImageError::Spec(format!("{} is not a file", file.path.display())))
            }),
        }
    }

    /// In words, for explanations.
    #[must_use]
    pub fn describe(&self) -> String {
        let of =
            |name: &Option<String>| name.as_ref().map_or_else(String::new, |name| format!(", image {name}"));
        match self {
            Self::Registry(reference) => format!("{} (from its registry)", reference.whole()),
            Self::DockerArchive(path, name) => {
                format!("{} (made by docker save{})", path.display(), of(name))
            }
            Self::OciArchive(path, name) => format!("{} (OCI archive{})", path.display(), of(name)),
            Self::OciLayout(path, name) => format!("{} (OCI layout{})", path.display(), of(name)),
            Self::Rootfs(path) => format!("{} (root filesystem)", path.display()),
            Self::Scratch(files) if files.is_empty() => "empty, for a script that needs nothing".into(),
            Self::Scratch(files) => {
                let list: Vec<_> = files.iter().map(|file| file.destination.as_str()).collect();
                format!("only {}", list.join(", "))
            }
        }
    }
}

fn path(text: &str, base: &Path) -> Result<PathBuf, ImageError> {
    let text = text.trim().trim_start_matches("//");
    if text.is_empty() {
        return Err(ImageError::Spec("a path must follow the colon".into()));
    }
    Ok(base.join(text))
}

/// `PATH[:repository[:tag]]`; the longest path that is a file wins, as names of images have colons and slashes, too.
fn saved(text: &str, base: &Path) -> Result<Source, ImageError> {
    let whole = path(text, base)?;
    let colons = text.match_indices(':').map(|(at, _)| at).collect::<Vec<_>>();
    for at in colons.into_iter().rev().filter(|_| !whole.exists()) {
        let (front, name) = (path(&text[..at], base), &text[at + 1..]);
        if let Ok(front) = front
            && front.is_file()
            && !name.is_empty()
        {
            return Ok(Source::DockerArchive(front, Some(name.to_owned())));
        }
    }
    Ok(Source::DockerArchive(whole, None))
}

/// `PATH[:reference]`; a path that exists as it stands wins.
fn with_reference(text: &str, base: &Path) -> Result<(PathBuf, Option<String>), ImageError> {
    let whole = path(text, base)?;
    if let (false, Some((front, name))) = (whole.exists(), text.rsplit_once(':'))
        && !name.is_empty()
        && !name.contains('/')
    {
        return Ok((path(front, base)?, Some(name.to_owned())));
    }
    Ok((whole, None))
}

fn scratch(text: &str, base: &Path) -> Result<Source, ImageError> {
    let mut files: Vec<NamedFile> = Vec::new();
    for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
        let (from, to) = part.rsplit_once('=').unwrap_or((part, ""));
        let from = path(from, base)?;
        let name = from.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let to = if to.is_empty() { format!("/{name}") } else { to.to_owned() };
        let inner = to.strip_prefix('/').ok_or_else(|| {
            ImageError::Spec(format!("`{to}` must be absolute: where the file goes in the image"))
        })?;
        let plain = super::names::plain_name(inner)
            .map_err(|why| ImageError::Spec(format!("the destination `{to}` {why}")))?;
        if plain.is_empty() || to.ends_with('/') {
            return Err(ImageError::Spec(format!("`{part}` must name a file in the image: `{part}name`")));
        }
        let destination = format!("/{plain}");
        if plain == "opt/throng" || plain.starts_with("opt/throng/") {
            return Err(ImageError::Spec(format!("`{destination}`: /opt/throng is ours")));
        }
        if files.iter().any(|file| file.destination == destination) {
            return Err(ImageError::Spec(format!("`{destination}` is given twice")));
        }
        files.push(NamedFile { path: from, destination });
    }
    Ok(Source::Scratch(files))
}

/// Tells what a tar holds.
fn detect(path: &Path) -> Result<Source, ImageError> {
    check_compression(path)?;
    Ok(match what_is(path)? {
        Archive::Docker => Source::DockerArchive(path.to_owned(), None),
        Archive::Oci => Source::OciArchive(path.to_owned(), None),
        Archive::Root => Source::Rootfs(path.to_owned()),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    fn parsed(spec: &str) -> Result<Source, String> {
        Source::parse(spec, Path::new("/base")).map_err(|error| error.to_string())
    }

    #[test]
    fn spellings_are_told_apart() {
        for (spec, whole) in [
            ("ubuntu:22.04", "docker.io/library/ubuntu:22.04"),
            ("docker://grycap/cowsay", "docker.io/grycap/cowsay:latest"),
            ("127.0.0.1:5000/a/b:c", "127.0.0.1:5000/a/b:c"),
        ] {
            match parsed(spec) {
                Ok(Source::Registry(reference)) => assert_eq!(reference.whole(), whole),
                other => panic!("{spec}: {other:?}"),
            }
        }
        assert_eq!(parsed("docker-archive:x.tar"), Ok(Source::DockerArchive("/base/x.tar".into(), None)));
        assert_eq!(parsed("oci:img:app"), Ok(Source::OciLayout("/base/img".into(), Some("app".into()))));
        assert_eq!(parsed("rootfs:/r"), Ok(Source::Rootfs("/r".into())));
        let file = |path: &str, to: &str| NamedFile { path: path.into(), destination: to.into() };
        let expected = vec![file("/base/prog", "/bin/prog"), file("/base/d/data", "/data")];
        assert_eq!(parsed("scratch:./prog=/bin/prog, d/data"), Ok(Source::Scratch(expected)));
    }

    #[test]
    fn nonsense_is_refused_with_a_reason() {
        for (spec, word) in [
            ("", "no image"),
            ("./missing.tar", "no image at"),
            ("UPPER:case", "not an image reference"),
            ("a@sha256:12", "not an image reference"),
            ("Team/app", "lowercase"),
            ("rootfs:", "path must follow"),
            ("scratch:a=b", "must be absolute"),
            ("scratch:a=/../b", "`..`"),
            ("scratch:a=/x,b=/x", "twice"),
            ("scratch:a=/opt/throng/runtime", "ours"),
        ] {
            let error = parsed(spec).expect_err(spec);
            assert!(error.contains(word), "{spec}: {error}");
        }
    }
}
