//! `new`: writes an example out, as a starting point for a function of one's own.
//!
//! ```text
//! root   a small root filesystem from programs of this machine, so that the example runs without a network
//! ```

mod root;

use super::demo;
use crate::args;
use crate::fail::{CliResult, Fail, SOME_FAILED};
use crate::print::{self, Table};
use include_dir::{Dir, include_dir};
use serde_json::json;
use std::fmt::Write as _;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use throng_core::image::Programs;
use throng_core::lines;
use throng_core::model::Architecture;

/// The examples, a folder each.
static EXAMPLES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../examples");
/// The example whose files are the demo's.
const DEMO: &str = "demo";
const DEMO_ABOUT: &str = "Medical images become pictures of slices, by a program of its own";
/// The file name of an example's definition.
const DEFINITION: &str = "function.yaml";
/// The image in an example's definition: the folder that [`root`] fills.
const LOCAL_IMAGE: &str = "image: rootfs:root";
/// The image in its place where this machine has no programs for one.
const REGISTRY_IMAGE: &str = "image: docker.io/library/busybox:stable";
/// The script of an example whose image needs more than this machine's programs: it makes `root`, when a person runs it.
const BUILD_ROOT: &str = "build-root.sh";
/// The line of a definition that says for which machines its image is.
const ARCHITECTURES: &str = "architectures: [x86_64]";

/// The names of the examples.
pub fn names() -> Vec<&'static str> {
    EXAMPLES.dirs().filter_map(|folder| folder.path().to_str()).chain([DEMO]).collect()
}

/// What was written.
struct Written {
    files: Vec<PathBuf>,
    image: Image,
}

/// Where the image of what was written comes from.
enum Image {
    /// It is there.
    Here,
    /// The definition names one of a registry, and why.
    OfRegistry(String),
    /// [`BUILD_ROOT`] makes it.
    ToBuild,
}

pub fn new(args: &args::New, format: args::Format, programs: Programs) -> CliResult {
    if args.list {
        list(format);
        return Ok(());
    }
    let folder = args.folder.as_deref().unwrap_or(Path::new(&args.example));
    refuse_to_overwrite(folder)?;
    let written = write(folder, &args.example, programs)
        .map_err(|error| Fail::new(SOME_FAILED, format!("{}: {error}", folder.display())))?;
    match &written.image {
        Image::Here => {}
        Image::OfRegistry(why) => print::note(lines!(
            "no image could be made from this machine's programs ({why}): the definition names one of a registry, which \
             is downloaded when it is deployed"
        )),
        Image::ToBuild => print::note(lines!(
            "its image is yet to be made: {}/{BUILD_ROOT} does that, from packages",
            folder.display()
        )),
    }
    let document = json!({"example": args.example, "folder": folder, "files": written.files,
        "needs_network": !matches!(written.image, Image::Here)});
    print::result(format, &document, || {
        let mut text = format!("{}\n", folder.display());
        for file in &written.files {
            let _ = writeln!(text, "  {}", file.display());
        }
        let _ = writeln!(text, "Its README.md says how it is run.");
        text
    });
    Ok(())
}

fn list(format: args::Format) {
    let all: Vec<_> = names().into_iter().map(|name| (name, about(name))).collect();
    let document: Vec<_> = all.iter().map(|(name, about)| json!({"name": name, "about": about})).collect();
    print::result(format, &document, || {
        let mut table = Table::new(&["EXAMPLE", "WHAT IT DOES"]);
        for (name, about) in &all {
            table.row([(*name).to_owned(), about.clone()]);
        }
        table.render()
    });
}

/// The title of an example's README.
fn about(name: &str) -> String {
    let readme = EXAMPLES.get_file(Path::new(name).join("README.md")).and_then(|file| file.contents_utf8());
    let title = readme.and_then(|text| text.lines().next()).unwrap_or(DEMO_ABOUT);
    title.trim_start_matches("# ").to_owned()
}

