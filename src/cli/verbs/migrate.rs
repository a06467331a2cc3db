//! `migrate`.

use crate::args;
use crate::fail::{CliResult, Fail};
use crate::print;
use std::io::Write;
use std::path::{Path, PathBuf};
use throng_core::definition::{self, Definition, Environment, Migration, Origin};
use throng_core::image::Source;
use throng_core::lines;

pub fn migrate(args: &args::Migrate) -> CliResult {
    let migration = definition::migrate(&args.file).map_err(Fail::usage)?;
    for warning in &migration.document.warnings {
        print::note(lines!("warning: {warning}"));
    }
    let target = match &args.to {
        None if !args.in_place => {
            print::data(migration.yaml.as_bytes());
            return Ok(());
        }
        None => args.file.clone(),
        Some(to) => to.clone(),
    };
    if !args.in_place {
        same_meaning(&migration, &target)?;
        if target.exists() && !args.force {
            let message = format!("{} is there already; --force writes over it", target.display());
            return Err(Fail::usage(message));
        }
    }
    if args.in_place {
        if migration.document.origins.iter().all(|origin| *origin == Origin::default()) {
            print::note(lines!("{} is in today's form already; nothing to do", args.file.display()));
            return Ok(());
        }
        let kept = backup(&args.file);
        // Not even by force: it may be the only copy of what somebody wrote.
        if kept.exists() {
            let message = format!("{} is there already; move it away, or use --to FILE", kept.display());
            return Err(Fail::usage(message));
        }
        std::fs::copy(&args.file, &kept)
            .map_err(|error| Fail::usage(format!("{}: {error}", kept.display())))?;
        print::note(lines!("the old file is {}", kept.display()));
    }
    write(&target, &migration.yaml).map_err(|error| Fail::usage(format!("{}: {error}", target.display())))?;
    print::note(lines!("wrote {}", target.display()));
    Ok(())
}

/// `x.yaml.bak`
fn backup(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".bak");
    name.into()
}

/// Paths in a definition start at its folder: in another folder they may name other files.
fn same_meaning(migration: &Migration, target: &Path) -> CliResult {
    let files = |definition: &Definition| {
        let image = Source::parse(&definition.image, &definition.base).ok();
        (definition.script.clone(), image)
    };
    let here: Vec<_> = migration.document.definitions.iter().map(files).collect();
    let environment = Environment(&|name| std::env::var(name).ok());
    let there = definition::migrate_text(&migration.yaml, target, environment);
    let there = there.map(|there| there.document.definitions.iter().map(files).collect::<Vec<_>>());
    if there.is_ok_and(|there| there == here) {
        return Ok(());
    }
    Err(Fail::usage(format!(
        "paths in a definition start at its folder, and {} would name other files than {}: write it beside that, then \
         move it together with its scripts",
        target.display(),
        migration.document.path.display()
    )))
}

/// Whole or not at all: beside the target, then in its place.
fn write(target: &Path, text: &str) -> std::io::Result<()> {
    let folder = target.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(text.as_bytes())?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = target.metadata().map_or(0o644, |data| data.permissions().mode());
        file.as_file().set_permissions(std::fs::Permissions::from_mode(mode))?;
    }
    file.persist(target)?;
    Ok(())
}
