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
/// The line of a definition that says for which machines its image is.
const ARCHITECTURES: &str = "architectures: [x86_64]";

/// The names of the examples.
pub fn names() -> Vec<&'static str> {
    EXAMPLES.dirs().filter_map(|folder| folder.path().to_str()).chain([DEMO]).collect()
}

/// What was written.
struct Written {
    files: Vec<PathBuf>,
    /// Why the definition names an image of a registry.
    without_root: Option<String>,
}

pub fn new(args: &args::New, format: args::Format, programs: Programs) -> CliResult {
    let Some(folder) = args.folder.as_deref().filter(|_| !args.list) else {
        list(format);
        return Ok(());
    };
    refuse_to_overwrite(folder)?;
    let written = write(folder, &args.example, programs)
        .map_err(|error| Fail::new(SOME_FAILED, format!("{}: {error}", folder.display())))?;
    if let Some(why) = &written.without_root {
        print::note(lines!(
            "no image could be made from this machine's programs ({why}): the definition names one of a registry, which \
             is downloaded when it is deployed"
        ));
    }
    let document = json!({"example": args.example, "folder": folder, "files": written.files,
        "needs_network": written.without_root.is_some()});
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
    let without_root = if let Some(files) = EXAMPLES.get_dir(example) {
        write_script(folder, files)?
    } else {
        demo::unpack(folder, programs)?;
        None
    };
    let mut files = Vec::new();
    list_files(folder, Path::new(""), &mut files)?;
    Ok(Written { files, without_root })
}

/// Writes an example whose image is a root filesystem; gives why there is none.
fn write_script(folder: &Path, files: &Dir<'_>) -> io::Result<Option<String>> {
    for file in all_files(files) {
        let name = file.path().strip_prefix(files.path()).unwrap_or(file.path());
        let to = folder.join(name);
        if let Some(parent) = to.parent() {
            std::fs::create_dir_all(parent)?;
        }
        std::fs::write(to, file.contents())?;
    }
    let definition = folder.join(DEFINITION);
    let mut text = std::fs::read_to_string(&definition)?;
    let made = root::make(&folder.join("root"));
    match &made {
        Ok(()) => {
            let here = format!("architectures: [{}]", Architecture::host().as_aws());
            text = text.replace(ARCHITECTURES, &here);
        }
        Err(_) => text = text.replace(LOCAL_IMAGE, REGISTRY_IMAGE),
    }
    std::fs::write(&definition, text)?;
    Ok(made.err().map(|error| error.to_string()))
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
        assert_eq!(names(), ["grayscale", "text-statistics", "demo"]);
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