/// Files of a person are not written over, and not mixed with ours.
fn refuse_to_overwrite(folder: &Path) -> CliResult {
    let problem = match std::fs::read_dir(folder) {
        Ok(mut entries) => match entries.next() {
            Some(_) => "is not empty; name a folder that is not there yet".to_owned(),
            None => return Ok(()),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => error.to_string(),
    };
    Err(Fail::usage(format!("{}: {problem}", folder.display())))
}

fn write(folder: &Path, example: &str, programs: Programs) -> io::Result<Written> {
    let image = if let Some(files) = EXAMPLES.get_dir(example) {
        write_script(folder, files)?
    } else {
        demo::unpack(folder, programs)?;
        Image::Here
    };
    let mut files = Vec::new();
    list_files(folder, Path::new(""), &mut files)?;
    Ok(Written { files, image })
}

/// Writes an example whose image is a root filesystem.
fn write_script(folder: &Path, files: &Dir<'_>) -> io::Result<Image> {
    for file in all_files(files) {
        let name = file.path().strip_prefix(files.path()).unwrap_or(file.path());
        write_file(&folder.join(name), file.contents())?;
    }
    if folder.join(BUILD_ROOT).exists() {
        return Ok(Image::ToBuild);
    }
    let image = root::make(&folder.join("root"));
    let definition = folder.join(DEFINITION);
    let mut text = std::fs::read_to_string(&definition)?;
    match &image {
        Ok(()) => {
            let here = format!("architectures: [{}]", Architecture::host().as_aws());
            text = text.replace(ARCHITECTURES, &here);
        }
        Err(_) => text = text.replace(LOCAL_IMAGE, REGISTRY_IMAGE),
    }
    std::fs::write(&definition, text)?;
    Ok(image.err().map_or(Image::Here, |error| Image::OfRegistry(error.to_string())))
}

/// Writes a file; what begins as a script does can be run.
fn write_file(to: &Path, contents: &[u8]) -> io::Result<()> {
    if let Some(parent) = to.parent() {
        std::fs::create_dir_all(parent)?;
    }
    std::fs::write(to, contents)?;
    if contents.starts_with(b"#!") {
        let mut permissions = std::fs::metadata(to)?.permissions();
        // Whoever may read it: what the umask took away stays away.
        permissions.set_mode(permissions.mode() | (permissions.mode() & 0o444) >> 2);
        std::fs::set_permissions(to, permissions)?;
    }
    Ok(())
}

fn all_files<'a>(folder: &'a Dir<'_>) -> Vec<&'a include_dir::File<'a>> {
    folder.files().chain(folder.dirs().flat_map(all_files)).collect()
}

/// What a person finds, in order; of an image no more than its folder.
fn list_files(folder: &Path, below: &Path, found: &mut Vec<PathBuf>) -> io::Result<()> {
    let mut entries = std::fs::read_dir(folder.join(below))?.collect::<io::Result<Vec<_>>>()?;
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let path = below.join(entry.file_name());
        let is_root = below == Path::new("") && path == Path::new("root");
        if entry.file_type()?.is_dir() && !is_root {
            list_files(folder, &path, found)?;
        } else {
            found.push(path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;

    fn example(name: &str) -> args::New {
        args::New { folder: None, example: name.to_owned(), list: false }
    }

    fn programs() -> Programs {
        Programs { runtime: |_| None, slices: |_| Some(bytes::Bytes::from_static(b"program")) }
    }

    #[test]
    fn every_example_has_what_a_person_needs() {
        let expected = [
            "bids-subjects",
            "grayscale",
            "keyframes",
            "medical-images",
            "shared-model",
            "sweep",
            "text-statistics",
            "text-stats",
            "demo",
        ];
        assert_eq!(names(), expected);
        for name in names() {
            let about = about(name);
            assert!(about.len() > 20 && !about.starts_with('#'), "{name}: {about}");
            let home = tempfile::tempdir().unwrap();
            let written = write(home.path(), name, programs()).unwrap();
            for file in ["README.md", DEFINITION] {
                assert!(written.files.contains(&PathBuf::from(file)), "{name}: {:?}", written.files);
            }
            if EXAMPLES.get_dir(name).is_some() {
                let text =
                    EXAMPLES.get_file(format!("{name}/{DEFINITION}")).unwrap().contents_utf8().unwrap();
                assert!(text.contains(LOCAL_IMAGE) && text.contains(ARCHITECTURES), "{name}");
                let readme = std::fs::read_to_string(home.path().join("README.md")).unwrap();
                assert!(readme.contains("throng new"), "{name}");
                for file in
                    written.files.iter().filter(|file| file.extension().is_some_and(|end| end == "sh"))
                {
                    let mode = std::fs::metadata(home.path().join(file)).unwrap().permissions().mode();
                    assert_eq!(mode & 0o500, 0o500, "{name}: {}", file.display());
                }
                let to_build = written.files.contains(&PathBuf::from(BUILD_ROOT));
                assert_eq!(matches!(written.image, Image::ToBuild), to_build, "{name}");
                assert!(!to_build || !home.path().join("root").exists(), "{name}: nothing stands in its way");
            }
        }
    }

    #[test]
    fn nothing_is_written_over() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("here");
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join("mine.txt"), "mine").unwrap();
        let args = args::New { folder: Some(folder.clone()), ..example("text-statistics") };
        let refused = new(&args, args::Format::Json, programs()).unwrap_err();
        assert_eq!(refused.code, crate::fail::USAGE);
        assert!(refused.message.contains("not empty"), "{}", refused.message);
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1);
        let file = args::New { folder: Some(folder.join("mine.txt")), ..args };
        assert!(new(&file, args::Format::Json, programs()).is_err());
    }
}
